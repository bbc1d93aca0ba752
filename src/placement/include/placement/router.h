// Which target a request about an object goes to, in a system of a fixed number of targets that are all in use.
// Pure, and alike on clients and engines. Threading: const calls from one thread at a time (they share memory).
#pragma once

#include <optional>

#include "placement/layout.h"

namespace aeon::placement {

class Router {
 public:
  // At least one target.
  explicit Router(uint32_t target_count);

  uint32_t target_count() const { return target_count_; }
  // Of a dkey of the object. kInvalidArgument as of PlacementMap::place().
  Result<uint32_t> target_of(ObjectId object, ByteView dkey) const;
  // All that hold a part of the object, each once, the one of its first group first.
  Result<std::vector<uint32_t>> targets_of(ObjectId object) const;

 private:
  uint32_t target_count_;
  std::optional<PlacementMap> map_;  // Without it there is one target.
  mutable Layout layout_;  // Its memory is used again.
};

}  // namespace aeon::placement
