#include "done_requests.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/mutation.h"
#include "key_codec.h"

namespace aeon::vos {
namespace {

constexpr Duration kLookPause = std::chrono::minutes(1);
constexpr size_t kRecordSize = 8 + 8;
constexpr size_t kUuidSize = sizeof(Uuid::bytes);
constexpr size_t kRecordSizeMade = kRecordSize + kUuidSize;

Status damaged_record() { return Status(Code::kCorrupt, "the record of a client's request is damaged"); }

Bytes key_of(RequestId id) { return done_request_key(id.client, static_cast<uint8_t>(id.number % kRequestsKept)); }

}  // namespace

Bytes encode_done_record(const DoneRecord& record) {
  Bytes encoded(record.done.made.is_nil() ? kRecordSize : kRecordSizeMade);
  store_le(encoded.data(), record.number);
  store_le(encoded.data() + 8, record.done.epoch.value);
  if (!record.done.made.is_nil()) std::memcpy(encoded.data() + kRecordSize, record.done.made.bytes.data(), kUuidSize);
  return encoded;
}

Result<DoneRecord> decode_done_record(ByteView record) {
  if (record.size() != kRecordSize && record.size() != kRecordSizeMade) return damaged_record();
  DoneRecord decoded;
  decoded.number = load_le<uint64_t>(record.data());
  decoded.done.epoch = {load_le<uint64_t>(record.data() + 8)};
  if (record.size() == kRecordSizeMade) decoded.done.made = uuid_of(record.subspan(kRecordSize));
  return decoded;
}

Task<void> DoneRequests::load() {
  const Status status = co_await look_for_clients();
  if (!status.is_ok()) log::warn("done_requests_not_read", {{"status", status}});
  if (!clients_.empty()) start_forgetting();
}

Task<Status> DoneRequests::look_for_clients() {
  const Bytes all = store_prefix(StoreRecord::kDoneRequest);
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(all));
  while (cursor.valid() && starts_with(cursor.key(), all)) {
    if (cursor.key().size() != all.size() + 8 + 1) co_return damaged_record();
    const uint64_t client = load_be64(cursor.key().data() + all.size());
    // Which of its numbers is the newest shows when it comes again.
    places_[client] = clients_.insert(clients_.end(), {.id = client, .last = world_.executor.now()});
    const Bytes end = prefix_end(done_requests_prefix(client));
    CO_TRY(co_await cursor.seek(end));
  }
  co_return ok();
}

void DoneRequests::put(RequestId id, const DoneRequest& done, media::Batch& batch) const {
  if (id.client == 0 || !MUTATION("a_request_isnt_remembered", true, false)) return;
  // One that took so long that its client gave it up mustn't take the place of a newer one.
  const auto place = places_.find(id.client);
  if (place != places_.end() && id.number + kRequestsKept <= place->second->newest) return;
  batch.put(key_of(id), encode_done_record({.number = id.number, .done = done}));
}

void DoneRequests::note(RequestId id) {
  if (id.client == 0) return;
  const auto [place, is_new] = places_.try_emplace(id.client);
  if (is_new) {
    place->second = clients_.insert(clients_.end(), {.id = id.client, .last = {}});
    start_forgetting();
  } else {
    clients_.splice(clients_.end(), clients_, place->second);
  }
  Client& client = *place->second;
  client.last = world_.executor.now();
  client.newest = std::max(client.newest, id.number);
}

Task<Result<std::optional<DoneRequest>>> DoneRequests::find(RequestId id) {
  const Bytes key = key_of(id);
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(key));
  if (!cursor.valid() || !equal_bytes(cursor.key(), key)) co_return std::optional<DoneRequest>();
  CO_TRY_ASSIGN(const DoneRecord record, decode_done_record(cursor.value()));
  const bool is_another = MUTATION("any_request_of_a_place_is_the_one", record.number != id.number, false);
  co_return is_another ? std::optional<DoneRequest>() : std::optional<DoneRequest>(record.done);
}

void DoneRequests::start_forgetting() {
  if (!std::exchange(is_forgetting_, true)) background_.spawn(forget_silent());
  if (clients_.size() > clients_max_ && !std::exchange(has_too_many_, true)) background_.spawn(forget_too_many());
}

Task<void> DoneRequests::forget_silent() {
  while (!clients_.empty() && !closing_.is_canceled()) {
    const Instant due = clients_.front().last + kRequestsKeptFor;
    const bool is_due = world_.executor.now() >= due;
    Status erased;
    if (is_due) erased = co_await erase(clients_.front().id);
    if (is_due && erased.is_ok()) continue;
    if (!erased.is_ok()) log::warn("done_requests_not_erased", {{"status", erased}});
    const Instant next = is_due ? world_.executor.now() + kLookPause : due;
    const bool goes_on = co_await closing_.sleep_until(next);
    if (!goes_on) co_return;
  }
  is_forgetting_ = false;
}

Task<void> DoneRequests::forget_too_many() {
  Status erased;
  while (clients_.size() > clients_max_ && erased.is_ok() && !closing_.is_canceled()) {
    erased = co_await erase(clients_.front().id);
  }
  has_too_many_ = false;
}

// What the client changes meanwhile waits for its turn, so that no record of it is lost.
Task<Status> DoneRequests::erase(uint64_t client) {
  co_await turn_.acquire();
  const Permit turn(turn_, 1);
  if (closing_.is_canceled() || clients_.empty() || clients_.front().id != client) co_return ok();
  const Bytes prefix = done_requests_prefix(client);
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
