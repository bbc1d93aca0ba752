#include "done_writes.h"

#include "base/log.h"
#include "base/mutation.h"
#include "key_codec.h"

namespace aeon::vos {
namespace {

constexpr size_t kClientsMax = 64 * 1024;  // As many as an engine remembers the answers of.
constexpr Duration kLookPause = std::chrono::minutes(1);
constexpr size_t kRecordSize = 8 + 8;

Status damaged_record() { return Status(Code::kCorrupt, "the record of a client's write is damaged"); }

Bytes key_of(WriteId id) { return done_write_key(id.client, static_cast<uint8_t>(id.number % kWritesKept)); }

}  // namespace

Bytes encode_done_write(const DoneWrite& write) {
  Bytes record(kRecordSize);
  store_le(record.data(), write.number);
  store_le(record.data() + 8, write.epoch.value);
  return record;
}

Result<DoneWrite> decode_done_write(ByteView record) {
  if (record.size() != kRecordSize) return damaged_record();
  return DoneWrite{.number = load_le<uint64_t>(record.data()), .epoch = {load_le<uint64_t>(record.data() + 8)}};
}

Task<void> DoneWrites::load() {
  const Status status = co_await look_for_clients();
  if (!status.is_ok()) log::warn("done_writes_not_read", {{"status", status}});
  if (!clients_.empty()) start_forgetting();
}

Task<Status> DoneWrites::look_for_clients() {
  const Bytes all = store_prefix(StoreRecord::kDoneWrite);
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(all));
  while (cursor.valid() && starts_with(cursor.key(), all)) {
    if (cursor.key().size() != all.size() + 8 + 1) co_return damaged_record();
    const uint64_t client = load_be64(cursor.key().data() + all.size());
    places_[client] = clients_.insert(clients_.end(), {.id = client, .last = world_.executor.now()});
    const Bytes end = prefix_end(done_writes_prefix(client));
    CO_TRY(co_await cursor.seek(end));
  }
  co_return ok();
}

void DoneWrites::put(WriteId id, Epoch epoch, media::Batch& batch) {
  batch.put(key_of(id), encode_done_write({.number = id.number, .epoch = epoch}));
}

void DoneWrites::note(WriteId id) {
  const auto [place, is_new] = places_.try_emplace(id.client);
  if (is_new) {
    place->second = clients_.insert(clients_.end(), {.id = id.client, .last = {}});
    start_forgetting();
  } else {
    clients_.splice(clients_.end(), clients_, place->second);
  }
  place->second->last = world_.executor.now();
}

Task<Result<std::optional<Epoch>>> DoneWrites::find(WriteId id) {
  const Bytes key = key_of(id);
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(key));
  if (!cursor.valid() || !equal_bytes(cursor.key(), key)) co_return std::optional<Epoch>();
  CO_TRY_ASSIGN(const DoneWrite done, decode_done_write(cursor.value()));
  if (MUTATION("any_write_of_a_place_is_the_one", done.number != id.number, false)) co_return std::optional<Epoch>();
  co_return std::optional<Epoch>(done.epoch);
}

void DoneWrites::start_forgetting() {
  if (!std::exchange(is_forgetting_, true)) background_.spawn(forget_silent());
}

Task<void> DoneWrites::forget_silent() {
  while (!clients_.empty()) {
    const Instant due = clients_.front().last + kWritesKeptFor;
    const Instant now = world_.executor.now();
    if (clients_.size() <= kClientsMax && now < due) {
      const bool goes_on = co_await closing_.sleep_for(std::min<Duration>(due - now, kLookPause));
      if (!goes_on) co_return;
      continue;
    }
    const Status erased = co_await erase(clients_.front().id);
    if (closing_.is_canceled()) co_return;
    if (erased.is_ok()) continue;
    log::warn("done_writes_not_erased", {{"status", erased}});
    const bool goes_on = co_await closing_.sleep_for(kLookPause);
    if (!goes_on) co_return;
  }
  is_forgetting_ = false;
}

// What the client writes meanwhile waits for its turn, so that no record of it is lost.
Task<Status> DoneWrites::erase(uint64_t client) {
  co_await turn_.acquire();
  const Permit turn(turn_, 1);
  if (closing_.is_canceled() || clients_.empty() || clients_.front().id != client) co_return ok();
  const Bytes prefix = done_writes_prefix(client);
  media::Batch batch;
  batch.use_reserve();
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(prefix));
  while (cursor.valid() && starts_with(cursor.key(), prefix)) {
    batch.erase(cursor.key());
    CO_TRY(co_await cursor.next());
  }
  const auto applied = co_await media_.apply(std::move(batch));
  CO_TRY(applied.status());
  places_.erase(client);
  clients_.pop_front();
  co_return ok();
}

}  // namespace aeon::vos
