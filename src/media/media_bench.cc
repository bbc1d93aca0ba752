// What the index costs: a tree alone in memory, and a store on a real file whose index fits in memory or is ten times
// its memory budget. The file is in AEON_BENCH_DIRECTORY, or else /var/tmp.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "media/key_block_store.h"
#include "runtime/directory.h"
#include "runtime/file_disk.h"
#include "runtime/random.h"
#include "runtime/reactor.h"
#include "runtime/sync.h"
#include "runtime/system.h"
#include "tree.h"

namespace aeon::media {
namespace {

constexpr uint64_t kKeyCount = 100'000;

std::string bench_key(uint64_t number) {
  std::string key = "object/0000000000000000";
  for (size_t at = key.size(); number != 0; number /= 10) key[--at] = static_cast<char>('0' + number % 10);
  return key;
}

void fill(Tree& tree) {
  const std::string value(100, 'v');
  for (uint64_t i = 0; i < kKeyCount; ++i) tree.put(as_bytes(bench_key(i * 7919 % kKeyCount)), as_bytes(value));
}

void tree_put(benchmark::State& state) {
  PageCache cache;
  Tree tree({}, 16 * kKiB, cache);
  fill(tree);
  Random random(2);
  const std::string value(100, 'w');
  for (auto _ : state) tree.put(as_bytes(bench_key(random.below(2 * kKeyCount))), as_bytes(value));
}
BENCHMARK(tree_put);

void tree_seek(benchmark::State& state) {
  PageCache cache;
  Tree tree({}, 16 * kKiB, cache);
  fill(tree);
  Random random(3);
  Tree::Path path;
  for (auto _ : state) {
    benchmark::DoNotOptimize(tree.seek(as_bytes(bench_key(random.below(kKeyCount))), path));
  }
}
BENCHMARK(tree_seek);

void tree_next(benchmark::State& state) {
  PageCache cache;
  Tree tree({}, 16 * kKiB, cache);
  fill(tree);
  Tree::Path path;
  for (auto _ : state) {
    if (!path.is_at_entry()) benchmark::DoNotOptimize(tree.seek({}, path));
    benchmark::DoNotOptimize(tree.next(path));
  }
}
BENCHMARK(tree_next);

// ---- A store on a file ----------------------------------------------------------------------------------------------

constexpr uint64_t kSmallValues = 3'000'000;  // Of 16 B key and 64 B value.
constexpr size_t kValueSize = 64;

// Keys in an order of their own, so that neighbours in time aren't neighbours in the index.
Bytes small_key(uint64_t number) {
  Bytes key(16);
  store_be64(key.data(), number * 0x9e3779b97f4a7c15u);
  store_be64(key.data() + 8, number);
  return key;
}

Task<Status> put_all(KeyBlockStore* store) {
  Batch batch;
  const Bytes value(kValueSize, std::byte{7});
  for (uint64_t i = 0; i < kSmallValues; ++i) {
    batch.put(small_key(i), value);
    if (batch.entry_count() < 100 && i + 1 < kSmallValues) continue;
    const auto applied = co_await store->apply(std::exchange(batch, {}));
    CO_TRY(applied.status());
  }
  co_return co_await store->checkpoint();
}

Task<void> get_some(KeyBlockStore* store, Random random, uint64_t count, int* running, Status* worst, Signal* ended) {
  Cursor cursor(*store);
  for (uint64_t i = 0; i < count && worst->is_ok(); ++i) {
    const Bytes key = small_key(random.below(kSmallValues));
    Status status = co_await cursor.seek(key);
    if (status.is_ok() && (!cursor.valid() || !equal_bytes(cursor.key(), key))) status = Status(Code::kNotFound, "key");
    if (!status.is_ok()) *worst = status;
  }
  if (--*running == 0) ended->notify_all();
}

Task<Status> get_with(World* world, KeyBlockStore* store, Random* random, int tasks, uint64_t count) {
  int running = tasks;
  Status worst;
  Signal ended(world->executor);
  for (int i = 0; i < tasks; ++i) {
    world->executor.spawn(
        get_some(store, random->fork(), count / static_cast<uint64_t>(tasks), &running, &worst, &ended));
  }
  while (running != 0) co_await ended.wait();
  co_return worst;
}

Task<Status> scan(KeyBlockStore* store, uint64_t* count) {
  Cursor cursor(*store);
  CO_TRY(co_await cursor.seek({}));
  while (cursor.valid()) {
    ++*count;
    CO_TRY(co_await cursor.next());
  }
  co_return ok();
}

// One file for all benchmarks, filled when first needed.
class StoreOnFile {
 public:
  StoreOnFile() {
    const char* const chosen = std::getenv("AEON_BENCH_DIRECTORY");
    Result<Directory> directory = Directory::open(std::string(chosen != nullptr ? chosen : "/var/tmp"), false);
    if (!directory.is_ok()) {
      fail(directory.status());
      return;
    }
    directory_ = std::make_unique<Directory>(std::move(*directory));
    if (directory_->has_file(kFile)) fail(directory_->remove_file(kFile));
    Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, directory_->path_of(kFile),
                                                            {.create = true, .read_only = false, .capacity = 4 * kGiB});
    if (!disk.is_ok()) {
      fail(disk.status());
      return;
    }
    disk_ = std::move(*disk);
    FormatOptions format;
    format.store = Uuid::from_random(1, 2);
    fail(reactor_.run(KeyBlockStore::format(world_, *disk_, format)));
    open(4 * kGiB);
    if (store_ != nullptr) fail(reactor_.run(put_all(store_.get())));
    if (store_ != nullptr) index_size_ = store_->space().index_used;
  }
  ~StoreOnFile() {
    close();
    disk_.reset();
    if (directory_ != nullptr) ignore(directory_->remove_file(kFile), "the file may not be there");
  }

