// TargetStore::fetch.
#include <algorithm>
#include <optional>

#include "base/crc32c.h"
#include "target_store.h"
#include "value_reader.h"

namespace aeon::vos {

namespace {

constexpr uint32_t kFetchConditions = kDkeyFetch | kAkeyFetch;

Status check_fetch(ObjectId object, const Bytes& dkey, const std::vector<AkeyFetch>& akeys, uint32_t conditions) {
  if ((conditions & ~kFetchConditions) != 0) {
    return Status(Code::kInvalidArgument, "a fetch has conditions that don't go with it");
  }
  TRY(check_user_key("a dkey", dkey_order(object), dkey));
  for (const AkeyFetch& fetch : akeys) {
    TRY(check_user_key("an akey", akey_order(object), fetch.akey));
    if (fetch.kind != ValueKind::kSingle && fetch.kind != ValueKind::kArray) {
      return Status(Code::kInvalidArgument, "a fetch is neither of a single value nor of an array");
    }
    if (fetch.kind == ValueKind::kSingle && !fetch.recxs.empty()) {
      return Status(Code::kInvalidArgument, "a fetch of a single value has extents");
    }
    if (fetch.kind == ValueKind::kArray && fetch.recxs.empty()) {
      return Status(Code::kInvalidArgument, "a fetch of an array has no extents");
    }
    for (const Recx& recx : fetch.recxs) {
      if (recx.count == 0) return Status(Code::kInvalidArgument, "an extent has no records");
      if (recx.index > ~uint64_t{0} - recx.count) {
        return Status(Code::kInvalidArgument, "an extent reaches beyond the last index");
      }
    }
  }
  return ok();
}

Status too_small(const AkeyFetch& fetch, uint64_t wanted, uint64_t given) {
  return Status(Code::kTooBig, "akey " + printable_key(fetch.akey) + " has " + std::to_string(wanted) +
                                   " bytes and the memory given for it " + std::to_string(given));
}

// `key` starts with the akey's prefix.
void make_single_key(Bytes& key, size_t akey_size, Version version, uint16_t part) {
  key.resize(akey_size);
  key.push_back(kSingleTag);
  append_version(key, version);
  append_part(key, part);
}

// What describe_record_key() says of the record of a single value, and of an extent seen below the akey.
std::string place_of_single(Bytes key, size_t akey_size, Version version, uint16_t part) {
  make_single_key(key, akey_size, version, part);
  return describe_record_key(key);
}
std::string place_of_extent(Bytes akey, const ExtentCandidate& extent, const ExtentSet::Found& found) {
  set_container(akey, found.container);
  append_extent_start(akey, found.level, extent.start);
  append_version(akey, extent.version);
  return describe_record_key(akey);
}

// Nothing if the value was dropped while its parts were read (discarded, its container destroyed, or aggregated though
// no snapshot is at the read's epoch): then the reader looks again.
Task<Result<std::optional<FetchedAkey>>> try_fetch_single(media::KeyBlockStore& media, const Lookup& lookup,
                                                          const AkeyFetch& fetch, const Bytes& akey, Epoch epoch,
                                                          Version floor) {
  FetchedAkey fetched;
  media::Cursor cursor(media);
  Bytes key = akey;
  key.push_back(kSingleTag);
  append_epoch(key, epoch);
  for (size_t layer = 0;;) {
    CO_TRY(co_await cursor.seek(key));
    if (cursor.valid() && starts_with(cursor.key(), ByteView(key).first(akey.size() + 1))) break;
    if (!lookup.descend(layer, floor)) co_return fetched;
    key.resize(akey.size() + 1);
    lookup.move_key(key, layer);
    append_epoch(key, lookup.epoch_in(layer, epoch));
  }
  CO_TRY_ASSIGN(const SingleKey newest, decode_single_key(cursor.key(), akey.size()));
  if (newest.version < floor) co_return fetched;

  const Destination destination(fetch.out);
  FetchedSegment segment;
  segment.recx = {.index = 0, .count = 1};
  segment.epoch = newest.version.epoch;
  uint64_t done = 0;
  uint64_t size = 0;
  for (uint16_t part = 0;; ++part) {
    const Bytes encoded = to_bytes(cursor.value());  // The cursor's memory may go while blocks are read.
    auto value = decode_value(encoded);
    if (!value) co_return value.status().within(describe_record_key(cursor.key()));
    if (part == 0) {
      if (value->is_punch()) co_return fetched;
      size = fetched.record_size = value->record_size;
      if (fetch.out.empty()) break;
      if (destination.size() < size) co_return too_small(fetch, size, destination.size());
    }
    const bool fits =
        value->kind == ValueRecord::Kind::kSingle && value->record_size == size && value->count <= size - done;
    if (!fits) {
      co_return Status(Code::kCorrupt, "parts of a single value don't fit together")
          .within(describe_record_key(cursor.key()));
    }
    const Status read = co_await read_value(media, *value, 0, value->count, destination, done, segment.checksums);
    if (!read.is_ok()) co_return read.within(place_of_single(key, akey.size(), newest.version, part));
    done += value->count;
    if (done == size) break;
    make_single_key(key, akey.size(), newest.version, static_cast<uint16_t>(part + 1));
    CO_TRY(co_await cursor.seek(key));
    if (cursor.valid() && equal_bytes(cursor.key(), key)) continue;
    make_single_key(key, akey.size(), newest.version, 0);  // The parts go in order.
    CO_TRY(co_await cursor.seek(key));
    if (!cursor.valid() || !equal_bytes(cursor.key(), key)) co_return std::optional<FetchedAkey>();
    co_return Status(Code::kCorrupt, "a part is missing")
        .within(place_of_single(key, akey.size(), newest.version, part));
  }
  fetched.segments.push_back(std::move(segment));
  co_return fetched;
}

Task<Result<FetchedAkey>> fetch_single(media::KeyBlockStore& media, const Lookup& lookup, const AkeyFetch& fetch,
                                       const Bytes& akey, Epoch epoch, Version floor) {
  while (true) {
    CO_TRY_ASSIGN(std::optional<FetchedAkey> fetched,
                  co_await try_fetch_single(media, lookup, fetch, akey, epoch, floor));
    if (fetched.has_value()) co_return *std::move(fetched);
  }
}

Task<Result<FetchedAkey>> fetch_array(media::KeyBlockStore& media, Lookup& lookup, const AkeyFetch& fetch,
                                      const Bytes& akey, Epoch epoch, Version floor) {
  FetchedAkey fetched;
  const Destination destination(fetch.out);
  uint64_t records_before = 0;  // Of the recxs asked for.
  uint64_t records_wanted = 0;
  for (const Recx& recx : fetch.recxs) {
    if (recx.count > ~uint64_t{0} - records_wanted) {
      co_return Status(Code::kInvalidArgument, "a fetch asks for more records than there are indexes");
    }
    records_wanted += recx.count;
  }
  ExtentSet set;
  for (const Recx& recx : fetch.recxs) {
    set.clear();
    const auto values = fetch.out.empty() ? Lookup::Values::kLeaveOut : Lookup::Values::kCopy;
    CO_TRY(co_await lookup.overlapping(akey, recx.index, recx.end(), epoch, floor, values, set));
    const std::vector<VisiblePart> parts = visible_parts(set.candidates, recx.index, recx.end());
    for (const VisiblePart& part : parts) {
      const ExtentCandidate& extent = set.candidates[part.candidate];
      if (extent.is_punch) continue;
      const ExtentSet::Found& found = set.found[extent.source];
      if (fetched.record_size == 0) {
        fetched.record_size = found.record_size;
        const bool fits = fetch.out.empty() || records_wanted <= destination.size() / found.record_size;
        if (!fits) {
          co_return Status(Code::kTooBig, "akey " + printable_key(fetch.akey) + " has records of " +
                                              std::to_string(found.record_size) + " bytes, and the memory given for " +
                                              std::to_string(records_wanted) + " of them is " +
                                              std::to_string(destination.size()) + " bytes");
        }
      }
      if (found.record_size != fetched.record_size) {
        co_return Status(Code::kCorrupt, "records of two sizes are visible in one array")
            .within(place_of_extent(akey, extent, found));
      }
      FetchedSegment segment;
      segment.recx = {.index = part.start, .count = part.end - part.start};
      segment.epoch = extent.version.epoch;
      if (!fetch.out.empty()) {
        auto value = decode_value(found.value);
        if (!value) {
          co_return value.status().within(place_of_extent(akey, extent, found));
        }
        const uint64_t size = found.record_size;
        const Status read =
            co_await read_value(media, *value, (part.start - extent.start) * size, (part.end - extent.start) * size,
                                destination, (records_before + part.start - recx.index) * size, segment.checksums);
        if (!read.is_ok()) {
          co_return read.within(place_of_extent(akey, extent, found));
        }
      }
      fetched.segments.push_back(std::move(segment));
    }
    records_before += recx.count;
  }
  co_return fetched;
}

std::vector<TransactionRead> reads_of_fetch(ObjectId object, const Bytes& dkey, const std::vector<AkeyFetch>& akeys,
                                            uint32_t conditions) {
  std::vector<TransactionRead> reads;
  reads.reserve(akeys.size() + 1);
  if ((conditions & kDkeyFetch) != 0) {
    reads.push_back({.of = TransactionRead::Of::kDkey, .object = object, .dkey = dkey, .akey = {}});
  }
  for (const AkeyFetch& fetch : akeys) {
    reads.push_back({.of = TransactionRead::Of::kAkey, .object = object, .dkey = dkey, .akey = fetch.akey});
  }
  return reads;
}

// Looks for several things. Each may be there already, if it is behind the one before: what lies behind several keys
// that follow one another is often the same place.
class Looks {
 public:
  // `last`: some memory.
  Looks(media::Cursor& cursor, Bytes& last) : cursor_(cursor), last_(last) { last_.clear(); }
  // False if a page must be read for that.
  bool seek(ByteView key) {
    if (!last_.empty() && compare_bytes(key, last_) >= 0) {
      if (!cursor_.valid() || compare_bytes(cursor_.key(), key) >= 0) return true;
    }
    last_.assign(key.begin(), key.end());
    return cursor_.seek_now(key);
  }
  const media::Cursor& cursor() const { return cursor_; }
  // Whether what was looked for last is of a key, and of that kind.
  bool stands_at(ByteView prefix, std::byte tag) const {
    return cursor_.valid() && starts_with(cursor_.key(), prefix, tag);
  }
  // For other moves.
  media::Cursor& moved_cursor() {
    last_.clear();
    return cursor_;
  }

