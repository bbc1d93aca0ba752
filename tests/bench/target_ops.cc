// What the store of one target does by itself, without client and rpc: the cases of `./dev bench target`.
//
//   target_ops DIRECTORY SECONDS CASE...     SECONDS for each measured loop; without a CASE it prints their names
//
// Prints a JSON line for each case: {"case": …, numbers}. CPU time is that of the whole process.

#include <sys/resource.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include "bench_support.h"
#include "media/key_block_store.h"
#include "runtime/file_disk.h"
#include "runtime/gate.h"
#include "runtime/reactor.h"
#include "runtime/system.h"
#include "vos/store.h"

namespace aeon::bench {
namespace {

constexpr ObjectId kObject{uint64_t{8} << 56 | uint64_t{1} << 48 | uint64_t{1} << 32, 1};
constexpr ByteCount kFileChunk = kMiB;  // As DFS cuts files into dkeys.

void must(const Status& status) {
  if (!status.is_ok()) fail(status.to_string());
}
template <typename T>
T must(Result<T> result) {
  must(result.status());
  return std::move(result).value();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

ByteCount resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  unsigned long long size = 0, resident = 0;
  if (file == nullptr || std::fscanf(file, "%llu %llu", &size, &resident) != 2) fail("can't read /proc/self/statm");
  std::fclose(file);
  return resident * 4096;
}

Bytes integer_dkey(uint64_t number) {
  Bytes key(8);
  store_le(key.data(), number);
  return key;
}

// A store in a file of its own, with one container.
class Target {
 public:
  explicit Target(const std::string& directory, ByteCount capacity = 0) : path_(directory + "/target") {
    std::filesystem::create_directories(directory);
    std::filesystem::remove(path_);
    disk_ = must(FileDisk::open(reactor_, path_, {.create = true, .read_only = false, .capacity = capacity}));
    media::FormatOptions format;
    format.store = random_.uuid();
    must(reactor_.run(media::KeyBlockStore::format(world_, *disk_, format)));
    open();
    must(reactor_.run(store_->create_container(container_)));
  }
  ~Target() {
    must(reactor_.run(store_->close()));
    store_.reset();
    disk_.reset();
    std::filesystem::remove(path_);
  }

  // Closes and opens again; returns how long opening took, in ms.
  double reopen() {
    must(reactor_.run(store_->close()));
    store_.reset();
    const auto start = Clock::now();
    open();
    return 1e3 * seconds_since(start);
  }

  Reactor& reactor() { return reactor_; }
  vos::Store& store() { return *store_; }
  Uuid container() const { return container_; }
  Uuid new_id() { return random_.uuid(); }

 private:
  void open() {
    auto media = must(reactor_.run(media::KeyBlockStore::open(world_, *disk_, {})));
    store_ = must(reactor_.run(vos::Store::open(world_, std::move(media))));
  }

  std::string path_;
  Reactor reactor_;
  SystemClock clock_;
  NoNetwork network_;
  Random random_ = system_random();
  Faults faults_;
  World world_{reactor_, clock_, network_, random_, faults_};
  Uuid container_ = random_.uuid();
  std::unique_ptr<FileDisk> disk_;
  std::unique_ptr<vos::Store> store_;
};

// ---- Operations -----------------------------------------------------------------------------------------------------

Task<void> put_value(Target* target, std::string dkey, ByteView value, vos::Durability durability) {
  std::vector<ObjectWrite> writes(1);
  writes[0].object = kObject;
  writes[0].dkey = to_bytes(dkey);
  writes[0].akeys.resize(1);
  writes[0].akeys[0].akey = to_bytes("0");
  writes[0].akeys[0].record_size = value.size();
  writes[0].akeys[0].data.emplace_back(value);
  const auto written = co_await target->store().write(target->container(), std::move(writes), kEpochZero, durability);
  must(written.status());
}

Task<void> get_value(Target* target, std::string dkey, MutableBytes out) {
  std::vector<AkeyFetch> fetches(1);
  fetches[0].akey = to_bytes("0");
  fetches[0].out.emplace_back(out);
  const auto fetched =
      co_await target->store().fetch(target->container(), kObject, to_bytes(dkey), std::move(fetches), 0, kEpochMax);
  must(fetched.status());
  if ((*fetched)[0].record_size != out.size()) fail("a value is missing");
}

// Bytes [offset, offset + size) of a file of kFileChunk pieces.
Task<void> write_extent(Target* target, ByteCount offset, ByteView data, vos::Durability durability) {
  std::vector<ObjectWrite> writes(1);
  writes[0].object = kObject;
  writes[0].dkey = integer_dkey(offset / kFileChunk);
  writes[0].akeys.resize(1);
  AkeyUpdate& update = writes[0].akeys[0];
  update.akey = to_bytes("0");
  update.kind = ValueKind::kArray;
  update.record_size = 1;
  update.recxs.push_back({.index = offset % kFileChunk, .count = data.size()});
  update.data.emplace_back(data);
  const auto written = co_await target->store().write(target->container(), std::move(writes), kEpochZero, durability);
  must(written.status());
}

Task<void> read_extent(Target* target, ByteCount offset, MutableBytes out) {
  std::vector<AkeyFetch> fetches(1);
  fetches[0].akey = to_bytes("0");
  fetches[0].kind = ValueKind::kArray;
  fetches[0].recxs.push_back({.index = offset % kFileChunk, .count = out.size()});
  fetches[0].out.emplace_back(out);
  const auto fetched = co_await target->store().fetch(target->container(), kObject, integer_dkey(offset / kFileChunk),
                                                      std::move(fetches), 0, kEpochMax);
  must(fetched.status());
  if ((*fetched)[0].segments.empty()) fail("an extent is missing");
}

// ---- Loops ----------------------------------------------------------------------------------------------------------

using Operation = std::function<Task<void>(uint64_t number, MutableBytes buffer)>;

struct Measured {
  uint64_t count = 0;
  double seconds = 0;
  double cpu = 0;

