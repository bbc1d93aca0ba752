// TargetStore::write, and what commits of transactions share with it: updates and punches, all or none.
#include <algorithm>
#include <set>

#include "base/mutation.h"
#include "space_accounting.h"
#include "target_store.h"
#include "write_path.h"

namespace aeon::vos {

namespace {

// How far ahead of the clock's epochs the stored bound is put, in epochs (1/16 ns): two seconds. Raising it costs one
// small record a second; a write after a pause also waits until the new one is durable.
constexpr uint64_t kEpochStep = 2ull * 16 * 1000 * 1000 * 1000;
constexpr uint64_t kMinorStep = 1 << 20;

constexpr size_t kOperationsMax = 1 << 20;

constexpr uint32_t kUpdateConditions = kDkeyInsert | kDkeyUpdate | kAkeyInsert | kAkeyUpdate;

Status invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

}  // namespace

Status TargetStore::check_write(const ObjectWrite& write) const {
  const bool is_update = write.kind == ObjectWrite::Kind::kUpdate;
  const uint32_t allowed = is_update ? kUpdateConditions : uint32_t{kPunchIfExists};
  if ((write.conditions & ~allowed) != 0) return invalid("a write has conditions that don't go with it");
  if (write.kind != ObjectWrite::Kind::kPunchObject) {
    TRY(check_user_key("a dkey", dkey_order(write.object), write.dkey));
  }
  const KeyOrder order = akey_order(write.object);
  switch (write.kind) {
    case ObjectWrite::Kind::kUpdate:
      if (write.akeys.empty()) return invalid("an update has no akeys");
      for (const AkeyUpdate& akey : write.akeys) {
        TRY(check_user_key("an akey", order, akey.akey));
        if ((akey.conditions & ~uint32_t{kAkeyInsert | kAkeyUpdate}) != 0) {
          return invalid("an akey's update has conditions that don't go with it");
        }
        const Status checked = check_update(akey);
        if (!checked.is_ok()) return checked.within("akey " + printable_key(akey.akey));
      }
      break;
    case ObjectWrite::Kind::kPunchAkeys:
      if (write.punched_akeys.empty()) return invalid("a punch of akeys names none");
      for (const Bytes& akey : write.punched_akeys) TRY(check_user_key("an akey", order, akey));
      break;
    case ObjectWrite::Kind::kPunchObject:
    case ObjectWrite::Kind::kPunchDkey: break;
    default: return invalid("a write is of an unknown kind");
  }
  return ok();
}

Status TargetStore::check_writes(const std::vector<ObjectWrite>& writes, Epoch epoch) const {
  if (writes.empty()) return invalid("a write call has no writes");
  if (epoch > kEpochGivenMax) return invalid("a write's epoch is too large");
  for (const ObjectWrite& write : writes) TRY(check_write(write));
  return ok();
}

TargetStore::Change::Change(Kind the_kind, uint32_t container, const ObjectWrite& write, const Bytes* the_akey)
    : kind(the_kind), conditions(write.conditions) {
  const size_t akey_size = the_akey == nullptr ? 0 : the_akey->size();
  prefix.reserve(kObjectPrefixSize + write.dkey.size() + akey_size + 48);
  append_object_prefix(prefix, container, write.object);
  size_t dkey_size = 0;
  if (kind != Kind::kPunchObject) {
    append_key_prefix(prefix, dkey_order(write.object), write.dkey);
    dkey_size = prefix.size();
  }
  if (the_akey != nullptr) append_key_prefix(prefix, akey_order(write.object), *the_akey);
  const ByteView all = prefix;
  object = all.first(kObjectPrefixSize);
  dkey = all.first(dkey_size);
  if (the_akey != nullptr) akey = all;
}

Task<Status> TargetStore::make_changes(uint32_t container, const std::vector<ObjectWrite>& writes,
                                       std::vector<Change>& changes, Reservation& reservation) {
  size_t count = 0;
  for (const ObjectWrite& write : writes) {
    const bool is_of_akeys = write.kind == ObjectWrite::Kind::kUpdate || write.kind == ObjectWrite::Kind::kPunchAkeys;
    count += is_of_akeys ? write.akeys.size() + write.punched_akeys.size() : 1;
  }
  changes.reserve(count);
  for (const ObjectWrite& write : writes) {
    switch (write.kind) {
      case ObjectWrite::Kind::kPunchObject:
        changes.emplace_back(Change::Kind::kPunchObject, container, write, nullptr);
        break;
      case ObjectWrite::Kind::kPunchDkey:
        changes.emplace_back(Change::Kind::kPunchDkey, container, write, nullptr);
        break;
      case ObjectWrite::Kind::kPunchAkeys:
        for (const Bytes& akey : write.punched_akeys) {
          changes.emplace_back(Change::Kind::kPunchAkey, container, write, &akey);
        }
        break;
      case ObjectWrite::Kind::kUpdate:
        for (const AkeyUpdate& update : write.akeys) {
          std::vector<PreparedValue> values;
          if (!prepare_at_once(update, values)) {
            CO_TRY_ASSIGN(values, co_await prepare_values(*media_, update, reservation));
          }
          Change& change = changes.emplace_back(Change::Kind::kUpdate, container, write, &update.akey);
          change.conditions |= update.conditions;
          change.value_kind = update.kind;
          change.record_size = update.record_size;
          change.values = std::move(values);
        }
        break;
    }
  }

  if (changes.size() > kOperationsMax) co_return Status(Code::kTooBig, "a write call has too many operations");

  // Operations of one call that meet.
  if (changes.size() > 1) {
    const auto sorts_before = [](ByteView a, ByteView b) { return compare_bytes(a, b) < 0; };
    std::set<ByteView, decltype(sorts_before)> punched(sorts_before);
    std::map<ByteView, const Change*, decltype(sorts_before)> updated(sorts_before);
    for (Change& change : changes) {
      switch (change.kind) {
        case Change::Kind::kPunchObject: punched.insert(change.object); break;
        case Change::Kind::kPunchDkey: punched.insert(change.dkey); break;
        case Change::Kind::kPunchAkey: punched.insert(change.akey); break;
        case Change::Kind::kUpdate: {
          change.follows_punch =
              punched.contains(change.object) || punched.contains(change.dkey) || punched.contains(change.akey);
          const auto [place, is_new] = updated.try_emplace(change.akey, &change);
          const Change& other = *place->second;
          const bool is_array = change.value_kind == ValueKind::kArray;
          const bool differ =
              other.value_kind != change.value_kind || (is_array && other.record_size != 0 && change.record_size != 0 &&
                                                        other.record_size != change.record_size);
          if (!is_new && differ) co_return invalid("one call updates an akey in two shapes");
          if (!is_new && other.record_size == 0) place->second = &change;
          break;
        }
      }
    }
  }
  co_return ok();
}

Task<Status> TargetStore::check_conditions(const ContainerState& container, const Change& change, Epoch epoch) {
  if (change.conditions == 0) co_return ok();
  Lookup lookup(*media_, container);
  if (change.kind == Change::Kind::kPunchObject) {
    CO_TRY_ASSIGN(const bool exists, co_await lookup.object_exists(change.object, epoch));
    if (!exists) co_return Status(Code::kNotFound, "the object to punch doesn't exist");
    co_return ok();
  }
  CO_TRY_ASSIGN(const Version object_floor, co_await lookup.floor_of(change.object, epoch, {}));
  const bool dkey_matters =
      change.kind == Change::Kind::kPunchDkey || (change.conditions & (kDkeyInsert | kDkeyUpdate)) != 0;
  if (dkey_matters) {
    CO_TRY_ASSIGN(const bool exists, co_await lookup.dkey_exists(change.dkey, epoch, object_floor));
    if (exists && (change.conditions & kDkeyInsert) != 0) co_return Status(Code::kExists, "the dkey exists");
    if (!exists && (change.conditions & (kDkeyUpdate | kPunchIfExists)) != 0) {
      co_return Status(Code::kNotFound, "the dkey doesn't exist");
    }
  }
  const bool akey_matters =
      change.kind == Change::Kind::kPunchAkey ||
      (change.kind == Change::Kind::kUpdate && (change.conditions & (kAkeyInsert | kAkeyUpdate)) != 0);
  if (akey_matters) {
    CO_TRY_ASSIGN(const Version floor, co_await lookup.floor_of(change.dkey, epoch, object_floor));
    CO_TRY_ASSIGN(const bool exists, co_await lookup.akey_exists(change.akey, epoch, floor));
    if (exists && (change.conditions & kAkeyInsert) != 0) co_return Status(Code::kExists, "the akey exists");
    if (!exists && (change.conditions & (kAkeyUpdate | kPunchIfExists)) != 0) {
      co_return Status(Code::kNotFound, "the akey doesn't exist");
    }
  }
  co_return ok();
}

bool TargetStore::keeps_shape(const ContainerState& container, const Change& change) {
  if (change.kind != Change::Kind::kUpdate) return true;
  if (container.base != nullptr) return false;
  const bool is_single = change.value_kind == ValueKind::kSingle;
  key_.assign(change.akey.begin(), change.akey.end());
  key_.push_back(kPunchTag);  // The mark, or the first of all its records.
  if (!cursor_.seek_now(key_)) return false;
  if (!cursor_.valid() || !starts_with(cursor_.key(), change.akey)) return true;
  const std::byte tag = cursor_.key()[change.akey.size()];
  if (is_single) return tag == kSingleTag;
  if (tag != kExtentTag) return false;
  if (change.record_size == 0) return true;
  const Result<ValueShape> shape = decode_value_shape(cursor_.value());
  return shape.is_ok() && shape->record_size == change.record_size;
}

// An akey has one shape at a time: a single value, or an array of records of one size. It may change once everything
// of the old shape is punched. From then on a mark says that the akey holds several; without it, the first record tells
// the shape of all, and one seek is enough. Answers whether the mark is due. In a clone the first record speaks only
// for what the clone has itself, so that an akey which a base has too is looked at in full.
Task<Result<bool>> TargetStore::check_shape(const ContainerState& container, const Change& change, Epoch epoch) {
  if (change.kind != Change::Kind::kUpdate) co_return false;
  const bool is_single = change.value_kind == ValueKind::kSingle;
  const Bytes mark = several_shapes_key(change.akey);
  bool base_matters = false;
  if (container.base != nullptr && !change.follows_punch) {
    Lookup bases(*media_, container);
    CO_TRY_ASSIGN(base_matters, co_await bases.bases_hold(change.akey));
  }
  media::Cursor cursor(*media_);
  CO_TRY(co_await cursor.seek(mark));
  const bool holds_any = cursor.valid() && starts_with(cursor.key(), change.akey);
  if (!base_matters && !holds_any) co_return false;
  if (!base_matters && !equal_bytes(cursor.key(), mark)) {
    if (cursor.key()[change.akey.size()] == kPunchTag) {
      Bytes first = to_bytes(change.akey);
      first.push_back(kSingleTag);
      CO_TRY(co_await cursor.seek(first));
    }
    if (!cursor.valid() || !starts_with(cursor.key(), change.akey)) co_return false;
    const bool holds_single = cursor.key()[change.akey.size()] == kSingleTag;
    if (holds_single && is_single) co_return false;
    if (!holds_single && !is_single) {
      if (change.record_size == 0) co_return false;
      auto shape = decode_value_shape(cursor.value());
      if (!shape) co_return shape.status().within(describe_record_key(cursor.key()));
      if (shape->record_size == change.record_size) co_return false;
    }
  }

  Lookup lookup(*media_, container);
  Version floor{kEpochMax, ~uint64_t{0}};
  if (!change.follows_punch) {
    CO_TRY_ASSIGN(const Version object_floor, co_await lookup.floor_of(change.object, epoch, {}));
    CO_TRY_ASSIGN(const Version dkey_floor, co_await lookup.floor_of(change.dkey, epoch, object_floor));
    CO_TRY_ASSIGN(floor, co_await lookup.floor_of(change.akey, epoch, dkey_floor));
  }
  ShapesSeen seen;
  CO_TRY(co_await look_at_shapes(change.akey, change, epoch, kEpochMax, floor, seen));
  const bool mark_is_due = seen.other;
  Bytes akey;
  for (size_t layer = 0; base_matters && !seen.same_is_there && lookup.descend(layer, floor);) {
    if (akey.empty()) akey = to_bytes(change.akey);
    lookup.move_key(akey, layer);
    CO_TRY(co_await look_at_shapes(akey, change, epoch, lookup.layer(layer).through, floor, seen));
  }
  co_return mark_is_due;
}

// All that one layer has of the akey, until something that is there has the shape of the change. kInvalidArgument if
// something has another one.
Task<Status> TargetStore::look_at_shapes(ByteView akey, const Change& change, Epoch epoch, Epoch through, Version floor,
                                         ShapesSeen& seen) {
  const bool is_single = change.value_kind == ValueKind::kSingle;
  Bytes first = to_bytes(akey);
  first.push_back(kSingleTag);
  append_epoch(first, through);
  media::Cursor cursor(*media_);
  CO_TRY(co_await cursor.seek(first));
  if (cursor.valid() && starts_with(cursor.key(), akey, kSingleTag)) {  // The newest single value decides.
    auto single = decode_single_key(cursor.key(), akey.size());
    if (!single) co_return single.status();
    auto shape = decode_value_shape(cursor.value());
    if (!shape) co_return shape.status().within(describe_record_key(cursor.key()));
    const bool is_there = !seen.single && single->version > floor && !shape->is_punch();
    seen.single = true;  // It also hides those of the layers below.
    seen.same_is_there = is_there && is_single;
    if (seen.same_is_there) co_return ok();
    if (is_there) co_return invalid("the akey holds a single value; punch it to store an array there");
    seen.other = seen.other || !is_single;
  }
  first.resize(akey.size());
  first.push_back(kExtentTag);
  CO_TRY(co_await cursor.seek(first));
  while (cursor.valid() && starts_with(cursor.key(), akey)) {
    auto extent = decode_extent_key(cursor.key(), akey.size());
    if (!extent) co_return extent.status();
    auto shape = decode_value_shape(cursor.value());
    if (!shape) co_return shape.status().within(describe_record_key(cursor.key()));
    if (!shape->is_punch() && extent->version.epoch <= through) {
      const bool is_same = !is_single && (change.record_size == 0 || shape->record_size == change.record_size);
      const bool is_there = extent->version > floor;
      // One that is newer says nothing of what a late write meets: a punch may lie between them.
      seen.same_is_there = is_there && is_same && extent->version.epoch <= epoch;
      if (seen.same_is_there) co_return ok();
      if (is_there && !is_same && is_single)
        co_return invalid("the akey holds an array; punch it to store a single value there");
      if (is_there && !is_same) {
        co_return invalid("the akey holds records of " + std::to_string(shape->record_size) + " bytes, not of " +
                          std::to_string(change.record_size) + "; punch it to change that");
      }
      seen.other = seen.other || !is_same;
    }
    CO_TRY(co_await cursor.next());
  }
  co_return ok();
}

TargetStore::Raised TargetStore::raise_bounds(const ContainerState& container, Epoch epoch, bool is_clocked,
                                              uint64_t next_minor, media::Batch& batch) const {
  Raised raised;
  // An application's own epochs are kept exactly: it reads the newest one back.
  const bool bound_is_near = is_clocked && epoch.value + kEpochStep / 2 > container.bound.value;
  if (epoch > container.bound || bound_is_near) {
    raised.bound = is_clocked ? Epoch{epoch.value + kEpochStep} : epoch;
    ContainerInfoRecord info = container.info();
    info.bound = *raised.bound;
    batch.put(container_info_key(container.number), encode_container_info(info));
  }
  if (next_minor > info_.minor_bound) {
    raised.minor_bound = next_minor + kMinorStep;
    StoreInfoRecord info = info_;
    info.minor_bound = *raised.minor_bound;
    batch.put(store_prefix(StoreRecord::kInfo), encode_store_info(info));
  }
  return raised;
}

void TargetStore::note_changes(const ContainerState& container, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kPunchObject:
        if (MUTATION("known_punch_outlives_a_newer_one", true, false)) {
          object_punches_.forget(container.number, object_of(change.object));
        }
        break;
      case Change::Kind::kPunchDkey:
      case Change::Kind::kPunchAkey:
        if (MUTATION("known_array_outlives_a_punch", true, false)) ++key_change_count_;
        break;
      case Change::Kind::kUpdate:
        for (const PreparedValue& value : change.values) {
          if (value.is_extent) known_arrays_.add_level(change.akey, extent_level(value.count));
        }
        break;
    }
  }
}

