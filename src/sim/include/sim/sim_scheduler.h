// Runs simulated processes in virtual time, in an order that one seed decides.
//
// Each step resumes one ready coroutine, chosen at random among all that are ready in all processes; when none is,
// time jumps to the next timer or event. Nothing here depends on addresses, real time or the host, so a seed repeats
// a run exactly, and trace_hash() over everything that happened says so.
//
//   SimScheduler scheduler(seed);
//   SimDisk disk(scheduler, {});
//   SimExecutor& process = scheduler.new_process("engine");
//   disk.attach(process);
//   const Status status = scheduler.run(process, workload(process, disk));
//   scheduler.crash(process);                  // Power loss: its coroutines are gone, the disk may have torn writes.
//   SimExecutor& second = scheduler.new_process("engine again");
//
// A crash destroys the coroutines a process spawned, newest first, then what it own()s, newest first. Objects that a
// test keeps itself and that coroutines use must outlive the crash: destroy them after it, and before the scheduler.
//
// A run that can't end (nothing left to do while the awaited task waits, too many steps, too much time) throws
// SimFailure, after crashing every process, so that unwinding a test is safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/executor.h"
#include "runtime/random.h"
#include "runtime/timer_queue.h"

namespace aeon {

class SimExecutor;
class SimScheduler;

// A run ended without an answer; what() says why and what was waiting.
class SimFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct SimOptions {
  uint64_t step_count_max = 50'000'000;
  Duration time_max = std::chrono::hours(24 * 365);
  Duration step_duration = std::chrono::nanoseconds(200);  // What resuming a coroutine takes in virtual time.
};

// How often each kind of fault (and each sometimes() point) was hit, by name.
class SimFaultCounts {
 public:
  void add(std::string_view name, uint64_t count = 1);
  uint64_t count(std::string_view name) const;
  const std::map<std::string, uint64_t, std::less<>>& all() const { return counts_; }
  void add_all(const SimFaultCounts& other);

 private:
  std::map<std::string, uint64_t, std::less<>> counts_;
};

// What ends along with a process: its disks and network ports. Called before the process's coroutines go.
class SimCrashListener {
 public:
  virtual void on_crash(bool power_lost) = 0;

 protected:
  ~SimCrashListener() = default;
};

// One core of one simulated process. The scheduler owns it, and keeps it as an inert husk after a crash.
class SimExecutor final : public Executor {
 public:
  SimExecutor(const SimExecutor&) = delete;
  SimExecutor& operator=(const SimExecutor&) = delete;
  ~SimExecutor() override;

  void post(std::coroutine_handle<> ready) override;
  void spawn(Task<void> work) override;
  Instant now() const override;
  void arm(Timer& timer, Instant deadline) override;
  void disarm(Timer& timer) override;
  bool has_ready() const override;
  bool is_crashing() const override { return state_ != State::kRunning; }

  // Keeps an object as long as the process lives. Destroyed after its coroutines, newest first.
  template <typename T>
  T& own(std::unique_ptr<T> object) {
    T& owned = *object;
    owned_.push_back(std::shared_ptr<void>(std::move(object)));
    return owned;
  }

  const std::string& name() const { return name_; }
  uint32_t index() const { return index_; }
  SimScheduler& scheduler() { return scheduler_; }
  // False once it crashed, and from the moment a crash point was reached.
  bool is_alive() const { return state_ == State::kRunning && !dying_; }
  size_t coroutine_count() const { return roots_.size(); }

  void add_crash_listener(SimCrashListener& listener) { crash_listeners_.push_back(&listener); }
  void remove_crash_listener(SimCrashListener& listener) { std::erase(crash_listeners_, &listener); }

 private:
  friend class SimScheduler;
  enum class State { kRunning, kCrashing, kCrashed };

  SimExecutor(SimScheduler& scheduler, std::string name, uint32_t index)
      : scheduler_(scheduler), name_(std::move(name)), index_(index) {}

  static Task<void> run_root(SimExecutor* executor, uint64_t root, Task<void> work);
  void fire_timers(Instant now);
  void destroy_ended_roots();
  void crash(bool power_lost);

  SimScheduler& scheduler_;
  std::string name_;
  uint32_t index_;
  State state_ = State::kRunning;
  bool dying_ = false;          // A crash is due at the end of this step.
  bool dies_by_kill_ = false;
  Instant paused_until_{};
  TimerQueue timers_;
  uint64_t next_root_ = 0;
  std::map<uint64_t, Task<void>> roots_;
  std::vector<uint64_t> ended_roots_;
  std::vector<std::shared_ptr<void>> owned_;
  std::vector<SimCrashListener*> crash_listeners_;
};

class SimScheduler {
 public:
  explicit SimScheduler(uint64_t seed, SimOptions options = {});
  SimScheduler(const SimScheduler&) = delete;
  SimScheduler& operator=(const SimScheduler&) = delete;
  // Crashes what still runs.
  ~SimScheduler();

