#include "lookup.h"

#include <algorithm>
#include <utility>

#include "base/mutation.h"

namespace aeon::vos {

namespace {

Bytes with_tag(ByteView prefix, std::byte tag) {
  Bytes key;
  key.reserve(prefix.size() + 24);
  key.assign(prefix.begin(), prefix.end());
  key.push_back(tag);
  return key;
}

// The prefix of the dkey or akey below `parent` that the key of a record in some layer is of, in the parent's own
// layer.
Result<Bytes> child_of(ByteView key, ByteView parent) {
  TRY_ASSIGN(const RecordKey record, decode_record_key(key));
  const size_t size = parent.size() == kObjectPrefixSize ? record.dkey_end : record.akey_end;
  if (size == 0) return Status(Code::kCorrupt, "an index key has a form that this store doesn't write");
  Bytes child = to_bytes(key.first(size));
  std::copy_n(parent.begin(), kContainerPrefixSize, child.begin());
  return child;
}

// Versions at one start that are passed one by one, before a seek passes the others.
constexpr unsigned kStepsBeforeSeek = 2;

Bytes level_start(ByteView akey, unsigned level, uint64_t start) {
  Bytes key;
  key.reserve(akey.size() + 24);
  key.assign(akey.begin(), akey.end());
  append_extent_start(key, static_cast<uint8_t>(level), start);
  return key;
}

}  // namespace

Task<Result<Version>> Lookup::floor_of(ByteView prefix, Epoch epoch, Version floor) {
  Bytes key;
  key.reserve(prefix.size() + 24);
  key.assign(prefix.begin(), prefix.end());
  append_punch_target(key, epoch);
  for (size_t layer = 0;;) {
    CO_TRY(co_await probe_.seek(key));
    if (probe_.valid() && starts_with(probe_.key(), ByteView(key).first(prefix.size() + 1))) {
      CO_TRY_ASSIGN(const Version punch, decode_punch_key(probe_.key(), prefix.size()));
      co_return std::max(floor, punch);
    }
    if (!descend(layer, floor)) co_return floor;
    key.resize(prefix.size() + 1);
    move_key(key, layer);
    append_epoch(key, epoch_in(layer, epoch));
  }
}

Task<Result<Bytes>> Lookup::first_object(ByteView from) {
  Bytes found;
  Bytes moved;
  ByteView target = from;
  for (size_t layer = 0;;) {
    CO_TRY(co_await scan_.seek(target));
    if (scan_.valid() && starts_with(scan_.key(), target.first(kContainerPrefixSize))) {
      if (scan_.key().size() < kObjectPrefixSize) co_return Status(Code::kCorrupt, "an index key is cut short");
      Bytes prefix = to_bytes(scan_.key().first(kObjectPrefixSize));
      std::copy_n(from.begin(), kContainerPrefixSize, prefix.begin());
      if (found.empty() || compare_bytes(prefix, found) < 0) found = std::move(prefix);
    }
    if (!descend(layer, {})) co_return found;
    if (moved.empty()) moved = to_bytes(from);
    move_key(moved, layer);
    target = moved;
  }
}

Task<Result<Bytes>> Lookup::first_child(ByteView parent, ByteView from, Version floor) {
  Bytes found;
  Bytes first = with_tag(parent, kKeyTag);
  Bytes moved;
  ByteView target = compare_bytes(from, first) < 0 ? ByteView(first) : from;
  for (size_t layer = 0;;) {
    CO_TRY(co_await scan_.seek(target));
    if (scan_.valid() && starts_with(scan_.key(), first)) {
      CO_TRY_ASSIGN(Bytes child, child_of(scan_.key(), parent));
      if (found.empty() || compare_bytes(child, found) < 0) found = std::move(child);
    }
    if (!descend(layer, floor)) co_return found;
    if (moved.empty()) moved = to_bytes(target);
    move_key(moved, layer);
    move_key(first, layer);
    target = moved;
  }
}

Task<Result<Bytes>> Lookup::last_child(ByteView parent, ByteView before, Version floor) {
  Bytes found;
  Bytes first = with_tag(parent, kKeyTag);
  Bytes target = prefix_end(first);  // What isn't a child may sort behind them.
  if (compare_bytes(before, target) < 0) target = to_bytes(before);
  for (size_t layer = 0;;) {
    CO_TRY(co_await scan_.seek_before(target));
    if (scan_.valid() && starts_with(scan_.key(), first)) {
      CO_TRY_ASSIGN(Bytes child, child_of(scan_.key(), parent));
      if (found.empty() || compare_bytes(child, found) > 0) found = std::move(child);
    }
    if (!descend(layer, floor)) co_return found;
    move_key(target, layer);
    move_key(first, layer);
  }
}

Task<Result<bool>> Lookup::bases_hold(ByteView prefix) {
  Bytes key = to_bytes(prefix);
  for (size_t layer = 0; descend(layer, {});) {
    move_key(key, layer);
    CO_TRY(co_await scan_.seek(key));
    if (scan_.valid() && starts_with(scan_.key(), key)) co_return true;
  }
  co_return false;
}

Task<Result<bool>> Lookup::object_exists(ByteView object, Epoch epoch) {
  CO_TRY_ASSIGN(const Version floor, co_await floor_of(object, epoch, {}));
  Bytes from = to_bytes(object);
  while (true) {
    CO_TRY_ASSIGN(const Bytes dkey, co_await first_child(object, from, floor));
    if (dkey.empty()) co_return false;
    CO_TRY_ASSIGN(const bool exists, co_await dkey_exists(dkey, epoch, floor));
    if (exists) co_return true;
    from = prefix_end(dkey);
  }
}

Task<Result<bool>> Lookup::dkey_exists(ByteView dkey, Epoch epoch, Version object_floor) {
  CO_TRY_ASSIGN(const Version floor, co_await floor_of(dkey, epoch, object_floor));
  Bytes from = to_bytes(dkey);
  while (true) {
    CO_TRY_ASSIGN(const Bytes akey, co_await first_child(dkey, from, floor));
    if (akey.empty()) co_return false;
    CO_TRY_ASSIGN(const bool exists, co_await akey_exists(akey, epoch, floor));
    if (exists) co_return true;
    from = prefix_end(akey);
  }
}

Task<Result<bool>> Lookup::akey_exists(ByteView akey, Epoch epoch, Version dkey_floor) {
  CO_TRY_ASSIGN(const Version floor, co_await floor_of(akey, epoch, dkey_floor));
  CO_TRY_ASSIGN(const bool single, co_await single_exists(akey, epoch, floor));
  if (single) co_return true;
  CO_TRY_ASSIGN(const bool array, co_await array_exists(akey, epoch, floor));
  co_return array;
}

Task<Result<bool>> Lookup::single_exists(ByteView akey, Epoch epoch, Version floor) {
  Bytes key = with_tag(akey, kSingleTag);
  append_epoch(key, epoch);
  for (size_t layer = 0;;) {
    CO_TRY(co_await probe_.seek(key));
    if (probe_.valid() && starts_with(probe_.key(), ByteView(key).first(akey.size() + 1))) {
      CO_TRY_ASSIGN(const SingleKey single, decode_single_key(probe_.key(), akey.size()));
      if (single.version < floor) co_return false;
      CO_TRY_ASSIGN(const ValueShape shape, decode_value_shape(probe_.value()));
      co_return !shape.is_punch();
    }
    if (!descend(layer, floor)) co_return false;
    key.resize(akey.size() + 1);
    move_key(key, layer);
    append_epoch(key, epoch_in(layer, epoch));
  }
}

Task<Result<bool>> Lookup::array_exists(ByteView akey, Epoch epoch, Version floor) {
  // Takes slices of the array that grow, so that the usual array is answered by its first extent.
  uint32_t count = 1;
  uint64_t from = 0;
  ExtentSet set;
  while (true) {
    CO_TRY_ASSIGN(const Slice slice, co_await slice_after(akey, from, count, floor));
    if (slice.first_start == kNoExtent) co_return false;
    // Its first record mostly answers already, and what hides there is skipped however long the history is.
    const uint64_t first = std::max(from, slice.first_start);
    set.clear();
    CO_TRY(co_await overlapping(akey, first, first + 1, epoch, floor, Values::kLeaveOut, set));
    for (const VisiblePart& part : visible_parts(set.candidates, first, first + 1)) {
      if (!set.candidates[part.candidate].is_punch) co_return true;
    }
    set.clear();
    CO_TRY(co_await overlapping(akey, from, slice.end, epoch, floor, Values::kLeaveOut, set));
    for (const VisiblePart& part : visible_parts(set.candidates, from, slice.end)) {
      if (!set.candidates[part.candidate].is_punch) co_return true;
    }
    if (slice.end == kNoExtent) co_return false;
    from = slice.end;
    count = std::min<uint32_t>(count * 4, 1024);
  }
}

namespace {

// What a visit wants to see next: older extents that start there, only those that start behind, or nothing more.
enum class GoOn : uint8_t { kOlder, kNextStart, kStop };

// Shows the extents up to `epoch` that overlap [begin, end), by level and start and newest first; may still show a few
// that the visit didn't want. Long histories at one start are skipped by a seek.
//
// Sans I/O: when a move isn't possible within memory, go() returns, and the caller makes it.
class ExtentWalk {
 public:
  // `memory` is for the keys it looks for, and stays as long as the walk.
  ExtentWalk(Bytes& memory, ByteView akey, uint64_t begin, uint64_t end, Epoch epoch)
      : akey_(akey), begin_(begin), end_(end), epoch_(epoch), key_(memory) {
    make_key();
    seek_level();
  }
  // With extents at these levels only.
  ExtentWalk(Bytes& memory, ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, const LevelSet& levels)
      : akey_(akey), begin_(begin), end_(end), epoch_(epoch), levels_(levels), levels_are_known_(true), key_(memory) {
    make_key();
    seek_next_level(0);
  }