 private:
  media::Cursor& cursor_;
  Bytes& last_;
};

// What a fetch at once found: what lies in memory, in index pages or in blocks, and what must be read. None of it is in
// the caller's memory yet: whatever a fetch in full finds to be a hole must stay as it was there.
struct ValueReads {
  media::KeyBlockStore& media;
  std::vector<ReadAtOnce>& at_once;
  std::vector<BlockRead>& later;
};

void copy_to(const std::vector<MutableBytes>& out, uint64_t offset, ByteView bytes) {
  for (const MutableBytes& piece : out) {
    if (bytes.empty()) return;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    const size_t size = std::min<size_t>(bytes.size(), piece.size() - offset);
    std::memcpy(piece.data() + offset, bytes.data(), size);
    bytes = bytes.subspan(size);
    offset = 0;
  }
}

ByteCount size_of(const std::vector<MutableBytes>& pieces) {
  ByteCount size = 0;
  for (const MutableBytes& piece : pieces) size += piece.size();
  return size;
}

// Nothing if its blocks must be read, or something is wrong.
std::optional<ByteView> view_part(media::KeyBlockStore& media, ByteView encoded, uint64_t from, uint64_t to,
                                  std::vector<uint32_t>& checksums) {
  const std::optional<BlockValue> value = decode_block_value(encoded);
  if (!value.has_value() || to > value->bytes) return std::nullopt;
  return view_value(media, *value, from, to, checksums);
}

// Part of an encoded value, for the memory given for it at `offset`. False if it is damaged, or no part of a value.
bool take_value(ByteView encoded, const std::optional<InlineValue>& at_once, uint64_t from, uint64_t to,
                uint64_t offset, size_t akey, FetchedAkey& fetched, FetchedSegment segment, ValueReads& reads) {
  if (at_once.has_value()) {
    if (crc32c(at_once->bytes) != at_once->checksum || to > at_once->bytes.size()) return false;
    const ByteView wanted = at_once->bytes.subspan(from, to - from);
    segment.checksums.push_back(wanted.size() == at_once->bytes.size() ? at_once->checksum : crc32c(wanted));
    reads.at_once.push_back({.akey = akey, .bytes = wanted, .offset = offset});
  } else if (const std::optional<ByteView> seen = view_part(reads.media, encoded, from, to, segment.checksums)) {
    reads.at_once.push_back({.akey = akey, .bytes = *seen, .offset = offset});
  } else {
    Result<ValueRecord> record = decode_value(encoded);
    if (!record || record->blocks.empty()) return false;
    BlockRead& read = reads.later.emplace_back();
    read.akey = akey;
    read.segment = fetched.segments.size();
    read.record = std::move(record).value();
    read.from = from;
    read.to = to;
    read.offset = offset;
  }
  fetched.segments.push_back(std::move(segment));
  return true;
}

// Looks for the newest single value up to `epoch`. `key`: the akey's prefix; it comes back so. False if that isn't
// possible at once.
bool seek_single(Looks& looks, Bytes& key, Epoch epoch) {
  const size_t akey_size = key.size();
  append_tag_and_epoch(key, kSingleTag, epoch);
  const bool is_known = looks.seek(key);
  key.resize(akey_size);
  return is_known;
}

// False if that isn't possible at once. `akey`: the fetch's index. `stands_at_first`: at the akey's first value.
bool fetch_single_at_once(Looks& looks, Bytes& key, const AkeyFetch& fetch, size_t akey, Epoch epoch, Version floor,
                          bool stands_at_first, FetchedAkey& fetched, ValueReads& reads) {
  if (!stands_at_first && !seek_single(looks, key, epoch)) return false;
  if (!looks.stands_at(key, kSingleTag)) return true;
  const media::Cursor& cursor = looks.cursor();
  const Result<SingleKey> newest = decode_single_key(cursor.key(), key.size());
  if (!newest) return false;
  if (stands_at_first && newest->version.epoch > epoch) {
    return fetch_single_at_once(looks, key, fetch, akey, epoch, floor, false, fetched, reads);
  }
  if (newest->version < floor) return true;
  const std::optional<InlineValue> value = decode_inline_value(cursor.value());
  const Result<ValueShape> shape =
      value.has_value() ? Result<ValueShape>(value->shape) : decode_value_shape(cursor.value());
  if (!shape) return false;
  if (shape->is_punch()) return true;
  const bool is_whole =
      shape->kind == ValueRecord::Kind::kSingle && shape->count == shape->record_size && newest->part == 0;
  if (!is_whole) return false;
  const uint64_t size = fetched.record_size = shape->record_size;
  FetchedSegment segment;
  segment.recx = {.index = 0, .count = 1};
  segment.epoch = newest->version.epoch;
  if (fetch.out.empty()) {
    fetched.segments.push_back(std::move(segment));
    return true;
  }
  return size <= size_of(fetch.out) &&
         take_value(cursor.value(), value, 0, size, 0, akey, fetched, std::move(segment), reads);
}

// `levels` are known, or get to be.
bool fetch_array_at_once(Looks& looks, const Bytes& key, const AkeyFetch& fetch, size_t akey, Epoch epoch,
                         Version floor, LevelSet& levels, bool levels_are_known, ExtentSet& set, FetchedAkey& fetched,
                         ValueReads& reads) {
  uint64_t records_wanted = 0;
  for (const Recx& recx : fetch.recxs) {
    if (recx.count > ~uint64_t{0} - records_wanted) return false;
    records_wanted += recx.count;
  }
  const ByteCount room = size_of(fetch.out);
  uint64_t records_before = 0;  // Of the recxs asked for.
  for (const Recx& recx : fetch.recxs) {
    set.clear();
    const bool is_looked_up = Lookup::overlapping_now(looks.moved_cursor(), key, recx.index, recx.end(), epoch, floor,
                                                      levels, levels_are_known, set);
    if (!is_looked_up) return false;
    levels_are_known = true;
    const auto take = [&](uint64_t start, uint64_t end, const ExtentCandidate& extent) {
      if (extent.is_punch) return true;
      const ExtentSet::Found& found = set.found[extent.source];
      const uint64_t size = found.record_size;
      if (fetched.record_size == 0) fetched.record_size = size;
      if (fetched.record_size != size) return false;
      FetchedSegment segment;
      segment.recx = {.index = start, .count = end - start};
      segment.epoch = extent.version.epoch;
      if (fetch.out.empty()) {
        fetched.segments.push_back(std::move(segment));
        return true;
      }
      return records_wanted <= room / size &&
             take_value(found.in_page, decode_inline_value(found.in_page), (start - extent.start) * size,
                        (end - extent.start) * size, (records_before + start - recx.index) * size, akey, fetched,
                        std::move(segment), reads);
    };
    // Mostly the newest of them has all that is asked for.
    const auto newest =
        std::max_element(set.candidates.begin(), set.candidates.end(),
                         [](const ExtentCandidate& a, const ExtentCandidate& b) { return a.version < b.version; });
    if (newest != set.candidates.end() && newest->start <= recx.index && newest->end >= recx.end()) {
      if (!take(recx.index, recx.end(), *newest)) return false;
    } else {
      for (const VisiblePart& part : visible_parts(set.candidates, recx.index, recx.end())) {
        if (!take(part.start, part.end, set.candidates[part.candidate])) return false;
      }
    }
    records_before += recx.count;
  }
  return true;
}

// The newest punch up to `epoch` of what `key` is the prefix of, or `floor` if that is newer; nothing if that isn't
// known at once. `key` comes back as it was.
std::optional<Version> floor_at_once(Looks& looks, Bytes& key, Epoch epoch, Version floor) {
  const size_t prefix_size = key.size();
  append_punch_target(key, epoch);
  const bool is_known = looks.seek(key);
  key.resize(prefix_size);
  if (!is_known) return std::nullopt;
  if (!looks.stands_at(key, kPunchTag)) return floor;
  const Result<Version> punch = decode_punch_key(looks.cursor().key(), prefix_size);
  if (!punch) return std::nullopt;
  return std::max(floor, *punch);
}

// The newest stamp up to `epoch` of the object that `key` is the prefix of; zero without one, nothing if that isn't
// known at once.
std::optional<Epoch> change_at_once(Looks& looks, Bytes& key, Epoch epoch) {
  append_tag_and_epoch(key, kStampTag, epoch);
  const bool is_known = looks.seek(key);
  key.resize(kObjectPrefixSize);
  if (!is_known) return std::nullopt;
  const media::Cursor& cursor = looks.cursor();
  if (!cursor.valid() || !starts_with(cursor.key(), key)) return kEpochZero;
  const Result<RecordKey> stamp = decode_record_key(cursor.key());
  if (!stamp || stamp->kind != RecordKey::Kind::kStamp) return std::nullopt;
  return stamp->version.epoch;
}

}  // namespace

bool TargetStore::fetch_at_once(const ContainerState& container, ObjectId object, const Bytes& dkey,
                                const std::vector<AkeyFetch>& fetches, Epoch epoch, std::vector<FetchedAkey>& all,
                                std::vector<BlockRead>& later) {
  const bool is_plain = container.layers.size() == 1 && !container.is_destroyed;
  if (!is_plain || world_.faults.sometimes("fetch_in_full")) return false;
  reads_at_once_.clear();
  ValueReads reads{*media_, reads_at_once_, later};
  Looks looks(cursor_, last_key_);
  key_.clear();
  append_object_prefix(key_, container.number, object);
  std::optional<Version> newest = object_punches_.find(container.number, object, media_->erase_count());
  if (!newest.has_value()) {
    newest = floor_at_once(looks, key_, kEpochMax, {});
    if (!newest.has_value()) return false;
    object_punches_.note(container.number, object, *newest, media_->erase_count());
  }
  if (newest->epoch > epoch) return false;

  dkey_key_.assign(key_.begin(), key_.end());
  append_key_prefix(dkey_key_, dkey_order(object), dkey);
  const uint64_t generation = media_->erase_count() + key_change_count_;
  std::optional<Version> dkey_floor;  // As of the epoch; once it is needed.
  all.reserve(fetches.size());
  for (const AkeyFetch& fetch : fetches) {
    key_.assign(dkey_key_.begin(), dkey_key_.end());
    append_key_prefix(key_, akey_order(object), fetch.akey);
    const size_t akey = all.size();
    FetchedAkey& fetched = all.emplace_back();
    if (fetch.kind == ValueKind::kSingle) {
      // What comes behind the punches of the dkey, were there any, mostly is the akey's first value already: then it
      // has no punches either.
      bool stands_at_first = false;
      if (!dkey_floor.has_value()) {
        dkey_floor = floor_at_once(looks, dkey_key_, epoch, *newest);
        if (!dkey_floor.has_value()) return false;
        stands_at_first = looks.stands_at(key_, kSingleTag);
      }
      const std::optional<Version> floor =
          stands_at_first ? dkey_floor : floor_at_once(looks, key_, epoch, *dkey_floor);
      if (!floor.has_value()) return false;
      const bool is_done =
          fetch_single_at_once(looks, key_, fetch, akey, epoch, *floor, stands_at_first, fetched, reads);
      if (!is_done) return false;
      continue;
    }
    const KnownArrays::Known* const found = known_arrays_.find(key_, generation);
    KnownArrays::Known known;
    if (found != nullptr) {
      known = *found;
    } else {
      const std::optional<Version> dkey_punch = floor_at_once(looks, dkey_key_, kEpochMax, {});
      const std::optional<Version> akey_punch = floor_at_once(looks, key_, kEpochMax, {});
      if (!dkey_punch.has_value() || !akey_punch.has_value()) return false;
      known.dkey_punch = *dkey_punch;
      known.akey_punch = *akey_punch;
    }
    const Version floor = std::max({*newest, known.dkey_punch, known.akey_punch});
    if (floor.epoch > epoch) return false;
    const bool is_done = fetch_array_at_once(looks, key_, fetch, akey, epoch, floor, known.levels, found != nullptr,
                                             extents_, fetched, reads);
    if (!is_done) return false;
    if (found == nullptr) known_arrays_.note(key_, known, generation);
  }
  if (container.layers.front().has_stamps) {
    key_.resize(kObjectPrefixSize);
    const std::optional<Epoch> changed = change_at_once(looks, key_, epoch);
    if (!changed.has_value()) return false;
    for (FetchedAkey& fetched : all) fetched.object_changed = *changed;
  }
  for (const ReadAtOnce& read : reads_at_once_) copy_to(fetches[read.akey].out, read.offset, read.bytes);
  return true;
}

// What fetch_at_once() left to be read from blocks.
Task<Status> TargetStore::read_later(const ContainerRef* container, Epoch epoch, const std::vector<AkeyFetch>* akeys,
                                     const std::vector<BlockRead>* later, std::vector<FetchedAkey>* all) {
  const ReadEpoch reading(*container, epoch);
  const media::BlockPin pin(*media_);  // Nothing suspended since the blocks were looked up.
  for (const BlockRead& read : *later) {
    const Destination destination((*akeys)[read.akey].out);
    FetchedSegment& segment = (*all)[read.akey].segments[read.segment];
    CO_TRY(co_await read_value(*media_, read.record, read.from, read.to, destination, read.offset, segment.checksums));
  }
  co_return ok();
}

Task<Result<std::vector<FetchedAkey>>> TargetStore::fetch(Uuid id, ObjectId object, Bytes dkey,
                                                          std::vector<AkeyFetch> akeys, uint32_t conditions,
                                                          Epoch epoch, ReadIntent intent) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  CO_TRY(check_fetch(object, dkey, akeys, conditions));
  ++foreground_calls_;
  const bool is_watched =
      intent != ReadIntent::kPlain || (container->transactions != nullptr && !container->transactions->intents.empty());
  if (conditions == 0 && !is_watched) {
    std::vector<FetchedAkey> all;
    std::vector<BlockRead> later;
    const Epoch at = read_epoch(*container, epoch);
    if (fetch_at_once(*container, object, dkey, akeys, at, all, later)) {
      if (later.empty()) co_return all;
      const Status read = co_await read_later(&container, at, &akeys, &later, &all);
      if (read.is_ok() && !container->is_destroyed) co_return all;
      epoch = at;  // What is in the caller's memory by now is of this epoch.
    }
  }
  co_return co_await fetch_in_full(&container, object, &dkey, &akeys, conditions, epoch, intent);
}

