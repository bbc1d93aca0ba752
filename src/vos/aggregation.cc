#include "aggregation.h"

#include <algorithm>

#include "base/mutation.h"
#include "target_store.h"

namespace aeon::vos {

namespace {
constexpr uint64_t kYieldEveryEntries = 512;
constexpr uint64_t kYieldEveryLookups = 64;
}  // namespace

Version Aggregation::floor_at(Epoch epoch) const {
  Version floor;
  for (size_t level = 0; level < depth_; ++level) {
    for (const Version& punch : scopes_[level].punches) {  // Newest first.
      if (punch.epoch > epoch) continue;
      floor = std::max(floor, punch);
      break;
    }
  }
  return floor;
}

bool Aggregation::is_newest_at_kept(Epoch epoch, Epoch replaced) const {
  const auto kept = std::lower_bound(kept_.begin(), kept_.end(), epoch);
  return kept != kept_.end() && *kept < replaced;
}

bool Aggregation::is_seen_between(Version version, Epoch until) const {
  auto kept = std::lower_bound(kept_.begin(), kept_.end(), version.epoch);
  for (; kept != kept_.end() && *kept < until; ++kept) {
    if (version > floor_at(*kept)) return true;
  }
  return false;
}

void Aggregation::keep(Version version) {
  for (size_t level = 0; level < depth_; ++level) {
    scopes_[level].oldest_kept = std::min(scopes_[level].oldest_kept, version);
  }
}

Task<Status> Aggregation::run(const Gate& gate) {
  const Bytes all = container_prefix(container_.number);
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(all));
  Bytes key;
  while (cursor.valid() && starts_with(cursor.key(), all)) {
    key.assign(cursor.key().begin(), cursor.key().end());
    auto record = decode_record_key(key);
    if (!record) co_return record.status();
    ValueShape shape;
    if (record->kind == RecordKey::Kind::kSingle || record->kind == RecordKey::Kind::kExtent) {
      auto decoded = decode_value_shape(cursor.value());
      if (!decoded) co_return decoded.status().within(describe_record_key(key));
      shape = *decoded;
    }
    CO_TRY(co_await enter(key, *record));
    CO_TRY(co_await look_at(key, *record, shape));
    ++seen_;
    if (seen_ % kYieldEveryEntries == 0 || dropper_.is_full()) {
      CO_TRY(co_await dropper_.flush());
      co_await yield(world_.executor);
      if (gate.is_closing()) co_return Status(Code::kCanceled, "the store is closing");
    }
    if (container_.is_destroyed && !container_.is_hidden) {
      co_return Status(Code::kCanceled, "the container was destroyed");
    }
    key.push_back(std::byte{0});  // The one behind it, also if this one was dropped meanwhile.
    CO_TRY(co_await cursor.seek(key));
  }
  CO_TRY(co_await leave(kObject));
  co_return co_await dropper_.flush();
}

Task<Status> Aggregation::flush_if_full() {
  if (!dropper_.is_full()) co_return ok();
  CO_TRY(co_await dropper_.flush());
  co_await yield(world_.executor);
  co_return ok();
}

// Leaves the scopes that the key isn't in, and enters those it is in.
Task<Status> Aggregation::enter(const Bytes& key, const RecordKey& record) {
  const size_t ends[kLevelCount] = {kObjectPrefixSize, record.dkey_end, record.akey_end};
  for (size_t level = 0; level < kLevelCount; ++level) {
    const size_t end = ends[level];
    const bool is_in =
        level < depth_ && end != 0 && scopes_[level].prefix.size() == end && starts_with(key, scopes_[level].prefix);
    if (is_in) continue;
    if (level < depth_) CO_TRY(co_await leave(level));
    if (end == 0) break;
    scopes_[level].prefix.assign(key.begin(), key.begin() + static_cast<ptrdiff_t>(end));
    scopes_[level].punches.clear();
    scopes_[level].oldest_kept = kNothingKept;
    scopes_[level].newer_stamp = kEpochMax;
    depth_ = level + 1;
  }
  co_return ok();
}

