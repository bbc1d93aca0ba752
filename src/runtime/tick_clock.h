// The monotonic clock for who asks it all the time: by the processor's counter where the kernel trusts that too, which
// takes less than half as long. Between looks at the kernel's clock, every 10 ms, it goes on at the rate that the last
// two showed, so it is never off by more than a small part of a microsecond. It never goes back. Threading: one thread
// at a time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/units.h"

namespace aeon {

Instant monotonic_now();

class TickClock {
 public:
  TickClock();
  Instant now() {
    const uint64_t ticks = read_ticks();
    const uint64_t since = ticks - base_ticks_;
    if (since >= valid_ticks_) return look(ticks);  // Also where the counter isn't used: then it is valid for nothing.
    latest_ = std::max(latest_, base_ + Duration(static_cast<int64_t>((since * rate_) >> kRateBits)));
    return latest_;
  }

 private:
  static constexpr unsigned kRateBits = 32;
  static uint64_t read_ticks();
  Instant look(uint64_t ticks);

  bool is_counter_used_ = false;
  Instant base_{};  // What the kernel's clock said
  uint64_t base_ticks_ = 0;  // at this count.
  uint64_t rate_ = 0;  // Nanoseconds a tick, in units of 2^-32.
  uint64_t valid_ticks_ = 0;  // How long base and rate may be used.
  Instant latest_{};
};

}  // namespace aeon
