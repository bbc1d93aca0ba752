#include "runtime/timer_queue.h"

namespace aeon {

void TimerQueue::arm(Timer& timer, Instant deadline) {
  if (timer.armed_) timers_.erase(&timer);
  timer.armed_ = true;
  timer.deadline_ = deadline;
  timer.sequence_ = next_sequence_++;
  timers_.insert(&timer);
}

void TimerQueue::disarm(Timer& timer) {
  if (!timer.armed_) return;
  timers_.erase(&timer);
  timer.armed_ = false;
}

Instant TimerQueue::next_deadline() const { return timers_.empty() ? Instant::max() : (*timers_.begin())->deadline_; }

Timer* TimerQueue::take_due(Instant now) {
  if (timers_.empty()) return nullptr;
  Timer* timer = *timers_.begin();
  if (timer->deadline_ > now) return nullptr;
  timers_.erase(timers_.begin());
  timer->armed_ = false;
  return timer;
}

}  // namespace aeon
