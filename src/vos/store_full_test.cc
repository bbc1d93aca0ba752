// Disks that are too small for a workload, of every size: whichever allocation fails, what was acknowledged stays
// readable, deleting works, and then there is room again.
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

  Status put(uint64_t key, uint64_t call, size_t size) {
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = text("d" + std::to_string(key));
    const Bytes data = value_of(call, size);
    writes[0].akeys.push_back(TestStore::single(text("a"), data));
    return run(store().write(container_, std::move(writes), kEpochZero, Durability::kSync)).status();
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
    return run(store().write(container_, std::move(writes), kEpochZero, Durability::kSync)).status();
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
