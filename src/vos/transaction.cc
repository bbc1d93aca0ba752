// TargetStore's two phases of a commit, and what is stored of them until they are decided and afterwards:
// docs/design/transactions.md says why this is enough.
#include <algorithm>

#include "base/log.h"
#include "space_accounting.h"
#include "write_path.h"

namespace aeon::vos {

namespace {

constexpr size_t kEraseSlice = 256;  // Decisions erased in one batch.

Status invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }
Status conflict(std::string message) { return Status(Code::kConflict, std::move(message)); }

// The blocks that the record's value is in.
Result<std::vector<media::BlockRange>> blocks_of(const IntentImage::Record& record) {
  TRY_ASSIGN(const RecordKey key, decode_record_key(record.key));
  if (key.kind != RecordKey::Kind::kSingle && key.kind != RecordKey::Kind::kExtent) {
    return std::vector<media::BlockRange>();
  }
  TRY_ASSIGN(ValueRecord value, decode_value(record.value));
  return std::move(value.blocks);
}

}  // namespace

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
  if (transaction.writes.empty()) co_return co_await prepare_reads(container, std::move(transaction));

  Reservation reservation(*media_, kCarriedSizeSync);
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
      // Somebody began it again who doesn't know of that: it will be aborted, since nobody else may decide about it.
      if (prepared->id.epoch != epoch) co_return conflict("the transaction was prepared at another epoch");
      position = media_->applied();
    } else {
      const bool is_seen = (!container->snapshots.empty() && *container->snapshots.rbegin() >= epoch) ||
                           (!container->reads.empty() && *container->reads.rbegin() >= epoch);
      if (is_seen) co_return conflict("a snapshot or a read at a later epoch doesn't have the transaction");
      CO_TRY(container->check_has_transactions());
      if (epoch <= container->opened_at || epoch <= container->closed_through() ||
          epoch <= transactions.decisions.forgotten_through()) {
        co_return conflict("the transaction's epoch is too old; take a newer one");
      }
      if (!container->check_not_discarding(epoch).is_ok())
        co_return conflict("the transaction's epoch is being discarded");
      if (transactions.intents.size() + transactions.decisions.kept().size() >= kUndecidedMax) {
        co_return Status(Code::kBusy, "the container has " + std::to_string(kUndecidedMax) +
                                          " transactions that are undecided or whose decision is kept; end some first");
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
      commit.put(store_prefix(StoreRecord::kInfo), encode_store_info(info_));
      done_requests_.put({.client = 1, .number = 1}, {.epoch = epoch, .made = {}}, commit);
      const ByteCount size = std::max(commit.size(), batch.size());
      const ByteCount size_max = media_->space().log_size / 2;
      if (size > size_max) {
        co_return Status(Code::kTooBig, "the transaction takes " + std::to_string(size) + " bytes of log, of " +
                                            std::to_string(size_max) + " at most");
      }
      const Raised raised = raise_bounds(*container, epoch, false, next_minor, batch);
      StoreInfoRecord info = info_;
      if (raised.minor_bound.has_value()) info.minor_bound = *raised.minor_bound;
      info.needs(kVosFormatOptions);  // An older program wouldn't guard it.
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
  if (MUTATION("prepare_isnt_durable", false, true)) co_return ok();
  co_return co_await media_->wait_durable(position);
}

Task<Status> TargetStore::prepare_reads(ContainerRef container, Transaction transaction) {
  const Epoch epoch = transaction.id.epoch;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    ContainerTransactions& transactions = transactions_of(*container);
    const Decision* decided = transactions.decisions.find(transaction.id.uuid);
    if (decided != nullptr && !decided->is_commit()) co_return conflict("the transaction was aborted already");
    const std::vector<Change> no_changes;
    CO_TRY(co_await check_transaction(container, transaction, no_changes, epoch));
    if (transaction.reads.empty()) co_return ok();
    if (!container->check_not_discarding(epoch).is_ok()) co_return conflict("what the transaction read is discarded");
    CO_TRY(co_await cover_guarded(container, epoch));
    if (epoch > container->bound) co_return Status(Code::kReadOnly, "what was read can't be guarded beyond a restart");
    clock_.observe(epoch);
    transactions.times.start(container->highest);
    if (MUTATION("prepared_reads_arent_guarded", true, false)) note_reads(*container, transaction, no_changes, epoch);
  }
  if (MUTATION("prepared_reads_arent_covered", false, true)) co_return ok();
  CO_TRY(co_await wait_covered(container, epoch));
  if (MUTATION("guard_isnt_waited_for", false, true)) co_return ok();
  co_return co_await media_->wait_durable(container->guard_position);
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

Task<Result<media::LogPosition>> TargetStore::decide(ContainerRef container, Decision decision, RequestId request) {
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
      for (const media::BlockRange& range : blocks) {
        if (MUTATION("aborted_values_keep_their_blocks", true, false)) batch.free(range);
      }
    }
  }
  if (MUTATION("committed_values_arent_counted", true, false)) add_space(batch, container->number, added);
  transactions.decisions.put_into(batch, container->number, decision);
  done_requests_.put(request, {.epoch = decision.epoch, .made = {}}, batch);
  StoreInfoRecord info = info_;
  if (decision.is_kept()) info.needs(kVosFormatPromises);  // An older program would forget it.
  if (info.format != info_.format) batch.put(store_prefix(StoreRecord::kInfo), encode_store_info(info));
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
  info_ = info;
  transactions.decided_position = *applied;
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
  done_requests_.note(request);
  note_written(container, static_cast<ByteCount>(added.stored_bytes()));
  co_return *applied;
}