Task<Result<std::vector<FetchedAkey>>> TargetStore::fetch_in_full(const ContainerRef* container_ref, ObjectId object,
                                                                  const Bytes* dkey,
                                                                  const std::vector<AkeyFetch>* akeys,
                                                                  uint32_t conditions, Epoch epoch, ReadIntent intent) {
  const ContainerRef& container = *container_ref;
  const ReadEpoch reading(container, read_epoch(*container, epoch));
  if (reads_are_watched(*container, intent)) {
    std::vector<TransactionRead> reads = reads_of_fetch(object, *dkey, *akeys, conditions);
    CO_TRY(co_await admit_read(container, epoch, reading.epoch(), intent, std::move(reads)));
  }
  const media::BlockPin pin(*media_);
  Lookup lookup(*media_, *container);
  const Bytes object_key = object_prefix(container->number, object);
  const Bytes dkey_key = key_prefix(object_key, dkey_order(object), *dkey);
  CO_TRY_ASSIGN(const Version object_floor, co_await lookup.floor_of(object_key, reading.epoch(), {}));
  if ((conditions & kDkeyFetch) != 0) {
    CO_TRY_ASSIGN(const bool exists, co_await lookup.dkey_exists(dkey_key, reading.epoch(), object_floor));
    if (!exists) co_return Status(Code::kNotFound, "dkey " + printable_key(*dkey) + " doesn't exist");
  }
  CO_TRY_ASSIGN(const Version dkey_floor, co_await lookup.floor_of(dkey_key, reading.epoch(), object_floor));

  std::vector<FetchedAkey> all;
  all.reserve(akeys->size());
  for (const AkeyFetch& fetch : *akeys) {
    const Bytes akey_key = key_prefix(dkey_key, akey_order(object), fetch.akey);
    if ((conditions & kAkeyFetch) != 0) {
      CO_TRY_ASSIGN(const bool exists, co_await lookup.akey_exists(akey_key, reading.epoch(), dkey_floor));
      if (!exists) co_return Status(Code::kNotFound, "akey " + printable_key(fetch.akey) + " doesn't exist");
    }
    CO_TRY_ASSIGN(const Version floor, co_await lookup.floor_of(akey_key, reading.epoch(), dkey_floor));
    if (fetch.kind == ValueKind::kSingle) {
      CO_TRY_ASSIGN(FetchedAkey fetched,
                    co_await fetch_single(*media_, lookup, fetch, akey_key, reading.epoch(), floor));
      all.push_back(std::move(fetched));
    } else {
      CO_TRY_ASSIGN(FetchedAkey fetched,
                    co_await fetch_array(*media_, lookup, fetch, akey_key, reading.epoch(), floor));
      all.push_back(std::move(fetched));
    }
  }
  if (container->layers.front().has_stamps) {
    CO_TRY_ASSIGN(const Epoch changed, co_await newest_change(*container, object, reading.epoch()));
    for (FetchedAkey& fetched : all) fetched.object_changed = changed;
  }
  if (container->is_destroyed) co_return Status(Code::kNotFound, "the container was destroyed");
  co_return all;
}

}  // namespace aeon::vos
