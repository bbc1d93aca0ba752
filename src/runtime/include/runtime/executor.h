// Where coroutines run. One executor is one logical core: what runs on it never runs at the same time as anything
// else on it, so state owned by one executor needs no locks.
//
// Real programs have a Reactor (reactor.h); simulations a SimExecutor per simulated process (sim/). Both resume
// posted coroutines only from their own loop, never from inside post(); the simulator permutes the order of what is
// ready at one moment, so code may not lean on it.
#pragma once

#include <coroutine>

#include "base/units.h"
#include "runtime/task.h"

namespace aeon {

class Timer;

class Executor {
 public:
  virtual ~Executor() = default;

  // Resumes `ready` soon. From this executor only.
  virtual void post(std::coroutine_handle<> ready) = 0;

  // Starts `work` soon, owned by the executor until it ends. From this executor only. Who starts background work
  // also joins it: wrap it by Gate (gate.h), so that stopping waits for it.
  virtual void spawn(Task<void> work) = 0;

  // Time as of this turn of the loop: cheap, and the same for all that runs in one turn.
  virtual Instant now() const = 0;

  // Time as of this call, for what is to be measured within a turn: that costs a reading of the clock. It never makes a
  // decision. In simulation computing takes no time, so it is now().
  virtual Instant exact_now() const { return now(); }

  // Arms or re-arms `timer`; see Timer. From this executor only.
  virtual void arm(Timer& timer, Instant deadline) = 0;
  virtual void disarm(Timer& timer) = 0;

  // Whether something else is ready to run now, so that what both of them need might be done once.
  virtual bool has_ready() const = 0;

  // True while a simulated process and all its frames go away at once: then those who normally insist on being
  // left in order (no waiters, nobody inside) don't.
  virtual bool is_crashing() const { return false; }
};

// One-shot timer: on_fire() is called from the executor's loop at or after the deadline. Owned by whoever embeds it;
// its destructor requires it to be disarmed or fired.
class Timer {
 public:
  virtual void on_fire() = 0;
  bool is_armed() const { return armed_; }
  Instant deadline() const { return deadline_; }

 protected:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { DCHECK(!armed_); }

 private:
  friend class TimerQueue;
  bool armed_ = false;
  Instant deadline_{};
  uint64_t sequence_ = 0;  // Breaks ties between equal deadlines, in order of arming.
};

// co_await sleep_until(executor, deadline) and sleep_for(executor, duration).
class SleepAwaiter final : private Timer {
 public:
  SleepAwaiter(Executor& executor, Instant deadline) : executor_(executor), deadline_(deadline) {}
  bool await_ready() const { return deadline_ <= executor_.now(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    executor_.arm(*this, deadline_);
  }
  void await_resume() {}

 private:
  void on_fire() override { executor_.post(waiter_); }
  Executor& executor_;
  Instant deadline_;
  std::coroutine_handle<> waiter_;
};
inline SleepAwaiter sleep_until(Executor& executor, Instant deadline) { return SleepAwaiter(executor, deadline); }
inline SleepAwaiter sleep_for(Executor& executor, Duration duration) {
  return SleepAwaiter(executor, executor.now() + duration);
}

// co_await yield(executor): lets everything that is ready run first.
class YieldAwaiter {
 public:
  explicit YieldAwaiter(Executor& executor) : executor_(executor) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) { executor_.post(waiter); }
  void await_resume() {}

 private:
  Executor& executor_;
};
inline YieldAwaiter yield(Executor& executor) { return YieldAwaiter(executor); }

}  // namespace aeon
