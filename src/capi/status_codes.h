// What a Status of ours is to C programs: the one place for each of both directions they can look.
#pragma once

#include "base/status.h"

namespace aeon::capi {

// For daos_* calls: 0 or -DER_….
int to_der(Code code);
inline int to_der(const Status& status) { return to_der(status.code()); }
template <typename T>
int to_der(const Result<T>& result) {
  return to_der(result.code());
}

// The same for the opening of a system, where what is damaged or foreign is its format.
int to_der_of_opening(Code code);

// For dfs_* calls: 0 or a positive errno value.
int to_errno(Code code);
inline int to_errno(const Status& status) { return to_errno(status.code()); }
template <typename T>
int to_errno(const Result<T>& result) {
  return to_errno(result.code());
}

}  // namespace aeon::capi
