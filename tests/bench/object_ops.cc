// Updates and fetches of single values through the client, and the null call.
//
//   object_ops DIRECTORY SECONDS CASE...     makes a system in DIRECTORY; SECONDS for each measured loop
//   object_ops SYSTEM SECONDS client         of a new one that is there: "unix:PATH", "tcp:HOST:PORT"
//
// Cases: "client" is updates and fetches by calls, threads and tasks; "checksums" compares containers with the client's
// checksums on and off. Prints a JSON line for each thing measured.

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>

#include "bench_support.h"
#include "client/client.h"
#include "local/local_system.h"
#include "runtime/gate.h"

namespace aeon::bench {
namespace {

constexpr uint64_t kPresentCount = 20000;
constexpr ObjectId kObject{uint64_t{8} << 56 | uint64_t{1} << 48 | uint64_t{0xffff} << 32, 1};  // Of all targets.

template <typename T>
T must(Result<T> result) {
  if (!result.is_ok()) fail(result.status().to_string());
  return std::move(result).value();
}
void must(const Status& status) {
  if (!status.is_ok()) fail(status.to_string());
}

// One kind of operation on one container; keeps count.
class Workload {
 public:
  Workload(client::Container& container, const Case& measured, uint64_t present = kPresentCount)
      : container_(container), case_(measured), present_(present), value_(measured.size) {
    for (size_t i = 0; i < value_.size(); ++i) value_[i] = std::byte(scatter(i));
  }

  Task<void> operate(uint64_t number) {
    const auto start = Clock::now();
    if (case_.op[0] == 'u') {
      std::vector<ObjectWrite> writes(1);
      describe(writes[0], number);
      const auto written = co_await container_.write(std::move(writes));
      must(written.status());
    } else {
      Bytes out(value_.size());
      std::vector<AkeyFetch> fetches(1);
      fetches[0].akey = to_bytes("0");
      fetches[0].out.emplace_back(out);
      Bytes dkey = to_bytes(Key(scatter(number) % present_).text());
      const auto fetched = co_await container_.fetch(kObject, std::move(dkey), std::move(fetches));
      must(fetched.status());
      if ((*fetched)[0].record_size != value_.size()) fail("a value is missing");
    }
    note(start);
  }

  // Until time is up, one operation after another.
  Task<void> repeat(Clock::time_point start, double seconds) {
    while (seconds_since(start) < seconds) co_await operate(next_++);
  }

  Task<void> preload() {
    for (uint64_t number = 0; number < kPresentCount; number += 100) {
      std::vector<ObjectWrite> writes(100);
      for (uint64_t i = 0; i < 100; ++i) describe(writes[i], number + i);
      const auto written = co_await container_.write(std::move(writes));
      must(written.status());
    }
    const auto flushed = co_await container_.flush();
    must(flushed);
  }

  void note(Clock::time_point start) {
    const auto us = std::chrono::duration<float, std::micro>(Clock::now() - start).count();
    const uint64_t at = count_.fetch_add(1);
    if (at < latencies_us_.size()) latencies_us_[at] = us;
  }

  std::atomic<uint64_t>& next() { return next_; }
  uint64_t count() const { return count_; }
  std::vector<float> latencies_us() const {
    return std::vector<float>(
        latencies_us_.begin(),
        latencies_us_.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(count_, latencies_us_.size())));
  }

 private:
  void describe(ObjectWrite& write, uint64_t number) {
    write.object = kObject;
    write.dkey = to_bytes(Key(number).text());
    write.akeys.resize(1);
    write.akeys[0].akey = to_bytes("0");
    write.akeys[0].record_size = value_.size();
    write.akeys[0].data.emplace_back(value_);
  }

