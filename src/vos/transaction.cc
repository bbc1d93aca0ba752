// TargetStore's transactions: docs/design/transactions.md says why this is enough.
#include "write_path.h"

#include <algorithm>

#include "base/log.h"
#include "space_accounting.h"

namespace aeon::vos {

namespace {

// Without reads that long, writes aren't noted any more.
constexpr uint64_t kIdleEpochs = 60ull * 16 * 1000 * 1000 * 1000;
// A clock of another machine may be ahead of ours, but not by more: epochs would run out.
constexpr uint64_t kAheadMax = 60ull * 16 * 1000 * 1000 * 1000;
// Records looked at to find out whether something was changed that times don't tell.
constexpr unsigned kChangeScanMax = 4096;
constexpr size_t kEraseSlice = 256;  // Decisions erased in one batch.

Status invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }
Status conflict(std::string message) { return Status(Code::kConflict, std::move(message)); }

Status in_the_way(const Intent& intent) {
  return Status(Code::kInProgress,
                "transaction " + intent.id.uuid.to_string() + " was prepared there and isn't decided yet");
}

// The blocks that the record's value is in.
Result<std::vector<media::BlockRange>> blocks_of(const IntentImage::Record& record) {
  TRY_ASSIGN(const RecordKey key, decode_record_key(record.key));
  if (key.kind != RecordKey::Kind::kSingle && key.kind != RecordKey::Kind::kExtent) {
    return std::vector<media::BlockRange>();
  }
  TRY_ASSIGN(ValueRecord value, decode_value(record.value));
  return std::move(value.blocks);
}

Status check_has_transactions(const ContainerState& container) {
  if (container.epochs == EpochMode::kClock) return ok();
  return invalid("containers with explicit epochs have commits of their own, and no transactions");
}

// What a condition looks at; an empty object if there is none, and so nothing.
template <typename Change>
KeyPlace condition_place(const Change& change) {
  KeyPlace place;
  if (change.conditions == 0) return place;
  place.object = change.object;
  if (change.kind == Change::Kind::kPunchObject) return place;
  place.dkey = change.dkey;
  const bool is_of_dkey =
      change.kind == Change::Kind::kPunchDkey || (change.conditions & (kDkeyInsert | kDkeyUpdate)) != 0;
  if (!is_of_dkey) place.akey = change.akey;
  return place;
}

}  // namespace

ContainerTransactions& TargetStore::transactions_of(ContainerState& container) {
  if (container.transactions == nullptr) container.transactions = std::make_unique<ContainerTransactions>();
  return *container.transactions;
}

Status TargetStore::check_undecided(const ContainerState& container, const std::vector<TransactionRead>& reads,
                                    Epoch epoch) {
  if (container.transactions == nullptr || container.transactions->intents.empty()) return ok();
  for (const TransactionRead& read : reads) {
    const ReadPlace place(container.number, read);
    const Intent* intent = container.transactions->intents.in_the_way(place.place(), epoch);
    if (intent != nullptr) return in_the_way(*intent);
  }
  return ok();
}

Task<Status> TargetStore::admit_read(ContainerRef container, Epoch asked, Epoch epoch, ReadIntent intent,
                                     std::vector<TransactionRead> reads) {
  // What was decided elsewhere may already be known there: so a read of the newest can't overlook it here.
  if (intent == ReadIntent::kPlain) co_return check_undecided(*container, reads, asked);
  if (asked == kEpochZero || is_too_late(asked)) co_return invalid("a transaction reads at the epoch of its begin");
  {
    co_await turn_.acquire();  // So that no write with an earlier epoch is still on its way.
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    CO_TRY(check_has_transactions(*container));
    if (epoch <= container->opened_at) co_return conflict("the transaction began before the store was opened");
    if (epoch < container->aggregated_through) co_return conflict("what the transaction reads was aggregated");
    CO_TRY(check_undecided(*container, reads, epoch));
    CO_TRY(co_await cover_epoch(container, epoch));
    clock_.observe(epoch);
    AccessTimes& times = transactions_of(*container).times;
    times.start(container->highest);
    for (const TransactionRead& read : reads) {
      const ReadPlace place(container->number, read);
      times.note_read(place.place(), epoch);
    }
  }
  co_return co_await wait_covered(container, epoch);
}

