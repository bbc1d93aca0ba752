// What a store does for transactions, snapshots and clones over several stores: epochs that others gave, transactions
// that only read here, and decisions that are kept until nobody asks for them any more.
#include "transaction_under_test.h"
#include "vos/inspector.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr ObjectId kOther{.hi = 1, .lo = 3};
constexpr Epoch kFarAhead{uint64_t{1} << 62};

class StoresTogether : public ::testing::Test {
 protected:
  Status put(std::string_view dkey, std::string_view value, Epoch epoch = kEpochZero) {
    return target.put(kObject, text(dkey), text("a"), text(value), epoch).status();
  }
  Epoch epoch_of_put(std::string_view dkey) {
    const auto written = target.put(kObject, text(dkey), text("a"), text("x"));
    return written.is_ok() ? *written : kEpochZero;
  }
  std::string get(std::string_view dkey, Epoch epoch = kEpochMax) {
    const auto got = target.get(kObject, text(dkey), text("a"), epoch);
    return got.is_ok() ? std::string(as_text(*got)) : got.status().to_string();
  }
  void crash() {
    target.crash();
    target.open();
  }
  // As it is stored; the store is open again afterwards.
  StoreOverview overview() {
    target.close();
    StoreOverview seen;
    {
      const auto inspector = target.run(Inspector::open(target.disk()));
      EXPECT_TRUE(inspector.is_ok());
      const auto found = target.run((*inspector)->overview(false));
      EXPECT_TRUE(found.is_ok());
      seen = *found;
    }
    target.open();
    return seen;
  }
  TransactionId commit_kept(uint64_t number) {
    TestTransaction transaction(target, number);
    transaction.write(value_write(kObject, text("d" + std::to_string(number)), text("a"), value_));
    EXPECT_CODE(Code::kOk, transaction.prepare());
    EXPECT_CODE(Code::kOk, transaction.commit_prepared(Remember::kUntilReleased));
    return transaction.id();
  }
  Status release(Uuid transaction) {
    return target.run(target.store().release_decision(target.container(), transaction));
  }
  void abort_others(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const TransactionId other{.uuid = Uuid::from_random(next_other_++, 5), .epoch = target.store().next_epoch()};
      EXPECT_CODE(Code::kOk, target.run(target.store().abort_prepared(target.container(), other)));
    }
  }
  Result<Epoch> snapshot(Epoch epoch) { return target.run(target.store().create_snapshot(target.container(), epoch)); }
  Status clone(Uuid id, Epoch epoch) {
    ContainerOptions options;
    options.base = CloneBase{.container = target.container(), .epoch = epoch};
    return target.run(target.store().create_container(id, options));
  }

  const Bytes value_ = text("value");
  uint64_t next_other_ = 1;
  TestStore target;
};

TEST_F(StoresTogether, EpochsAreAboveWhatWasObserved) {
  const Epoch ahead = epoch_of_another(target);
  EXPECT_CODE(Code::kOk, target.store().observe(ahead));
  EXPECT_GT(target.store().next_epoch(), ahead);
  EXPECT_GT(epoch_of_put("d"), ahead);
  EXPECT_CODE(Code::kOk, target.store().observe(Epoch{1}));
  EXPECT_GT(target.store().next_epoch(), ahead);
}

TEST_F(StoresTogether, AnEpochFarAheadOfTheClockIsRefused) {
  for (const Epoch epoch : {kFarAhead, kEpochMax}) EXPECT_CODE(Code::kInvalidArgument, target.store().observe(epoch));
  EXPECT_CODE(Code::kInvalidArgument, snapshot(kFarAhead));
  EXPECT_CODE(Code::kInvalidArgument, clone(Uuid::from_random(4, 4), kFarAhead));
  EXPECT_LT(target.store().next_epoch(), kFarAhead);
}

TEST_F(StoresTogether, ReadsAtAnothersEpochStayAsTheyWere) {
  EXPECT_CODE(Code::kOk, put("d", "old"));
  const Epoch before = target.store().next_epoch();
  TestTransaction transaction(target);
  const Epoch ahead = epoch_of_another(target);
  transaction.begin_at(ahead);
  EXPECT_EQ(*transaction.get(kObject, text("d"), text("a")), text("old"));
  EXPECT_CODE(Code::kConflict, put("d", "late", before));
  EXPECT_CODE(Code::kConflict, put("d", "late", ahead));
  EXPECT_CODE(Code::kOk, put("e", "late", before));
  TestTransaction late(target, 2);
  late.write(value_write(kObject, text("d"), text("a"), value_));
  EXPECT_CODE(Code::kConflict, late.prepare(ahead));
  EXPECT_GT(epoch_of_put("d"), ahead);
  EXPECT_EQ(*transaction.get(kObject, text("d"), text("a")), text("old"));
}