  double per_second() const { return static_cast<double>(count) / seconds; }
  double cpu_us_each() const { return 1e6 * cpu / static_cast<double>(count); }
};

struct Loop {
  const Operation* operation;
  Clock::time_point end;
  uint64_t count_max;
  ByteCount buffer_size;
  uint64_t next = 0;
};

Task<void> repeat(Loop* loop) {
  DiskBuffer buffer(loop->buffer_size);
  const MutableBytes bytes = buffer.bytes().first(loop->buffer_size);  // The buffer is whole blocks.
  for (size_t i = 0; i < loop->buffer_size; ++i) bytes[i] = std::byte(scatter(i));
  while (loop->next < loop->count_max && Clock::now() < loop->end) co_await (*loop->operation)(loop->next++, bytes);
}

Task<void> repeat_beside(Executor* executor, Loop* loop, uint32_t outstanding) {
  Gate gate(*executor);
  for (uint32_t i = 0; i < outstanding; ++i) gate.spawn(repeat(loop));
  co_await gate.close();
}

constexpr uint64_t kUntilTimeIsUp = ~uint64_t{0};

Measured run_loop(Target& target, uint32_t outstanding, double seconds, ByteCount buffer_size,
                  const Operation& operation, uint64_t count_max = kUntilTimeIsUp) {
  const auto start = Clock::now();
  const double cpu = cpu_seconds();
  Loop loop{&operation, start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)),
            count_max, buffer_size};
  if (outstanding == 1)
    target.reactor().run(repeat(&loop));
  else
    target.reactor().run(repeat_beside(&target.reactor(), &loop, outstanding));
  return {loop.next, seconds_since(start), cpu_seconds() - cpu};
}

void must_all(Target& target, uint32_t outstanding, ByteCount buffer_size, uint64_t count, const Operation& operation) {
  const Measured done = run_loop(target, outstanding, 3600, buffer_size, operation, count);
  if (done.count < count) fail("loading took more than an hour");
  must(target.reactor().run(target.store().flush()));
}

void print(const char* name, std::initializer_list<std::pair<const char*, double>> numbers) {
  fmt::print(R"({{"case": "{}")", name);
  for (const auto& [key, value] : numbers) fmt::print(R"(, "{}": {:.3f})", key, value);
  fmt::print("}}\n");
  std::fflush(stdout);
}

void print(const char* name, const Measured& measured) {
  print(name, {{"per_second", measured.per_second()}, {"cpu_us_each", measured.cpu_us_each()}});
}

// ---- Cases ----------------------------------------------------------------------------------------------------------

struct Run {
  std::string directory;
  double seconds = 1;
};

Operation put_of(Target& target, vos::Durability durability) {
  return [&target, durability](uint64_t number, MutableBytes value) {
    return put_value(&target, key_of(number), value, durability);
  };
}

