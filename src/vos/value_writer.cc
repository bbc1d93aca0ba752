#include "value_writer.h"

#include <algorithm>
#include <numeric>

#include "base/crc32c.h"
#include "key_codec.h"
#include "runtime/disk.h"

namespace aeon::vos {

namespace {

// The caller's data as one run of bytes.
class Source {
 public:
  explicit Source(const std::vector<ByteView>& pieces) : pieces_(pieces) {
    starts_.reserve(pieces.size());
    for (const ByteView& piece : pieces_) {
      starts_.push_back(size_);
      size_ += piece.size();
    }
  }

  // The range as one piece of memory, or empty if the caller's pieces cut it.
  ByteView contiguous(uint64_t offset, uint64_t size) const {
    const size_t index = find(offset);
    const uint64_t within = offset - starts_[index];
    if (pieces_[index].size() - within < size) return {};
    return pieces_[index].subspan(within, size);
  }
  void copy(uint64_t offset, MutableBytes out) const {
    for_each(offset, out.size(), [&out](ByteView part) {
      std::memcpy(out.data(), part.data(), part.size());
      out = out.subspan(part.size());
    });
  }
  uint32_t checksum(uint64_t offset, uint64_t size) const {
    uint32_t crc = 0;
    for_each(offset, size, [&crc](ByteView part) { crc = crc32c(part, crc); });
    return crc;
  }

 private:
  size_t find(uint64_t offset) const {
    const auto behind = std::upper_bound(starts_.begin(), starts_.end(), offset);
    return static_cast<size_t>(behind - starts_.begin()) - 1;
  }
  template <typename Visit>
  void for_each(uint64_t offset, uint64_t size, Visit visit) const {
    for (size_t index = find(offset); size != 0; ++index) {
      const uint64_t within = offset - starts_[index];
      const uint64_t taken = std::min<uint64_t>(size, pieces_[index].size() - within);
      if (taken != 0) visit(pieces_[index].subspan(within, taken));
      offset += taken;
      size -= taken;
    }
  }

