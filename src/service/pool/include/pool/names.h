// Labels and handles: rules that pools and containers share.
#pragma once

#include <string_view>

#include "base/status.h"
#include "wire/messages.h"

namespace aeon::pool {

inline constexpr size_t kLabelSizeMax = 127;

// Printable ASCII without '/', at most 127 characters, and not a uuid, which it would be mistaken for.
// kInvalidArgument says which rule `label` breaks; `what` is "pool label" or such.
Status check_label(std::string_view label, std::string_view what);

inline bool may_write(wire::Access access) { return access != wire::Access::kReadOnly; }

}  // namespace aeon::pool