  // Calls visit(key, shape, value). True at the end; false if the cursor must make a move that suspends: then
  // seek(key()) or next(), as seeks() says, and moved().
  template <typename Visit>
  Result<bool> go(media::Cursor& cursor, Visit& visit);
  bool seeks() const { return seeks_; }
  ByteView key() const { return key_; }
  void moved() { is_moved_ = true; }
  // At the end: of all extents of the akey.
  const LevelSet& levels() const { return levels_; }

 private:
  void make_key() {
    key_.reserve(akey_.size() + 32);
    key_.assign(akey_.begin(), akey_.end());
  }
  void seek(uint64_t start) {
    key_.resize(akey_.size());
    append_extent_start(key_, static_cast<uint8_t>(level_), start);
    seeks_ = true;
    is_moved_ = false;
  }
  void seek_level() {
    is_within_level_ = false;
    seek(0);
  }
  // To where the extents of the first known level from `level` on may reach the range.
  void seek_next_level(unsigned level) {
    level_ = levels_.next(level);
    is_within_level_ = true;
    passed_ = 0;
    start_ = 0;
    if (level_ != LevelSet::kNone) start_ = first_start_reaching(static_cast<uint8_t>(level_), begin_);
    if (level_ != LevelSet::kNone) seek(start_);
  }
  void next() {
    seeks_ = false;
    is_moved_ = false;
  }