  client::Container& container_;
  Case case_;
  uint64_t present_;
  Bytes value_;
  std::atomic<uint64_t> next_ = 0;
  std::atomic<uint64_t> count_ = 0;
  std::vector<float> latencies_us_ = std::vector<float>(1 << 20);
};

Task<void> run_tasks(client::Container* container, Workload* workload, uint32_t count, double seconds) {
  Gate gate(container->executor());
  const auto start = Clock::now();
  for (uint32_t i = 0; i < count; ++i) gate.spawn(workload->repeat(start, seconds));
  co_await gate.close();
}

void measure(client::System& system, client::Container& container, const Case& measured, double seconds) {
  Workload workload(container, measured);
  if (measured.op[0] == 'u') workload.next() = kPresentCount;
  const auto start = Clock::now();
  if (std::string_view(measured.with) == "tasks") {
    system.run(run_tasks(&container, &workload, measured.outstanding, seconds));
  } else {
    const auto calls = [&] {
      while (seconds_since(start) < seconds) system.run(workload.operate(workload.next()++));
    };
    std::vector<std::thread> threads;
    for (uint32_t i = 1; i < measured.outstanding; ++i) threads.emplace_back(calls);
    calls();
    for (std::thread& thread : threads) thread.join();
  }
  if (std::string_view(measured.durability) == "flush") must(system.run(container.flush()));
  report(measured, workload.count(), seconds_since(start), workload.latencies_us());
}

Task<void> nothing() { co_return; }

void measure_null_call(client::System& system) {
  constexpr int kCount = 200000;
  const auto start = Clock::now();
  for (int i = 0; i < kCount; ++i) system.run(nothing());
  fmt::print(R"({{"op": "null_call", "ns": {:.1f}}})"
             "\n",
             seconds_since(start) * 1e9 / kCount);
}

std::shared_ptr<client::Container> make_container(client::System& system, client::Pool& pool, const std::string& label,
                                                  uint64_t durability, bool has_checksums = true) {
  constexpr uint64_t kChecksumOff = 0;
  client::ContainerSpec spec;
  spec.label = label;
  spec.properties[client::kPropDurability] = durability;
  if (!has_checksums) spec.properties[client::kPropChecksum] = kChecksumOff;
  must(system.run(pool.create_container(spec)));
  return must(system.run(pool.open_container(label, client::Access::kReadWrite)));
}

void client_cases(client::System& system, client::Pool& pool, double seconds) {
  measure_null_call(system);
  for (const uint64_t size : {uint64_t{64}, uint64_t{4096}}) {
    const auto sync = make_container(system, pool, fmt::format("sync{}", size), 0);
    const auto flush = make_container(system, pool, fmt::format("flush{}", size), 1);
    Workload preload(*flush, {"fetch", size, "none", 1, "calls"});
    system.run(preload.preload());
    measure(system, *sync, {"update", size, "sync", 1, "calls"}, seconds);
    measure(system, *sync, {"update", size, "sync", 16, "tasks"}, seconds);
    measure(system, *sync, {"update", size, "sync", 16, "threads"}, seconds);
    measure(system, *flush, {"fetch", size, "none", 1, "calls"}, seconds);
    measure(system, *flush, {"fetch", size, "none", 16, "tasks"}, seconds);
    measure(system, *flush, {"fetch", size, "none", 16, "threads"}, seconds);
    measure(system, *flush, {"update", size, "flush", 1, "calls"}, seconds);
    measure(system, *flush, {"update", size, "flush", 16, "tasks"}, seconds);
    measure(system, *flush, {"update", size, "flush", 16, "threads"}, seconds);
  }
}

// ---- What checksums cost --------------------------------------------------------------------------------------------

// Of operations 0, 1, … until time is up: the CPU time of one in us, which others on the machine disturb least.
double cpu_us_each(local::LocalSystem& system, Workload& workload, uint64_t present, double seconds) {
  const auto start = Clock::now();
  const double cpu = cpu_seconds();
  uint64_t count = 0;
  for (; seconds_since(start) < seconds; ++count) system.run(workload.operate(count % present));
  return 1e6 * (cpu_seconds() - cpu) / static_cast<double>(count);
}

// Short slices in turns, so that both meet the same machine.
void compare_checksums(local::LocalSystem& system, client::Container& with, client::Container& without, const char* op,
                       uint64_t size, double seconds) {
  constexpr int kSlices = 5;
  const uint64_t present = size >= kMiB ? 16 : 1000;
  const Case measured{op, size, "flush", 1, "calls"};
  Workload on(with, measured, present), off(without, measured, present);
  for (uint64_t number = 0; number < present; ++number) {  // All are there before anything is timed.
    system.run(on.operate(number));
    system.run(off.operate(number));
  }
  std::vector<double> on_us, off_us;
  for (int slice = 0; slice < kSlices; ++slice) {
    on_us.push_back(cpu_us_each(system, on, present, seconds / kSlices));
    off_us.push_back(cpu_us_each(system, off, present, seconds / kSlices));
  }
  std::sort(on_us.begin(), on_us.end());
  std::sort(off_us.begin(), off_us.end());
  const double on_median = on_us[kSlices / 2], off_median = off_us[kSlices / 2];
  print(fmt::format("checksums_{}_{}", op, size),
        {{"on_cpu_us_each", on_median}, {"off_cpu_us_each", off_median}, {"on_over_off", on_median / off_median}});
}

std::shared_ptr<local::LocalSystem> open_system(const std::string& directory) {
  local::OpenOptions options;
  options.create_if_missing = true;
  return must(local::LocalSystem::open(directory, options));
}

// Updates, then fetches by a system that was opened anew: so all values are where they are kept, of both containers.
void checksum_cases(const std::string& directory, double seconds) {
  for (const char* const op : {"update", "fetch"}) {
    const auto system = open_system(directory);
    {
      const auto pool = must(system->run(system->connect_pool("default", client::Access::kReadWrite)));
      for (const uint64_t size : {uint64_t{64}, uint64_t{4096}, uint64_t{kMiB}}) {
        const std::string with = fmt::format("with{}", size), without = fmt::format("without{}", size);
        if (op[0] == 'u') {
          static_cast<void>(make_container(*system, *pool, with, 1, true));
          static_cast<void>(make_container(*system, *pool, without, 1, false));
        }
        const auto on = must(system->run(pool->open_container(with, client::Access::kReadWrite)));
        const auto off = must(system->run(pool->open_container(without, client::Access::kReadWrite)));
        compare_checksums(*system, *on, *off, op, size, seconds);
      }
    }
    must(system->close());
  }
}

void run(const std::string& directory, double seconds, std::string_view name) {
  if (directory.starts_with("unix:") || directory.starts_with("tcp:")) {
    const auto system = must(local::open_system(directory, false));
    const auto pool = must(system->run(system->connect_pool("default", client::Access::kReadWrite)));
    return client_cases(*system, *pool, seconds);
  }
  std::filesystem::remove_all(directory);
  if (name == "client") {
    const auto system = open_system(directory);
    {
      const auto pool = must(system->run(system->connect_pool("default", client::Access::kReadWrite)));
      client_cases(*system, *pool, seconds);
    }
    must(system->close());
  } else if (name == "checksums") {
    checksum_cases(directory, seconds);
  } else {
    fail(fmt::format("no case '{}'", name));
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace aeon::bench

int main(int argc, char** argv) {
  if (argc < 4) aeon::bench::fail("usage: object_ops DIRECTORY SECONDS CASE...");
  for (int i = 3; i < argc; ++i) aeon::bench::run(argv[1], std::strtod(argv[2], nullptr), argv[i]);
}
