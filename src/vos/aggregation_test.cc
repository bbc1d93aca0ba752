// What aggregation writes anew, and that readers can't tell.
#include <algorithm>
#include <map>

#include "maintenance_pace.h"
#include "runtime/random.h"
#include "space_accounting.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr uint32_t kOnlyContainer = 1;

// An array in one akey, and what it should hold.
class ArrayUnderTest {
 public:
  ArrayUnderTest(TestStore& target, uint64_t record_size) : target_(target), record_size_(record_size) {}

  void write(Recx recx) {
    const Bytes data = random_bytes(++writes_, recx.count * record_size_);
    const auto written = target_.put_extent(kObject, text("d"), text("a"), recx, record_size_, data);
    ASSERT_TRUE(written.is_ok()) << written.status().to_string();
    if (now_.size() < recx.end() * record_size_) now_.resize(recx.end() * record_size_);
    std::copy(data.begin(), data.end(), now_.begin() + static_cast<ptrdiff_t>(recx.index * record_size_));
  }
  void punch(Recx recx) {
    const auto punched = target_.put_extent(kObject, text("d"), text("a"), recx, 0, {});
    ASSERT_TRUE(punched.is_ok()) << punched.status().to_string();
    const size_t begin = recx.index * record_size_, end = std::min(recx.end() * record_size_, now_.size());
    if (begin < end) std::fill_n(now_.begin() + static_cast<ptrdiff_t>(begin), end - begin, std::byte{0});
  }
  void punch_above(ObjectWrite::Kind kind) {
    const auto punched = target_.punch(kind, kObject, text("d"), text("a"));
    ASSERT_TRUE(punched.is_ok()) << punched.status().to_string();
    now_.clear();
  }
  void snapshot() {
    const auto taken = target_.run(target_.store().create_snapshot(target_.container(), kEpochZero));
    ASSERT_TRUE(taken.is_ok());
    snapshots_[*taken] = now_;
  }
  void drop_snapshot(Random& random) {
    if (snapshots_.empty()) return;
    const auto one = std::next(snapshots_.begin(), static_cast<ptrdiff_t>(random.below(snapshots_.size())));
    ASSERT_TRUE(target_.run(target_.store().destroy_snapshot(target_.container(), one->first)).is_ok());
    snapshots_.erase(one);
  }
  AggregateProgress aggregate() {
    const auto done = target_.run(target_.store().aggregate(target_.container(), kEpochMax));
    EXPECT_TRUE(done.is_ok()) << done.status().to_string();
    return done.is_ok() ? *done : AggregateProgress();
  }

  void check(uint64_t end) const {
    check_at(kEpochMax, now_, end);
    for (const auto& [epoch, content] : snapshots_) check_at(epoch, content, end);
    const auto info = target_.run(target_.store().query_container(target_.container()));
    const auto counted = target_.run(count_space(target_.store().media(), kOnlyContainer));
    ASSERT_TRUE(info.is_ok() && counted.is_ok());
    EXPECT_EQ(info->space, *counted);
    EXPECT_EQ(static_cast<uint64_t>(counted->block_bytes), target_.store().media().space().blocks_used);
  }
  size_t extent_count() const {
    const auto page =
        target_.run(target_.store().list_recxs(target_.container(), kObject, text("d"), text("a"), kEpochMax, {}, {}));
    return page.is_ok() ? page->recxs.size() : 0;
  }

 private:
  void check_at(Epoch epoch, Bytes content, uint64_t end) const {
    SCOPED_TRACE("at epoch " + std::to_string(epoch.value));
    const auto read = target_.get_extent(kObject, text("d"), text("a"), {0, end}, record_size_, epoch);
    ASSERT_TRUE(read.is_ok()) << read.status().to_string();
    content.resize(end * record_size_);
    ASSERT_TRUE(*read == content);
  }

  TestStore& target_;
  const uint64_t record_size_;
  uint64_t writes_ = 0;
  Bytes now_;  // Zeros are read where nothing is.
  std::map<Epoch, Bytes> snapshots_;
};

int64_t stored(TestStore& target) {
  return target.run(target.store().query_container(target.container()))->space.stored_bytes();
}

