// What the index costs in memory, without a disk: a put and a seek in a tree of 100 000 keys of 24 bytes.
#include <benchmark/benchmark.h>

#include <string>

#include "runtime/random.h"
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

}  // namespace
}  // namespace aeon::media

BENCHMARK_MAIN();