Task<Status> Aggregation::leave(size_t level) {
  while (depth_ > level) {
    if (depth_ == kAkey + 1) CO_TRY(co_await leave_akey());
    const Scope& scope = scopes_[depth_ - 1];
    Epoch newer = kEpochMax;
    for (const Version& punch : scope.punches) {
      const Epoch replaced = std::exchange(newer, punch.epoch);
      if (punch.epoch > through() || scope.oldest_kept < punch) continue;
      if (is_clone() && is_newest_at_kept(punch.epoch, replaced)) {
        CO_TRY_ASSIGN(const bool hides_base, co_await bases_.bases_hold(scope.prefix));
        if (hides_base) continue;
      }
      Bytes key = scope.prefix;
      key.push_back(kPunchTag);
      append_version(key, punch);
      dropper_.drop(key);
      CO_TRY(co_await flush_if_full());
    }
    if (depth_ == kAkey + 1 && std::exchange(several_shapes_, false)) CO_TRY(co_await drop_mark());
    --depth_;
  }
  co_return ok();
}

// The mark of several shapes goes with the akey's last record. Looked at in the writer turn, since a write that comes
// between might lean on it.
Task<Status> Aggregation::drop_mark() {
  if (scopes_[kAkey].oldest_kept != kNothingKept) co_return ok();
  CO_TRY(co_await dropper_.flush());
  co_await turn_.acquire();
  const Permit turn(turn_, 1);
  media::Cursor cursor(media_);
  Bytes behind = several_shapes_key(scopes_[kAkey].prefix);
  behind.push_back(std::byte{0});
  CO_TRY(co_await cursor.seek(behind));
  if (cursor.valid() && starts_with(cursor.key(), scopes_[kAkey].prefix)) co_return ok();
  dropper_.drop(several_shapes_key(scopes_[kAkey].prefix));
  co_return co_await dropper_.flush();
}

Task<Status> Aggregation::leave_akey() {
  bool has_base = false;
  if (is_clone()) {
    CO_TRY_ASSIGN(has_base, co_await bases_.bases_hold(scopes_[kAkey].prefix));
  }
  for (const SinglePunch& punch : single_punches_) {
    if (punch.is_seen && has_base) continue;
    dropper_.drop(punch.key);
    CO_TRY(co_await flush_if_full());
  }
  single_punches_.clear();
  has_single_ = false;
  extent_before_ = {};
  const Version oldest_kept = std::exchange(oldest_extent_kept_, kNothingKept);
  if (extent_punches_.empty()) co_return ok();
  CO_TRY(co_await dropper_.flush());  // What went is no reason any more to keep its punch.
  for (const ExtentPunch& punch : extent_punches_) {
    const bool hides_base = punch.is_seen && has_base;
    bool hides = oldest_kept < punch.version || hides_base;
    if (hides && !hides_base) {
      CO_TRY_ASSIGN(hides,
                    co_await lookup_.has_older_data(scopes_[kAkey].prefix, punch.start, punch.end, punch.version));
      if (++lookups_ % kYieldEveryLookups == 0) co_await yield(world_.executor);
    }
    if (!hides) dropper_.drop(punch.key);
    CO_TRY(co_await flush_if_full());
  }
  extent_punches_.clear();
  co_return ok();
}

Task<Status> Aggregation::look_at(const Bytes& key, const RecordKey& record, const ValueShape& shape) {
  switch (record.kind) {
    case RecordKey::Kind::kObjectPunch:
    case RecordKey::Kind::kDkeyPunch:
    case RecordKey::Kind::kAkeyPunch: scopes_[depth_ - 1].punches.push_back(record.version); break;
    case RecordKey::Kind::kSingle: look_at_single(key, record, shape); break;
    case RecordKey::Kind::kExtent: CO_TRY(co_await look_at_extent(key, record, shape)); break;
    case RecordKey::Kind::kSeveralShapes: several_shapes_ = true; break;
    case RecordKey::Kind::kStamp: CO_TRY(co_await look_at_stamp(key, record)); break;
  }
  co_return ok();
}

