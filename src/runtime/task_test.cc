#include "runtime/task.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"

namespace aeon {
namespace {

Task<int> immediate(int value) { co_return value; }

Task<long> sum_of_immediates(int count) {
  long sum = 0;
  for (int i = 0; i < count; ++i) sum += co_await immediate(i);
  co_return sum;
}

TEST(Task, AMillionChildrenThatFinishAtOnceKeepTheStackFlat) {
  Task<long> task = sum_of_immediates(1'000'000);
  task.start();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), 499999500000);
}

// Suspends until told to go on.
struct Pause {
  std::coroutine_handle<> waiter;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { waiter = handle; }
  void await_resume() {}
};

Task<std::string> child_that_pauses(Pause& pause) {
  co_await pause;
  co_return "resumed";
}
Task<std::string> parent_of(Pause& pause) {
  std::string text = co_await child_that_pauses(pause);
  co_return text + " in the parent";
}

TEST(Task, AChildThatSuspendsContinuesItsParent) {
  Pause pause;
  Task<std::string> task = parent_of(pause);
  task.start();
  ASSERT_FALSE(task.done());
  pause.waiter.resume();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), "resumed in the parent");
}

Task<long> chain_of_pauses(Pause& pause, int count) {
  long resumed = 0;
  for (int i = 0; i < count; ++i) {
    const std::string text = co_await child_that_pauses(pause);
    resumed += static_cast<long>(text.size());
  }
  co_return resumed;
}

TEST(Task, ALoopOfSuspendingChildrenKeepsTheStackFlat) {
  Pause pause;
  constexpr int kCount = 200'000;
  Task<long> task = chain_of_pauses(pause, kCount);
  task.start();
  while (!task.done()) pause.waiter.resume();
  EXPECT_EQ(task.take(), 7L * kCount);
}

Task<Result<int>> odd_fails(int value) {
  if (value % 2 != 0) co_return Status(Code::kInvalidArgument, "odd");
  co_return value;
}
Task<Status> uses_co_try(int value, int* out) {
  CO_TRY_ASSIGN(*out, co_await odd_fails(value));
  CO_TRY(co_await odd_fails(value + 1));
  co_return ok();
}

TEST(Task, CoTryReturnsTheFirstFault) {
  int out = 0;
  Task<Status> first = uses_co_try(1, &out);
  first.start();
  EXPECT_EQ(first.take().message(), "odd");
  EXPECT_EQ(out, 0);
  Task<Status> second = uses_co_try(2, &out);
  second.start();
  EXPECT_EQ(second.take().code(), Code::kInvalidArgument);
  EXPECT_EQ(out, 2);
}

TEST(Task, DestroyingAnUnstartedTaskReleasesItsArguments) {
  const auto shared = std::make_shared<int>(1);
  {
    auto coroutine = [](std::shared_ptr<int> held) -> Task<int> { co_return *held; };
    const Task<int> task = coroutine(shared);
    EXPECT_EQ(shared.use_count(), 2);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

}  // namespace
}  // namespace aeon
