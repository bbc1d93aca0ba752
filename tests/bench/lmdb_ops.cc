// The single values of target_ops, on LMDB.
//
//   lmdb_ops DIRECTORY SECONDS CASE...     cases: small_puts, small_gets

#include <lmdb.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include "bench_support.h"

namespace aeon::bench {
namespace {

constexpr size_t kValueSize = 64;
constexpr size_t kMapSize = size_t{4} << 30;

void must(int result) {
  if (result != 0) fail(mdb_strerror(result));
}

MDB_val value_of(std::string_view text) { return {.mv_size = text.size(), .mv_data = const_cast<char*>(text.data())}; }

class Database {
 public:
  // Without sync: durable at the next flush().
  explicit Database(const std::string& directory) : directory_(directory) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    must(mdb_env_create(&environment_));
    must(mdb_env_set_mapsize(environment_, kMapSize));
    must(mdb_env_open(environment_, directory_.c_str(), MDB_NOSYNC | MDB_NORDAHEAD, 0600));
    MDB_txn* transaction = nullptr;
    must(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    must(mdb_dbi_open(transaction, nullptr, 0, &database_));
    must(mdb_txn_commit(transaction));
    must(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reading_));
    mdb_txn_reset(reading_);
  }
  ~Database() {
    mdb_txn_abort(reading_);
    mdb_env_close(environment_);
    std::filesystem::remove_all(directory_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // All in one transaction.
  void put(uint64_t first, uint64_t count) {
    const std::string value(kValueSize, 'v');
    MDB_txn* transaction = nullptr;
    must(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    for (uint64_t number = first; number < first + count; ++number) {
      const Key key(number);
      MDB_val name = value_of(key.text());
      MDB_val content = value_of(value);
      must(mdb_put(transaction, database_, &name, &content, 0));
    }
    must(mdb_txn_commit(transaction));
  }

  void begin_reading() { must(mdb_txn_renew(reading_)); }
  void end_reading() { mdb_txn_reset(reading_); }
  void get(uint64_t number, char* out) {
    const Key key(number);
    MDB_val name = value_of(key.text());
    MDB_val content;
    must(mdb_get(reading_, database_, &name, &content));
    if (content.mv_size != kValueSize) fail("a value is missing");
    std::memcpy(out, content.mv_data, kValueSize);
  }

  void flush() { must(mdb_env_sync(environment_, 1)); }

 private:
  std::string directory_;
  MDB_env* environment_ = nullptr;
  MDB_dbi database_ = 0;
  MDB_txn* reading_ = nullptr;  // Reset between uses.
};

struct Measured {
  double per_second = 0;
  double cpu_us_each = 0;
};

// Of step(0), step(1), …
Measured measure(double seconds, const std::function<void(uint64_t)>& step, const std::function<void()>& end) {
  const auto start = Clock::now();
  const double cpu = cpu_seconds();
  uint64_t number = 0;
  while (seconds_since(start) < seconds) step(number++);
  end();
  const auto count = static_cast<double>(number);
  return {.per_second = count / seconds_since(start), .cpu_us_each = 1e6 * (cpu_seconds() - cpu) / count};
}

void small_puts(const std::string& directory, double seconds) {
  Database database(directory);
  const Measured lazy = measure(seconds, [&](uint64_t number) { database.put(number, 1); }, [&] { database.flush(); });
  print("put_64_flush", {{"per_second", lazy.per_second}, {"cpu_us_each", lazy.cpu_us_each}});
}

void small_gets(const std::string& directory, double seconds) {
  constexpr uint64_t kCount = 1'000'000, kBatch = 10'000;
  Database database(directory);
  for (uint64_t number = 0; number < kCount; number += kBatch) database.put(number, kBatch);
  database.flush();
  char out[kValueSize];
  database.begin_reading();  // All once, so that all is mapped.
  for (uint64_t number = 0; number < kCount; ++number) database.get(number, out);
  database.end_reading();
  const Measured each = measure(
      seconds,
      [&](uint64_t number) {
        database.begin_reading();
        database.get(scatter(number) % kCount, out);
        database.end_reading();
      },
      [] {});
  database.begin_reading();
  const Measured together = measure(
      seconds, [&](uint64_t number) { database.get(scatter(number) % kCount, out); }, [&] { database.end_reading(); });
  print("get_64", {{"per_second", each.per_second},
                   {"cpu_us_each", each.cpu_us_each},
                   {"in_one_transaction_per_second", together.per_second}});
}

void run(const std::string& directory, double seconds, std::string_view name) {
  if (name == "small_puts") {
    small_puts(directory, seconds);
  } else if (name == "small_gets") {
    small_gets(directory, seconds);
  } else {
    fail(fmt::format("no case '{}'", name));
  }
}

}  // namespace
}  // namespace aeon::bench

int main(int argc, char** argv) {
  if (argc < 4) aeon::bench::fail("usage: lmdb_ops DIRECTORY SECONDS CASE...");
  for (int i = 3; i < argc; ++i) aeon::bench::run(argv[1], std::strtod(argv[2], nullptr), argv[i]);
}
