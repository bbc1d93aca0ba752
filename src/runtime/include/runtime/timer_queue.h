// Armed timers by deadline, ties in order of arming. For executors.
#pragma once

#include <set>

#include "runtime/executor.h"

namespace aeon {

class TimerQueue {
 public:
  void arm(Timer& timer, Instant deadline);
  void disarm(Timer& timer);
  bool empty() const { return timers_.empty(); }
  // The earliest deadline; Instant::max() without timers.
  Instant next_deadline() const;
  // Takes the earliest timer due at `now`, or null. The caller then calls its on_fire().
  Timer* take_due(Instant now);

 private:
  struct Earlier {
    bool operator()(const Timer* a, const Timer* b) const {
      if (a->deadline_ != b->deadline_) return a->deadline_ < b->deadline_;
      return a->sequence_ < b->sequence_;
    }
  };
  std::set<Timer*, Earlier> timers_;
  uint64_t next_sequence_ = 0;
};

}  // namespace aeon