// 64 B values of keys in no order; a million of them for what is looked up.
void small_values(const Run& run) {
  constexpr uint64_t kCount = 1'000'000;
  Target target(run.directory);
  const ByteCount before = resident_bytes();
  must_all(target, 16, 64, kCount, put_of(target, vos::Durability::kFlush));
  const auto stored = static_cast<double>(resident_bytes() - before);
  print("memory_per_value", {{"bytes_beyond_key_and_value", stored / static_cast<double>(kCount) - 64 - 16}});
  print("get_64", run_loop(target, 1, run.seconds, 64, [&](uint64_t number, MutableBytes out) {
          return get_value(&target, key_of(scatter(number) % kCount), out);
        }));
  print("open_after_stop", {{"ms", target.reopen()}});
}

void small_puts(const Run& run) {
  Target target(run.directory);
  const Measured lazy = run_loop(target, 1, run.seconds, 64, put_of(target, vos::Durability::kFlush));
  must(target.reactor().run(target.store().flush()));
  print("put_64_flush", lazy);
  print("put_64_sync", run_loop(target, 1, run.seconds, 64, [&](uint64_t number, MutableBytes value) {
          return put_value(&target, key_of(lazy.count + number), value, vos::Durability::kSync);
        }));
}

// 50,000 keys with one value each, put and then looked up in the same order: what DAOS's vos_perf does.
void few_keys(const Run& run) {
  constexpr uint64_t kCount = 50'000;
  const auto rate = [&](const char* name, Target& target, ByteCount size, const Operation& put, const Operation& get) {
    const Measured written = run_loop(target, 1, 60, size, put, kCount);
    must(target.reactor().run(target.store().flush()));
    const Measured rewritten = run_loop(target, 1, run.seconds, size, put);
    must(target.reactor().run(target.store().flush()));
    const Measured read = run_loop(target, 1, run.seconds, size, get);
    print(name, {{"first_updates_per_second", written.per_second()},
                 {"updates_per_second", rewritten.per_second()},
                 {"fetches_per_second", read.per_second()}});
  };
  for (const ByteCount size : {ByteCount{64}, 4 * kKiB}) {
    Target target(run.directory);
    rate(size == 64 ? "few_single_64" : "few_single_4k", target, size,
         [&](uint64_t number, MutableBytes data) {
           return put_value(&target, key_of(number % kCount), data, vos::Durability::kFlush);
         },
         [&](uint64_t number, MutableBytes out) { return get_value(&target, key_of(number % kCount), out); });
  }
  Target target(run.directory);
  rate("few_arrays_4k", target, 4 * kKiB,
       [&](uint64_t number, MutableBytes data) {
         return write_extent(&target, number % kCount * kFileChunk, data, vos::Durability::kFlush);
       },
       [&](uint64_t number, MutableBytes out) { return read_extent(&target, number % kCount * kFileChunk, out); });
}

// 4 KiB pieces of a file of 512 MiB, each written once before.
void random_4k(const Run& run) {
  constexpr uint64_t kPieces = 512 * kMiB / (4 * kKiB);
  Target target(run.directory);
  must_all(target, 16, 64 * kKiB, 512 * kMiB / (64 * kKiB), [&](uint64_t number, MutableBytes data) {
    return write_extent(&target, number * 64 * kKiB, data, vos::Durability::kFlush);
  });
  static_cast<void>(target.reopen());
  const Operation fetch = [&](uint64_t number, MutableBytes out) {
    return read_extent(&target, scatter(number) % kPieces * 4 * kKiB, out);
  };
  print("fetch_4k_1", run_loop(target, 1, run.seconds, 4 * kKiB, fetch));
  print("fetch_4k_32", run_loop(target, 32, run.seconds, 4 * kKiB, fetch));
  const Operation update = [&](uint64_t number, MutableBytes data) {
    return write_extent(&target, scatter(~number) % kPieces * 4 * kKiB, data, vos::Durability::kSync);
  };
  print("update_4k_sync_1", run_loop(target, 1, run.seconds, 4 * kKiB, update));
  print("update_4k_sync_16", run_loop(target, 16, run.seconds, 4 * kKiB, update));
  const Operation lazy = [&](uint64_t number, MutableBytes data) {
    return write_extent(&target, scatter(~number) % kPieces * 4 * kKiB, data, vos::Durability::kFlush);
  };
  print("update_4k_flush_1", run_loop(target, 1, run.seconds, 4 * kKiB, lazy));
  print("fetch_4k_32_rewritten", run_loop(target, 32, run.seconds, 4 * kKiB, fetch));
}

