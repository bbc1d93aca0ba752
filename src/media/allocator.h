// Which blocks are free: extents by place and by size. Pure memory; what else a block can be (reserved, freed but
// still needed) is BlockLedger's (block_ledger.h).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "media/key_block_store.h"

namespace aeon::media {

// A set of blocks as disjoint extents that don't touch.
class ExtentSet {
 public:
  // False, and nothing done, if part of it is there already.
  bool add(BlockRange range);
  // False, and nothing done, unless all of it is there.
  bool remove(BlockRange range);
  // Takes out whatever part of it is there, and returns how many blocks that were.
  uint64_t remove_any(BlockRange range);
  bool contains(BlockRange range) const;
  bool overlaps(BlockRange range) const;
  uint64_t block_count() const { return block_count_; }
  size_t extent_count() const { return by_start_.size(); }
  std::vector<BlockRange> extents() const;
  const std::map<uint64_t, uint64_t>& by_start() const { return by_start_; }

 protected:
  std::map<uint64_t, uint64_t> by_start_;  // First block → count.
  uint64_t block_count_ = 0;
};

// The blocks of one device.
struct AllocatorPart {
  BlockRange blocks;
  bool is_missing = false;  // Its blocks stay free; none of them is given out.
};

// Free blocks, given out best fit: the smallest extent that is large enough, the first of equals. So the large extent
// at the end, which a growing file doesn't have yet, is touched last.
//
// Over several parts: what take() gives comes from the first part that has it, so that the index stays together;
// take_ranges() goes round the parts in strides, so that they fill up together and work at the same time.
class Allocator {
 public:
  // Before anything is added, unless all is one part; in order, with gaps between them.
  void set_parts(const std::vector<AllocatorPart>& parts);

  bool add(BlockRange range);      // See ExtentSet.
  bool remove(BlockRange range);
  std::optional<BlockRange> take(uint64_t count);            // In one range.
  std::vector<BlockRange> take_ranges(uint64_t count);       // In few; empty if there aren't as many.
  bool contains(BlockRange range) const { return extents_.contains(range); }
  // To be given out; extents() has what is on missing parts too.
  uint64_t free_count() const;
  size_t extent_count() const { return extents_.extent_count(); }
  const ExtentSet& extents() const { return extents_; }
  uint64_t largest() const;
  // Blocks in pieces that an index page of the usual size fits into.
  uint64_t free_for_pages() const;

 private:
  static constexpr uint64_t kPageBlocks = 4;
  // What one part gives before it is the next one's turn: 64 KiB, so that many small writes at a time, too, are spread,
  // and what is written one after the other still lies together in pieces worth reading at once.
  static constexpr uint64_t kStrideBlocks = 16;
  static uint64_t page_blocks_in(uint64_t count) { return count / kPageBlocks * kPageBlocks; }
  struct Part {
    AllocatorPart is;
    std::set<std::pair<uint64_t, uint64_t>> by_size;  // Count, first block.
    uint64_t free_count = 0;
    uint64_t page_blocks = 0;
    void add(uint64_t first, uint64_t count);
    void remove(uint64_t first, uint64_t count);
  };
  Part& part_of(uint64_t block);
  std::optional<BlockRange> take_from(const Part& part, uint64_t count);
  // Whose turn it is: the one with the greatest part of it free.
  size_t emptiest() const;

  ExtentSet extents_;
  std::vector<Part> parts_{Part{.is = {{0, ~uint64_t{0}}, false}, .by_size = {}}};
  size_t turn_ = 0;
  uint64_t taken_in_turn_ = kStrideBlocks;
};

// What a checkpoint keeps of the allocator.
struct AllocatorImage {
  std::vector<BlockRange> free;
  // Belonged to the checkpoint before, and is free once the next one is durable.
  std::vector<BlockRange> held;
};
Bytes encode_allocator(const AllocatorImage& image);
// kCorrupt unless it is extents in order within [data_first, data_end).
Result<AllocatorImage> decode_allocator(ByteView bytes, uint64_t data_first, uint64_t data_end);

}  // namespace aeon::media