bool TargetStore::is_too_late(Epoch epoch) {
  return epoch > kEpochGivenMax || epoch.value > clock_.next().value + kAheadMax;
}

Task<Status> TargetStore::cover_epoch(ContainerRef container, Epoch epoch) {
  media::Batch batch;
  batch.use_reserve();
  const Raised raised = raise_bounds(*container, epoch, true, next_minor_, batch);
  if (!raised.bound.has_value()) co_return ok();
  const Result<media::LogPosition> applied = co_await media_->apply(std::move(batch));
  // Nothing will be written in this life, and so nothing can change what is read.
  if (applied.code() == Code::kReadOnly) co_return ok();
  if (!applied) co_return applied.status();
  container->bound = *raised.bound;
  container->bound_position = *applied;
  co_return ok();
}

Task<Status> TargetStore::wait_covered(ContainerRef container, Epoch epoch) {
  if (epoch <= container->bound_durable || epoch > container->bound) co_return ok();
  const Epoch bound = container->bound;
  CO_TRY(co_await media_->wait_durable(container->bound_position));
  container->bound_durable = std::max(container->bound_durable, bound);
  co_return ok();
}

Task<Result<Epoch>> TargetStore::begin_transaction(Uuid id) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  Epoch epoch;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    CO_TRY(check_has_transactions(*container));
    epoch = clock_.next();
    CO_TRY(co_await cover_epoch(container, epoch));
    AccessTimes& times = transactions_of(*container).times;
    times.start(container->highest);
  }
  CO_TRY(co_await wait_covered(container, epoch));
  co_return epoch;
}

Status TargetStore::check_reads(const Transaction& transaction) {
  if (transaction.reads.size() > kTransactionReadsMax) {
    return Status(Code::kTooBig,
                  "a transaction has read more than " + std::to_string(kTransactionReadsMax) + " things");
  }
  if (transaction.read_epoch > kEpochGivenMax) return invalid("a transaction's read epoch is too large");
  for (const TransactionRead& read : transaction.reads) {
    if (read.of < TransactionRead::Of::kContainer || read.of > TransactionRead::Of::kAkey) {
      return invalid("a transaction has read something of an unknown kind");
    }
    if (read.of >= TransactionRead::Of::kDkey) TRY(check_user_key("a dkey", dkey_order(read.object), read.dkey));
    if (read.of >= TransactionRead::Of::kAkey) TRY(check_user_key("an akey", akey_order(read.object), read.akey));
  }
  return ok();
}

Status TargetStore::check_plain_writes(const ContainerState& container, const std::vector<Change>& changes, Epoch epoch,
                                       bool is_clocked) {
  const ContainerTransactions& transactions = *container.transactions;
  for (const Change& change : changes) {
    if (!transactions.intents.empty()) {
      const Intent* intent = transactions.intents.in_the_way(place_of(change), kEpochMax);
      const KeyPlace condition = condition_place(change);
      if (intent == nullptr && !condition.object.empty()) intent = transactions.intents.in_the_way(condition, epoch);
      if (intent != nullptr) return in_the_way(*intent);
    }
    // The clock is past all reads.
    if (!is_clocked && transactions.times.read_through(place_of(change)) >= epoch) {
      return conflict("a transaction has read what a write at epoch " + std::to_string(epoch.value) + " would change");
    }
  }
  return ok();
}

Task<Result<bool>> TargetStore::was_changed(const ContainerState& container, KeyPlace place, Epoch after) {
  Lookup lookup(*media_, container);
  for (const ByteView above : {place.object, place.dkey}) {
    if (above.empty()) continue;
    CO_TRY_ASSIGN(const Version punch, co_await lookup.floor_of(above, kEpochMax, {}));
    if (punch.epoch > after) co_return true;
  }
  const Bytes all = container_prefix(container.number);
  const ByteView self = !place.akey.empty()     ? place.akey
                        : !place.dkey.empty()   ? place.dkey
                        : !place.object.empty() ? place.object
                                                : ByteView(all);
  media::Cursor cursor(*media_);
  CO_TRY(co_await cursor.seek(self));
  for (unsigned seen = 0; cursor.valid() && starts_with(cursor.key(), self); ++seen) {
    if (seen == kChangeScanMax) co_return true;  // Not known: it restarts.
    auto record = decode_record_key(cursor.key());
    if (!record) co_return record.status();
    if (record->kind != RecordKey::Kind::kSeveralShapes && record->version.epoch > after) co_return true;
    CO_TRY(co_await cursor.next());
  }
  co_return false;
}

