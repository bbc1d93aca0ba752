#include "memory_container.h"

#include <algorithm>

namespace aeon::dfs {

size_t MemoryContainer::object_count() const { return state_.size(); }

Bytes MemoryContainer::ordered(ObjectId object, const Bytes& dkey) {
  if (dkey_order(object) != KeyOrder::kUint64) return dkey;
  CHECK(dkey.size() == 8);
  Bytes key(8);
  store_be64(key.data(), load_le<uint64_t>(dkey.data()));
  return key;
}

Bytes MemoryContainer::as_given(ObjectId object, const Bytes& key) { return ordered(object, key); }

const MemoryContainer::State& MemoryContainer::at(Epoch epoch) const {
  if (epoch == kEpochMax) return state_;
  const auto snapshot = snapshots_.find(epoch.value);
  CHECK(snapshot != snapshots_.end());
  return snapshot->second;
}

const MemoryContainer::Akeys* MemoryContainer::find(ObjectId object, const Bytes& dkey, Epoch epoch) const {
  const State& state = at(epoch);
  const auto found = state.find(object);
  if (found == state.end()) return nullptr;
  const auto akeys = found->second.find(ordered(object, dkey));
  return akeys == found->second.end() ? nullptr : &akeys->second;
}

// Removes records [begin, end).
void MemoryContainer::cut(Value& value, uint64_t begin, uint64_t end) {
  auto extent = value.extents.upper_bound(begin);
  if (extent != value.extents.begin()) --extent;
  while (extent != value.extents.end() && extent->first < end) {
    const uint64_t start = extent->first;
    const uint64_t stop = start + extent->second.data.size();
    if (stop <= begin) {
      ++extent;
      continue;
    }
    Extent whole = std::move(extent->second);
    extent = value.extents.erase(extent);
    if (start < begin) {
      value.extents[start] = {.data = Bytes(whole.data.begin(), whole.data.begin() + (begin - start)),
                              .epoch = whole.epoch};
    }
    if (stop > end) {
      value.extents[end] = {.data = Bytes(whole.data.begin() + (end - start), whole.data.end()), .epoch = whole.epoch};
    }
  }
}

Status MemoryContainer::check(const ObjectWrite& write) const {
  const auto object = state_.find(write.object);
  const bool object_exists = object != state_.end();
  if (write.kind == ObjectWrite::Kind::kPunchObject) {
    CHECK(write.conditions == 0 || object_exists);
    return ok();
  }
  CHECK(!write.dkey.empty());
  const Akeys* akeys = find(write.object, write.dkey, kEpochMax);
  const auto has = [&](const Bytes& akey) { return akeys != nullptr && akeys->contains(akey); };
  const Status missing(Code::kNotFound, "a key isn't there");
  const Status there(Code::kExists, "a key is there");
  switch (write.kind) {
    case ObjectWrite::Kind::kUpdate:
      if (write.akeys.empty()) return Status(Code::kInvalidArgument, "an update without akeys");
      if ((write.conditions & kDkeyInsert) != 0 && akeys != nullptr) return there;
      if ((write.conditions & kDkeyUpdate) != 0 && akeys == nullptr) return missing;
      for (const AkeyUpdate& update : write.akeys) {
        if ((update.conditions & kAkeyInsert) != 0 && has(update.akey)) return there;
        if ((update.conditions & kAkeyUpdate) != 0 && !has(update.akey)) return missing;
        uint64_t given = 0;
        for (const ByteView piece : update.data) given += piece.size();
        uint64_t wanted = update.record_size;
        if (update.kind == ValueKind::kArray) {
          wanted = 0;
          for (const Recx& recx : update.recxs) wanted += recx.count * update.record_size;
          if (update.recxs.empty()) return Status(Code::kInvalidArgument, "no extents");
        } else if (update.record_size == 0) {
          return Status(Code::kInvalidArgument, "an empty single value");
        }
        if (given != wanted) return Status(Code::kInvalidArgument, "data of another size");
      }
      return ok();
    case ObjectWrite::Kind::kPunchDkey:
      return (write.conditions & kPunchIfExists) != 0 && akeys == nullptr ? missing : ok();
    case ObjectWrite::Kind::kPunchAkeys:
      for (const Bytes& akey : write.punched_akeys) {
        if ((write.conditions & kPunchIfExists) != 0 && !has(akey)) return missing;
      }
      return ok();
    default: return ok();
  }
}

void MemoryContainer::apply(const ObjectWrite& write, Epoch epoch) {
  if (write.kind == ObjectWrite::Kind::kPunchObject) {
    state_.erase(write.object);
    return;
  }
  const Bytes dkey = ordered(write.object, write.dkey);
  Dkeys& dkeys = state_[write.object];
  if (write.kind == ObjectWrite::Kind::kPunchDkey) {
    dkeys.erase(dkey);
  } else if (write.kind == ObjectWrite::Kind::kPunchAkeys) {
    for (const Bytes& akey : write.punched_akeys) dkeys[dkey].erase(akey);
  } else {
    for (const AkeyUpdate& update : write.akeys) {
      Bytes data;
      for (const ByteView piece : update.data) data.insert(data.end(), piece.begin(), piece.end());
      Value& value = dkeys[dkey][update.akey];
      if (update.kind == ValueKind::kSingle) {
        value = Value();
        value.single = std::move(data);
        value.epoch = epoch;
        continue;
      }
      value.is_array = true;
      uint64_t at = 0;
      for (const Recx& recx : update.recxs) {
        cut(value, recx.index, recx.end());
        if (update.record_size == 0) continue;
        CHECK(update.record_size == 1);
        value.extents[recx.index] = {.data = Bytes(data.begin() + at, data.begin() + at + recx.count), .epoch = epoch};
        at += recx.count;
      }
      if (value.extents.empty()) dkeys[dkey].erase(update.akey);
    }
  }
  if (const auto place = dkeys.find(dkey); place != dkeys.end() && place->second.empty()) dkeys.erase(place);
  if (dkeys.empty()) state_.erase(write.object);
}

Task<Result<Epoch>> MemoryContainer::write(std::vector<ObjectWrite> writes, Epoch) {
  if (yields) co_await yield(executor_);
  ++counts.writes;
  if (before_write) CO_TRY(before_write());
  if (writes.empty()) co_return Status(Code::kInvalidArgument, "no writes");
  for (const ObjectWrite& write : writes) CO_TRY(check(write));
  now_ns_ += kStepNs;
  const Epoch epoch = HybridClock::from_unix_ns(now_ns_);
  for (const ObjectWrite& write : writes) apply(write, epoch);
  co_return epoch;
}

Task<Result<std::vector<FetchedAkey>>> MemoryContainer::fetch(ObjectId object, Bytes dkey, std::vector<AkeyFetch> akeys,
                                                              uint32_t conditions, Epoch epoch) {
  if (yields) co_await yield(executor_);
  ++counts.fetches;
  CHECK(conditions == 0);
  const Akeys* stored = find(object, dkey, epoch);
  std::vector<FetchedAkey> all;
  for (const AkeyFetch& wanted : akeys) {
    FetchedAkey& fetched = all.emplace_back();
    if (stored == nullptr || !stored->contains(wanted.akey)) continue;
    const Value& value = stored->at(wanted.akey);
    if (value.is_array != (wanted.kind == ValueKind::kArray)) co_return Status(Code::kInvalidArgument, "another kind");
    std::vector<std::byte*> places;
    for (const MutableBytes piece : wanted.out) {
      for (std::byte& byte : piece) places.push_back(&byte);
    }
    if (!value.is_array) {
      fetched.record_size = value.single.size();
      fetched.segments.push_back({.recx = {0, 1}, .epoch = value.epoch, .checksums = {}});
      if (wanted.out.empty()) continue;
      if (places.size() < value.single.size()) co_return Status(Code::kTooBig, "too little memory");
      for (size_t i = 0; i < value.single.size(); ++i) *places[i] = value.single[i];
      continue;
    }
    uint64_t base = 0;
    for (const Recx& recx : wanted.recxs) {
      for (const auto& [start, extent] : value.extents) {
        const uint64_t begin = std::max(start, recx.index);
        const uint64_t end = std::min(start + extent.data.size(), recx.end());
        if (begin >= end) continue;
        fetched.record_size = 1;
        fetched.segments.push_back({.recx = {begin, end - begin}, .epoch = extent.epoch, .checksums = {}});
        for (uint64_t i = begin; i < end && !places.empty(); ++i)
          *places[base + i - recx.index] = extent.data[i - start];
      }
      base += recx.count;
    }
  }
  co_return all;
}

Task<Result<client::KeyPage>> MemoryContainer::list_dkeys(ObjectId object, Anchor from, client::ListLimits limits,
                                                          Epoch epoch) {
  if (yields) co_await yield(executor_);
  ++counts.lists;
  client::KeyPage page;
  page.next.is_end = true;
  const State& state = at(epoch);
  const auto found = state.find(object);
  if (found == state.end()) co_return page;
  auto key = from.position.empty() ? found->second.begin() : found->second.upper_bound(from.position);
  for (; key != found->second.end(); ++key) {
    if (page.keys.size() == limits.count_max) {
      page.next.is_end = false;
      break;
    }
    page.keys.push_back(as_given(object, key->first));
    page.next.position = key->first;
  }
  co_return page;
}

Task<Result<client::KeyPage>> MemoryContainer::list_akeys(ObjectId object, Bytes dkey, Anchor from,
                                                          client::ListLimits limits, Epoch epoch) {
  if (yields) co_await yield(executor_);
  ++counts.lists;
  client::KeyPage page;
  page.next.is_end = true;
  const Akeys* akeys = find(object, dkey, epoch);
  if (akeys == nullptr) co_return page;
  auto key = from.position.empty() ? akeys->begin() : akeys->upper_bound(from.position);
  for (; key != akeys->end(); ++key) {
    if (page.keys.size() == limits.count_max) {
      page.next.is_end = false;
      break;
    }
    page.keys.push_back(key->first);
    page.next.position = key->first;
  }
  co_return page;
}

Task<Result<client::RecxPage>> MemoryContainer::list_recxs(ObjectId object, Bytes dkey, Bytes akey, Anchor,
                                                           client::ListLimits, Epoch epoch) {
  if (yields) co_await yield(executor_);
  ++counts.lists;
  client::RecxPage page;
  page.next.is_end = true;
  const Akeys* akeys = find(object, dkey, epoch);
  if (akeys == nullptr || !akeys->contains(akey)) co_return page;
  for (const auto& [start, extent] : akeys->at(akey).extents) {
    page.recxs.push_back({.recx = {start, extent.data.size()}, .record_size = 1, .epoch = extent.epoch});
  }
  co_return page;
}

Task<Result<QueriedKey>> MemoryContainer::query_key(ObjectId object, uint32_t flags, Bytes, Bytes akey, Epoch epoch) {
  if (yields) co_await yield(executor_);
  ++counts.queries;
  CHECK(flags == (kGetMax | kGetDkey | kGetRecx));
  const State& state = at(epoch);
  const Status nothing(Code::kNotFound, "there is nothing");
  const auto found = state.find(object);
  if (found == state.end()) co_return nothing;
  for (auto dkey = found->second.rbegin(); dkey != found->second.rend(); ++dkey) {
    const auto value = dkey->second.find(akey);
    if (value == dkey->second.end() || value->second.extents.empty()) continue;
    QueriedKey queried;
    queried.dkey = as_given(object, dkey->first);
    const auto& [start, extent] = *value->second.extents.rbegin();
    queried.recx = {.index = start, .count = extent.data.size()};
    queried.record_size = 1;
    co_return queried;
  }
  co_return nothing;
}

Task<Result<Epoch>> MemoryContainer::create_snapshot(std::string) {
  now_ns_ += kStepNs;
  const Epoch epoch = HybridClock::from_unix_ns(now_ns_);
  snapshots_[epoch.value] = state_;
  co_return epoch;
}

Task<Result<uint64_t>> MemoryContainer::allocate_object_numbers(uint64_t count) {
  if (yields) co_await yield(executor_);
  const uint64_t first = next_number_;
  next_number_ += count;
  co_return first;
}

Task<Status> MemoryContainer::flush() {
  ++counts.flushes;
  co_return ok();
}

// What file systems don't use.
Task<Result<client::ContainerInfo>> MemoryContainer::query() { co_return client::ContainerInfo(); }
Task<Result<SpaceSurvey>> MemoryContainer::survey_space() { co_return SpaceSurvey(); }
Task<Result<client::Properties>> MemoryContainer::properties() { co_return client::Properties(); }
Task<Status> MemoryContainer::set_properties(client::Properties) { co_return ok(); }
Task<Result<std::map<std::string, Bytes>>> MemoryContainer::attributes() { co_return std::map<std::string, Bytes>(); }
Task<Status> MemoryContainer::change_attributes(std::map<std::string, std::optional<Bytes>>) { co_return ok(); }
Task<Result<std::vector<client::SnapshotInfo>>> MemoryContainer::snapshots() {
  co_return std::vector<client::SnapshotInfo>();
}
Task<Status> MemoryContainer::destroy_snapshot(Epoch) { co_return ok(); }
Task<Result<client::ContainerEpochs>> MemoryContainer::epochs() { co_return client::ContainerEpochs(); }
Task<Status> MemoryContainer::commit(Epoch) { co_return ok(); }
Task<Status> MemoryContainer::discard(Epoch, Epoch) { co_return ok(); }
Task<Status> MemoryContainer::aggregate(Epoch) { co_return ok(); }
Task<Result<client::ObjectPage>> MemoryContainer::list_objects(Anchor, client::ListLimits, Epoch) {
  co_return client::ObjectPage();
}
Task<Result<Epoch>> MemoryContainer::query_max_epoch(ObjectId, Epoch) { co_return kEpochZero; }

}  // namespace aeon::dfs
