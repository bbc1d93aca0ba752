// Wall clock of a simulated machine: the scheduler's time from an origin, plus skew, drift and jumps.
#pragma once

#include "runtime/world.h"
#include "sim/sim_scheduler.h"

namespace aeon {

class SimClock final : public Clock {
 public:
  static constexpr uint64_t kOriginUnixNs = 1'767'225'600ull * 1'000'000'000ull;  // 2026-01-01.

  explicit SimClock(const SimScheduler& scheduler) : scheduler_(scheduler) {}

  uint64_t wall_ns() const override;
  void set_skew(Duration skew) { skew_ = skew; }
  // How much faster than true time it runs, in parts per million.
  void set_drift_ppm(int64_t drift_ppm) { drift_ppm_ = drift_ppm; }
  // Forward or back, from now on.
  void jump(Duration by) { skew_ += by; }

 private:
  const SimScheduler& scheduler_;
  Duration skew_{};
  int64_t drift_ppm_ = 0;
};

}  // namespace aeon
