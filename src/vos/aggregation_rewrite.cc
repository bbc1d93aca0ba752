// Merging and trimming the extents of an array, one layer and one window of it after the other.
#include <algorithm>
#include <numeric>

#include "aggregation.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "extent_merge.h"
#include "runtime/disk.h"
#include "space_accounting.h"
#include "value_reader.h"
#include "value_writer.h"

namespace aeon::vos {

namespace {

constexpr uint32_t kWindowExtents = 256;       // Of each size class, about.
constexpr ByteCount kTrimUnit = media::kBlockSize;
constexpr ByteCount kTrimUnitMax = 64 * kKiB;

uint64_t blocks_for(uint64_t bytes) { return (bytes + media::kBlockSize - 1) / media::kBlockSize; }

// Blocks [first, first + count) of what `ranges` have, in their order.
std::vector<media::BlockRange> part_of(const std::vector<media::BlockRange>& ranges, uint64_t first, uint64_t count) {
  std::vector<media::BlockRange> found;
  for (const media::BlockRange& range : ranges) {
    if (count == 0) break;
    if (first >= range.count) {
      first -= range.count;
      continue;
    }
    const uint64_t here = std::min(range.count - first, count);
    found.push_back({.first = range.first + first, .count = here});
    count -= here;
    first = 0;
  }
  return found;
}

// What a value takes.
struct Stored {
  ByteCount bytes = 0;
  bool fills_blocks = false;  // And not much less in them than they could hold.
};
Stored stored_size(ByteView value) {
  Stored stored{.bytes = value.size()};
  const auto record = decode_value(value);
  if (!record || record->blocks.empty()) return stored;
  ByteCount blocks = 0;
  for (const media::BlockRange& range : record->blocks) blocks += range.count * media::kBlockSize;
  stored.bytes += blocks;
  stored.fills_blocks = record->bytes() >= blocks / 8 * 7;
  return stored;
}

void add_checksums(ValueRecord& record, ByteView data) {
  record.chunk = checksum_chunk(record.record_size);
  for (size_t begin = 0; begin < data.size(); begin += record.chunk) {
    record.checksums.push_back(crc32c(data.subspan(begin, std::min<size_t>(record.chunk, data.size() - begin))));
  }
}

// The medium doesn't have what it should: others must hear of it, and what is left stays as it is.
bool is_damage(const Status& status) { return status.code() == Code::kCorrupt || status.code() == Code::kIo; }

}  // namespace

// Extents that go, and those that come in their place, in one batch.
struct Aggregation::Rewrite {
  explicit Rewrite(media::KeyBlockStore& media) : reservation(media) {}

