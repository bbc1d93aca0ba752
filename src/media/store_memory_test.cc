// A store whose index is larger than its memory budget.
#include "store_workload_test.h"

namespace aeon::media {
namespace {

constexpr ByteCount kBudget = 2 * kMiB;

OpenOptions with_budget(ByteCount budget, size_t page_size_max = 4 * kKiB) {
  OpenOptions options;
  options.page_size_max = page_size_max;
  options.memory_budget = budget;
  return options;
}

SimDiskOptions fast_disk(ByteCount capacity) {
  SimDiskOptions options;
  options.capacity = capacity;
  options.latency = SimDiskLatency::none();
  return options;
}

std::string numbered_key(uint64_t number) {
  std::string text = std::to_string(number);
  return "key/" + std::string(8 - std::min<size_t>(8, text.size()), '0') + text;
}

// In runs of 500 neighbours.
Task<Status> fill(KeyBlockStore* store, StoreModel* model, uint64_t key_count, size_t value_size) {
  Batch batch;
  for (uint64_t i = 0; i < key_count; ++i) {
    const std::string key = numbered_key((i / 500 * 7919 * 500 + i % 500) % key_count);
    const std::string value = std::to_string(i) + std::string(value_size, 'v');
    batch.put(as_bytes(key), as_bytes(value));
    (*model)[key] = value;
    if (batch.entry_count() < 20 && i + 1 < key_count) continue;
    const auto applied = co_await store->apply(std::exchange(batch, {}));
    CO_TRY(applied.status());
  }
  co_return ok();
}

Task<Status> expect_value(KeyBlockStore* store, const StoreModel* model, std::string key) {
  CO_TRY_ASSIGN(const std::optional<std::string> found, co_await get(store, key));
  const auto expected = model->find(key);
  EXPECT_EQ(found.has_value(), expected != model->end()) << key;
  if (found && expected != model->end()) {
    EXPECT_EQ(*found, expected->second) << key;
  }
  co_return ok();
}

Task<Status> expect_range(KeyBlockStore* store, const StoreModel* model, std::string from, size_t count) {
  Cursor cursor(*store);
  CO_TRY(co_await cursor.seek(as_bytes(from)));
  auto expected = model->lower_bound(from);
  for (size_t i = 0; i < count && expected != model->end(); ++i, ++expected) {
    EXPECT_TRUE(cursor.valid());
    if (!cursor.valid()) break;
    EXPECT_EQ(as_text(cursor.key()), expected->first);
    EXPECT_EQ(as_text(cursor.value()), expected->second);
    CO_TRY(co_await cursor.next());
  }
  EXPECT_EQ(cursor.valid(), expected != model->end());
  co_return ok();
}

Task<Status> change_and_look(KeyBlockStore* store, StoreModel* model, Random* random, uint64_t key_count, int steps) {
  for (int step = 0; step < steps; ++step) {
    const std::string key = numbered_key(random->below(key_count));
    if (random->one_in(100)) {
      CO_TRY(co_await expect_range(store, model, key, 2000));
    } else if (random->one_in(2)) {
      CO_TRY(co_await expect_value(store, model, key));
    } else {
      Batch batch;
      for (uint64_t i = random->between(1, 5); i != 0; --i) {
        const std::string changed = numbered_key(random->below(key_count));
        if (random->one_in(3)) {
          batch.erase(as_bytes(changed));
          model->erase(changed);
        } else {
          (*model)[changed] = std::string(random->below(150), 'w');
          batch.put(as_bytes(changed), as_bytes((*model)[changed]));
        }
      }
      const auto applied = co_await store->apply(std::move(batch));
      CO_TRY(applied.status());
    }
  }
  co_return ok();
}

TEST(StoreMemory, AnIndexTenTimesTheBudgetAgreesWithAMapAndStaysWithinTheBudget) {
  for_each_seed(
      [](uint64_t seed) {
        TestMachine machine(seed, fast_disk(256 * kMiB));
        ASSERT_TRUE(machine.format(8 * kMiB).is_ok());
        const Result<KeyBlockStore*> opened = machine.open(with_budget(kBudget, seed % 2 == 0 ? 2 * kKiB : 8 * kKiB));
        ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
        KeyBlockStore* const store = *opened;
        StoreModel model;
        constexpr uint64_t kKeyCount = 150'000;
        Status status = machine.run(fill(store, &model, kKeyCount, 100));
        ASSERT_TRUE(status.is_ok()) << status.to_string();
        ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
        EXPECT_GT(store->space().index_used, 9 * kBudget);
        Random random = machine.random.fork();
        status = machine.run(change_and_look(store, &model, &random, kKeyCount, 4000));
        ASSERT_TRUE(status.is_ok()) << status.to_string();
        const Counters counters = store->counters();
        EXPECT_EQ(counters.memory_budget, kBudget);
        EXPECT_LE(counters.memory_peak, kBudget + kBudget / 10);
        EXPECT_GT(counters.memory_used, kBudget / 2) << "memory that is there is used";
        EXPECT_GT(counters.pages_evicted, 1000u);
        // Killed, and opened with the same budget.
        ASSERT_TRUE(machine.run(store->flush()).is_ok());
        machine.crash();
        const Result<KeyBlockStore*> again = machine.open(with_budget(kBudget));
        ASSERT_TRUE(again.is_ok()) << again.status().to_string();
        const Result<StoreModel> found = machine.run(read_all(*again));
        ASSERT_TRUE(found.is_ok()) << found.status().to_string();
        EXPECT_EQ(*found, model);
        EXPECT_LE((*again)->counters().memory_peak, kBudget + kBudget / 10);
      },
      2);
}

Task<void> look_often(KeyBlockStore* store, const StoreModel* model, Random random, int* running, Status* worst) {
  for (int i = 0; i < 60 && worst->is_ok(); ++i) {
    // Values from fill() aren't changed meanwhile.
    const std::string key = numbered_key(random.below(19'000));
    Status status;
    if (random.one_in(20))
      status = co_await expect_range(store, model, key, 300);
    else
      status = co_await expect_value(store, model, key);
    if (!status.is_ok()) *worst = status;
  }
  --*running;
}

Task<Status> look_from_many_sides(World* world, KeyBlockStore* store, StoreModel* model, Random* random) {
  int running = 16;
  Status worst = ok();
  for (int i = 0; i < 16; ++i) world->executor.spawn(look_often(store, model, random->fork(), &running, &worst));
  // Batches with keys all over the index, more than fit, behind those that are looked at.
  for (int step = 0; step < 20; ++step) {
    Batch batch;
    for (uint64_t i = 0; i < 30; ++i) {
      const std::string key = numbered_key(20'000 + random->below(10'000)) + "x";
      batch.put(as_bytes(key), as_bytes("later"));
    }
    const auto applied = co_await store->apply(std::move(batch));
    CO_TRY(applied.status());
  }
  while (running != 0) co_await sleep_for(world->executor, std::chrono::milliseconds(1));
  co_return worst;
}

TEST(StoreMemory, ManyReadersAndAWriterComeThroughWithRoomForFewPages) {
  for_each_seed(
      [](uint64_t seed) {
        SimDiskOptions disk;
        disk.capacity = 64 * kMiB;
        TestMachine machine(seed, disk);
        ASSERT_TRUE(machine.format(4 * kMiB).is_ok());
        const Result<KeyBlockStore*> opened = machine.open(with_budget(64 * kKiB, 2 * kKiB));
        ASSERT_TRUE(opened.is_ok());
        StoreModel model;
        ASSERT_TRUE(machine.run(fill(*opened, &model, 30'000, 20)).is_ok());
        for (auto key = model.lower_bound(numbered_key(20'000)); key != model.end();) key = model.erase(key);
        Random random = machine.random.fork();
        const Status status = machine.run(look_from_many_sides(machine.world.get(), *opened, &model, &random));
        ASSERT_TRUE(status.is_ok()) << status.to_string();
      },
      3);
}

// The put belongs to a page that the erases empty, and then to one that isn't in memory.
TEST(StoreMemory, ABatchThatEmptiesAPageAndPutsThereNeedsNoOther) {
  for_each_seed([](Random& random) {
    TestMachine machine(random.next(), fast_disk(8 * kMiB));
    ASSERT_TRUE(machine.format().is_ok());
    Result<KeyBlockStore*> opened = machine.open(with_budget(kBudget, 512));
    ASSERT_TRUE(opened.is_ok());
    StoreModel model;
    const uint64_t key_count = random.between(4, 60);
    ASSERT_TRUE(machine.run(fill(*opened, &model, key_count, 100)).is_ok());
    ASSERT_TRUE(machine.run((*opened)->close()).is_ok());
    machine.boot();
    opened = machine.open(with_budget(kBudget, 512));
    ASSERT_TRUE(opened.is_ok());
    Batch batch;
    const uint64_t first = random.below(key_count);
    for (uint64_t i = first; i < first + random.between(1, 12); ++i) {
      batch.erase(as_bytes(numbered_key(i)));
      model.erase(numbered_key(i));
      if (!random.one_in(3)) continue;
      batch.put(as_bytes(numbered_key(i) + "x"), as_bytes("put"));
      model[numbered_key(i) + "x"] = "put";
    }
    ASSERT_TRUE(machine.run((*opened)->apply(std::move(batch))).is_ok());
    const Result<StoreModel> found = machine.run(read_all(*opened));
    ASSERT_TRUE(found.is_ok());
    EXPECT_EQ(*found, model);
  });
}

// Filled, and all of it in pages.
struct FilledStore {
  FilledStore(ByteCount capacity, ByteCount log_size, uint64_t key_count) : machine(1, fast_disk(capacity)) {
    EXPECT_TRUE(machine.format(log_size).is_ok());
    const Result<KeyBlockStore*> opened = machine.open(with_budget(kBudget));
    CHECK(opened.is_ok());
    store = *opened;
    EXPECT_TRUE(machine.run(fill(store, &model, key_count, 100)).is_ok());
    EXPECT_TRUE(machine.run(store->checkpoint()).is_ok());
  }
  TestMachine machine;
  KeyBlockStore* store = nullptr;
  StoreModel model;
};

TEST(StoreMemory, ADamagedPageFailsWhatLiesBelowItAndNothingElse) {
  FilledStore filled(64 * kMiB, 4 * kMiB, 60'000);
  auto& [machine, store, model] = filled;
  // The next page that comes from the disk is damaged for good.
  const uint64_t read_before = store->counters().pages_read;
  machine.disk.script(SimDisk::Script::kBitRot, 0);
  size_t damaged = 0;
  for (int round = 0; round < 2; ++round) {
    size_t failed = 0;
    for (const auto& [key, value] : model) {
      const Result<std::optional<std::string>> found = machine.run(get(store, key));
      if (found.is_ok()) {
        ASSERT_TRUE((*found).has_value()) << key;
        ASSERT_EQ(**found, value);
        continue;
      }
      ASSERT_EQ(found.code(), Code::kCorrupt) << found.status().to_string();
      ASSERT_NE(found.status().message().find("index page at block"), std::string_view::npos);
      ++failed;
    }
    if (round == 1) {
      EXPECT_EQ(failed, damaged);
    }
    damaged = failed;
  }
  ASSERT_GT(store->counters().pages_read, read_before + 1000);
  EXPECT_GT(damaged, 0u);
  EXPECT_LT(damaged, 200u) << "a leaf has about 30 keys";
  // Writing elsewhere goes on, checkpoints too.
  ASSERT_TRUE(machine.run(put_durable(store, numbered_key(99'999'999), "new")).is_ok());
  ASSERT_TRUE(machine.run(store->checkpoint()).is_ok());
}

Task<Status> put_until_it_fails(KeyBlockStore* store, StoreModel* model, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = numbered_key(i * 7919 % count);
    Batch batch;
    batch.put(as_bytes(key), as_bytes(std::string(200, 'n')));
    const auto applied = co_await store->apply(std::move(batch));
    CO_TRY(applied.status());
    (*model)[key] = std::string(200, 'n');
  }
  co_return ok();
}

TEST(StoreMemory, WhenChangesCantBeWrittenPutsFailAndReadsGoOnUntilTheyCan) {
  FilledStore filled(256 * kMiB, 64 * kMiB, 10'000);
  auto& [machine, store, model] = filled;
  // The log has its place; pages get no new blocks.
  machine.disk.options().space = 0;
  const Status full = machine.run(put_until_it_fails(store, &model, 100'000));
  ASSERT_EQ(full.code(), Code::kNoSpace) << full.to_string();
  EXPECT_LE(store->counters().memory_peak, kBudget + kBudget / 10);
  Result<StoreModel> found = machine.run(read_all(store));
  ASSERT_TRUE(found.is_ok()) << found.status().to_string();
  EXPECT_EQ(*found, model);
  machine.disk.options().space = ~uint64_t{0};
  const Status again = machine.run(put_until_it_fails(store, &model, 20'000));
  ASSERT_TRUE(again.is_ok()) << again.to_string();
  found = machine.run(read_all(store));
  ASSERT_TRUE(found.is_ok());
  EXPECT_EQ(*found, model);
}

TEST(StoreMemory, ADiskSlowerThanTheBatchesMakesThemWaitRatherThanBufferThem) {
  SimDiskOptions disk;
  disk.capacity = 256 * kMiB;
  disk.latency = SimDiskLatency{.write_min = std::chrono::milliseconds(5), .write_max = std::chrono::milliseconds(9)};
  TestMachine machine(1, disk);
  ASSERT_TRUE(machine.format(64 * kMiB).is_ok());
  const Result<KeyBlockStore*> opened = machine.open(with_budget(kBudget));
  ASSERT_TRUE(opened.is_ok());
  StoreModel model;
  ASSERT_TRUE(machine.run(fill(*opened, &model, 50'000, 100)).is_ok());
  EXPECT_LE((*opened)->counters().memory_peak, kBudget + kBudget / 10);
}

TEST(StoreMemory, AColdScanReadsAheadAndSingleReadsDoNot) {
  SimDiskOptions disk;
  disk.capacity = 64 * kMiB;
  TestMachine machine(1, disk);
  ASSERT_TRUE(machine.format(4 * kMiB).is_ok());
  Result<KeyBlockStore*> opened = machine.open(with_budget(8 * kMiB));
  ASSERT_TRUE(opened.is_ok());
  StoreModel model;
  ASSERT_TRUE(machine.run(fill(*opened, &model, 30'000, 100)).is_ok());
  ASSERT_TRUE(machine.run((*opened)->close()).is_ok());
  machine.boot();
  opened = machine.open(with_budget(8 * kMiB));
  ASSERT_TRUE(opened.is_ok());
  Random random(5);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(machine.run(get(*opened, numbered_key(random.below(30'000)))).is_ok());
  EXPECT_LT((*opened)->counters().pages_read_ahead, 20u);
  machine.boot();
  opened = machine.open(with_budget(8 * kMiB));
  ASSERT_TRUE(opened.is_ok());
  ASSERT_TRUE(machine.run(expect_range(*opened, &model, "", 30'000)).is_ok());
  const Counters counters = (*opened)->counters();
  EXPECT_GT(counters.pages_read_ahead, counters.pages_read / 2);
}

}  // namespace
}  // namespace aeon::media
