#include <gtest/gtest.h>

#include "crash_run.h"
#include "sim/for_each_seed.h"
#include "sim/image_disk.h"

namespace aeon {
namespace {

class CrashImagesTest : public ::testing::Test {
 protected:
  // A pending write of `count` blocks that hold `letter`.
  PendingWrite write(uint32_t id, uint64_t block, size_t count, char letter) {
    PendingWrite pending{.id = id, .first_block = block, .blocks = {}};
    for (size_t i = 0; i < count; ++i) {
      std::byte* const content = arena_.make();
      std::memset(content, letter, kDiskBlockSize);
      pending.blocks.push_back(content);
    }
    return pending;
  }
  // The first letter of each of the disk's four blocks, and of its last sector; '.' is what never was written.
  static std::string letters(const BlockTable& table) {
    std::string text;
    for (uint64_t block = 0; block < table.block_count(); ++block) {
      for (const size_t at : {size_t{0}, size_t{kDiskBlockSize - 1}}) {
        const char letter = static_cast<char>(table.block(block)[at]);
        text += letter == '\0' ? '.' : letter;
      }
    }
    return text;
  }
  std::set<std::string> images_of(const CrashRecording& recording, Moment moment) {
    std::set<std::string> found;
    CrashImages images(recording, 1);
    images.for_each([&](const CrashPoint& point) {
      if (point.moment == moment) found.insert(letters(point.image));
    });
    return found;
  }

  using Kind = CrashRecording::Kind;
  BlockArena arena_;
  CrashRecording recording_{BlockTable(4, zero_content()), {}, 0};
};

TEST_F(CrashImagesTest, AWriteIsLostKeptOrTornUntilItIsFlushed) {
  recording_.add(Kind::kWrite, {write(0, 1, 1, 'a')}, {});
  recording_.add(Kind::kFlushEnd, {}, {0});
  EXPECT_EQ(images_of(recording_, 0), std::set<std::string>{"........"});
  const std::set<std::string> pending = images_of(recording_, 1);
  EXPECT_TRUE(pending.contains("..aa....") && pending.contains("..a.....") && pending.contains("...a...."));
  EXPECT_TRUE(images_of(recording_, 2).empty()) << "nothing was promised meanwhile, so nothing is new";
}

TEST_F(CrashImagesTest, APromiseMakesImagesWorthAnotherLook) {
  recording_.add(Kind::kDurableWrite, {write(0, 1, 1, 'a')}, {});
  recording_.add(Kind::kDurableEnd, {}, {0});
  recording_.note_promise();
  EXPECT_EQ(images_of(recording_, 2), std::set<std::string>{"..aa...."});
}

TEST_F(CrashImagesTest, ThreeWritesGiveEverySubset) {
  recording_.add(Kind::kWrite, {write(0, 0, 1, 'a')}, {});
  recording_.add(Kind::kWrite, {write(1, 1, 1, 'b')}, {});
  recording_.add(Kind::kWrite, {write(2, 2, 1, 'c')}, {});
  std::set<std::string> all;
  for (Moment moment = 0; moment <= 3; ++moment) all.merge(images_of(recording_, moment));
  for (const char* image :
       {"........", "aa......", "..bb....", "aabb....", "....cc..", "aa..cc..", "..bbcc..", "aabbcc.."}) {
    EXPECT_TRUE(all.contains(image)) << image;
  }
}

TEST_F(CrashImagesTest, WhatWasWrittenBeforeNeverComesOverWhatIsOnTheMedia) {
  recording_.add(Kind::kWrite, {write(0, 1, 1, 'a')}, {});
  recording_.add(Kind::kDurableWrite, {write(1, 1, 1, 'b')}, {});
  recording_.add(Kind::kDurableEnd, {}, {1});
  recording_.note_promise();
  EXPECT_EQ(images_of(recording_, 3), std::set<std::string>{"..bb...."});
}

// A store is only as good as what finds its mistakes, so the sample that every build looks at is large enough to have
// every kind of image of both stores. `./dev crash` looks at more.
void look_at(const char* name, uint64_t seed_count) {
  for (const CrashWorkload& workload : crash_workloads()) {
    if (workload.name != name) continue;
    CrashTotals totals;
    for (uint64_t seed = 1; seed <= seed_count; ++seed) {
      CrashRunOptions options;
      options.stride = 16;
      const auto failure = run_crash_seed(workload, seed, options, [](uint64_t) {}, totals);
      ASSERT_FALSE(failure.has_value()) << "seed " << seed << ", point " << failure->point << ": " << failure->why;
    }
    for (const uint64_t count : totals.by_kind) EXPECT_GT(count, 0u);
    EXPECT_GT(totals.point_count, 50 * seed_count);
  }
}

TEST(CrashPoints, OfTheKeyAndBlockStoreLoseNothingPromised) { look_at("media", 6 / kSeedPart); }
TEST(CrashPoints, OfTheVersionedStoreLoseNothingPromised) { look_at("vos", 6 / kSeedPart); }

TEST(CrashPoints, OfASeedAreTheSameEachTime) {
  for (const CrashWorkload& workload : crash_workloads()) {
    CrashTotals first, second;
    CrashRunOptions options;
    options.point_count_max = 100;
    for (CrashTotals* totals : {&first, &second}) {
      ASSERT_FALSE(run_crash_seed(workload, 7, options, [](uint64_t) {}, *totals).has_value());
    }
    EXPECT_EQ(first.by_kind, second.by_kind);
    EXPECT_EQ(first.moment_count, second.moment_count);
  }
}

}  // namespace
}  // namespace aeon
