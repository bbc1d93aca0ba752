#include "sim/sim_scheduler.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/gate.h"
#include "runtime/sync.h"
#include "sim/for_each_seed.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_faults.h"

namespace aeon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Task<int> answer_after(SimExecutor* executor, Duration delay) {
  co_await sleep_for(*executor, delay);
  co_return 42;
}

Task<void> append_after_yield(SimExecutor* executor, std::string* out, char letter) {
  co_await yield(*executor);
  out->push_back(letter);
}

std::string order_of_five(uint64_t seed) {
  SimScheduler scheduler(seed);
  SimExecutor& process = scheduler.new_process("p");
  std::string order;
  for (const char letter : {'a', 'b', 'c', 'd', 'e'}) process.spawn(append_after_yield(&process, &order, letter));
  scheduler.run_until_idle();
  return order;
}

TEST(SimScheduler, SleepsInVirtualTime) {
  SimScheduler scheduler(1);
  SimExecutor& process = scheduler.new_process("p");
  EXPECT_EQ(scheduler.run(process, answer_after(&process, std::chrono::hours(5))), 42);
  EXPECT_GE(scheduler.elapsed(), std::chrono::hours(5));
  EXPECT_LT(scheduler.elapsed(), std::chrono::hours(5) + seconds(1));
}

TEST(SimScheduler, RunsReadyCoroutinesInManyOrders) {
  std::set<std::string> orders;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const std::string order = order_of_five(seed);
    EXPECT_EQ(order.size(), 5u);
    EXPECT_EQ(order, order_of_five(seed));
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 60u);  // Of 120.
}

Task<void> wait_forever(Signal* signal) { co_await signal->wait(); }

TEST(SimScheduler, ReportsADeadlock) {
  SimScheduler scheduler(1);
  SimExecutor& process = scheduler.new_process("lonely");
  Signal signal(process);
  try {
    scheduler.run(process, wait_forever(&signal));
    FAIL() << "ended";
  } catch (const SimFailure& failure) {
    EXPECT_NE(std::string(failure.what()).find("deadlock"), std::string::npos);
    EXPECT_NE(std::string(failure.what()).find("lonely': 1 coroutines"), std::string::npos) << failure.what();
  }
}

Task<void> spin(SimExecutor* executor) {
  for (;;) co_await yield(*executor);
}

TEST(SimScheduler, GivesUpAfterTooManySteps) {
  SimScheduler scheduler(1, {.step_count_max = 1000});
  SimExecutor& process = scheduler.new_process("p");
  EXPECT_THROW(scheduler.run(process, spin(&process)), SimFailure);
}

TEST(SimScheduler, GivesUpAfterTooMuchTime) {
  SimScheduler scheduler(1, {.time_max = seconds(10)});
  SimExecutor& process = scheduler.new_process("p");
  EXPECT_THROW(scheduler.run(process, answer_after(&process, seconds(20))), SimFailure);
}

// A process full of everything that can hold a coroutine, to crash in the middle of.
class BusyProcess {
 public:
  BusyProcess(SimExecutor& executor, Disk& disk, int* alive)
      : executor_(executor),
        disk_(disk),
        gate_(executor),
        signal_(executor),
        semaphore_(executor, 2),
        mutex_(executor),
        queue_(executor, 2),
        alive_(alive) {
    ++*alive_;
  }
  ~BusyProcess() { --*alive_; }

  void start(Random& random) {
    for (int i = 0; i < 12; ++i) {
      switch (random.below(6)) {
        case 0: gate_.spawn(hold_permits()); break;
        case 1: gate_.spawn(write_under_lock(random.below(100))); break;
        case 2: gate_.spawn(produce()); break;
        case 3: gate_.spawn(consume()); break;
        case 4: gate_.spawn(wait_for_signal()); break;
        case 5: gate_.spawn(hurry()); break;
      }
    }
  }

 private:
  struct Token {
    explicit Token(int* alive) : alive_(alive) { ++*alive_; }
    Token(const Token&) = delete;
    ~Token() { --*alive_; }
    int* alive_;
  };