TEST_F(StoresTogether, WhatWasReadAtAnothersEpochIsLookedAtWhenCommitting) {
  for (const bool changes : {false, true}) {
    EXPECT_CODE(Code::kOk, put("d", "old"));
    TestTransaction transaction(target, changes ? 1 : 2);
    transaction.begin_at(epoch_of_another(target));
    EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
    if (changes) EXPECT_CODE(Code::kOk, put("d", "new"));
    transaction.write(value_write(kOther, text("d"), text("a"), value_));
    EXPECT_CODE(changes ? Code::kConflict : Code::kOk, transaction.commit());
  }
}

TEST_F(StoresTogether, ACommitWithoutReadsHereIsAboveTheReadsElsewhere) {
  TestTransaction transaction(target);
  const Epoch ahead = epoch_of_another(target);
  transaction.begin_at(ahead);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  const auto committed = transaction.commit();
  ASSERT_TRUE(committed.is_ok());
  EXPECT_GT(*committed, ahead);
}

TEST_F(StoresTogether, NothingIsWrittenBeforeAnothersReadAfterACrash) {
  EXPECT_CODE(Code::kOk, put("d", "old"));
  const Epoch ahead = epoch_of_another(target);
  TestTransaction transaction(target);
  transaction.begin_at(ahead);
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
  crash();
  EXPECT_CODE(Code::kConflict, transaction.get(kObject, text("d"), text("a")));
  EXPECT_GT(epoch_of_put("d"), ahead);
  EXPECT_EQ(get("d", ahead), "old");
}

TEST_F(StoresTogether, ReadingAgainAtAnEpochStoresNothing) {
  TestTransaction transaction(target);
  transaction.begin_at(epoch_of_another(target));
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
  const media::LogPosition position = target.store().media().applied();
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("e"), text("a")));
  EXPECT_CODE(Code::kOk, transaction.dkeys(kObject));
  EXPECT_EQ(target.store().media().applied(), position);
}

TEST_F(StoresTogether, APrepareOfReadsLeavesNothingToDecide) {
  EXPECT_CODE(Code::kOk, put("d", "old"));
  TestTransaction reader(target);
  EXPECT_CODE(Code::kOk, reader.get(kObject, text("d"), text("a")));
  ASSERT_EQ(reader.prepare().code(), Code::kOk);
  EXPECT_CODE(Code::kOk, reader.prepare(reader.id().epoch));  // Repeated.
  EXPECT_TRUE(undecided(target).empty());
  EXPECT_CODE(Code::kNotFound, reader.commit_prepared());
  EXPECT_EQ(get("d"), "old");
  EXPECT_GT(epoch_of_put("d"), reader.id().epoch);
}

TEST_F(StoresTogether, APrepareOfReadsFailsWhenTheyChanged) {
  EXPECT_CODE(Code::kOk, put("d", "old"));
  TestTransaction reader(target);
  EXPECT_CODE(Code::kOk, reader.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kOk, put("d", "new"));
  EXPECT_CODE(Code::kConflict, reader.prepare());
}

TEST_F(StoresTogether, APrepareOfReadsFailsWhenAnotherMayChangeThem) {
  TestTransaction reader(target, 1);
  EXPECT_CODE(Code::kOk, reader.get(kObject, text("d"), text("a")));
  TestTransaction writer(target, 2);
  writer.write(value_write(kObject, text("d"), text("a"), value_));
  ASSERT_EQ(writer.prepare().code(), Code::kOk);
  const Epoch before = Epoch{writer.id().epoch.value - 1};
  EXPECT_CODE(Code::kConflict, reader.prepare());
  EXPECT_CODE(Code::kOk, reader.prepare(before));
  EXPECT_CODE(Code::kOk, writer.abort_prepared());
}

TEST_F(StoresTogether, AnAbortThatOvertakesAPrepareOfReadsWins) {
  TestTransaction reader(target);
  EXPECT_CODE(Code::kOk, reader.get(kObject, text("d"), text("a")));
  reader.transaction().id.epoch = target.store().next_epoch();
  EXPECT_CODE(Code::kOk, reader.abort_prepared());
  EXPECT_CODE(Code::kConflict, reader.prepare(reader.id().epoch));
}

