// Stops the world at a write of the disk, the next one, and so on, while a store does its part for others: prepares of
// reads, decisions that are kept and released, and snapshots and clones at epochs that other stores gave. Opens again
// each time, and looks at what was promised.
#include <algorithm>

#include "transaction_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr int kRoundCount = 8;

Bytes dkey_of(int round) { return text("round " + std::to_string(round)); }
Uuid uuid_of_round(int round) { return Uuid::from_random(static_cast<uint64_t>(round), 3); }

// How far the call of a round had come.
enum class Step : uint8_t { kNothing, kCalled, kReturned };

// Rounds of one kind of call, each at an epoch of its own.
struct Rounds {
  // As another store gives them, far behind what is stored of the epochs before; else they are to be taken from the
  // store itself.
  explicit Rounds(TestStore& target, bool are_ahead = true) {
    if (!are_ahead) return;
    Epoch epoch = target.store().next_epoch();
    for (Epoch& one : epochs) one = epoch = Epoch{epoch.value + 3ull * 16 * 1000 * 1000 * 1000};
  }
  Epoch epoch_of(int round, Store& store) {
    if (epochs[round] == kEpochZero) epochs[round] = store.next_epoch();
    return epochs[round];
  }
  Epoch epochs[kRoundCount];
  Step steps[kRoundCount] = {};
};

Task<Status> put(Store& store, Uuid container, Bytes dkey, Bytes value) {
  std::vector<ObjectWrite> writes;
  writes.push_back(value_write(kObject, std::move(dkey), text("a"), value));
  const auto written = co_await store.write(container, std::move(writes), kEpochZero, Durability::kSync);
  co_return written.status();
}

// Every third round a checkpoint, so that crashes meet it in pages and in the log.
Task<Status> end_round(Store& store, int round) {
  if (round % 3 == 2) CO_TRY(co_await store.media().checkpoint());
  co_return ok();
}

template <typename Workload, typename Check>
bool crash_at(uint64_t write, uint64_t seed, bool are_ahead, Workload workload, Check check) {
  TestStore target(seed + write, SimDiskOptions{});
  Rounds rounds(target, are_ahead);
  const bool has_ended = target.crash_at_write(write, workload(target.store(), target.container(), rounds));
  const Status opened = target.try_open();
  EXPECT_TRUE(opened.is_ok()) << opened.to_string();
  if (!opened.is_ok()) return true;
  check(target, rounds);
  const auto damages = target.run(target.store().media().verify());
  EXPECT_TRUE(damages.is_ok() && damages->empty());
  return has_ended;
}

// ---- Prepares of reads ----------------------------------------------------------------------------------------------

Task<Status> read_and_prepare(Store& store, Uuid container, Rounds& rounds) {
  for (int round = 0; round < kRoundCount; ++round) {
    CO_TRY(co_await put(store, container, dkey_of(round), text("first")));
    Transaction transaction;
    CO_TRY_ASSIGN(transaction.read_epoch, co_await store.begin_transaction(container));
    std::vector<AkeyFetch> fetches(1);
    fetches[0].akey = text("a");
    const auto fetched = co_await store.fetch(container, kObject, dkey_of(round), std::move(fetches), 0,
                                              transaction.read_epoch, ReadIntent::kTransaction);
    CO_TRY(fetched.status());
    transaction.reads.push_back(value_read(kObject, dkey_of(round), text("a")));
    transaction.id = {.uuid = uuid_of_round(round), .epoch = rounds.epoch_of(round, store)};
    rounds.steps[round] = Step::kCalled;
    CO_TRY(co_await store.prepare(container, std::move(transaction), {}));
    rounds.steps[round] = Step::kReturned;
    CO_TRY(co_await end_round(store, round));
  }
  co_return ok();
}

void check_guarded(TestStore& target, const Rounds& rounds) {
  EXPECT_TRUE(undecided(target).empty());
  for (int round = 0; round < kRoundCount; ++round) {
    if (rounds.steps[round] != Step::kReturned) continue;
    SCOPED_TRACE("round " + std::to_string(round));
    const Epoch epoch = rounds.epochs[round];
    EXPECT_GT(target.store().next_epoch(), epoch);
    EXPECT_EQ(*target.get(kObject, dkey_of(round), text("a")), text("first"));
    EXPECT_CODE(Code::kConflict, target.put(kObject, dkey_of(round), text("a"), text("late"), epoch));
    TestTransaction late(target, 500);
    const Bytes value = text("late");
    late.write(value_write(kObject, dkey_of(round), text("a"), value));
    EXPECT_CODE(Code::kConflict, late.prepare(epoch));
  }
}