// Where the newest change of an object is looked up: one small record for each object and epoch.
void TargetStore::add_stamps(const std::vector<Change>& changes, Epoch epoch, media::Batch& batch) {
  ByteView before;
  for (const Change& change : changes) {
    if (!equal_bytes(before, change.object)) batch.put(stamp_key(change.object, epoch), {});
    before = change.object;
  }
}

Task<Result<Epoch>> TargetStore::write(Uuid container, std::vector<ObjectWrite> writes, Epoch epoch,
                                       Durability durability, RequestId id) {
  return apply_with_room(container, std::move(writes), epoch, durability, id, nullptr);
}

Task<Result<Epoch>> TargetStore::apply_with_room(Uuid container, std::vector<ObjectWrite> writes, Epoch epoch,
                                                 Durability durability, RequestId id, const Transaction* transaction) {
  const auto removes = [](const ObjectWrite& write) { return write.kind != ObjectWrite::Kind::kUpdate; };
  if (space_news_.is_tight && !std::ranges::all_of(writes, removes)) co_await let_aggregation_ahead();
  SpaceWait wait;
  wait.seen = space_news_.made;
  while (true) {
    Result<Epoch> written = co_await apply_writes(container, &writes, epoch, durability, id, transaction);
    if (written.code() != Code::kNoSpace) co_return written;
    const bool goes_on = co_await wait_for_space(&wait);
    if (!goes_on) co_return written;
  }
}