Task<Status> TargetStore::check_transaction(ContainerRef container, const Transaction& transaction,
                                            const std::vector<Change>& changes, Epoch epoch) {
  const Epoch read_epoch = transaction.read_epoch;
  CO_TRY(check_has_transactions(*container));
  ContainerTransactions& transactions = transactions_of(*container);
  if (!transaction.reads.empty()) {
    if (read_epoch >= epoch) co_return invalid("a transaction can't have read in the future");
    if (read_epoch <= container->opened_at) co_return conflict("the transaction began before the store was opened");
    if (read_epoch < container->aggregated_through) co_return conflict("what the transaction read was aggregated");
  }
  for (const TransactionRead& read : transaction.reads) {
    const ReadPlace place(container->number, read);
    if (transactions.intents.in_the_way(place.place(), epoch) != nullptr) {
      co_return conflict("a transaction that isn't decided yet may have changed what this one read");
    }
    const auto changed = transactions.times.changed_after(place.place(), read_epoch);
    bool is_changed = changed == AccessTimes::Changed::kYes;
    if (changed == AccessTimes::Changed::kUnknown) {
      CO_TRY_ASSIGN(is_changed, co_await was_changed(*container, place.place(), read_epoch));
    }
    if (is_changed) co_return conflict("what the transaction read has changed since");
  }
  for (const Change& change : changes) {
    const KeyPlace condition = condition_place(change);
    const bool is_guarded = transactions.intents.in_the_way(place_of(change), kEpochMax) != nullptr ||
                            (!condition.object.empty() && transactions.intents.in_the_way(condition, epoch) != nullptr);
    if (is_guarded) co_return conflict("a transaction that isn't decided yet changes the same");
    if (transactions.times.read_through(place_of(change)) >= epoch) {
      co_return conflict("another transaction has read what this one changes, at a later epoch");
    }
  }
  co_return ok();
}

void TargetStore::note_writes(ContainerState& container, const std::vector<Change>& changes, Epoch epoch,
                              bool is_clocked) {
  AccessTimes& times = container.transactions->times;
  if (!times.is_tracking()) return;
  if (is_clocked && epoch.value - std::min(epoch, times.last_used()).value > kIdleEpochs) {
    times.stop();
    return;
  }
  for (const Change& change : changes) times.note_write(place_of(change), epoch);
}

void TargetStore::note_reads(ContainerState& container, const Transaction& transaction,
                             const std::vector<Change>& changes, Epoch epoch) {
  AccessTimes& times = container.transactions->times;
  for (const TransactionRead& read : transaction.reads) {
    const ReadPlace place(container.number, read);
    times.note_read(place.place(), epoch);
  }
  for (const Change& change : changes) {
    const KeyPlace condition = condition_place(change);
    if (!condition.object.empty()) times.note_read(condition, epoch);
  }
}

void TargetStore::put_commit_decision(ContainerState& container, const Transaction& transaction, Epoch epoch,
                                      media::Batch& batch) {
  if (transaction.id.uuid.is_nil()) return;
  const Decision decision{
      .transaction = transaction.id.uuid, .epoch = epoch, .outcome = Decision::Outcome::kCommittedAlone};
  transactions_of(container).decisions.put_into(batch, container.number, decision);
}

void TargetStore::note_commit(ContainerState& container, const Transaction& transaction,
                              const std::vector<Change>& changes, Epoch epoch) {
  note_reads(container, transaction, changes, epoch);
  if (transaction.id.uuid.is_nil()) return;
  container.transactions->decisions.add(
      {.transaction = transaction.id.uuid, .epoch = epoch, .outcome = Decision::Outcome::kCommittedAlone});
}

