#include "value_reader.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/mutation.h"
#include "runtime/disk.h"

namespace aeon::vos {

Destination::Destination(const std::vector<MutableBytes>& pieces) : pieces_(pieces) {
  starts_.reserve(pieces.size());
  for (const MutableBytes& piece : pieces_) {
    starts_.push_back(size_);
    size_ += piece.size();
  }
}

size_t Destination::find(uint64_t offset) const {
  return static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), offset) - starts_.begin()) - 1;
}

MutableBytes Destination::contiguous(uint64_t offset, uint64_t size) const {
  const size_t index = find(offset);
  const uint64_t within = offset - starts_[index];
  if (pieces_[index].size() - within < size) return {};
  return pieces_[index].subspan(within, size);
}

void Destination::fill(uint64_t offset, ByteView from) const {
  for (size_t index = find(offset); !from.empty(); ++index) {
    const uint64_t within = offset - starts_[index];
    const size_t taken = std::min<uint64_t>(from.size(), pieces_[index].size() - within);
    if (taken == 0) continue;
    std::memcpy(pieces_[index].data() + within, from.data(), taken);
    from = from.subspan(taken);
    offset += taken;
  }
}

namespace {

// Blocks that hold bytes from `begin` on, `out.size()` of them; both whole blocks.
Task<Status> read_blocks(media::KeyBlockStore& media, const std::vector<media::BlockRange>& blocks, uint64_t begin,
                         MutableBytes out) {
  uint64_t skip = begin / media::kBlockSize;
  for (const media::BlockRange& range : blocks) {
    if (out.empty()) break;
    if (skip >= range.count) {
      skip -= range.count;
      continue;
    }
    const uint64_t count = std::min<uint64_t>(range.count - skip, out.size() / media::kBlockSize);
    const media::BlockRange part{.first = range.first + skip, .count = count};
    CO_TRY(co_await media.read_blocks(part, out.first(count * media::kBlockSize)));
    out = out.subspan(count * media::kBlockSize);
    skip = 0;
  }
  co_return ok();
}

// `data` is the value's bytes from `begin` on, which is where a chunk starts.
Status verify(const ValueRecord& record, uint64_t begin, ByteView data) {
  for (uint64_t at = 0; at < data.size(); at += record.chunk) {
    const uint64_t size = std::min<uint64_t>(record.chunk, data.size() - at);
    const uint64_t chunk = (begin + at) / record.chunk;
    const bool is_right = crc32c(data.subspan(at, size)) == record.checksums[chunk];
    if (MUTATION("value_checksum_is_ignored", is_right, true)) continue;
    std::string place = "inline";
    if (!record.blocks.empty()) place = "in the blocks from " + std::to_string(record.blocks.front().first);
    return Status(Code::kCorrupt, "bytes [" + std::to_string(begin + at) + ", " + std::to_string(begin + at + size) +
                                      ") " + place + " aren't what was written (checksum)");
  }
  return ok();
}

// One for each checksum_chunk() of `wanted`, the value's bytes from `from` on. Those that are stored were verified.
template <typename Value>
void add_checksums(const Value& value, ByteCount value_bytes, uint64_t record_size, uint64_t from, ByteView wanted,
                   std::vector<uint32_t>& checksums) {
  const ByteCount told = checksum_chunk(record_size);
  const bool is_stored_so = value.chunk == told && from % told == 0;
  checksums.reserve(checksums.size() + chunk_count(wanted.size(), told));
  for (uint64_t at = 0; at < wanted.size(); at += told) {
    const uint64_t size = std::min<uint64_t>(told, wanted.size() - at);
    const bool is_stored_chunk = is_stored_so && at + size == std::min(value_bytes - from, at + told);
    checksums.push_back(is_stored_chunk ? value.checksum((from + at) / told) : crc32c(wanted.subspan(at, size)));
  }
}

}  // namespace

std::optional<ByteView> view_value(media::KeyBlockStore& media, const BlockValue& value, uint64_t from, uint64_t to,
                                   std::vector<uint32_t>& checksums) {
  const uint64_t begin = round_down(from, value.chunk);
  const uint64_t end = std::min(value.bytes, round_up(to, value.chunk));
  const media::BlockRange blocks{.first = value.blocks.first + begin / media::kBlockSize,
                                 .count = round_up(end - begin, media::kBlockSize) / media::kBlockSize};
  const ByteView stored = media.view_blocks(blocks);
  if (stored.empty()) return std::nullopt;
  for (uint64_t at = begin; at < end; at += value.chunk) {
    const uint64_t size = std::min<uint64_t>(value.chunk, end - at);
    if (crc32c(stored.subspan(at - begin, size)) != value.checksum(at / value.chunk)) return std::nullopt;
  }
  const ByteView wanted = stored.subspan(from - begin, to - from);
  add_checksums(value, value.bytes, value.shape.record_size, from, wanted, checksums);
  return wanted;
}

Task<Status> read_value(media::KeyBlockStore& media, const ValueRecord& record, uint64_t from, uint64_t to,
                        const Destination& destination, uint64_t offset, std::vector<uint32_t>& checksums) {
  // Whole chunks, since only those can be verified.
  const uint64_t begin = round_down(from, record.chunk);
  const uint64_t end = std::min(record.bytes(), round_up(to, record.chunk));
  ByteView data;
  DiskBuffer buffer;
  if (record.blocks.empty()) {
    data = record.inline_bytes.subspan(begin, end - begin);
  } else {
    const MutableBytes place = destination.contiguous(offset, to - from);
    const bool is_direct = begin == from && end == to && !place.empty() && (to - from) % media::kBlockSize == 0 &&
                           reinterpret_cast<uintptr_t>(place.data()) % media::kBlockSize == 0;
    if (!is_direct) buffer = DiskBuffer(end - begin);
    const MutableBytes into = is_direct ? place : buffer.bytes();
    if (record.blocks.size() == 1) {  // Nearly always.
      const media::BlockRange part{.first = record.blocks[0].first + begin / media::kBlockSize,
                                   .count = into.size() / media::kBlockSize};
      CO_TRY(co_await media.read_blocks(part, into));
    } else {
      CO_TRY(co_await read_blocks(media, record.blocks, begin, into));
    }
    data = into.first(end - begin);
  }
  CO_TRY(verify(record, begin, data));

  const ByteView wanted = data.subspan(from - begin, to - from);
  const MutableBytes in_place = destination.contiguous(offset, wanted.size());
  if (in_place.data() != wanted.data()) destination.fill(offset, wanted);
  add_checksums(record, record.bytes(), record.record_size, from, wanted, checksums);
  co_return ok();
}

}  // namespace aeon::vos
