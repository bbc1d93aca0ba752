// Contents that batches carry for their blocks: readable at once, in their blocks sooner or later, never over what
// belongs to somebody else, and never forgotten.
#include "media/inspector.h"
#include "pending_contents.h"
#include "store_workload_test.h"

namespace aeon::media {
namespace {

constexpr uint64_t kTag = 5000;

TEST(PendingContents, AreDueIfTheLogBeginsBehindThemAndBeforeTheirEnd) {
  constexpr LogPosition kFarFuture{~uint64_t{0}};
  PendingContents contents;
  contents.add({10, 2}, Bytes(5000), LogPosition{5});
  contents.add({20, 1}, Bytes(4096), LogPosition{7});
  EXPECT_EQ(contents.due(LogPosition{4}), std::vector<uint64_t>{});
  EXPECT_EQ(contents.due(LogPosition{6}), std::vector<uint64_t>{10});
  EXPECT_EQ(contents.due(kFarFuture), (std::vector<uint64_t>{10, 20}));
  contents.free({11, 1}, LogPosition{8});
  EXPECT_EQ(contents.due(LogPosition{7}), (std::vector<uint64_t>{10, 11, 20}));  // It may not be freed after all.
  EXPECT_EQ(contents.due(LogPosition{8}), (std::vector<uint64_t>{10, 20}));
  EXPECT_EQ(contents.due(kFarFuture), (std::vector<uint64_t>{10, 20}));
  EXPECT_EQ(contents.unwritten_bytes(), 2 * kBlockSize);
}

TEST(PendingContents, KnowWhatLiesInABlock) {
  PendingContents contents;
  Bytes bytes(3 * kBlockSize - 100);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i / 1000);
  contents.add({10, 3}, bytes, LogPosition{1});
  EXPECT_EQ(contents.run_at(5, 20).count, 5u);
  EXPECT_EQ(contents.run_at(5, 20).content, nullptr);
  EXPECT_EQ(contents.run_at(11, 20).count, 2u);
  EXPECT_EQ(contents.run_at(11, 20).skip, 1u);
  EXPECT_EQ(contents.run_at(13, 20).content, nullptr);
  EXPECT_FALSE(contents.overlaps({5, 5}));
  EXPECT_TRUE(contents.overlaps({5, 6}));
  EXPECT_TRUE(contents.overlaps({12, 6}));
  contents.begin_write({10, 3});
  contents.free({11, 1}, LogPosition{2});  // Cuts it in three, all of which are being written.
  for (const uint64_t block : {10, 11, 12}) EXPECT_TRUE(contents.is_being_written({block, 1}));
  bytes.resize(3 * kBlockSize);
  for (const uint64_t block : {10, 11, 12}) {
    const PendingContents::Run run = contents.run_at(block, 1);
    ASSERT_NE(run.content, nullptr);
    Bytes found(kBlockSize, std::byte{0xff});
    run.content->copy(run.skip, found);
    EXPECT_EQ(found, to_bytes(ByteView(bytes).subspan((block - 10) * kBlockSize, kBlockSize))) << block;
  }
  contents.end_write({10, 3}, false);
  EXPECT_FALSE(contents.is_being_written({10, 3}));
  contents.drop({11, 1});
  EXPECT_FALSE(contents.overlaps({11, 1}));
  contents.begin_write({12, 1});
  contents.end_write({12, 1}, true);
  contents.drop({10, 1});
  EXPECT_TRUE(contents.empty());
  EXPECT_EQ(contents.memory_size(), 0u);
}

Task<void> free_slowly(KeyBlockStore* store, std::vector<BlockRange> ranges, World* world) {
  for (const BlockRange& range : ranges) {
    co_await sleep_for(world->executor, std::chrono::microseconds(50));
    Batch batch;
    batch.free(range);
    const Result<LogPosition> applied = co_await store->apply(std::move(batch));
    EXPECT_TRUE(applied.is_ok()) << applied.status().to_string();
  }
}
Task<Status> checkpoint_and_free(KeyBlockStore* store, std::vector<BlockRange> ranges, World* world) {
  world->executor.spawn(free_slowly(store, std::move(ranges), world));
  co_return co_await store->checkpoint();
}

Task<void> take_checkpoint(KeyBlockStore* store) {
  const Status status = co_await store->checkpoint();
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

class StoreContents : public ::testing::Test {
 protected:
  StoreContents() : machine(1, disk_options()) {
    EXPECT_TRUE(machine.format(4 * kMiB).is_ok());
    open();
  }
  static SimDiskOptions disk_options() {
    SimDiskOptions options;
    options.capacity = 64 * kMiB;
    return options;
  }
  void open(ByteCount memory_budget = 0) {
    OpenOptions options;
    options.discards = false;
    options.memory_budget = memory_budget;
    const Result<KeyBlockStore*> opened = machine.open(options);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    store = *opened;
  }
  void crash_and_open(ByteCount memory_budget = 0) {
    machine.crash();
    open(memory_budget);
  }

  BlockRange reserve(uint64_t count) {
    const Result<std::vector<BlockRange>> ranges = store->reserve(count);
    EXPECT_TRUE(ranges.is_ok() && (*ranges).size() == 1) << ranges.status().to_string();
    return ranges.is_ok() ? (*ranges)[0] : BlockRange();
  }
  Result<LogPosition> carry(BlockRange range, uint64_t tag) {
    Batch batch;
    batch.adopt(range, tagged_content(range, tag));
    return machine.run(store->apply(std::move(batch)));
  }
  BlockRange carry_new(uint64_t count, uint64_t tag) {
    const BlockRange range = reserve(count);
    const Result<LogPosition> applied = carry(range, tag);
    EXPECT_TRUE(applied.is_ok()) << applied.status().to_string();
    return range;
  }
  Status free(BlockRange range) {
    Batch batch;
    batch.free(range);
    const Result<LogPosition> applied = machine.run(store->apply(std::move(batch)));
    return applied.is_ok() ? machine.run(store->wait_durable(*applied)) : applied.status();
  }
  Bytes read(BlockRange range) {
    DiskBuffer out(range.count * kBlockSize);
    const Status status = machine.run(store->read_blocks(range, out.bytes()));
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    return to_bytes(out.bytes());
  }
  static Bytes whole(BlockRange range, uint64_t tag) {
    Bytes content = tagged_content(range, tag);
    content.resize(range.count * kBlockSize);
    return content;
  }
  bool is_on_disk(BlockRange range, uint64_t tag) {
    Bytes found(range.count * kBlockSize);
    machine.disk.image().read(range.first * kBlockSize, found);
    return equal_bytes(found, whole(range, tag));
  }

  TestMachine machine;
  KeyBlockStore* store = nullptr;
};

TEST_F(StoreContents, AreReadableBeforeTheyAreWritten) {
  const BlockRange range = carry_new(5, kTag);
  EXPECT_EQ(store->counters().block_bytes_written, 0u);
  EXPECT_FALSE(is_on_disk(range, kTag));
  EXPECT_EQ(read(range), whole(range, kTag));
  const Bytes all = whole(range, kTag);
  const BlockRange middle{range.first + 2, 2};
  EXPECT_EQ(read(middle), to_bytes(ByteView(all).subspan(2 * kBlockSize, 2 * kBlockSize)));
}

TEST_F(StoreContents, AreReadTogetherWithWhatIsInBlocks) {
  const BlockRange all = reserve(6);
  const BlockRange first{all.first, 2}, second{all.first + 2, 2}, third{all.first + 4, 2};
  ASSERT_TRUE(machine.run(write_tagged(store, second, 7000)).is_ok());
  Batch batch;
  batch.adopt(first, tagged_content(first, 6000));
  batch.adopt(second);
  batch.adopt(third, tagged_content(third, 8000));
  ASSERT_TRUE(machine.run(store->apply(std::move(batch))).is_ok());
  Bytes expected = whole(first, 6000);
  const Bytes written = read(second);
  expected.insert(expected.end(), written.begin(), written.end());
  const Bytes last = whole(third, 8000);
  expected.insert(expected.end(), last.begin(), last.end());
  EXPECT_EQ(as_text(ByteView(written).first(block_text(7000).size())), block_text(7000));
  EXPECT_EQ(read(all), expected);
}

TEST_F(StoreContents, AreDurableWithoutAFlush) {
  const BlockRange range = reserve(1);
  const uint64_t flushes = store->counters().flushes;
  const Result<LogPosition> applied = carry(range, kTag);
  ASSERT_TRUE(machine.run(store->wait_durable(*applied)).is_ok());
  EXPECT_EQ(store->counters().flushes, flushes);
  EXPECT_EQ(store->counters().log_frames, 1u);
  crash_and_open();
  EXPECT_EQ(read(range), whole(range, kTag));
}

TEST_F(StoreContents, AreInTheirBlocksBehindACheckpoint) {
  const BlockRange range = carry_new(20, kTag);
  ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
  EXPECT_TRUE(is_on_disk(range, kTag));
  EXPECT_EQ(store->counters().contents_waiting, 0u);
  crash_and_open();
  EXPECT_EQ(store->counters().replayed_batches, 0u);
  EXPECT_EQ(read(range), whole(range, kTag));
}

TEST_F(StoreContents, GoToTheirBlocksInLargeWritesOnceThereAreMany) {
  const BlockRange all = reserve(400);
  for (uint64_t i = 0; i < all.count; ++i) ASSERT_TRUE(carry({all.first + i, 1}, kTag + 100 * i).is_ok());
  machine.scheduler.run_for(std::chrono::seconds(1));
  EXPECT_GT(store->counters().block_bytes_written, 256 * kBlockSize / 2);
  EXPECT_LE(store->counters().contents_waiting, 512 * kKiB);
  EXPECT_EQ(store->counters().checkpoints, 0u);
  EXPECT_LT(machine.disk.write_event_count(), all.count);
  for (uint64_t i = 0; i < all.count; ++i) {
    const BlockRange range{all.first + i, 1};
    ASSERT_EQ(read(range), whole(range, kTag + 100 * i)) << i;
  }
}

TEST_F(StoreContents, StayForAPinnedReaderWhenTheirBlocksAreFreed) {
  const BlockRange range = carry_new(3, kTag);
  {
    const BlockPin pin(*store);
    ASSERT_TRUE(free(range).is_ok());
    EXPECT_EQ(read(range), whole(range, kTag));
    ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
    EXPECT_EQ(read(range), whole(range, kTag));
  }
  EXPECT_EQ(reserve(3), range);
}

TEST_F(StoreContents, KeepTheirBlocksUntilTheirWriteHasEnded) {
  const BlockRange range = carry_new(1, kTag);
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  machine.disk.script(SimDisk::Script::kSlow);
  machine.process->spawn(take_checkpoint(store));
  machine.scheduler.run_for(std::chrono::microseconds(1));
  ASSERT_EQ(machine.disk.in_flight_count(), 1u);
  ASSERT_TRUE(free(range).is_ok());
  ASSERT_EQ(store->counters().checkpoints, 0u);
  const BlockRange other = reserve(1);
  EXPECT_NE(other, range);
  store->cancel(other);
  machine.scheduler.run_for(std::chrono::seconds(1));
  EXPECT_EQ(store->counters().checkpoints, 1u);
}

TEST_F(StoreContents, CanBeFreedInParts) {
  const BlockRange range = carry_new(6, kTag);
  ASSERT_TRUE(free({range.first + 1, 2}).is_ok());
  const BlockRange later = reserve(2);
  ASSERT_EQ(later, (BlockRange{range.first + 1, 2}));
  ASSERT_TRUE(carry(later, 9000).is_ok());
  const auto check = [&] {
    EXPECT_EQ(read(later), whole(later, 9000));
    const Bytes all = whole(range, kTag);
    EXPECT_EQ(read({range.first, 1}), to_bytes(ByteView(all).first(kBlockSize)));
    EXPECT_EQ(read({range.first + 3, 3}), to_bytes(ByteView(all).subspan(3 * kBlockSize)));
  };
  check();
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  crash_and_open();
  check();
  ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
  check();
}

// A checkpoint's log begins behind the batch that brought them and before the one that freed them: if that isn't
// durable, they belong to the state.
TEST_F(StoreContents, AreWrittenForACheckpointThoughFreedAfterItsFreeze) {
  std::vector<BlockRange> ranges;
  for (int i = 0; i < 8; ++i) ranges.push_back(carry_new(1, kTag + 100 * static_cast<uint64_t>(i)));
  Batch named;
  named.put(as_bytes("k"), as_bytes(std::string(5000, 'x')));
  ASSERT_TRUE(machine.run(store->apply(std::move(named))).is_ok());
  ASSERT_TRUE(machine.run(checkpoint_and_free(store, ranges, machine.world.get())).is_ok());
  machine.crash();  // The batches that free are lost, or some of them.
  open();
  const uint64_t used = store->space().blocks_used / kBlockSize;
  for (size_t i = ranges.size() - std::min<size_t>(used, ranges.size()); i < ranges.size(); ++i) {
    EXPECT_EQ(read(ranges[i]), whole(ranges[i], kTag + 100 * i)) << i;
  }
}

TEST_F(StoreContents, OfAnEarlierOwnerNeverGoOverALaterOnes) {
  const BlockRange range = carry_new(2, kTag);
  ASSERT_TRUE(free(range).is_ok());
  ASSERT_EQ(reserve(2), range);
  ASSERT_TRUE(machine.run(write_tagged(store, range, 9000)).is_ok());
  Batch batch;
  batch.adopt(range);
  ASSERT_TRUE(machine.run(store->apply(std::move(batch))).is_ok());
  const Bytes written = read(range);
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  for (const ByteCount memory_budget : {ByteCount{0}, 64 * kKiB}) {
    crash_and_open(memory_budget);
    EXPECT_EQ(read(range), written);
    ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
    EXPECT_EQ(read(range), written);
  }
}

TEST_F(StoreContents, HoldTheCheckpointWhileTheyCannotBeWritten) {
  const BlockRange range = carry_new(4, kTag);
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  EXPECT_GT(store->carried_size_max(), 0u);
  machine.disk.script(SimDisk::Script::kWriteError);
  EXPECT_EQ(machine.run(store->checkpoint()).code(), Code::kIo);
  EXPECT_EQ(store->counters().checkpoints, 0u);
  EXPECT_EQ(store->carried_size_max(), 0u);
  EXPECT_EQ(read(range), whole(range, kTag));
  ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());  // The fault is over.
  EXPECT_GT(store->carried_size_max(), 0u);
  EXPECT_TRUE(is_on_disk(range, kTag));
}

TEST_F(StoreContents, ThatCannotBeWrittenAreRefusedBeforeTheyFillTheMemory) {
  crash_and_open(kMiB);
  machine.disk.options().space = 0;  // The log has its blocks; others get none.
  Status last;
  std::vector<BlockRange> carried;
  while (carried.size() < 400 && last.is_ok()) {
    const BlockRange range = reserve(1);
    last = carry(range, kTag).status();
    if (last.is_ok()) carried.push_back(range);
  }
  EXPECT_EQ(last.code(), Code::kNoSpace) << last.to_string();
  EXPECT_GT(carried.size(), 32u);
  EXPECT_LE(store->counters().contents_waiting, 2 * kMiB / 8 + 2 * kBlockSize);
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  EXPECT_EQ(read(carried.front()), whole(carried.front(), kTag));
  for (const BlockRange& range : carried) EXPECT_TRUE(free(range).is_ok());
  machine.disk.options().space = 64 * kMiB;
  EXPECT_TRUE(machine.run(store->checkpoint()).is_ok());
  EXPECT_EQ(store->counters().contents_waiting, 0u);
}

// Found by the scenario media_store, seed 9: it didn't open.
TEST_F(StoreContents, BeyondTheMemoryBudgetThatCannotBeWrittenDontKeepTheStoreShut) {
  constexpr uint64_t kCount = 400;
  const BlockRange all = reserve(kCount * 2);
  for (uint64_t i = 0; i < kCount; ++i) ASSERT_TRUE(carry({all.first + 2 * i, 1}, kTag + i).is_ok());
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  machine.disk.options().space = 0;
  crash_and_open(256 * kKiB);
  for (uint64_t i = 0; i < kCount; ++i) {
    const BlockRange range{all.first + 2 * i, 1};
    ASSERT_EQ(read(range), whole(range, kTag + i)) << i;
  }
  EXPECT_EQ(machine.run(store->checkpoint()).code(), Code::kNoSpace);
  machine.disk.options().space = 64 * kMiB;
  ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
  EXPECT_EQ(store->counters().contents_waiting, 0u);
  for (uint64_t i = 0; i < kCount; ++i) EXPECT_TRUE(is_on_disk({all.first + 2 * i, 1}, kTag + i)) << i;
}

TEST_F(StoreContents, BeyondTheMemoryBudgetAreReplayedFromTheLog) {
  constexpr uint64_t kCount = 300;
  const BlockRange all = reserve(kCount * 2);
  for (uint64_t i = 0; i < kCount; ++i) ASSERT_TRUE(carry({all.first + 2 * i, 2}, kTag + 100 * i).is_ok());
  const BlockRange large = carry_new(15, 3900);  // Its bytes are in two frames at least.
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  const auto check = [&] {
    for (uint64_t i = 0; i < kCount; ++i) {
      const BlockRange range{all.first + 2 * i, 2};
      ASSERT_EQ(read(range), whole(range, kTag + 100 * i)) << i;
    }
    ASSERT_EQ(read(large), whole(large, 3900));
  };
  machine.crash();
  OpenOptions options;
  options.read_only = true;
  options.memory_budget = 256 * kKiB;
  const Result<KeyBlockStore*> only_read = machine.open(options);
  ASSERT_TRUE(only_read.is_ok()) << only_read.status().to_string();
  store = *only_read;
  ASSERT_NO_FATAL_FAILURE(check());
  EXPECT_LE(store->counters().contents_waiting, 32 * kKiB);
  ASSERT_TRUE(machine.run(store->close()).is_ok());
  crash_and_open(256 * kKiB);
  EXPECT_LE(store->counters().contents_waiting, 32 * kKiB);
  ASSERT_NO_FATAL_FAILURE(check());
  ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
  crash_and_open();
  ASSERT_NO_FATAL_FAILURE(check());
}

TEST_F(StoreContents, OfAnotherSizeThanTheirBlocksAreRefused) {
  const BlockRange range = reserve(2);
  for (const size_t size : {size_t{0}, size_t{kBlockSize}, size_t{2 * kBlockSize + 1}}) {
    Batch batch;
    batch.adopt(range, Bytes(size));
    EXPECT_EQ(machine.run(store->apply(std::move(batch))).code(), Code::kInvalidArgument) << size;
  }
  EXPECT_TRUE(carry(range, kTag).is_ok());
}

TEST_F(StoreContents, AreShownByAnInspector) {
  const BlockRange range = carry_new(3, kTag);
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  EXPECT_FALSE(is_on_disk(range, kTag));
  machine.crash();
  const auto inspector = machine.run(Inspector::open(machine.disk));
  ASSERT_TRUE(inspector.is_ok());
  DiskBuffer out(range.count * kBlockSize);
  ASSERT_TRUE(machine.run((*inspector)->read_blocks(range, out.bytes())).is_ok());
  EXPECT_EQ(to_bytes(out.bytes()), whole(range, kTag));
  const auto entries = (*inspector)->record(0);
  ASSERT_TRUE(entries.is_ok());
  ASSERT_EQ((*entries)[0].kind, LogEntryReport::Kind::kContent);
  EXPECT_EQ((*entries)[0].blocks, range);
  EXPECT_EQ(to_bytes((*entries)[0].value), tagged_content(range, kTag));
  const auto allocator = machine.run((*inspector)->allocator());
  ASSERT_TRUE(allocator.is_ok()) << allocator.status().to_string();
  EXPECT_EQ((*allocator).adopted_count, range.count);
}

}  // namespace
}  // namespace aeon::media
