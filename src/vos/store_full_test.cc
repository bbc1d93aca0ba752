// Disks that are too small for a workload, of every size, and each allocation of a workload failing in turn: what was
// acknowledged stays readable, deleting works, and then there is room again.
#include <map>

#include "runtime/random.h"
#include "space_accounting.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr uint32_t kOnlyContainer = 1;
constexpr ByteCount kLogSize = 256 * kKiB;
constexpr uint64_t kFixedBlocks = 32 + kLogSize / media::kBlockSize;

Bytes value_of(uint64_t call, size_t size) {
  Bytes data(size, static_cast<std::byte>(call));
  for (size_t i = 0; i + 8 <= size; i += 512) store_le(data.data() + i, call * 1000 + i);
  return data;
}

class FullDisk {
 public:
  FullDisk(uint64_t blocks, ByteCount space)
      : scheduler_(blocks), network_(scheduler_), process_(scheduler_, network_, "target") {
    SimDiskOptions options{.latency = SimDiskLatency::none()};
    options.capacity = (kFixedBlocks + blocks) * media::kBlockSize;
    options.space = space;
    process_.add_disk(std::move(options));
    media::FormatOptions format;
    format.store = Uuid::from_random(3, 4);
    format.log_size = kLogSize;
    EXPECT_TRUE(run(media::KeyBlockStore::format(process_.world(), process_.disk(0), format)).is_ok());
    open();
  }
  template <typename T>
  T run(Task<T> task) {
    return process_.run(std::move(task));
  }
  void open() {
    auto media = run(media::KeyBlockStore::open(process_.world(), process_.disk(0), {}));
    ASSERT_TRUE(media.is_ok()) << media.status().to_string();
    auto opened = run(Store::open(process_.world(), std::move(media).value()));
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    store_ = &process_.own(std::move(opened).value());
  }
  void crash() {
    process_.crash();
    process_.start();
    open();
  }
  Store& store() { return *store_; }
  Uuid container() const { return container_; }
  SimDisk& disk() { return process_.disk(0); }
  SimFaults& faults() { return process_.faults(); }
  void sleep(Duration duration) {
    struct Sleep {
      static Task<void> run(Executor* executor, Duration how_long) { co_await sleep_for(*executor, how_long); }
    };
    run(Sleep::run(&process_.executor(), duration));
  }

