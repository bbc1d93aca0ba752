// The same cases as object_ops ("client") and target_ops, on RocksDB.
//
//   rocksdb_ops DIRECTORY SECONDS CASE...
//
// Cases: client, small_puts, small_gets, random_4k, and large_index=BYTES with the bytes that the caches may take.

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "bench_support.h"

namespace aeon::bench {
namespace {

constexpr uint64_t kClientPresentCount = 20'000;
constexpr size_t kCacheSize = size_t{512} << 20;  // More than any case has, unless it says so.

void must(const rocksdb::Status& status) {
  if (!status.ok()) fail(status.ToString());
}

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

rocksdb::Options options_with(size_t cache_size) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  options.IncreaseParallelism(2);
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(cache_size);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// As ours: what it may keep in memory is its whole budget, index and filters among it, and nothing is cached by the
// kernel. Index and filters are in small pieces then, as its manual advises, and the cache in few parts, or larger
// blocks wouldn't stay.
rocksdb::Options options_within(size_t budget) {
  constexpr int kShardBits = 2;
  constexpr double kPartForIndex = 0.5;
  rocksdb::Options options = options_with(0);
  options.use_direct_reads = true;
  options.use_direct_io_for_flush_and_compaction = true;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(budget, kShardBits, false, kPartForIndex);
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_top_level_index_and_filter = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// In a directory of its own, which goes with it.
class Database {
 public:
  Database(const std::string& directory, const rocksdb::Options& options) : directory_(directory) {
    std::filesystem::remove_all(directory_);
    open(options);
  }
  ~Database() {
    database_.reset();
    std::filesystem::remove_all(directory_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void open(const rocksdb::Options& options) {
    database_.reset();
    rocksdb::DB* opened = nullptr;
    must(rocksdb::DB::Open(options, directory_, &opened));
    database_.reset(opened);
  }
  rocksdb::DB* operator->() { return database_.get(); }

  void load(uint64_t count, size_t value_size) {
    const std::string value(value_size, 'v');
    for (uint64_t number = 0; number < count; ++number)
      must(database_->Put({}, slice(Key(number).text()), slice(value)));
    must(database_->FlushWAL(true));
  }
  // Into as few sorted files as there can be: what gets find best.
  void settle() {
    must(database_->Flush({}));
    must(database_->CompactRange({}, nullptr, nullptr));
  }
  void put(uint64_t number, std::string_view value, bool is_sync) {
    rocksdb::WriteOptions options;
    options.sync = is_sync;
    must(database_->Put(options, slice(Key(number).text()), slice(value)));
  }
  void get(uint64_t number, char* out, size_t size) {
    rocksdb::PinnableSlice found;
    must(database_->Get({}, database_->DefaultColumnFamily(), slice(Key(number).text()), &found));
    if (found.size() != size) fail("a value is missing");
    std::memcpy(out, found.data(), size);
  }

 private:
  std::string directory_;
  std::unique_ptr<rocksdb::DB> database_;
};

// ---- As object_ops --------------------------------------------------------------------------------------------------

void measure_client(Database& database, const Case& measured, double seconds) {
  const bool updates = measured.op[0] == 'u';
  const bool is_sync = std::string_view(measured.durability) == "sync";
  const std::string value(measured.size, 'v');
  std::atomic<uint64_t> next = updates ? kClientPresentCount : 0;
  std::atomic<uint64_t> count = 0;
  std::vector<float> latencies_us(1 << 20);
  const auto start = Clock::now();
  const auto calls = [&] {
    std::string out(measured.size, 0);
    while (seconds_since(start) < seconds) {
      const uint64_t number = next++;
      const auto begin = Clock::now();
      if (updates)
        database.put(number, value, is_sync);
      else
        database.get(scatter(number) % kClientPresentCount, out.data(), out.size());
      const uint64_t at = count++;
      if (at < latencies_us.size())
        latencies_us[at] = std::chrono::duration<float, std::micro>(Clock::now() - begin).count();
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i < measured.outstanding; ++i) threads.emplace_back(calls);
  calls();
  for (std::thread& thread : threads) thread.join();
  if (std::string_view(measured.durability) == "flush") must(database->FlushWAL(true));
  const double passed = seconds_since(start);
  latencies_us.resize(std::min<uint64_t>(count, latencies_us.size()));
  report(measured, count, passed, std::move(latencies_us));
}

void client(const std::string& directory, double seconds) {
  for (const uint64_t size : {uint64_t{64}, uint64_t{4096}}) {
    Database database(directory, options_with(kCacheSize));
    database.load(kClientPresentCount, size);
    for (const uint32_t outstanding : {1u, 16u}) {
      const char* with = outstanding == 1 ? "calls" : "threads";
      measure_client(database, {"update", size, "sync", outstanding, with}, seconds);
      measure_client(database, {"fetch", size, "none", outstanding, with}, seconds);
      measure_client(database, {"update", size, "flush", outstanding, with}, seconds);
    }
  }
}

// ---- As target_ops --------------------------------------------------------------------------------------------------

struct Measured {
  uint64_t count = 0;
  double per_second = 0;
  double cpu_us_each = 0;  // Of all of RocksDB's threads.
};

void print_measured(std::string_view name, const Measured& measured) {
  print(name, {{"per_second", measured.per_second}, {"cpu_us_each", measured.cpu_us_each}});
}

// Of step(0), step(1), … by so many threads, until time is up or as many as `count_max` are done; then end().
Measured measure(
    uint32_t threads, double seconds, const std::function<void(uint64_t)>& step, uint64_t count_max = ~uint64_t{0},
    const std::function<void()>& end = [] {}) {
  std::atomic<uint64_t> next = 0;
  std::atomic<uint64_t> count = 0;
  const auto start = Clock::now();
  const double cpu = cpu_seconds();
  const auto calls = [&] {
    uint64_t done = 0;
    while (seconds_since(start) < seconds) {
      const uint64_t number = next.fetch_add(1, std::memory_order_relaxed);
      if (number >= count_max) break;
      step(number);
      ++done;
    }
    count += done;
  };
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < threads; ++i) others.emplace_back(calls);
  calls();
  for (std::thread& thread : others) thread.join();
  end();
  const auto done = static_cast<double>(count);
  return {.count = count, .per_second = done / seconds_since(start), .cpu_us_each = 1e6 * (cpu_seconds() - cpu) / done};
}

void small_puts(const std::string& directory, double seconds) {
  Database database(directory, options_with(kCacheSize));
  const std::string value(64, 'v');
  const Measured lazy = measure(
      1, seconds, [&](uint64_t number) { database.put(number, value, false); }, ~uint64_t{0},
      [&] { must(database->FlushWAL(true)); });
  print_measured("put_64_flush", lazy);
  const auto put_durable = [&](uint64_t number) { database.put(lazy.count + number, value, true); };
  print_measured("put_64_sync", measure(1, seconds, put_durable));
}

void small_gets(const std::string& directory, double seconds) {
  constexpr uint64_t kCount = 1'000'000;
  Database database(directory, options_with(kCacheSize));
  database.load(kCount, 64);
  database.settle();
  char out[64];
  for (uint64_t number = 0; number < kCount; ++number) database.get(number, out, sizeof out);  // Into the cache.
  const auto get = [&](uint64_t number) { database.get(scatter(number) % kCount, out, sizeof out); };
  print_measured("get_64", measure(1, seconds, get));
}

void large_index(const std::string& directory, double seconds, size_t budget) {
  constexpr uint64_t kCount = 3'000'000, kWarmingGets = 30'000;
  Database database(directory, options_within(kCacheSize));
  database.load(kCount, 64);
  database.settle();
  database.open(options_within(budget));
  const auto get = [&](uint64_t number) {
    char out[64];
    database.get(scatter(number) % kCount, out, sizeof out);
  };
  measure(16, 600, get, kWarmingGets);
  for (const uint32_t threads : {1u, 16u}) {
    print_measured(fmt::format("get_64_large_index_{}", threads), measure(threads, seconds, get));
  }
}

// As many values of 4 KiB as the file of target_ops has pieces.
void random_4k(const std::string& directory, double seconds) {
  constexpr uint64_t kCount = 131'072;
  Database database(directory, options_with(kCacheSize));
  database.load(kCount, 4096);
  const std::string value(4096, 'w');
  for (const uint32_t threads : {1u, 16u}) {
    const auto update = [&](uint64_t number) { database.put(scatter(~number) % kCount, value, true); };
    print_measured(fmt::format("update_4k_sync_{}", threads), measure(threads, seconds, update));
  }
}

void run(const std::string& directory, double seconds, std::string_view name) {
  constexpr std::string_view kLargeIndex = "large_index=";
  if (name == "client") {
    client(directory, seconds);
  } else if (name == "small_puts") {
    small_puts(directory, seconds);
  } else if (name == "small_gets") {
    small_gets(directory, seconds);
  } else if (name == "random_4k") {
    random_4k(directory, seconds);
  } else if (name.starts_with(kLargeIndex)) {
    large_index(directory, seconds, std::strtoull(name.substr(kLargeIndex.size()).data(), nullptr, 10));
  } else {
    fail(fmt::format("no case '{}'", name));
  }
}

}  // namespace
}  // namespace aeon::bench

int main(int argc, char** argv) {
  if (argc < 4) aeon::bench::fail("usage: rocksdb_ops DIRECTORY SECONDS CASE...");
  for (int i = 3; i < argc; ++i) aeon::bench::run(argv[1], std::strtod(argv[2], nullptr), argv[i]);
}
