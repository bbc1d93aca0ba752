// Checking everything that is stored, slowly and in the background, while the store is in use.
#pragma once

#include "base/units.h"
#include "vos/damage.h"

namespace aeon::vos {

struct ScrubOptions {
  ByteCount bytes_per_second = 0;  // At most; 0: no checking.
  Duration cycle_interval = std::chrono::hours(1);  // From the start of one cycle to the next, at least.
};

// Of the cycle in progress, unless it says otherwise. A cycle goes on after a restart where it was.
struct ScrubProgress {
  bool is_on = false;
  uint64_t cycle = 0;              // Counts from 1; 0: none has begun.
  ByteCount bytes_checked = 0;     // Of index pages and values.
  uint64_t values_checked = 0;
  uint64_t cycles_done = 0;
  ByteCount last_cycle_bytes = 0;  // About what this one will come to.
  uint64_t places_damaged = 0;     // In the list, from the last cycle or this one.
  uint64_t pauses = 0;             // Because others were at work; since the store was opened.
};

}  // namespace aeon::vos
