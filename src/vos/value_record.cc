#include "value_record.h"

namespace aeon::vos {

namespace {

// version and kind (1 byte each), record size and count (varints), then unless it is a punch: place (1), checksums
// (4 bytes each, as many as the bytes need), and the bytes or the block ranges (varints: how many; first, count each).
constexpr std::byte kFormatVersion{2};
constexpr std::byte kFormatVersionCoarse{1};  // All chunks have 32 KiB.
enum class Place : uint8_t { kInline = 0, kBlocks = 1 };

void append_varint(Bytes& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::byte>(value));
}

// Takes from the front of what is left; all answer false when it doesn't hold what they look for.
class Reader {
 public:
  explicit Reader(ByteView from) : left_(from) {}
  bool byte(std::byte& value) {
    if (left_.empty()) return false;
    value = left_.front();
    left_ = left_.subspan(1);
    return true;
  }
  bool varint(uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      std::byte next{};
      if (!byte(next)) return false;
      const auto bits = std::to_integer<uint64_t>(next & std::byte{0x7f});
      if (shift == 63 && bits > 1) return false;
      value |= bits << shift;
      if ((next & std::byte{0x80}) == std::byte{0}) return bits != 0 || shift == 0;  // The shortest form only.
    }
    return false;
  }
  bool u32(uint32_t& value) {
    if (left_.size() < 4) return false;
    value = load_le<uint32_t>(left_.data());
    left_ = left_.subspan(4);
    return true;
  }
  bool bytes(size_t size, ByteView& taken) {
    if (left_.size() < size) return false;
    taken = left_.first(size);
    left_ = left_.subspan(size);
    return true;
  }
  ByteView left() const { return left_; }

 private:
  ByteView left_;
};

Status foreign(const char* what) { return Status(Code::kCorrupt, std::string("a value record ") + what); }

Result<ValueShape> read_shape(Reader& reader) {
  std::byte version{};
  std::byte kind{};
  ValueShape shape;
  if (!reader.byte(version) || !reader.byte(kind) || !reader.varint(shape.record_size) || !reader.varint(shape.count)) {
    return foreign("is cut short");
  }
  if (version != kFormatVersion && version != kFormatVersionCoarse) return foreign("has an unknown format version");
  const auto number = std::to_integer<uint8_t>(kind);
  if (number < 1 || number > 4) return foreign("is of an unknown kind");
  shape.kind = static_cast<ValueRecord::Kind>(number);
  switch (shape.kind) {
    case ValueRecord::Kind::kSingle:
      if (shape.count > kPieceSizeMax || shape.count > shape.record_size || shape.record_size > kValueBytesMax ||
          shape.count == 0) {
        return foreign("has an impossible size");
      }
      break;
    case ValueRecord::Kind::kExtent:
      if (shape.record_size == 0 || shape.record_size > kArrayRecordSizeMax || shape.count == 0 ||
          shape.count > kArrayRecordSizeMax / shape.record_size) {
        return foreign("has an impossible size");
      }
      break;
    case ValueRecord::Kind::kSinglePunch:
      if (shape.record_size != 0 || shape.count != 0) return foreign("has an impossible size");
      break;
    case ValueRecord::Kind::kExtentPunch:
      if (shape.record_size != 0 || shape.count == 0) return foreign("has an impossible size");
      break;
  }
  return shape;
}

}  // namespace

Bytes encode_value(const ValueRecord& record) {
  Bytes out;
  out.reserve(16 + record.checksums.size() * 4 + record.inline_bytes.size() + record.blocks.size() * 8);
  out.push_back(kFormatVersion);
  out.push_back(static_cast<std::byte>(record.kind));
  append_varint(out, record.record_size);
  append_varint(out, record.count);
  if (record.is_punch()) return out;
  out.push_back(static_cast<std::byte>(record.blocks.empty() ? Place::kInline : Place::kBlocks));
  CHECK(record.chunk == checksum_chunk(record.record_size));
  CHECK(record.checksums.size() == chunk_count(record.bytes(), record.chunk));
  for (const uint32_t checksum : record.checksums) {
    out.resize(out.size() + 4);
    store_le(out.data() + out.size() - 4, checksum);
  }
  if (record.blocks.empty()) {
    CHECK(record.inline_bytes.size() == record.bytes());
    out.insert(out.end(), record.inline_bytes.begin(), record.inline_bytes.end());
    return out;
  }
  append_varint(out, record.blocks.size());
  for (const media::BlockRange& range : record.blocks) {
    append_varint(out, range.first);
    append_varint(out, range.count);
  }
  return out;
}

Result<ValueShape> decode_value_shape(ByteView encoded) {
  Reader reader(encoded);
  return read_shape(reader);
}