  Task<void> hold_permits() {
    const Token token(alive_);
    for (;;) {
      co_await semaphore_.acquire(1);
      const Permit permit(semaphore_, 1);
      co_await sleep_for(executor_, milliseconds(3));
      signal_.notify_all();
    }
  }
  Task<void> write_under_lock(uint64_t block) {
    const Token token(alive_);
    DiskBuffer buffer(kDiskBlockSize);
    for (;;) {
      const Permit turn = co_await mutex_.lock();
      static_cast<void>(co_await disk_.write(block * kDiskBlockSize, buffer.bytes()));
      const Status status = co_await disk_.flush();
      if (!status.is_ok()) co_return;
    }
  }
  Task<void> hurry() {
    const Token token(alive_);
    for (;;) {
      for (int i = 0; i < 5; ++i) co_await yield(executor_);
      co_await sleep_for(executor_, std::chrono::microseconds(50));
    }
  }
  Task<void> produce() {
    const Token token(alive_);
    for (;;) {
      const bool pushed = co_await queue_.push(1);
      if (!pushed) co_return;
    }
  }
  Task<void> consume() {
    const Token token(alive_);
    for (;;) {
      const std::optional<int> item = co_await queue_.pop();
      if (!item) co_return;
      co_await sleep_for(executor_, milliseconds(1));
    }
  }
  Task<void> wait_for_signal() {
    const Token token(alive_);
    for (;;) co_await signal_.wait();
  }

  SimExecutor& executor_;
  Disk& disk_;
  Gate gate_;
  Signal signal_;
  Semaphore semaphore_;
  Mutex mutex_;
  Queue<int> queue_;
  int* alive_;
};

Task<void> crash_after(SimExecutor* killer, SimExecutor* victim, Duration delay) {
  co_await sleep_for(*killer, delay);
  for (int i = 0; i < 3; ++i) co_await yield(*killer);  // While others are ready too.
  killer->scheduler().crash(*victim);
}

