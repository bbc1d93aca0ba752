// Counters that batches add to, and freed space that goes back to the device.
#include "batch_codec.h"
#include "store_fixture_test.h"

namespace aeon::media {
namespace {

std::string counters(std::initializer_list<int64_t> values) {
  std::string text;
  for (const int64_t value : values) text.append(reinterpret_cast<const char*>(&value), 8);
  return text;
}

Task<Status> add(KeyBlockStore* store, std::string key, std::vector<int64_t> changes) {
  Batch batch;
  batch.add(as_bytes(key), changes);
  CO_TRY_ASSIGN(const LogPosition position, co_await store->apply(std::move(batch)));
  co_return co_await store->wait_durable(position);
}

std::string value_of(TestMachine& machine, KeyBlockStore* store, const std::string& key) {
  const auto found = machine.run(get(store, key));
  return found.is_ok() && (*found).has_value() ? **found : "nothing";
}

TEST(StoreCounters, StartAtZeroAndAddUp) {
  TestMachine machine(1);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* const store = *machine.open();
  ASSERT_TRUE(machine.run(add(store, "n", {5, -3})).is_ok());
  ASSERT_TRUE(machine.run(add(store, "n", {INT64_MAX, 1, 7})).is_ok());
  EXPECT_EQ(value_of(machine, store, "n"), counters({static_cast<int64_t>(uint64_t{INT64_MAX} + 5), -2, 7}));
  ASSERT_TRUE(machine.run(add(store, "n", {INT64_MIN})).is_ok());
  EXPECT_EQ(value_of(machine, store, "n"), counters({4, -2, 7}));
}

TEST(StoreCounters, CountEachBatchOnceAcrossCheckpointsAndCrashes) {
  TestMachine machine(2);
  ASSERT_TRUE(machine.format().is_ok());
  for (int64_t life = 0; life < 6; ++life) {
    KeyBlockStore* const store = *machine.open();
    EXPECT_EQ(value_of(machine, store, "n"), life == 0 ? "nothing" : counters({3 * life}));
    ASSERT_TRUE(machine.run(add(store, "n", {1})).is_ok());
    if (life % 2 == 0) {
      ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
    }
    ASSERT_TRUE(machine.run(add(store, "n", {2})).is_ok());
    if (life == 4) {
      ASSERT_TRUE(machine.run(store->close()).is_ok());
    }
    machine.crash();
  }
}

TEST(StoreCounters, DamagedOnesInTheLogAreRefused) {
  Batch batch;
  const std::vector<int64_t> changes{300};
  batch.add(as_bytes("n"), changes);
  Bytes record = to_bytes(batch.record());
  EXPECT_TRUE(BatchReader(record).next().is_ok());
  record.back() |= std::byte{0x80};  // As if another byte followed.
  EXPECT_EQ(BatchReader(record).next().code(), Code::kCorrupt);
}

// Fills and frees some large pieces; each piece is one range of blocks.
Task<Status> write_and_free(World* world, KeyBlockStore* store, int pieces, uint64_t block_count) {
  for (int i = 0; i < pieces; ++i) {
    CO_TRY_ASSIGN(const std::vector<BlockRange> ranges, store->reserve(block_count));
    Batch batch;
    Batch free;
    for (const BlockRange& range : ranges) {
      DiskBuffer data(range.count * kBlockSize);
      std::memset(data.data(), 0x5a, data.size());
      CO_TRY(co_await store->write_blocks(range, data.bytes()));
      batch.adopt(range);
      free.free(range);
    }
    const auto adopted = co_await store->apply(std::move(batch));
    CO_TRY(adopted.status());
    const auto freed = co_await store->apply(std::move(free));
    CO_TRY(freed.status());
  }
  CO_TRY(co_await store->flush());
  co_await sleep_for(world->executor, std::chrono::seconds(2));
  co_return ok();
}

SimDiskOptions disk_that_takes_space_back() {
  SimDiskOptions disk;
  disk.capacity = 64 * kMiB;
  disk.discard = SimDiscard::kGarbage;
  return disk;
}

TEST(StoreDiscard, FreedSpaceGoesBackToTheDeviceInLargePieces) {
  TestMachine machine(3, disk_that_takes_space_back());
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* const store = *machine.open();
  ASSERT_TRUE(machine.run(write_and_free(machine.world.get(), store, 3, 1024)).is_ok());
  const Counters counters = store->counters();
  EXPECT_GE(counters.bytes_discarded, 4 * kMiB);
  EXPECT_LE(counters.bytes_discarded, 12 * kMiB);
  EXPECT_EQ(store->space().blocks_used, 0u);
  const auto damage = machine.run(store->verify());
  EXPECT_TRUE(damage.is_ok() && (*damage).empty());
}

TEST(StoreDiscard, SmallPiecesStayAndItCanBeSwitchedOff) {
  TestMachine machine(4, disk_that_takes_space_back());
  ASSERT_TRUE(machine.format().is_ok());
  {
    KeyBlockStore* const store = *machine.open();
    ASSERT_TRUE(machine.run(write_and_free(machine.world.get(), store, 3, 16)).is_ok());
    EXPECT_EQ(store->counters().bytes_discarded, 0u);
    machine.crash();
  }
  OpenOptions options;
  options.discards = false;
  KeyBlockStore* const store = *machine.open(options);
  ASSERT_TRUE(machine.run(write_and_free(machine.world.get(), store, 3, 1024)).is_ok());
  EXPECT_EQ(store->counters().bytes_discarded, 0u);
}

// What was written to space that had been given back is there, and stays there.
TEST(StoreDiscard, NeverTakesWhatIsInUse) {
  for_each_seed(
      [](uint64_t seed) {
        TestMachine machine(seed, disk_that_takes_space_back());
        ASSERT_TRUE(machine.format().is_ok());
        OpenOptions options;
        options.discard_size_min = kBlockSize;
        KeyBlockStore* store = *machine.open(options);
        std::vector<std::pair<BlockRange, std::byte>> stored;
        for (int step = 0; step < 120; ++step) {
          Batch batch;
          if (stored.size() > 4 && machine.random.one_in(2)) {
            const size_t index = machine.random.below(stored.size());
            batch.free(stored[index].first);
            stored.erase(stored.begin() + static_cast<ptrdiff_t>(index));
          } else {
            const auto ranges = store->reserve(machine.random.between(1, 300));
            ASSERT_TRUE(ranges.is_ok());
            for (const BlockRange& range : *ranges) {
              DiskBuffer data(range.count * kBlockSize);
              const auto fill = static_cast<std::byte>(step + 1);
              std::memset(data.data(), static_cast<int>(fill), data.size());
              ASSERT_TRUE(machine.run(store->write_blocks(range, data.bytes())).is_ok());
              batch.adopt(range);
              stored.emplace_back(range, fill);
            }
          }
          ASSERT_TRUE(machine.run(store->apply(std::move(batch))).is_ok());
          if (machine.random.one_in(8)) {
            ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
          }
          if (!machine.random.one_in(30)) continue;
          ASSERT_TRUE(machine.run(store->flush()).is_ok());
          machine.crash();
          store = *machine.open(options);
        }
        for (const auto& [range, fill] : stored) {
          DiskBuffer data(range.count * kBlockSize);
          ASSERT_TRUE(machine.run(store->read_blocks(range, data.bytes())).is_ok());
          for (const std::byte byte : data.bytes()) ASSERT_EQ(byte, fill);
        }
        EXPECT_GT(store->counters().bytes_discarded, 0u);
        EXPECT_TRUE(machine.run(store->close()).is_ok());
      },
      4);
}

}  // namespace
}  // namespace aeon::media
