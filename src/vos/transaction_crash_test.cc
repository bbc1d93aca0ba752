// Stops the world at a write of the disk, the next one, and so on through prepares, commits and aborts, and opens again
// each time.
#include <algorithm>

#include "transaction_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr ObjectId kOther{.hi = 1, .lo = 3};
constexpr int kRoundCount = 12;
constexpr size_t kInlineCount = 6;  // Together more than one piece of an intent.

// What is done with the transaction of a round.
enum class Plan : uint8_t { kCommit, kAbort, kCommitAlone, kLeave };
Plan plan_of(int round) { return static_cast<Plan>(round % 4); }

Bytes payload(int round, size_t size) { return random_bytes(static_cast<uint64_t>(round) + 1, size); }
Bytes inline_payload(int round) { return payload(round, 2000); }
Bytes large_payload(int round) { return payload(round, 9'000 + 1'000 * static_cast<size_t>(round)); }
ByteCount blocks_of_large(int round) { return round_up(large_payload(round).size(), media::kBlockSize); }
Bytes dkey_of(int round) { return text("round " + std::to_string(round)); }

// How far the call of a round had come.
enum class Step : uint8_t { kNothing, kPrepareCalled, kPrepared, kDecisionCalled, kDecided };

struct Progress {
  Step steps[kRoundCount] = {};
  TransactionId ids[kRoundCount];
};

Transaction transaction_of(int round, const Bytes& small, const Bytes& large) {
  Transaction transaction;
  transaction.id.uuid = Uuid::from_random(static_cast<uint64_t>(round), 3);
  for (size_t i = 0; i < kInlineCount; ++i) {
    transaction.writes.push_back(value_write(kObject, dkey_of(round), text("a" + std::to_string(i)), small));
  }
  transaction.writes.push_back(value_write(kOther, dkey_of(round), text("large"), large));
  return transaction;
}

Task<Status> workload(Store& store, Uuid container, Progress& progress) {
  for (int round = 0; round < kRoundCount; ++round) {
    const Bytes small = inline_payload(round);
    const Bytes large = large_payload(round);
    Transaction transaction = transaction_of(round, small, large);
    Step& step = progress.steps[round];
    if (plan_of(round) == Plan::kCommitAlone) {
      step = Step::kDecisionCalled;
      progress.ids[round] = transaction.id;
      const auto committed = co_await store.commit_transaction(container, std::move(transaction), Durability::kSync);
      CO_TRY(committed.status());
      step = Step::kDecided;
      continue;
    }
    transaction.id.epoch = store.next_epoch();
    const TransactionId id = progress.ids[round] = transaction.id;
    step = Step::kPrepareCalled;
    CO_TRY(co_await store.prepare(container, std::move(transaction), dkey_of(round)));
    step = Step::kPrepared;
    if (round % 3 == 1) CO_TRY(co_await store.media().checkpoint());
    if (plan_of(round) == Plan::kLeave) continue;
    step = Step::kDecisionCalled;
    if (plan_of(round) == Plan::kCommit) {
      CO_TRY(co_await store.commit_prepared(container, id));
    } else {
      CO_TRY(co_await store.abort_prepared(container, id));
    }
    step = Step::kDecided;
  }
  co_return ok();
}

// Whether all of the round's values are there (1), none (0) or some (-1, with a failure).
int state_of(TestStore& target, int round) {
  size_t there = 0;
  const Bytes small = inline_payload(round);
  for (size_t i = 0; i < kInlineCount; ++i) {
    const auto got = target.get(kObject, dkey_of(round), text("a" + std::to_string(i)));
    if (!got) ADD_FAILURE() << got.status().to_string();
    if (got && *got == small) ++there;
    if (got && *got != small && !got->empty()) ADD_FAILURE() << "round " << round << " has something else";
  }
  const auto large = target.get(kOther, dkey_of(round), text("large"));
  if (!large) ADD_FAILURE() << large.status().to_string();
  if (large && *large == large_payload(round)) ++there;
  if (there == kInlineCount + 1) return 1;
  if (there == 0) return 0;
  ADD_FAILURE() << "round " << round << " is there in part";
  return -1;
}

