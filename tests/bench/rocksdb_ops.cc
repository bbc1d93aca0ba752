// The same cases as object_ops, on RocksDB.
//
//   rocksdb_ops DIRECTORY SECONDS

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>

#include "bench_support.h"

namespace aeon::bench {
namespace {

constexpr uint64_t kPresentCount = 20000;

void must(const rocksdb::Status& status) {
  if (!status.ok()) fail(status.ToString());
}

std::unique_ptr<rocksdb::DB> open(const std::string& directory) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  options.IncreaseParallelism(2);
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(size_t{512} << 20);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB* opened = nullptr;
  must(rocksdb::DB::Open(options, directory, &opened));
  return std::unique_ptr<rocksdb::DB>(opened);
}

void measure(rocksdb::DB& database, const Case& measured, double seconds) {
  const bool updates = measured.op[0] == 'u';
  const bool is_sync = std::string_view(measured.durability) == "sync";
  const std::string value(measured.size, 'v');
  std::atomic<uint64_t> next = updates ? kPresentCount : 0;
  std::atomic<uint64_t> count = 0;
  std::vector<float> latencies_us(1 << 20);
  const auto start = Clock::now();
  const auto calls = [&] {
    rocksdb::WriteOptions options;
    options.sync = is_sync;
    while (seconds_since(start) < seconds) {
      const uint64_t number = next++;
      const auto begin = Clock::now();
      if (updates) {
        must(database.Put(options, key_of(number), value));
      } else {
        rocksdb::PinnableSlice found;
        must(database.Get({}, database.DefaultColumnFamily(), key_of(scatter(number) % kPresentCount), &found));
        if (found.size() != value.size()) fail("a value is missing");
      }
      const uint64_t at = count++;
      if (at < latencies_us.size())
        latencies_us[at] = std::chrono::duration<float, std::micro>(Clock::now() - begin).count();
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i < measured.outstanding; ++i) threads.emplace_back(calls);
  calls();
  for (std::thread& thread : threads) thread.join();
  if (std::string_view(measured.durability) == "flush") must(database.FlushWAL(true));
  const double passed = seconds_since(start);
  latencies_us.resize(std::min<uint64_t>(count, latencies_us.size()));
  report(measured, count, passed, std::move(latencies_us));
}

void run(const std::string& directory, double seconds) {
  for (const uint64_t size : {uint64_t{64}, uint64_t{4096}}) {
    std::filesystem::remove_all(directory);
    const auto database = open(directory);
    const std::string value(size, 'v');
    for (uint64_t number = 0; number < kPresentCount; ++number) must(database->Put({}, key_of(number), value));
    must(database->FlushWAL(true));
    for (const uint32_t outstanding : {1u, 16u}) {
      const char* with = outstanding == 1 ? "calls" : "threads";
      measure(*database, {"update", size, "sync", outstanding, with}, seconds);
      measure(*database, {"fetch", size, "none", outstanding, with}, seconds);
      measure(*database, {"update", size, "flush", outstanding, with}, seconds);
    }
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace aeon::bench

int main(int argc, char** argv) {
  if (argc != 3) aeon::bench::fail("usage: rocksdb_ops DIRECTORY SECONDS");
  aeon::bench::run(argv[1], std::strtod(argv[2], nullptr));
}
