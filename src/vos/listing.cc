// TargetStore's listings: skip-scans that look at one record of each key where they can.
#include <algorithm>

#include "anchor.h"
#include "base/mutation.h"
#include "target_store.h"

namespace aeon::vos {

namespace {

constexpr unsigned kYieldEvery = 64;  // Keys looked at between yields, so that a long listing stalls nobody.
constexpr uint32_t kSliceExtents = 256;

// Counts what goes into a page.
class PageBudget {
 public:
  explicit PageBudget(ListLimits limits) : limits_(limits) {}
  bool take(size_t bytes) {
    if (count_ == limits_.count_max || bytes > limits_.bytes_max - bytes_) return false;
    ++count_;
    bytes_ += bytes;
    return true;
  }
  // Why nothing fits at all.
  Status nothing_fits(size_t bytes) const {
    if (limits_.count_max == 0) return Status(Code::kInvalidArgument, "a listing may return at least one entry");
    return Status(Code::kTooBig, "the next key has " + std::to_string(bytes) + " bytes, and the listing may return " +
                                     std::to_string(limits_.bytes_max));
  }
  bool is_empty() const { return count_ == 0; }

 private:
  ListLimits limits_;
  uint32_t count_ = 0;
  ByteCount bytes_ = 0;
};

// Lists the dkeys below an object, or the akeys below a dkey.
Task<Result<KeyPage>> list_children(World& world, Lookup& lookup, Listing listing, ByteView parent, KeyOrder order,
                                    Epoch epoch, Version floor, Anchor from, ListLimits limits) {
  KeyPage page;
  PageBudget budget(limits);
  CO_TRY_ASSIGN(const Bytes last, read_anchor(listing, from));
  Bytes next = to_bytes(parent);
  if (!last.empty()) {
    const Status status = check_user_key("an anchor's key", order, last);
    if (!status.is_ok()) co_return Status(Code::kInvalidArgument, std::string(status.message()));
    next = prefix_end(key_prefix(parent, order, last));
  }
  for (unsigned seen = 1;; ++seen) {
    CO_TRY_ASSIGN(const Bytes child, co_await lookup.first_child(parent, next, floor));
    if (child.empty()) break;
    bool exists = false;
    if (listing == Listing::kDkeys) {
      CO_TRY_ASSIGN(exists, co_await lookup.dkey_exists(child, epoch, floor));
    } else {
      CO_TRY_ASSIGN(exists, co_await lookup.akey_exists(child, epoch, floor));
    }
    if (exists) {
      CO_TRY_ASSIGN(Bytes key, decode_user_key(child, parent.size(), order));
      if (!budget.take(key.size())) {
        if (budget.is_empty()) co_return budget.nothing_fits(key.size());
        page.next = anchor_at(listing, MUTATION("listing_skips_a_key", page.keys.back(), key));
        co_return page;
      }
      page.keys.push_back(std::move(key));
    }
    next = prefix_end(child);
    if (seen % kYieldEvery == 0) co_await yield(world.executor);
  }
  page.next = anchor_at_end();
  co_return page;
}

std::vector<TransactionRead> read_of(TransactionRead::Of of, ObjectId object, Bytes dkey, Bytes akey) {
  std::vector<TransactionRead> reads;
  reads.push_back({.of = of, .object = object, .dkey = std::move(dkey), .akey = std::move(akey)});
  return reads;
}

}  // namespace

Task<Result<ObjectPage>> TargetStore::list_objects(Uuid id, Epoch epoch, Anchor from, ListLimits limits,
                                                   ReadIntent intent) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  ObjectPage page;
  if (from.is_end) {
    page.next = anchor_at_end();
    co_return page;
  }
  PageBudget budget(limits);
  CO_TRY_ASSIGN(const Bytes last, read_anchor(Listing::kObjects, from));
  Bytes next = container_prefix(container->number);
  if (!last.empty()) {
    CO_TRY_ASSIGN(const ObjectId object, read_object_position(last));
    next = prefix_end(object_prefix(container->number, object));
  }
  const ReadEpoch reading(container, read_epoch(*container, epoch));
  if (reads_are_watched(*container, intent)) {
    std::vector<TransactionRead> reads = read_of(TransactionRead::Of::kContainer, {}, {}, {});
    CO_TRY(co_await admit_read(container, epoch, reading.epoch(), intent, std::move(reads)));
  }
  Lookup lookup(*media_, *container);
  const bool is_explicit = container->epochs == EpochMode::kExplicit;
  const size_t entry_size = sizeof(ObjectId) + (is_explicit ? sizeof(Epoch) : 0);
  for (unsigned seen = 1;; ++seen) {
    CO_TRY_ASSIGN(const Bytes prefix, co_await lookup.first_object(next));
    if (prefix.empty()) break;
    const ObjectId object = object_of(prefix);
    CO_TRY_ASSIGN(const bool exists, co_await lookup.object_exists(prefix, reading.epoch()));
    if (exists) {
      if (!budget.take(entry_size)) {
        if (budget.is_empty()) co_return budget.nothing_fits(entry_size);
        page.next = anchor_at(Listing::kObjects, object_position(page.objects.back()));
        co_return page;
      }
      page.objects.push_back(object);
      if (is_explicit) {
        CO_TRY_ASSIGN(const Epoch changed, co_await newest_change(*container, object, reading.epoch()));
        page.changed.push_back(changed);
      }
    }
    next = prefix_end(prefix);
    if (seen % kYieldEvery == 0) co_await yield(world_.executor);
  }
  page.next = anchor_at_end();
  co_return page;
}