void sequential_1m(const Run& run) {
  constexpr uint64_t kChunks = 1024;
  Target target(run.directory);
  const auto start = Clock::now();
  must_all(target, 4, kMiB, kChunks, [&](uint64_t number, MutableBytes data) {
    return write_extent(&target, number * kMiB, data, vos::Durability::kFlush);
  });
  print("update_1m_4", {{"mib_per_second", static_cast<double>(kChunks) / seconds_since(start)}});
  const Measured read = run_loop(
      target, 4, 60, kMiB, [&](uint64_t number, MutableBytes out) { return read_extent(&target, number * kMiB, out); },
      kChunks);
  print("fetch_1m_4", {{"mib_per_second", read.per_second()}});
}

// Reads of the newest of many versions of each extent, beside reads of extents that were written once.
void history(const Run& run) {
  constexpr uint64_t kExtents = 100, kVersions = 1000;
  Target target(run.directory);
  const Operation write = [&](uint64_t number, MutableBytes data) {
    return write_extent(&target, number % kExtents * 4 * kKiB, data, vos::Durability::kFlush);
  };
  const Operation fetch = [&](uint64_t number, MutableBytes out) {
    return read_extent(&target, scatter(number) % kExtents * 4 * kKiB, out);
  };
  must_all(target, 16, 4 * kKiB, kExtents, write);
  const Measured without = run_loop(target, 1, run.seconds, 4 * kKiB, fetch);
  must_all(target, 16, 4 * kKiB, kExtents * kVersions, write);
  const Measured with = run_loop(target, 1, run.seconds, 4 * kKiB, fetch);
  print("fetch_history", {{"without_per_second", without.per_second()},
                          {"with_1000_versions_per_second", with.per_second()},
                          {"times_longer", without.per_second() / with.per_second()}});
}

Task<void> put_object(Target* target, uint64_t number, ByteView value) {
  std::vector<ObjectWrite> writes(1);
  writes[0].object = {.hi = 0, .lo = scatter(number)};
  writes[0].dkey = to_bytes("d");
  writes[0].akeys.resize(1);
  writes[0].akeys[0].akey = to_bytes("0");
  writes[0].akeys[0].record_size = value.size();
  writes[0].akeys[0].data.emplace_back(value);
  const auto written =
      co_await target->store().write(target->container(), std::move(writes), kEpochZero, vos::Durability::kFlush);
  must(written.status());
}

double median_ms(uint32_t count, const std::function<void()>& body) {
  std::vector<double> ms;
  for (uint32_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    body();
    ms.push_back(1e3 * seconds_since(start));
  }
  std::sort(ms.begin(), ms.end());
  return ms[ms.size() / 2];
}

void snapshots(const Run& run) {
  Target target(run.directory);
  uint64_t present = 0;
  for (const uint64_t count : {uint64_t{1'000}, uint64_t{1'000'000}}) {
    must_all(target, 16, 16, count - present,
             [&](uint64_t number, MutableBytes value) { return put_object(&target, present + number, value); });
    present = count;
    const double snapshot_ms = median_ms(21, [&] {
      must(target.reactor().run(target.store().create_snapshot(target.container(), kEpochZero)).status());
    });
    const double clone_ms = median_ms(21, [&] {
      vos::ContainerOptions options;
      options.base = vos::CloneBase{.container = target.container()};
      must(target.reactor().run(target.store().create_container(target.new_id(), options)));
    });
    print(count == 1'000 ? "snapshot_at_1k_objects" : "snapshot_at_1m_objects",
          {{"snapshot_ms", snapshot_ms}, {"clone_ms", clone_ms}});
  }
}

const std::map<std::string, void (*)(const Run&)>& cases() {
  static const std::map<std::string, void (*)(const Run&)> all{
      {"small_values", small_values}, {"small_puts", small_puts},       {"few_keys", few_keys},
      {"random_4k", random_4k},       {"sequential_1m", sequential_1m}, {"history", history},
      {"snapshots", snapshots}};
  return all;
}

}  // namespace
}  // namespace aeon::bench

int main(int argc, char** argv) {
  using namespace aeon::bench;
  if (argc < 4) {
    for (const auto& [name, body] : cases()) fmt::print("{}\n", name);
    if (argc == 1) return 0;
    fail("usage: target_ops DIRECTORY SECONDS CASE...");
  }
  const Run run{.directory = argv[1], .seconds = std::strtod(argv[2], nullptr)};
  for (int i = 3; i < argc; ++i) {
    const auto found = cases().find(argv[i]);
    if (found == cases().end()) fail(fmt::format("no case '{}'", argv[i]));
    found->second(run);
  }
}
