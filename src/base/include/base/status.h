// What a call answers: Status, or Result<T> when there is a value.
//
// The world's faults (a full disk, an unknown container, damaged bytes, a dead peer) are values of these
// types. Our own faults are CHECKs (check.h). Exceptions don't cross a module.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace aeon {

// A code exists only because some caller acts on it; everything else about a fault is in the message.
// The numbers travel in replies: never renumber, only append.
enum class Code : uint8_t {
  kOk = 0,
  kNotFound = 1,            // The named pool, container, object, key or entry isn't there.
  kExists = 2,              // It's already there and the call was to create it.
  kInvalidArgument = 3,     // The call itself is wrong; repeating it can't help.
  kNoSpace = 4,             // The device, pool or quota is full; deleting still works.
  kCorrupt = 5,             // Stored or received bytes aren't what was written.
  kConflict = 6,            // A transaction lost against another one: restart it.
  kUnavailable = 7,         // The peer or device isn't reachable now; later it may be.
  kTimedOut = 8,            // The deadline passed; whether the work happened isn't known.
  kCanceled = 9,            // The caller or a stopping service gave up on it.
  kPermission = 10,         // The caller may not.
  kBusy = 11,               // Somebody else holds it.
  kIo = 12,                 // The operating system or device reported an error.
  kTooBig = 13,             // The caller's buffer is too small, or a value exceeds its limit.
  kProtocolMismatch = 14,   // Client and engine speak versions that don't meet.
  kVersionUnsupported = 15, // A stored format is newer than (or foreign to) this program.
  kNotEmpty = 16,           // A directory or container still has entries.
  kStaleHandle = 17,        // The handle was closed, evicted or belongs to an earlier life.
  kReadOnly = 18,           // Opened or failed into read-only.
  kNotDirectory = 19,       // A path element isn't a directory.
  kIsDirectory = 20,        // It is one, and the call needs something else.
  kLoop = 21,               // Too many symbolic links.
  kInProgress = 22,         // An undecided transaction is in the way: the same call works once that is decided.
};

// The code's stable lower-case name, such as "not_found"; used in logs and JSON.
std::string_view code_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // Success.
  explicit Status(Code code) : code_(code) {}
  Status(Code code, std::string message)
      : code_(code), message_(std::make_shared<const std::string>(std::move(message))) {}

  bool is_ok() const { return code_ == Code::kOk; }
  explicit operator bool() const { return is_ok(); }
  Code code() const { return code_; }
  // Says what happened and, where one exists, the way out. Empty for success.
  std::string_view message() const { return message_ ? std::string_view(*message_) : std::string_view(); }
  // "not_found: no container 'results'; list them with 'daos container list POOL'".
  std::string to_string() const;
  // The same code with "what: " put before the message.
  Status within(std::string_view what) const;

  friend bool operator==(const Status& a, const Status& b) { return a.code_ == b.code_; }

 private:
  Code code_ = Code::kOk;
  std::shared_ptr<const std::string> message_;
};

inline Status ok() { return Status(); }

// Drops a status on purpose; `reason` is for the reader.
inline void ignore(const Status&, [[maybe_unused]] const char* reason) {}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose.
  Result(Status status) : value_(std::in_place_index<1>, std::move(status)) {  // NOLINT
    CHECK(!std::get<1>(value_).is_ok());
  }

  bool is_ok() const { return value_.index() == 0; }
  explicit operator bool() const { return is_ok(); }
  Status status() const { return is_ok() ? Status() : std::get<1>(value_); }
  Code code() const { return is_ok() ? Code::kOk : std::get<1>(value_).code(); }

  T& value() & {
    CHECK(is_ok());
    return std::get<0>(value_);
  }
  const T& value() const& {
    CHECK(is_ok());
    return std::get<0>(value_);
  }
  T&& value() && {
    CHECK(is_ok());
    return std::get<0>(std::move(value_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> value_;
};

inline Status status_of(Status status) { return status; }
template <typename T>
Status status_of(const Result<T>& result) {
  return result.status();
}

#define AEON_JOIN_(a, b) a##b
#define AEON_JOIN(a, b) AEON_JOIN_(a, b)

// Returns from a plain function when `expression` (a Status or Result) is a fault.
#define TRY(expression)                                                         \
  do {                                                                          \
    auto try_result_ = (expression);                                            \
    if (!try_result_.is_ok()) return ::aeon::status_of(std::move(try_result_)); \
  } while (false)

// Declares or assigns `target` from a Result, or returns its fault.
#define TRY_ASSIGN(target, expression) TRY_ASSIGN_(AEON_JOIN(try_result_, __LINE__), target, expression)
#define TRY_ASSIGN_(temporary, target, expression)   \
  auto temporary = (expression);                     \
  if (!temporary.is_ok()) return temporary.status(); \
  target = std::move(temporary).value()

// The same inside coroutines. Statements, never expressions: GCC 12 miscompiles the latter.
#define CO_TRY(expression)                                                         \
  do {                                                                             \
    auto try_result_ = (expression);                                               \
    if (!try_result_.is_ok()) co_return ::aeon::status_of(std::move(try_result_)); \
  } while (false)

#define CO_TRY_ASSIGN(target, expression) CO_TRY_ASSIGN_(AEON_JOIN(try_result_, __LINE__), target, expression)
#define CO_TRY_ASSIGN_(temporary, target, expression)   \
  auto temporary = (expression);                        \
  if (!temporary.is_ok()) co_return temporary.status(); \
  target = std::move(temporary).value()

}  // namespace aeon
