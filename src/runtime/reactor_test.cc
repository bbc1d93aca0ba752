#include "runtime/reactor.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>
#include <vector>

#include "runtime/cancellation.h"
#include "runtime/gate.h"
#include "runtime/sync.h"

namespace aeon {
namespace {

using namespace std::chrono_literals;

Task<int> answer(int value) { co_return value; }
Task<std::thread::id> running_thread() { co_return std::this_thread::get_id(); }

TEST(Reactor, RunsAnUncontendedCallOnTheCallersThread) {
  Reactor reactor;
  EXPECT_EQ(reactor.run(answer(7)), 7);
  EXPECT_EQ(reactor.run(running_thread()), std::this_thread::get_id());
}

Task<void> note_has_ready(Executor* executor, bool* has_ready) {
  *has_ready = executor->has_ready();
  co_return;
}
Task<void> spawn_two(Executor* executor, bool* first, bool* second) {
  EXPECT_FALSE(executor->has_ready());
  executor->spawn(note_has_ready(executor, first));
  executor->spawn(note_has_ready(executor, second));
  EXPECT_TRUE(executor->has_ready());
  while (executor->has_ready()) co_await yield(*executor);
}

TEST(Reactor, TellsWhetherSomethingElseIsReady) {
  Reactor reactor;
  bool first = false, second = false;
  reactor.run(spawn_two(&reactor, &first, &second));
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);  // Who yielded.
}

Task<int> after(Executor& executor, Duration duration, int value) {
  co_await sleep_for(executor, duration);
  co_return value;
}

TEST(Reactor, ACallThatSleepsWakesAtItsDeadline) {
  Reactor reactor;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(reactor.run(after(reactor, 20ms, 3)), 3);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

Task<void> add_later(Executor& executor, Duration duration, int* sum, Signal* changed) {
  co_await sleep_for(executor, duration);
  ++*sum;
  changed->notify_all();
}
Task<void> until_sum(int* sum, int wanted, Signal* changed) {
  while (*sum < wanted) co_await changed->wait();
}

TEST(Reactor, WorkThatNobodyWaitsForGoesOnInTheBackground) {
  Reactor reactor;
  int sum = 0;
  Signal changed(reactor);
  for (int i = 0; i < 10; ++i) reactor.submit(add_later(reactor, 1ms * i, &sum, &changed));
  while (reactor.tasks_alive() != 0) std::this_thread::sleep_for(1ms);
  reactor.run(until_sum(&sum, 10, &changed));
  EXPECT_EQ(sum, 10);
}

struct Counter {
  int inside = 0;
  int inside_max = 0;
  long total = 0;
};
Task<void> count_once(Executor& executor, Counter* counter, bool pause) {
  counter->inside_max = std::max(counter->inside_max, ++counter->inside);
  --counter->inside;
  if (pause) co_await yield(executor);
  ++counter->total;
}

TEST(Reactor, ManyThreadsNeverRunItAtTheSameTime) {
  Reactor reactor;
  Counter counter;
  constexpr int kThreads = 8;
  constexpr int kCalls = 5000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&reactor, &counter] {
      for (int i = 0; i < kCalls; ++i) reactor.run(count_once(reactor, &counter, i % 3 == 0));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.inside_max, 1);
  EXPECT_EQ(counter.total, long{kThreads} * kCalls);
}

Task<void> hand_over(Semaphore* mine, Semaphore* yours) {
  co_await mine->acquire();
  yours->release();
}

TEST(Reactor, CallsOfTwoThreadsWaitForEachOther) {
  Reactor reactor;
  Semaphore ping(reactor, 1);
  Semaphore pong(reactor, 0);
  constexpr int kRounds = 2000;
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) reactor.run(hand_over(&pong, &ping));
  });
  for (int i = 0; i < kRounds; ++i) reactor.run(hand_over(&ping, &pong));
  other.join();
  EXPECT_EQ(ping.free_count(), 1u);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST(Reactor, UsesNoProcessorTimeWhileIdle) {
  Reactor reactor;
  reactor.run(after(reactor, 1ms, 0));
  const double before = cpu_seconds();
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(cpu_seconds() - before, 0.010);  // Idle means asleep: spinning would be 0.3.
}

Task<void> gate_user(Executor& executor, Gate* gate, int* finished) {
  const Gate::Pass pass = gate->enter();
  if (!pass) co_return;
  co_await sleep_for(executor, 2ms);
  ++*finished;
}
Task<void> close_gate(Gate* gate) { co_await gate->close(); }

TEST(Gate, CloseWaitsForWhoIsInsideAndRefusesTheRest) {
  Reactor reactor;
  Gate gate(reactor);
  int finished = 0;
  for (int i = 0; i < 5; ++i) reactor.submit(gate_user(reactor, &gate, &finished));
  reactor.run(close_gate(&gate));
  EXPECT_EQ(finished, 5);
  reactor.run(gate_user(reactor, &gate, &finished));
  EXPECT_EQ(finished, 5);
  while (reactor.tasks_alive() != 0) std::this_thread::sleep_for(1ms);
}

Task<void> produce(Queue<int>* queue, int count) {
  for (int i = 1; i <= count; ++i) co_await queue->push(i);
  queue->close();
}
Task<long> produce_and_consume(Queue<int>* queue, Gate* gate) {
  gate->spawn(produce(queue, 1000));
  long sum = 0;
  while (true) {
    const std::optional<int> item = co_await queue->pop();
    if (!item) break;
    sum += *item;
  }
  co_await gate->close();
  co_return sum;
}

TEST(Queue, PassesEverythingThroughABoundedBuffer) {
  Reactor reactor;
  Queue<int> queue(reactor, 3);
  Gate gate(reactor);
  EXPECT_EQ(reactor.run(produce_and_consume(&queue, &gate)), 500500);
}

Task<bool> sleep_unless_canceled(Cancellation* cancellation, Duration duration) {
  co_return co_await cancellation->sleep_for(duration);
}
Task<void> cancel_later(Executor& executor, Cancellation* cancellation) {
  co_await sleep_for(executor, 2ms);
  cancellation->cancel();
}

TEST(Cancellation, EndsASleepEarlyAndTellsIt) {
  Reactor reactor;
  Cancellation cancellation(reactor);
  EXPECT_TRUE(reactor.run(sleep_unless_canceled(&cancellation, 1ms)));
  reactor.submit(cancel_later(reactor, &cancellation));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(reactor.run(sleep_unless_canceled(&cancellation, 1h)));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 60s);
  EXPECT_FALSE(reactor.run(sleep_unless_canceled(&cancellation, 1h)));  // Canceled before it began.
  while (reactor.tasks_alive() != 0) std::this_thread::sleep_for(1ms);
}

}  // namespace
}  // namespace aeon