Task<Result<Epoch>> TargetStore::commit_transaction(Uuid id, Transaction transaction, Durability durability) {
  if (transaction.id.epoch != kEpochZero) co_return invalid("a commit of one store takes its epoch from the clock");
  CO_TRY(check_reads(transaction));
  if (transaction.writes.empty()) co_return transaction.read_epoch;
  std::vector<ObjectWrite> writes = std::move(transaction.writes);
  co_return co_await apply_writes(id, std::move(writes), kEpochZero, durability, &transaction);
}

Task<Status> TargetStore::prepare(Uuid id, Transaction transaction, Bytes participants) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  const Epoch epoch = transaction.id.epoch;
  const Uuid uuid = transaction.id.uuid;
  if (uuid.is_nil()) co_return invalid("a transaction to prepare has no uuid");
  if (epoch == kEpochZero || (!transaction.reads.empty() && epoch <= transaction.read_epoch)) {
    co_return invalid("a transaction's epoch isn't after that of its reads");
  }
  if (participants.size() > kParticipantsSizeMax) {
    co_return Status(Code::kTooBig, "the description of a transaction's participants is larger than " +
                                        std::to_string(kParticipantsSizeMax) + " bytes");
  }
  CO_TRY(check_reads(transaction));
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  if (!transaction.writes.empty()) CO_TRY(check_writes(transaction.writes, epoch));
  if (is_too_late(epoch)) co_return invalid("a transaction's epoch is too far ahead of the clock");

  Reservation reservation(*media_);
  std::vector<Change> changes;
  CO_TRY(co_await make_changes(container->number, transaction.writes, changes, reservation));

  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    ContainerTransactions& transactions = transactions_of(*container);
    if (const Decision* decided = transactions.decisions.find(uuid); decided != nullptr) {
      if (!decided->is_commit()) co_return conflict("the transaction was aborted already");
      co_return ok();  // And durable, or whoever decided still waits for that.
    }
    if (const Intent* prepared = transactions.intents.find(uuid); prepared != nullptr) {
      if (prepared->id.epoch != epoch) co_return invalid("the transaction was prepared at another epoch");
      position = media_->applied();
    } else {
      const bool is_seen = (!container->snapshots.empty() && *container->snapshots.rbegin() >= epoch) ||
                           (!container->reads.empty() && *container->reads.rbegin() >= epoch);
      if (is_seen) co_return conflict("a snapshot or a read at a later epoch doesn't have the transaction");
      CO_TRY(check_has_transactions(*container));
      if (epoch <= container->opened_at || epoch <= container->closed_through() ||
          epoch <= transactions.decisions.forgotten_through()) {
        co_return conflict("the transaction's epoch is too old; take a newer one");
      }
      if (!container->check_not_discarding(epoch).is_ok())
        co_return conflict("the transaction's epoch is being discarded");
      if (transactions.intents.size() >= kUndecidedMax) {
        co_return Status(Code::kBusy, "the container has " + std::to_string(kUndecidedMax) +
                                          " undecided transactions; decide some first");
      }
      CO_TRY(co_await check_transaction(container, transaction, changes, epoch));

      std::vector<IndexRecord> records;
      for (const Change& change : changes) {
        CO_TRY(co_await check_conditions(*container, change, epoch));
        CO_TRY_ASSIGN(const bool mark_is_due, co_await check_shape(*container, change, epoch));
        if (mark_is_due) records.push_back({.key = several_shapes_key(change.akey), .value = {}});
      }
      const bool is_new_epoch = epoch > clock_.last();
      const Version first{.epoch = epoch, .minor = is_new_epoch ? 0 : kLateMinorBase + next_minor_};
      const Version end = visit_records(changes, first, [&records](ByteView key, const PreparedValue* value) {
        records.push_back({.key = to_bytes(key), .value = value == nullptr ? Bytes() : value->value});
      });
      const uint64_t next_minor = is_new_epoch ? next_minor_ : end.minor - kLateMinorBase;

      CO_TRY_ASSIGN(const IntentImage image, decode_intent(encode_intent(epoch, participants, records)));
      records.clear();
      CO_TRY_ASSIGN(Intent intent, intent_of(uuid, image));
      media::Batch batch;
      media::Batch commit;  // As large as committing will make it: that mustn't be too much then.
      const ByteView encoded = image.encoded;
      for (size_t at = 0; at < encoded.size(); at += media::kValueSizeMax) {
        const Bytes key = intent_key(container->number, uuid, intent.piece_count++);
        batch.put(key, encoded.subspan(at, std::min(media::kValueSizeMax, encoded.size() - at)));
        commit.erase(key);
      }
      for (const IntentImage::Record& record : image.records) commit.put(record.key, record.value);
      add_space(commit, container->number, SpaceUse{.records = 1});
      transactions.decisions.put_into(commit, container->number, {.transaction = uuid, .epoch = epoch});
      const ByteCount size = std::max(commit.size(), batch.size());
      const ByteCount size_max = media_->space().log_size / 2;
      if (size > size_max) {
        co_return Status(Code::kTooBig, "the transaction takes " + std::to_string(size) + " bytes of log, of " +
                                            std::to_string(size_max) + " at most");
      }
      const Raised raised = raise_bounds(*container, epoch, false, next_minor, batch);
      StoreInfoRecord info = info_;
      if (raised.minor_bound.has_value()) info.minor_bound = *raised.minor_bound;
      info.format = kVosFormatVersion;  // An older program wouldn't guard it.
      if (info.format != info_.format) batch.put(store_prefix(StoreRecord::kInfo), encode_store_info(info));
      reservation.adopt_into(batch);
      Reservation headroom(*media_);
      CO_TRY_ASSIGN(intent.headroom, media_->reserve(intent.headroom_blocks));
      for (const media::BlockRange& range : intent.headroom) headroom.add(range);
      CO_TRY_ASSIGN(position, co_await media_->apply(std::move(batch)));

      reservation.adopted();
      headroom.adopted();  // By the intent.
      clock_.observe(epoch);
      next_minor_ = next_minor;
      info_ = info;
      if (raised.bound.has_value()) {
        container->bound = *raised.bound;
        container->bound_position = position;
      }
      transactions.intents.add(std::move(intent));
      transactions.times.start(container->highest);
      note_reads(*container, transaction, changes, epoch);
    }
  }
  co_return co_await media_->wait_durable(position);
}

