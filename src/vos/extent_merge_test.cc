#include "extent_merge.h"

#include <gtest/gtest.h>

#include <set>

#include "sim/for_each_seed.h"

namespace aeon::vos {
namespace {

constexpr ByteCount kMiB1 = kMiB;

// Neighbouring extents of one size, all visible.
void add_run(uint64_t start, size_t count, uint64_t records, std::vector<MergeExtent>& extents,
             std::vector<MergePart>& parts) {
  for (size_t i = 0; i < count; ++i) {
    parts.push_back({.start = start, .end = start + records, .extent = extents.size()});
    extents.push_back({.record_size = 1});
    start += records;
  }
}

TEST(ExtentMerge, ManySmallNeighboursBecomeOneLarge) {
  std::vector<MergeExtent> extents;
  std::vector<MergePart> parts;
  add_run(7, 256, 4096, extents, parts);
  const std::vector<Merge> merges = plan_merges(extents, parts, {.piece_size_max = kMiB1});
  ASSERT_EQ(merges.size(), 1u);
  ASSERT_EQ(merges[0].pieces.size(), 1u);
  EXPECT_EQ(merges[0].pieces[0].start, 7u);
  EXPECT_EQ(merges[0].pieces[0].end, 7 + kMiB1);
  EXPECT_EQ(merges[0].extents.size(), 256u);
  EXPECT_EQ(merges[0].bytes, kMiB1);
}

TEST(ExtentMerge, FewOrUnequalNeighboursStay) {
  std::vector<MergeExtent> extents;
  std::vector<MergePart> parts;
  add_run(0, kMergeFactor - 1, 4096, extents, parts);
  EXPECT_TRUE(plan_merges(extents, parts, {.piece_size_max = kMiB1}).empty());
  // One that has most of the bytes is no reason to write them all again.
  add_run((kMergeFactor - 1) * 4096, 1, 900'000, extents, parts);
  EXPECT_TRUE(plan_merges(extents, parts, {.piece_size_max = kMiB1}).empty());
}

TEST(ExtentMerge, HolesPunchesAndOtherRecordSizesSeparate) {
  std::vector<MergeExtent> extents;
  std::vector<MergePart> parts;
  add_run(0, 10, 100, extents, parts);
  add_run(1001, 10, 100, extents, parts);  // One record is missing.
  EXPECT_TRUE(plan_merges(extents, parts, {.piece_size_max = kMiB1}).empty());
  parts[10].start = 1000;  // Now it is there.
  EXPECT_EQ(plan_merges(extents, parts, {.piece_size_max = kMiB1}).size(), 1u);
  extents[9].is_fixed = true;
  EXPECT_TRUE(plan_merges(extents, parts, {.piece_size_max = kMiB1}).empty());
  extents[9].is_fixed = false;
  for (size_t i = 10; i < 20; ++i) extents[i].record_size = 2;
  EXPECT_TRUE(plan_merges(extents, parts, {.piece_size_max = kMiB1}).empty());
}

TEST(ExtentMerge, WhatIsStoredTwiceIsMergedOnceThatFreesEnough) {
  std::vector<MergeExtent> extents{{.record_size = 1, .stored_bytes = kMiB1}};
  std::vector<MergePart> parts;
  uint64_t at = 0;
  for (int i = 0; i < 100; ++i) {  // Some of it, then something newer.
    parts.push_back({.start = at, .end = at + 6000, .extent = 0});
    parts.push_back({.start = at + 6000, .end = at + 10'000, .extent = extents.size()});
    extents.push_back({.record_size = 1, .stored_bytes = 4100});
    at += 10'000;
  }
  EXPECT_TRUE(plan_merges(extents, parts, {.piece_size_max = kMiB1}).empty());
  const std::vector<Merge> merges = plan_merges(extents, parts, {.piece_size_max = kMiB1, .freed_part = 0.25});
  ASSERT_EQ(merges.size(), 1u);
  EXPECT_EQ(merges[0].pieces.size(), 1u);
  EXPECT_EQ(merges[0].extents.size(), 101u);
}

TEST(ExtentMerge, WhatFillsItsBlocksIsWrittenAnewOnlyForSpace) {
  std::vector<MergeExtent> extents;
  std::vector<MergePart> parts;
  add_run(0, 64, 4096, extents, parts);
  for (MergeExtent& extent : extents) extent.is_only_for_space = true;
  EXPECT_TRUE(plan_merges(extents, parts, {.piece_size_max = kMiB1}).empty());
  for (MergeExtent& extent : extents) extent.stored_bytes = 3 * 4096;  // Most of each is hidden.
  EXPECT_EQ(plan_merges(extents, parts, {.piece_size_max = kMiB1}).size(), 1u);
  for (MergeExtent& extent : extents) extent = {.record_size = 1};
  EXPECT_EQ(plan_merges(extents, parts, {.piece_size_max = kMiB1}).size(), 1u);
}

TEST(ExtentMerge, AnExtentGoesWholeOrNotAtAll) {
  std::vector<MergeExtent> extents;
  std::vector<MergePart> parts;
  add_run(0, 20, 100, extents, parts);
  // The first extent has a second part far away, with nothing to merge beside it: two pieces, so 20 aren't enough.
  parts.push_back({.start = 50'000, .end = 50'010, .extent = 0});
  const std::vector<Merge> merges = plan_merges(extents, parts, {.piece_size_max = kMiB1});
  ASSERT_EQ(merges.size(), 1u);
  EXPECT_EQ(merges[0].extents.size(), 19u);
  EXPECT_EQ(merges[0].pieces[0].start, 100u);
}

TEST(ExtentMergeProperty, MergesReplaceExtentsWholeAndStayWithinTheLimits) {
  for_each_seed([](Random& random) {
    std::vector<MergeExtent> extents(1 + random.below(120));
    for (MergeExtent& extent : extents) {
      extent.record_size = random.one_in(30) ? 2 : 1;
      extent.is_fixed = random.one_in(20);
    }
    std::vector<MergePart> parts;
    uint64_t at = 0;
    for (int i = 0; i < 200; ++i) {
      if (random.one_in(20)) at += 5;
      const uint64_t count = 1 + random.below(random.one_in(10) ? 300 : 30);
      const size_t extent = std::min<size_t>(extents.size() - 1, i * extents.size() / 200 + random.below(3));
      parts.push_back({.start = at, .end = at + count, .extent = extent});
      at += count;
    }
    const ByteCount limit = 1000;
    std::set<size_t> gone;
    for (const Merge& merge : plan_merges(extents, parts, {.piece_size_max = limit})) {
      ASSERT_GE(merge.extents.size(), kMergeFactor * merge.pieces.size());  // They store nothing twice here.
      std::set<size_t> of_merge;
      for (const size_t extent : merge.extents) {
        ASSERT_FALSE(extents[extent].is_fixed);
        ASSERT_TRUE(gone.insert(extent).second) << "in two merges";
        of_merge.insert(extent);
      }
      std::set<size_t> covered;
      for (const Merge::Piece& piece : merge.pieces) {
        uint64_t next = piece.start;
        for (size_t i = piece.first_part; i < piece.first_part + piece.part_count; ++i) {
          ASSERT_EQ(parts[i].start, next);
          next = parts[i].end;
          ASSERT_TRUE(of_merge.contains(parts[i].extent));
          covered.insert(i);
        }
        ASSERT_EQ(next, piece.end);
        const uint64_t size = extents[parts[piece.first_part].extent].record_size;
        ASSERT_TRUE(piece.part_count == 1 || (piece.end - piece.start) * size <= limit);
      }
      for (size_t i = 0; i < parts.size(); ++i) ASSERT_EQ(covered.contains(i), of_merge.contains(parts[i].extent));
    }
  });
}

}  // namespace
}  // namespace aeon::vos