TEST(AggregationMerge, SmallWritesBecomeLargeExtents) {
  TestStore target;
  ArrayUnderTest array(target, 1);
  for (uint64_t i = 0; i < 512; ++i) array.write({i * 4096, 4096});
  const AggregateProgress done = array.aggregate();
  EXPECT_GT(done.extents_merged, 500u);  // It works in windows, of which the last may be too small.
  EXPECT_LE(done.extents_written, 4u);
  EXPECT_EQ(done.bytes_rewritten, done.extents_merged * 4096);
  EXPECT_LE(array.extent_count(), 12u);
  EXPECT_EQ(target.run(target.store().query_container(target.container()))->space.records,
            static_cast<int64_t>(array.extent_count()));
  array.check(512 * 4096);
  target.reopen();
  array.check(512 * 4096);
  EXPECT_EQ(array.aggregate().extents_merged, 0u);  // Once.
}

TEST(AggregationMerge, OverwrittenPiecesAreMergedAsTheyAreSeen) {
  TestStore target;
  ArrayUnderTest array(target, 1);
  for (uint64_t i = 0; i < 64; ++i) array.write({i * 4000, 4096});  // Each hides some of the one before.
  array.write({10'001, 17});
  const AggregateProgress done = array.aggregate();
  EXPECT_EQ(done.extents_merged, 65u);
  EXPECT_EQ(array.extent_count(), 1u);
  array.check(64 * 4096);
}

TEST(AggregationMerge, SnapshotsSeeWhatTheySaw) {
  TestStore target;
  ArrayUnderTest array(target, 1);
  for (uint64_t i = 0; i < 64; ++i) array.write({i * 1000, 1000});
  array.snapshot();
  for (uint64_t i = 20; i < 64; ++i) array.write({i * 1000 - 5, 1000});
  array.punch({30'000, 100});
  array.snapshot();
  for (uint64_t i = 0; i < 40; ++i) array.write({i * 1000, 900});
  const AggregateProgress done = array.aggregate();
  EXPECT_GT(done.extents_merged, 100u);
  array.check(70'000);
  target.crash();
  target.open();
  array.check(70'000);
}

TEST(AggregationTrim, HiddenBlocksComeBackWithoutWritingTheOthersAgain) {
  TestStore target;
  ArrayUnderTest array(target, 1);
  array.write({0, kMiB});
  array.snapshot();
  array.write({200'000, 600'000});
  const int64_t before = stored(target);
  EXPECT_EQ(array.aggregate().extents_merged, 0u);  // The snapshot sees all of it.
  Random random(1);
  array.drop_snapshot(random);
  const AggregateProgress done = array.aggregate();
  EXPECT_EQ(done.extents_merged, 1u);
  EXPECT_EQ(done.extents_written, 2u);
  EXPECT_EQ(done.bytes_rewritten, 0u);
  EXPECT_GE(done.block_bytes_freed, 560'000u);
  EXPECT_LE(stored(target), before - 560'000);
  array.check(kMiB);
  target.reopen();
  array.check(kMiB);
}

TEST(AggregationTrim, SingleBlocksComeBack) {
  TestStore target;
  ArrayUnderTest array(target, 1);
  array.write({0, 64 * kKiB});
  for (uint64_t block = 1; block < 16; block += 3) array.write({block * 4096, 4096});
  const int64_t before = stored(target);
  const AggregateProgress done = array.aggregate();
  EXPECT_EQ(done.bytes_rewritten, 0u);
  EXPECT_EQ(done.block_bytes_freed, 5 * 4096u);
  EXPECT_LT(stored(target), before - 4 * 4096);
  array.check(64 * kKiB);
  target.crash();
  target.open();
  array.check(64 * kKiB);
}

TEST(AggregationTrim, RecordsThatDontFitBlocksAreCopied) {
  TestStore target;
  ArrayUnderTest array(target, 5000);
  array.write({0, 100});
  array.write({10, 85});
  const AggregateProgress done = array.aggregate();
  EXPECT_EQ(done.extents_written, 2u);
  EXPECT_EQ(done.bytes_rewritten, 15u * 5000);
  array.check(100);
}

TEST(AggregationMerge, DamagedDataIsLeftAndReported) {
  TestStore target;
  ArrayUnderTest array(target, 1);
  for (uint64_t i = 0; i < 32; ++i) array.write({i * 8192, 8192});
  ASSERT_TRUE(target.run(target.store().media().checkpoint()).is_ok());  // So that it is in its blocks.
  target.disk().script(SimDisk::Script::kBitRot);
  const AggregateProgress done = array.aggregate();
  EXPECT_EQ(done.damaged, 1u);
  EXPECT_EQ(done.extents_merged, 0u);
  int damaged = 0;
  for (uint64_t i = 0; i < 32; ++i) {
    const auto read = target.get_extent(kObject, text("d"), text("a"), {i * 8192, 8192}, 1);
    if (!read.is_ok()) {
      EXPECT_EQ(read.code(), Code::kCorrupt);
      ++damaged;
    }
  }
  EXPECT_EQ(damaged, 1);
}

void random_step(Random& random, ArrayUnderTest& array, uint64_t end) {
  switch (random.below(40)) {
    case 0: array.snapshot(); break;
    case 1: array.drop_snapshot(random); break;
    case 2: array.punch({random.below(end), 1 + random.below(end / 4)}); break;
    case 3:
      if (random.one_in(3))
        array.punch_above(random.one_in(2) ? ObjectWrite::Kind::kPunchAkeys : ObjectWrite::Kind::kPunchObject);
      break;
    case 4: {  // Many neighbours.
      const uint64_t from = random.below(end);
      const uint64_t size = 1 + random.below(std::max<uint64_t>(1, end / 60));
      for (uint64_t at = from; at < end && at < from + 40 * size; at += size) array.write({at, size});
      break;
    }
    case 5: {
      const uint64_t from = random.below(end);
      array.write({from, 1 + random.below(end - from)});
      break;
    }
    default: array.write({random.below(end), 1 + random.below(std::max<uint64_t>(1, end / 40))});
  }
}

TEST(AggregationProperty, ReadersNeverSeeIt) {
  AggregateProgress total;
  for_each_seed(
      [&total](Random& random) {
        const std::pair<uint64_t, uint64_t> shapes[] = {{1, 200'000}, {3, 5000}, {512, 800}, {4096, 300}, {5000, 120}};
        const auto [record_size, end] = shapes[random.below(5)];
        TestStore target(random.next());
        ArrayUnderTest array(target, record_size);
        for (int round = 0; round < 4 && !::testing::Test::HasFailure(); ++round) {
          for (int step = 0; step < 30; ++step) random_step(random, array, end);
          const AggregateProgress done = array.aggregate();
          total.extents_merged += done.extents_merged;
          total.bytes_rewritten += done.bytes_rewritten;
          total.block_bytes_freed += done.block_bytes_freed;
          EXPECT_EQ(done.damaged, 0u);
          array.check(end + 100);
          if (random.one_in(3)) target.reopen();
        }
      },
      24);
  EXPECT_GT(total.extents_merged, 200u);
  EXPECT_GT(total.bytes_rewritten, 0u);
  EXPECT_GT(total.block_bytes_freed, 0u);
}

Task<Status> aggregate_and_checkpoint(Store* store, Uuid container) {
  const auto done = co_await store->aggregate(container, kEpochMax);
  CO_TRY(done.status());
  CO_TRY(co_await store->flush());
  co_return co_await store->media().checkpoint();
}

// Stops at every write of the disk that a pass of aggregation makes, and opens again.
TEST(AggregationCrash, AtEveryWriteKeepsContentAndCounters) {
  for (uint64_t write = 1; !::testing::Test::HasFailure(); write += kCaseStep) {
    SCOPED_TRACE("stopped at write " + std::to_string(write));
    TestStore target(100 + write, SimDiskOptions{});
    ArrayUnderTest array(target, 1);
    Random random(7);
    for (int i = 0; i < 6; ++i) array.write({random.below(200'000), 60'000});
    array.snapshot();
    for (uint64_t i = 0; i < 64; ++i) array.write({i * 3000, 3000});
    array.write({50'000, 90'000});
    target.disk().stop_at_write(write);
    const auto ended = target.scheduler().run_until_crash(
        target.process().executor(), aggregate_and_checkpoint(&target.store(), target.container()));
    target.disk().never_stop();
    if (ended.has_value())
      target.crash();
    else
      target.process().start();
    target.open();
    array.check(270'000);
    array.aggregate();
    array.check(270'000);
    const auto damages = target.run(target.store().media().verify());
    EXPECT_TRUE(damages.is_ok() && damages->empty());
    if (ended.has_value()) {
      EXPECT_GT(write, 6u);
      break;
    }
  }
}

Task<void> read_often(TestStore* target, const Bytes* expected, int* left, std::string* failure) {
  for (int i = 0; i < 6 && failure->empty(); ++i) {
    Bytes out(expected->size());
    AkeyFetch fetch;
    fetch.akey = text("a");
    fetch.kind = ValueKind::kArray;
    fetch.recxs.push_back({0, expected->size()});
    fetch.out.push_back(out);
    std::vector<AkeyFetch> fetches{fetch};
    const auto fetched =
        co_await target->store().fetch(target->container(), kObject, text("d"), std::move(fetches), 0, kEpochMax);
    if (!fetched.is_ok()) *failure = fetched.status().to_string();
    if (fetched.is_ok() && out != *expected) *failure = "other bytes";
  }
  --*left;
}

Task<Status> aggregate_beside(TestStore* target, World* world, int* left) {
  const auto done = co_await target->store().aggregate(target->container(), kEpochMax);
  while (*left != 0) co_await sleep_for(world->executor, std::chrono::milliseconds(1));
  co_return done.status();
}

// The index isn't in memory, so reads suspend in the middle of looking for extents, while these move.
TEST(AggregationProperty, ReadersBesideItSeeAllOfIt) {
  for_each_seed(
      [](Random& random) {
        TestStore target(random.next(), SimDiskOptions{});
        Bytes expected(400'000);
        const auto write = [&](uint64_t at, uint64_t size) {
          const Bytes data = random_bytes(random.next(), size);
          ASSERT_TRUE(target.put_extent(kObject, text("d"), text("a"), {at, size}, 1, data).is_ok());
          std::copy(data.begin(), data.end(), expected.begin() + static_cast<ptrdiff_t>(at));
        };
        for (uint64_t at = 0; at < expected.size(); at += 100'000) write(at, 100'000);
        for (uint64_t at = 0; at < 100'000; at += 2000) write(at, 2000);
        for (int i = 0; i < 40; ++i) write(100'000 + random.below(250'000), 1 + random.below(30'000));
        target.reopen();
        int left = 4;
        std::string failure;
        for (int reader = 0; reader < 4; ++reader) {
          target.process().executor().spawn(read_often(&target, &expected, &left, &failure));
        }
        const Status status = target.run(aggregate_beside(&target, &target.process().world(), &left));
        EXPECT_TRUE(status.is_ok()) << status.to_string();
        EXPECT_EQ(failure, "");
      },
      20);
}

TEST(AggregationPolicy, HistoryIsDroppedWithoutBeingAsked) {
  TestStore target;
  AggregationPolicy policy;
  policy.is_on = true;
  policy.written_min = kMiB;
  policy.readable_for = Duration::zero();
  target.store().set_aggregation_policy(policy);
  for (uint64_t i = 0; i < 60; ++i) {
    ASSERT_TRUE(target.put(kObject, text("d"), text("a"), random_bytes(i, 100'000)).is_ok());
  }
  const auto wait = [](World* world) -> Task<Status> {
    co_await sleep_for(world->executor, std::chrono::seconds(1));
    co_return ok();
  };
  ASSERT_TRUE(target.run(wait(&target.process().world())).is_ok());
  EXPECT_LT(stored(target), 3'000'000);
  const auto info = target.run(target.store().query_container(target.container()));
  EXPECT_GT(info->aggregation.entries_dropped, 5u);
  EXPECT_FALSE(info->aggregation.is_running);
  EXPECT_EQ(info->aggregation.fraction(), 1);
}

TEST(MaintenancePace, WaitsLongerTheMoreOthersCallAndNotWithoutThem) {
  TestStore target;
  Executor& executor = target.process().executor();
  uint64_t calls = 0;
  Cancellation closing(executor);
  MaintenancePace pace(executor, calls, closing, std::chrono::milliseconds(2));
  const auto pause = [&]() {
    const Instant before = executor.now();
    const auto once = [](MaintenancePace* one) -> Task<Status> {
      co_await one->pause();
      co_return ok();
    };
    EXPECT_TRUE(target.run(once(&pace)).is_ok());
    return std::chrono::duration_cast<std::chrono::microseconds>(executor.now() - before);  // Steps take some ns.
  };
  EXPECT_EQ(pause(), Duration::zero());
  Duration last = Duration::zero();
  for (int i = 0; i < 10; ++i) {
    ++calls;
    const Duration took = pause();
    EXPECT_GE(took, last);
    EXPECT_GT(took, Duration::zero());
    last = took;
  }
  EXPECT_EQ(last, Duration(std::chrono::milliseconds(2)));
  EXPECT_EQ(pause(), Duration::zero());
}

}  // namespace
}  // namespace aeon::vos
