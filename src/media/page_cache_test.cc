#include "page_cache.h"

#include <gtest/gtest.h>

#include <vector>

namespace aeon::media {
namespace {

// A cache of `capacity` pages of 1 byte, numbered; says which are in it.
class PageCacheTest : public ::testing::Test {
 protected:
  static constexpr size_t kCapacity = 1000;

  ~PageCacheTest() override {
    for (CacheEntry& entry : pages_) {
      if (entry.bytes != 0) cache_.forget(entry);
    }
  }

  void use(size_t page, bool is_inner = false) {
    CacheEntry& entry = pages_[page];
    if (entry.bytes == 0) {
      while (cache_.clean_bytes() >= kCapacity) {
        CacheEntry* const victim = cache_.next_victim();
        ASSERT_NE(victim, nullptr);
        cache_.note_gone(static_cast<uint64_t>(victim - pages_.data()));
        cache_.forget(*victim);
        cache_.pass_time();
      }
      cache_.pass_time();
      cache_.touch(entry);
      cache_.resize(entry, 1);
      cache_.enqueue(entry, is_inner || cache_.went_lately(page));
    }
    cache_.touch(entry);
  }
  size_t count_in(size_t first, size_t end) const {
    size_t count = 0;
    for (size_t page = first; page < end; ++page) count += pages_[page].bytes;
    return count;
  }

  PageCache cache_;
  std::vector<CacheEntry> pages_{100'000};
};

TEST_F(PageCacheTest, AScanOfEverythingLeavesMostOfWhatIsUsedAgainAndAgain) {
  for (int round = 0; round < 20; ++round) {
    for (size_t page = 0; page < 500; ++page) use(page);
    for (size_t page = 0; page < 100; ++page) use(1000 + static_cast<size_t>(round) * 100 + page);
  }
  ASSERT_EQ(count_in(0, 500), 500u);
  // A scan uses each page several times in a row, and what is used all the time is used on.
  for (size_t page = 10'000; page < 90'000; ++page) {
    use(page);
    use(page);
    if (page % 20 == 0) use(page / 20 % 500);
  }
  EXPECT_GT(count_in(0, 500), 490u);
  EXPECT_EQ(cache_.clean_bytes(), kCapacity);
}

TEST_F(PageCacheTest, PagesThatAreNoLongerUsedMakeWayForOnesThatAre) {
  for (int round = 0; round < 5; ++round) {
    for (size_t page = 0; page < 900; ++page) use(page);
  }
  for (int round = 0; round < 10; ++round) {
    for (size_t page = 5000; page < 5700; ++page) use(page);
  }
  EXPECT_GT(count_in(5000, 5700), 690u);
}

TEST_F(PageCacheTest, InnerPagesStayWhileLeavesBelowThemComeAndGo) {
  for (size_t page = 0; page < 50; ++page) use(page, true);
  for (size_t page = 1000; page < 60'000; ++page) {
    use(page % 50, true);
    use(page);
  }
  EXPECT_EQ(count_in(0, 50), 50u);
}

TEST_F(PageCacheTest, ADirtyPageIsNobodysVictimAndComesBackToItsQueue) {
  for (size_t page = 0; page < 3; ++page) use(page);
  cache_.dequeue(pages_[0]);
  cache_.dequeue(pages_[1]);
  EXPECT_EQ(cache_.clean_bytes(), 1u);
  EXPECT_EQ(cache_.bytes(), 3u);
  EXPECT_EQ(cache_.next_victim(), &pages_[2]);
  cache_.forget(pages_[2]);
  EXPECT_EQ(cache_.next_victim(), nullptr);
  cache_.enqueue(pages_[1], false);
  EXPECT_EQ(cache_.next_victim(), &pages_[1]);
}

}  // namespace
}  // namespace aeon::media
