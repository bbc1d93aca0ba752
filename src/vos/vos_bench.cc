// Updates and fetches of one thread on a disk that takes no time: what the store itself costs.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = uint64_t{13} << 56, .lo = 2};  // Integer dkeys, as files have.
constexpr uint64_t kDkeyCount = 1000;
constexpr uint64_t kBatch = 1000;  // Calls between looks at the benchmark's clock.

SimDiskOptions large_disk() {
  SimDiskOptions options;
  options.latency = SimDiskLatency::none();
  options.capacity = 64 * kGiB;
  return options;
}

Task<Status> update(TestStore& target, ValueKind kind, ByteView data, uint64_t& next) {
  for (uint64_t i = 0; i < kBatch; ++i, ++next) {
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = integer_key(next % kDkeyCount);
    if (kind == ValueKind::kSingle) {
      writes[0].akeys.push_back(TestStore::single(text("a"), data));
    } else {
      writes[0].akeys.push_back(TestStore::extent(text("a"), {next / kDkeyCount * data.size(), data.size()}, 1, data));
    }
    const auto written =
        co_await target.store().write(target.container(), std::move(writes), kEpochZero, Durability::kFlush);
    CO_TRY(written.status());
  }
  co_return ok();
}

Task<Status> fetch(TestStore& target, ValueKind kind, MutableBytes out, uint64_t& next) {
  for (uint64_t i = 0; i < kBatch; ++i, ++next) {
    std::vector<AkeyFetch> akeys(1);
    akeys[0].akey = text("a");
    akeys[0].kind = kind;
    if (kind == ValueKind::kArray) akeys[0].recxs.push_back({0, out.size()});
    akeys[0].out.push_back(out);
    const auto fetched = co_await target.store().fetch(target.container(), kObject, integer_key(next % kDkeyCount),
                                                       std::move(akeys), 0, kEpochMax);
    CO_TRY(fetched.status());
    if (fetched->at(0).segments.empty()) co_return Status(Code::kNotFound, "nothing there");
  }
  co_return ok();
}

void run(benchmark::State& state, ValueKind kind, size_t size, bool is_fetch) {
  TestStore target(1, large_disk());
  Bytes data(size, std::byte{7});
  uint64_t next = 0;
  if (is_fetch) {
    for (uint64_t i = 0; i < kDkeyCount / kBatch; ++i) {
      if (!target.run(update(target, kind, data, next)).is_ok()) state.SkipWithError("update");
    }
  }
  for (auto _ : state) {
    const Status status = target.run(is_fetch ? fetch(target, kind, data, next) : update(target, kind, data, next));
    if (!status.is_ok()) {
      state.SkipWithError(status.to_string().c_str());
      break;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBatch));
}

BENCHMARK_CAPTURE(run, update_single_64, ValueKind::kSingle, 64, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run, update_array_64, ValueKind::kArray, 64, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run, update_single_4096, ValueKind::kSingle, 4096, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run, update_array_4096, ValueKind::kArray, 4096, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run, fetch_single_64, ValueKind::kSingle, 64, true)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run, fetch_array_64, ValueKind::kArray, 64, true)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run, fetch_single_4096, ValueKind::kSingle, 4096, true)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run, fetch_array_4096, ValueKind::kArray, 4096, true)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace aeon::vos

BENCHMARK_MAIN();
