// Cases of pieces of a file, read and written at random or in a row.
#include "target_cases.h"

namespace aeon::bench {
namespace {

constexpr ByteCount kPiece = 4 * kKiB;

// Of `size` bytes of the file, a 4 KiB piece each, in no order.
Operation fetch_random(Target& target, ByteCount size) {
  return [&target, size](uint64_t number, MutableBytes out) {
    return read_extent(&target, scatter(number) % (size / kPiece) * kPiece, out);
  };
}
Operation update_random(Target& target, ByteCount size, vos::Durability durability) {
  return [&target, size, durability](uint64_t number, MutableBytes data) {
    return write_extent(&target, scatter(~number) % (size / kPiece) * kPiece, data, durability);
  };
}

// Far more data than memory: the budget holds the index, but not the data.
constexpr ByteCount kFileSize = 512 * kMiB;
constexpr ByteCount kBudget = 64 * kMiB;

LoopOptions pieces(const Run& run, uint32_t outstanding) {
  return {.outstanding = outstanding, .buffer_size = kPiece, .seconds = run.seconds};
}

}  // namespace

void random_4k(const Run& run) {
  Target target(run.directory, {.memory_budget = kBudget});
  load_file(target, kFileSize, kPiece);
  static_cast<void>(target.reopen(kBudget));
  const Operation fetch = fetch_random(target, kFileSize);
  print("fetch_4k_1", run_loop(target, pieces(run, 1), fetch));
  print("fetch_4k_32", run_loop(target, pieces(run, 32), fetch));
  const Operation sync = update_random(target, kFileSize, vos::Durability::kSync);
  print("update_4k_sync_1", run_loop(target, pieces(run, 1), sync));
  print("update_4k_sync_16", run_loop(target, pieces(run, 16), sync));
  LoopOptions lazy = pieces(run, 1);
  lazy.ends_with_flush = true;
  print("update_4k_flush_1", run_loop(target, lazy, update_random(target, kFileSize, vos::Durability::kFlush)));
  print("fetch_4k_32_updated", run_loop(target, pieces(run, 32), fetch));
}

// Pieces of larger writes, which are under checksums of 32 KiB.
void random_4k_of_64k(const Run& run) {
  Target target(run.directory, {.memory_budget = kBudget});
  load_file(target, kFileSize, 64 * kKiB);
  static_cast<void>(target.reopen(kBudget));
  print("fetch_4k_32_of_64k", run_loop(target, pieces(run, 32), fetch_random(target, kFileSize)));
}

void sequential_1m(const Run& run) {
  constexpr uint64_t kChunks = 1024;
  Target target(run.directory);
  LoopOptions options{.outstanding = 4, .buffer_size = kMiB, .count_max = kChunks, .ends_with_flush = true};
  const auto write = [&](uint64_t number, MutableBytes data) {
    return write_extent(&target, number * kMiB, data, vos::Durability::kFlush);
  };
  const auto print_rate = [](const char* name, const Measured& measured) {
    print(name, {{"mib_per_second", measured.per_second()}, {"cpu_us_each", measured.cpu_us_each()}});
  };
  print_rate("update_1m_4", run_loop(target, options, write));
  options.ends_with_flush = false;
  print_rate("fetch_1m_4", run_loop(target, options, [&](uint64_t number, MutableBytes out) {
               return read_extent(&target, number * kMiB, out);
             }));
}

// Reads of the newest of many versions of each extent, beside reads of extents that were written once.
void history(const Run& run) {
  constexpr uint64_t kExtents = 100, kVersions = 1000;
  Target target(run.directory);
  const Operation write = [&](uint64_t number, MutableBytes data) {
    return write_extent(&target, number % kExtents * kPiece, data, vos::Durability::kFlush);
  };
  const Operation fetch = [&](uint64_t number, MutableBytes out) {
    return read_extent(&target, scatter(number) % kExtents * kPiece, out);
  };
  must_all(target, 16, kPiece, kExtents, write);
  static_cast<void>(target.reopen());  // So that both are read from where they are kept.
  const Measured without = run_loop(target, pieces(run, 1), fetch);
  must_all(target, 16, kPiece, kExtents * kVersions, write);
  static_cast<void>(target.reopen());
  const Measured with = run_loop(target, pieces(run, 1), fetch);
  print("fetch_history", {{"without_per_second", without.per_second()},
                          {"with_1000_versions_per_second", with.per_second()},
                          {"times_longer", without.per_second() / with.per_second()},
                          {"cpu_times_longer", with.cpu_us_each() / without.cpu_us_each()}});
}

// ---- Bytes written to the device for each byte written to the store -------------------------------------------------

namespace {

constexpr ByteCount kVolumeCapacity = 512 * kMiB;
constexpr double kFullPart = 0.7;
constexpr double kPatienceSeconds = 20;

// Who finds the store full asks for aggregation and tries again, but not for ever.
struct Patience {
  uint64_t times_full = 0;
  bool is_over = false;
};
Task<void> write_with_patience(Target* target, ByteCount offset, ByteView data, Patience* patience) {
  const auto start = Clock::now();
  while (!patience->is_over) {
    const Status written = co_await try_write_extent(target, offset, data, vos::Durability::kSync);
    if (written.is_ok()) co_return;
    if (written.code() != Code::kNoSpace) must(written);
    ++patience->times_full;
    patience->is_over = seconds_since(start) > kPatienceSeconds;
    const auto aggregated = co_await target->store().aggregate(target->container(), kEpochMax);
    must(aggregated.status());
  }
}

// `loaded` is the size of the pieces that the file was written in.
void measure_volume(const Run& run, const char* name, ByteCount loaded, ByteCount piece, uint32_t outstanding) {
  Target target(run.directory, {.capacity = kVolumeCapacity});
  vos::AggregationPolicy policy;
  policy.is_on = true;
  policy.readable_for = Duration::zero();
  target.store().set_aggregation_policy(policy);
  const auto capacity = static_cast<double>(target.store().media().space().capacity);
  const auto size = round_down(static_cast<uint64_t>(kFullPart * capacity), kMiB);
  load_file(target, size, loaded);
  Patience patience;
  uint64_t pass = 0;
  const Operation overwrite = [&](uint64_t number, MutableBytes data) {
    return write_with_patience(&target, scatter(number ^ pass << 40) % (size / piece) * piece, data, &patience);
  };
  const LoopOptions once_over{.outstanding = outstanding, .buffer_size = piece, .count_max = size / piece};
  run_loop(target, once_over, overwrite);  // Into the steady state.
  ++pass;
  patience.times_full = 0;
  const ByteCount before = bytes_written_to_devices();
  const media::Counters counters = target.store().media().counters();
  const Measured measured = run_loop(target, once_over, overwrite);
  if (patience.is_over) {
    print(name, {{"ran_out_of_space", 1}});
    return;
  }
  const auto per_byte = [&](ByteCount bytes) {
    return static_cast<double>(bytes) / (static_cast<double>(measured.count) * static_cast<double>(piece));
  };
  const media::Counters after = target.store().media().counters();
  print(name, {{"device_bytes_per_byte", per_byte(bytes_written_to_devices() - before)},
               {"log", per_byte(after.log_bytes - counters.log_bytes)},
               {"index", per_byte(after.page_bytes_written - counters.page_bytes_written)},
               {"blocks", per_byte(after.block_bytes_written - counters.block_bytes_written)},
               {"checkpoints", static_cast<double>(after.checkpoints - counters.checkpoints)},
               {"per_second", measured.per_second()},
               {"times_full", static_cast<double>(patience.times_full)}});
}

}  // namespace

void write_volume(const Run& run) {
  measure_volume(run, "write_volume_4k", 64 * kKiB, kPiece, 16);
  measure_volume(run, "write_volume_1m", kMiB, kMiB, 4);
}

}  // namespace aeon::bench