// Stamps are the last of an object. The newest at each kept epoch stays, as long as there is anything to read.
Task<Status> Aggregation::look_at_stamp(const Bytes& key, const RecordKey& record) {
  Scope& object = scopes_[kObject];
  const Epoch replaced = std::exchange(object.newer_stamp, record.version.epoch);
  if (record.version.epoch > through()) co_return ok();
  bool is_needed = is_newest_at_kept(record.version.epoch, replaced);
  if (is_needed && object.oldest_kept == kNothingKept) {
    is_needed = false;
    if (is_clone()) {
      CO_TRY_ASSIGN(is_needed, co_await bases_.bases_hold(object.prefix));
    }
  }
  if (!is_needed) dropper_.drop(key);
  co_return ok();
}

void Aggregation::look_at_single(const Bytes& key, const RecordKey& record, const ValueShape& shape) {
  const bool is_same_version = has_single_ && single_ == record.version;  // A further part of it.
  if (!is_same_version) {
    const Epoch replaced = has_single_ ? single_.epoch : kEpochMax;
    has_single_ = true;
    single_ = record.version;
    if (shape.is_punch()) {
      if (record.version.epoch <= through()) {
        single_punches_.push_back({.key = key, .is_seen = is_newest_at_kept(record.version.epoch, replaced)});
      }
      return;
    }
    single_is_kept_ = record.version.epoch > through() || is_seen_between(record.version, replaced);
    if (single_is_kept_) {
      keep(record.version);
      single_punches_.clear();  // They hide this one.
    }
  }
  if (!single_is_kept_) dropper_.drop(key);
}

Task<Status> Aggregation::look_at_extent(const Bytes& key, const RecordKey& record, const ValueShape& shape) {
  const bool is_old = record.version.epoch <= through();
  if (shape.is_punch()) {
    if (is_old) {
      ExtentPunch punch;
      punch.key = key;
      punch.start = record.start;
      punch.end = record.start + shape.count;
      punch.version = record.version;
      if (is_clone()) {
        CO_TRY_ASSIGN(punch.is_seen, co_await is_extent_seen(record, shape));
      }
      extent_punches_.push_back(std::move(punch));
    }
  } else {
    bool is_kept = true;
    if (is_old) {
      CO_TRY_ASSIGN(is_kept, co_await is_extent_seen(record, shape));
    }
    if (is_kept) {
      keep(record.version);
      oldest_extent_kept_ = std::min(oldest_extent_kept_, record.version);
    } else {
      dropper_.drop(key);
    }
  }
  extent_before_.is_set = true;
  extent_before_.level = record.level;
  extent_before_.start = record.start;
  extent_before_.count = shape.count;
  extent_before_.epoch = record.version.epoch;
  co_return ok();
}

Task<Result<bool>> Aggregation::is_extent_seen(const RecordKey& record, const ValueShape& shape) {
  // The extent before this one in the index is newer; usually it replaced the same records.
  Epoch replaced = kEpochMax;
  if (extent_before_.is_set && extent_before_.level == record.level && extent_before_.start == record.start &&
      extent_before_.count >= shape.count) {
    replaced = extent_before_.epoch;
  }
  if (!is_seen_between(record.version, replaced)) co_return false;
  ExtentSet set;
  const uint64_t end = record.start + shape.count;
  for (size_t i = kept_.size(); i-- > 0 && kept_[i] >= record.version.epoch;) {
    const Version floor = floor_at(kept_[i]);
    if (kept_[i] >= replaced || record.version < floor) continue;
    set.clear();
    CO_TRY(co_await lookup_.overlapping(scopes_[kAkey].prefix, record.start, end, kept_[i], floor,
                                        Lookup::Values::kLeaveOut, set));
    const std::vector<VisiblePart> parts = visible_parts(set.candidates, record.start, end);
    for (const VisiblePart& part : parts) {
      if (set.candidates[part.candidate].version == record.version) co_return true;
    }
  }
  co_return false;
}