  const std::vector<ByteView>& pieces_;
  std::vector<uint64_t> starts_;
  uint64_t size_ = 0;
};

Status bad(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

// Bytes of one run of data (a single value or one recx) and how it is cut.
struct Run {
  uint64_t offset = 0;  // In the source.
  uint64_t bytes = 0;
  uint64_t piece_bytes = 0;
  // Pieces begin where chunks of the run do, so that its checksums are theirs.
  bool pieces_keep_chunks = true;
};

Run cut(uint64_t offset, uint64_t bytes, uint64_t record_size) {
  Run run{.offset = offset, .bytes = bytes, .piece_bytes = bytes, .pieces_keep_chunks = true};
  if (bytes <= kPieceSizeMax) return run;
  const uint64_t unit = std::lcm(record_size, checksum_chunk(record_size));
  if (unit <= kPieceSizeMax) {
    run.piece_bytes = kPieceSizeMax / unit * unit;
  } else {
    run.piece_bytes = std::max<uint64_t>(1, kPieceSizeMax / record_size) * record_size;
    run.pieces_keep_chunks = run.piece_bytes >= bytes;
  }
  return run;
}

// Takes `count` blocks from the front of what was reserved.
std::vector<media::BlockRange> take_blocks(std::vector<media::BlockRange>& from, uint64_t count) {
  std::vector<media::BlockRange> taken;
  while (count != 0) {
    media::BlockRange& front = from.front();
    const uint64_t here = std::min(count, front.count);
    taken.push_back({.first = front.first, .count = here});
    front.first += here;
    front.count -= here;
    count -= here;
    if (front.count == 0) from.erase(from.begin());
  }
  return taken;
}

Task<Status> write_piece(media::KeyBlockStore& media, const std::vector<media::BlockRange>& blocks,
                         const Source& source, uint64_t offset, uint64_t bytes) {
  ByteView data = source.contiguous(offset, bytes);
  DiskBuffer buffer;
  const bool is_direct = !data.empty() && bytes % media::kBlockSize == 0 &&
                         reinterpret_cast<uintptr_t>(data.data()) % media::kBlockSize == 0;
  if (!is_direct) {
    buffer = DiskBuffer(bytes);
    source.copy(offset, buffer.bytes().first(bytes));
    data = buffer.bytes();
  }
  for (const media::BlockRange& range : blocks) {
    const uint64_t here = range.count * media::kBlockSize;
    CO_TRY(co_await media.write_blocks(range, data.first(here)));
    data = data.subspan(here);
  }
  co_return ok();
}

uint64_t blocks_for(uint64_t bytes) { return (bytes + media::kBlockSize - 1) / media::kBlockSize; }

void carry_piece(Reservation& reservation, const std::vector<media::BlockRange>& blocks, const Source& source,
                 uint64_t offset, uint64_t bytes) {
  for (const media::BlockRange& range : blocks) {
    const uint64_t here = std::min(range.count * media::kBlockSize, bytes);
    const ByteView data = source.contiguous(offset, here);
    if (!data.empty()) {
      reservation.carry(range, data);
    } else {
      Bytes joined(here);
      source.copy(offset, joined);
      reservation.carry(range, std::move(joined));
    }
    offset += here;
    bytes -= here;
  }
}

}  // namespace

void Reservation::adopt_into(media::Batch& batch) const {
  auto next = carried_.begin();
  for (media::BlockRange left : ranges_) {
    const uint64_t end = left.first + left.count;
    for (; next != carried_.end() && next->range.first >= left.first && next->range.first < end; ++next) {
      if (next->range.first != left.first) batch.adopt({.first = left.first, .count = next->range.first - left.first});
      batch.adopt(next->range, next->content.empty() ? ByteView(next->owned) : next->content);
      left.first = next->range.first + next->range.count;
    }
    if (left.first != end) batch.adopt({.first = left.first, .count = end - left.first});
  }
}

Status check_update(const AkeyUpdate& update) {
  uint64_t bytes = 0;
  uint64_t chunks = 0;
  const ByteCount chunk = checksum_chunk(update.record_size);
  if (update.kind == ValueKind::kSingle) {
    if (!update.recxs.empty()) return bad("an update of a single value has extents");
    if (update.record_size > kValueBytesMax) {
      return Status(Code::kTooBig, "a single value of " + std::to_string(update.record_size) + " bytes; at most " +
                                       std::to_string(kValueBytesMax) + " fit");
    }
    bytes = update.record_size;
    chunks = chunk_count(bytes, chunk);
  } else if (update.kind == ValueKind::kArray) {
    if (update.recxs.empty()) return bad("an update of an array has no extents");
    if (update.record_size > kArrayRecordSizeMax) {
      return Status(Code::kTooBig, "array records of " + std::to_string(update.record_size) + " bytes; at most " +
                                       std::to_string(kArrayRecordSizeMax) + " fit");
    }
    for (const Recx& recx : update.recxs) {
      if (recx.count == 0) return bad("an extent has no records");
      if (recx.index > ~uint64_t{0} - recx.count) return bad("an extent reaches beyond the last index");
      if (update.record_size == 0) continue;
      if (recx.count > kValueBytesMax / update.record_size ||
          bytes > kValueBytesMax - recx.count * update.record_size) {
        return Status(Code::kTooBig,
                      "the extents of one update have more than " + std::to_string(kValueBytesMax) + " bytes");
      }
      bytes += recx.count * update.record_size;
      chunks += chunk_count(recx.count * update.record_size, chunk);
    }
  } else {
    return bad("an update is neither of a single value nor of an array");
  }
  uint64_t given = 0;
  for (const ByteView& piece : update.data) given += piece.size();
  if (given != bytes) {
    return bad("an update describes " + std::to_string(bytes) + " bytes and brings " + std::to_string(given));
  }
  if (!update.checksums.empty() && update.checksums.size() != chunks) {
    return bad("an update needs " + std::to_string(chunks) + " checksums and brings " +
               std::to_string(update.checksums.size()));
  }
  return ok();
}

bool prepare_at_once(const AkeyUpdate& update, std::vector<PreparedValue>& prepared) {
  constexpr uint64_t kSizeMax = kKiB;
  const bool is_extent = update.kind == ValueKind::kArray;
  const bool is_one_piece = update.data.size() == 1 && (!is_extent || update.recxs.size() == 1);
  if (!is_one_piece || update.record_size == 0) return false;
  const ByteView data = update.data.front();
  if (data.empty() || data.size() > kSizeMax) return false;
  InlineValue value;
  value.shape.kind = is_extent ? ValueRecord::Kind::kExtent : ValueRecord::Kind::kSingle;
  value.shape.record_size = update.record_size;
  value.shape.count = is_extent ? update.recxs.front().count : data.size();
  value.bytes = data;
  value.checksum = crc32c(data);
  if (!update.checksums.empty() && update.checksums.front() != value.checksum) return false;
  PreparedValue& ready = prepared.emplace_back();
  ready.is_extent = is_extent;
  if (is_extent) {
    ready.start = update.recxs.front().index;
    ready.count = update.recxs.front().count;
  }
  ready.bytes = data.size();
  ready.value = encode_inline_value(value);
  return true;
}

Task<Result<std::vector<PreparedValue>>> prepare_values(media::KeyBlockStore& media, const AkeyUpdate& update,
                                                        Reservation& reservation) {
  std::vector<PreparedValue> prepared;
  ValueRecord record;
  const bool is_extent = update.kind == ValueKind::kArray;
  if (update.record_size == 0) {  // A punch.
    record.kind = is_extent ? ValueRecord::Kind::kExtentPunch : ValueRecord::Kind::kSinglePunch;
    if (!is_extent) prepared.push_back({.value = encode_value(record)});
    for (const Recx& recx : update.recxs) {
      record.count = recx.count;
      prepared.push_back({.is_extent = true, .start = recx.index, .count = recx.count, .value = encode_value(record)});
    }
    co_return prepared;
  }

  const Source source(update.data);
  std::vector<Run> runs;
  runs.reserve(std::max<size_t>(update.recxs.size(), 1));
  if (is_extent) {
    uint64_t offset = 0;
    for (const Recx& recx : update.recxs) {
      const uint64_t bytes = recx.count * update.record_size;
      runs.push_back(cut(offset, bytes, update.record_size));
      offset += bytes;
    }
  } else {
    runs.push_back(cut(0, update.record_size, 1));
  }

  uint64_t blocks_wanted = 0;
  for (const Run& run : runs) {
    for (uint64_t at = 0; at < run.bytes; at += run.piece_bytes) {
      const uint64_t bytes = std::min(run.piece_bytes, run.bytes - at);
      if (bytes > kInlineSizeMax) blocks_wanted += blocks_for(bytes);
    }
  }
  std::vector<media::BlockRange> blocks;
  if (blocks_wanted != 0) {
    Result<std::vector<media::BlockRange>> reserved = media.reserve(blocks_wanted);
    if (reserved.code() == Code::kNoSpace) {  // Blocks freed just now come back once that is durable.
      CO_TRY(co_await media.flush());
      reserved = media.reserve(blocks_wanted);
    }
    if (!reserved) co_return reserved.status();
    blocks = std::move(reserved).value();
    for (const media::BlockRange& range : blocks) reservation.add(range);
  }

  record.kind = is_extent ? ValueRecord::Kind::kExtent : ValueRecord::Kind::kSingle;
  record.record_size = update.record_size;
  record.chunk = checksum_chunk(update.record_size);
  size_t checksums_before = 0;
  Bytes joined;
  for (size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    std::vector<uint32_t> checksums(chunk_count(run.bytes, record.chunk));
    for (size_t chunk = 0; chunk < checksums.size(); ++chunk) {
      const uint64_t begin = chunk * record.chunk;
      checksums[chunk] = source.checksum(run.offset + begin, std::min(record.chunk, run.bytes - begin));
      if (!update.checksums.empty() && checksums[chunk] != update.checksums[checksums_before + chunk]) {
        co_return Status(Code::kCorrupt, "the data of akey " + printable_key(update.akey) +
                                             " arrived damaged: its checksum " + std::to_string(chunk) + " differs");
      }
    }
    checksums_before += checksums.size();

    uint16_t part = 0;
    for (uint64_t at = 0; at < run.bytes; at += run.piece_bytes, ++part) {
      const uint64_t bytes = std::min(run.piece_bytes, run.bytes - at);
      PreparedValue value;
      value.part = part;
      record.count = bytes;
      if (is_extent) {
        value.is_extent = true;
        value.start = update.recxs[i].index + at / update.record_size;
        value.count = record.count = bytes / update.record_size;
      }
      if (bytes == run.bytes) {  // All of it, as it mostly is.
        record.checksums = std::move(checksums);
      } else {
        record.checksums.resize(chunk_count(bytes, record.chunk));
        for (size_t chunk = 0; chunk < record.checksums.size(); ++chunk) {
          const uint64_t begin = chunk * record.chunk;
          record.checksums[chunk] =
              run.pieces_keep_chunks ? checksums[at / record.chunk + chunk]
                                     : source.checksum(run.offset + at + begin, std::min(record.chunk, bytes - begin));
        }
      }
      if (bytes <= kInlineSizeMax) {
        record.blocks.clear();
        record.inline_bytes = source.contiguous(run.offset + at, bytes);
        if (record.inline_bytes.empty()) {
          joined.resize(bytes);
          source.copy(run.offset + at, joined);
          record.inline_bytes = joined;
        }
      } else {
        record.inline_bytes = {};
        record.blocks = blocks_wanted == blocks_for(bytes) ? std::move(blocks) : take_blocks(blocks, blocks_for(bytes));
        if (reservation.carries(bytes)) {
          carry_piece(reservation, record.blocks, source, run.offset + at, bytes);
        } else {
          CO_TRY(co_await write_piece(media, record.blocks, source, run.offset + at, bytes));
        }
      }
      value.bytes = bytes;
      value.block_bytes = record.blocks.empty() ? 0 : blocks_for(bytes) * media::kBlockSize;
      value.value = encode_value(record);
      if (value.value.size() > media::kValueSizeMax) {
        co_return Status(Code::kNoSpace, "free space is in too many small pieces for a record of " +
                                             std::to_string(bytes) + " bytes; aggregate or delete something");
      }
      prepared.push_back(std::move(value));
    }
  }
  co_return prepared;
}

}  // namespace aeon::vos
