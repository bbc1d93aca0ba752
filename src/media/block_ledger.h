// What every block of the data area is at this moment, apart from content: free; reserved for a writer; stored
// (adopted by a batch, or a page); freed, but not yet reusable; or held for the checkpoint before the last.
//
// Why freed blocks wait: docs/design/store-format.md.
#pragma once

#include <algorithm>
#include <deque>
#include <map>

#include "allocator.h"
#include "runtime/disk.h"

namespace aeon::media {

class BlockLedger {
  struct Freed {
    BlockRange range;
    LogPosition freed_by;
    uint64_t generation;
  };

 public:
  BlockLedger(uint64_t data_first, uint64_t data_end) : data_first_(data_first), data_end_(data_end) {}
  // Before anything else, if the disk isn't one piece.
  void set_parts(const std::vector<DiskPart>& parts);
  // From a checkpoint's image. kCorrupt if its extents overlap.
  Status load(const AllocatorImage& image, uint64_t adopted_count);
  // The disk grew since.
  void grow(uint64_t data_end);

  // For users: the caller has looked at free_count().
  std::vector<BlockRange> reserve(uint64_t count);
  bool cancel(BlockRange range);  // False unless it is reserved.
  bool is_reserved(BlockRange range) const { return reserved_.contains(range); }

  // Whether a batch may adopt and free these.
  Status check(const std::vector<BlockRange>& adopted, const std::vector<BlockRange>& freed) const;
  void adopt(BlockRange range);
  void free(BlockRange range, LogPosition freed_by);
  // The same when replaying the log. kCorrupt unless the blocks are what such a batch needs.
  Status replay_adopt(BlockRange range);
  Status replay_free(BlockRange range);

  uint64_t pin();
  void unpin(uint64_t generation);
  // Releases what was freed at or before `durable`, up to the first of which `may_release(range)` says no.
  template <typename MayRelease>
  void release(LogPosition durable, MayRelease may_release) {
    while (const Freed* const freed = releasable(durable)) {
      if (!may_release(freed->range)) return;
      release_next();
    }
  }
  void release(LogPosition durable) {
    release(durable, [](BlockRange) { return true; });
  }

  // For giving space back to the device: what became free since blocks are noted, in pieces of at least `count_min`
  // blocks. A piece counts as reserved until it is cancelled, so that nobody writes to it meanwhile.
  void note_freed(uint64_t count_min) { discard_count_min_ = count_min; }
  void stop_discards() { discard_count_min_ = 0; }
  // Whether enough was freed since the last pass for another one.
  bool has_discard() const {
    return discard_count_min_ != 0 && freed_since_pass_ >= std::max(discard_count_min_, undiscarded_.block_count() / 8);
  }
  // The next piece of a pass, which goes on from `from` and ends with nothing.
  std::optional<BlockRange> take_discard(uint64_t count_max, uint64_t& from);

  // For checkpoints. What counts as free in its image, in order, once it has taken what it needs itself: it takes that
  // at the same moment, so that all of it was free then.
  std::vector<BlockRange> free_in_image() const;
  std::optional<BlockRange> take_page(uint64_t count);
  std::vector<BlockRange> take_ranges(uint64_t count);
  void give_back(BlockRange range);
  // The new checkpoint is durable: what was held before is free, and `held` is held now.
  void end_checkpoint(std::vector<BlockRange> held);

  const std::vector<BlockRange>& held() const { return held_; }
  uint64_t free_count() const { return free_.free_count(); }
  // Of these, the blocks in pieces that index pages fit into.
  uint64_t free_for_pages() const { return free_.free_for_pages(); }
  uint64_t largest_free() const { return free_.largest(); }
  size_t free_extent_count() const { return free_.extent_count(); }
  size_t waiting_extent_count() const { return waiting_.size() + held_.size(); }
  // About what it all takes in memory.
  size_t memory_size() const {
    constexpr size_t kMapEntry = 64;
    const size_t others = reserved_.extent_count() + waiting_set_.extent_count() + undiscarded_.extent_count();
    return free_.extent_count() * 2 * kMapEntry + others * kMapEntry + waiting_.size() * sizeof(Freed) +
           held_.capacity() * sizeof(BlockRange);
  }
  uint64_t waiting_count() const { return waiting_set_.block_count(); }
  uint64_t adopted_count() const { return adopted_count_; }
  uint64_t data_first() const { return data_first_; }
  uint64_t data_end() const { return data_end_; }
  // Blocks of the data area: without the gaps between devices.
  uint64_t data_count() const { return count_in({data_first_, data_end_ - data_first_}); }
  // True if any of it is free, reserved, waiting or held: so no page may lie there.
  bool is_unused(BlockRange range) const;

 private:
  bool is_inside(BlockRange range) const {
    return range.first >= data_first_ && range.first < data_end_ && range.count <= data_end_ - range.first &&
           (parts_.empty() || count_in(range) == range.count);
  }
  uint64_t count_in(BlockRange range) const;
  bool is_held(BlockRange range) const;
  // The one that waits longest, if nothing but the caller needs it.
  const Freed* releasable(LogPosition durable) const;
  void release_next();
  // It was stored, and nothing needs it any more.
  void add_freed(BlockRange range);

  uint64_t data_first_;
  uint64_t data_end_;
  std::vector<BlockRange> parts_;  // Of the data area; empty: it is one piece.
  Allocator free_;
  ExtentSet reserved_;
  uint64_t discard_count_min_ = 0;  // 0: nothing is noted.
  ExtentSet undiscarded_;  // Free, and perhaps still taking space on the device.
  uint64_t freed_since_pass_ = 0;
  ExtentSet waiting_set_;
  std::deque<Freed> waiting_;
  std::vector<BlockRange> held_;  // In order.
  std::map<uint64_t, uint64_t> pins_;  // Generation → count.
  uint64_t pin_generation_ = 0;
  uint64_t adopted_count_ = 0;
};

}  // namespace aeon::media