Task<Result<std::optional<DoneRequest>>> TargetStore::find_request(RequestId id) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  CO_TRY_ASSIGN(const std::optional<DoneRequest> done, co_await done_requests_.find(id));
  if (done.has_value()) CO_TRY(co_await media_->flush());
  co_return done;
}

Task<Result<Epoch>> TargetStore::apply_writes(Uuid container_id, const std::vector<ObjectWrite>* writes, Epoch epoch,
                                              Durability durability, RequestId id, const Transaction* transaction) {
  if (is_closed_) co_return Status(Code::kCanceled, "the store is closing");
  CO_TRY_ASSIGN(ContainerRef container, find_container(container_id));
  CO_TRY(check_writes(*writes, epoch));
  ++foreground_calls_;

  Reservation reservation(*media_, durability == Durability::kSync ? kCarriedSizeSync : kCarriedSizeFlush);
  std::vector<Change> changes;
  CO_TRY(co_await make_changes(container->number, *writes, changes, reservation));

  media::LogPosition position;
  media::LogPosition bound_position;
  Epoch bound;
  const bool is_clocked = epoch == kEpochZero;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    if (transaction != nullptr && container->transactions != nullptr) {
      const Decision* decided = container->transactions->decisions.find(transaction->id.uuid);
      if (decided != nullptr && !decided->is_commit()) co_return Status(Code::kConflict, "the transaction was aborted");
      if (decided != nullptr) {
        epoch = decided->epoch;
        if (durability == Durability::kSync) CO_TRY(co_await media_->flush());
        co_return epoch;
      }
    }
    CO_TRY(container->check_write_epoch(epoch));
    if (is_clocked) epoch = clock_.next();
    if (transaction != nullptr) {
      CO_TRY(co_await check_transaction(container, *transaction, changes, epoch));
    } else if (container->transactions != nullptr) {
      CO_TRY(check_plain_writes(*container, changes, epoch, is_clocked));
    }
    const bool is_new_epoch = is_clocked || epoch > clock_.last();
    media::Batch batch;
    for (const Change& change : changes) {
      if (change.conditions != 0) CO_TRY(co_await check_conditions(*container, change, epoch));
      if (keeps_shape(*container, change)) continue;
      CO_TRY_ASSIGN(const bool mark_is_due, co_await check_shape(*container, change, epoch));
      if (mark_is_due) batch.put(several_shapes_key(change.akey), {});
    }

    const Version first{.epoch = epoch, .minor = is_new_epoch ? 0 : kLateMinorBase + next_minor_};
    SpaceUse added;
    const Version end = visit_records(changes, first, [&batch, &added](ByteView key, const PreparedValue* value) {
      const ByteView encoded = value == nullptr ? ByteView() : ByteView(value->value);
      batch.put(key, encoded);
      added += value == nullptr ? space_of(key, {}, 0, 0) : space_of(key, encoded, value->bytes, value->block_bytes);
    });
    if (container->layers.front().has_stamps) add_stamps(changes, epoch, batch);
    const uint64_t next_minor = is_new_epoch ? next_minor_ : end.minor - kLateMinorBase;
    const bool only_punches = std::all_of(changes.begin(), changes.end(), [](const Change& change) {
      return change.kind != Change::Kind::kUpdate || change.record_size == 0;
    });
    if (only_punches) batch.use_reserve();
    const Raised raised = raise_bounds(*container, epoch, is_clocked, next_minor, batch);
    if (transaction != nullptr) put_commit_decision(*container, *transaction, epoch, batch);
    add_space(batch, container->number, added);
    done_requests_.put(id, {.epoch = epoch, .made = {}}, batch);
    reservation.adopt_into(batch);
    const auto applied = co_await media_->apply(std::move(batch));
    CO_TRY_ASSIGN(position, applied);

    note_changes(*container, changes);
    done_requests_.note(id);
    reservation.adopted();
    note_written(container, static_cast<ByteCount>(added.stored_bytes()));
    clock_.observe(epoch);
    container->highest = std::max(container->highest, epoch);
    next_minor_ = next_minor;
    if (raised.minor_bound.has_value()) info_.minor_bound = *raised.minor_bound;
    if (raised.bound.has_value()) {
      container->bound = *raised.bound;
      container->bound_position = position;
    }
    bound = container->bound;
    bound_position = container->bound_position;  // At or before `position`.
    if (container->transactions != nullptr) note_writes(*container, changes, epoch, is_clocked);
    if (transaction != nullptr) {
      note_commit(*container, *transaction, changes, epoch);
      container->transactions->decided_position = position;
    }
  }

  const bool is_beyond_bound =
      MUTATION("epoch_bound_isnt_waited_for", is_clocked && epoch > container->bound_durable, false);
  if (durability != Durability::kSync && !is_beyond_bound) co_return epoch;
  CO_TRY(co_await media_->wait_durable(durability == Durability::kSync ? position : bound_position));
  container->bound_durable = std::max(container->bound_durable, bound);
  co_return epoch;
}

}  // namespace aeon::vos
