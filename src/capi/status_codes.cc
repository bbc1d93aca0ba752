#include "status_codes.h"

#include <daos_errno.h>

#include <cerrno>

namespace aeon::capi {

int to_der(Code code) {
  switch (code) {
    case Code::kOk: return 0;
    case Code::kNotFound: return -DER_NONEXIST;
    case Code::kExists: return -DER_EXIST;
    case Code::kInvalidArgument: return -DER_INVAL;
    case Code::kNoSpace: return -DER_NOSPACE;
    case Code::kCorrupt: return -DER_CSUM;
    case Code::kConflict: return -DER_TX_RESTART;
    case Code::kUnavailable: return -DER_UNREACH;
    case Code::kTimedOut: return -DER_TIMEDOUT;
    case Code::kCanceled: return -DER_CANCELED;
    case Code::kPermission: return -DER_NO_PERM;
    case Code::kBusy: return -DER_BUSY;
    case Code::kIo: return -DER_IO;
    case Code::kTooBig: return -DER_REC2BIG;
    case Code::kProtocolMismatch: return -DER_PROTO;
    case Code::kVersionUnsupported: return -DER_DF_INCOMPT;
    case Code::kNotEmpty: return -DER_BUSY;
    case Code::kStaleHandle: return -DER_NO_HDL;
    case Code::kReadOnly: return -DER_NO_PERM;
    case Code::kNotDirectory: return -DER_NOTDIR;
    case Code::kIsDirectory: return -DER_INVAL;
    case Code::kLoop: return -DER_BADPATH;
    case Code::kInProgress: return -DER_INPROGRESS;
  }
  return -DER_MISC;
}

int to_der_of_opening(Code code) {
  switch (code) {
    case Code::kCorrupt: return -DER_DF_INVAL;
    case Code::kNotEmpty: return -DER_INVAL;  // A directory that holds something else.
    default: return to_der(code);
  }
}

int to_errno(Code code) {
  switch (code) {
    case Code::kOk: return 0;
    case Code::kNotFound: return ENOENT;
    case Code::kExists: return EEXIST;
    case Code::kInvalidArgument: return EINVAL;
    case Code::kNoSpace: return ENOSPC;
    case Code::kCorrupt: return EIO;
    case Code::kConflict: return ERESTART;
    case Code::kUnavailable: return EHOSTUNREACH;
    case Code::kTimedOut: return ETIMEDOUT;
    case Code::kCanceled: return ECANCELED;
    case Code::kPermission: return EACCES;
    case Code::kBusy: return EBUSY;
    case Code::kIo: return EIO;
    case Code::kTooBig: return E2BIG;
    case Code::kProtocolMismatch: return EPROTO;
    case Code::kVersionUnsupported: return ENOTSUP;
    case Code::kNotEmpty: return ENOTEMPTY;
    case Code::kStaleHandle: return ESTALE;
    case Code::kReadOnly: return EPERM;
    case Code::kNotDirectory: return ENOTDIR;
    case Code::kIsDirectory: return EISDIR;
    case Code::kLoop: return ELOOP;
    case Code::kInProgress: return EINPROGRESS;
  }
  return EIO;
}

}  // namespace aeon::capi