  media::Batch batch;  // Erases come first: what is written may have the same key.
  Reservation reservation;
  SpaceUse change;
  uint64_t extents_gone = 0;
  uint64_t extents_new = 0;
  ByteCount bytes_copied = 0;
  bool is_possible = true;
};

Bytes Aggregation::extent_key(const ExtentCandidate& extent) const {
  Bytes key = scopes_[kAkey].prefix;
  append_extent_start(key, extent_level(extent.end - extent.start), extent.start);
  append_version(key, extent.version);
  return key;
}

void Aggregation::note_damage(const ExtentCandidate& extent, const Status& status) {
  ++rewritten_.damaged;
  log::warn("aggregation_left_damage", {{"record", describe_record_key(extent_key(extent))}, {"status", status}});
}

Task<Status> Aggregation::rewrite_akey() {
  for (const auto& [index, seen] : layers_) {
    if (seen.small_extents < kMergeFactor && !seen.is_partly_hidden) continue;
    CO_TRY(co_await dropper_.flush());
    Layer layer;
    layer.after = index == 0 ? kEpochZero : kept_[index - 1];
    layer.at = kept_[index];
    layer.floor = floor_at(layer.at);
    CO_TRY(co_await rewrite_layer(&layer));
  }
  co_return ok();
}

Task<Status> Aggregation::rewrite_layer(const Layer* layer) {
  uint64_t from = 0;
  while (true) {
    work_ += kLookupWork;
    CO_TRY_ASSIGN(const Lookup::Slice slice,
                  co_await lookup_.slice_after(scopes_[kAkey].prefix, from, kWindowExtents, {}));
    if (slice.first_start == Lookup::kNoExtent) co_return ok();
    Window window;
    window.begin = std::max(from, slice.first_start);
    window.end = slice.end;
    CO_TRY(co_await load_window(layer, &window));
    CO_TRY(co_await trim_window(&window));
    // What was trimmed is gone, or smaller.
    CO_TRY(co_await load_window(layer, &window));
    CO_TRY(co_await merge_window(&window));
    if (slice.end == Lookup::kNoExtent) co_return ok();
    from = slice.end;
    CO_TRY(co_await end_slice_if_full());
  }
}

// Extents reach across the window's ends: it is widened, so that those that begin in it are known whole.
Task<Status> Aggregation::load_window(const Layer* layer, Window* window) {
  const auto is_other = [layer](const ExtentCandidate& extent) { return extent.version.epoch <= layer->after; };
  for (const Lookup::Values values : {Lookup::Values::kLeaveOut, Lookup::Values::kCopy}) {
    window->set.clear();
    work_ += kLookupWork;
    CO_TRY(co_await lookup_.overlapping(scopes_[kAkey].prefix, window->begin, window->end, layer->at, layer->floor,
                                        values, window->set));
    std::erase_if(window->set.candidates, is_other);
    if (values == Lookup::Values::kCopy) break;
    uint64_t reach = 0;
    for (const ExtentCandidate& extent : window->set.candidates) {
      if (!extent.is_punch) reach = std::max(reach, extent.end);
      if (!extent.is_punch) window->begin = std::min(window->begin, extent.start);
    }
    window->end = window->end == Lookup::kNoExtent ? reach : std::max(window->end, reach);
  }
  work_ += window->set.candidates.size();
  window->parts = visible_parts(window->set.candidates, window->begin, window->end);
  co_return ok();
}

Task<Status> Aggregation::merge_window(const Window* window) {
  std::vector<MergeExtent> extents;
  for (const ExtentCandidate& extent : window->set.candidates) {
    const bool is_whole = extent.start >= window->begin && extent.end <= window->end;
    const Stored stored = extent.is_punch ? Stored() : stored_size(window->set.found[extent.source].value);
    extents.push_back({.record_size = window->set.found[extent.source].record_size,
                       .count = extent.end - extent.start,
                       .stored_bytes = stored.bytes,
                       .is_fixed = extent.is_punch || !is_whole || extent.version.epoch > setup_.merge_through,
                       .is_only_for_space = stored.fills_blocks && extent.version.epoch > setup_.copy_through});
  }
  std::vector<MergePart> parts;
  for (const VisiblePart& part : window->parts) {
    parts.push_back({.start = part.start, .end = part.end, .extent = part.candidate});
  }
  MergeLimits limits;
  limits.piece_size_max = kPieceSizeMax;
  if (setup_.is_short_of_space) limits.freed_part = 0.25;
  const std::vector<Merge> merges = plan_merges(std::move(extents), parts, limits);
  for (const Merge& merge : merges) {
    Rewrite rewrite(media_);
    Version newest;
    for (const size_t index : merge.extents) {
      const ExtentCandidate& extent = window->set.candidates[index];
      newest = std::max(newest, extent.version);
      CO_TRY(remove(&rewrite, *window, index, true));
    }
    for (const Merge::Piece& piece : merge.pieces) {
      const uint64_t record_size =
          window->set.found[window->set.candidates[parts[piece.first_part].extent].source].record_size;
      DiskBuffer data((piece.end - piece.start) * record_size);
      const ByteCount size = (piece.end - piece.start) * record_size;
      for (size_t i = 0; i < piece.part_count && rewrite.is_possible; ++i) {
        const MergePart& part = parts[piece.first_part + i];
        const MutableBytes place =
            data.bytes().subspan((part.start - piece.start) * record_size, part.count() * record_size);
        CO_TRY(co_await read_part(&rewrite, window, part.extent, part.start, part.end, place));
      }
      if (!rewrite.is_possible) break;
      const ExtentCandidate merged{.start = piece.start, .end = piece.end, .version = newest};
      CO_TRY(co_await add_copy(&rewrite, merged, record_size, data.bytes().first(size)));
      if (!rewrite.is_possible) break;
    }
    CO_TRY(co_await apply(&rewrite));
    CO_TRY(co_await end_slice());
  }
  co_return ok();
}

// The extent with that index goes, with its blocks or without.
Status Aggregation::remove(Rewrite* rewrite, const Window& window, size_t index, bool with_blocks) {
  const ExtentCandidate& extent = window.set.candidates[index];
  const Bytes& value = window.set.found[extent.source].value;
  const Bytes key = extent_key(extent);
  TRY_ASSIGN(const RecordKey record, decode_record_key(key));
  TRY_ASSIGN(const ValueRecord decoded, decode_value(value));
  rewrite->batch.erase(key);
  rewrite->change += -space_of_record(record, key, value);
  ++rewrite->extents_gone;
  for (const media::BlockRange& range : decoded.blocks) {
    if (with_blocks) rewrite->batch.free(range);
  }
  return ok();
}

// Makes the rewrite impossible if the records aren't what was written.
Task<Status> Aggregation::read_part(Rewrite* rewrite, const Window* window, size_t index, uint64_t start, uint64_t end,
                                    MutableBytes out) {
  const ExtentCandidate& extent = window->set.candidates[index];
  CO_TRY_ASSIGN(const ValueRecord record, decode_value(window->set.found[extent.source].value));
  const std::vector<MutableBytes> pieces{out};
  const Destination destination(pieces);
  std::vector<uint32_t> checksums;
  const uint64_t size = record.record_size;
  const Status status = co_await read_value(media_, record, (start - extent.start) * size, (end - extent.start) * size,
                                            destination, 0, checksums);
  if (status.is_ok()) co_return ok();
  if (!is_damage(status)) co_return status;
  note_damage(extent, status);
  rewrite->is_possible = false;
  co_return ok();
}

// A new extent with these bytes. Without space for it the rewrite isn't possible.
Task<Status> Aggregation::add_copy(Rewrite* rewrite, ExtentCandidate extent, uint64_t record_size, MutableBytes data) {
  ValueRecord record;
  record.kind = ValueRecord::Kind::kExtent;
  record.record_size = record_size;
  record.count = extent.end - extent.start;
  add_checksums(record, data);
  if (data.size() <= kInlineSizeMax) {
    record.inline_bytes = data;
  } else {
    auto blocks = media_.reserve(blocks_for(data.size()));
    if (!blocks) {
      rewrite->is_possible = false;
      co_return blocks.code() == Code::kNoSpace ? ok() : blocks.status();
    }
    for (const media::BlockRange& range : *blocks) rewrite->reservation.add(range);
    // Whole blocks: a DiskBuffer has them.
    ByteView rest(data.data(), blocks_for(data.size()) * media::kBlockSize);
    for (const media::BlockRange& range : *blocks) {
      CO_TRY(co_await media_.write_blocks(range, rest.first(range.count * media::kBlockSize)));
      rest = rest.subspan(range.count * media::kBlockSize);
    }
    record.blocks = std::move(blocks).value();
  }
  rewrite->bytes_copied += data.size();
  add_record(rewrite, extent, record);
  co_return ok();
}

void Aggregation::add_record(Rewrite* rewrite, const ExtentCandidate& extent, const ValueRecord& record) {
  const Bytes key = extent_key(extent);
  const Bytes value = encode_value(record);
  if (value.size() > media::kValueSizeMax) rewrite->is_possible = false;  // Free space is in too many pieces.
  ByteCount block_bytes = 0;
  for (const media::BlockRange& range : record.blocks) block_bytes += range.count * media::kBlockSize;
  rewrite->change += space_of(key, value, record.bytes(), block_bytes);
  rewrite->batch.put(key, value);
  ++rewrite->extents_new;
}

Task<Status> Aggregation::apply(Rewrite* rewrite) {
  if (!rewrite->is_possible) co_return ok();
  rewrite->batch.mark_as_move();
  rewrite->batch.use_reserve();
  rewrite->reservation.adopt_into(rewrite->batch);
  add_space(rewrite->batch, container_.number, rewrite->change);
  // In the writer turn, since writes look at what is there and mustn't see half of it.
  co_await turn_.acquire();
  const Permit turn(turn_, 1);
  if (is_over()) co_return Status(Code::kCanceled, "the container was destroyed");
  const auto applied = co_await media_.apply(std::move(rewrite->batch));
  if (applied.code() == Code::kNoSpace || applied.code() == Code::kTooBig) co_return ok();
  if (!applied) co_return applied.status();
  rewrite->reservation.adopted();
  rewritten_.extents_merged += rewrite->extents_gone;
  rewritten_.extents_written += rewrite->extents_new;
  rewritten_.bytes_rewritten += rewrite->bytes_copied;
  if (rewrite->change.block_bytes < 0) {
    rewritten_.block_bytes_freed += static_cast<ByteCount>(-rewrite->change.block_bytes);
  }
  co_return ok();
}

Task<Status> Aggregation::trim_window(const Window* window) {
  std::vector<std::vector<VisiblePart>> parts_of(window->set.candidates.size());
  for (const VisiblePart& part : window->parts) parts_of[part.candidate].push_back(part);
  for (size_t index = 0; index < parts_of.size(); ++index) {
    const ExtentCandidate& extent = window->set.candidates[index];
    const bool is_whole = extent.start >= window->begin && extent.end <= window->end;
    if (extent.is_punch || !is_whole || parts_of[index].empty()) continue;
    uint64_t seen = 0;
    for (const VisiblePart& part : parts_of[index]) seen += part.end - part.start;
    if (seen == extent.end - extent.start) continue;
    CO_TRY(co_await trim(window, index, std::move(parts_of[index])));
    CO_TRY(co_await end_slice_if_full());
  }
  co_return ok();
}

// The visible parts of the extent become extents of the same version, in the blocks they are in: from one boundary of
// kTrimUnit to the next; what such an extent has beyond the part is hidden as before.
Task<Status> Aggregation::trim(const Window* window, size_t index, std::vector<VisiblePart> parts) {
  const ExtentCandidate extent = window->set.candidates[index];
  const Bytes& value = window->set.found[extent.source].value;
  CO_TRY_ASSIGN(const ValueRecord record, decode_value(value));
  const uint64_t size = record.record_size;
  const uint64_t unit = std::lcm(size, kTrimUnit) / size;  // Records.
  if (record.blocks.empty() || unit * size > kTrimUnitMax) co_return ok();

  std::vector<VisiblePart> rests;
  uint64_t kept = 0;
  for (VisiblePart part : parts) {
    part.start = extent.start + (part.start - extent.start) / unit * unit;
    part.end = std::min(extent.end, extent.start + round_up(part.end - extent.start, unit));
    if (!rests.empty() && rests.back().end >= part.start)
      rests.back().end = std::max(rests.back().end, part.end);
    else
      rests.push_back(part);
  }
  for (const VisiblePart& rest : rests) kept += rest.end - rest.start;
  const uint64_t hidden_bytes = record.bytes() - kept * size;
  if (hidden_bytes == 0 || hidden_bytes * (setup_.is_short_of_space ? 64 : 4) < record.bytes()) co_return ok();

  Rewrite rewrite(media_);
  CO_TRY(remove(&rewrite, *window, index, false));
  uint64_t freed_to = 0;  // Blocks before this one are kept or freed.
  for (const VisiblePart& rest : rests) {
    DiskBuffer data((rest.end - rest.start) * size);
    const MutableBytes bytes = data.bytes().first((rest.end - rest.start) * size);
    // Checksums are of other chunks now, and damage must not get good ones.
    CO_TRY(co_await read_part(&rewrite, window, index, rest.start, rest.end, bytes));
    if (!rewrite.is_possible) co_return ok();
    ExtentCandidate cut = extent;
    cut.start = rest.start;
    cut.end = rest.end;
    const uint64_t first = (rest.start - extent.start) * size / media::kBlockSize;
    ValueRecord part;
    part.kind = ValueRecord::Kind::kExtent;
    part.record_size = size;
    part.count = rest.end - rest.start;
    add_checksums(part, bytes);
    part.blocks = part_of(record.blocks, first, blocks_for(bytes.size()));
    add_record(&rewrite, cut, part);
    for (const media::BlockRange& range : part_of(record.blocks, freed_to, first - freed_to)) rewrite.batch.free(range);
    freed_to = first + blocks_for(bytes.size());
  }
  const uint64_t total = blocks_for(record.bytes());
  for (const media::BlockRange& range : part_of(record.blocks, freed_to, total - freed_to)) rewrite.batch.free(range);
  co_return co_await apply(&rewrite);
}

}  // namespace aeon::vos