Bytes encode_inline_value(const InlineValue& value) {
  Bytes out;
  out.reserve(32 + value.bytes.size());
  out.push_back(kFormatVersion);
  out.push_back(static_cast<std::byte>(value.shape.kind));
  append_varint(out, value.shape.record_size);
  append_varint(out, value.shape.count);
  out.push_back(static_cast<std::byte>(Place::kInline));
  out.resize(out.size() + 4);
  store_le(out.data() + out.size() - 4, value.checksum);
  out.insert(out.end(), value.bytes.begin(), value.bytes.end());
  return out;
}

std::optional<InlineValue> decode_inline_value(ByteView encoded) {
  Reader reader(encoded);
  const Result<ValueShape> shape = read_shape(reader);
  if (!shape || shape->is_punch()) return std::nullopt;
  InlineValue value;
  value.shape = *shape;
  const uint64_t size = shape->kind == ValueRecord::Kind::kSingle ? shape->count : shape->record_size * shape->count;
  std::byte place{};
  const bool is_right = size <= kChecksumChunk && reader.byte(place) &&
                        place == static_cast<std::byte>(Place::kInline) && reader.u32(value.checksum) &&
                        reader.left().size() == size;
  if (!is_right) return std::nullopt;
  value.bytes = reader.left();
  return value;
}

std::optional<BlockValue> decode_block_value(ByteView encoded) {
  Reader reader(encoded);
  const Result<ValueShape> shape = read_shape(reader);
  if (!shape || shape->is_punch()) return std::nullopt;
  BlockValue value;
  value.shape = *shape;
  value.bytes = shape->kind == ValueRecord::Kind::kSingle ? shape->count : shape->record_size * shape->count;
  value.chunk = encoded[0] == kFormatVersionCoarse ? kCoarseChecksumChunk : checksum_chunk(shape->record_size);
  std::byte place{};
  uint64_t range_count = 0;
  const bool is_right = reader.byte(place) && place == static_cast<std::byte>(Place::kBlocks) &&
                        reader.bytes(chunk_count(value.bytes, value.chunk) * sizeof(uint32_t), value.checksums) &&
                        reader.varint(range_count) && range_count == 1 && reader.varint(value.blocks.first) &&
                        reader.varint(value.blocks.count) && reader.left().empty();
  const uint64_t blocks_wanted = (value.bytes + media::kBlockSize - 1) / media::kBlockSize;
  if (!is_right || value.blocks.count != blocks_wanted ||
      value.blocks.first > ~uint64_t{0} / media::kBlockSize - value.blocks.count) {
    return std::nullopt;
  }
  return value;
}

Result<ValueRecord> decode_value(ByteView encoded) {
  Reader reader(encoded);
  TRY_ASSIGN(const ValueShape shape, read_shape(reader));
  ValueRecord record;
  record.kind = shape.kind;
  record.record_size = shape.record_size;
  record.count = shape.count;
  if (record.is_punch()) {
    if (!reader.left().empty()) return foreign("has bytes behind its end");
    return record;
  }
  std::byte place{};
  if (!reader.byte(place)) return foreign("is cut short");
  const bool is_coarse = encoded[0] == kFormatVersionCoarse;
  record.chunk = is_coarse ? kCoarseChecksumChunk : checksum_chunk(record.record_size);
  const uint64_t checksums = chunk_count(record.bytes(), record.chunk);
  if (reader.left().size() / 4 < checksums) return foreign("is cut short");
  record.checksums.resize(checksums);
  for (uint32_t& checksum : record.checksums) {
    if (!reader.u32(checksum)) return foreign("is cut short");
  }
  if (place == static_cast<std::byte>(Place::kInline)) {
    if (reader.left().size() != record.bytes()) return foreign("holds more or fewer bytes than it says");
    record.inline_bytes = reader.left();
    return record;
  }
  if (place != static_cast<std::byte>(Place::kBlocks)) return foreign("has its bytes in an unknown place");
  uint64_t range_count = 0;
  if (!reader.varint(range_count) || range_count == 0 || range_count > reader.left().size() / 2) {
    return foreign("has an impossible number of block ranges");
  }
  record.blocks.resize(range_count);
  const uint64_t wanted = (record.bytes() + media::kBlockSize - 1) / media::kBlockSize;
  uint64_t found = 0;
  for (media::BlockRange& range : record.blocks) {
    if (!reader.varint(range.first) || !reader.varint(range.count)) return foreign("is cut short");
    if (range.count == 0 || range.count > wanted - found ||
        range.first > ~uint64_t{0} / media::kBlockSize - range.count) {
      return foreign("names impossible blocks");
    }
    found += range.count;
  }
  if (found != wanted) return foreign("names too few blocks");
  if (!reader.left().empty()) return foreign("has bytes behind its end");
  return record;
}

}  // namespace aeon::vos
