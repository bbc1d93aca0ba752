// Cooperative cancellation: who started work says that it is no longer wanted, and the work ends at the next place
// where it looks or sleeps.
//
//   const bool goes_on = co_await closing.sleep_for(pause);   // False at once when somebody calls closing.cancel().
//
// What is in flight on a disk or network is never abandoned: it completes first. Threading: one executor.
#pragma once

#include "runtime/executor.h"
#include "runtime/sync.h"

namespace aeon {

class Cancellation {
 public:
  explicit Cancellation(Executor& executor) : executor_(executor) {}
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  bool is_canceled() const { return is_canceled_; }

  // Repeating it is harmless. Sleepers are resumed from the executor's loop.
  void cancel() {
    is_canceled_ = true;
    while (internal::Waiter* const waiter = sleepers_.pop()) static_cast<Sleep*>(waiter)->end();
  }

  // co_await: true at the deadline, false as soon as it is canceled.
  class Sleep final : private Timer, public internal::Waiter {
   public:
    Sleep(Cancellation& cancellation, Instant deadline) : cancellation_(cancellation), deadline_(deadline) {}
    ~Sleep() override {
      if (is_armed()) cancellation_.executor_.disarm(*this);
    }

    bool await_ready() const { return cancellation_.is_canceled_ || deadline_ <= cancellation_.executor_.now(); }
    void await_suspend(std::coroutine_handle<> waiter) {
      handle = waiter;
      cancellation_.sleepers_.push(*this);
      cancellation_.executor_.arm(*this, deadline_);
    }
    bool await_resume() const { return !cancellation_.is_canceled_; }

   private:
    friend class Cancellation;
    void on_fire() override {
      cancellation_.sleepers_.remove(*this);
      cancellation_.executor_.post(handle);
    }
    void end() {
      cancellation_.executor_.disarm(*this);
      cancellation_.executor_.post(handle);
    }

    Cancellation& cancellation_;
    Instant deadline_;
  };
  Sleep sleep_until(Instant deadline) { return Sleep(*this, deadline); }
  Sleep sleep_for(Duration duration) { return Sleep(*this, executor_.now() + duration); }

 private:
  Executor& executor_;
  internal::WaiterList sleepers_;
  bool is_canceled_ = false;
};

}  // namespace aeon
