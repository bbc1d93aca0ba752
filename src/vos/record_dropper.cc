#include "record_dropper.h"

#include "base/log.h"
#include "key_codec.h"
#include "value_record.h"

namespace aeon::vos {

Task<Status> RecordDropper::flush() {
  if (keys_.empty()) co_return ok();
  media::Cursor cursor(media_);
  media::Batch batch;
  uint64_t dropped = 0;
  ByteCount bytes_freed = 0;
  for (const Bytes& key : keys_) {
    CO_TRY(co_await cursor.seek(key));
    if (!cursor.valid() || !equal_bytes(cursor.key(), key)) continue;
    batch.erase(key);
    ++dropped;
    const auto record = decode_record_key(key);
    if (!record) {
      log::warn("damaged_record_erased", {{"record", describe_record_key(key)}, {"status", record.status()}});
      continue;
    }
    if (record->kind != RecordKey::Kind::kSingle && record->kind != RecordKey::Kind::kExtent) continue;
    const auto value = decode_value(cursor.value());
    if (!value) {
      log::warn("damaged_record_erased", {{"record", describe_record_key(key)}, {"status", value.status()}});
      continue;
    }
    for (const media::BlockRange& range : value->blocks) batch.free(range);
    bytes_freed += value->bytes();
  }
  const auto applied = co_await media_.apply(std::move(batch));
  if (!applied) co_return applied.status();
  keys_.clear();
  dropped_ += dropped;
  bytes_freed_ += bytes_freed;
  co_return ok();
}

}  // namespace aeon::vos