  ByteView akey_;
  uint64_t begin_, end_;
  Epoch epoch_;
  LevelSet levels_;
  bool levels_are_known_ = false;
  Bytes& key_;
  unsigned level_ = 0;
  bool is_within_level_ = false;  // Else it comes to the first extent of a level from `level_` on.
  uint64_t start_ = 0;
  unsigned passed_ = 0;  // At `start_`.
  bool seeks_ = true;
  bool is_moved_ = false;
};

template <typename Visit>
Result<bool> ExtentWalk::go(media::Cursor& cursor, Visit& visit) {
  while (level_ <= kExtentLevelMax) {
    if (!is_moved_ && !(seeks_ ? cursor.seek_now(key_) : cursor.next_now())) return false;
    is_moved_ = true;
    const bool is_extent = cursor.valid() && starts_with(cursor.key(), akey_, kExtentTag);
    if (!is_extent && !levels_are_known_) return true;
    ExtentKey extent;
    if (is_extent) {
      TRY_ASSIGN(extent, decode_extent_key(cursor.key(), akey_.size()));
    }
    if (!is_within_level_) {
      level_ = extent.level;
      levels_.add(level_);
      start_ = extent.start;
      passed_ = 0;
      is_within_level_ = true;
      const uint64_t first = first_start_reaching(extent.level, begin_);
      if (extent.start < first) {
        seek(first);
        continue;
      }
    }
    const bool is_of_level = is_extent && extent.level == level_;
    if (!is_of_level && !levels_are_known_) {  // The first of the next level in use.
      is_within_level_ = false;
      continue;
    }
    if (!is_of_level || extent.start >= end_) {  // As what comes behind in this level.
      if (levels_are_known_) {
        seek_next_level(level_ + 1);
      } else if (++level_ <= kExtentLevelMax) {
        seek_level();
      }
      continue;
    }
    if (std::exchange(start_, extent.start) != extent.start) passed_ = 0;
    if (extent.version.epoch > epoch_) {
      if (++passed_ < kStepsBeforeSeek) {
        next();
      } else {
        seek(start_);
        append_epoch(key_, epoch_);
      }
      continue;
    }
    const ByteView value = cursor.value();
    auto shape = decode_value_shape(value);
    if (!shape) return shape.status().within(describe_record_key(cursor.key()));
    const bool is_of_extent =
        shape->kind == ValueRecord::Kind::kExtent || shape->kind == ValueRecord::Kind::kExtentPunch;
    const bool fits =
        is_of_extent && extent_level(shape->count) == level_ && extent.start <= ~uint64_t{0} - shape->count;
    if (!fits) {
      return Status(Code::kCorrupt, "an extent's value doesn't fit its key").within(describe_record_key(cursor.key()));
    }
    const GoOn go_on = extent.start + shape->count > begin_ ? visit(extent, *shape, value) : GoOn::kOlder;
    if (go_on == GoOn::kStop) return true;
    if (go_on == GoOn::kNextStart && ++passed_ >= kStepsBeforeSeek) {
      seek(start_ + 1);
    } else {
      next();
    }
  }
  return true;
}

}  // namespace

template <typename Visit>
Task<Status> Lookup::visit_overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Visit& visit) {
  Bytes key;
  ExtentWalk walk(key, akey, begin, end, epoch);
  while (true) {
    CO_TRY_ASSIGN(const bool is_end, walk.go(probe_, visit));
    if (is_end) co_return ok();
    if (walk.seeks()) {
      CO_TRY(co_await probe_.seek(walk.key()));
    } else {
      CO_TRY(co_await probe_.next());
    }
    walk.moved();
  }
}

