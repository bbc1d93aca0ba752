#include "runtime/sync.h"
#include "store_workload_test.h"

namespace aeon::media {
namespace {

TEST(KeyBlockStore, KeepsWhatWasPutAcrossCloseAndOpen) {
  TestMachine machine(1);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open();
  StoreModel model;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "key " + std::to_string(i * 7919 % 1000);
    model[key] = std::string(static_cast<size_t>(i % 200), 'v');
    const Status put = machine.run(put_durable(store, key, model[key]));
    ASSERT_TRUE(put.is_ok()) << put.to_string();
  }
  EXPECT_EQ(*machine.run(read_all(store)), model);
  EXPECT_GT(store->counters().checkpoints, 0u);
  ASSERT_TRUE(machine.run(store->close()).is_ok());

  machine.boot();
  const Result<KeyBlockStore*> opened = machine.open();
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  store = *opened;
  EXPECT_EQ(store->counters().replayed_batches, 0u);
  EXPECT_EQ(*machine.run(read_all(store)), model);
  EXPECT_GT(store->counters().pages_read, 0u);
  const auto damage = machine.run(store->verify());
  ASSERT_TRUE(damage.is_ok());
  EXPECT_TRUE((*damage).empty()) << (*damage)[0].place << ": " << (*damage)[0].status.to_string();
  ASSERT_TRUE(machine.run(store->close()).is_ok());
}

TEST(KeyBlockStore, ReplaysTheLogAfterACrash) {
  TestMachine machine(2);
  ASSERT_TRUE(machine.format(kMiB).is_ok());
  KeyBlockStore* store = *machine.open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(machine.run(put_durable(store, "key " + std::to_string(i), "value")).is_ok());
  }
  machine.crash();
  const Result<KeyBlockStore*> opened = machine.open();
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  EXPECT_EQ((*opened)->counters().replayed_batches, 20u);
  EXPECT_EQ((*machine.run(read_all(*opened))).size(), 20u);
}

Task<Status> put_many(KeyBlockStore* store, int first, int last, size_t value_size) {
  for (int i = first; i < last; ++i) {
    Batch batch;
    batch.put(as_bytes("key " + std::to_string(100000 + i)), as_bytes(std::string(value_size, 'v')));
    const Result<LogPosition> position = co_await store->apply(std::move(batch));
    if (!position.is_ok()) co_return position.status();
  }
  co_return co_await store->flush();
}

TEST(KeyBlockStore, WhenFullStaysReadableAndLetsGo) {
  SimDiskOptions options;
  options.capacity = 3 * kMiB;
  TestMachine machine(3, options);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open();
  for (int round = 0; round < 3; ++round) {
    const Status full = machine.run(put_many(store, 0, 10000, 500));
    ASSERT_EQ(full.code(), Code::kNoSpace) << full.to_string();
    const Result<StoreModel> found = machine.run(read_all(store));
    ASSERT_TRUE(found.is_ok());
    EXPECT_GT((*found).size(), 500u);
    EXPECT_EQ(store->reserve(1).code(), Code::kNoSpace);
    for (const auto& [key, value] : *found) {
      Batch batch;
      batch.erase(as_bytes(key));
      const Result<LogPosition> erased = machine.run(store->apply(std::move(batch)));
      ASSERT_TRUE(erased.is_ok()) << key << ": " << erased.status().to_string();
    }
    ASSERT_TRUE((*machine.run(read_all(store))).empty());
  }
  ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
  ASSERT_TRUE(machine.run(put_many(store, 0, 100, 500)).is_ok());
  ASSERT_TRUE(machine.run(store->close()).is_ok());
}

