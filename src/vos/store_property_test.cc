// The store against a list of all operations.
#include <algorithm>
#include <memory>

#include "key_codec.h"
#include "runtime/random.h"
#include "space_accounting.h"
#include "store_model.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

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

// A container as it should be. A clone begins with a copy of what its base showed, and keeps its base here as it does
// in the store, also when that is destroyed.
struct Subject {
  ~Subject() {
    if (base != nullptr) base->clones.erase(base->clones.find(base_epoch));
  }

  Uuid id;
  EpochMode mode = EpochMode::kClock;
  StoreModel model;
  std::vector<Epoch> epochs;  // Of its own writes.
  std::set<Epoch> snapshots;
  Epoch aggregated;
  Epoch committed;
  bool was_merged = false;
  std::shared_ptr<Subject> base;
  Epoch base_epoch;
  std::multiset<Epoch> clones;

  bool is_explicit() const { return mode == EpochMode::kExplicit; }
  Epoch newest_clone() const { return clones.empty() ? kEpochZero : *clones.rbegin(); }
  Epoch closed() const { return std::max({aggregated, committed, base_epoch, newest_clone()}); }
  bool chain_was_merged() const { return was_merged || (base != nullptr && base->chain_was_merged()); }
  int depth() const { return base == nullptr ? 0 : 1 + base->depth(); }
};