TEST_F(StoresTogether, PreparedReadsAreGuardedUpToTheirEpoch) {
  for (const bool crashes : {false, true}) {
    TestTransaction reader(target, crashes ? 1 : 2);
    const Epoch ahead = epoch_of_another(target);
    EXPECT_CODE(Code::kOk, reader.get(kObject, text("d"), text("a")));
    EXPECT_CODE(Code::kOk, reader.dkeys(kOther));
    ASSERT_EQ(reader.prepare(ahead).code(), Code::kOk);
    TestTransaction writer(target, 3);
    writer.write(value_write(kObject, text("d"), text("a"), value_));
    for (int life = 0; life < 2; ++life) {
      EXPECT_CODE(Code::kConflict, put("d", "late", Epoch{ahead.value - 1}));
      EXPECT_CODE(Code::kConflict, put("d", "late", ahead));
      EXPECT_CODE(Code::kConflict, target.put(kOther, text("new"), text("a"), value_, ahead));
      EXPECT_CODE(Code::kConflict, target.punch(ObjectWrite::Kind::kPunchObject, kObject, {}, {}, ahead));
      EXPECT_CODE(Code::kConflict, writer.prepare(ahead));
      if (crashes) {
        crash();
      } else {
        target.reopen();
      }
    }
    EXPECT_GT(epoch_of_put("d"), ahead);
    EXPECT_EQ(get("d", ahead), crashes ? "x" : "");  // The one of the first round.
    if (!crashes) EXPECT_CODE(Code::kOk, target.put(kOther, text("kept"), text("a"), value_));
  }
}

TEST_F(StoresTogether, OnlyWhatNeedsItRaisesTheFormat) {
  EXPECT_EQ(overview().format_version, 1u);
  TestTransaction transaction(target);
  EXPECT_CODE(Code::kOk, transaction.prepare());  // It neither reads nor writes.
  EXPECT_EQ(overview().format_version, 1u);
  TestTransaction writer(target, 2);
  writer.write(value_write(kObject, text("d"), text("a"), value_));
  EXPECT_CODE(Code::kOk, writer.prepare());
  EXPECT_CODE(Code::kOk, writer.commit_prepared());
  EXPECT_EQ(overview().format_version, 2u);
  commit_kept(3);
  EXPECT_EQ(overview().format_version, 3u);
  EXPECT_CODE(Code::kOk, clone(Uuid::from_random(4, 4), kEpochMax));
  EXPECT_EQ(overview().format_version, 3u);

  TestStore other;
  TestTransaction reader(other);
  EXPECT_CODE(Code::kOk, reader.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kOk, reader.prepare());
  other.close();
  const auto inspector = other.run(Inspector::open(other.disk()));
  const auto seen = other.run((*inspector)->overview(false));
  ASSERT_TRUE(seen.is_ok());
  EXPECT_EQ(seen->format_version, 3u);
  EXPECT_TRUE(seen->containers.at(0).guards_reads);
}

TEST_F(StoresTogether, AKeptDecisionIsNeverForgotten) {
  const TransactionId kept = commit_kept(1);
  for (int life = 0; life < 2; ++life) {
    abort_others(kDecisionsKept + 1);
    EXPECT_EQ(decision_of(target, kept.uuid), "committed");
    EXPECT_EQ(kept_decisions(target), std::vector<TransactionId>{kept});
    EXPECT_CODE(Code::kOk, target.run(target.store().commit_prepared(target.container(), kept)));
    EXPECT_CODE(Code::kConflict, target.run(target.store().abort_prepared(target.container(), kept)));
    crash();
  }
  EXPECT_EQ(get("d1"), "value");
}

TEST_F(StoresTogether, AKeptDecisionTakesNoOthersPlace) {
  TestTransaction first(target, 1);
  first.write(value_write(kObject, text("d"), text("a"), value_));
  ASSERT_EQ(first.prepare().code(), Code::kOk);
  ASSERT_EQ(first.commit_prepared().code(), Code::kOk);
  for (uint64_t i = 0; i < 10; ++i) commit_kept(10 + i);
  abort_others(kDecisionsKept - 1);
  EXPECT_EQ(decision_of(target, first.id().uuid), "committed");
  abort_others(1);
  EXPECT_EQ(decision_of(target, first.id().uuid), "");
}