// Adds what a walk shows to a set, except what something newer in there hides.
class Lookup::Collector {
 public:
  Collector(uint64_t begin, uint64_t end, Version floor, Values values, ExtentSet& set)
      : begin_(begin), end_(end), floor_(floor), values_(values), set_(set) {}

  void start_layer(uint32_t container) {
    container_ = container;
    hidden_level_ = -1;
  }
  // An extent that covers the range hides the layers below.
  bool hides_all() const { return hides_all_; }

  GoOn operator()(const ExtentKey& extent, const ValueShape& shape, ByteView value) {
    // Those behind are older still, and no longer than the level allows.
    const uint64_t longest = extent.level >= 64 ? ~uint64_t{0} : uint64_t{1} << extent.level;
    const bool hides_older = shape.count == longest || extent.start + shape.count >= end_;
    if (extent.version < floor_) return GoOn::kNextStart;
    if (extent.level == hidden_level_ && extent.start == hidden_start_ && shape.count <= hidden_count_) {
      return hidden_count_ == longest || hidden_start_ + hidden_count_ >= end_ ? GoOn::kNextStart : GoOn::kOlder;
    }
    hidden_level_ = extent.level;
    hidden_start_ = extent.start;
    hidden_count_ = shape.count;
    set_.candidates.push_back({.start = extent.start,
                               .end = extent.start + shape.count,
                               .version = extent.version,
                               .is_punch = shape.is_punch(),
                               .source = static_cast<uint32_t>(set_.found.size())});
    ExtentSet::Found& found = set_.found.emplace_back();
    found.record_size = shape.record_size;
    found.level = extent.level;
    found.container = container_;
    if (values_ == Values::kCopy && !shape.is_punch()) found.value = to_bytes(value);
    if (values_ == Values::kInPage) found.in_page = value;
    hides_all_ = hides_all_ || (extent.start <= begin_ && extent.start + shape.count >= end_);
    return hides_older ? GoOn::kNextStart : GoOn::kOlder;
  }