Task<Result<IntentImage>> TargetStore::read_intent(uint32_t container, Uuid transaction, uint32_t& piece_count) {
  Bytes encoded;
  media::Cursor cursor(*media_);
  for (piece_count = 0;; ++piece_count) {
    const Bytes key = intent_key(container, transaction, piece_count);
    CO_TRY(co_await cursor.seek(key));
    if (!cursor.valid() || !equal_bytes(cursor.key(), key)) break;
    encoded.insert(encoded.end(), cursor.value().begin(), cursor.value().end());
  }
  co_return decode_intent(std::move(encoded));
}

Task<Result<media::LogPosition>> TargetStore::decide(ContainerRef container, Decision decision) {
  ContainerTransactions& transactions = *container->transactions;
  const Intent* intent = transactions.intents.find(decision.transaction);
  media::Batch batch;
  batch.use_reserve();
  IntentImage image;
  SpaceUse added;
  if (intent != nullptr) {
    uint32_t piece_count = 0;
    CO_TRY_ASSIGN(image, co_await read_intent(container->number, decision.transaction, piece_count));
    for (uint32_t piece = 0; piece < piece_count; ++piece) {
      batch.erase(intent_key(container->number, decision.transaction, piece));
    }
    for (const IntentImage::Record& record : image.records) {
      if (decision.is_commit()) {
        batch.put(record.key, record.value);
        CO_TRY_ASSIGN(const RecordKey key, decode_record_key(record.key));
        added += space_of_record(key, record.key, record.value);
        continue;
      }
      CO_TRY_ASSIGN(const std::vector<media::BlockRange> blocks, blocks_of(record));
      for (const media::BlockRange& range : blocks) batch.free(range);
    }
  }
  add_space(batch, container->number, added);
  transactions.decisions.put_into(batch, container->number, decision);
  if (intent != nullptr) transactions.intents.give_back_headroom(*media_, decision.transaction);
  media::Batch again = batch;
  Result<media::LogPosition> applied = co_await media_->apply(std::move(batch));
  if (applied.code() == Code::kNoSpace) {  // A checkpoint gives back what was freed.
    ignore(co_await media_->checkpoint(), "what it can't do the next try will say");
    applied = co_await media_->apply(std::move(again));
  }
  if (!applied) {
    if (intent != nullptr) {
      ignore(transactions.intents.take_headroom(*media_, decision.transaction), "deciding again does without");
    }
    co_return applied.status();
  }
  if (intent != nullptr && decision.is_commit()) {
    ++key_change_count_;
    for (const Guard& guard : intent->guards) {
      if (guard.dkey_end == 0) object_punches_.forget(container->number, object_of(guard.prefix));
    }
    container->highest = std::max(container->highest, decision.epoch);
    if (transactions.times.is_tracking()) {
      for (const Guard& guard : intent->guards) transactions.times.note_write(guard.place(), decision.epoch);
    }
  }
  transactions.intents.remove(decision.transaction);
  transactions.decisions.add(decision);
  note_written(container, static_cast<ByteCount>(added.stored_bytes()));
  co_return *applied;
}