TEST_F(StoresTogether, AReleasedDecisionIsOneOfTheOthers) {
  const TransactionId kept = commit_kept(1);
  abort_others(kDecisionsKept + 1);
  EXPECT_CODE(Code::kOk, release(kept.uuid));
  EXPECT_CODE(Code::kOk, release(kept.uuid));
  EXPECT_CODE(Code::kOk, release(Uuid::from_random(8, 8)));
  for (int life = 0; life < 2; ++life) {
    EXPECT_TRUE(kept_decisions(target).empty());
    EXPECT_EQ(decision_of(target, kept.uuid), "committed");
    // One that was underway for long doesn't keep it again.
    EXPECT_CODE(Code::kOk,
                target.run(target.store().commit_prepared(target.container(), kept, Remember::kUntilReleased)));
    target.reopen();
  }
  abort_others(kDecisionsKept);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(decision_of(target, kept.uuid), "");
    EXPECT_CODE(Code::kNotFound, target.run(target.store().commit_prepared(target.container(), kept)));
    target.reopen();
  }
}

TEST_F(StoresTogether, KeptDecisionsAreBounded) {
  std::vector<TransactionId> kept;
  for (uint64_t i = 0; i + 1 < kUndecidedMax; ++i) kept.push_back(commit_kept(i));
  TestTransaction last(target, 3000);
  last.write(value_write(kOther, text("last"), text("a"), value_));
  ASSERT_EQ(last.prepare().code(), Code::kOk);
  TestTransaction more(target, 3001);
  more.write(value_write(kOther, text("more"), text("a"), value_));
  EXPECT_CODE(Code::kBusy, more.prepare());
  EXPECT_CODE(Code::kOk, last.commit_prepared(Remember::kUntilReleased));
  EXPECT_CODE(Code::kBusy, more.prepare());
  target.reopen();
  EXPECT_CODE(Code::kBusy, more.prepare());
  EXPECT_CODE(Code::kOk, release(kept[17].uuid));
  EXPECT_CODE(Code::kOk, more.prepare());
  EXPECT_EQ(kept_decisions(target).size(), kUndecidedMax - 1);
}

TEST_F(StoresTogether, ADecisionIsFoundAsItWasMade) {
  TestTransaction transaction(target, 1);
  const Uuid uuid = transaction.id().uuid;
  EXPECT_EQ(decision_of(target, uuid), "");
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  ASSERT_EQ(transaction.prepare().code(), Code::kOk);
  EXPECT_EQ(decision_of(target, uuid), "");
  EXPECT_CODE(Code::kOk, transaction.abort_prepared());
  EXPECT_EQ(decision_of(target, uuid), "aborted");
  TestTransaction alone(target, 2);
  alone.write(value_write(kObject, text("d"), text("a"), value_));
  const auto committed = alone.commit();
  ASSERT_TRUE(committed.is_ok());
  EXPECT_EQ(decision_of(target, alone.id().uuid), "committed");
  const auto found = target.run(target.store().find_decision(target.container(), alone.id().uuid));
  EXPECT_EQ((*found)->id.epoch, *committed);
  EXPECT_CODE(Code::kNotFound, target.run(target.store().find_decision(Uuid::from_random(9, 9), uuid)));
  EXPECT_CODE(Code::kNotFound, target.run(target.store().release_decision(Uuid::from_random(9, 9), uuid)));
  EXPECT_CODE(Code::kNotFound, target.run(target.store().list_kept_decisions(Uuid::from_random(9, 9))));
}

TEST_F(StoresTogether, WhatADecisionWasToldToBeSurvivesACrash) {
  TestTransaction transaction(target, 1);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  ASSERT_TRUE(transaction.commit(Durability::kFlush).is_ok());
  EXPECT_EQ(decision_of(target, transaction.id().uuid), "committed");
  crash();
  EXPECT_EQ(decision_of(target, transaction.id().uuid), "committed");
  EXPECT_EQ(get("d"), "value");
}

TEST_F(StoresTogether, WhatARefusedAbortWasToldSurvivesACrash) {
  TestTransaction transaction(target, 1);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  ASSERT_TRUE(transaction.commit(Durability::kFlush).is_ok());
  EXPECT_CODE(Code::kConflict, transaction.abort_prepared());
  crash();
  EXPECT_EQ(decision_of(target, transaction.id().uuid), "committed");
}

TEST_F(StoresTogether, ACommitOfOneStoreIsAnsweredByAKeptDecision) {
  TestTransaction transaction(target, 1);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  ASSERT_EQ(transaction.prepare().code(), Code::kOk);
  const Epoch epoch = transaction.id().epoch;
  EXPECT_CODE(Code::kOk, transaction.commit_prepared(Remember::kUntilReleased));
  transaction.transaction().id.epoch = kEpochZero;
  const auto again = transaction.commit();
  ASSERT_TRUE(again.is_ok());
  EXPECT_EQ(*again, epoch);
}