TEST(KeyBlockStore, RefusesWhatABatchMayNotHold) {
  TestMachine machine(4);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open();
  Batch oversized;
  oversized.put(as_bytes(std::string(kKeySizeMax + 1, 'k')), {});
  EXPECT_EQ(machine.run(store->apply(std::move(oversized))).code(), Code::kInvalidArgument);
  Batch foreign;
  foreign.adopt({500, 1});
  EXPECT_EQ(machine.run(store->apply(std::move(foreign))).code(), Code::kInvalidArgument);
  Batch unstored;
  unstored.free({500, 1});
  EXPECT_EQ(machine.run(store->apply(std::move(unstored))).code(), Code::kInvalidArgument);
  Batch huge;
  for (int i = 0; i < 40; ++i) huge.put(as_bytes(std::to_string(i)), as_bytes(std::string(kValueSizeMax, 'v')));
  EXPECT_EQ(machine.run(store->apply(std::move(huge))).code(), Code::kTooBig);
  EXPECT_EQ(store->change_count(), 0u);
}

TEST(KeyBlockStore, KeepsABatchLargerThanAFrameWhole) {
  TestMachine machine(5);
  ASSERT_TRUE(machine.format(kMiB).is_ok());
  KeyBlockStore* store = *machine.open();
  for (int round = 0; round < 20; ++round) {
    Batch batch;
    for (int i = 0; i < 30; ++i)
      batch.put(as_bytes(std::to_string(i)), as_bytes(std::string(kValueSizeMax, static_cast<char>('a' + round))));
    const Result<LogPosition> position = machine.run(store->apply(std::move(batch)));
    ASSERT_TRUE(position.is_ok()) << position.status().to_string();
    ASSERT_TRUE(machine.run(store->wait_durable(*position)).is_ok());
  }
  machine.crash();
  store = *machine.open();
  const StoreModel found = *machine.run(read_all(store));
  EXPECT_EQ(found.size(), 30u);
  for (const auto& [key, value] : found) EXPECT_EQ(value, std::string(kValueSizeMax, 't')) << key;
}

// A batch whose record fills a frame of the largest size exactly.
Batch frame_filling_batch(char name) {
  constexpr size_t kRecordSize = 64 * kKiB - 72 - 4, kPutSize = 5, kKeySize = 2;
  Batch batch;
  for (char i = 'a'; batch.size() < kRecordSize; ++i) {
    const size_t rest = kRecordSize - batch.size() - kPutSize - kKeySize;
    const std::string key{name, i};
    batch.put(as_bytes(key), as_bytes(std::string(std::min(rest, kValueSizeMax), name)));
  }
  EXPECT_EQ(batch.size(), kRecordSize);
  return batch;
}

TEST(KeyBlockStore, FramesThatACrashedLifeLeftBehindAreNotTakenForTheNextOnes) {
  SimDiskOptions options;
  options.capacity = 8 * kMiB;
  TestMachine machine(9, options);
  ASSERT_TRUE(machine.format(2 * kMiB).is_ok());
  KeyBlockStore* store = *machine.open();
  for (const char name : {'1', '2', '3', '4'}) {
    ASSERT_TRUE(machine.run(store->apply(frame_filling_batch(name))).is_ok());
  }
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  EXPECT_EQ(store->counters().log_frames, 4u);
  machine.crash();
  // They were in flight together, so the crash could as well have lost the second.
  DiskImage image = machine.disk.image();
  image.write((32 + 16) * kBlockSize, Bytes(64 * kKiB));
  machine.disk.load(image);

  store = *machine.open();
  EXPECT_EQ(store->counters().replayed_batches, 1u);
  ASSERT_TRUE(machine.run(store->apply(frame_filling_batch('5'))).is_ok());
  ASSERT_TRUE(machine.run(store->flush()).is_ok());
  machine.crash();

  store = *machine.open();
  EXPECT_EQ(store->counters().replayed_batches, 2u);
  const Result<StoreModel> found = machine.run(read_all(store));
  ASSERT_TRUE(found.is_ok()) << found.status().to_string();
  for (const auto& [key, value] : *found) EXPECT_TRUE(key[0] == '1' || key[0] == '5') << key;
}

