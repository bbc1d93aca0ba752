#include "allocator.h"

#include <algorithm>

#include "base/check.h"

namespace aeon::media {

bool ExtentSet::overlaps(BlockRange range) const {
  if (range.count == 0) return false;
  auto after = by_start_.lower_bound(range.first);
  if (after != by_start_.end() && after->first - range.first < range.count) return true;
  if (after == by_start_.begin()) return false;
  --after;
  return range.first - after->first < after->second;
}

bool ExtentSet::contains(BlockRange range) const {
  if (range.count == 0) return true;
  auto after = by_start_.upper_bound(range.first);
  if (after == by_start_.begin()) return false;
  --after;
  const uint64_t skipped = range.first - after->first;
  return skipped < after->second && after->second - skipped >= range.count;
}

bool ExtentSet::add(BlockRange range) {
  if (range.count == 0) return true;
  if (overlaps(range)) return false;
  block_count_ += range.count;
  auto after = by_start_.lower_bound(range.first);
  if (after != by_start_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == range.first) {
      range = {before->first, before->second + range.count};
      by_start_.erase(before);
    }
  }
  if (after != by_start_.end() && range.first + range.count == after->first) {
    range.count += after->second;
    after = by_start_.erase(after);
  }
  by_start_.emplace_hint(after, range.first, range.count);
  return true;
}

bool ExtentSet::remove(BlockRange range) {
  if (range.count == 0) return true;
  if (!contains(range)) return false;
  block_count_ -= range.count;
  const auto place = std::prev(by_start_.upper_bound(range.first));
  const uint64_t first = place->first, end = place->first + place->second;
  if (first == range.first)
    by_start_.erase(place);
  else
    place->second = range.first - first;
  if (range.first + range.count < end) by_start_[range.first + range.count] = end - range.first - range.count;
  return true;
}

uint64_t ExtentSet::remove_any(BlockRange range) {
  uint64_t removed = 0;
  const uint64_t end = range.first + range.count;
  auto place = by_start_.upper_bound(range.first);
  if (place != by_start_.begin()) --place;
  while (place != by_start_.end() && place->first < end) {
    const uint64_t first = std::max(place->first, range.first);
    const uint64_t last = std::min(place->first + place->second, end);
    ++place;
    if (first >= last) continue;
    CHECK(remove({first, last - first}));
    removed += last - first;
    place = by_start_.lower_bound(last);
  }
  return removed;
}

std::vector<BlockRange> ExtentSet::extents() const {
  std::vector<BlockRange> all;
  all.reserve(by_start_.size());
  for (const auto& [first, count] : by_start_) all.push_back({first, count});
  return all;
}

void Allocator::set_parts(const std::vector<AllocatorPart>& parts) {
  CHECK(extents_.extent_count() == 0 && !parts.empty());
  parts_.clear();
  for (const AllocatorPart& part : parts) {
    Part& added = parts_.emplace_back();
    added.is = part;
  }
}

void Allocator::Part::add(uint64_t first, uint64_t count) {
  by_size.insert({count, first});
  free_count += count;
  page_blocks += page_blocks_in(count);
}

void Allocator::Part::remove(uint64_t first, uint64_t count) {
  if (by_size.erase({count, first}) == 0) return;
  free_count -= count;
  page_blocks -= page_blocks_in(count);
}

Allocator::Part& Allocator::part_of(uint64_t block) {
  size_t index = 0;
  while (index + 1 < parts_.size() && parts_[index + 1].is.blocks.first <= block) ++index;
  return parts_[index];
}

uint64_t Allocator::free_count() const {
  uint64_t count = 0;
  for (const Part& part : parts_) count += part.is.is_missing ? 0 : part.free_count;
  return count;
}

uint64_t Allocator::free_for_pages() const {
  uint64_t count = 0;
  for (const Part& part : parts_) count += part.is.is_missing ? 0 : part.page_blocks;
  return count;
}

uint64_t Allocator::largest() const {
  uint64_t largest = 0;
  for (const Part& part : parts_) {
    if (!part.is.is_missing && !part.by_size.empty()) largest = std::max(largest, part.by_size.rbegin()->first);
  }
  return largest;
}

size_t Allocator::emptiest() const {
  size_t best = 0;
  double best_free = -1;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    const double free = static_cast<double>(part.free_count) / static_cast<double>(part.is.blocks.count);
    if (part.is.is_missing || free <= best_free) continue;
    best = i;
    best_free = free;
  }
  return best;
}

