#include "block_ledger.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/mutation.h"

namespace aeon::media {

namespace {

std::string describe(BlockRange range) {
  return std::to_string(range.count) + " blocks at " + std::to_string(range.first);
}

// Whether two of them have a block in common.
bool any_overlap(std::vector<BlockRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  const auto meet = [](BlockRange left, BlockRange right) { return right.first - left.first < left.count; };
  return std::adjacent_find(ranges.begin(), ranges.end(), meet) != ranges.end();
}

}  // namespace

void BlockLedger::set_parts(const std::vector<DiskPart>& parts) {
  if (parts.size() < 2) return;
  std::vector<AllocatorPart> of_data;
  for (const DiskPart& part : parts) {
    const uint64_t first = std::max(part.offset / kBlockSize, data_first_);
    const uint64_t end = (part.offset + part.size) / kBlockSize;
    if (first < end) of_data.push_back({.blocks = {first, end - first}, .is_missing = part.is_missing});
  }
  for (const AllocatorPart& part : of_data) parts_.push_back(part.blocks);
  free_.set_parts(of_data);
}

uint64_t BlockLedger::count_in(BlockRange range) const {
  if (parts_.empty()) return range.count;
  uint64_t count = 0;
  for (const BlockRange& part : parts_) {
    const uint64_t first = std::max(part.first, range.first);
    const uint64_t end = std::min(part.first + part.count, range.first + range.count);
    if (first < end) count += end - first;
  }
  return count;
}

Status BlockLedger::load(const AllocatorImage& image, uint64_t adopted_count) {
  const auto overlap = [] { return Status(Code::kCorrupt, "allocator: extents overlap"); };
  for (const BlockRange& range : image.free) {
    if (!free_.add(range)) return overlap();
  }
  uint64_t held_count = 0;
  for (const BlockRange& range : image.held) {
    if (free_.extents().overlaps(range)) return overlap();
    held_count += range.count;
  }
  held_ = image.held;
  adopted_count_ = adopted_count;
  if (adopted_count_ > data_count() - free_.extents().block_count() - held_count) {
    return Status(Code::kCorrupt, "allocator: more blocks stored than there are");
  }
  return ok();
}

void BlockLedger::grow(uint64_t data_end) {
  if (data_end <= data_end_) return;
  if (parts_.empty()) CHECK(free_.add({data_end_, data_end - data_end_}));
  for (const BlockRange& part : parts_) {
    const uint64_t first = std::max(part.first, data_end_), end = std::min(part.first + part.count, data_end);
    if (first < end) CHECK(free_.add({first, end - first}));
  }
  data_end_ = data_end;
}

std::vector<BlockRange> BlockLedger::reserve(uint64_t count) {
  std::vector<BlockRange> ranges = free_.take_ranges(count);
  for (const BlockRange& range : ranges) {
    undiscarded_.remove_any(range);
    CHECK(reserved_.add(range));
  }
  return ranges;
}

void BlockLedger::add_freed(BlockRange range) {
  CHECK(free_.add(range));
  if (discard_count_min_ == 0) return;
  undiscarded_.remove_any(range);
  CHECK(undiscarded_.add(range));
  freed_since_pass_ += range.count;
}

std::optional<BlockRange> BlockLedger::take_page(uint64_t count) {
  const std::optional<BlockRange> taken = free_.take(count);
  if (taken) undiscarded_.remove_any(*taken);
  return taken;
}

std::vector<BlockRange> BlockLedger::take_ranges(uint64_t count) {
  const std::optional<BlockRange> whole = free_.take(count);
  const std::vector<BlockRange> taken = whole ? std::vector<BlockRange>{*whole} : free_.take_ranges(count);
  for (const BlockRange& range : taken) undiscarded_.remove_any(range);
  return taken;
}

std::optional<BlockRange> BlockLedger::take_discard(uint64_t count_max, uint64_t& from) {
  freed_since_pass_ = 0;
  if (discard_count_min_ == 0) return std::nullopt;
  const auto& pieces = undiscarded_.by_start();
  for (auto at = pieces.lower_bound(from); at != pieces.end(); ++at) {
    if (at->second < discard_count_min_) continue;
    const BlockRange piece{at->first, std::min(at->second, count_max)};
    from = piece.first + piece.count;
    CHECK(undiscarded_.remove(piece));
    CHECK(free_.remove(piece));
    CHECK(reserved_.add(piece));
    return piece;
  }
  return std::nullopt;
}

bool BlockLedger::cancel(BlockRange range) {
  if (!reserved_.remove(range)) return false;
  CHECK(free_.add(range));
  return true;
}

bool BlockLedger::is_held(BlockRange range) const {
  const auto begins_before = [](const BlockRange& held, uint64_t block) { return held.first < block; };
  const auto behind = std::lower_bound(held_.begin(), held_.end(), range.first + range.count, begins_before);
  return behind != held_.begin() && std::prev(behind)->first + std::prev(behind)->count > range.first;
}

bool BlockLedger::is_unused(BlockRange range) const {
  return free_.extents().overlaps(range) || reserved_.overlaps(range) || waiting_set_.overlaps(range) || is_held(range);
}

Status BlockLedger::check(const std::vector<BlockRange>& adopted, const std::vector<BlockRange>& freed) const {
  for (const BlockRange& range : adopted) {
    if (is_inside(range) && range.count != 0 && reserved_.contains(range)) continue;
    return Status(Code::kInvalidArgument, "adopting " + describe(range) + ", which aren't reserved");
  }
  for (const BlockRange& range : freed) {
    if (is_inside(range) && range.count != 0 && !is_unused(range)) continue;
    return Status(Code::kInvalidArgument, "freeing " + describe(range) + ", which aren't stored");
  }
  if (any_overlap(adopted) || any_overlap(freed)) {
    return Status(Code::kInvalidArgument, "a batch adopts or frees blocks twice");
  }
  return ok();
}

void BlockLedger::adopt(BlockRange range) {
  CHECK(reserved_.remove(range));
  adopted_count_ += range.count;
}

void BlockLedger::free(BlockRange range, LogPosition freed_by) {
  CHECK(waiting_set_.add(range));
  adopted_count_ -= std::min(adopted_count_, range.count);
  waiting_.push_back({range, freed_by, pin_generation_++});
}

Status BlockLedger::replay_adopt(BlockRange range) {
  const auto bad = [&] { return Status(Code::kCorrupt, "a batch adopts " + describe(range) + ", which aren't free"); };
  if (!is_inside(range) || range.count == 0) return bad();
  adopted_count_ += range.count;
  if (free_.remove(range)) return ok();
  // After a fall back to the older superblock, blocks held for it may have been adopted.
  for (uint64_t block = range.first; block < range.first + range.count; ++block) {
    if (free_.remove({block, 1})) continue;
    ExtentSet held;
    for (const BlockRange& extent : held_) CHECK(held.add(extent));
    if (!held.remove({block, 1})) return bad();
    held_ = held.extents();
  }
  return ok();
}

Status BlockLedger::replay_free(BlockRange range) {
  const auto bad = [&] { return Status(Code::kCorrupt, "a batch frees " + describe(range) + ", which aren't stored"); };
  if (!is_inside(range) || range.count == 0 || is_unused(range)) return bad();
  adopted_count_ -= std::min(adopted_count_, range.count);
  CHECK(free_.add(range));
  return ok();
}

uint64_t BlockLedger::pin() {
  ++pins_[pin_generation_];
  return pin_generation_;
}

void BlockLedger::unpin(uint64_t generation) {
  const auto place = pins_.find(generation);
  CHECK(place != pins_.end());
  if (--place->second == 0) pins_.erase(place);
}

const BlockLedger::Freed* BlockLedger::releasable(LogPosition durable) const {
  if (waiting_.empty()) return nullptr;
  const Freed& freed = waiting_.front();
  if (MUTATION("block_is_reused_before_durable", freed.freed_by > durable, false)) return nullptr;
  if (!pins_.empty() && pins_.begin()->first <= freed.generation) return nullptr;
  return &freed;
}

void BlockLedger::release_next() {
  const BlockRange range = waiting_.front().range;
  CHECK(waiting_set_.remove(range));
  add_freed(range);
  waiting_.pop_front();
}

std::vector<BlockRange> BlockLedger::free_in_image() const {
  std::vector<BlockRange> others;
  if (MUTATION("image_forgets_reserved", true, false)) others = reserved_.extents();
  const std::vector<BlockRange> waiting = waiting_set_.extents();
  others.insert(others.end(), waiting.begin(), waiting.end());
  others.insert(others.end(), held_.begin(), held_.end());
  std::sort(others.begin(), others.end());

  std::vector<BlockRange> all;
  all.reserve(free_.extent_count() + others.size());
  const auto add = [&all](BlockRange range) {
    if (!all.empty() && all.back().first + all.back().count == range.first) {
      all.back().count += range.count;
      return;
    }
    DCHECK(all.empty() || all.back().first + all.back().count < range.first);
    all.push_back(range);
  };
  auto other = others.begin();
  for (const auto& [first, count] : free_.extents().by_start()) {
    for (; other != others.end() && other->first < first; ++other) add(*other);
    add({first, count});
  }
  for (; other != others.end(); ++other) add(*other);
  return all;
}

void BlockLedger::give_back(BlockRange range) { CHECK(free_.add(range)); }

void BlockLedger::end_checkpoint(std::vector<BlockRange> held) {
  for (const BlockRange& range : held_) add_freed(range);
  held_ = MUTATION("held_blocks_are_lost", std::move(held), std::vector<BlockRange>());
}

}  // namespace aeon::media
