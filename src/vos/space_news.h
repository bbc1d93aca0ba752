// What passes of aggregation tell those who write and find no room, or hardly any.
#pragma once

#include <cstdint>

namespace aeon::vos {

struct SpaceNews {
  uint64_t made = 0;  // Goes up with each slice that dropped or freed something.
  bool is_tight = false;  // Hardly any room is left, and a pass is making some.
};

}  // namespace aeon::vos
