#include <daos_errno.h>
#include <gurt/common.h>

#include <cerrno>

namespace {

struct ErrorText {
  int code;
  const char* name;
  const char* text;
};

#define ERROR_TEXT(name, value, text) {value, #name, text},
constexpr ErrorText kErrorTexts[] = {{DER_SUCCESS, "DER_SUCCESS", "Success"}, DAOS_FOREACH_ERROR(ERROR_TEXT)};
#undef ERROR_TEXT

constexpr ErrorText kUnknownError = {DER_UNKNOWN, "DER_UNKNOWN", "Unknown error"};

const ErrorText& find_text(int errnum) {
  for (const ErrorText& entry : kErrorTexts) {
    if (errnum == -entry.code) return entry;
  }
  return kUnknownError;
}

}  // namespace

const char* d_errstr(int errnum) { return find_text(errnum).name; }

const char* d_errdesc(int errnum) { return find_text(errnum).text; }

int daos_errno2der(int errnum) {
  if (errnum < 0) return -DER_UNKNOWN;
  switch (errnum) {
    case 0: return 0;
    case EPERM:
    case EACCES: return -DER_NO_PERM;
    case ENOMEM: return -DER_NOMEM;
    case EDQUOT:
    case ENOSPC: return -DER_NOSPACE;
    case EEXIST: return -DER_EXIST;
    case ENOENT: return -DER_NONEXIST;
    case ECANCELED: return -DER_CANCELED;
    case EBUSY: return -DER_BUSY;
    case EOVERFLOW: return -DER_OVERFLOW;
    case EBADF: return -DER_NO_HDL;
    case ENOSYS: return -DER_NOSYS;
    case ETIMEDOUT: return -DER_TIMEDOUT;
    case EAGAIN: return -DER_AGAIN;
    case EPROTO: return -DER_PROTO;
    case EINVAL: return -DER_INVAL;
    case ENOTDIR: return -DER_NOTDIR;
    case EIO: return -DER_IO;
    case ENOTSUP: return -DER_NOTSUPPORTED;
    default: return -DER_MISC;
  }
}

int daos_der2errno(int err) {
  if (err > 0) return EINVAL;
  switch (-static_cast<long>(err)) {  // Of a long, since -INT_MIN is not an int.
    case DER_SUCCESS: return 0;
    case DER_NO_PERM:
    case DER_EP_RO:
    case DER_EP_OLD:
    case DER_CONT_DESTROYING: return EPERM;
    case DER_ENOENT:
    case DER_NONEXIST: return ENOENT;
    case DER_INVAL:
    case DER_NOTYPE:
    case DER_NOSCHEMA:
    case DER_NOLOCAL:
    case DER_NO_HDL:
    case DER_IO_INVAL: return EINVAL;
    case DER_KEY2BIG:
    case DER_REC2BIG: return E2BIG;
    case DER_EXIST: return EEXIST;
    case DER_UNREACH: return EHOSTUNREACH;
    case DER_NOSPACE: return ENOSPC;
    case DER_ALREADY: return EALREADY;
    case DER_DOS:
    case DER_NOMEM: return ENOMEM;
    case DER_TIMEDOUT: return ETIMEDOUT;
    case DER_BUSY:
    case DER_EQ_BUSY: return EBUSY;
    case DER_AGAIN: return EAGAIN;
    case DER_PROTO: return EPROTO;
    case DER_CANCELED: return ECANCELED;
    case DER_OVERFLOW: return EOVERFLOW;
    case DER_BADPATH:
    case DER_NOTDIR: return ENOTDIR;
    case DER_STALE: return ESTALE;
    case DER_TX_RESTART: return ERESTART;
    case DER_NOTSUPPORTED: return ENOTSUP;
    default: return EIO;
  }
}
