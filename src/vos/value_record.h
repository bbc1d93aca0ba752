// What the index holds for a value: its shape, its checksums, and its bytes or the blocks that have them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "media/key_block_store.h"
#include "vos/types.h"

namespace aeon::vos {

struct ValueRecord {
  enum class Kind : uint8_t {
    kSingle = 1,       // Part of a single value: record_size is the whole value's, count the bytes of this part.
    kExtent = 2,       // count records of record_size.
    kSinglePunch = 3,  // The single value is gone.
    kExtentPunch = 4,  // count records are gone.
  };
  Kind kind = Kind::kSingle;
  uint64_t record_size = 0;
  uint64_t count = 0;
  ByteCount chunk = kChecksumChunk;        // As checksum_chunk() says, or coarser in records of format 1.
  std::vector<uint32_t> checksums;         // CRC32C of each chunk of the bytes.
  ByteView inline_bytes;                   // Into the encoded record; used if there are no blocks.
  std::vector<media::BlockRange> blocks;   // In the order of the bytes.

  bool is_punch() const { return kind == Kind::kSinglePunch || kind == Kind::kExtentPunch; }
  ByteCount bytes() const { return is_punch() ? 0 : (kind == Kind::kSingle ? count : record_size * count); }
  uint32_t checksum(uint64_t index) const { return checksums[index]; }
};

inline constexpr ByteCount kPieceSizeMax = 1 * kMiB;         // Larger values and extents become several records.
inline constexpr ByteCount kArrayRecordSizeMax = 16 * kMiB;  // A record is never cut.

Bytes encode_value(const ValueRecord& record);

// kCorrupt for anything encode_value doesn't write. The result's inline_bytes point into `encoded`.
Result<ValueRecord> decode_value(ByteView encoded);

// Only kind, record size and count, for walks that look at many records.
struct ValueShape {
  ValueRecord::Kind kind = ValueRecord::Kind::kSingle;
  uint64_t record_size = 0;
  uint64_t count = 0;
  bool is_punch() const { return kind == ValueRecord::Kind::kSinglePunch || kind == ValueRecord::Kind::kExtentPunch; }
};
Result<ValueShape> decode_value_shape(ByteView encoded);

// The usual small value: bytes in the record, of one chunk. Nothing for any other, damaged ones included:
// decode_value() says what those are.
struct InlineValue {
  ValueShape shape;
  uint32_t checksum = 0;
  ByteView bytes;
};
std::optional<InlineValue> decode_inline_value(ByteView encoded);
Bytes encode_inline_value(const InlineValue& value);

// The usual large value: its bytes in one range of blocks. As for InlineValue, nothing for any other.
struct BlockValue {
  ValueShape shape;
  ByteCount bytes = 0;
  ByteCount chunk = kChecksumChunk;
  ByteView checksums;  // As encoded, in the record.
  media::BlockRange blocks;

  uint32_t checksum(uint64_t index) const { return load_le<uint32_t>(checksums.data() + index * sizeof(uint32_t)); }
};
std::optional<BlockValue> decode_block_value(ByteView encoded);

inline uint64_t chunk_count(ByteCount bytes, ByteCount chunk) { return (bytes + chunk - 1) / chunk; }

}  // namespace aeon::vos