TEST(KeyBlockStore, FreedBlocksKeepTheirContentForPinnedReaders) {
  SimDiskOptions options;
  options.capacity = 2 * kMiB;
  TestMachine machine(6, options);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open();
  const BlockRange mine = (*store->reserve(4)).front();
  ASSERT_TRUE(machine.run(write_tagged(store, mine, 7)).is_ok());
  Batch adopt;
  adopt.adopt(mine);
  ASSERT_TRUE(machine.run(store->apply(std::move(adopt))).is_ok());
  EXPECT_EQ(store->space().blocks_used, 4 * kBlockSize);
  {
    const BlockPin pin(*store);
    Batch free;
    free.free(mine);
    ASSERT_TRUE(machine.run(store->apply(std::move(free))).is_ok());
    ASSERT_TRUE(machine.run(store->flush()).is_ok());
    while (true) {  // All that is free, and it's never ours.
      const Result<std::vector<BlockRange>> other = store->reserve(1);
      if (!other.is_ok()) break;
      ASSERT_FALSE((*other)[0].first >= mine.first && (*other)[0].first < mine.first + mine.count);
    }
  }
  const Result<std::vector<BlockRange>> reused = store->reserve(4);
  ASSERT_TRUE(reused.is_ok());
  EXPECT_EQ((*reused).front(), mine);
}

Task<Status> walk_while_changing(KeyBlockStore* store, std::vector<std::string>* seen) {
  Cursor cursor(*store);
  CO_TRY(co_await cursor.seek({}));
  while (cursor.valid()) {
    const std::string key(as_text(cursor.key()));
    seen->push_back(key);
    Batch batch;
    batch.erase(as_bytes(key));
    batch.put(as_bytes("a" + key), as_bytes("behind"));
    const Result<LogPosition> position = co_await store->apply(std::move(batch));
    if (!position.is_ok()) co_return position.status();
    CO_TRY(co_await cursor.next());
  }
  co_return ok();
}

TEST(Cursor, FindsItsPlaceAgainAfterItsKeyWasErased) {
  TestMachine machine(7);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open(small_pages());
  ASSERT_TRUE(machine.run(put_many(store, 0, 200, 30)).is_ok());
  std::vector<std::string> seen;
  ASSERT_TRUE(machine.run(walk_while_changing(store, &seen)).is_ok());
  ASSERT_EQ(seen.size(), 200u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], "key " + std::to_string(100000 + i));
}

Task<void> read_into(KeyBlockStore* store, std::vector<Result<StoreModel>>* out, Signal* done) {
  Result<StoreModel> found = co_await read_all(store);
  out->push_back(std::move(found));
  done->notify_all();
}

Task<void> read_by_many(World* world, KeyBlockStore* store, std::vector<Result<StoreModel>>* out, size_t readers) {
  Signal done(world->executor);
  for (size_t i = 0; i < readers; ++i) world->executor.spawn(read_into(store, out, &done));
  while (out->size() < readers) co_await done.wait();
}

TEST(Cursor, ReadersOfOnePageShareItsRead) {
  TestMachine machine(8);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open(small_pages());
  ASSERT_TRUE(machine.run(put_many(store, 0, 300, 30)).is_ok());
  ASSERT_TRUE(machine.run(store->close()).is_ok());
  machine.boot();
  store = *machine.open(small_pages());
  std::vector<Result<StoreModel>> found;
  machine.run(read_by_many(machine.world.get(), store, &found, 5));
  for (const Result<StoreModel>& one : found) {
    ASSERT_TRUE(one.is_ok());
    EXPECT_EQ((*one).size(), 300u);
  }
  const uint64_t once = store->counters().pages_read;
  EXPECT_GT(once, 10u);
  EXPECT_LE(once * kBlockSize, store->space().index_used);  // Each page once.
}

// A seek that waited for its page, and a change that waited for the same.
Task<void> overwrite(KeyBlockStore* store, std::string key, bool* is_done) {
  Batch batch;
  batch.put(as_bytes(key), as_bytes("new"));
  const auto applied = co_await store->apply(std::move(batch));
  EXPECT_TRUE(applied.is_ok());
  *is_done = true;
}

