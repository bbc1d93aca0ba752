#include "container_transactions.h"

#include <algorithm>

namespace aeon::vos {

ReadPlace::ReadPlace(uint32_t container, const TransactionRead& read) {
  if (read.of == TransactionRead::Of::kContainer) return;
  object_ = object_prefix(container, read.object);
  if (read.of == TransactionRead::Of::kObject) return;
  dkey_ = key_prefix(object_, dkey_order(read.object), read.dkey);
  if (read.of == TransactionRead::Of::kDkey) return;
  akey_ = key_prefix(dkey_, akey_order(read.object), read.akey);
}

// As media wants for a batch (StoreCore::has_space_for) that changes pages of up to four blocks on three levels, for
// each record that it puts and each piece that it erases, and for the store's info.
uint64_t commit_headroom(ByteCount encoded_size, size_t record_count) {
  const size_t entry_count = record_count + encoded_size / media::kValueSizeMax + 2;
  return 3 * (encoded_size / media::kBlockSize + 1) + 12 * entry_count + 16;
}

Result<Intent> intent_of(Uuid transaction, const IntentImage& image) {
  Intent intent;
  intent.id = {.uuid = transaction, .epoch = image.epoch};
  intent.participants = to_bytes(image.participants);
  intent.headroom_blocks = commit_headroom(image.encoded.size(), image.records.size());
  for (const IntentImage::Record& record : image.records) {
    TRY_ASSIGN(const RecordKey key, decode_record_key(record.key));
    Guard guard;
    guard.dkey_end = key.dkey_end;
    guard.akey_end = key.akey_end;
    const size_t size = std::max({kObjectPrefixSize, key.dkey_end, key.akey_end});
    const ByteView prefix = record.key.first(size);
    if (!intent.guards.empty() && equal_bytes(intent.guards.back().prefix, prefix)) continue;
    guard.prefix = to_bytes(prefix);
    intent.guards.push_back(std::move(guard));
  }
  return intent;
}

const Intent* IntentTable::find(Uuid transaction) const {
  const auto found = intents_.find(transaction);
  return found == intents_.end() ? nullptr : &found->second;
}

Status IntentTable::take_headroom(media::KeyBlockStore& media, Uuid transaction) {
  Intent& intent = intents_.at(transaction);
  if (!intent.headroom.empty()) return ok();
  TRY_ASSIGN(intent.headroom, media.reserve(intent.headroom_blocks));
  return ok();
}

void IntentTable::give_back_headroom(media::KeyBlockStore& media, Uuid transaction) {
  Intent& intent = intents_.at(transaction);
  for (const media::BlockRange& range : intent.headroom) media.cancel(range);
  intent.headroom.clear();
}

void IntentTable::add(Intent intent) {
  const Uuid transaction = intent.id.uuid;
  const Intent& added = intents_.insert_or_assign(transaction, std::move(intent)).first->second;
  for (const Guard& guard : added.guards) guards_[guard.prefix] = &added;
}

void IntentTable::remove(Uuid transaction) {
  const auto found = intents_.find(transaction);
  if (found == intents_.end()) return;
  for (const Guard& guard : found->second.guards) guards_.erase(guard.prefix);
  intents_.erase(found);
}

const Intent* IntentTable::in_the_way(const KeyPlace& place, Epoch epoch) const {
  if (guards_.empty()) return nullptr;
  for (const ByteView above : {place.object, place.dkey}) {
    if (above.empty()) continue;
    const auto found = guards_.find(to_bytes(above));
    if (found != guards_.end() && found->second->id.epoch <= epoch) return found->second;
  }
  const ByteView self = !place.akey.empty() ? place.akey : !place.dkey.empty() ? place.dkey : place.object;
  for (auto below = guards_.lower_bound(to_bytes(self)); below != guards_.end(); ++below) {
    if (!starts_with(below->first, self)) break;
    if (below->second->id.epoch <= epoch) return below->second;
  }
  return nullptr;
}

Epoch IntentTable::oldest() const {
  Epoch oldest = kEpochMax;
  for (const auto& [transaction, intent] : intents_) oldest = std::min(oldest, intent.id.epoch);
  return oldest;
}

Epoch IntentTable::newest() const {
  Epoch newest;
  for (const auto& [transaction, intent] : intents_) newest = std::max(newest, intent.id.epoch);
  return newest;
}

const Decision* DecisionLog::find(Uuid transaction) const {
  const auto found = decisions_.find(transaction);
  return found == decisions_.end() ? nullptr : &found->second;
}

Epoch DecisionLog::forgotten_with_oldest() const {
  const Decision& oldest = decisions_.at(order_.front().transaction);
  if (oldest.outcome == Decision::Outcome::kCommittedAlone) return forgotten_through_;
  return std::max(forgotten_through_, oldest.epoch);
}

void DecisionLog::put_into(media::Batch& batch, uint32_t container, const Decision& decision) const {
  batch.put(decision_key(container, next_sequence_), encode_decision(decision));
  if (decision.is_kept() || order_.size() < kDecisionsKept) return;
  batch.erase(decision_key(container, order_.front().sequence));
  const Epoch epoch = forgotten_with_oldest();
  if (epoch == forgotten_through_) return;
  Bytes forgotten(8);
  store_le(forgotten.data(), epoch.value);
  batch.put(decision_key(container, 0), forgotten);
}

void DecisionLog::add(const Decision& decision) {
  if (decision.is_kept()) {
    kept_[decision.transaction] = next_sequence_++;
    decisions_[decision.transaction] = decision;
    return;
  }
  if (order_.size() >= kDecisionsKept) {
    forgotten_through_ = forgotten_with_oldest();
    decisions_.erase(order_.front().transaction);
    order_.pop_front();
  }
  order_.push_back({.sequence = next_sequence_++, .transaction = decision.transaction});
  decisions_[decision.transaction] = decision;
}

Decision DecisionLog::released(Uuid transaction) const {
  Decision decision = decisions_.at(transaction);
  decision.outcome = Decision::Outcome::kCommitted;
  return decision;
}

void DecisionLog::put_release_into(media::Batch& batch, uint32_t container, Uuid transaction) const {
  batch.erase(decision_key(container, kept_.at(transaction)));
  put_into(batch, container, released(transaction));
}

void DecisionLog::release(Uuid transaction) {
  kept_.erase(transaction);
  add(released(transaction));
}

Status DecisionLog::load(uint64_t sequence, ByteView value) {
  const Status damaged(Code::kCorrupt, "a decided transaction's record is damaged");
  if (sequence == 0) {
    if (value.size() != 8) return damaged;
    forgotten_through_ = Epoch{load_le<uint64_t>(value.data())};
    return ok();
  }
  TRY_ASSIGN(const Decision decision, decode_decision(value));
  if (sequence < next_sequence_ || decisions_.contains(decision.transaction)) return damaged;
  next_sequence_ = sequence + 1;
  if (decision.is_kept())
    kept_[decision.transaction] = sequence;
  else
    order_.push_back({.sequence = sequence, .transaction = decision.transaction});
  decisions_[decision.transaction] = decision;
  return ok();
}

}  // namespace aeon::vos