  SimExecutor& new_process(std::string name);

  // Drives everything until `task`, run by `process`, ends; answers what it returned.
  template <typename T>
  T run(SimExecutor& process, Task<T> task) {
    std::optional<T> value;
    process.spawn(keep_value(std::move(task), &value));
    drive([&] { return value.has_value(); }, process, false);
    return std::move(*value);
  }
  void run(SimExecutor& process, Task<void> task) {
    bool done = false;
    process.spawn(keep_done(std::move(task), &done));
    drive([&] { return done; }, process, false);
  }

  // The same, but a crash of `process` meanwhile (SimDisk::stop_at_write, crash_soon) also ends it: no value then.
  template <typename T>
  std::optional<T> run_until_crash(SimExecutor& process, Task<T> task) {
    std::optional<T> value;
    process.spawn(keep_value(std::move(task), &value));
    drive([&] { return value.has_value(); }, process, true);
    return value;
  }
  // Whether `task` ended before the crash.
  bool run_until_crash(SimExecutor& process, Task<void> task) {
    bool done = false;
    process.spawn(keep_done(std::move(task), &done));
    drive([&] { return done; }, process, true);
    return done;
  }

  // Runs what happens within `duration`.
  void run_for(Duration duration);
  // Runs until `condition`, looked at after every step, or `timeout`; answers whether it came true.
  bool run_until(const std::function<bool()>& condition, Duration timeout);
  // Runs until nothing is left to do now or later.
  void run_until_idle();

  // Ends a process as a power loss does: unflushed writes of its disks survive in part. Not from its own coroutines.
  void crash(SimExecutor& process);
  // Ends a process as SIGKILL does: what its disks completed stays.
  void kill(SimExecutor& process);
  // Either, when the present step ends; from its own coroutines too. From now on its writes go nowhere.
  enum class End : uint8_t { kPowerLoss, kKill };
  void crash_soon(SimExecutor& process, End end = End::kPowerLoss);
  // Nothing of `process` runs for `duration`, as when a machine stalls or swaps.
  void pause(SimExecutor& process, Duration duration);

  Instant now() const { return now_; }
  Duration elapsed() const { return now_ - Instant{}; }
  // The scheduler's own stream. Components fork() theirs from it when they are made.
  Random& random() { return random_; }
  uint64_t seed() const { return seed_; }
  uint64_t step_count() const { return step_count_; }
  SimFaultCounts& fault_counts() { return fault_counts_; }

  // A hash over everything that happened so far. Equal seeds give equal hashes at equal points of a program.
  uint64_t trace_hash() const { return trace_hash_; }
  // Adds an event of a component to it. Only values that a repeated run repeats: no addresses.
  void trace(uint32_t process, std::string_view kind, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0);

  // Ends the run as failed: crashes every process and throws SimFailure. For components, from events only: an
  // exception can't pass through coroutines.
  [[noreturn]] void fail(const std::string& why);

  // Calls `fire` at `when`; never if `process`, where given, has crashed by then. Equal times come in random order.
  void at(Instant when, SimExecutor* process, std::function<void()> fire);

 private:
  friend class SimExecutor;
  struct Ready {
    std::coroutine_handle<> handle;
    SimExecutor* process;
    uint64_t sequence;
  };
  struct Event {
    Instant when;
    uint64_t tie_break;  // Random, then the order of making.
    uint64_t sequence;
    SimExecutor* process;
    std::function<void()> fire;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      if (a.when != b.when) return a.when > b.when;
      if (a.tie_break != b.tie_break) return a.tie_break > b.tie_break;
      return a.sequence > b.sequence;
    }
  };

  template <typename T>
  static Task<void> keep_value(Task<T> task, std::optional<T>* value) {
    T result = co_await task;
    value->emplace(std::move(result));
  }
  static Task<void> keep_done(Task<void> task, bool* done) {
    co_await task;
    *done = true;
  }

  void drive(const std::function<bool()>& done, SimExecutor& process, bool may_crash);
  bool step(Instant not_after);
  void fire_due();
  void resume(Ready ready);
  void crash_dying();
  Instant next_wakeup();
  void drop_ready_of(const SimExecutor& process);

  const uint64_t seed_;
  const SimOptions options_;
  Random random_;
  Instant now_{};
  uint64_t step_count_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t trace_hash_;
  Instant next_timer_ = Instant::max();  // No timer is due before it.
  std::vector<Ready> ready_;
  std::vector<Event> events_;            // A heap, earliest first.
  std::vector<std::unique_ptr<SimExecutor>> processes_;
  SimExecutor* running_ = nullptr;
  bool any_dying_ = false;
  SimFaultCounts fault_counts_;
};

}  // namespace aeon
