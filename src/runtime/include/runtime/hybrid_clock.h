// Epochs of ordinary containers: a hybrid logical clock. Wall time in 1/16 ns since 2021-01-01 UTC, never repeating
// and never going back, whatever the wall clock does; observe() pulls it past epochs that others gave.
#pragma once

#include "base/units.h"
#include "runtime/world.h"

namespace aeon {

class HybridClock {
 public:
  static constexpr uint64_t kOriginUnixNs = 1609459200ull * 1000000000ull;

  explicit HybridClock(const Clock& clock) : clock_(clock) {}

  // An epoch greater than every one given or observed before.
  Epoch next() {
    const uint64_t physical = from_unix_ns(clock_.wall_ns()).value;
    last_ = physical > last_ ? physical : last_ + 1;
    return Epoch{last_};
  }
  void observe(Epoch epoch) {
    if (epoch.value > last_ && epoch != kEpochMax) last_ = epoch.value;
  }
  Epoch last() const { return Epoch{last_}; }

  static Epoch from_unix_ns(uint64_t ns) { return Epoch{ns <= kOriginUnixNs ? 1 : (ns - kOriginUnixNs) * 16}; }
  static uint64_t to_unix_ns(Epoch epoch) { return kOriginUnixNs + epoch.value / 16; }

 private:
  const Clock& clock_;
  uint64_t last_ = 0;
};

}  // namespace aeon
