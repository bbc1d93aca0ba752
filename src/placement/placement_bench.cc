// What layouts cost: of one target, of narrow and wide objects, with everything well and with targets lost, and the
// group of a dkey.
#include <benchmark/benchmark.h>

#include <string>

#include "placement/layout.h"

namespace aeon::placement {
namespace {

PoolMap bench_map(uint32_t racks, uint32_t nodes, uint32_t targets) {
  std::vector<RankPlace> ranks;
  for (uint32_t rank = 0; rank < racks * nodes; ++rank) {
    ranks.push_back({.fault_domains = {"rack-" + std::to_string(rank / nodes)},
                     .node = "node-" + std::to_string(rank),
                     .rank = rank,
                     .target_count = targets});
  }
  return make_pool_map(ranks).value();
}

ObjectId bench_object(ClassId id, uint64_t number, uint8_t type = 0) {
  return make_object_id({.hi = 0, .lo = number}, type, id);
}

void place_objects(benchmark::State& state, const PoolMap& pool_map, const char* class_text, View view = View::kNow,
                   MapKind kind = MapKind::kJump) {
  const PlacementMap map = PlacementMap::make(pool_map, kind).value();
  const ClassId id = class_by_name(class_text).value();
  Layout layout;
  uint64_t number = 0;
  for (auto _ : state) {
    CHECK(map.place_into(bench_object(id, ++number), view, layout).is_ok());
    benchmark::DoNotOptimize(layout.targets.data());
  }
}

void one_target(benchmark::State& state) { place_objects(state, make_plain_map(1), "SX"); }
BENCHMARK(one_target);

void four_targets(benchmark::State& state, const char* class_text) {
  place_objects(state, make_plain_map(4), class_text);
}
BENCHMARK_CAPTURE(four_targets, S1, "S1");
BENCHMARK_CAPTURE(four_targets, S4, "S4");
BENCHMARK_CAPTURE(four_targets, SX, "SX");

void most_groups(benchmark::State& state) { place_objects(state, make_plain_map(4), "S60000"); }
BENCHMARK(most_groups)->Unit(benchmark::kMicrosecond);

void targets_1024(benchmark::State& state, const char* class_text) {
  place_objects(state, bench_map(16, 8, 8), class_text);
}
BENCHMARK_CAPTURE(targets_1024, S1, "S1");
BENCHMARK_CAPTURE(targets_1024, S32, "S32");
BENCHMARK_CAPTURE(targets_1024, SX, "SX");
BENCHMARK_CAPTURE(targets_1024, RP_3G1, "RP_3G1");
BENCHMARK_CAPTURE(targets_1024, RP_2GX, "RP_2GX");
BENCHMARK_CAPTURE(targets_1024, EC_8P2G1, "EC_8P2G1");
BENCHMARK_CAPTURE(targets_1024, EC_16P3G1, "EC_16P3G1");
BENCHMARK_CAPTURE(targets_1024, EC_8P2GX, "EC_8P2GX");

void targets_1024_ring(benchmark::State& state, const char* class_text) {
  place_objects(state, bench_map(16, 8, 8), class_text, View::kNow, MapKind::kRing);
}
BENCHMARK_CAPTURE(targets_1024_ring, RP_3G1, "RP_3G1");
BENCHMARK_CAPTURE(targets_1024_ring, EC_8P2GX, "EC_8P2GX");

void rack_lost_of_16(benchmark::State& state, const char* class_text) {
  const PoolMap map = bench_map(16, 8, 8);
  place_objects(state, with_excluded(map, map.targets_below(1)).value(), class_text, View::kNext);
}
BENCHMARK_CAPTURE(rack_lost_of_16, S1, "S1");
BENCHMARK_CAPTURE(rack_lost_of_16, RP_3G1, "RP_3G1");
BENCHMARK_CAPTURE(rack_lost_of_16, EC_8P2G1, "EC_8P2G1");

void rack_lost_of_3(benchmark::State& state, const char* class_text) {
  const PoolMap map = bench_map(3, 8, 8);
  place_objects(state, with_excluded(map, map.targets_below(1)).value(), class_text, View::kNext);
}
BENCHMARK_CAPTURE(rack_lost_of_3, RP_3G1, "RP_3G1");

void make_placement_map(benchmark::State& state) {
  const PoolMap map = bench_map(16, 8, 8);
  for (auto _ : state) benchmark::DoNotOptimize(PlacementMap::make(map));
}
BENCHMARK(make_placement_map)->Unit(benchmark::kMicrosecond);

void decode_map(benchmark::State& state) {
  const Bytes bytes = encode_pool_map(bench_map(16, 8, 8));
  for (auto _ : state) benchmark::DoNotOptimize(decode_pool_map(bytes));
}
BENCHMARK(decode_map)->Unit(benchmark::kMicrosecond);

void usable(benchmark::State& state) {
  const ObjectId object = bench_object(kSX, 5);
  for (auto _ : state) benchmark::DoNotOptimize(check_usable(object, 1));
}
BENCHMARK(usable);

void group_of_text(benchmark::State& state, const char* class_text) {
  const ObjectId object = bench_object(class_by_name(class_text).value(), 5);
  Bytes key = to_bytes("a name of 24 bytes .....");
  for (auto _ : state) {
    key[0] = static_cast<std::byte>(static_cast<unsigned>(key[0]) + 1);
    benchmark::DoNotOptimize(group_of(object, key, 16));
  }
}
BENCHMARK_CAPTURE(group_of_text, S16, "S16");
BENCHMARK_CAPTURE(group_of_text, SX, "SX");

void group_of_chunk(benchmark::State& state, const char* class_text) {
  const ObjectId object = bench_object(class_by_name(class_text).value(), 5, 11);
  Bytes key(sizeof(uint64_t));
  uint64_t number = 0;
  for (auto _ : state) {
    store_le(key.data(), ++number);
    benchmark::DoNotOptimize(group_of(object, key, 16));
  }
}
BENCHMARK_CAPTURE(group_of_chunk, S16, "S16");
BENCHMARK_CAPTURE(group_of_chunk, SX, "SX");

}  // namespace
}  // namespace aeon::placement

BENCHMARK_MAIN();
