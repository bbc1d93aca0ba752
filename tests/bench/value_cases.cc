// Cases of single values: keys in no order, one value each.
#include "child.h"
#include "target_cases.h"

namespace aeon::bench {
namespace {

constexpr ByteCount kKeySize = 16;  // As Key::text().
constexpr ByteCount kValueSize = 64;

Operation put_of(Target& target, vos::Durability durability, uint64_t first = 0) {
  return [&target, durability, first](uint64_t number, MutableBytes value) {
    return put_value(&target, first + number, value, durability);
  };
}

// Of numbers below `count`, in no order.
Operation get_of(Target& target, uint64_t count) {
  return
      [&target, count](uint64_t number, MutableBytes out) { return get_value(&target, scatter(number) % count, out); };
}

}  // namespace

void small_puts(const Run& run) {
  Target target(run.directory);
  const LoopOptions one{.buffer_size = kValueSize, .seconds = run.seconds, .ends_with_flush = true};
  const Measured lazy = run_loop(target, one, put_of(target, vos::Durability::kFlush));
  print("put_64_flush", lazy);
  const Measured sync = run_loop(target, one, put_of(target, vos::Durability::kSync, lazy.count));
  print("put_64_sync", sync);
}

void small_gets(const Run& run) {
  constexpr uint64_t kCount = 1'000'000;
  const ByteCount before = anonymous_bytes();
  Target target(run.directory);
  load_values(target, kValueSize, kCount);
  const auto beyond = [](ByteCount stored) {
    return static_cast<double>(stored) / static_cast<double>(kCount) - static_cast<double>(kKeySize + kValueSize);
  };
  print("memory_per_value", {{"bytes_beyond", beyond(target.store().media().counters().memory_used)},
                             {"process_bytes_beyond", beyond(anonymous_bytes() - before)}});
  print("get_64", run_loop(target, {.buffer_size = kValueSize, .seconds = run.seconds}, get_of(target, kCount)));
}

// ---- An index ten times the memory budget ---------------------------------------------------------------------------

namespace {
constexpr uint64_t kLargeCount = 3'000'000;
constexpr uint64_t kIndexOverBudget = 10;
constexpr uint64_t kWarmingGets = 30'000;
}  // namespace

void fill_large_index(const Run& run) {
  Target target(run.directory, {.keeps_file = true});
  load_values(target, kValueSize, kLargeCount);
}

void large_index(const Run& run) {
  Child filling(run, "fill_large_index");
  filling.wait_until_it_ends();
  const ByteCount before = anonymous_bytes();
  ByteCount index = 0;
  {
    Target target(run.directory, {.memory_budget = media::kMemoryBudgetMin, .keeps_file = true},
                  Target::Start::kExisting);
    index = target.store().media().space().index_used;
  }
  const ByteCount budget = index / kIndexOverBudget;
  Target target(run.directory, {.memory_budget = budget}, Target::Start::kExisting);
  const Operation get = get_of(target, kLargeCount);
  run_loop(target, {.outstanding = 16, .buffer_size = kValueSize, .count_max = kWarmingGets}, get);
  const uint64_t pages_before = target.store().media().counters().pages_read;
  const Measured one = run_loop(target, {.buffer_size = kValueSize, .seconds = run.seconds}, get);
  const media::Counters after = target.store().media().counters();
  print("get_64_large_index_1",
        {{"per_second", one.per_second()},
         {"cpu_us_each", one.cpu_us_each()},
         {"pages_read_each", static_cast<double>(after.pages_read - pages_before) / static_cast<double>(one.count)},
         {"budget", static_cast<double>(budget)}});
  print("get_64_large_index_16",
        run_loop(target, {.outstanding = 16, .buffer_size = kValueSize, .seconds = run.seconds}, get));
  const auto over_budget = [budget](ByteCount bytes) {
    return static_cast<double>(bytes) / static_cast<double>(budget);
  };
  print("memory_of_large_index", {{"peak_over_budget", over_budget(target.store().media().counters().memory_peak)},
                                  {"process_over_budget", over_budget(anonymous_bytes() - before)}});
}

// ---- Without a device -----------------------------------------------------------------------------------------------

namespace {

// As DAOS's vos_perf: one value to each of 50,000 keys, and then all of them in the order they were written.
constexpr uint64_t kMemoryCount = 50'000;

void measure_in_memory(const Run& run, const char* name, ByteCount size, const Operation& update,
                       const Operation& fetch, Target& target) {
  const Measured written =
      run_loop(target, {.buffer_size = size, .count_max = kMemoryCount, .ends_with_flush = true}, update);
  print(fmt::format("memory_update_{}", name).c_str(), written);
  print(fmt::format("memory_fetch_{}", name).c_str(),
        run_loop(target, {.buffer_size = size, .seconds = run.seconds / 2}, fetch));
}

void measure_values_in_memory(const Run& run, const char* name, ByteCount size, vos::Durability durability) {
  Target target(run.directory);
  measure_in_memory(
      run, name, size, put_of(target, durability),
      [&](uint64_t number, MutableBytes out) { return get_value(&target, number % kMemoryCount, out); }, target);
}

}  // namespace

// The script chooses a directory in tmpfs.
void memory_file(const Run& run) {
  measure_values_in_memory(run, "64_sync", kValueSize, vos::Durability::kSync);
  measure_values_in_memory(run, "64_flush", kValueSize, vos::Durability::kFlush);
  measure_values_in_memory(run, "4k_sync", 4 * kKiB, vos::Durability::kSync);
  measure_values_in_memory(run, "4k_flush", 4 * kKiB, vos::Durability::kFlush);
  for (const vos::Durability durability : {vos::Durability::kSync, vos::Durability::kFlush}) {
    Target target(run.directory);
    measure_in_memory(
        run, durability == vos::Durability::kSync ? "4k_array_sync" : "4k_array_flush", 4 * kKiB,
        [&](uint64_t number, MutableBytes data) { return write_extent(&target, number * 4 * kKiB, data, durability); },
        [&](uint64_t number, MutableBytes out) { return read_extent(&target, number % kMemoryCount * 4 * kKiB, out); },
        target);
  }
}

}  // namespace aeon::bench