SIMULATION(SimCrash, OfAProcessInTheMiddleOfWorkLeavesNothingBehind) {
  int alive = 0;
  SimScheduler scheduler(seed);
  SimDisk disk(scheduler);
  SimExecutor& process = scheduler.new_process("busy");
  SimExecutor& killer = scheduler.new_process("killer");
  disk.attach(process);
  auto& busy = process.own(std::make_unique<BusyProcess>(process, disk, &alive));
  busy.start(scheduler.random());
  scheduler.run(killer, crash_after(&killer, &process, std::chrono::microseconds(scheduler.random().below(5'000))));
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(disk.in_flight_count(), 0u);
  scheduler.run_for(seconds(1));
}

SIMULATION(SimCrash, DestroysEveryCoroutineSafely) {
  int alive = 0;
  SimScheduler scheduler(seed);
  SimDisk disk(scheduler);
  SimExecutor& process = scheduler.new_process("busy");
  disk.attach(process);
  auto& busy = process.own(std::make_unique<BusyProcess>(process, disk, &alive));
  busy.start(scheduler.random());
  scheduler.run_for(std::chrono::microseconds(scheduler.random().below(20'000)));
  EXPECT_GT(alive, 1);
  if (scheduler.random().one_in(2))
    scheduler.crash(process);
  else
    scheduler.kill(process);
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(process.coroutine_count(), 0u);
  scheduler.run_for(seconds(1));  // Nothing of it comes back.
}

uint64_t hash_of_a_run(uint64_t seed) {
  int alive = 0;
  SimScheduler scheduler(seed);
  SimDisk disk(scheduler);
  SimExecutor& process = scheduler.new_process("busy");
  disk.attach(process);
  process.own(std::make_unique<BusyProcess>(process, disk, &alive)).start(scheduler.random());
  scheduler.run_for(milliseconds(50));
  return scheduler.trace_hash();
}

TEST(SimScheduler, RepeatsARunExactlyFromItsSeed) {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const uint64_t hash = hash_of_a_run(seed);
    EXPECT_EQ(hash, hash_of_a_run(seed)) << seed;
    hashes.insert(hash);
  }
  EXPECT_EQ(hashes.size(), 20u);
}

Task<void> count_up(SimExecutor* executor, int* count) {
  for (;;) {
    co_await sleep_for(*executor, milliseconds(1));
    ++*count;
  }
}

TEST(SimScheduler, APausedProcessDoesNothing) {
  SimScheduler scheduler(1);
  SimExecutor& process = scheduler.new_process("p");
  int count = 0;
  process.spawn(count_up(&process, &count));
  scheduler.run_for(milliseconds(10));
  const int before = count;
  EXPECT_GT(before, 5);
  scheduler.pause(process, seconds(1));
  scheduler.run_for(milliseconds(900));
  EXPECT_EQ(count, before);
  scheduler.run_for(milliseconds(200));
  EXPECT_GT(count, before + 50);
}

TEST(SimScheduler, ACrashOfOneProcessLeavesTheOthersAlone) {
  SimScheduler scheduler(1);
  SimExecutor& first = scheduler.new_process("first");
  SimExecutor& second = scheduler.new_process("second");
  int first_count = 0, second_count = 0;
  first.spawn(count_up(&first, &first_count));
  second.spawn(count_up(&second, &second_count));
  scheduler.run_for(milliseconds(10));
  scheduler.crash(first);
  const int before = first_count;
  scheduler.run_for(milliseconds(10));
  EXPECT_EQ(first_count, before);
  EXPECT_GT(second_count, before + 5);
}

TEST(SimScheduler, RunSaysWhenItsProcessCrashes) {
  SimScheduler scheduler(1);
  SimExecutor& process = scheduler.new_process("p");
  scheduler.at(scheduler.now() + seconds(1), nullptr, [&] { scheduler.crash(process); });
  EXPECT_THROW(static_cast<void>(scheduler.run(process, answer_after(&process, seconds(2)))), SimFailure);
}

TEST(SimScheduler, RunUntilCrashHasNoValueAfterOne) {
  SimScheduler scheduler(1);
  SimExecutor& process = scheduler.new_process("p");
  EXPECT_EQ(scheduler.run_until_crash(process, answer_after(&process, seconds(2))), 42);
  scheduler.at(scheduler.now() + seconds(1), nullptr, [&] { scheduler.crash_soon(process); });
  EXPECT_EQ(scheduler.run_until_crash(process, answer_after(&process, seconds(2))), std::nullopt);
}

TEST(SimClock, JumpsAndDrifts) {
  SimScheduler scheduler(1);
  SimClock clock(scheduler);
  EXPECT_EQ(clock.wall_ns(), SimClock::kOriginUnixNs);
  clock.set_skew(milliseconds(-5));
  EXPECT_EQ(clock.wall_ns(), SimClock::kOriginUnixNs - 5'000'000);
  clock.set_drift_ppm(100);
  scheduler.run_for(seconds(1000));
  EXPECT_EQ(clock.wall_ns(), SimClock::kOriginUnixNs - 5'000'000 + 1'000'000'000'000 + 100'000'000);
  clock.jump(seconds(-2000));
  EXPECT_LT(clock.wall_ns(), SimClock::kOriginUnixNs);
}

TEST(SimFaults, ArePointsThatDifferBySeed) {
  int seeds_with = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SimScheduler scheduler(seed);
    SimFaults faults(scheduler);
    uint64_t hits = 0;
    for (int i = 0; i < 1000; ++i) hits += faults.sometimes("evict_early") ? 1 : 0;
    EXPECT_LT(hits, 400u);
    EXPECT_EQ(scheduler.fault_counts().count("code:evict_early"), hits);
    seeds_with += hits > 0 ? 1 : 0;
    faults.set_enabled(false);
    EXPECT_FALSE(faults.sometimes("evict_early"));
    faults.set_enabled(true);
    faults.set_probability("always", 1);
    EXPECT_TRUE(faults.sometimes("always"));
  }
  EXPECT_GT(seeds_with, 25);
  EXPECT_LT(seeds_with, 75);
}

}  // namespace
}  // namespace aeon
