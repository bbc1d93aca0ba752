#include "runtime/elsewhere.h"

#include <gtest/gtest.h>

#include <atomic>

namespace aeon {
namespace {

Task<std::thread::id> thread_after_a_pause(Reactor* reactor) {
  co_await sleep_for(*reactor, std::chrono::milliseconds(5));
  co_return std::this_thread::get_id();
}

Task<int> sum_elsewhere(Reactor* there, Reactor* here, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    const auto one = [](int value) -> Task<int> { co_return value; };
    Task<int> work = one(i);
    sum += co_await run_on(*there, *here, std::move(work));
  }
  co_return sum;
}

TEST(Elsewhere, RunsThereAndGoesOnHere) {
  Reactor here, there;
  const ReactorThread thread(there);
  EXPECT_EQ(here.run(sum_elsewhere(&there, &here, 1000)), 1000 * 999 / 2);
}

TEST(Elsewhere, TheThreadRunsWhatNobodyElseDoes) {
  Reactor here, there;
  const ReactorThread thread(there);
  Task<std::thread::id> work = thread_after_a_pause(&there);
  EXPECT_NE(here.run(run_on(there, here, std::move(work))), std::this_thread::get_id());
}

TEST(Elsewhere, BothMayAskEachOther) {
  Reactor a, b;
  const ReactorThread of_a(a), of_b(b);
  std::atomic<int> done{0};
  const auto ask = [&done](Reactor* there, Reactor* here) -> Task<void> {
    const int sum = co_await sum_elsewhere(there, here, 500);
    if (sum == 500 * 499 / 2) ++done;
  };
  a.submit(ask(&b, &a));
  b.submit(ask(&a, &b));
  while (done != 2) std::this_thread::yield();
}

TEST(Elsewhere, AThreadEndsWhileWorkIsLeft) {
  Reactor reactor;
  int steps = 0;
  const auto work = [&steps](Reactor* on) -> Task<void> {
    for (; steps < 50; ++steps) co_await sleep_for(*on, std::chrono::microseconds(100));
  };
  {
    const ReactorThread thread(reactor);
    reactor.submit(work(&reactor));
  }
  const auto nothing = [](Reactor* on) -> Task<void> { co_await sleep_for(*on, std::chrono::milliseconds(1)); };
  while (reactor.tasks_alive() != 0) reactor.run(nothing(&reactor));
  EXPECT_EQ(steps, 50);
}

}  // namespace
}  // namespace aeon
