#include "record_dropper.h"

#include <algorithm>

#include "base/log.h"
#include "base/mutation.h"
#include "key_codec.h"
#include "space_accounting.h"
#include "value_record.h"

namespace aeon::vos {

Task<Status> RecordDropper::flush() {
  // A slice at once, unless the store is so full that there is no room to change so many pages at a time, or the log
  // too small for so many long keys. In order: a punch is dropped behind what it hides, which a crash between two
  // batches must not uncover.
  size_t count = kSliceRecords;
  bool is_checkpointed = false;
  while (!keys_.empty()) {
    count = std::min(count, keys_.size());
    const Status status = co_await erase_first(count);
    if (status.is_ok()) {
      keys_.erase(keys_.begin(), keys_.begin() + static_cast<ptrdiff_t>(count));
      is_checkpointed = false;
      continue;
    }
    if (status.code() == Code::kTooBig && count > 1) {
      count = (count + 7) / 8;
      continue;
    }
    if (status.code() != Code::kNoSpace || (is_checkpointed && count == 1)) co_return status;
    if (is_checkpointed) {
      count = (count + 7) / 8;
    } else {
      ignore(co_await media_.checkpoint(), "what it can't do the next try will say");
    }
    is_checkpointed = !is_checkpointed;
  }
  co_return ok();
}

Task<Status> RecordDropper::erase_first(size_t count) {
  media::Cursor cursor(media_);
  media::Batch batch;
  uint64_t dropped = 0;
  ByteCount bytes_freed = 0;
  SpaceUse space;
  for (size_t i = 0; i < count; ++i) {
    const Bytes& key = keys_[i];
    CO_TRY(co_await cursor.seek(key));
    if (!cursor.valid() || !equal_bytes(cursor.key(), key)) continue;
    batch.erase(key);
    ++dropped;
    const auto record = decode_record_key(key);
    if (!record) {
      log::warn("damaged_record_erased", {{"record", describe_record_key(key)}, {"status", record.status()}});
      continue;
    }
    space += space_of_record(*record, key, cursor.value());
    if (record->kind != RecordKey::Kind::kSingle && record->kind != RecordKey::Kind::kExtent) continue;
    const auto value = decode_value(cursor.value());
    if (!value) {
      log::warn("damaged_record_erased", {{"record", describe_record_key(key)}, {"status", value.status()}});
      continue;
    }
    for (const media::BlockRange& range : value->blocks) {
      if (MUTATION("dropped_values_keep_their_blocks", true, false)) batch.free(range);
    }
    bytes_freed += value->bytes();
  }
  if (!keys_.empty()) add_space(batch, load_be32(keys_.front().data()), -space);
  const auto applied = co_await media_.apply(std::move(batch));
  if (!applied) co_return applied.status();
  dropped_ += dropped;
  bytes_freed_ += bytes_freed;
  co_return ok();
}

}  // namespace aeon::vos