Task<Status> TargetStore::commit_prepared(Uuid id, TransactionId transaction) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    ContainerTransactions& transactions = transactions_of(*container);
    const Intent* intent = transactions.intents.find(transaction.uuid);
    const Decision* decided = transactions.decisions.find(transaction.uuid);
    if (decided != nullptr && !decided->is_commit()) co_return conflict("the transaction was aborted");
    if (decided == nullptr && intent == nullptr) {
      co_return Status(Code::kNotFound, "transaction " + transaction.uuid.to_string() +
                                            " is neither prepared here nor remembered as committed");
    }
    const Epoch epoch = decided != nullptr ? decided->epoch : intent->id.epoch;
    if (epoch != transaction.epoch) co_return invalid("the transaction has another epoch");
    position = media_->applied();
    if (decided == nullptr) {
      const Decision decision{
          .transaction = transaction.uuid, .epoch = epoch, .outcome = Decision::Outcome::kCommitted};
      CO_TRY_ASSIGN(position, co_await decide(container, decision));
    }
  }
  co_return co_await media_->wait_durable(position);
}

Task<Status> TargetStore::abort_prepared(Uuid id, TransactionId transaction) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  if (transaction.uuid.is_nil()) co_return invalid("a transaction to abort has no uuid");
  if (transaction.epoch > kEpochGivenMax) co_return invalid("a transaction's epoch is too large");
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    ContainerTransactions& transactions = transactions_of(*container);
    const Intent* intent = transactions.intents.find(transaction.uuid);
    const Decision* decided = transactions.decisions.find(transaction.uuid);
    if (decided != nullptr && decided->is_commit()) co_return conflict("the transaction was committed");
    if (intent != nullptr && intent->id.epoch != transaction.epoch) {
      co_return invalid("the transaction has another epoch");
    }
    position = media_->applied();
    if (decided == nullptr) {
      const Decision decision{
          .transaction = transaction.uuid, .epoch = transaction.epoch, .outcome = Decision::Outcome::kAborted};
      CO_TRY_ASSIGN(position, co_await decide(container, decision));
    }
  }
  co_return co_await media_->wait_durable(position);
}

Task<Result<std::vector<UndecidedTransaction>>> TargetStore::list_undecided(Uuid id) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  std::vector<UndecidedTransaction> undecided;
  if (container->transactions == nullptr) co_return undecided;
  for (const auto& [uuid, intent] : container->transactions->intents.all()) {
    undecided.push_back({.id = intent.id, .participants = intent.participants});
  }
  co_return undecided;
}