Task<Result<KeyPage>> TargetStore::list_dkeys(Uuid id, ObjectId object, Epoch epoch, Anchor from, ListLimits limits,
                                              ReadIntent intent) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  KeyPage page;
  if (from.is_end) {
    page.next = anchor_at_end();
    co_return page;
  }
  const ReadEpoch reading(container, read_epoch(*container, epoch));
  if (reads_are_watched(*container, intent)) {
    std::vector<TransactionRead> reads = read_of(TransactionRead::Of::kObject, object, {}, {});
    CO_TRY(co_await admit_read(container, epoch, reading.epoch(), intent, std::move(reads)));
  }
  const Bytes object_key = object_prefix(container->number, object);
  Lookup lookup(*media_, *container);
  CO_TRY_ASSIGN(const Version floor, co_await lookup.floor_of(object_key, reading.epoch(), {}));
  CO_TRY_ASSIGN(page, co_await list_children(world_, lookup, Listing::kDkeys, object_key, dkey_order(object),
                                             reading.epoch(), floor, std::move(from), limits));
  co_return page;
}

Task<Result<KeyPage>> TargetStore::list_akeys(Uuid id, ObjectId object, Bytes dkey, Epoch epoch, Anchor from,
                                              ListLimits limits, ReadIntent intent) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  CO_TRY(check_user_key("a dkey", dkey_order(object), dkey));
  KeyPage page;
  if (from.is_end) {
    page.next = anchor_at_end();
    co_return page;
  }
  const ReadEpoch reading(container, read_epoch(*container, epoch));
  if (reads_are_watched(*container, intent)) {
    std::vector<TransactionRead> reads = read_of(TransactionRead::Of::kDkey, object, dkey, {});
    CO_TRY(co_await admit_read(container, epoch, reading.epoch(), intent, std::move(reads)));
  }
  const Bytes object_key = object_prefix(container->number, object);
  const Bytes dkey_key = key_prefix(object_key, dkey_order(object), dkey);
  Lookup lookup(*media_, *container);
  CO_TRY_ASSIGN(const Version object_floor, co_await lookup.floor_of(object_key, reading.epoch(), {}));
  CO_TRY_ASSIGN(const Version floor, co_await lookup.floor_of(dkey_key, reading.epoch(), object_floor));
  CO_TRY_ASSIGN(page, co_await list_children(world_, lookup, Listing::kAkeys, dkey_key, akey_order(object),
                                             reading.epoch(), floor, std::move(from), limits));
  co_return page;
}

Task<Result<RecxPage>> TargetStore::list_recxs(Uuid id, ObjectId object, Bytes dkey, Bytes akey, Epoch epoch,
                                               Anchor from, ListLimits limits, ReadIntent intent) {
  CO_TRY_ASSIGN(const ContainerRef container, find_container(id));
  CO_TRY(check_user_key("a dkey", dkey_order(object), dkey));
  CO_TRY(check_user_key("an akey", akey_order(object), akey));
  RecxPage page;
  if (from.is_end) {
    page.next = anchor_at_end();
    co_return page;
  }
  CO_TRY_ASSIGN(const Bytes last, read_anchor(Listing::kRecxs, from));
  uint64_t at = 0;
  if (!last.empty()) {
    CO_TRY_ASSIGN(at, read_recx_position(last));
  }
  PageBudget budget(limits);
  const ReadEpoch reading(container, read_epoch(*container, epoch));
  if (reads_are_watched(*container, intent)) {
    std::vector<TransactionRead> reads = read_of(TransactionRead::Of::kAkey, object, dkey, akey);
    CO_TRY(co_await admit_read(container, epoch, reading.epoch(), intent, std::move(reads)));
  }
  const Bytes object_key = object_prefix(container->number, object);
  const Bytes dkey_key = key_prefix(object_key, dkey_order(object), dkey);
  const Bytes akey_key = key_prefix(dkey_key, akey_order(object), akey);
  Lookup lookup(*media_, *container);
  CO_TRY_ASSIGN(const Version object_floor, co_await lookup.floor_of(object_key, reading.epoch(), {}));
  CO_TRY_ASSIGN(const Version dkey_floor, co_await lookup.floor_of(dkey_key, reading.epoch(), object_floor));
  CO_TRY_ASSIGN(const Version floor, co_await lookup.floor_of(akey_key, reading.epoch(), dkey_floor));

  ExtentSet set;
  while (at != Lookup::kNoExtent) {
    CO_TRY_ASSIGN(const Lookup::Slice slice, co_await lookup.slice_after(akey_key, at, kSliceExtents, floor));
    if (slice.first_start == Lookup::kNoExtent) break;
    set.clear();
    CO_TRY(
        co_await lookup.overlapping(akey_key, at, slice.end, reading.epoch(), floor, Lookup::Values::kLeaveOut, set));
    const std::vector<VisiblePart> parts = visible_parts(set.candidates, at, slice.end);
    for (const VisiblePart& part : parts) {
      const ExtentCandidate& extent = set.candidates[part.candidate];
      if (extent.is_punch) continue;
      const bool continues = !page.recxs.empty() && page.recxs.back().recx.end() == part.start &&
                             page.recxs.back().epoch == extent.version.epoch;
      if (continues) {
        page.recxs.back().recx.count += part.end - part.start;
        continue;
      }
      if (!budget.take(sizeof(ListedRecx))) {
        if (budget.is_empty()) co_return budget.nothing_fits(sizeof(ListedRecx));
        page.next = anchor_at(Listing::kRecxs, recx_position(part.start));
        co_return page;
      }
      page.recxs.push_back({.recx = {.index = part.start, .count = part.end - part.start},
                            .record_size = set.found[extent.source].record_size,
                            .epoch = extent.version.epoch});
    }
    at = slice.end;
    co_await yield(world_.executor);
  }
  page.next = anchor_at_end();
  co_return page;
}

}  // namespace aeon::vos