Task<Result<AggregateProgress>> TargetStore::aggregate(Uuid id, Epoch through) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  const Gate::Pass pass = background_.enter();
  if (!pass) co_return Status(Code::kCanceled, "the store is closing");
  co_await container->maintenance.acquire();
  const Permit alone(container->maintenance, 1);
  std::vector<Epoch> kept;
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
    through = std::min(through, container->newest_readable());
    if (container->transactions != nullptr) {  // It may still write at its epoch.
      const Epoch undecided = container->transactions->intents.oldest();
      through = std::min(through, Epoch{undecided.value - 1});
    }
    through = std::max(container->aggregated_through, through);
    if (through == kEpochZero) co_return AggregateProgress{};
    if (through != container->aggregated_through) {
      media::Batch batch;
      batch.use_reserve();
      ContainerInfoRecord info = container->info();
      info.aggregated_through = through;
      batch.put(container_info_key(container->number), encode_container_info(info));
      const auto applied = co_await media_->apply(std::move(batch));
      if (!applied) co_return applied.status();
      container->aggregated_through = through;
    }
    for (const Epoch snapshot : container->snapshots) {
      if (MUTATION("aggregation_forgets_snapshots", snapshot < through, false)) kept.push_back(snapshot);
    }
    for (const Epoch clone : container->clones) {
      if (MUTATION("aggregation_forgets_clones", clone < through, false)) kept.push_back(clone);
    }
    for (const Epoch read : container->reads) {
      if (MUTATION("aggregation_forgets_readers", read < through, false)) kept.push_back(read);
    }
    kept.push_back(through);
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  }
  Aggregation aggregation(world_, *media_, turn_, *container, std::move(kept));
  CO_TRY(co_await aggregation.run(background_));
  co_return aggregation.progress();
}

namespace {

Status check_discard(const ContainerState& container, Epoch begin, Epoch end) {
  if (container.is_destroyed) return Status(Code::kNotFound, "the container was destroyed");
  if (container.epochs == EpochMode::kExplicit && begin <= container.committing) {
    return Status(Code::kInvalidArgument, "epoch " + std::to_string(begin.value) +
                                              " was committed already; only what is above epoch " +
                                              std::to_string(container.committing.value) + " can be discarded");
  }
  if (container.transactions != nullptr) {
    for (const auto& [transaction, intent] : container.transactions->intents.all()) {
      if (begin <= intent.id.epoch && intent.id.epoch <= end)
        return Status(Code::kInProgress, "an undecided transaction is in the range to discard");
    }
  }
  if (!container.clones.empty() && begin <= *container.clones.rbegin()) {
    return Status(Code::kInvalidArgument, "a clone starts from epoch " +
                                              std::to_string(container.clones.rbegin()->value) +
                                              "; only what is above can be discarded");
  }
  return ok();
}

}  // namespace

Task<Status> TargetStore::discard(Uuid id, Epoch begin, Epoch end) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  if (begin > end) co_return Status(Code::kInvalidArgument, "a range of epochs to discard ends before it begins");
  const Gate::Pass pass = background_.enter();
  if (!pass) co_return Status(Code::kCanceled, "the store is closing");
  co_await container->maintenance.acquire();
  const Permit alone(container->maintenance, 1);
  {
    co_await turn_.acquire();  // So that no write of these epochs is still on its way.
    const Permit turn(turn_, 1);
    CO_TRY(check_discard(*container, begin, end));
    container->opened_at = clock_.next();  // Transactions begin again: history changes.
    container->discarding = EpochRange{.begin = begin, .end = end};
  }
  const Status dropped = co_await drop_epochs(*container, begin, end);
  {
    co_await turn_.acquire();
    const Permit turn(turn_, 1);
    container->discarding.reset();
    container->opened_at = clock_.next();
    CO_TRY(dropped);
    const bool newest_are_gone = container->epochs == EpochMode::kExplicit && end >= container->highest;
    if (newest_are_gone && begin <= container->highest && !container->is_destroyed) {
      const Epoch highest = std::max(container->committing, Epoch{begin.value - 1});
      ContainerInfoRecord info = container->info();
      info.bound = highest;
      media::Batch batch;
      batch.use_reserve();
      batch.put(container_info_key(container->number), encode_container_info(info));
      const auto applied = co_await media_->apply(std::move(batch));
      if (!applied) co_return applied.status();
      container->highest = container->bound = highest;
    }
  }
  if (MUTATION("discard_isnt_durable", false, true)) co_return ok();
  co_return co_await media_->flush();
}

}  // namespace aeon::vos