 private:
  uint64_t begin_, end_;
  Version floor_;
  Values values_;
  ExtentSet& set_;
  uint32_t container_ = 0;  // Of the layer.
  bool hides_all_ = false;
  // The newest extent kept so far that starts there, at this level.
  int hidden_level_ = -1;
  uint64_t hidden_start_ = 0;
  uint64_t hidden_count_ = 0;
};

Task<Status> Lookup::overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Version floor, Values values,
                                 ExtentSet& set) {
  // Levels are looked at one after the other. Should aggregation move extents between them meanwhile, look again.
  const size_t candidates_before = set.candidates.size();
  const size_t found_before = set.found.size();
  while (true) {
    const uint64_t moves = media_.move_count();
    CO_TRY(co_await find_overlapping(akey, begin, end, epoch, floor, values, set));
    if (media_.move_count() == moves) co_return ok();
    set.candidates.resize(candidates_before);
    set.found.resize(found_before);
  }
}

Task<Status> Lookup::find_overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Version floor,
                                      Values values, ExtentSet& set) {
  Collector collector(begin, end, floor, values, set);
  collector.start_layer(load_be32(akey.data()));
  CO_TRY(co_await visit_overlapping(akey, begin, end, epoch, collector));
  Bytes moved;
  for (size_t layer = 0; !collector.hides_all() && descend(layer, floor);) {
    if (moved.empty()) moved = to_bytes(akey);
    move_key(moved, layer);
    collector.start_layer(layers_[layer].number);
    CO_TRY(co_await visit_overlapping(moved, begin, end, epoch_in(layer, epoch), collector));
  }
  co_return ok();
}

bool Lookup::overlapping_now(media::Cursor& cursor, ByteView akey, uint64_t begin, uint64_t end, Epoch epoch,
                             Version floor, LevelSet& levels, bool levels_are_known, ExtentSet& set) {
  Collector collector(begin, end, floor, Values::kInPage, set);
  collector.start_layer(load_be32(akey.data()));
  ExtentWalk walk = levels_are_known ? ExtentWalk(set.walk_key, akey, begin, end, epoch, levels)
                                     : ExtentWalk(set.walk_key, akey, begin, end, epoch);
  const Result<bool> is_end = walk.go(cursor, collector);
  if (!is_end.is_ok() || !*is_end) return false;
  levels = walk.levels();
  return true;
}

Task<Result<bool>> Lookup::has_older_data(ByteView akey, uint64_t begin, uint64_t end, Version version) {
  bool found = false;
  const auto visit = [&](const ExtentKey& extent, const ValueShape& shape, ByteView) {
    found = extent.version < version && !shape.is_punch();
    return found ? GoOn::kStop : GoOn::kOlder;
  };
  while (true) {
    const uint64_t moves = media_.move_count();
    CO_TRY(co_await visit_overlapping(akey, begin, end, version.epoch, visit));
    if (found || media_.move_count() == moves) co_return found;
  }
}

Task<Result<Lookup::Slice>> Lookup::slice_after(ByteView akey, uint64_t from, uint32_t count, Version floor) {
  while (true) {
    const uint64_t moves = media_.move_count();
    CO_TRY_ASSIGN(const Slice slice, co_await find_slice_after(akey, from, count, floor));
    if (media_.move_count() == moves) co_return slice;
  }
}