bool Allocator::add(BlockRange range) {
  if (range.count == 0) return true;
  const auto& map = extents_.by_start();
  const auto after = map.lower_bound(range.first);
  std::optional<BlockRange> left, right;
  if (after != map.begin() && std::prev(after)->first + std::prev(after)->second == range.first) {
    left = BlockRange{std::prev(after)->first, std::prev(after)->second};
  }
  if (after != map.end() && range.first + range.count == after->first) right = BlockRange{after->first, after->second};
  if (!extents_.add(range)) return false;
  Part& part = part_of(range.first);
  if (left) {
    part.remove(left->first, left->count);
    range = {left->first, left->count + range.count};
  }
  if (right) {
    part.remove(right->first, right->count);
    range.count += right->count;
  }
  part.add(range.first, range.count);
  return true;
}

bool Allocator::remove(BlockRange range) {
  if (range.count == 0) return true;
  if (!extents_.contains(range)) return false;
  const auto place = std::prev(extents_.by_start().upper_bound(range.first));
  const BlockRange whole{place->first, place->second};
  CHECK(extents_.remove(range));
  Part& part = part_of(whole.first);
  part.remove(whole.first, whole.count);
  if (whole.first < range.first) part.add(whole.first, range.first - whole.first);
  const uint64_t end = range.first + range.count, whole_end = whole.first + whole.count;
  if (end < whole_end) part.add(end, whole_end - end);
  return true;
}

std::optional<BlockRange> Allocator::take_from(const Part& part, uint64_t count) {
  if (part.is.is_missing) return std::nullopt;
  const auto fit = part.by_size.lower_bound({count, 0});
  if (fit == part.by_size.end()) return std::nullopt;
  const BlockRange range{fit->second, count};
  CHECK(remove(range));
  return range;
}

std::optional<BlockRange> Allocator::take(uint64_t count) {
  if (count == 0) return std::nullopt;
  for (const Part& part : parts_) {
    if (const std::optional<BlockRange> range = take_from(part, count)) return range;
  }
  return std::nullopt;
}

std::vector<BlockRange> Allocator::take_ranges(uint64_t count) {
  std::vector<BlockRange> ranges;
  if (count == 0 || count > free_count()) return ranges;
  if (taken_in_turn_ >= kStrideBlocks && parts_.size() > 1) {
    turn_ = emptiest();
    taken_in_turn_ = 0;
  }
  taken_in_turn_ += count;
  while (count != 0) {
    std::optional<BlockRange> range = take_from(parts_[turn_], count);
    if (!range) range = take(count);
    if (!range) {
      const std::set<std::pair<uint64_t, uint64_t>>* most = nullptr;
      for (const Part& part : parts_) {
        if (part.is.is_missing || part.by_size.empty()) continue;
        if (most == nullptr || part.by_size.rbegin()->first > most->rbegin()->first) most = &part.by_size;
      }
      const auto& [size, first] = *most->rbegin();
      range = BlockRange{first, size};
      CHECK(remove(*range));
    }
    ranges.push_back(*range);
    count -= range->count;
  }
  return ranges;
}

namespace {

void put_varint(Bytes& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::byte>(value));
}

bool get_varint(ByteView& in, uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (in.empty()) return false;
    const uint64_t byte = static_cast<uint64_t>(in.front());
    in = in.subspan(1);
    if (shift == 63 && byte > 1) return false;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

void encode_extents(Bytes& out, const std::vector<BlockRange>& extents) {
  put_varint(out, extents.size());
  uint64_t at = 0;
  for (const BlockRange& extent : extents) {
    put_varint(out, extent.first - at);
    put_varint(out, extent.count);
    at = extent.first + extent.count;
  }
}

Status decode_extents(ByteView& in, uint64_t data_first, uint64_t data_end, std::vector<BlockRange>& out) {
  const auto bad = [] { return Status(Code::kCorrupt, "allocator: extents out of order or beyond the disk"); };
  uint64_t count = 0;
  if (!get_varint(in, count) || count > in.size() / 2) return bad();  // An extent takes at least two bytes.
  out.reserve(count);
  uint64_t at = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t gap = 0, size = 0;
    if (!get_varint(in, gap) || !get_varint(in, size)) return bad();
    if (gap > data_end - at || size == 0 || size > data_end - at - gap || at + gap < data_first) return bad();
    out.push_back({at + gap, size});
    at += gap + size;
  }
  return ok();
}

}  // namespace

Bytes encode_allocator(const AllocatorImage& image) {
  Bytes out;
  encode_extents(out, image.free);
  encode_extents(out, image.held);
  return out;
}

Result<AllocatorImage> decode_allocator(ByteView bytes, uint64_t data_first, uint64_t data_end) {
  AllocatorImage image;
  TRY(decode_extents(bytes, data_first, data_end, image.free));
  TRY(decode_extents(bytes, data_first, data_end, image.held));
  if (!bytes.empty()) return Status(Code::kCorrupt, "allocator: bytes behind the end");
  return image;
}

}  // namespace aeon::media
