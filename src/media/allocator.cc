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
  if (left) {
    unindex(left->first, left->count);
    range = {left->first, left->count + range.count};
  }
  if (right) {
    unindex(right->first, right->count);
    range.count += right->count;
  }
  index(range.first, range.count);
  return true;
}

bool Allocator::remove(BlockRange range) {
  if (range.count == 0) return true;
  if (!extents_.contains(range)) return false;
  const auto place = std::prev(extents_.by_start().upper_bound(range.first));
  const BlockRange whole{place->first, place->second};
  CHECK(extents_.remove(range));
  unindex(whole.first, whole.count);
  if (whole.first < range.first) index(whole.first, range.first - whole.first);
  const uint64_t end = range.first + range.count, whole_end = whole.first + whole.count;
  if (end < whole_end) index(end, whole_end - end);
  return true;
}

std::optional<BlockRange> Allocator::take(uint64_t count) {
  const auto fit = by_size_.lower_bound({count, 0});
  if (count == 0 || fit == by_size_.end()) return std::nullopt;
  const BlockRange range{fit->second, count};
  CHECK(remove(range));
  return range;
}

std::vector<BlockRange> Allocator::take_ranges(uint64_t count) {
  std::vector<BlockRange> ranges;
  if (count == 0 || count > free_count()) return ranges;
  while (count != 0) {
    std::optional<BlockRange> range = take(count);
    if (!range) {
      const auto& [size, first] = *by_size_.rbegin();
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