Task<Result<uint64_t>> Lookup::slice_before(ByteView akey, uint64_t before, uint32_t count, Version floor) {
  while (true) {
    const uint64_t moves = media_.move_count();
    CO_TRY_ASSIGN(const uint64_t smallest, co_await find_slice_before(akey, before, count, floor));
    if (media_.move_count() == moves) co_return smallest;
  }
}

Task<Result<Lookup::Slice>> Lookup::find_slice_after(ByteView akey, uint64_t from, uint32_t count, Version floor) {
  Slice slice;
  CO_TRY(co_await cut_after(akey, from, count, slice));
  Bytes moved;
  for (size_t layer = 0; descend(layer, floor);) {
    if (moved.empty()) moved = to_bytes(akey);
    move_key(moved, layer);
    CO_TRY(co_await cut_after(moved, from, count, slice));
  }
  co_return slice;
}

Task<Status> Lookup::cut_after(ByteView akey, uint64_t from, uint32_t count, Slice& slice) {
  unsigned level = 0;
  Bytes key = level_start(akey, 0, 0);
  while (level <= kExtentLevelMax) {
    CO_TRY(co_await probe_.seek(key));
    if (!probe_.valid() || !starts_with(probe_.key(), akey, kExtentTag)) break;
    CO_TRY_ASSIGN(ExtentKey extent, decode_extent_key(probe_.key(), akey.size()));
    level = extent.level;
    const uint64_t first = first_start_reaching(extent.level, from);
    if (extent.start < first) {
      key = level_start(akey, level, first);
      CO_TRY(co_await probe_.seek(key));
    }
    uint32_t seen = 0;
    uint64_t start = extent.start;
    unsigned passed = 0;  // At `start`.
    while (probe_.valid() && starts_with(probe_.key(), akey, kExtentTag)) {
      auto decoded = decode_extent_key(probe_.key(), akey.size());
      if (!decoded) co_return decoded.status();
      if (decoded->level != level || decoded->start >= slice.end) break;
      slice.first_start = std::min(slice.first_start, decoded->start);
      if (decoded->start > from && ++seen > count) {
        slice.end = decoded->start;
        break;
      }
      if (std::exchange(start, decoded->start) != decoded->start) passed = 0;
      if (++passed < kStepsBeforeSeek) {
        CO_TRY(co_await probe_.next());
      } else {
        key = level_start(akey, level, start + 1);
        CO_TRY(co_await probe_.seek(key));
      }
    }
    key = level_start(akey, ++level, 0);
  }
  co_return ok();
}

Task<Result<uint64_t>> Lookup::find_slice_before(ByteView akey, uint64_t before, uint32_t count, Version floor) {
  uint64_t smallest = kNoExtent;
  CO_TRY(co_await cut_before(akey, before, count, smallest));
  Bytes moved;
  for (size_t layer = 0; descend(layer, floor);) {
    if (moved.empty()) moved = to_bytes(akey);
    move_key(moved, layer);
    CO_TRY(co_await cut_before(moved, before, count, smallest));
  }
  co_return smallest;
}

Task<Status> Lookup::cut_before(ByteView akey, uint64_t before, uint32_t count, uint64_t& smallest) {
  unsigned level = 0;
  Bytes key = level_start(akey, 0, 0);
  while (level <= kExtentLevelMax) {
    CO_TRY(co_await probe_.seek(key));
    if (!probe_.valid() || !starts_with(probe_.key(), akey, kExtentTag)) break;
    CO_TRY_ASSIGN(const ExtentKey extent, decode_extent_key(probe_.key(), akey.size()));
    level = extent.level;
    key = level_start(akey, level, before);
    CO_TRY(co_await probe_.seek_before(key));
    for (uint32_t seen = 0; seen < count && probe_.valid() && starts_with(probe_.key(), akey, kExtentTag); ++seen) {
      auto decoded = decode_extent_key(probe_.key(), akey.size());
      if (!decoded) co_return decoded.status();
      if (decoded->level != level) break;
      smallest = std::min(smallest, decoded->start);
      CO_TRY(co_await probe_.previous());
    }
    key = level_start(akey, ++level, 0);
  }
  co_return ok();
}

}  // namespace aeon::vos
