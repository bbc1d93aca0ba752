// Stops the world at a write of the disk, the next one, and so on through a workload, and opens again each time.
#include <algorithm>

#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr int kCallCount = 24;

Bytes payload_of(int call, size_t size) { return random_bytes(static_cast<uint64_t>(call) + 1, size); }
size_t small_size(int call) { return 10 + static_cast<size_t>(call); }
size_t large_size(int call) { return 9'000 + 1'000 * static_cast<size_t>(call); }

struct Progress {
  int acknowledged = -1;      // The last call that returned, and was durable then.
  int returned = -1;          // The last call that returned.
  Epoch newest;
  bool destroy_was_called = false, destroyed = false;
};

// Each call writes two values, of which one goes to blocks, and an extent; every fourth punches what the one before
// wrote. Some calls are only flushed later.
Task<Status> workload(Store& store, Uuid container, Uuid other, Progress& progress) {
  for (int call = 0; call < kCallCount; ++call) {
    const Bytes small = payload_of(call, small_size(call));
    const Bytes large = payload_of(call, large_size(call));
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = text("call " + std::to_string(call));
    writes[0].akeys.push_back(TestStore::single(text("small"), small));
    writes[0].akeys.push_back(TestStore::single(text("large"), large));
    writes[0].akeys.push_back(TestStore::extent(text("array"), {static_cast<uint64_t>(call), small.size()}, 1, small));
    if (call % 4 == 3) {
      ObjectWrite punch;
      punch.kind = ObjectWrite::Kind::kPunchDkey;
      punch.object = kObject;
      punch.dkey = text("call " + std::to_string(call - 1));
      writes.push_back(punch);
    }
    const Durability durability = call % 3 == 0 ? Durability::kFlush : Durability::kSync;
    CO_TRY_ASSIGN(const Epoch epoch, co_await store.write(container, writes, kEpochZero, durability));
    progress.newest = epoch;
    progress.returned = call;
    if (durability == Durability::kSync) progress.acknowledged = call;
    if (call % 8 == 5) {
      const auto aggregated = co_await store.aggregate(container, kEpochMax);
      CO_TRY(aggregated.status());
    }
    if (call % 8 == 6) CO_TRY(co_await store.media().checkpoint());
    if (call == kCallCount / 2) {
      progress.destroy_was_called = true;
      CO_TRY(co_await store.destroy_container(other));
      progress.destroyed = true;
    }
  }
  CO_TRY(co_await store.flush());
  progress.acknowledged = progress.returned;
  co_return ok();
}

// Whether the call's values are all there (1), not at all (0), or in part (-1, with a failure).
int state_of(TestStore& target, int call) {
  const Bytes dkey = text("call " + std::to_string(call));
  const auto small = target.get(kObject, dkey, text("small"));
  const auto large = target.get(kObject, dkey, text("large"));
  const Recx recx{static_cast<uint64_t>(call), small_size(call)};
  const auto array = target.get_extent(kObject, dkey, text("array"), recx, 1);
  if (!small || !large || !array) {
    ADD_FAILURE() << small.status().to_string() << ", " << large.status().to_string() << ", "
                  << array.status().to_string();
    return -1;
  }
  const Bytes expected = payload_of(call, small_size(call));
  if (*small == expected && *large == payload_of(call, large_size(call)) && *array == expected) return 1;
  const bool array_is_empty = std::all_of(array->begin(), array->end(), [](std::byte b) { return b == std::byte{0}; });
  if (small->empty() && large->empty() && array_is_empty) return 0;
  ADD_FAILURE() << "call " << call << " is there in part";
  return -1;
}

// Answers whether the workload ended before the crash.
bool crash_at(uint64_t write, uint64_t seed, bool is_in_memory) {
  TestStore target(seed, SimDiskOptions{.is_memory = is_in_memory});
  const Uuid other = Uuid::from_random(5, 6);
  EXPECT_TRUE(target.run(target.store().create_container(other)).is_ok());
  Progress progress;
  const bool has_ended = target.crash_at_write(write, workload(target.store(), target.container(), other, progress));
  const Status opened = target.try_open();
  EXPECT_TRUE(opened.is_ok()) << opened.to_string();
  if (!opened.is_ok()) return true;
  int last_there = -1;
  bool punched[kCallCount] = {};
  int states[kCallCount];
  for (int call = 0; call < kCallCount; ++call) {
    states[call] = state_of(target, call);
    if (states[call] != 1) continue;
    last_there = call;
    if (call % 4 == 3) punched[call - 1] = true;
  }
  // What is there is a prefix of the calls, and holds all that were acknowledged.
  EXPECT_GE(last_there, progress.acknowledged);
  EXPECT_LE(last_there, progress.returned + 1);
  for (int call = 0; call <= last_there; ++call) EXPECT_EQ(states[call], punched[call] ? 0 : 1) << "call " << call;

  const bool other_is_there = target.run(target.store().query_container(other)).is_ok();
  EXPECT_TRUE(other_is_there || progress.destroy_was_called);
  EXPECT_FALSE(other_is_there && progress.destroyed);

  const auto next = target.put(kObject, text("next"), text("a"), text("value"));
  EXPECT_TRUE(next.is_ok()) << next.status().to_string();
  EXPECT_TRUE(!next.is_ok() || *next > progress.newest);
  const auto damages = target.run(target.store().media().verify());
  EXPECT_TRUE(damages.is_ok() && damages->empty());
  return has_ended;
}

TEST(StoreCrash, WhatWasAcknowledgedIsThereAndNothingIsHalfThere) {
  crash_at_each_write(50, [](uint64_t write) { return crash_at(write, 1000 + write, false); });
}

TEST(StoreCrash, InMemoryWhatWasAcknowledgedIsThereAndNothingIsHalfThere) {
  crash_at_each_write(50, [](uint64_t write) { return crash_at(write, 2000 + write, true); });
}

}  // namespace
}  // namespace aeon::vos