TEST_F(StoresTogether, KeptDecisionsAreShown) {
  const TransactionId kept = commit_kept(1);
  const TransactionId released = commit_kept(2);
  EXPECT_CODE(Code::kOk, release(released.uuid));
  const StoreOverview seen = overview();
  const std::vector<StoredDecision>& decisions = seen.containers.at(0).decisions;
  ASSERT_EQ(decisions.size(), 2u);
  EXPECT_EQ(decisions[0].transaction, kept.uuid);
  EXPECT_TRUE(decisions[0].is_commit && decisions[0].was_prepared && decisions[0].is_kept);
  EXPECT_EQ(decisions[1].transaction, released.uuid);
  EXPECT_TRUE(decisions[1].is_commit && decisions[1].was_prepared && !decisions[1].is_kept);
}

TEST_F(StoresTogether, KeptDecisionsGoWithTheirContainer) {
  const Uuid other = Uuid::from_random(9, 9);
  EXPECT_CODE(Code::kOk, target.run(target.store().create_container(other)));
  const Uuid first = target.container();
  target.use(other);
  commit_kept(1);
  EXPECT_CODE(Code::kOk, target.run(target.store().destroy_container(other)));
  target.reopen();
  target.reopen();  // Erasing went on, and ended.
  EXPECT_CODE(Code::kOk, target.run(target.store().create_container(other)));
  EXPECT_TRUE(kept_decisions(target).empty());
  target.use(first);
}

TEST_F(StoresTogether, ASnapshotMayBeOfAnEpochThatHasntComeHere) {
  for (const bool crashes : {false, true}) {
    EXPECT_CODE(Code::kOk, put("d", "old"));
    const Epoch ahead = epoch_of_another(target);
    EXPECT_EQ(*snapshot(ahead), ahead);
    if (crashes) {
      EXPECT_CODE(Code::kOk, target.run(target.store().destroy_snapshot(target.container(), ahead)));
      crash();
    }
    EXPECT_GT(epoch_of_put("d"), ahead);
    EXPECT_EQ(get("d", ahead), "old");
    TestTransaction late(target, crashes ? 1 : 2);
    late.write(value_write(kObject, text("e"), text("a"), value_));
    EXPECT_CODE(Code::kConflict, late.prepare(ahead));
  }
}

TEST_F(StoresTogether, ASnapshotAheadIsKeptFromAggregation) {
  EXPECT_CODE(Code::kOk, put("d", "old"));
  const Epoch ahead = epoch_of_another(target);
  ASSERT_TRUE(snapshot(ahead).is_ok());
  EXPECT_CODE(Code::kOk, put("d", "new"));
  EXPECT_CODE(Code::kOk, target.run(target.store().aggregate(target.container(), kEpochMax)));
  EXPECT_EQ(get("d", ahead), "old");
  crash();
  EXPECT_EQ(get("d", ahead), "old");
}

TEST_F(StoresTogether, AnUndecidedTransactionIsInTheWayOfWhatStartsBehindIt) {
  TestTransaction transaction(target);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  const Epoch ahead = epoch_of_another(target);
  ASSERT_EQ(transaction.prepare(ahead).code(), Code::kOk);
  const Uuid id = Uuid::from_random(4, 4);
  EXPECT_CODE(Code::kInProgress, snapshot(ahead));
  EXPECT_CODE(Code::kInProgress, clone(id, ahead));
  EXPECT_CODE(Code::kOk, snapshot(Epoch{ahead.value - 1}));
  EXPECT_CODE(Code::kOk, clone(id, Epoch{ahead.value - 1}));
  EXPECT_CODE(Code::kOk, transaction.commit_prepared());
  target.use(id);
  EXPECT_EQ(get("d"), "");
}

TEST_F(StoresTogether, ACloneMayStartFromAnEpochThatHasntComeHere) {
  const Uuid base = target.container();
  for (const bool crashes : {false, true}) {
    target.use(base);
    EXPECT_CODE(Code::kOk, put("d", "old"));
    const Epoch ahead = epoch_of_another(target);
    const Uuid id = Uuid::from_random(4, crashes ? 4 : 5);
    EXPECT_CODE(Code::kOk, clone(id, ahead));
    if (crashes) crash();
    EXPECT_GT(epoch_of_put("d"), ahead);
    EXPECT_CODE(Code::kInvalidArgument, put("e", "late", ahead));
    target.use(id);
    EXPECT_EQ(get("d"), "old");
    EXPECT_EQ(get("e"), "");
    EXPECT_GT(epoch_of_put("d"), ahead);
  }
}

}  // namespace
}  // namespace aeon::vos
