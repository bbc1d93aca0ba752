// The store against a list of all operations.
#include <algorithm>

#include "runtime/random.h"
#include "space_accounting.h"
#include "store_model.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr uint32_t kOnlyContainer = 1;
constexpr ObjectId kObjects[] = {{.hi = 5, .lo = 1}, {.hi = uint64_t{4} << 56, .lo = 2}};  // Byte keys; integer keys.

// Each akey keeps its shape.
struct Shape {
  ValueKind kind;
  uint64_t record_size;  // Of arrays.
  uint64_t index_end;
};
constexpr Shape kShapes[] = {{ValueKind::kSingle, 0, 0}, {ValueKind::kArray, 3, 40}, {ValueKind::kArray, 5000, 12}};

Bytes user_key(ObjectId object, uint64_t number) {
  if (dkey_order(object) == KeyOrder::kUint64) return integer_key(number * 200);
  Bytes key(number + 1, std::byte{0});  // Keys that are prefixes of each other, and full of zeros.
  if (number % 2 == 1) key.back() = std::byte{1};
  return key;
}

class Comparison {
 public:
  explicit Comparison(Random& random) : random_(random), target_(random.next(), disk_options(random)) {}

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      switch (random_.below(20)) {
        case 0: take_snapshot(); break;
        case 1: aggregate(); break;
        case 2:
          if (random_.one_in(3)) discard();
          break;
        case 3:
          if (random_.one_in(2))
            target_.reopen();
          else
            restart_after_crash();
          break;
        case 4: drop_snapshot(); break;
        default: write(); break;
      }
      if (random_.one_in(4)) compare(random_epoch());
      check_space();
    }
    for (const Epoch snapshot : snapshots_) compare(snapshot);
    compare(kEpochMax);
  }

 private:
  static SimDiskOptions disk_options(Random& random) {
    SimDiskOptions options;
    if (random.one_in(2)) options.latency = SimDiskLatency::none();
    return options;
  }

  ObjectId random_object() { return kObjects[random_.below(2)]; }
  Bytes random_key(ObjectId object) { return user_key(object, random_.below(3)); }

  // One that still reads as it did: after what was aggregated, or a snapshot.
  Epoch random_epoch() {
    if (!snapshots_.empty() && random_.one_in(3))
      return *std::next(snapshots_.begin(), static_cast<ptrdiff_t>(random_.below(snapshots_.size())));
    if (epochs_.empty() || random_.one_in(3)) return kEpochMax;
    const Epoch epoch = epochs_[random_.below(epochs_.size())];
    return epoch < aggregated_ ? kEpochMax : epoch;
  }

  Epoch epoch_to_write() {
    if (epochs_.empty() || random_.one_in(2)) return kEpochZero;
    const Epoch epoch{epochs_[random_.below(epochs_.size())].value + random_.below(3) - 1};
    return epoch > aggregated_ ? epoch : kEpochZero;
  }

  ByteView random_data(size_t size) {
    memory_.push_back(std::make_unique<DiskBuffer>(size + 1));
    MutableBytes data = memory_.back()->bytes().subspan(random_.one_in(2) ? 0 : 1, size);
    for (std::byte& byte : data) byte = static_cast<std::byte>(random_.below(256));
    return data;
  }

  void add_data(AkeyUpdate& update, size_t size) {
    while (size != 0) {  // In pieces.
      const size_t here = random_.one_in(2) ? size : 1 + random_.below(size);
      update.data.push_back(random_data(here));
      size -= here;
    }
  }

  AkeyUpdate random_update(ObjectId object) {
    const uint64_t which = random_.below(3);
    const Shape& shape = kShapes[which];
    AkeyUpdate update;
    update.akey = user_key(object, which);
    update.kind = shape.kind;
    if (shape.kind == ValueKind::kSingle) {
      if (random_.one_in(8)) return update;
      update.record_size = random_.one_in(4) ? 1 + random_.below(100'000) : 1 + random_.below(50);
      if (random_.one_in(60)) update.record_size += 2 * kMiB;
      add_data(update, update.record_size);
      return update;
    }
    const bool is_punch = random_.one_in(5);
    update.record_size = is_punch ? 0 : shape.record_size;
    for (uint64_t count = 1 + random_.below(2); count-- > 0;) {
      Recx recx;
      recx.index = random_.below(shape.index_end);
      recx.count = 1 + random_.below(shape.index_end - recx.index);
      if (is_punch && random_.one_in(3)) recx.count = ~uint64_t{0} - recx.index;
      update.recxs.push_back(recx);
      if (is_punch) continue;
      if (update.data.empty() || random_.one_in(2)) {
        add_data(update, recx.count * shape.record_size);
      } else {
        update.data.push_back(random_data(recx.count * shape.record_size));
      }
    }
    return update;
  }

  ObjectWrite random_write() {
    ObjectWrite write;
    write.object = random_object();
    write.dkey = random_key(write.object);
    switch (random_.below(12)) {
      case 0: write.kind = ObjectWrite::Kind::kPunchObject; break;
      case 1: write.kind = ObjectWrite::Kind::kPunchDkey; break;
      case 2:
        write.kind = ObjectWrite::Kind::kPunchAkeys;
        write.punched_akeys.push_back(random_key(write.object));
        break;
      default:
        write.akeys.push_back(random_update(write.object));
        if (random_.one_in(4)) write.akeys.push_back(random_update(write.object));
        break;
    }
    if (random_.one_in(6)) {
      if (write.kind != ObjectWrite::Kind::kUpdate) {
        write.conditions = kPunchIfExists;
      } else {
        const uint32_t conditions[] = {kDkeyInsert, kDkeyUpdate, kAkeyInsert, kAkeyUpdate};
        write.conditions = conditions[random_.below(4)];
      }
    }
    return write;
  }

  // What the conditions of a write come to, looked at before the call.
  Code expected(const ObjectWrite& write, Epoch epoch) const {
    if (write.conditions == 0) return Code::kOk;
    const std::vector<Bytes> akeys = model_.akeys(write.object, write.dkey, epoch);
    const bool dkey = !akeys.empty();
    if (write.kind == ObjectWrite::Kind::kPunchObject)
      return model_.dkeys(write.object, epoch).empty() ? Code::kNotFound : Code::kOk;
    if (write.kind == ObjectWrite::Kind::kPunchDkey) return dkey ? Code::kOk : Code::kNotFound;
    if ((write.conditions & kDkeyInsert) != 0) return dkey ? Code::kExists : Code::kOk;
    if ((write.conditions & kDkeyUpdate) != 0) return dkey ? Code::kOk : Code::kNotFound;
    std::vector<Bytes> named = write.punched_akeys;
    for (const AkeyUpdate& update : write.akeys) named.push_back(update.akey);
    for (const Bytes& akey : named) {
      const bool exists = std::find(akeys.begin(), akeys.end(), akey) != akeys.end();
      if ((write.conditions & kAkeyInsert) != 0 && exists) return Code::kExists;
      if ((write.conditions & kAkeyInsert) == 0 && !exists) return Code::kNotFound;
    }
    return Code::kOk;
  }

  void write() {
    std::vector<ObjectWrite> writes;
    for (uint64_t count = 1 + random_.below(random_.one_in(3) ? 3 : 1); count-- > 0;) writes.push_back(random_write());
    const Epoch epoch = epoch_to_write();
    Code code = Code::kOk;
    for (const ObjectWrite& one : writes) {
      if (code == Code::kOk) code = expected(one, epoch == kEpochZero ? kEpochMax : epoch);
    }
    auto written = target_.write(writes, epoch, Durability::kSync);
    ASSERT_EQ(written.code(), code) << written.status().to_string();
    if (!written) return;
    if (epoch == kEpochZero) {
      for (const Epoch before : epochs_) ASSERT_GT(*written, before);
      for (const Epoch snapshot : snapshots_) ASSERT_GT(*written, snapshot);
    } else {
      ASSERT_EQ(*written, epoch);
    }
    for (const ObjectWrite& one : writes) model_.apply(one, *written);
    epochs_.push_back(*written);
  }

  void take_snapshot() {
    auto taken = target_.run(target_.store().create_snapshot(target_.container(), kEpochZero));
    ASSERT_TRUE(taken.is_ok()) << taken.status().to_string();
    snapshots_.insert(*taken);
  }
  void drop_snapshot() {
    if (snapshots_.empty()) return;
    const Status status = target_.run(target_.store().destroy_snapshot(target_.container(), *snapshots_.begin()));
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    snapshots_.erase(snapshots_.begin());
  }
  void aggregate() {
    if (epochs_.empty()) return;
    const Epoch through = std::max(aggregated_, epochs_[random_.below(epochs_.size())]);
    auto done = target_.run(target_.store().aggregate(target_.container(), through));
    ASSERT_TRUE(done.is_ok()) << done.status().to_string();
    aggregated_ = through;
    was_merged_ = true;
  }
  void discard() {
    if (epochs_.empty()) return;
    const Epoch begin = epochs_[random_.below(epochs_.size())];
    const Epoch end{begin.value + random_.below(3)};
    if (begin <= aggregated_) return;
    const Status status = target_.run(target_.store().discard(target_.container(), begin, end));
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    model_.discard(begin, end);
  }
  // Aggregation writes some records anew, with a later epoch. No kept epoch is between.
  bool may_be_listed_at(Epoch written, Epoch listed) const {
    if (listed == written) return true;
    if (listed < written || listed > aggregated_) return false;
    const auto kept = snapshots_.lower_bound(written);
    return kept == snapshots_.end() || *kept >= listed;
  }
  // The counters are what all records together take.
  void check_space() {
    if (::testing::Test::HasFailure()) return;
    const auto info = target_.run(target_.store().query_container(target_.container()));
    ASSERT_TRUE(info.is_ok());
    const auto counted = target_.run(count_space(target_.store().media(), kOnlyContainer));
    ASSERT_TRUE(counted.is_ok()) << counted.status().to_string();
    ASSERT_EQ(info->space, *counted);
    ASSERT_EQ(static_cast<uint64_t>(counted->block_bytes), target_.store().media().space().blocks_used);
    if (!random_.one_in(8)) return;
    const auto survey = target_.run(target_.store().survey_space(target_.container()));
    ASSERT_TRUE(survey.is_ok()) << survey.status().to_string();
    ASSERT_LE(survey->reclaimable.records, survey->history.records);
    ASSERT_LE(survey->history.value_bytes, survey->stored.value_bytes);
    ASSERT_LE(survey->stored.records, counted->records);
  }
  void restart_after_crash() {
    target_.crash();
    target_.open();
  }

  void compare(Epoch epoch) {
    if (::testing::Test::HasFailure()) return;
    SCOPED_TRACE("at epoch " + std::to_string(epoch.value));
    Store& store = target_.store();
    ListLimits limits;
    limits.count_max = 1 + static_cast<uint32_t>(random_.below(4));

    std::vector<ObjectId> objects;
    for (Anchor anchor; !anchor.is_end;) {
      auto page = target_.run(store.list_objects(target_.container(), epoch, anchor, limits));
      ASSERT_TRUE(page.is_ok()) << page.status().to_string();
      objects.insert(objects.end(), page->objects.begin(), page->objects.end());
      anchor = page->next;
    }
    ASSERT_EQ(objects, model_.objects(epoch));

    for (const ObjectId object : kObjects) {
      std::vector<Bytes> dkeys;
      for (Anchor anchor; !anchor.is_end;) {
        auto page = target_.run(store.list_dkeys(target_.container(), object, epoch, anchor, limits));
        ASSERT_TRUE(page.is_ok()) << page.status().to_string();
        ASSERT_LE(page->keys.size(), limits.count_max);
        dkeys.insert(dkeys.end(), page->keys.begin(), page->keys.end());
        anchor = page->next;
      }
      ASSERT_EQ(dkeys, model_.dkeys(object, epoch));
      if (!was_merged_) {
        auto newest = target_.run(store.query_max_epoch(target_.container(), object, epoch));
        ASSERT_TRUE(newest.is_ok());
        ASSERT_EQ(*newest, model_.newest_epoch(object, epoch));
      }
      compare_dkey_query(object, dkeys, epoch);
      for (uint64_t number = 0; number < 3; ++number) compare_dkey(object, user_key(object, number), epoch, limits);
    }
  }

  void compare_dkey_query(ObjectId object, const std::vector<Bytes>& dkeys, Epoch epoch) {
    for (const uint32_t direction : {kGetMax, kGetMin}) {
      auto found =
          target_.run(target_.store().query_key(target_.container(), object, direction | kGetDkey, {}, {}, epoch));
      ASSERT_EQ(found.is_ok(), !dkeys.empty()) << found.status().to_string();
      if (found) {
        ASSERT_EQ(found->dkey, direction == kGetMax ? dkeys.back() : dkeys.front());
      }

      // The largest dkey in which the array has records, and there the last of them.
      const Bytes akey = user_key(object, 1);
      std::vector<std::pair<Bytes, std::map<uint64_t, StoreModel::Record>>> arrays;
      for (const Bytes& dkey : dkeys) {
        auto array = model_.array(object, dkey, akey, epoch);
        if (!array.empty()) arrays.emplace_back(dkey, std::move(array));
      }
      found = target_.run(
          target_.store().query_key(target_.container(), object, direction | kGetDkey | kGetRecx, {}, akey, epoch));
      ASSERT_EQ(found.is_ok(), !arrays.empty()) << found.status().to_string();
      if (!found) continue;
      const auto& [dkey, array] = direction == kGetMax ? arrays.back() : arrays.front();
      ASSERT_EQ(found->dkey, dkey);
      ASSERT_EQ(found->record_size, 3u);
      if (direction == kGetMax) {
        ASSERT_EQ(found->recx.end(), array.rbegin()->first + 1);
      } else {
        ASSERT_EQ(found->recx.index, array.begin()->first);
      }
      for (uint64_t index = found->recx.index; index < found->recx.end(); ++index) ASSERT_TRUE(array.contains(index));
    }
  }

  void compare_dkey(ObjectId object, const Bytes& dkey, Epoch epoch, ListLimits limits) {
    if (::testing::Test::HasFailure()) return;
    Store& store = target_.store();
    std::vector<Bytes> akeys;
    for (Anchor anchor; !anchor.is_end;) {
      auto page = target_.run(store.list_akeys(target_.container(), object, dkey, epoch, anchor, limits));
      ASSERT_TRUE(page.is_ok()) << page.status().to_string();
      akeys.insert(akeys.end(), page->keys.begin(), page->keys.end());
      anchor = page->next;
    }
    ASSERT_EQ(akeys, model_.akeys(object, dkey, epoch));
    for (const uint32_t direction : {kGetMax, kGetMin}) {
      auto found = target_.run(store.query_key(target_.container(), object, direction | kGetAkey, dkey, {}, epoch));
      ASSERT_EQ(found.is_ok(), !akeys.empty());
      if (found) {
        ASSERT_EQ(found->akey, direction == kGetMax ? akeys.back() : akeys.front());
      }
    }

    const auto value = model_.single(object, dkey, user_key(object, 0), epoch);
    auto got = target_.get(object, dkey, user_key(object, 0), epoch);
    ASSERT_TRUE(got.is_ok()) << got.status().to_string();
    ASSERT_EQ(*got, value ? value->data : Bytes());
    for (uint64_t which = 1; which < 3; ++which) compare_array(object, dkey, which, epoch, limits);
  }

  void compare_array(ObjectId object, const Bytes& dkey, uint64_t which, Epoch epoch, ListLimits limits) {
    if (::testing::Test::HasFailure()) return;
    const Shape& shape = kShapes[which];
    const Bytes akey = user_key(object, which);
    const auto array = model_.array(object, dkey, akey, epoch);

    std::map<uint64_t, Epoch> listed;
    uint64_t behind = 0;
    for (Anchor anchor; !anchor.is_end;) {
      auto page =
          target_.run(target_.store().list_recxs(target_.container(), object, dkey, akey, epoch, anchor, limits));
      ASSERT_TRUE(page.is_ok()) << page.status().to_string();
      for (const ListedRecx& recx : page->recxs) {
        ASSERT_GE(recx.recx.index, behind);
        ASSERT_EQ(recx.record_size, shape.record_size);
        behind = recx.recx.end();
        for (uint64_t i = recx.recx.index; i < behind; ++i) listed[i] = recx.epoch;
      }
      anchor = page->next;
    }
    ASSERT_EQ(listed.size(), array.size());
    for (const auto& [index, record] : array) {
      ASSERT_TRUE(listed.contains(index)) << index;
      ASSERT_TRUE(may_be_listed_at(record.epoch, listed[index])) << index;
    }

    // A fetch of two ranges into pieces of memory.
    std::vector<Recx> recxs;
    uint64_t records = 0;
    for (int i = 0; i < 2; ++i) {
      Recx recx;
      recx.index = random_.below(shape.index_end);
      recx.count = 1 + random_.below(shape.index_end - recx.index + 3);
      recxs.push_back(recx);
      records += recx.count;
    }
    const std::byte kUntouched{0xa5};
    DiskBuffer out(records * shape.record_size);
    std::fill(out.bytes().begin(), out.bytes().end(), kUntouched);
    AkeyFetch fetch;
    fetch.akey = akey;
    fetch.kind = ValueKind::kArray;
    fetch.recxs = recxs;
    for (MutableBytes left = out.bytes().first(records * shape.record_size); !left.empty();) {
      const size_t here = random_.one_in(2) ? left.size() : 1 + random_.below(left.size());
      fetch.out.push_back(left.first(here));
      left = left.subspan(here);
    }
    auto fetched = target_.run(target_.store().fetch(target_.container(), object, dkey, {fetch}, 0, epoch));
    ASSERT_TRUE(fetched.is_ok()) << fetched.status().to_string();
    size_t next_segment = 0;
    uint64_t position = 0;
    const std::vector<FetchedSegment>& segments = fetched->front().segments;
    for (const Recx& recx : recxs) {
      for (uint64_t index = recx.index; index < recx.end(); ++index, ++position) {
        const ByteView bytes = out.bytes().subspan(position * shape.record_size, shape.record_size);
        const auto expected = array.find(index);
        if (expected == array.end()) {
          ASSERT_TRUE(std::all_of(bytes.begin(), bytes.end(), [=](std::byte b) { return b == kUntouched; }));
          continue;
        }
        ASSERT_TRUE(equal_bytes(bytes, expected->second.data)) << "record " << index;
        ASSERT_LT(next_segment, segments.size());
        const FetchedSegment& segment = segments[next_segment];
        ASSERT_LE(segment.recx.index, index);
        ASSERT_LT(index, segment.recx.end());
        ASSERT_TRUE(may_be_listed_at(expected->second.epoch, segment.epoch));
        if (index + 1 < segment.recx.end()) continue;
        const uint64_t size = segment.recx.count * shape.record_size;
        ASSERT_EQ(segment.checksums,
                  checksums_of(out.bytes().subspan((position + 1) * shape.record_size - size, size)));
        ++next_segment;
      }
    }
    ASSERT_EQ(next_segment, segments.size());
  }

  Random& random_;
  TestStore target_;
  StoreModel model_;
  std::vector<Epoch> epochs_;
  std::set<Epoch> snapshots_;
  Epoch aggregated_;
  bool was_merged_ = false;
  std::vector<std::unique_ptr<DiskBuffer>> memory_;
};

TEST(StoreProperty, AgreesWithAListOfOperations) {
  for_each_seed([](Random& random) { Comparison(random).run(60); }, 12);
}

}  // namespace
}  // namespace aeon::vos
