// How fast work in the background may go: as fast as it can while nobody else wants something, and in small steps with
// growing pauses while others do.
#pragma once

#include <algorithm>

#include "runtime/cancellation.h"
#include "runtime/world.h"

namespace aeon::vos {

class MaintenancePace {
 public:
  // `calls` counts what others do. All outlive this.
  MaintenancePace(Executor& executor, const uint64_t& calls, Cancellation& closing, Duration pause_max)
      : executor_(executor), calls_(calls), closing_(closing), pause_max_(pause_max), calls_seen_(calls) {}

  // Ends a slice: lets others run, and waits a while if they called since the last time. At once when closing.
  Task<void> pause() {
    const bool is_busy = calls_ != calls_seen_;
    calls_seen_ = calls_;  // Calls during the pause are a reason for the next one.
    pause_ = is_busy ? std::min(std::max(pause_ * 2, kPauseMin), pause_max_) : Duration::zero();
    if (pause_ == Duration::zero()) {
      co_await yield(executor_);
      co_return;
    }
    ++pause_count_;
    static_cast<void>(co_await closing_.sleep_for(pause_));
  }
  // From now on.
  void set_pause_max(Duration pause_max) { pause_max_ = pause_max; }
  uint64_t pause_count() const { return pause_count_; }

 private:
  static constexpr Duration kPauseMin = std::chrono::microseconds(100);

  Executor& executor_;
  const uint64_t& calls_;
  Cancellation& closing_;
  Duration pause_max_;
  uint64_t calls_seen_;
  Duration pause_ = Duration::zero();
  uint64_t pause_count_ = 0;
};

}  // namespace aeon::vos