TEST(StoresTogetherCrash, WhatAPreparedTransactionReadStaysGuarded) {
  for (const uint64_t seed : {4000, 4100, 4200, 4300}) {
    for (const bool are_ahead : {false, true}) {
      crash_at_each_write(
          15, [&](uint64_t write) { return crash_at(write, seed, are_ahead, read_and_prepare, check_guarded); });
    }
  }
}

// ---- Kept decisions -------------------------------------------------------------------------------------------------

struct Decisions : Rounds {
  using Rounds::Rounds;
  Step releases[kRoundCount] = {};
  bool was_told[kRoundCount] = {};
};

// Those of even rounds are released.
Task<Status> decide_and_release(Store& store, Uuid container, Decisions& decisions) {
  for (int round = 0; round < kRoundCount; ++round) {
    const Bytes value = random_bytes(static_cast<uint64_t>(round), 6000);
    Transaction transaction;
    transaction.writes.push_back(value_write(kObject, dkey_of(round), text("a"), value));
    const TransactionId id{.uuid = uuid_of_round(round), .epoch = decisions.epochs[round]};
    transaction.id = id;
    CO_TRY(co_await store.prepare(container, std::move(transaction), dkey_of(round)));
    decisions.steps[round] = Step::kCalled;
    CO_TRY(co_await store.commit_prepared(container, id, Remember::kUntilReleased));
    decisions.steps[round] = Step::kReturned;
    if (round % 2 != 0) continue;
    decisions.releases[round] = Step::kCalled;
    CO_TRY(co_await store.release_decision(container, id.uuid));
    decisions.releases[round] = Step::kReturned;
    CO_TRY(co_await end_round(store, round));
  }
  co_return ok();
}

void check_decisions(TestStore& target, const Decisions& decisions) {
  const std::vector<TransactionId> kept = kept_decisions(target);
  const std::vector<UndecidedTransaction> left = undecided(target);
  for (int round = 0; round < kRoundCount; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const TransactionId id{.uuid = uuid_of_round(round), .epoch = decisions.epochs[round]};
    const bool is_kept = std::find(kept.begin(), kept.end(), id) != kept.end();
    const bool is_undecided =
        std::any_of(left.begin(), left.end(), [&](const UndecidedTransaction& one) { return one.id == id; });
    const std::string decision = decision_of(target, id.uuid);
    EXPECT_FALSE(is_undecided && !decision.empty()) << "both undecided and decided";
    switch (decisions.steps[round]) {
      case Step::kNothing: EXPECT_EQ(decision, ""); break;
      case Step::kCalled: EXPECT_TRUE(is_undecided || is_kept); break;
      case Step::kReturned: EXPECT_EQ(decision, "committed"); break;
    }
    if (decisions.releases[round] == Step::kNothing) {
      EXPECT_EQ(is_kept, decision == "committed");
    }
    if (!is_undecided && decision.empty()) continue;
    // The coordinator says the same again, and ends it.
    Store& store = target.store();
    EXPECT_CODE(Code::kOk, target.run(store.commit_prepared(target.container(), id, Remember::kUntilReleased)));
    EXPECT_EQ(*target.get(kObject, dkey_of(round), text("a")), random_bytes(static_cast<uint64_t>(round), 6000));
    EXPECT_CODE(Code::kOk, target.run(store.release_decision(target.container(), id.uuid)));
  }
  EXPECT_TRUE(kept_decisions(target).empty());
  EXPECT_TRUE(undecided(target).empty());
  target.reopen();
  EXPECT_TRUE(kept_decisions(target).empty());
}

bool crash_deciding_at(uint64_t write) {
  TestStore target(5000 + write, SimDiskOptions{});
  Decisions decisions(target);
  const bool has_ended =
      target.crash_at_write(write, decide_and_release(target.store(), target.container(), decisions));
  target.open();
  check_decisions(target, decisions);
  const auto damages = target.run(target.store().media().verify());
  EXPECT_TRUE(damages.is_ok() && damages->empty());
  return has_ended;
}

TEST(StoresTogetherCrash, DecisionsAreKeptUntilTheyAreReleased) { crash_at_each_write(15, crash_deciding_at); }

// Somebody asks while the decisions are made: what is told must be so after a crash too.
Task<void> keep_asking(World& world, Store& store, Uuid container, Decisions& decisions) {
  for (int round = 0; round < kRoundCount; ++round) {
    while (!decisions.was_told[round]) {
      const auto found = co_await store.find_decision(container, uuid_of_round(round));
      const auto kept = co_await store.list_kept_decisions(container);
      if (!found || !kept) co_return;
      decisions.was_told[round] = found->has_value() || kept->size() > static_cast<size_t>(round);
      if (!decisions.was_told[round]) co_await sleep_for(world.executor, std::chrono::microseconds(3));
    }
  }
}

