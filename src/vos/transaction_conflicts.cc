// Which transactions may commit: what they have read, and what others change and read meanwhile.
// docs/design/transactions.md says why this is enough.
#include <algorithm>

#include "write_path.h"

namespace aeon::vos {

namespace {

// Without reads that long, writes aren't noted any more.
constexpr uint64_t kIdleEpochs = 60ull * 16 * 1000 * 1000 * 1000;
// A clock of another machine may be ahead of ours, but not by more: epochs would run out.
constexpr uint64_t kAheadMax = 60ull * 16 * 1000 * 1000 * 1000;
// Records looked at to find out whether something was changed that times don't tell.
constexpr unsigned kChangeScanMax = 4096;

Status misuse(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }
Status restart_because(std::string message) { return Status(Code::kConflict, std::move(message)); }

Status in_the_way(const Intent& intent) {
  return Status(Code::kInProgress,
                "transaction " + intent.id.uuid.to_string() + " was prepared there and isn't decided yet");
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
  if (MUTATION("undecided_is_read_over", false, true)) return ok();
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
  if (asked == kEpochZero || is_too_late(asked)) co_return misuse("a transaction reads at the epoch of its begin");
  {
    co_await turn_.acquire();  // So that no write with an earlier epoch is still on its way.
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    CO_TRY(container->check_has_transactions());
    if (epoch <= container->opened_at) co_return restart_because("the transaction began before the store was opened");
    if (epoch < container->aggregated_through) co_return restart_because("what the transaction reads was aggregated");
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

Status TargetStore::observe(Epoch epoch) {
  if (is_too_late(epoch)) return misuse("an epoch to observe is too far ahead of the clock");
  clock_.observe(epoch);
  return ok();
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

Task<Status> TargetStore::cover_guarded(ContainerRef container, Epoch epoch) {
  if (container->guards_reads) co_return co_await cover_epoch(container, epoch);
  ContainerInfoRecord record = container->info();
  record.bound = std::max(record.bound, epoch);
  record.guards_reads = true;
  StoreInfoRecord info = info_;
  info.needs(kVosFormatPromises);  // An older program would take writes before the bound.
  media::Batch batch;
  batch.use_reserve();
  batch.put(container_info_key(container->number), encode_container_info(record));
  if (info.format != info_.format) batch.put(store_prefix(StoreRecord::kInfo), encode_store_info(info));
  CO_TRY_ASSIGN(const media::LogPosition position, co_await media_->apply(std::move(batch)));
  info_ = info;
  container->bound = record.bound;
  container->bound_position = container->guard_position = position;
  container->guards_reads = true;
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
    CO_TRY(container->check_has_transactions());
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
  if (transaction.read_epoch > kEpochGivenMax) return misuse("a transaction's read epoch is too large");
  for (const TransactionRead& read : transaction.reads) {
    if (read.of < TransactionRead::Of::kContainer || read.of > TransactionRead::Of::kAkey) {
      return misuse("a transaction has read something of an unknown kind");
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
      return restart_because("a transaction has read what a write at epoch " + std::to_string(epoch.value) +
                             " would change");
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
  CO_TRY(container->check_has_transactions());
  ContainerTransactions& transactions = transactions_of(*container);
  if (!transaction.reads.empty()) {
    if (read_epoch >= epoch) co_return misuse("a transaction can't have read in the future");
    if (read_epoch <= container->opened_at)
      co_return restart_because("the transaction began before the store was opened");
    if (read_epoch < container->aggregated_through)
      co_return restart_because("what the transaction read was aggregated");
  }
  for (const TransactionRead& read : transaction.reads) {
    const ReadPlace place(container->number, read);
    if (transactions.intents.in_the_way(place.place(), epoch) != nullptr) {
      co_return restart_because("a transaction that isn't decided yet may have changed what this one read");
    }
    const auto changed = transactions.times.changed_after(place.place(), read_epoch);
    bool is_changed = changed == AccessTimes::Changed::kYes;
    if (changed == AccessTimes::Changed::kUnknown) {
      CO_TRY_ASSIGN(is_changed, co_await was_changed(*container, place.place(), read_epoch));
    }
    if (is_changed) co_return restart_because("what the transaction read has changed since");
  }
  for (const Change& change : changes) {
    const KeyPlace condition = condition_place(change);
    const bool is_guarded = transactions.intents.in_the_way(place_of(change), kEpochMax) != nullptr ||
                            (!condition.object.empty() && transactions.intents.in_the_way(condition, epoch) != nullptr);
    if (is_guarded) co_return restart_because("a transaction that isn't decided yet changes the same");
    if (transactions.times.read_through(place_of(change)) >= epoch) {
      co_return restart_because("another transaction has read what this one changes, at a later epoch");
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

Task<Result<Epoch>> TargetStore::commit_transaction(Uuid id, Transaction transaction, Durability durability,
                                                    RequestId request) {
  if (transaction.id.epoch != kEpochZero) co_return misuse("a commit of one store takes its epoch from the clock");
  CO_TRY(check_reads(transaction));
  if (transaction.writes.empty()) co_return transaction.read_epoch;
  if (is_too_late(transaction.read_epoch)) co_return misuse("a transaction can't have read in the future");
  clock_.observe(transaction.read_epoch);  // It may be another store's.
  std::vector<ObjectWrite> writes = std::move(transaction.writes);
  co_return co_await apply_with_room(id, std::move(writes), kEpochZero, durability, request, &transaction);
}

}  // namespace aeon::vos