Task<Status> TargetStore::load_transactions(const std::map<uint32_t, ContainerRef>& by_number) {
  const Status damaged(Code::kCorrupt, "a transaction's record is damaged");
  const size_t number_at = store_prefix(StoreRecord::kIntent).size();
  media::Cursor cursor(*media_);
  Bytes next = store_prefix(StoreRecord::kIntent);
  while (true) {
    CO_TRY(co_await cursor.seek(next));
    if (!cursor.valid() || !starts_with(cursor.key(), store_prefix(StoreRecord::kIntent))) break;
    Uuid uuid;
    if (cursor.key().size() != number_at + 4 + 16 + 4) co_return damaged;
    const uint32_t number = load_be32(cursor.key().data() + number_at);
    std::memcpy(uuid.bytes.data(), cursor.key().data() + number_at + 4, 16);
    next = intent_key(number, uuid, ~uint32_t{0});
    const auto found = by_number.find(number);
    if (found == by_number.end() || found->second->is_destroyed) continue;  // About to be erased with its container.
    uint32_t piece_count = 0;
    CO_TRY_ASSIGN(const IntentImage image, co_await read_intent(number, uuid, piece_count));
    CO_TRY_ASSIGN(Intent intent, intent_of(uuid, image));
    intent.piece_count = piece_count;
    ContainerTransactions& transactions = transactions_of(*found->second);
    // What it has read isn't known any more.
    transactions.times.forget_reads_through(intent.id.epoch);
    transactions.intents.add(std::move(intent));
    ignore(transactions.intents.take_headroom(*media_, uuid), "deciding does without if it must");
  }

  const Bytes decisions = store_prefix(StoreRecord::kDecision);
  CO_TRY(co_await cursor.seek(decisions));
  while (cursor.valid() && starts_with(cursor.key(), decisions)) {
    if (cursor.key().size() != number_at + 4 + 8) co_return damaged;
    const auto found = by_number.find(load_be32(cursor.key().data() + number_at));
    if (found != by_number.end() && !found->second->is_destroyed) {
      const uint64_t sequence = load_be64(cursor.key().data() + number_at + 4);
      CO_TRY(transactions_of(*found->second).decisions.load(sequence, cursor.value()));
    }
    CO_TRY(co_await cursor.next());
  }
  co_return ok();
}

Task<Status> TargetStore::erase_transactions(uint32_t number) {
  media::Cursor cursor(*media_);
  const Bytes intents = intents_prefix(number);
  const Bytes decisions = decisions_prefix(number);
  while (true) {
    media::Batch batch;
    CO_TRY(co_await cursor.seek(intents));
    if (cursor.valid() && starts_with(cursor.key(), intents)) {
      Uuid uuid;
      if (cursor.key().size() != intents.size() + 16 + 4) {
        co_return Status(Code::kCorrupt, "a prepared transaction's record is damaged");
      }
      std::memcpy(uuid.bytes.data(), cursor.key().data() + intents.size(), 16);
      uint32_t piece_count = 0;
      const Result<IntentImage> image = co_await read_intent(number, uuid, piece_count);
      if (image.code() == Code::kCorrupt && piece_count != 0) {  // Its blocks stay in use: nobody knows which they are.
        log::warn("damaged_transaction_erased", {{"transaction", uuid.to_string()}, {"status", image.status()}});
      } else if (!image) {
        co_return image.status();
      }
      for (uint32_t piece = 0; piece < piece_count; ++piece) batch.erase(intent_key(number, uuid, piece));
      if (image) {
        for (const IntentImage::Record& record : image->records) {
          CO_TRY_ASSIGN(const std::vector<media::BlockRange> blocks, blocks_of(record));
          for (const media::BlockRange& range : blocks) batch.free(range);
        }
      }
    } else {
      CO_TRY(co_await cursor.seek(decisions));
      while (cursor.valid() && starts_with(cursor.key(), decisions) && batch.entry_count() < kEraseSlice) {
        batch.erase(cursor.key());
        CO_TRY(co_await cursor.next());
      }
    }
    if (batch.empty()) co_return ok();
    const auto applied = co_await media_->apply(std::move(batch));
    if (!applied) co_return applied.status();
    co_await yield(world_.executor);
  }
}

}  // namespace aeon::vos
