#include "aggregation.h"

#include <algorithm>

#include "base/mutation.h"
#include "extent_merge.h"
#include "space_accounting.h"
#include "target_store.h"

namespace aeon::vos {

namespace {
constexpr uint64_t kSliceWork = 1024;
// When less than this part of the device is free, those who write must wait for space rather than for slices.
constexpr uint64_t kUrgentPart = 12;
constexpr uint64_t kTightPart = 64;  // From here on writers wait for it.
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

size_t Aggregation::kept_from(Epoch epoch) const {
  return static_cast<size_t>(std::lower_bound(kept_.begin(), kept_.end(), epoch) - kept_.begin());
}

bool Aggregation::is_seen_between(Version version, Epoch until) const {
  for (size_t index = kept_from(version.epoch); index < kept_.size() && kept_[index] < until; ++index) {
    if (version > floor_at(kept_[index])) return true;
  }
  return false;
}

void Aggregation::keep(Version version) {
  for (size_t level = 0; level < depth_; ++level) {
    scopes_[level].oldest_kept = std::min(scopes_[level].oldest_kept, version);
  }
}

AggregateProgress Aggregation::progress() const {
  AggregateProgress progress = rewritten_;
  progress.through = through();
  progress.entries_seen = seen_;
  progress.entries_dropped = dropper_.dropped();
  progress.bytes_freed = dropper_.bytes_freed();
  return progress;
}

void Aggregation::drop(const Bytes& key, const SpaceUse& space) {
  if (setup_.is_survey)
    dropped_space_ += space;
  else
    dropper_.drop(key);
}

void Aggregation::note_progress() {
  container_.aggregation = progress();
  container_.aggregation.is_running = true;
  const uint64_t made = dropper_.dropped() + rewritten_.extents_merged;
  if (setup_.news != nullptr && std::exchange(made_before_, made) != made) ++setup_.news->made;
}

Task<Status> Aggregation::end_slice() {
  work_ = 0;
  CO_TRY(co_await dropper_.flush());
  if (!setup_.is_survey) note_progress();
  const media::Space space = media_.space();
  if (space.free < space.capacity / kUrgentPart) pace_.set_pause_max(Duration::zero());
  if (setup_.news != nullptr) setup_.news->is_tight = space.free < space.capacity / kTightPart;
  co_await pace_.pause();
  if (gate_.is_closing()) co_return Status(Code::kCanceled, "the store is closing");
  if (is_over()) co_return Status(Code::kCanceled, "the container was destroyed");
  co_return ok();
}

Task<Status> Aggregation::end_slice_if_full() {
  if (work_ < kSliceWork && !dropper_.is_full()) co_return ok();
  co_return co_await end_slice();
}

Task<Status> Aggregation::run() {
  CO_TRY_ASSIGN(const std::optional<SpaceUse> space, co_await read_space(media_, container_.number));
  if (space.has_value() && space->records > 0) rewritten_.entries_total = static_cast<uint64_t>(space->records);
  const Bytes all = container_prefix(container_.number);
  media::Cursor cursor(media_);
  CO_TRY(co_await cursor.seek(all));
  Entry entry;
  while (cursor.valid() && starts_with(cursor.key(), all)) {
    entry.key.assign(cursor.key().begin(), cursor.key().end());
    CO_TRY_ASSIGN(entry.record, decode_record_key(entry.key));
    entry.shape = {};
    if (entry.record.kind == RecordKey::Kind::kSingle || entry.record.kind == RecordKey::Kind::kExtent) {
      auto decoded = decode_value_shape(cursor.value());
      if (!decoded) co_return decoded.status().within(describe_record_key(entry.key));
      entry.shape = *decoded;
    }
    if (setup_.is_survey) {
      entry.space = space_of_record(entry.record, entry.key, cursor.value());
      if (entry.record.version.epoch <= through()) seen_space_ += entry.space;
    }
    CO_TRY(co_await enter(entry));
    CO_TRY(co_await look_at(entry));
    ++seen_;
    ++work_;
    CO_TRY(co_await end_slice_if_full());
    if (is_over()) co_return Status(Code::kCanceled, "the container was destroyed");
    entry.key.push_back(std::byte{0});  // The one behind it, also if this one was dropped meanwhile.
    CO_TRY(co_await cursor.seek(entry.key));
  }
  CO_TRY(co_await leave(kObject));
  co_return co_await dropper_.flush();
}

// Leaves the scopes that the key isn't in, and enters those it is in.
Task<Status> Aggregation::enter(const Entry& entry) {
  const size_t ends[kLevelCount] = {kObjectPrefixSize, entry.record.dkey_end, entry.record.akey_end};
  for (size_t level = 0; level < kLevelCount; ++level) {
    const size_t end = ends[level];
    const bool is_in = level < depth_ && end != 0 && scopes_[level].prefix.size() == end &&
                       starts_with(entry.key, scopes_[level].prefix);
    if (is_in) continue;
    if (level < depth_) CO_TRY(co_await leave(level));
    if (end == 0) break;
    scopes_[level] = Scope();
    scopes_[level].prefix.assign(entry.key.begin(), entry.key.begin() + static_cast<ptrdiff_t>(end));
    depth_ = level + 1;
  }
  co_return ok();
}

Task<Status> Aggregation::leave(size_t level) {
  while (depth_ > level) {
    if (depth_ == kAkey + 1) CO_TRY(co_await leave_akey());
    const Scope& scope = scopes_[depth_ - 1];
    for (const Version& punch : scope.punches) {
      if (scope.oldest_kept < punch) continue;
      if (is_clone()) {
        CO_TRY_ASSIGN(const bool hides_base, co_await bases_.bases_hold(scope.prefix));
        if (hides_base) continue;
      }
      Bytes key = scope.prefix;
      key.push_back(kPunchTag);
      append_version(key, punch);
      drop(key, space_of(key, {}, 0, 0));
      CO_TRY(co_await end_slice_if_full());
    }
    if (depth_ == kAkey + 1 && std::exchange(several_shapes_, false)) CO_TRY(co_await drop_mark());
    --depth_;
  }
  co_return ok();
}

// The mark of several shapes goes with the akey's last record. Looked at in the writer turn, since a write that comes
// between might lean on it.
Task<Status> Aggregation::drop_mark() {
  if (setup_.is_survey || scopes_[kAkey].oldest_kept != kNothingKept) co_return ok();
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
  for (const auto& [key, space] : single_punches_) {
    if (has_base) break;
    drop(key, space);
    CO_TRY(co_await end_slice_if_full());
  }
  single_punches_.clear();
  has_single_ = false;
  extent_before_ = {};
  const Version oldest_kept = std::exchange(oldest_extent_kept_, kNothingKept);
  if (std::exchange(has_extent_punches_, false)) CO_TRY(co_await drop_extent_punches(oldest_kept, has_base));
  if (!setup_.is_survey) CO_TRY(co_await rewrite_akey());
  layers_.clear();
  co_return ok();
}

// A second walk, so that however many there are need no memory. What went is no reason any more to keep its punch. (A
// survey drops nothing, so it takes more of them for needed.)
Task<Status> Aggregation::drop_extent_punches(Version oldest_kept, bool has_base) {
  CO_TRY(co_await dropper_.flush());
  const Bytes& akey = scopes_[kAkey].prefix;
  media::Cursor cursor(media_);
  Bytes key = akey;
  key.push_back(kExtentTag);
  CO_TRY(co_await cursor.seek(key));
  while (cursor.valid() && starts_with(cursor.key(), akey, kExtentTag)) {
    key.assign(cursor.key().begin(), cursor.key().end());
    CO_TRY_ASSIGN(const RecordKey extent, decode_record_key(key));
    auto shape = decode_value_shape(cursor.value());
    if (!shape) co_return shape.status().within(describe_record_key(key));
    ++work_;
    if (shape->is_punch() && extent.version.epoch <= through()) {
      const size_t value_size = cursor.value().size();
      bool hides = oldest_kept < extent.version;
      if (has_base) {
        CO_TRY_ASSIGN(hides, co_await is_extent_seen(extent, *shape, kEpochMax));
      }
      if (hides && !has_base) {
        work_ += kLookupWork;
        CO_TRY_ASSIGN(hides,
                      co_await lookup_.has_older_data(akey, extent.start, extent.start + shape->count, extent.version));
      }
      if (!hides) drop(key, space_of(key, Bytes(value_size), 0, 0));
    }
    CO_TRY(co_await end_slice_if_full());
    key.push_back(std::byte{0});
    CO_TRY(co_await cursor.seek(key));
  }
  co_return ok();
}

Task<Status> Aggregation::look_at(const Entry& entry) {
  switch (entry.record.kind) {
    case RecordKey::Kind::kObjectPunch:
    case RecordKey::Kind::kDkeyPunch:
    case RecordKey::Kind::kAkeyPunch: look_at_punch(entry); break;
    case RecordKey::Kind::kSingle: look_at_single(entry); break;
    case RecordKey::Kind::kExtent: CO_TRY(co_await look_at_extent(entry)); break;
    case RecordKey::Kind::kSeveralShapes: several_shapes_ = true; break;
    case RecordKey::Kind::kStamp: CO_TRY(co_await look_at_stamp(entry)); break;
  }
  co_return ok();
}

// Stamps are the last of an object. The newest at each kept epoch stays, as long as there is anything to read.
Task<Status> Aggregation::look_at_stamp(const Entry& entry) {
  Scope& object = scopes_[kObject];
  const Epoch epoch = entry.record.version.epoch;
  const Epoch replaced = std::exchange(object.newer_stamp, epoch);
  if (epoch > through()) co_return ok();
  bool is_needed = is_any_kept_in(epoch, replaced);
  if (is_needed && object.oldest_kept == kNothingKept) {
    is_needed = false;
    if (is_clone()) {
      CO_TRY_ASSIGN(is_needed, co_await bases_.bases_hold(object.prefix));
    }
  }
  if (!is_needed) drop(entry.key, entry.space);
  co_return ok();
}

// Of several punches between two kept epochs the newest hides all that the others do, for everyone who still reads.
void Aggregation::look_at_punch(const Entry& entry) {
  Scope& scope = scopes_[depth_ - 1];
  const Epoch punched_before = std::exchange(scope.punched_before, entry.record.version.epoch);
  if (entry.record.version.epoch > through()) return;
  if (is_any_kept_in(entry.record.version.epoch, punched_before))
    scope.punches.push_back(entry.record.version);
  else
    drop(entry.key, entry.space);
}

void Aggregation::look_at_single(const Entry& entry) {
  const Version version = entry.record.version;
  const bool is_same_version = has_single_ && single_ == version;  // A further part of it.
  if (!is_same_version) {
    const Epoch replaced = has_single_ ? single_.epoch : kEpochMax;
    has_single_ = true;
    single_ = version;
    if (entry.shape.is_punch()) {
      if (version.epoch > through()) return;
      if (is_any_kept_in(version.epoch, replaced))
        single_punches_.emplace_back(entry.key, entry.space);
      else
        drop(entry.key, entry.space);
      return;
    }
    single_is_kept_ = version.epoch > through() || is_seen_between(version, replaced);
    if (single_is_kept_) {
      keep(version);
      single_punches_.clear();  // They hide this one.
    }
  }
  if (!single_is_kept_) drop(entry.key, entry.space);
}

Task<Status> Aggregation::look_at_extent(const Entry& entry) {
  const Version version = entry.record.version;
  const bool is_old = version.epoch <= through();
  if (entry.shape.is_punch()) {
    has_extent_punches_ = has_extent_punches_ || is_old;
  } else {
    bool is_kept = true;
    if (is_old) {
      // The extent before this one in the index is newer; usually it replaced the same records.
      Epoch replaced = kEpochMax;
      if (extent_before_.is_set && extent_before_.level == entry.record.level &&
          extent_before_.start == entry.record.start && extent_before_.count >= entry.shape.count) {
        replaced = extent_before_.epoch;
      }
      CO_TRY_ASSIGN(is_kept, co_await is_extent_seen(entry.record, entry.shape, replaced));
    }
    if (is_kept) {
      keep(version);
      oldest_extent_kept_ = std::min(oldest_extent_kept_, version);
    } else {
      drop(entry.key, entry.space);
    }
  }
  extent_before_.is_set = true;
  extent_before_.level = entry.record.level;
  extent_before_.start = entry.record.start;
  extent_before_.count = entry.shape.count;
  extent_before_.epoch = version.epoch;
  co_return ok();
}

// `replaced`: from this epoch on something else is there.
Task<Result<bool>> Aggregation::is_extent_seen(const RecordKey& record, const ValueShape& shape, Epoch replaced) {
  if (!is_seen_between(record.version, replaced)) co_return false;
  ExtentSet set;
  const uint64_t end = record.start + shape.count;
  for (size_t i = kept_.size(); i-- > 0 && kept_[i] >= record.version.epoch;) {
    const Version floor = floor_at(kept_[i]);
    if (kept_[i] >= replaced || record.version < floor) continue;
    set.clear();
    work_ += kLookupWork;
    CO_TRY(co_await lookup_.overlapping(scopes_[kAkey].prefix, record.start, end, kept_[i], floor,
                                        Lookup::Values::kLeaveOut, set));
    const std::vector<VisiblePart> parts = visible_parts(set.candidates, record.start, end);
    uint64_t seen = 0;
    for (const VisiblePart& part : parts) {
      if (set.candidates[part.candidate].version == record.version) seen += part.end - part.start;
    }
    if (seen == 0) continue;
    if (shape.is_punch()) co_return true;
    LayerSeen& layer = layers_[kept_from(record.version.epoch)];
    if (shape.count * shape.record_size * kMergeFactor <= kPieceSizeMax) ++layer.small_extents;
    if (seen != shape.count) layer.is_partly_hidden = true;
    co_return true;
  }
  co_return false;
}

}  // namespace aeon::vos