Task<Status> decide_beside(World& world, Store& store, Uuid container, Decisions& decisions) {
  world.executor.spawn(keep_asking(world, store, container, decisions));
  for (int round = 0; round < kRoundCount; ++round) {
    const Bytes value = text("value");
    Transaction transaction;
    transaction.writes.push_back(value_write(kObject, dkey_of(round), text("a"), value));
    const TransactionId id{.uuid = uuid_of_round(round), .epoch = decisions.epochs[round]};
    transaction.id = id;
    CO_TRY(co_await store.prepare(container, std::move(transaction), {}));
    CO_TRY(co_await store.commit_prepared(container, id, Remember::kUntilReleased));
  }
  while (!decisions.was_told[kRoundCount - 1]) co_await sleep_for(world.executor, std::chrono::microseconds(3));
  co_return ok();
}

bool crash_telling_at(uint64_t write) {
  TestStore target(6000 + write, SimDiskOptions{});
  Decisions decisions(target);
  World& world = target.process().world();
  const bool has_ended =
      target.crash_at_write(write, decide_beside(world, target.store(), target.container(), decisions));
  target.open();
  for (int round = 0; round < kRoundCount; ++round) {
    if (decisions.was_told[round]) {
      EXPECT_EQ(decision_of(target, uuid_of_round(round)), "committed") << round;
    }
  }
  return has_ended;
}

TEST(StoresTogetherCrash, WhatWasToldOfADecisionStaysTrue) { crash_at_each_write(10, crash_telling_at); }

// ---- Snapshots and clones -------------------------------------------------------------------------------------------

Uuid clone_of_round(int round) { return Uuid::from_random(static_cast<uint64_t>(round), 8); }

// Even rounds take a snapshot, odd ones make a clone.
Task<Status> take_and_clone(Store& store, Uuid container, Rounds& rounds) {
  for (int round = 0; round < kRoundCount; ++round) {
    CO_TRY(co_await put(store, container, text("d"), dkey_of(round)));
    rounds.steps[round] = Step::kCalled;
    if (round % 2 == 0) {
      const auto taken = co_await store.create_snapshot(container, rounds.epochs[round]);
      CO_TRY(taken.status());
    } else {
      ContainerOptions options;
      options.base = CloneBase{.container = container, .epoch = rounds.epochs[round]};
      CO_TRY(co_await store.create_container(clone_of_round(round), options));
    }
    rounds.steps[round] = Step::kReturned;
    CO_TRY(co_await end_round(store, round));
  }
  co_return ok();
}

void check_starts(TestStore& target, const Rounds& rounds) {
  const auto info = target.run(target.store().query_container(target.container()));
  ASSERT_TRUE(info.is_ok());
  Epoch newest;
  std::vector<int> there;
  for (int round = 0; round < kRoundCount; ++round) {
    const bool is_snapshot = round % 2 == 0;
    const Epoch epoch = rounds.epochs[round];
    const std::vector<Epoch>& epochs = is_snapshot ? info->snapshots : info->clones;
    const bool is_there = std::find(epochs.begin(), epochs.end(), epoch) != epochs.end();
    if (rounds.steps[round] == Step::kReturned) {
      EXPECT_TRUE(is_there) << round;
    }
    if (rounds.steps[round] == Step::kNothing) {
      EXPECT_FALSE(is_there) << round;
    }
    if (!is_there) continue;
    there.push_back(round);
    newest = std::max(newest, epoch);
  }
  // Whatever comes now is behind them all.
  const auto written = target.put(kObject, text("d"), text("a"), text("after the crash"));
  ASSERT_TRUE(written.is_ok()) << written.status().to_string();
  EXPECT_GT(*written, newest);
  const Uuid base = target.container();
  for (const int round : there) {
    SCOPED_TRACE("round " + std::to_string(round));
    const bool is_snapshot = round % 2 == 0;
    if (!is_snapshot) target.use(clone_of_round(round));
    EXPECT_EQ(*target.get(kObject, text("d"), text("a"), is_snapshot ? rounds.epochs[round] : kEpochMax),
              dkey_of(round));
    target.use(base);
  }
}

TEST(StoresTogetherCrash, NothingIsWrittenBeforeASnapshotOrCloneOfAnothersEpoch) {
  crash_at_each_write(15, [](uint64_t write) { return crash_at(write, 4400, true, take_and_clone, check_starts); });
}

}  // namespace
}  // namespace aeon::vos
