// Counts what the records of containers take. The sums are counters beside the container's other records; whatever puts
// or erases a record adds to them in the same batch, so they are never wrong, and nobody reads them to change them.
//
// Counted are values, extents and punches. Other records of an object (marks) are few and small, and left out.
#pragma once

#include "key_codec.h"
#include "media/key_block_store.h"
#include "value_record.h"
#include "vos/types.h"

namespace aeon::vos {

// One record, by its key and stored value; `bytes` and `block_bytes` are the value's.
inline SpaceUse space_of(ByteView key, ByteView value, ByteCount bytes, ByteCount block_bytes) {
  return {.records = 1,
          .index_bytes = static_cast<int64_t>(key.size() + value.size()),
          .value_bytes = static_cast<int64_t>(bytes),
          .block_bytes = static_cast<int64_t>(block_bytes)};
}
// What is counted for a record with this key. Of a damaged value only what it takes in the index.
SpaceUse space_of_record(const RecordKey& record, ByteView key, ByteView value);

// Adds the change to the container's counters. Nothing if it is zero.
void add_space(media::Batch& batch, uint32_t container, const SpaceUse& change);

Bytes encode_space(const SpaceUse& use);
Result<SpaceUse> decode_space(ByteView value);
// kCorrupt if they are damaged; nothing if the container has no counters.
Task<Result<std::optional<SpaceUse>>> read_space(media::KeyBlockStore& media, uint32_t container);
// By looking at all records.
Task<Result<SpaceUse>> count_space(media::KeyBlockStore& media, uint32_t container);

}  // namespace aeon::vos
