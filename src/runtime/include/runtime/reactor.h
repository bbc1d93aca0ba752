// The executor of real programs: one logical core on io_uring, run by whichever thread needs it ("caller-runs").
//
// A thread outside calls run(task). If nobody is running the reactor, the thread becomes its runner: it starts the
// task itself, drives the ring until the task has ended, and leaves; no other thread is woken. If somebody is, the
// task goes to the inbox, the thread spins briefly and then sleeps until its task has ended or it can run the
// reactor itself. What is left when the last caller leaves (background work, operations nobody waits for) belongs to
// a background thread that sleeps on the ring's eventfd and the next timer. An idle reactor uses no CPU.
//
// Rules that make this safe (docs/design/execution.md has the argument):
//   - The runner never sleeps while it runs. It publishes its submissions, leaves, and then sleeps.
//   - What is only looked at (memory shared with another process) is told before that nobody looks any more.
//   - Who leaves looks at the inbox afterwards; who posts to the inbox tries to run afterwards.
//   - At most one caller sleeps in the ring; others sleep on a futex. If neither will notice a completion, the
//     ring's eventfd is on and wakes the background thread.
//
// Threading: run(), submit() and poll() from any thread; all of Executor only from what runs on the reactor.
// Where the kernel refuses io_uring, disks work by plain system calls on the runner's thread instead.
#pragma once

#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>

#include "runtime/executor.h"
#include "runtime/fork.h"

namespace aeon {

class Poller;
class Ring;
class SpinSource;

// Something that the ring completes. `result` is the kernel's: bytes, or a negative errno.
class RingCompletion {
 public:
  virtual void on_ring_complete(int result) = 0;

 protected:
  ~RingCompletion() = default;
};

class Reactor final : public Executor {
 public:
  struct Options {
    unsigned ring_entries = 256;
    Duration spin = std::chrono::microseconds(50);  // How long a caller spins before it sleeps, at most.
    bool use_io_uring = true;
  };

  Reactor() : Reactor(Options{}) {}
  explicit Reactor(Options options);
  // All tasks must have ended and all operations completed.
  ~Reactor() override;
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // In a process that was forked from the one that made it: it belongs to that one. poll() finds nothing then, what is
  // submitted never runs, and run() aborts. It can't be destroyed either; see keep_forever().
  bool is_from_before_fork() const { return generation_ != fork_generation(); }

  // Runs `task` to its end and returns its value. Blocks the calling thread; never call it from inside the reactor.
  template <typename T>
  T run(Task<T> task) {
    Call call(task.handle());
    run_call(call);
    return task.take();
  }

  // Starts `work` from any thread and returns without waiting for it. It may run on the calling thread until it first
  // suspends.
  void submit(Task<void> work);

  // Runs what is ready, if nobody else does. False if there was nothing to do.
  bool poll();

  void post(std::coroutine_handle<> ready) override;
  void spawn(Task<void> work) override;
  Instant now() const override { return now_; }
  Instant exact_now() const override;
  void arm(Timer& timer, Instant deadline) override;
  void disarm(Timer& timer) override;
  bool has_ready() const override;

  // For disks and sockets of this reactor; null where io_uring is refused.
  Ring* ring() { return ring_.get(); }
  // For sockets, where there is no ring; else null.
  Poller* poller();

  // Memory that others write: looked at in every turn, and while the runner spins, until something is there or the
  // runner stops. Only from what runs on the reactor. A source is watched once at a time, and not when it is destroyed.
  void watch(SpinSource& source);
  void unwatch(SpinSource& source);
  // A peer, whose answer will be in such memory, had to be woken: it takes longer.
  void has_woken_peer();

  // Tasks started by spawn() or submit() that haven't ended.
  size_t tasks_alive() const { return tasks_alive_.load(std::memory_order_relaxed); }

 private:
  struct Inbound {
    Inbound* next = nullptr;
    std::coroutine_handle<> start;
    bool is_call = false;
  };
  // A caller waiting in run(); lives on its stack.
  struct Call : Inbound {
    explicit Call(std::coroutine_handle<> task) {
      start = task;
      is_call = true;
    }
    enum State : uint32_t { kRunning, kAsleep, kDone };
    std::atomic<uint32_t> state{kRunning};
    bool in_ring = false;  // Asleep in the ring rather than on the futex. Under the run lock.
    Call* next_blocked = nullptr;
  };
  struct Detached;
  struct SourceList;
  struct State;

  void run_call(Call& call);
  bool sleep_in_ring(Call& call);
  bool wait_outside(Call& call, bool may_take_over);
  bool try_enter();
  void leave();
  bool turn();
  bool look_at_sources();
  void park_sources();
  void watch_left_sources();
  bool spin();
  void turn_until_quiet(const Call* own);
  void release_and_recheck();
  void wake_finished_sleeper();
  void start_inbound();
  void finish_calls();
  void push_inbound(Inbound& item);
  void cover_leftovers();
  void cover_soon();
  void poke_background();
  void background();
  static Detached detach(Reactor& reactor, Task<void> work);

  Options options_;
  const uint64_t generation_ = fork_generation();
  std::atomic<bool> running_{false};
  std::atomic<Inbound*> inbox_{nullptr};
  std::atomic<bool> ring_sleeper_{false};
  bool sleeper_is_finished_ = false;  // The sleeper's call is done, and it hasn't come back yet. Under the run lock.
  std::atomic<size_t> tasks_alive_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> background_deadline_ns_;

  // Below: only the runner.
  Instant now_;
  Call* blocked_ = nullptr;
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<State> state_;
};

}  // namespace aeon