  Status put(uint64_t key, uint64_t call, size_t size) {
    const Bytes data = value_of(call, size);
    return run(store().write(container_, value_write(key, data), kEpochZero, Durability::kSync, next_id())).status();
  }
  // As of a client that may ask again.
  RequestId next_id() { return {.client = 5, .number = ++request_count_}; }
  static std::vector<ObjectWrite> value_write(uint64_t key, const Bytes& data) {
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = text("d" + std::to_string(key));
    writes[0].akeys.push_back(TestStore::single(text("a"), data));
    return writes;
  }
  Status put_extent(uint64_t call, uint64_t index, size_t size) {
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = text("array");
    const Bytes data = value_of(call, size);
    writes[0].akeys.push_back(TestStore::extent(text("a"), {index, size}, 1, data));
    return run(store().write(container_, std::move(writes), kEpochZero, Durability::kSync)).status();
  }
  Status punch(ObjectWrite::Kind kind, uint64_t key) {
    std::vector<ObjectWrite> writes(1);
    writes[0].kind = kind;
    writes[0].object = kObject;
    if (kind != ObjectWrite::Kind::kPunchObject) writes[0].dkey = text("d" + std::to_string(key));
    return run(store().write(container_, std::move(writes), kEpochZero, Durability::kSync, next_id())).status();
  }
  Result<Bytes> get(uint64_t key) {
    std::vector<AkeyFetch> fetches(1);
    fetches[0].akey = text("a");
    Bytes dkey = text("d" + std::to_string(key));
    Bytes out(100'000);
    fetches[0].out.push_back(out);
    auto fetched = run(store().fetch(container_, kObject, dkey, fetches, 0, kEpochMax));
    if (!fetched) return fetched.status();
    out.resize(fetched->front().record_size);
    return out;
  }
  Result<Bytes> get_extent(uint64_t size) {
    std::vector<AkeyFetch> fetches(1);
    fetches[0].akey = text("a");
    fetches[0].kind = ValueKind::kArray;
    fetches[0].recxs.push_back({0, size});
    Bytes out(size);
    fetches[0].out.push_back(out);
    auto fetched = run(store().fetch(container_, kObject, text("array"), fetches, 0, kEpochMax));
    if (!fetched) return fetched.status();
    return out;
  }

 private:
  SimScheduler scheduler_;
  SimNetwork network_;
  SimProcess process_;
  const Uuid container_ = Uuid::from_random(1, 2);
  Store* store_ = nullptr;
  uint64_t request_count_ = 0;
};

// What was acknowledged.
struct Expected {
  std::map<uint64_t, Bytes> values;
  Bytes array = Bytes(40'000);
};

void expect_content(FullDisk& full, const Expected& expected) {
  for (uint64_t key = 0; key < 12; ++key) {
    const auto got = full.get(key);
    ASSERT_TRUE(got.is_ok()) << got.status().to_string();
    const auto found = expected.values.find(key);
    ASSERT_TRUE(*got == (found == expected.values.end() ? Bytes() : found->second)) << "value " << key;
  }
  const auto array = full.get_extent(expected.array.size());
  ASSERT_TRUE(array.is_ok()) << array.status().to_string();
  ASSERT_TRUE(*array == expected.array);
  const auto info = full.run(full.store().query_container(full.container()));
  const auto counted = full.run(count_space(full.store().media(), kOnlyContainer));
  ASSERT_TRUE(info.is_ok() && counted.is_ok());
  ASSERT_EQ(info->space, *counted);
  const auto damages = full.run(full.store().media().verify());
  ASSERT_TRUE(damages.is_ok() && damages->empty());
}

// Answers how often there was no room.
int work_until_full(FullDisk& full, Random& random, Expected& expected) {
  int failures = 0;
  const auto is_done = [&](const Status& status) {
    if (status.code() == Code::kNoSpace) ++failures;
    EXPECT_TRUE(status.is_ok() || status.code() == Code::kNoSpace) << status.to_string();
    return status.is_ok();
  };
  for (uint64_t call = 1; call < 250 && failures < 12; ++call) {
    const uint64_t key = random.below(12);
    switch (random.below(12)) {
      case 0:
        if (is_done(full.punch(ObjectWrite::Kind::kPunchDkey, key))) expected.values.erase(key);
        break;
      case 1: is_done(full.run(full.store().aggregate(full.container(), kEpochMax)).status()); break;
      case 2: {
        const auto taken = full.run(full.store().create_snapshot(full.container(), kEpochZero));
        is_done(taken.status());
        if (taken.is_ok()) is_done(full.run(full.store().destroy_snapshot(full.container(), *taken)));
        break;
      }
      case 3:
      case 4:
      case 5: {
        const size_t size = 1 + random.below(random.one_in(4) ? 20'000 : 900);
        const uint64_t index = random.below(expected.array.size() - size);
        if (!is_done(full.put_extent(call, index, size))) break;
        const Bytes data = value_of(call, size);
        std::copy(data.begin(), data.end(), expected.array.begin() + static_cast<ptrdiff_t>(index));
        break;
      }
      default: {
        const size_t size = 1 + random.below(random.one_in(3) ? 90'000 : 4000);
        if (is_done(full.put(key, call, size))) expected.values[key] = value_of(call, size);
      }
    }
  }
  return failures;
}

// However little room is left, all can be deleted and written again.
void make_room_and_write_again(FullDisk& full, Expected& expected) {
  std::vector<Store::MetadataChange> erased(1);
  erased[0].name = "record";
  const Status forgotten = full.run(full.store().change_metadata(erased));
  ASSERT_TRUE(forgotten.is_ok()) << forgotten.to_string();
  Status punched = full.punch(ObjectWrite::Kind::kPunchObject, 0);
  if (punched.code() == Code::kNoSpace) {  // Earlier punches took what is kept for them; erasing their like goes on.
    const auto aggregated = full.run(full.store().aggregate(full.container(), kEpochMax));
    ASSERT_TRUE(aggregated.is_ok()) << aggregated.status().to_string();
    punched = full.punch(ObjectWrite::Kind::kPunchObject, 0);
  }
  ASSERT_TRUE(punched.is_ok()) << punched.to_string();
  const auto info = full.run(full.store().query_container(full.container()));
  ASSERT_TRUE(info.is_ok());
  for (const Epoch snapshot : info->snapshots) {  // One that couldn't be destroyed before.
    ASSERT_TRUE(full.run(full.store().destroy_snapshot(full.container(), snapshot)).is_ok());
  }
  expected.values.clear();
  std::fill(expected.array.begin(), expected.array.end(), std::byte{0});
  const auto done = full.run(full.store().aggregate(full.container(), kEpochMax));
  ASSERT_TRUE(done.is_ok()) << done.status().to_string();
  ASSERT_EQ(full.run(full.store().query_container(full.container()))->space, SpaceUse());
  ASSERT_EQ(full.store().media().space().blocks_used, 0u);
  for (uint64_t key = 0; key < 12; ++key) {
    const Status again = full.put(key, 7, 300);
    ASSERT_TRUE(again.is_ok()) << again.to_string();
    expected.values[key] = value_of(7, 300);
  }
  ASSERT_NO_FATAL_FAILURE(expect_content(full, expected));
}

void fill_disk_of(uint64_t blocks, ByteCount space, uint64_t seed, int& failures) {
  SCOPED_TRACE("blocks " + std::to_string(blocks) + ", space " + std::to_string(space));
  FullDisk full(blocks, space);
  const Status created = full.run(full.store().create_container(full.container()));
  ASSERT_TRUE(created.is_ok()) << created.to_string();
  std::vector<Store::MetadataChange> kept(1);
  kept[0].name = "record";
  kept[0].value = text("value");
  ASSERT_TRUE(full.run(full.store().change_metadata(kept)).is_ok());
  Random random(seed);
  Expected expected;
  failures += work_until_full(full, random, expected);
  ASSERT_NO_FATAL_FAILURE(expect_content(full, expected));
  full.crash();
  ASSERT_NO_FATAL_FAILURE(expect_content(full, expected));
  full.disk().options().space = ~uint64_t{0};
  ASSERT_NO_FATAL_FAILURE(make_room_and_write_again(full, expected));
}

TEST(StoreFull, OfEverySizeStaysReadableAndDeletingMakesRoom) {
  int failures = 0;
  for (uint64_t blocks = 128; blocks < 450 && !::testing::Test::HasFailure(); blocks += 3) {
    fill_disk_of(blocks, ~uint64_t{0}, blocks, failures);
  }
  EXPECT_GT(failures, 300);
}

// The file system below is full before the store is: nothing that its files don't hold yet can be written.
TEST(StoreFull, OnAFullFileSystemItStaysReadableUntilThereIsRoomThere) {
  int failures = 0;
  for (uint64_t blocks = 10; blocks < 200 && !::testing::Test::HasFailure(); blocks += 4) {
    fill_disk_of(1000, (kFixedBlocks + blocks) * media::kBlockSize, blocks, failures);
  }
  EXPECT_GT(failures, 100);
}

// --- Each allocation in turn ---

// In two phases. What was promised by the first, the second does, if need be when asked again.
Status put_prepared(FullDisk& full, uint64_t key, uint64_t call, size_t size, bool commits) {
  const Bytes data = value_of(call, size);
  Transaction transaction;
  transaction.id = {.uuid = Uuid::from_random(7, call), .epoch = full.store().next_epoch()};
  transaction.writes = FullDisk::value_write(key, data);
  const Status prepared = full.run(full.store().prepare(full.container(), transaction, Bytes()));
  if (!prepared.is_ok()) return prepared;
  for (int tries = 0; tries < 2; ++tries) {
    const Status decided = full.run(commits ? full.store().commit_prepared(full.container(), transaction.id)
                                            : full.store().abort_prepared(full.container(), transaction.id));
    if (decided.is_ok()) return ok();
    EXPECT_EQ(decided.code(), Code::kNoSpace) << decided.to_string();
  }
  ADD_FAILURE() << "a prepared transaction couldn't be decided";
  return ok();
}

// A container of its own with explicit epochs: written, committed and aborted; and a clone of it.
Status use_other_containers(FullDisk& full, uint64_t call) {
  const Uuid own = Uuid::from_random(8, call);
  const Uuid clone = Uuid::from_random(9, call);
  Status first;  // That failed.
  const auto note = [&first](const Status& status) {
    if (first.is_ok()) first = status;
  };
  ContainerOptions options;
  options.epochs = EpochMode::kExplicit;
  note(full.run(full.store().create_container(own, options)));
  const Bytes data = value_of(call, 5'000);
  const auto write = [&](uint64_t epoch) {
    return full.run(full.store().write(own, FullDisk::value_write(1, data), Epoch{epoch}, Durability::kFlush)).status();
  };
  if (first.is_ok()) note(write(1));
  if (first.is_ok()) note(full.run(full.store().commit(own, Epoch{1})));
  if (first.is_ok()) note(write(2));
  if (first.is_ok()) note(full.run(full.store().discard(own, Epoch{2}, kEpochMax)));
  options.epochs = EpochMode::kClock;
  options.base = CloneBase{.container = own};
  if (first.is_ok()) note(full.run(full.store().create_container(clone, options)));
  for (const Uuid container : {own, clone}) {
    for (int tries = 0; tries < 2; ++tries) {
      const Status destroyed = full.run(full.store().destroy_container(container));
      if (destroyed.is_ok() || destroyed.code() == Code::kNotFound) break;
      EXPECT_TRUE(tries == 0 && destroyed.code() == Code::kNoSpace) << destroyed.to_string();
      note(destroyed);
    }
  }
  return first;
}

// Answers how often there was no room. Once in each kind of call, at least.
int work_through_all(FullDisk& full, Expected& expected) {
  int failures = 0;
  const auto is_done = [&](const Status& status) {
    if (status.code() == Code::kNoSpace) ++failures;
    EXPECT_TRUE(status.is_ok() || status.code() == Code::kNoSpace) << status.to_string();
    return status.is_ok();
  };
  for (uint64_t call = 1; call <= 40; ++call) {
    const uint64_t key = call % 5;
    const size_t size = call % 3 == 0 ? 30'000 : 600 + 90 * call;
    switch (call % 8) {
      case 1:
        if (is_done(put_prepared(full, key, call, size, call % 16 == 1)) && call % 16 == 1)
          expected.values[key] = value_of(call, size);
        break;
      case 2:
        if (is_done(full.put_extent(call, 100 * call, size))) {
          const Bytes data = value_of(call, size);
          std::copy(data.begin(), data.end(), expected.array.begin() + static_cast<ptrdiff_t>(100 * call));
        }
        break;
      case 3:
        if (is_done(full.punch(ObjectWrite::Kind::kPunchDkey, key))) expected.values.erase(key);
        break;
      case 4: is_done(use_other_containers(full, call)); break;
      case 5: is_done(full.run(full.store().aggregate(full.container(), kEpochMax)).status()); break;
      case 6: {
        const auto taken = full.run(full.store().create_snapshot(full.container(), kEpochZero));
        is_done(taken.status());
        if (taken.is_ok() && call % 16 == 6) is_done(full.run(full.store().destroy_snapshot(full.container(), *taken)));
        break;
      }
      case 7: is_done(full.run(full.store().media().checkpoint())); break;
      default:
        if (is_done(full.put(key, call, size))) expected.values[key] = value_of(call, size);
    }
  }
  return failures;
}

// What is destroyed is erased in the background; after a failure a second later.
void wait_until_erased(FullDisk& full) {
  for (int i = 0; i < 100 && full.run(full.store().destroyed_space())->records != 0; ++i) {
    full.sleep(std::chrono::milliseconds(100));
  }
}

TEST(StoreFull, EachAllocationMayFailAlone) {
  uint64_t failed_calls = 0;
  for (uint64_t nth = 1; !::testing::Test::HasFailure(); ++nth) {
    SCOPED_TRACE("allocation " + std::to_string(nth));
    FullDisk full(2000, ~uint64_t{0});
    ASSERT_TRUE(full.run(full.store().create_container(full.container())).is_ok());
    full.faults().exhaust(nth, 1);
    Expected expected;
    failed_calls += static_cast<uint64_t>(work_through_all(full, expected));
    if (full.faults().exhausted_asked() < nth) {
      EXPECT_GT(nth, 120u);
      EXPECT_GT(failed_calls, 60u);
      break;
    }
    wait_until_erased(full);
    ASSERT_NO_FATAL_FAILURE(expect_content(full, expected));
    full.crash();
    full.faults().replenish();
    ASSERT_NO_FATAL_FAILURE(expect_content(full, expected));
    ASSERT_NO_FATAL_FAILURE(make_room_and_write_again(full, expected));
  }
}

TEST(StoreFull, WhateverCannotBeAddedAnyMoreCanBeRemoved) {
  for (uint64_t nth = 1; !::testing::Test::HasFailure(); ++nth) {
    SCOPED_TRACE("from allocation " + std::to_string(nth));
    FullDisk full(2000, ~uint64_t{0});
    ASSERT_TRUE(full.run(full.store().create_container(full.container())).is_ok());
    full.faults().exhaust(nth, ~uint64_t{0}, {"blocks for values", "room to add"});
    Expected expected;
    work_through_all(full, expected);
    const bool is_last = full.faults().exhausted_asked() < nth;
    ASSERT_NO_FATAL_FAILURE(expect_content(full, expected));
    ASSERT_TRUE(full.punch(ObjectWrite::Kind::kPunchObject, 0).is_ok());
    const auto info = full.run(full.store().query_container(full.container()));
    ASSERT_TRUE(info.is_ok());
    for (const Epoch snapshot : info->snapshots) {
      ASSERT_TRUE(full.run(full.store().destroy_snapshot(full.container(), snapshot)).is_ok());
    }
    ASSERT_TRUE(full.run(full.store().aggregate(full.container(), kEpochMax)).is_ok());
    wait_until_erased(full);
    ASSERT_EQ(full.store().media().space().blocks_used, 0u);
    full.faults().replenish();
    ASSERT_TRUE(full.put(1, 1, 20'000).is_ok());
    if (is_last) break;
  }
}

// Erasing stops when there is no room to erase, and is tried again a second later, then after two, then four.
TEST(StoreFull, ErasingIsTriedAgainAfterASecond) {
  using std::chrono::milliseconds;
  FullDisk full(1000, ~uint64_t{0});
  ASSERT_TRUE(full.run(full.store().create_container(full.container())).is_ok());
  for (uint64_t key = 0; key < 10; ++key) ASSERT_TRUE(full.put(key, key, 9'000).is_ok());
  full.faults().exhaust(2, ~uint64_t{0}, {"room to remove"});  // The first is for the end of the container.
  ASSERT_TRUE(full.run(full.store().destroy_container(full.container())).is_ok());
  const auto is_erased = [&] { return full.run(full.store().destroyed_space())->records == 0; };
  full.sleep(milliseconds(500));
  const uint64_t first = full.faults().exhausted_asked();
  EXPECT_GT(first, 1u) << "it was tried";
  full.sleep(milliseconds(450));
  EXPECT_EQ(full.faults().exhausted_asked(), first) << "and not again within a second";
  full.sleep(milliseconds(100));
  EXPECT_GT(full.faults().exhausted_asked(), first);
  full.faults().replenish();
  full.sleep(milliseconds(1900));
  EXPECT_FALSE(is_erased()) << "the third time is two seconds after the second";
  full.sleep(milliseconds(200));
  EXPECT_TRUE(is_erased());
  EXPECT_EQ(full.store().media().space().blocks_used, 0u);
}

TEST(StoreFull, AContainerDestroyedThenIsErasedAllTheSame) {
  for (uint64_t blocks = 130; blocks < 220 && !::testing::Test::HasFailure(); blocks += 17) {
    SCOPED_TRACE("blocks " + std::to_string(blocks));
    FullDisk full(blocks, ~uint64_t{0});
    ASSERT_TRUE(full.run(full.store().create_container(full.container())).is_ok());
    Random random(blocks);
    Expected expected;
    ASSERT_GT(work_until_full(full, random, expected), 0);
    const Status destroyed = full.run(full.store().destroy_container(full.container()));
    ASSERT_TRUE(destroyed.is_ok()) << destroyed.to_string();
    if (blocks % 2 == 0) full.crash();
    for (int i = 0; i < 2000 && full.run(full.store().destroyed_space())->records != 0; ++i) {
      ASSERT_TRUE(full.run(full.store().flush()).is_ok());
    }
    ASSERT_EQ(*full.run(full.store().destroyed_space()), SpaceUse());
    ASSERT_EQ(full.store().media().space().blocks_used, 0u);
    ASSERT_TRUE(full.run(full.store().create_container(full.container())).is_ok());
    ASSERT_TRUE(full.put(1, 1, 20'000).is_ok());
  }
}

}  // namespace
}  // namespace aeon::vos