  void open(ByteCount budget) {
    close();
    OpenOptions options;
    options.memory_budget = budget;
    Result<std::unique_ptr<KeyBlockStore>> store = reactor_.run(KeyBlockStore::open(world_, *disk_, options));
    if (!store.is_ok()) return fail(store.status());
    store_ = std::move(*store);
  }
  void close() {
    if (store_ != nullptr) fail(reactor_.run(store_->close()));
    store_.reset();
  }
  void kill() { store_.reset(); }

  KeyBlockStore* store() { return store_.get(); }
  World* world() { return &world_; }
  Reactor& reactor() { return reactor_; }
  ByteCount index_size() const { return index_size_; }
  const Status& status() const { return status_; }
  void fail(const Status& status) {
    if (status_.is_ok()) status_ = status;
  }

 private:
  static constexpr const char* kFile = "aeon-media-bench";
  Reactor reactor_;
  SystemClock clock_;
  NoNetwork network_;
  Random random_{1};
  Faults faults_;
  World world_{reactor_, clock_, network_, random_, faults_};
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<FileDisk> disk_;
  std::unique_ptr<KeyBlockStore> store_;
  ByteCount index_size_ = 0;
  Status status_;
};

StoreOnFile& store_on_file() {
  static StoreOnFile file;
  return file;
}

void end(benchmark::State& state, StoreOnFile& file) {
  if (!file.status().is_ok()) state.SkipWithError(file.status().to_string().c_str());
}

void store_get(benchmark::State& state, uint64_t index_over_budget, int tasks) {
  constexpr uint64_t kGets = 20'000;
  StoreOnFile& file = store_on_file();
  file.open(index_over_budget == 0 ? 4 * kGiB : file.index_size() / index_over_budget);
  if (file.store() == nullptr) return end(state, file);
  Random random(5);
  uint64_t warm = 0;
  file.fail(file.reactor().run(scan(file.store(), &warm)));
  if (index_over_budget != 0) {
    file.fail(file.reactor().run(get_with(file.world(), file.store(), &random, 32, 2 * kGets)));
  }
  const Counters before = file.store()->counters();
  for (auto _ : state) {
    file.fail(file.reactor().run(get_with(file.world(), file.store(), &random, tasks, kGets)));
  }
  const Counters after = file.store()->counters();
  const double gets = static_cast<double>(state.iterations()) * kGets;
  state.SetItemsProcessed(static_cast<int64_t>(gets));
  state.counters["reads_per_get"] = static_cast<double>(after.pages_read - before.pages_read) / gets;
  state.counters["peak_over_budget"] =
      static_cast<double>(after.memory_peak) / static_cast<double>(after.memory_budget);
  if (index_over_budget == 0) {
    state.counters["bytes_per_value_beyond"] = static_cast<double>(after.memory_used) / kSmallValues - 16 - kValueSize;
  }
  end(state, file);
}
BENCHMARK_CAPTURE(store_get, hot, 0, 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(store_get, index_10_times_budget_1_task, 10, 1)->Unit(benchmark::kMillisecond)->MinTime(2);
BENCHMARK_CAPTURE(store_get, index_10_times_budget_32_tasks, 10, 32)->Unit(benchmark::kMillisecond)->MinTime(2);

void store_scan_cold(benchmark::State& state) {
  StoreOnFile& file = store_on_file();
  uint64_t keys = 0;
  for (auto _ : state) {
    state.PauseTiming();
    file.open(file.index_size() / 10);
    state.ResumeTiming();
    if (file.store() == nullptr) break;
    file.fail(file.reactor().run(scan(file.store(), &keys)));
  }
  state.SetItemsProcessed(static_cast<int64_t>(keys));
  end(state, file);
}
BENCHMARK(store_scan_cold)->Unit(benchmark::kMillisecond);

void store_open_after_stop(benchmark::State& state) {
  StoreOnFile& file = store_on_file();
  for (auto _ : state) {
    state.PauseTiming();
    file.close();
    state.ResumeTiming();
    file.open(4 * kGiB);
  }
  end(state, file);
}
BENCHMARK(store_open_after_stop)->Unit(benchmark::kMillisecond);

Task<Status> put_scattered(KeyBlockStore* store, Random* random, ByteCount log_bytes) {
  const Bytes value(kValueSize, std::byte{9});
  for (ByteCount logged = 0; logged < log_bytes;) {
    Batch batch;
    for (int i = 0; i < 10; ++i) batch.put(small_key(random->below(kSmallValues)), value);
    logged += batch.size();
    const auto applied = co_await store->apply(std::move(batch));
    CO_TRY(applied.status());
  }
  co_return co_await store->flush();
}

// With about as much in the log as there is before a checkpoint, of keys all over the index.
void store_open_after_kill(benchmark::State& state) {
  StoreOnFile& file = store_on_file();
  Random random(6);
  uint64_t replayed = 0;
  for (auto _ : state) {
    state.PauseTiming();
    if (file.store() != nullptr) {
      file.fail(file.reactor().run(file.store()->checkpoint()));
      file.fail(file.reactor().run(put_scattered(file.store(), &random, 28 * kMiB)));
    }
    file.kill();
    state.ResumeTiming();
    file.open(4 * kGiB);
    if (file.store() != nullptr) replayed = file.store()->counters().replayed_batches;
  }
  state.counters["replayed_batches"] = static_cast<double>(replayed);
  end(state, file);
}
BENCHMARK(store_open_after_kill)->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace
}  // namespace aeon::media

BENCHMARK_MAIN();
