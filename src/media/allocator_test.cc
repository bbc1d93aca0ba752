#include "allocator.h"

#include <gtest/gtest.h>

#include "allocator_blob.h"
#include "block_ledger.h"
#include "sim/for_each_seed.h"

namespace aeon::media {
namespace {

std::vector<BlockRange> runs_of(const std::vector<bool>& bitmap) {
  std::vector<BlockRange> runs;
  for (uint64_t i = 0; i < bitmap.size(); ++i) {
    if (!bitmap[i]) continue;
    if (!runs.empty() && runs.back().first + runs.back().count == i)
      ++runs.back().count;
    else
      runs.push_back({i, 1});
  }
  return runs;
}

void set(std::vector<bool>& bitmap, BlockRange range, bool value) {
  for (uint64_t i = range.first; i < range.first + range.count; ++i) bitmap[i] = value;
}

bool all(const std::vector<bool>& bitmap, BlockRange range, bool value) {
  for (uint64_t i = range.first; i < range.first + range.count; ++i) {
    if (bitmap[i] != value) return false;
  }
  return true;
}

TEST(AllocatorProperty, AgreesWithABitmap) {
  for_each_seed([](Random& random) {
    constexpr uint64_t kBlocks = 300;
    Allocator allocator;
    std::vector<bool> is_free(kBlocks, false);
    for (int step = 0; step < 1000; ++step) {
      const uint64_t first = random.below(kBlocks);
      const BlockRange range{first, random.between(1, std::min<uint64_t>(20, kBlocks - first))};
      switch (random.below(4)) {
        case 0: {
          const bool fits = all(is_free, range, false);
          ASSERT_EQ(allocator.add(range), fits);
          if (fits) set(is_free, range, true);
          break;
        }
        case 1: {
          const bool is_there = all(is_free, range, true);
          ASSERT_EQ(allocator.contains(range), is_there);
          ASSERT_EQ(allocator.remove(range), is_there);
          if (is_there) set(is_free, range, false);
          break;
        }
        case 2: {
          const std::vector<BlockRange> runs = runs_of(is_free);
          std::optional<BlockRange> best;
          for (const BlockRange& run : runs) {
            if (run.count >= range.count && (!best || run.count < best->count)) best = run;
          }
          const std::optional<BlockRange> taken = allocator.take(range.count);
          ASSERT_EQ(taken.has_value(), best.has_value());
          if (best) {
            ASSERT_EQ(*taken, (BlockRange{best->first, range.count}));
            set(is_free, *taken, false);
          }
          break;
        }
        default: {
          const uint64_t free_before = allocator.free_count();
          const std::vector<BlockRange> taken = allocator.take_ranges(range.count);
          uint64_t count = 0;
          for (const BlockRange& part : taken) {
            ASSERT_TRUE(all(is_free, part, true));
            set(is_free, part, false);
            count += part.count;
          }
          ASSERT_EQ(count, range.count <= free_before ? range.count : 0);
        }
      }
      ASSERT_EQ(allocator.extents().extents(), runs_of(is_free));
      ASSERT_EQ(allocator.extent_count(), runs_of(is_free).size());
    }
    AllocatorImage image;
    for (const BlockRange& run : runs_of(is_free)) (random.one_in(4) ? image.held : image.free).push_back(run);
    const Result<AllocatorImage> decoded = decode_allocator(encode_allocator(image), 0, kBlocks);
    ASSERT_TRUE(decoded.is_ok());
    ASSERT_EQ((*decoded).free, image.free);
    ASSERT_EQ((*decoded).held, image.held);
    if (!image.free.empty() && image.free.front().first == 0) {
      ASSERT_EQ(decode_allocator(encode_allocator(image), 1, kBlocks).code(), Code::kCorrupt);
    }
  });
}

TEST(BlockLedger, FreedBlocksWaitForTheirBatchAndForOlderPins) {
  BlockLedger ledger(10, 110);
  ASSERT_TRUE(ledger.load({{{10, 100}}, {}}, 0).is_ok());
  const std::vector<BlockRange> blocks = ledger.reserve(4);
  ASSERT_EQ(blocks.size(), 1u);
  ledger.adopt(blocks[0]);
  const uint64_t pin = ledger.pin();
  ledger.free(blocks[0], LogPosition{5});
  ledger.release(LogPosition{4});
  EXPECT_EQ(ledger.free_count(), 96u);  // Its batch isn't durable.
  ledger.release(LogPosition{5});
  EXPECT_EQ(ledger.free_count(), 96u);  // Somebody may be reading.
  const uint64_t later_pin = ledger.pin();
  ledger.unpin(pin);
  ledger.release(LogPosition{5});
  EXPECT_EQ(ledger.free_count(), 100u);  // A pin taken afterwards doesn't matter.
  ledger.unpin(later_pin);
}

TEST(BlockLedger, RefusesToAdoptOrFreeWhatIsSomethingElse) {
  BlockLedger ledger(10, 110);
  ASSERT_TRUE(ledger.load({{{10, 100}}, {}}, 0).is_ok());
  const BlockRange mine = ledger.reserve(4).front();
  EXPECT_TRUE(ledger.check({mine}, {}).is_ok());
  EXPECT_EQ(ledger.check({mine, mine}, {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(ledger.check({{mine.first + 4, 1}}, {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(ledger.check({}, {mine}).code(), Code::kInvalidArgument);
  EXPECT_EQ(ledger.check({}, {{5, 1}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(ledger.check({}, {{~uint64_t{0}, 2}}).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace aeon::media