Task<std::string> seek_beside(World* world, KeyBlockStore* store, std::string key, bool* is_done) {
  world->executor.spawn(overwrite(store, key, is_done));
  Cursor cursor(*store);
  const Status found = co_await cursor.seek(as_bytes(key));
  EXPECT_TRUE(found.is_ok());
  std::string value = cursor.valid() ? std::string(as_text(cursor.value())) : "nothing";
  while (!*is_done) co_await yield(world->executor);
  co_return value;
}

TEST(KeyBlockStore, ASeekThatLoadedItsPageHoldsWhenItReturnsThoughOthersChangeThePage) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    TestMachine machine(seed);
    ASSERT_TRUE(machine.format().is_ok());
    Result<KeyBlockStore*> store = machine.open();
    ASSERT_TRUE(store.is_ok());
    ASSERT_TRUE(machine.run(put_durable(*store, "key", "old")).is_ok());
    ASSERT_TRUE(machine.run((*store)->close()).is_ok());
    machine.boot();
    store = machine.open();
    ASSERT_TRUE(store.is_ok());
    bool is_done = false;
    const std::string value = machine.run(seek_beside(machine.world.get(), *store, "key", &is_done));
    EXPECT_TRUE(value == "old" || value == "new") << value;
  }
}

TEST(KeyBlockStore, BlocksOfADiskThatGrewAreReadAndSurviveACrash) {
  SimDiskOptions options;
  options.capacity = 2 * kMiB;
  options.latency = SimDiskLatency::none();
  TestMachine machine(1, options);
  ASSERT_TRUE(machine.format().is_ok());
  Result<KeyBlockStore*> store = machine.open();
  ASSERT_TRUE(store.is_ok());
  ASSERT_TRUE(machine.run((*store)->close()).is_ok());
  machine.boot();
  machine.disk.options().capacity = 8 * kMiB;
  store = machine.open();
  ASSERT_TRUE(store.is_ok());

  constexpr uint64_t kBlocks = 1000;  // More than the disk had.
  const Result<std::vector<BlockRange>> reserved = (*store)->reserve(kBlocks);
  ASSERT_TRUE(reserved.is_ok()) << reserved.status().to_string();
  DiskBuffer data(kBlocks * kBlockSize);
  std::memset(data.data(), 7, data.size());
  DiskBuffer read(kBlocks * kBlockSize);
  Batch batch;
  uint64_t at = 0;
  for (const BlockRange& range : *reserved) {
    const uint64_t size = range.count * kBlockSize;
    ASSERT_TRUE(machine.run((*store)->write_blocks(range, ByteView(data.bytes()).subspan(at, size))).is_ok());
    batch.adopt(range);
    at += size;
  }
  const Result<LogPosition> applied = machine.run((*store)->apply(std::move(batch)));
  ASSERT_TRUE(applied.is_ok());
  ASSERT_TRUE(machine.run((*store)->wait_durable(*applied)).is_ok());
  for (const bool crashes : {false, true}) {
    if (crashes) {
      machine.crash();
      store = machine.open();
      ASSERT_TRUE(store.is_ok()) << store.status().to_string();
    }
    at = 0;
    for (const BlockRange& range : *reserved) {
      const uint64_t size = range.count * kBlockSize;
      const Status status = machine.run((*store)->read_blocks(range, read.bytes().subspan(at, size)));
      ASSERT_TRUE(status.is_ok()) << status.to_string();
      at += size;
    }
    EXPECT_TRUE(equal_bytes(read.bytes(), data.bytes()));
  }
}

SimDiskOptions memory_disk() {
  SimDiskOptions options;
  options.is_memory = true;
  return options;
}

