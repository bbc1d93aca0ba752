#include "space_accounting.h"

#include <array>

namespace aeon::vos {

namespace {
constexpr size_t kCounterCount = 4;

bool is_counted(RecordKey::Kind kind) {
  switch (kind) {
    case RecordKey::Kind::kObjectPunch:
    case RecordKey::Kind::kDkeyPunch:
    case RecordKey::Kind::kAkeyPunch:
    case RecordKey::Kind::kSingle:
    case RecordKey::Kind::kExtent: return true;
    default: return false;
  }
}

}  // namespace

SpaceUse space_of_record(const RecordKey& record, ByteView key, ByteView value) {
  if (!is_counted(record.kind)) return {};
  if (record.kind != RecordKey::Kind::kSingle && record.kind != RecordKey::Kind::kExtent) {
    return space_of(key, value, 0, 0);
  }
  const auto decoded = decode_value(value);
  if (!decoded) return space_of(key, value, 0, 0);
  ByteCount block_bytes = 0;
  for (const media::BlockRange& range : decoded->blocks) block_bytes += range.count * media::kBlockSize;
  return space_of(key, value, decoded->bytes(), block_bytes);
}

void add_space(media::Batch& batch, uint32_t container, const SpaceUse& change) {
  if (change == SpaceUse{}) return;
  const std::array<int64_t, kCounterCount> counters{change.records, change.index_bytes, change.value_bytes,
                                                    change.block_bytes};
  batch.add(space_key(container), counters);
}

Bytes encode_space(const SpaceUse& use) {
  Bytes out(kCounterCount * 8);
  store_le(out.data(), static_cast<uint64_t>(use.records));
  store_le(out.data() + 8, static_cast<uint64_t>(use.index_bytes));
  store_le(out.data() + 16, static_cast<uint64_t>(use.value_bytes));
  store_le(out.data() + 24, static_cast<uint64_t>(use.block_bytes));
  return out;
}

Result<SpaceUse> decode_space(ByteView value) {
  if (value.size() != kCounterCount * 8) return Status(Code::kCorrupt, "space counters of another size than we write");
  SpaceUse use;
  use.records = static_cast<int64_t>(load_le<uint64_t>(value.data()));
  use.index_bytes = static_cast<int64_t>(load_le<uint64_t>(value.data() + 8));
  use.value_bytes = static_cast<int64_t>(load_le<uint64_t>(value.data() + 16));
  use.block_bytes = static_cast<int64_t>(load_le<uint64_t>(value.data() + 24));
  return use;
}

Task<Result<std::optional<SpaceUse>>> read_space(media::KeyBlockStore& media, uint32_t container) {
  media::Cursor cursor(media);
  const Bytes key = space_key(container);
  CO_TRY(co_await cursor.seek(key));
  if (!cursor.valid() || !equal_bytes(cursor.key(), key)) co_return std::optional<SpaceUse>();
  const Result<SpaceUse> use = decode_space(cursor.value());
  if (!use.is_ok()) co_return use.status().within("container number " + std::to_string(container));
  co_return std::optional<SpaceUse>(*use);
}

Task<Result<SpaceUse>> count_space(media::KeyBlockStore& media, uint32_t container) {
  SpaceUse sum;
  media::Cursor cursor(media);
  const Bytes prefix = container_prefix(container);
  CO_TRY(co_await cursor.seek(prefix));
  while (cursor.valid() && starts_with(cursor.key(), prefix)) {
    auto record = decode_record_key(cursor.key());
    if (!record) co_return record.status();
    sum += space_of_record(*record, cursor.key(), cursor.value());
    CO_TRY(co_await cursor.next());
  }
  co_return sum;
}

}  // namespace aeon::vos