// Looks at what the crash left, decides what is undecided, and looks again.
void check(TestStore& target, const Progress& progress) {
  std::vector<UndecidedTransaction> left = undecided(target);
  ByteCount used = 0;
  for (int round = 0; round < kRoundCount; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const Step step = progress.steps[round];
    const TransactionId id = progress.ids[round];
    const auto found =
        std::find_if(left.begin(), left.end(), [&](const UndecidedTransaction& one) { return one.id == id; });
    const bool is_undecided = found != left.end();
    bool is_there = false;
    if (is_undecided) {
      EXPECT_NE(plan_of(round), Plan::kCommitAlone);
      EXPECT_TRUE(step == Step::kPrepareCalled || step == Step::kPrepared || step == Step::kDecisionCalled);
      EXPECT_EQ(found->participants, dkey_of(round));
      EXPECT_EQ(target.get(kObject, dkey_of(round), text("a0")).code(), Code::kInProgress);
      // Those left without a plan go either way.
      is_there = plan_of(round) == Plan::kCommit || (plan_of(round) == Plan::kLeave && round % 8 == 3);
      Store& store = target.store();
      const Status decided = is_there ? target.run(store.commit_prepared(target.container(), id))
                                      : target.run(store.abort_prepared(target.container(), id));
      EXPECT_TRUE(decided.is_ok()) << decided.to_string();
      EXPECT_EQ(state_of(target, round), is_there ? 1 : 0);
    } else {
      is_there = state_of(target, round) == 1;
      EXPECT_NE(step, Step::kPrepared);
      if (step < Step::kPrepared) {
        EXPECT_FALSE(is_there);
      }
      if (step == Step::kDecided) {
        EXPECT_EQ(is_there, plan_of(round) != Plan::kAbort);
      }
      if (plan_of(round) == Plan::kAbort) {
        EXPECT_FALSE(is_there);
      }
      // The decision is remembered, and repeating it is harmless.
      const bool was_committed = is_there && plan_of(round) == Plan::kCommit;
      if (was_committed) {
        EXPECT_TRUE(target.run(target.store().commit_prepared(target.container(), id)).is_ok());
        EXPECT_EQ(state_of(target, round), 1);
      }
    }
    if (is_there) used += blocks_of_large(round);
  }
  EXPECT_EQ(target.store().media().space().blocks_used, used);  // Blocks of what was aborted or lost came back.
  const auto damages = target.run(target.store().media().verify());
  EXPECT_TRUE(damages.is_ok() && damages->empty());
}

// Answers whether the workload ended before the crash.
bool crash_at(uint64_t write, uint64_t seed) {
  TestStore target(seed, SimDiskOptions{});
  Progress progress;
  const bool has_ended = target.crash_at_write(write, workload(target.store(), target.container(), progress));
  const Status opened = target.try_open();
  EXPECT_TRUE(opened.is_ok()) << opened.to_string();
  if (!opened.is_ok()) return true;
  check(target, progress);
  target.reopen();
  EXPECT_TRUE(undecided(target).empty());
  return has_ended;
}

TEST(TransactionCrash, WhatWasPreparedCanBeDecidedAndWhatWasDecidedStays) {
  crash_at_each_write(30, [](uint64_t write) { return crash_at(write, 2000 + write); });
}

Task<Status> decide(Store& store, Uuid container, std::vector<TransactionId> all) {
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % 2 == 0) {
      CO_TRY(co_await store.commit_prepared(container, all[i]));
    } else {
      CO_TRY(co_await store.abort_prepared(container, all[i]));
    }
  }
  co_return ok();
}

// The same while the undecided ones are decided: what a crash cuts short is decided again.
bool crash_deciding_at(uint64_t write) {
  TestStore target(3000 + write, SimDiskOptions{});
  std::vector<TransactionId> ids;
  for (int round = 0; round < 4; ++round) {
    const Bytes small = inline_payload(round);
    const Bytes large = large_payload(round);
    Transaction transaction = transaction_of(round, small, large);
    transaction.id.epoch = target.store().next_epoch();
    ids.push_back(transaction.id);
    EXPECT_TRUE(target.run(target.store().prepare(target.container(), transaction, {})).is_ok());
  }
  target.reopen();
  const bool has_ended = target.crash_at_write(write, decide(target.store(), target.container(), ids));
  target.open();
  const Status again = target.run(decide(target.store(), target.container(), ids));
  EXPECT_TRUE(again.is_ok()) << again.to_string();
  ByteCount used = 0;
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(state_of(target, round), round % 2 == 0 ? 1 : 0);
    if (round % 2 == 0) used += blocks_of_large(round);
  }
  EXPECT_EQ(target.store().media().space().blocks_used, used);
  EXPECT_TRUE(undecided(target).empty());
  return has_ended;
}

TEST(TransactionCrash, DecidingAgainAfterACrashEndsTheSame) { crash_at_each_write(4, crash_deciding_at); }

}  // namespace
}  // namespace aeon::vos
