#include <algorithm>

#include "batch_codec.h"

namespace aeon::media {

namespace {

// A batch is entries of
//   put    1, key size u16, value size u16, key, value
//   erase  2, key size u16, key
//   adopt  3, first block u64, count u64
//   free   4, the same
//   add    5, key size u16, changes size u16, key, changes: for each counter a varint, zigzag
//   content 6, first block u64, count u64, size u32, bytes: adopts the blocks, which are to hold them
constexpr size_t kPutHeaderSize = 5, kEraseHeaderSize = 3, kBlocksSize = 17, kContentHeaderSize = 21;
constexpr size_t kCountersMax = 64;

// False at the end, or if there is none.
bool take_varint(ByteView& from, uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(from.front());
    from = from.subspan(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// The last block has some of it too.
bool fills(uint64_t size, uint64_t block_count) {
  constexpr uint64_t kCountMax = (uint64_t{1} << 32) / kBlockSize;
  return block_count != 0 && block_count <= kCountMax && size <= block_count * kBlockSize &&
         size > (block_count - 1) * kBlockSize;
}

bool is_changes(ByteView encoded) {
  size_t count = 0;
  uint64_t value = 0;
  for (; !encoded.empty(); ++count) {
    if (!take_varint(encoded, value)) return false;
  }
  return count <= kCountersMax;
}

}  // namespace

void Batch::put(ByteView key, ByteView value) {
  ++put_count_;
  if (key.size() > kKeySizeMax || value.size() > kValueSizeMax) {
    is_oversized_ = true;
    return;
  }
  std::byte header[kPutHeaderSize];
  header[0] = static_cast<std::byte>(BatchOp::kPut);
  store_le(header + 1, static_cast<uint16_t>(key.size()));
  store_le(header + 3, static_cast<uint16_t>(value.size()));
  record_.reserve(std::max<size_t>(record_.size() + sizeof header + key.size() + value.size(), 256));
  record_.insert(record_.end(), header, header + sizeof header);
  record_.insert(record_.end(), key.begin(), key.end());
  record_.insert(record_.end(), value.begin(), value.end());
}

void Batch::erase(ByteView key) {
  ++erase_count_;
  if (key.size() > kKeySizeMax) {
    is_oversized_ = true;
    return;
  }
  std::byte header[kEraseHeaderSize];
  header[0] = static_cast<std::byte>(BatchOp::kErase);
  store_le(header + 1, static_cast<uint16_t>(key.size()));
  record_.insert(record_.end(), header, header + sizeof header);
  record_.insert(record_.end(), key.begin(), key.end());
}

void Batch::add(ByteView key, std::span<const int64_t> changes) {
  ++add_count_;
  if (key.size() > kKeySizeMax || changes.size() > kCountersMax) {
    is_oversized_ = true;
    return;
  }
  std::byte buffer[kCountersMax * 10];
  size_t size = 0;
  for (const int64_t change : changes) {
    uint64_t bits = static_cast<uint64_t>(change) << 1 ^ (change < 0 ? ~uint64_t{0} : 0);
    for (; bits >= 0x80; bits >>= 7) buffer[size++] = static_cast<std::byte>(bits | 0x80);
    buffer[size++] = static_cast<std::byte>(bits);
  }
  const ByteView encoded = ByteView(buffer).first(size);
  std::byte header[kPutHeaderSize];
  header[0] = static_cast<std::byte>(BatchOp::kAdd);
  store_le(header + 1, static_cast<uint16_t>(key.size()));
  store_le(header + 3, static_cast<uint16_t>(encoded.size()));
  record_.insert(record_.end(), header, header + sizeof header);
  record_.insert(record_.end(), key.begin(), key.end());
  record_.insert(record_.end(), encoded.begin(), encoded.end());
}

Bytes add_to_counters(ByteView counters, ByteView changes) {
  Bytes sums(counters.begin(), counters.end());
  sums.resize(std::max(sums.size(), changed_counters_size(changes)));
  change_counters(sums, changes);
  return sums;
}

size_t changed_counters_size(ByteView changes) {
  size_t size = 0;
  for (uint64_t bits = 0; take_varint(changes, bits);) size += 8;
  return size;
}

void change_counters(MutableBytes counters, ByteView changes) {
  size_t at = 0;
  for (uint64_t bits = 0; take_varint(changes, bits); at += 8) {
    const uint64_t change = bits >> 1 ^ ((bits & 1) != 0 ? ~uint64_t{0} : 0);
    store_le(counters.data() + at, load_le<uint64_t>(counters.data() + at) + change);
  }
}

void Batch::add_blocks(std::byte kind, BlockRange blocks) {
  std::byte entry[kBlocksSize];
  entry[0] = kind;
  store_le(entry + 1, blocks.first);
  store_le(entry + 9, blocks.count);
  record_.insert(record_.end(), entry, entry + sizeof entry);
}

void Batch::adopt(BlockRange blocks) {
  adopted_.push_back(blocks);
  adopts_written_ = true;
  add_blocks(static_cast<std::byte>(BatchOp::kAdopt), blocks);
}

void Batch::adopt(BlockRange blocks, ByteView content) {
  adopted_.push_back(blocks);
  if (!fills(content.size(), blocks.count)) {
    is_oversized_ = true;
    return;
  }
  record_.reserve(record_.size() + kContentHeaderSize + content.size());
  add_blocks(static_cast<std::byte>(BatchOp::kContent), blocks);
  std::byte size[sizeof(uint32_t)];
  store_le(size, static_cast<uint32_t>(content.size()));
  record_.insert(record_.end(), size, size + sizeof size);
  record_.insert(record_.end(), content.begin(), content.end());
  carried_size_ += content.size();
}

void Batch::free(BlockRange blocks) {
  freed_.push_back(blocks);
  add_blocks(static_cast<std::byte>(BatchOp::kFree), blocks);
}

Result<std::optional<BatchEntry>> BatchReader::next() {
  const auto bad = [] { return Status(Code::kCorrupt, "batch record: not a batch"); };
  if (rest_.empty()) return std::optional<BatchEntry>();
  BatchEntry entry;
  entry.op = static_cast<BatchOp>(rest_[0]);
  size_t header = 0, key_size = 0, value_size = 0;
  switch (entry.op) {
    case BatchOp::kPut:
    case BatchOp::kAdd:
      header = kPutHeaderSize;
      if (rest_.size() < header) return bad();
      key_size = load_le<uint16_t>(rest_.data() + 1);
      value_size = load_le<uint16_t>(rest_.data() + 3);
      break;
    case BatchOp::kErase:
      header = kEraseHeaderSize;
      if (rest_.size() < header) return bad();
      key_size = load_le<uint16_t>(rest_.data() + 1);
      break;
    case BatchOp::kContent:
      header = kContentHeaderSize;
      if (rest_.size() < header) return bad();
      entry.blocks = {load_le<uint64_t>(rest_.data() + 1), load_le<uint64_t>(rest_.data() + 9)};
      value_size = load_le<uint32_t>(rest_.data() + kBlocksSize);
      if (!fills(value_size, entry.blocks.count) || rest_.size() - header < value_size) return bad();
      if (entry.blocks.first > ~uint64_t{0} / kBlockSize - entry.blocks.count) return bad();
      break;
    case BatchOp::kAdopt:
    case BatchOp::kFree:
      header = kBlocksSize;
      if (rest_.size() < header) return bad();
      entry.blocks = {load_le<uint64_t>(rest_.data() + 1), load_le<uint64_t>(rest_.data() + 9)};
      break;
    default: return bad();
  }
  const bool is_long = value_size > kValueSizeMax && entry.op != BatchOp::kContent;
  if (key_size > kKeySizeMax || is_long || rest_.size() - header < key_size + value_size) return bad();
  entry.key = rest_.subspan(header, key_size);
  entry.value = rest_.subspan(header + key_size, value_size);
  if (entry.op == BatchOp::kAdd && !is_changes(entry.value)) return bad();
  rest_ = rest_.subspan(header + key_size + value_size);
  return std::optional<BatchEntry>(entry);
}

}  // namespace aeon::media