class Comparison {
 public:
  Comparison(Random& random, EpochMode first, bool with_clones)
      : random_(random), target_(random.next(), disk_options(random)), with_clones_(with_clones) {
    auto subject = std::make_shared<Subject>();
    subject->id = target_.container();
    subject->mode = first;
    if (first == EpochMode::kExplicit) {  // Instead of the ordinary one that is there.
      subject->id = Uuid::from_random(random_.next(), random_.next());
      must(target_.run(target_.store().destroy_container(target_.container())));
      must(target_.run(target_.store().create_container(subject->id, {.epochs = first})));
    }
    live_.push_back(subject);
    turn_to(*subject);
  }

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      turn_to(*live_[random_.below(live_.size())]);
      if (with_clones_ && random_.one_in(8)) clone();
      if (with_clones_ && random_.one_in(16)) destroy();
      if (with_clones_ && random_.one_in(12)) aggregate();
      if (now_->is_explicit() && random_.one_in(8)) commit();
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
    for (const auto& subject : live_) {
      turn_to(*subject);
      SCOPED_TRACE("at depth " + std::to_string(subject->depth()));
      for (const Epoch snapshot : now_->snapshots) compare(snapshot);
      if (now_->base != nullptr) compare(now_->base_epoch);
      compare(kEpochMax);
      compare_info();
    }
    if (with_clones_) nothing_is_left_behind();
  }

 private:
  static void must(const Status& status) { ASSERT_TRUE(status.is_ok()) << status.to_string(); }

  void turn_to(Subject& subject) {
    now_ = &subject;
    target_.use(subject.id);
  }

  // Of any live container, destroyed ones among its ancestors or not.
  void clone() {
    if (live_.size() == 6) return;
    auto base = live_[random_.below(live_.size())];
    if (random_.one_in(2)) base = live_.back();  // Chains rather than stars.
    auto subject = std::make_shared<Subject>();
    subject->id = Uuid::from_random(random_.next(), random_.next());
    subject->mode = random_.one_in(2) ? EpochMode::kExplicit : EpochMode::kClock;
    turn_to(*base);
    const Epoch epoch = random_epoch();
    ContainerOptions options;
    options.epochs = subject->mode;
    options.base = CloneBase{.container = base->id, .epoch = epoch};
    const Status made = target_.run(target_.store().create_container(subject->id, options));
    const bool is_readable =
        base->is_explicit() ? base->committed != kEpochZero && (epoch == kEpochMax || epoch <= base->committed) : true;
    ASSERT_EQ(made.code(), is_readable ? Code::kOk : Code::kInvalidArgument) << made.to_string();
    if (!made.is_ok()) return;
    const auto info = target_.run(target_.store().query_container(subject->id));
    ASSERT_TRUE(info.is_ok() && info->base.has_value());
    ASSERT_EQ(info->base->container, base->id);
    if (epoch != kEpochMax) {
      ASSERT_EQ(info->base->epoch, epoch);
    }
    subject->base = base;
    subject->base_epoch = info->base->epoch;
    subject->model = base->model.up_to(subject->base_epoch);
    if (subject->is_explicit()) subject->committed = subject->base_epoch;
    base->clones.insert(subject->base_epoch);
    live_.push_back(subject);
    turn_to(*subject);
  }
  void destroy() {
    if (live_.size() == 1) return;
    const size_t index = random_.below(live_.size());
    must(target_.run(target_.store().destroy_container(live_[index]->id)));
    ASSERT_EQ(target_.run(target_.store().query_container(live_[index]->id)).code(), Code::kNotFound);
    live_[index]->was_merged = true;
    for (auto above = live_[index]; above != nullptr; above = above->base) above->was_merged = true;
    live_.erase(live_.begin() + static_cast<ptrdiff_t>(index));
    turn_to(*live_.back());
  }
  void commit() {
    Epoch epoch{now_->committed.value + random_.below(4)};
    if (!now_->epochs.empty() && random_.one_in(2)) epoch = now_->epochs[random_.below(now_->epochs.size())];
    must(target_.run(target_.store().commit(now_->id, epoch)));
    now_->committed = std::max(now_->committed, epoch);
  }
  void compare_info() {
    const auto info = target_.run(target_.store().query_container(now_->id));
    ASSERT_TRUE(info.is_ok());
    EXPECT_EQ(info->epochs, now_->mode);
    if (now_->is_explicit()) {
      EXPECT_EQ(info->highest_committed, now_->committed);
    }
    EXPECT_EQ(std::set<Epoch>(info->snapshots.begin(), info->snapshots.end()), now_->snapshots);
    EXPECT_EQ(std::multiset<Epoch>(info->clones.begin(), info->clones.end()), now_->clones);
    for (const Epoch epoch : now_->epochs) {
      EXPECT_LE(now_->model.newest_epoch(kObjects[0], epoch), info->highest_written);
    }
  }
  void nothing_is_left_behind() {
    if (::testing::Test::HasFailure()) return;
    while (!live_.empty()) {
      must(target_.run(target_.store().destroy_container(live_.back()->id)));
      live_.pop_back();
      if (random_.one_in(3)) restart_after_crash();
    }
    target_.scheduler().run_for(std::chrono::seconds(2));
    EXPECT_EQ(target_.run(last_container_number(target_.store().media())), kStoreNumber);
    EXPECT_EQ(target_.store().media().space().blocks_used, 0u);
  }
  static Task<uint32_t> last_container_number(media::KeyBlockStore& media) {
    media::Cursor cursor(media);
    const Bytes end(16, std::byte{0xff});
    const Status status = co_await cursor.seek_before(end);
    co_return status.is_ok() && cursor.valid() ? load_be32(cursor.key().data()) : ~uint32_t{0};
  }

  static SimDiskOptions disk_options(Random& random) {
    SimDiskOptions options;
    if (random.one_in(2)) options.latency = SimDiskLatency::none();
    return options;
  }

  ObjectId random_object() { return kObjects[random_.below(2)]; }
  Bytes random_key(ObjectId object) { return user_key(object, random_.below(3)); }

  // One that still reads as it did: after what was aggregated, or a snapshot.
  Epoch random_epoch() {
    if (!now_->snapshots.empty() && random_.one_in(3))
      return *std::next(now_->snapshots.begin(), static_cast<ptrdiff_t>(random_.below(now_->snapshots.size())));
    if (now_->base != nullptr && now_->base_epoch >= now_->aggregated && random_.one_in(4)) return now_->base_epoch;
    if (now_->epochs.empty() || random_.one_in(3)) return kEpochMax;
    const Epoch epoch = now_->epochs[random_.below(now_->epochs.size())];
    return epoch < now_->aggregated ? kEpochMax : epoch;
  }

  Epoch epoch_to_write() {
    if (now_->is_explicit()) return Epoch{now_->closed().value + random_.below(6)};
    if (now_->epochs.empty() || random_.one_in(2)) return kEpochZero;
    const Epoch epoch{now_->epochs[random_.below(now_->epochs.size())].value + random_.below(3) - 1};
    return epoch > now_->closed() ? epoch : kEpochZero;
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
    const std::vector<Bytes> akeys = now_->model.akeys(write.object, write.dkey, epoch);
    const bool dkey = !akeys.empty();
    if (write.kind == ObjectWrite::Kind::kPunchObject)
      return now_->model.dkeys(write.object, epoch).empty() ? Code::kNotFound : Code::kOk;
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
    if (now_->is_explicit() && epoch <= now_->closed()) code = Code::kInvalidArgument;
    for (const ObjectWrite& one : writes) {
      if (code == Code::kOk) code = expected(one, epoch == kEpochZero ? kEpochMax : epoch);
    }
    auto written = target_.write(writes, epoch, Durability::kSync);
    ASSERT_EQ(written.code(), code) << written.status().to_string();
    if (!written) return;
    if (epoch == kEpochZero) {
      ASSERT_GT(*written, now_->closed());
      for (const Epoch before : now_->epochs) ASSERT_GT(*written, before);
      for (const Epoch snapshot : now_->snapshots) ASSERT_GT(*written, snapshot);
    } else {
      ASSERT_EQ(*written, epoch);
    }
    for (const ObjectWrite& one : writes) now_->model.apply(one, *written);
    now_->epochs.push_back(*written);
  }

  void take_snapshot() {
    auto taken = target_.run(target_.store().create_snapshot(target_.container(), kEpochZero));
    if (now_->is_explicit()) {
      ASSERT_EQ(taken.is_ok(), now_->committed != kEpochZero);
      if (!taken) return;
      ASSERT_EQ(*taken, now_->committed);
    }
    ASSERT_TRUE(taken.is_ok()) << taken.status().to_string();
    now_->snapshots.insert(*taken);
  }
  void drop_snapshot() {
    if (now_->snapshots.empty()) return;
    const Status status = target_.run(target_.store().destroy_snapshot(target_.container(), *now_->snapshots.begin()));
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    now_->snapshots.erase(now_->snapshots.begin());
  }
  void aggregate() {
    if (now_->epochs.empty()) return;
    const Epoch through = std::max(now_->aggregated, now_->epochs[random_.below(now_->epochs.size())]);
    auto done = target_.run(target_.store().aggregate(target_.container(), through));
    ASSERT_TRUE(done.is_ok()) << done.status().to_string();
    now_->aggregated = now_->is_explicit() ? std::max(now_->aggregated, std::min(through, now_->committed)) : through;
    now_->was_merged = true;
  }
  void discard() {
    if (now_->epochs.empty()) return;
    const Epoch begin = now_->epochs[random_.below(now_->epochs.size())];
    const Epoch end = now_->is_explicit() && random_.one_in(3) ? kEpochMax : Epoch{begin.value + random_.below(3)};
    if (begin <= now_->aggregated && !now_->is_explicit()) return;
    const Status status = target_.run(target_.store().discard(target_.container(), begin, end));
    const bool is_open = begin > std::max(now_->committed, now_->newest_clone());
    ASSERT_EQ(status.code(), is_open ? Code::kOk : Code::kInvalidArgument) << status.to_string();
    if (!status.is_ok()) return;
    now_->model.discard(begin, end);
  }
  // Aggregation writes some records anew, with a later epoch. No kept epoch is between.
  bool may_be_listed_at(Epoch written, Epoch listed) const {
    if (listed <= written) return listed == written;
    const auto none_between = [=](const auto& kept) {
      const auto next = kept.lower_bound(written);
      return next == kept.end() || *next >= listed;
    };
    if (listed <= now_->aggregated && none_between(now_->snapshots) && none_between(now_->clones)) return true;
    for (const Subject* clone = now_; clone->base != nullptr; clone = clone->base.get()) {
      if (listed <= clone->base_epoch && none_between(clone->base->clones)) return true;
    }
    return false;
  }
  Task<Result<uint32_t>> number_of(Uuid id) {
    media::Cursor cursor(target_.store().media());
    const Bytes key = container_record_key(id);
    CO_TRY(co_await cursor.seek(key));
    if (!cursor.valid() || !equal_bytes(cursor.key(), key)) co_return Status(Code::kNotFound, "no such container");
    co_return load_le<uint32_t>(cursor.value().data());
  }
  // The counters are what all records together take.
  void check_space() {
    if (::testing::Test::HasFailure()) return;
    if (with_clones_) turn_to(*live_[random_.below(live_.size())]);
    const auto info = target_.run(target_.store().query_container(target_.container()));
    const auto number = target_.run(number_of(target_.container()));
    ASSERT_TRUE(info.is_ok() && number.is_ok());
    const auto counted = target_.run(count_space(target_.store().media(), *number));
    ASSERT_TRUE(counted.is_ok()) << counted.status().to_string();
    ASSERT_EQ(info->space, *counted);
    if (!with_clones_) {
      ASSERT_EQ(static_cast<uint64_t>(counted->block_bytes), target_.store().media().space().blocks_used);
    }
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

  // What readers at the newest see.
  Epoch model_epoch(Epoch epoch) const { return now_->is_explicit() && epoch == kEpochMax ? now_->committed : epoch; }

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
    ASSERT_EQ(objects, now_->model.objects(model_epoch(epoch)));

    for (const ObjectId object : kObjects) {
      std::vector<Bytes> dkeys;
      for (Anchor anchor; !anchor.is_end;) {
        auto page = target_.run(store.list_dkeys(target_.container(), object, epoch, anchor, limits));
        ASSERT_TRUE(page.is_ok()) << page.status().to_string();
        ASSERT_LE(page->keys.size(), limits.count_max);
        dkeys.insert(dkeys.end(), page->keys.begin(), page->keys.end());
        anchor = page->next;
      }
      ASSERT_EQ(dkeys, now_->model.dkeys(object, model_epoch(epoch)));
      auto newest = target_.run(store.query_max_epoch(target_.container(), object, epoch));
      ASSERT_TRUE(newest.is_ok());
      const Epoch changed = now_->model.newest_epoch(object, model_epoch(epoch));
      if (!now_->chain_was_merged()) {
        ASSERT_EQ(*newest, changed);
      } else if (now_->is_explicit() && changed > now_->base_epoch) {  // Aggregation forgets only what is no more.
        ASSERT_TRUE(*newest == changed || dkeys.empty()) << newest->value << " instead of " << changed.value;
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
        auto array = now_->model.array(object, dkey, akey, model_epoch(epoch));
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
    ASSERT_EQ(akeys, now_->model.akeys(object, dkey, model_epoch(epoch)));
    for (const uint32_t direction : {kGetMax, kGetMin}) {
      auto found = target_.run(store.query_key(target_.container(), object, direction | kGetAkey, dkey, {}, epoch));
      ASSERT_EQ(found.is_ok(), !akeys.empty());
      if (found) {
        ASSERT_EQ(found->akey, direction == kGetMax ? akeys.back() : akeys.front());
      }
    }

    const auto value = now_->model.single(object, dkey, user_key(object, 0), model_epoch(epoch));
    auto got = target_.get(object, dkey, user_key(object, 0), epoch);
    ASSERT_TRUE(got.is_ok()) << got.status().to_string();
    ASSERT_EQ(*got, value ? value->data : Bytes());
    for (uint64_t which = 1; which < 3; ++which) compare_array(object, dkey, which, epoch, limits);
  }

  void compare_array(ObjectId object, const Bytes& dkey, uint64_t which, Epoch epoch, ListLimits limits) {
    if (::testing::Test::HasFailure()) return;
    const Shape& shape = kShapes[which];
    const Bytes akey = user_key(object, which);
    const auto array = now_->model.array(object, dkey, akey, model_epoch(epoch));

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
        ASSERT_EQ(segment.checksums, checksums_of(out.bytes().subspan((position + 1) * shape.record_size - size, size),
                                                  shape.record_size));
        ++next_segment;
      }
    }
    ASSERT_EQ(next_segment, segments.size());
  }

  Random& random_;
  TestStore target_;
  std::vector<std::shared_ptr<Subject>> live_;
  const bool with_clones_;
  Subject* now_ = nullptr;  // The one that a step is of.
  std::vector<std::unique_ptr<DiskBuffer>> memory_;
};

TEST(StoreProperty, AgreesWithAListOfOperations) {
  for_each_seed([](Random& random) { Comparison(random, EpochMode::kClock, false).run(60); }, 12);
}

TEST(StoreProperty, WithExplicitEpochsAgreesWithAListOfOperations) {
  for_each_seed([](Random& random) { Comparison(random, EpochMode::kExplicit, false).run(60); }, 12);
}

TEST(StoreProperty, ClonesAgreeWithCopiesOfTheirBases) {
  for_each_seed(
      [](Random& random) {
        const EpochMode mode = random.one_in(2) ? EpochMode::kExplicit : EpochMode::kClock;
        Comparison(random, mode, true).run(150);
      },
      10);
}

}  // namespace
}  // namespace aeon::vos
