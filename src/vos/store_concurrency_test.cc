// Writers, readers, snapshots and aggregation at the same time, in many orders.
#include <algorithm>

#include "runtime/gate.h"
#include "runtime/random.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr uint64_t kArraySize = 20'000;

// Calls write one number everywhere: into two single values, one of which is large, and an array.
struct Shared {
  Store& store;
  Uuid container;
  Gate gate;
  uint64_t written = 0;           // The newest number whose call returned.
  int writers = 0;
  std::vector<std::pair<Epoch, uint64_t>> snapshots;  // And the number that was written before each.
  std::vector<std::string> failures;
};

Bytes repeated(uint64_t number, size_t size) {
  Bytes data(size);
  for (size_t at = 0; at + 8 <= size; at += 8) store_le(data.data() + at, number);
  return data;
}

Task<void> write_numbers(Shared& shared, World& world, uint64_t first, int count) {
  for (int i = 0; i < count; ++i) {
    const uint64_t number = first + static_cast<uint64_t>(i);
    const Bytes small = repeated(number, 16);
    const Bytes large = repeated(number, 6000 + 8 * (number % 50));
    const Bytes array = repeated(number, kArraySize);
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = text("d");
    writes[0].akeys.push_back(TestStore::single(text("small"), small));
    writes[0].akeys.push_back(TestStore::single(text("large"), large));
    writes[0].akeys.push_back(TestStore::extent(text("array"), {0, kArraySize / 8}, 8, array));
    const auto durability = world.random.one_in(2) ? Durability::kSync : Durability::kFlush;
    const auto written = co_await shared.store.write(shared.container, std::move(writes), kEpochZero, durability);
    if (!written) shared.failures.push_back("write: " + written.status().to_string());
    shared.written = number;
  }
  --shared.writers;
}

// All that is read at one epoch is of one call.
Task<uint64_t> read_number(Shared& shared, Epoch epoch) {
  Bytes small(16);
  Bytes large(6400);
  Bytes array(kArraySize);
  std::vector<AkeyFetch> akeys(3);
  akeys[0].akey = text("small");
  akeys[0].out.push_back(small);
  akeys[1].akey = text("array");
  akeys[1].kind = ValueKind::kArray;
  akeys[1].recxs.push_back({0, kArraySize / 8});
  akeys[1].out.push_back(array);
  akeys[2].akey = text("large");
  akeys[2].out.push_back(large);
  const auto fetched = co_await shared.store.fetch(shared.container, kObject, text("d"), std::move(akeys), 0, epoch);
  if (!fetched) {
    shared.failures.push_back("fetch: " + fetched.status().to_string());
    co_return 0;
  }
  const auto number = load_le<uint64_t>(small.data());
  large.resize(fetched->at(2).record_size);
  const bool is_one = fetched->at(1).segments.size() == (number == 0 ? 0u : 1u) &&
                      array == repeated(number, kArraySize) && large == repeated(number, large.size());
  if (!is_one) shared.failures.push_back("a read saw a call in part, near number " + std::to_string(number));
  co_return number;
}

Task<void> read_newest(Shared& shared, World& world) {
  while (shared.writers != 0) {
    co_await read_number(shared, kEpochMax);
    co_await sleep_for(world.executor, std::chrono::microseconds(world.random.below(300)));
  }
}

Task<void> aggregate_and_snapshot(Shared& shared, World& world) {
  while (shared.writers != 0) {
    if (world.random.one_in(3)) {
      const auto taken = co_await shared.store.create_snapshot(shared.container, kEpochZero);
      if (!taken) {
        shared.failures.push_back("snapshot: " + taken.status().to_string());
      } else {
        const uint64_t number = co_await read_number(shared, *taken);
        shared.snapshots.emplace_back(*taken, number);
      }
    }
    const auto aggregated = co_await shared.store.aggregate(shared.container, kEpochMax);
    if (!aggregated) shared.failures.push_back("aggregate: " + aggregated.status().to_string());
    co_await sleep_for(world.executor, std::chrono::microseconds(world.random.below(1000)));
  }
}

SIMULATION(StoreConcurrency, ReadersSeeWholeCallsWhileHistoryIsMerged) {
  TestStore target(seed, SimDiskOptions{});
  World& world = target.process().world();
  Shared shared{target.store(), target.container(), Gate(world.executor)};
  shared.writers = 3;
  for (uint64_t writer = 0; writer < 3; ++writer)
    shared.gate.spawn(write_numbers(shared, world, 1 + 1000 * writer, 15));
  for (int reader = 0; reader < 2; ++reader) shared.gate.spawn(read_newest(shared, world));
  shared.gate.spawn(aggregate_and_snapshot(shared, world));
  target.run([](Gate& gate) -> Task<bool> {
    co_await gate.close();
    co_return true;
  }(shared.gate));
  for (const auto& [epoch, number] : shared.snapshots) {
    ASSERT_EQ(target.run(read_number(shared, epoch)), number) << "at the snapshot " << epoch.value;
  }
  for (const std::string& failure : shared.failures) ADD_FAILURE() << failure;

  // What is left is what the snapshots and the newest reader see.
  auto last = target.run(target.store().aggregate(target.container(), kEpochMax));
  ASSERT_TRUE(last.is_ok());
  last = target.run(target.store().aggregate(target.container(), kEpochMax));
  ASSERT_EQ(last->entries_dropped, 0u);
  ASSERT_LE(last->entries_seen, 3 * (shared.snapshots.size() + 1));
  const auto damages = target.run(target.store().media().verify());
  ASSERT_TRUE(damages.is_ok() && damages->empty());
}

}  // namespace
}  // namespace aeon::vos
