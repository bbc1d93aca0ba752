// TargetStore::query_key and query_max_epoch.
#include <algorithm>

#include "target_store.h"

namespace aeon::vos {

namespace {

constexpr unsigned kYieldEveryRecords = 1024;

Status nothing_there() { return Status(Code::kNotFound, "there is no such key"); }

// A part may have been cut where the search looked: what is visible of its extent around it.
Task<Result<ListedRecx>> whole_part(Lookup& lookup, ByteView akey, ExtentCandidate extent, VisiblePart part,
                                    Epoch epoch, Version floor) {
  ExtentSet set;
  CO_TRY(co_await lookup.overlapping(akey, extent.start, extent.end, epoch, floor, Lookup::Values::kLeaveOut, set));
  ListedRecx found;
  for (const VisiblePart& whole : visible_parts(set.candidates, extent.start, extent.end)) {
    if (whole.end <= part.start || whole.start >= part.end) continue;
    found.recx = {.index = whole.start, .count = whole.end - whole.start};
    found.record_size = set.found[set.candidates[whole.candidate].source].record_size;
    found.epoch = extent.version.epoch;
  }
  co_return found;
}

// The first or last visible extent of an array; count 0 without.
Task<Result<ListedRecx>> first_recx(Lookup& lookup, ByteView akey, Epoch epoch, Version floor) {
  ExtentSet set;
  uint32_t count = 1;
  uint64_t at = 0;
  while (at != Lookup::kNoExtent) {
    CO_TRY_ASSIGN(const Lookup::Slice slice, co_await lookup.slice_after(akey, at, count, floor));
    if (slice.first_start == Lookup::kNoExtent) break;
    set.clear();
    CO_TRY(co_await lookup.overlapping(akey, at, slice.end, epoch, floor, Lookup::Values::kLeaveOut, set));
    const std::vector<VisiblePart> parts = visible_parts(set.candidates, at, slice.end);
    for (const VisiblePart& part : parts) {
      const ExtentCandidate& extent = set.candidates[part.candidate];
      if (extent.is_punch) continue;
      co_return co_await whole_part(lookup, akey, extent, part, epoch, floor);
    }
    at = slice.end;
    count = std::min<uint32_t>(count * 4, 1024);
  }
  co_return ListedRecx{};
}

Task<Result<ListedRecx>> last_recx(Lookup& lookup, ByteView akey, Epoch epoch, Version floor) {
  ExtentSet set;
  uint32_t count = 1;
  uint64_t before = Lookup::kNoExtent;
  while (before != 0) {
    CO_TRY_ASSIGN(const uint64_t from, co_await lookup.slice_before(akey, before, count, floor));
    if (from == Lookup::kNoExtent) break;
    set.clear();
    CO_TRY(co_await lookup.overlapping(akey, from, before, epoch, floor, Lookup::Values::kLeaveOut, set));
    const std::vector<VisiblePart> parts = visible_parts(set.candidates, from, before);
    for (size_t i = parts.size(); i-- > 0;) {
      const ExtentCandidate& extent = set.candidates[parts[i].candidate];
      if (extent.is_punch) continue;
      co_return co_await whole_part(lookup, akey, extent, parts[i], epoch, floor);
    }
    before = from;
    count = std::min<uint32_t>(count * 4, 1024);
  }
  co_return ListedRecx{};
}

}  // namespace

// What of the akey was asked for: that it exists, or its first or last extent.
Task<Result<QueriedKey>> TargetStore::query_akey(Lookup& lookup, ByteView akey_prefix, uint32_t flags, Epoch epoch,
                                                 Version dkey_floor) {
  QueriedKey queried;
  if ((flags & kGetRecx) == 0) {
    CO_TRY_ASSIGN(const bool exists, co_await lookup.akey_exists(akey_prefix, epoch, dkey_floor));
    if (!exists) co_return nothing_there();
    co_return queried;
  }
  CO_TRY_ASSIGN(const Version floor, co_await lookup.floor_of(akey_prefix, epoch, dkey_floor));
  ListedRecx found;
  if ((flags & kGetMax) != 0) {
    CO_TRY_ASSIGN(found, co_await last_recx(lookup, akey_prefix, epoch, floor));
  } else {
    CO_TRY_ASSIGN(found, co_await first_recx(lookup, akey_prefix, epoch, floor));
  }
  if (found.recx.count == 0) co_return nothing_there();
  queried.recx = found.recx;
  queried.record_size = found.record_size;
  co_return queried;
}

// Goes through the akeys of the dkey, if one was asked for, until one has what was asked for within it.
Task<Result<QueriedKey>> TargetStore::query_dkey(Lookup& lookup, ByteView dkey_prefix, uint32_t flags,
                                                 const Bytes& akey, ObjectId id, Epoch epoch, Version object_floor) {
  QueriedKey queried;
  if ((flags & (kGetAkey | kGetRecx)) == 0) {
    CO_TRY_ASSIGN(const bool exists, co_await lookup.dkey_exists(dkey_prefix, epoch, object_floor));
    if (!exists) co_return nothing_there();
    co_return queried;
  }
  CO_TRY_ASSIGN(const Version floor, co_await lookup.floor_of(dkey_prefix, epoch, object_floor));
  if ((flags & kGetAkey) == 0) {
    const Bytes prefix = key_prefix(dkey_prefix, akey_order(id), akey);
    CO_TRY_ASSIGN(queried, co_await query_akey(lookup, prefix, flags, epoch, floor));
    co_return queried;
  }
  const bool is_max = (flags & kGetMax) != 0;
  Bytes place = is_max ? prefix_end(dkey_prefix) : to_bytes(dkey_prefix);
  while (true) {
    Bytes child;
    if (is_max) {
      CO_TRY_ASSIGN(child, co_await lookup.last_child(dkey_prefix, place, floor));
    } else {
      CO_TRY_ASSIGN(child, co_await lookup.first_child(dkey_prefix, place, floor));
    }
    if (child.empty()) co_return nothing_there();
    Result<QueriedKey> found = co_await query_akey(lookup, child, flags, epoch, floor);
    if (found.is_ok()) {
      CO_TRY_ASSIGN(found->akey, decode_user_key(child, dkey_prefix.size(), akey_order(id)));
      co_return found;
    }
    if (found.code() != Code::kNotFound) co_return found;
    place = is_max ? child : prefix_end(child);
  }
}

Task<Result<QueriedKey>> TargetStore::query_key(Uuid id, ObjectId object, uint32_t flags, Bytes dkey, Bytes akey,
                                                Epoch epoch) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  const bool is_max = (flags & kGetMax) != 0;
  const bool is_min = (flags & kGetMin) != 0;
  const uint32_t parts = flags & (kGetDkey | kGetAkey | kGetRecx);
  const uint32_t known = kGetMax | kGetMin | kGetDkey | kGetAkey | kGetRecx;
  if (is_max == is_min || parts == 0 || (flags & ~known) != 0) {
    co_return Status(Code::kInvalidArgument,
                     "a key query asks for either the largest or the smallest, and of something");
  }
  if ((flags & kGetDkey) == 0) CO_TRY(check_user_key("a dkey", dkey_order(object), dkey));
  if ((flags & (kGetAkey | kGetRecx)) == kGetRecx) CO_TRY(check_user_key("an akey", akey_order(object), akey));

