#include "runtime/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
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

// Reads a listing page by page; each page says where the next begins. GCC 12 with SLP vectorization takes the place
// from the wrong turn of the loop: docs/design/coroutines.md.
struct Place {
  Bytes position;
  bool is_end = false;
};
struct Page {
  std::vector<Bytes> keys;
  Place next;
};
struct PageLimits {
  uint32_t keys = 0;
  uint64_t bytes = 0;
};

class Pages {
 public:
  virtual ~Pages() = default;
  virtual Task<Result<Page>> next_page(uint64_t hi, uint64_t lo, Place from, PageLimits limits) = 0;
};

class NumberedPages : public Pages {
 public:
  static constexpr size_t kPositionSize = 40;
  static constexpr unsigned kPages = 6;

  Task<Result<Page>> next_page(uint64_t, uint64_t, Place from, PageLimits limits) override {
    const bool is_first = from.position.empty();
    if (!is_first && from.position.size() != kPositionSize) {
      co_return Status(Code::kInvalidArgument, "the place is damaged");
    }
    const unsigned number = is_first ? 0 : static_cast<unsigned>(from.position[0]);
    Page page;
    for (uint32_t i = 0; i < limits.keys; ++i) page.keys.emplace_back(30);
    page.next.position.assign(kPositionSize, static_cast<std::byte>(number + 1));
    page.next.is_end = number + 1 == kPages;
    co_return page;
  }
};

Task<uint64_t> count_keys(Pages& pages) {
  uint64_t count = 0;
  const PageLimits limits{.keys = 7, .bytes = 100};
  Place place;
  while (true) {
    auto page = co_await pages.next_page(1, 2, std::move(place), limits);
    if (!page.is_ok()) co_return 0;
    count += page->keys.size();
    place = std::move(page->next);
    if (place.is_end) co_return count;
  }
}

TEST(Task, AValueHandedFromTurnToTurnStaysWhole) {
  NumberedPages pages;
  Task<uint64_t> task = count_keys(pages);
  task.start();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.take(), NumberedPages::kPages * 7u);
}

}  // namespace
}  // namespace aeon