TEST(StoreInMemory, ABatchIsDurableAtOnce) {
  TestMachine machine(1, memory_disk());
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open();
  for (int i = 0; i < 300; ++i) {  // More than the log takes: a checkpoint or two, which take their time.
    Task<Status> put = put_durable(store, "key " + std::to_string(i), std::string(100, 'v'));
    put.start();
    if (!put.done()) machine.scheduler.run_for(std::chrono::seconds(1));
    ASSERT_TRUE(put.done());
    ASSERT_TRUE(put.take().is_ok());
  }
  EXPECT_EQ(store->counters().log_frames, 300u);
  machine.crash();
  const Result<KeyBlockStore*> opened = machine.open();
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  EXPECT_EQ((*machine.run(read_all(*opened))).size(), 300u);
}

Task<void> put_one(KeyBlockStore* store, int number, int* done) {
  const Status put = co_await put_durable(store, "key " + std::to_string(number), "value");
  if (put.is_ok()) ++*done;
}
Task<void> put_together(KeyBlockStore* store, Executor* executor, int* done) {
  for (int i = 0; i < 16; ++i) executor->spawn(put_one(store, i, done));
  while (*done < 16) co_await yield(*executor);
}

TEST(StoreInMemory, WritersThatAreReadyTogetherShareAFrame) {
  TestMachine machine(2, memory_disk());
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open();
  int done = 0;
  machine.scheduler.run(*machine.process, put_together(store, machine.process, &done));
  EXPECT_EQ(done, 16);
  EXPECT_LE(store->counters().log_frames, 4u);
}

Task<Status> write_and_adopt(KeyBlockStore* store, BlockRange range, uint64_t tag) {
  CO_TRY(co_await write_tagged(store, range, tag));
  Batch batch;
  batch.adopt(range);
  CO_TRY_ASSIGN(const LogPosition position, co_await store->apply(std::move(batch)));
  co_return co_await store->wait_durable(position);
}

TEST(StoreInMemory, BlocksAreSeenWhereTheyLie) {
  for (const size_t data_disk_count : {0, 2}) {
    TestMachine machine(3, memory_disk(), data_disk_count);
    ASSERT_TRUE(machine.format().is_ok());
    KeyBlockStore* store = *machine.open();
    EXPECT_EQ(store->carried_size_max(), 0u);
    const std::vector<BlockRange> ranges = *store->reserve(4);
    const BlockRange range = ranges.front();
    ASSERT_EQ(range.count, 4u);
    ASSERT_TRUE(machine.run(write_and_adopt(store, range, 70)).is_ok());
    const ByteView seen = store->view_blocks({range.first + 1, 2});
    ASSERT_EQ(seen.size(), 2 * kBlockSize);
    EXPECT_EQ(as_text(seen.first(block_text(71).size())), block_text(71));
    EXPECT_EQ(as_text(seen.subspan(kBlockSize, block_text(72).size())), block_text(72));
    EXPECT_TRUE(store->view_blocks({0, 1}).empty());  // The superblock.
    EXPECT_TRUE(store->view_blocks({range.first, uint64_t{1} << 60}).empty());
    if (data_disk_count == 0) {
      machine.disk.script(SimDisk::Script::kReadError);
      EXPECT_TRUE(store->view_blocks({range.first, 1}).empty());
    }

    // What only the log has isn't in the blocks yet.
    const BlockRange other = store->reserve(1)->front();
    Batch batch;
    batch.adopt(other, tagged_content(other, 80));
    ASSERT_TRUE(machine.run(store->apply(std::move(batch))).is_ok());
    EXPECT_TRUE(store->view_blocks(other).empty());
    ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
    EXPECT_EQ(as_text(store->view_blocks(other).first(block_text(80).size())), block_text(80));
  }
  TestMachine machine(4);
  ASSERT_TRUE(machine.format().is_ok());
  KeyBlockStore* store = *machine.open();
  const BlockRange range = store->reserve(1)->front();
  ASSERT_TRUE(machine.run(write_and_adopt(store, range, 90)).is_ok());
  EXPECT_TRUE(store->view_blocks(range).empty());  // A device.
}

}  // namespace
}  // namespace aeon::media
