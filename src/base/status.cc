#include "base/status.h"

namespace aeon {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kNotFound: return "not_found";
    case Code::kExists: return "exists";
    case Code::kInvalidArgument: return "invalid_argument";
    case Code::kNoSpace: return "no_space";
    case Code::kCorrupt: return "corrupt";
    case Code::kConflict: return "conflict";
    case Code::kUnavailable: return "unavailable";
    case Code::kTimedOut: return "timed_out";
    case Code::kCanceled: return "canceled";
    case Code::kPermission: return "permission";
    case Code::kBusy: return "busy";
    case Code::kIo: return "io";
    case Code::kTooBig: return "too_big";
    case Code::kProtocolMismatch: return "protocol_mismatch";
    case Code::kVersionUnsupported: return "version_unsupported";
    case Code::kNotEmpty: return "not_empty";
    case Code::kStaleHandle: return "stale_handle";
    case Code::kReadOnly: return "read_only";
    case Code::kNotDirectory: return "not_directory";
    case Code::kIsDirectory: return "is_directory";
    case Code::kLoop: return "loop";
    case Code::kInProgress: return "in_progress";
  }
  return "unknown";
}

std::string Status::to_string() const {
  std::string text(code_name(code_));
  if (!message().empty()) {
    text += ": ";
    text += message();
  }
  return text;
}

Status Status::within(std::string_view what) const {
  if (is_ok()) return *this;
  std::string text(what);
  if (!message().empty()) {
    text += ": ";
    text += message();
  }
  return Status(code_, std::move(text));
}

}  // namespace aeon