Task<Status> TargetStore::commit_prepared(Uuid id, TransactionId transaction, Remember remember, RequestId request) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  Status contradiction;  // Told when what it says is durable: others may decide by it.
  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    ContainerTransactions& transactions = transactions_of(*container);
    const Intent* intent = transactions.intents.find(transaction.uuid);
    const Decision* decided = transactions.decisions.find(transaction.uuid);
    if (decided == nullptr && intent == nullptr) {
      co_return Status(Code::kNotFound, "transaction " + transaction.uuid.to_string() +
                                            " is neither prepared here nor remembered as committed");
    }
    const Epoch epoch = decided != nullptr ? decided->epoch : intent->id.epoch;
    if (decided != nullptr && !decided->is_commit())
      contradiction = conflict("the transaction was aborted");
    else if (epoch != transaction.epoch)
      co_return invalid("the transaction has another epoch");
    position = transactions.decided_position;
    if (decided == nullptr) {
      const bool is_kept = remember == Remember::kUntilReleased;
      const Decision decision{.transaction = transaction.uuid,
                              .epoch = epoch,
                              .outcome = is_kept ? Decision::Outcome::kCommittedKept : Decision::Outcome::kCommitted};
      CO_TRY_ASSIGN(position, co_await decide(container, decision, request));
    }
  }
  if (MUTATION("decision_isnt_durable", false, true)) co_return ok();
  CO_TRY(co_await media_->wait_durable(position));
  co_return contradiction;
}

Task<Status> TargetStore::abort_prepared(Uuid id, TransactionId transaction) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  if (transaction.uuid.is_nil()) co_return invalid("a transaction to abort has no uuid");
  if (transaction.epoch > kEpochGivenMax) co_return invalid("a transaction's epoch is too large");
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  Status contradiction;  // Told when what it says is durable: others may decide by it.
  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    ContainerTransactions& transactions = transactions_of(*container);
    const Intent* intent = transactions.intents.find(transaction.uuid);
    const Decision* decided = transactions.decisions.find(transaction.uuid);
    if (decided != nullptr && decided->is_commit()) contradiction = conflict("the transaction was committed");
    if (intent != nullptr && intent->id.epoch != transaction.epoch) {
      co_return invalid("the transaction has another epoch");
    }
    position = transactions.decided_position;
    if (decided == nullptr) {
      const Decision decision{
          .transaction = transaction.uuid, .epoch = transaction.epoch, .outcome = Decision::Outcome::kAborted};
      CO_TRY_ASSIGN(position, co_await decide(container, decision));
    }
  }
  if (MUTATION("contradiction_is_told_before_it_is_durable", false, true)) co_return contradiction;
  CO_TRY(co_await media_->wait_durable(position));
  co_return contradiction;
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

Task<Result<std::optional<DecidedTransaction>>> TargetStore::find_decision(Uuid id, Uuid transaction) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  std::optional<DecidedTransaction> found;
  media::LogPosition position;
  {
    co_await turn_.acquire();  // So that no decision is on its way.
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    if (container->transactions == nullptr) co_return found;
    const Decision* decided = container->transactions->decisions.find(transaction);
    if (decided == nullptr) co_return found;
    found.emplace();
    found->id = {.uuid = transaction, .epoch = decided->epoch};
    found->is_commit = decided->is_commit();
    position = container->transactions->decided_position;
  }
  if (MUTATION("decision_is_told_before_it_is_durable", false, true)) co_return found;
  CO_TRY(co_await media_->wait_durable(position));
  co_return found;
}

Task<Status> TargetStore::release_decision(Uuid id, Uuid transaction) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  co_await turn_.acquire();
  const Permit turn(turn_, 1);
  if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
  if (container->transactions == nullptr) co_return ok();
  DecisionLog& decisions = container->transactions->decisions;
  if (!decisions.kept().contains(transaction)) co_return ok();
  media::Batch batch;
  batch.use_reserve();
  decisions.put_release_into(batch, container->number, transaction);
  const Result<media::LogPosition> applied = co_await media_->apply(std::move(batch));
  if (!applied) co_return applied.status();
  decisions.release(transaction);
  co_return ok();
}

Task<Result<std::vector<TransactionId>>> TargetStore::list_kept_decisions(Uuid id) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  std::vector<TransactionId> kept;
  media::LogPosition position;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    if (container->transactions == nullptr) co_return kept;
    const DecisionLog& decisions = container->transactions->decisions;
    for (const auto& [uuid, sequence] : decisions.kept()) {
      kept.push_back({.uuid = uuid, .epoch = decisions.find(uuid)->epoch});
    }
    position = container->transactions->decided_position;
  }
  CO_TRY(co_await media_->wait_durable(position));
  co_return kept;
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