  const ReadEpoch reading(container, read_epoch(*container, epoch));
  const Bytes object_key = object_prefix(container->number, object);
  Lookup lookup(*media_, *container);
  CO_TRY_ASSIGN(const Version floor, co_await lookup.floor_of(object_key, reading.epoch(), {}));
  if ((flags & kGetDkey) == 0) {
    const Bytes prefix = key_prefix(object_key, dkey_order(object), dkey);
    Result<QueriedKey> found = co_await query_dkey(lookup, prefix, flags, akey, object, reading.epoch(), floor);
    if (!found) co_return found;
    found->dkey = dkey;
    if ((flags & kGetAkey) == 0) found->akey = akey;
    co_return found;
  }
  Bytes place = is_max ? prefix_end(object_key) : object_key;
  while (true) {
    Bytes child;
    if (is_max) {
      CO_TRY_ASSIGN(child, co_await lookup.last_child(object_key, place, floor));
    } else {
      CO_TRY_ASSIGN(child, co_await lookup.first_child(object_key, place, floor));
    }
    if (child.empty()) co_return nothing_there();
    Result<QueriedKey> found = co_await query_dkey(lookup, child, flags, akey, object, reading.epoch(), floor);
    if (found.is_ok()) {
      CO_TRY_ASSIGN(found->dkey, decode_user_key(child, object_key.size(), dkey_order(object)));
      if ((flags & kGetAkey) == 0) found->akey = akey;
      co_return found;
    }
    if (found.code() != Code::kNotFound) co_return found;
    place = is_max ? child : prefix_end(child);
  }
}

// Where objects have stamps, the newest is one seek away; elsewhere all records of the object are looked at.
Task<Result<Epoch>> TargetStore::newest_change(const ContainerState& container, ObjectId object, Epoch epoch) {
  media::Cursor cursor(*media_);
  for (const Layer& layer : container.layers) {
    const Epoch through = std::min(epoch, layer.through);
    const Bytes prefix = object_prefix(layer.number, object);
    if (layer.has_stamps) {
      const Bytes key = stamp_key(prefix, through);
      CO_TRY(co_await cursor.seek(key));
      if (!cursor.valid() || !starts_with(cursor.key(), prefix)) continue;
      CO_TRY_ASSIGN(const RecordKey record, decode_record_key(cursor.key()));
      co_return record.version.epoch;
    }
    Epoch newest;
    CO_TRY(co_await cursor.seek(prefix));
    for (unsigned seen = 1; cursor.valid() && starts_with(cursor.key(), prefix); ++seen) {
      CO_TRY_ASSIGN(const RecordKey record, decode_record_key(cursor.key()));
      if (record.version.epoch <= through) newest = std::max(newest, record.version.epoch);
      if (seen % kYieldEveryRecords == 0) co_await yield(world_.executor);
      CO_TRY(co_await cursor.next());
    }
    if (newest != kEpochZero) co_return newest;  // Whatever the layers below have is older.
  }
  co_return kEpochZero;
}

Task<Result<Epoch>> TargetStore::query_max_epoch(Uuid id, ObjectId object, Epoch epoch) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  const ReadEpoch reading(container, read_epoch(*container, epoch));
  co_return co_await newest_change(*container, object, reading.epoch());
}

}  // namespace aeon::vos
