#include <algorithm>

#include "access_times.h"
#include "intent_record.h"
#include "runtime/gate.h"
#include "transaction_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr ObjectId kOther{.hi = 1, .lo = 3};
using Kind = ObjectWrite::Kind;

class TransactionTest : public ::testing::Test {
 protected:
  Status put(std::string_view dkey, std::string_view akey, std::string_view value, Epoch epoch = kEpochZero) {
    return target.put(kObject, text(dkey), text(akey), text(value), epoch).status();
  }
  std::string get(std::string_view dkey, std::string_view akey, Epoch epoch = kEpochMax) {
    const auto got = target.get(kObject, text(dkey), text(akey), epoch);
    return got.is_ok() ? std::string(as_text(*got)) : got.status().to_string();
  }
  // A transaction that wrote another object, and commits.
  Code commit_of(TestTransaction& transaction) {
    transaction.write(value_write(kOther, text("d"), text("result"), value_));
    return transaction.commit().code();
  }

  const Bytes value_ = text("value");
  const Bytes large_ = Bytes(50'000, std::byte{7});
  TestStore target;
};

TEST_F(TransactionTest, CommitsManyObjectsAtOneEpoch) {
  TestTransaction transaction(target);
  const Bytes value = text("new");
  transaction.write(value_write(kObject, text("d"), text("a"), value));
  transaction.write(value_write(kOther, text("d"), text("a"), value));
  EXPECT_EQ(get("d", "a"), "");
  const auto committed = transaction.commit();
  ASSERT_TRUE(committed.is_ok()) << committed.status().to_string();
  EXPECT_GT(*committed, transaction.read_epoch());
  EXPECT_EQ(get("d", "a"), "new");
  EXPECT_EQ(get("d", "a", Epoch{committed->value - 1}), "");
  EXPECT_EQ(*target.get(kOther, text("d"), text("a"), *committed), value);
}

TEST_F(TransactionTest, ReadsSeeOneEpoch) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction transaction(target);
  EXPECT_EQ(*transaction.get(kObject, text("d"), text("a")), text("old"));
  EXPECT_CODE(Code::kOk, put("d", "a", "new"));
  EXPECT_CODE(Code::kOk, put("e", "a", "new"));
  EXPECT_EQ(*transaction.get(kObject, text("d"), text("a")), text("old"));
  EXPECT_EQ(*transaction.dkeys(kObject), std::vector<Bytes>{text("d")});
}

TEST_F(TransactionTest, RestartsWhenAValueItReadHasChanged) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction transaction(target);
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kOk, put("d", "a", "new"));
  EXPECT_EQ(commit_of(transaction), Code::kConflict);
  EXPECT_EQ(*target.get(kOther, text("d"), text("result")), Bytes());
  transaction.begin();
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
  EXPECT_EQ(commit_of(transaction), Code::kOk);
}

TEST_F(TransactionTest, RestartsWhenAValueItMissedAppears) {
  TestTransaction transaction(target);
  EXPECT_EQ(*transaction.get(kObject, text("d"), text("a")), Bytes());
  EXPECT_CODE(Code::kOk, put("d", "a", "new"));
  EXPECT_EQ(commit_of(transaction), Code::kConflict);
}

TEST_F(TransactionTest, RestartsWhenSomethingAboveItsValueIsPunched) {
  for (const Kind kind : {Kind::kPunchObject, Kind::kPunchDkey, Kind::kPunchAkeys}) {
    EXPECT_CODE(Code::kOk, put("d", "a", "old"));
    TestTransaction transaction(target);
    EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
    EXPECT_CODE(Code::kOk, target.punch(kind, kObject, text("d"), text("a")));
    EXPECT_EQ(commit_of(transaction), Code::kConflict);
  }
}

TEST_F(TransactionTest, RestartsWhenAListingHasChanged) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction keys(target, 1);
  EXPECT_CODE(Code::kOk, keys.dkeys(kObject));
  TestTransaction attributes(target, 2);
  EXPECT_CODE(Code::kOk, attributes.akeys(kObject, text("d")));
  TestTransaction other_attributes(target, 3);
  EXPECT_CODE(Code::kOk, other_attributes.akeys(kObject, text("e")));
  TestTransaction objects(target, 4);
  EXPECT_CODE(Code::kOk, objects.objects());
  EXPECT_CODE(Code::kOk, put("d", "b", "new"));
  EXPECT_EQ(commit_of(keys), Code::kConflict);
  EXPECT_EQ(commit_of(attributes), Code::kConflict);
  EXPECT_EQ(commit_of(other_attributes), Code::kOk);
  EXPECT_EQ(commit_of(objects), Code::kConflict);
}

TEST_F(TransactionTest, CommitsWhenOnlyOtherThingsChanged) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction transaction(target);
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kOk, put("d", "b", "new"));
  EXPECT_CODE(Code::kOk, put("e", "a", "new"));
  EXPECT_CODE(Code::kOk, target.punch(Kind::kPunchDkey, kObject, text("e")));
  EXPECT_EQ(commit_of(transaction), Code::kOk);
}

TEST_F(TransactionTest, KnowsWhatChangedBeforeItsFirstRead) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction transaction(target);
  EXPECT_CODE(Code::kOk, put("d", "a", "new"));
  EXPECT_EQ(*transaction.get(kObject, text("d"), text("a")), text("old"));
  EXPECT_EQ(commit_of(transaction), Code::kConflict);
}

TEST_F(TransactionTest, LooksAtTheIndexForWhatItForgot) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction transaction(target, 1);
  TestTransaction changed(target, 2);
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kOk, changed.get(kObject, text("e"), text("a")));
  EXPECT_CODE(Code::kOk, put("e", "a", "new"));
  const size_t enough = 2 * AccessTimes::kGenerationMax / 100 + 1;
  for (size_t i = 0; i < enough; ++i) {
    std::vector<ObjectWrite> writes;
    for (size_t j = 0; j < 100; ++j) {
      writes.push_back(value_write(kOther, text("d" + std::to_string(i * 100 + j)), text("a"), value_));
    }
    EXPECT_CODE(Code::kOk, target.write(std::move(writes), kEpochZero, Durability::kFlush));
  }
  transaction.write(value_write(kObject, text("d"), text("b"), value_));
  EXPECT_CODE(Code::kOk, transaction.commit());
  EXPECT_EQ(commit_of(changed), Code::kConflict);
}

TEST_F(TransactionTest, ItsReadsStayAsTheyWere) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  const Epoch before = target.store().next_epoch();
  TestTransaction transaction(target);
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kConflict, put("d", "a", "late", before));
  EXPECT_CODE(Code::kConflict, target.punch(Kind::kPunchObject, kObject, {}, {}, before));
  EXPECT_CODE(Code::kOk, put("d", "b", "late", before));
  EXPECT_CODE(Code::kOk, transaction.dkeys(kObject));
  EXPECT_CODE(Code::kConflict, put("d", "c", "late", before));
  EXPECT_CODE(Code::kConflict, put("f", "c", "late", before));
  EXPECT_CODE(Code::kOk, target.put(kOther, text("d"), text("a"), value_, before));
}

TEST_F(TransactionTest, ConditionsHoldAtTheCommit) {
  TestTransaction transaction(target);
  ObjectWrite write = value_write(kObject, text("d"), text("a"), value_);
  write.conditions = kDkeyInsert;
  transaction.write(write);
  EXPECT_CODE(Code::kOk, put("d", "b", "first"));
  EXPECT_CODE(Code::kExists, transaction.commit());
  EXPECT_EQ(get("d", "a"), "");
}

TEST_F(TransactionTest, ARepeatedCommitChangesNothing) {
  TestTransaction transaction(target);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  const auto committed = transaction.commit();
  ASSERT_TRUE(committed.is_ok());
  EXPECT_CODE(Code::kOk, put("d", "a", "newer"));
  for (int i = 0; i < 2; ++i) {
    const auto repeated = transaction.commit();
    ASSERT_TRUE(repeated.is_ok()) << repeated.status().to_string();
    EXPECT_EQ(*repeated, *committed);
    EXPECT_EQ(get("d", "a"), "newer");
    target.reopen();
  }
}

TEST_F(TransactionTest, RestartsAfterTheStoreWasOpenedAgain) {
  for (const bool crashes : {false, true}) {
    EXPECT_CODE(Code::kOk, put("d", "a", "old"));
    TestTransaction transaction(target, crashes ? 1 : 2);
    EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
    if (crashes) {
      target.crash();
      target.open();
    } else {
      target.reopen();
    }
    EXPECT_CODE(Code::kConflict, transaction.get(kObject, text("d"), text("b")));
    EXPECT_EQ(commit_of(transaction), Code::kConflict);
    transaction.begin();
    EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
    EXPECT_EQ(commit_of(transaction), Code::kOk);
  }
}

TEST_F(TransactionTest, RestartsWhenWhatItReadsWasAggregated) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction transaction(target);
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kOk, put("e", "a", "new"));
  EXPECT_CODE(Code::kOk, target.run(target.store().aggregate(target.container(), kEpochMax)));
  EXPECT_CODE(Code::kConflict, transaction.get(kObject, text("d"), text("a")));
  EXPECT_EQ(commit_of(transaction), Code::kConflict);
}

TEST_F(TransactionTest, GuardsWhatIsPreparedUntilItIsCommitted) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction transaction(target, 1);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  transaction.write(value_write(kObject, text("large"), text("a"), large_));
  ASSERT_EQ(transaction.prepare().code(), Code::kOk);

  EXPECT_CODE(Code::kInProgress, target.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kInProgress, target.get(kObject, text("d"), text("a"), transaction.id().epoch));
  EXPECT_EQ(get("d", "a", Epoch{transaction.id().epoch.value - 1}), "old");
  EXPECT_EQ(get("d", "b"), "");
  EXPECT_CODE(Code::kInProgress, put("d", "a", "plain"));
  EXPECT_CODE(Code::kInProgress, target.punch(Kind::kPunchObject, kObject));
  EXPECT_CODE(Code::kInProgress, target.put(kObject, text("d"), text("b"), value_, kEpochZero, kDkeyUpdate));
  EXPECT_CODE(Code::kOk, put("d", "b", "plain"));
  TestTransaction later(target, 2);
  EXPECT_CODE(Code::kInProgress, later.get(kObject, text("d"), text("a")));
  EXPECT_CODE(Code::kInProgress, later.dkeys(kObject));
  EXPECT_CODE(Code::kInProgress, later.objects());
  later.write(punch_write(Kind::kPunchDkey, kObject, text("d")));
  EXPECT_CODE(Code::kConflict, later.commit());
  EXPECT_CODE(Code::kConflict, later.prepare());

  EXPECT_CODE(Code::kOk, transaction.commit_prepared());
  EXPECT_EQ(get("d", "a"), "value");
  EXPECT_EQ(*target.get(kObject, text("large"), text("a")), large_);
  EXPECT_EQ(get("d", "a", Epoch{transaction.id().epoch.value - 1}), "old");
  EXPECT_CODE(Code::kOk, put("d", "a", "plain"));
  EXPECT_TRUE(undecided(target).empty());
}

TEST_F(TransactionTest, AnAbortLeavesNothing) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  EXPECT_CODE(Code::kOk, target.run(target.store().flush()));
  const ByteCount used = target.store().media().space().blocks_used;
  TestTransaction transaction(target);
  transaction.write(value_write(kObject, text("d"), text("a"), large_));
  ASSERT_EQ(transaction.prepare().code(), Code::kOk);
  EXPECT_GT(target.store().media().space().blocks_used, used);
  EXPECT_CODE(Code::kOk, transaction.abort_prepared());
  EXPECT_EQ(get("d", "a"), "old");
  EXPECT_EQ(target.store().media().space().blocks_used, used);
  EXPECT_TRUE(undecided(target).empty());
  EXPECT_CODE(Code::kConflict, transaction.commit_prepared());
  EXPECT_CODE(Code::kOk, transaction.abort_prepared());
  EXPECT_CODE(Code::kConflict, transaction.prepare(transaction.id().epoch));
}

TEST_F(TransactionTest, IsStillUndecidedAfterARestart) {
  for (const bool crashes : {false, true}) {
    for (const bool commits : {false, true}) {
      SCOPED_TRACE(std::string(crashes ? "crash" : "close") + (commits ? ", commit" : ", abort"));
      EXPECT_CODE(Code::kOk, put("d", "a", "old"));
      EXPECT_CODE(Code::kOk, put("d", "large", "old"));
      TestTransaction transaction(target, 10 + (crashes ? 2 : 0) + (commits ? 1 : 0));
      EXPECT_CODE(Code::kOk, transaction.get(kObject, text("r"), text("a")));
      transaction.write(value_write(kObject, text("d"), text("a"), value_));
      transaction.write(value_write(kObject, text("d"), text("large"), large_));
      ASSERT_EQ(transaction.prepare(kEpochZero, text("who")).code(), Code::kOk);
      if (crashes) {
        target.crash();
        target.open();
      } else {
        target.reopen();
      }
      const auto listed = undecided(target);
      ASSERT_EQ(listed.size(), 1u);
      EXPECT_EQ(listed[0].id, transaction.id());
      EXPECT_EQ(listed[0].participants, text("who"));
      EXPECT_CODE(Code::kInProgress, target.get(kObject, text("d"), text("large")));
      EXPECT_CODE(Code::kInProgress, put("d", "a", "plain"));
      // What it read mustn't change before its epoch, though nobody knows any more what that was.
      EXPECT_CODE(Code::kConflict, put("r", "a", "late", Epoch{transaction.id().epoch.value - 1}));
      EXPECT_CODE(Code::kOk, transaction.prepare(transaction.id().epoch));  // Repeated.
      EXPECT_CODE(Code::kOk, commits ? transaction.commit_prepared() : transaction.abort_prepared());
      EXPECT_EQ(get("d", "a"), commits ? "value" : "old");
      EXPECT_EQ(*target.get(kObject, text("d"), text("large")), commits ? large_ : text("old"));
      target.reopen();
      EXPECT_EQ(get("d", "a"), commits ? "value" : "old");
      EXPECT_TRUE(undecided(target).empty());
      EXPECT_CODE(commits ? Code::kOk : Code::kConflict, transaction.commit_prepared());
      EXPECT_CODE(commits ? Code::kConflict : Code::kOk, transaction.abort_prepared());
      const auto damages = target.run(target.store().media().verify());
      EXPECT_TRUE(damages.is_ok() && damages->empty());
    }
  }
}

TEST_F(TransactionTest, PrepareComesTooLateForWhatWasReadAfterIt) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  const Epoch early = target.store().next_epoch();
  TestTransaction reader(target, 1);
  EXPECT_CODE(Code::kOk, reader.get(kObject, text("d"), text("a")));
  TestTransaction writer(target, 2);
  writer.write(value_write(kObject, text("d"), text("a"), value_));
  EXPECT_CODE(Code::kConflict, writer.prepare(early));
  EXPECT_CODE(Code::kOk, writer.prepare());
  EXPECT_EQ(commit_of(reader), Code::kConflict);  // It may have changed by then.
  EXPECT_CODE(Code::kOk, writer.abort_prepared());
  EXPECT_CODE(Code::kOk, reader.commit());
}

// Reads `large`, which takes a while, and then `a`; meanwhile the transaction is prepared.
Task<Code> prepare_during_a_read(Store& store, World& world, Uuid container, Transaction transaction,
                                 Epoch read_epoch) {
  Gate gate(world.executor);
  Bytes out(60'000);
  bool has_begun = false;
  const auto read = [](Store& from, Uuid id, Epoch epoch, MutableBytes room, bool& begun) -> Task<void> {
    std::vector<AkeyFetch> fetches(2);
    fetches[0].akey = text("large");
    fetches[0].out.push_back(room);
    fetches[1].akey = text("a");
    begun = true;
    const auto fetched = co_await from.fetch(id, kObject, text("d"), std::move(fetches), 0, epoch);
    EXPECT_TRUE(fetched.is_ok()) << fetched.status().to_string();
  };
  gate.spawn(read(store, container, read_epoch, out, has_begun));
  while (!has_begun) co_await yield(world.executor);
  const Status prepared = co_await store.prepare(container, std::move(transaction), {});
  co_await gate.close();
  co_return prepared.code();
}

TEST_F(TransactionTest, PrepareComesTooLateForAReadInProgress) {
  TestStore slow(1, SimDiskOptions{});
  ASSERT_TRUE(slow.put(kObject, text("d"), text("large"), large_).is_ok());
  ASSERT_TRUE(slow.run(slow.store().media().checkpoint()).is_ok());  // Now it is read from the disk.
  Transaction transaction;
  transaction.id = {.uuid = Uuid::from_random(1, 1), .epoch = slow.store().next_epoch()};
  transaction.writes.push_back(value_write(kObject, text("d"), text("a"), value_));
  const Epoch later = slow.store().next_epoch();
  World& world = slow.process().world();
  EXPECT_EQ(slow.run(prepare_during_a_read(slow.store(), world, slow.container(), transaction, later)),
            Code::kConflict);
  EXPECT_EQ(slow.run(prepare_during_a_read(slow.store(), world, slow.container(), transaction,
                                           Epoch{transaction.id.epoch.value - 1})),
            Code::kOk);
}

TEST_F(TransactionTest, WhatAPreparedOneReadMayNotChangeBeforeItsEpoch) {
  TestTransaction transaction(target, 1);
  EXPECT_CODE(Code::kOk, transaction.get(kObject, text("r"), text("a")));
  ObjectWrite insert = value_write(kObject, text("d"), text("a"), value_);
  insert.conditions = kAkeyInsert;
  transaction.write(insert);
  const Epoch before = target.store().next_epoch();
  ASSERT_EQ(transaction.prepare().code(), Code::kOk);
  EXPECT_CODE(Code::kConflict, put("r", "a", "late", before));
  EXPECT_CODE(Code::kOk, put("r", "a", "later"));
  EXPECT_CODE(Code::kOk, transaction.commit_prepared());
  EXPECT_CODE(Code::kConflict, put("d", "a", "late", before));
}

// Found by the scenario `targets`, seed 24: a commit is asked for again by its name, of a coordinator that was started
// anew.
TEST_F(TransactionTest, PreparingAgainAtAnotherEpochIsAConflict) {
  TestTransaction writer(target, 1);
  writer.write(value_write(kObject, text("d"), text("a"), value_));
  EXPECT_CODE(Code::kOk, writer.prepare());
  EXPECT_CODE(Code::kConflict, writer.prepare(target.store().next_epoch()));
}

TEST_F(TransactionTest, AnAbortThatOvertakesItsPrepareWins) {
  TestTransaction transaction(target, 1);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  transaction.transaction().id.epoch = target.store().next_epoch();
  EXPECT_CODE(Code::kNotFound, transaction.commit_prepared());
  EXPECT_CODE(Code::kOk, transaction.abort_prepared());
  target.reopen();
  EXPECT_CODE(Code::kConflict, transaction.prepare(transaction.id().epoch));
  EXPECT_EQ(get("d", "a"), "");
}

TEST_F(TransactionTest, RemembersTheNewestDecisionsAndFencesOffOlderOnes) {
  TestTransaction committed(target, 1);
  committed.write(value_write(kObject, text("d"), text("a"), value_));
  TestTransaction late(target, 2);
  late.write(value_write(kObject, text("d"), text("b"), value_));
  const Epoch late_epoch = target.store().next_epoch();
  ASSERT_EQ(committed.prepare().code(), Code::kOk);
  EXPECT_CODE(Code::kOk, committed.commit_prepared());
  for (size_t i = 0; i < kDecisionsKept; ++i) {
    EXPECT_CODE(Code::kOk, committed.commit_prepared());
    const TransactionId other{.uuid = Uuid::from_random(i, 5), .epoch = target.store().next_epoch()};
    EXPECT_CODE(Code::kOk, target.run(target.store().abort_prepared(target.container(), other)));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_CODE(Code::kNotFound, committed.commit_prepared());
    EXPECT_CODE(Code::kConflict, late.prepare(late_epoch));
    EXPECT_CODE(Code::kOk, target.run(target.store().abort_prepared(
                               target.container(), {.uuid = Uuid::from_random(kDecisionsKept - 1, 5), .epoch = {}})));
    target.reopen();
  }
}

TEST_F(TransactionTest, KeepsManyInlineValuesInOnePrepare) {
  const Bytes inline_value(2000, std::byte{3});
  for (const size_t count : {600u, 1200u}) {  // The log of 4 MiB takes records of 2.
    TestTransaction transaction(target, count);
    for (size_t i = 0; i < count; ++i) {
      transaction.write(value_write(kObject, text("d" + std::to_string(i)), text("a"), inline_value));
    }
    const Status prepared = transaction.prepare();
    if (count == 1200) {
      EXPECT_CODE(Code::kTooBig, prepared);
      EXPECT_TRUE(undecided(target).empty());
      continue;
    }
    ASSERT_TRUE(prepared.is_ok()) << prepared.to_string();
    target.reopen();
    ASSERT_EQ(undecided(target).size(), 1u);
    EXPECT_CODE(Code::kOk, transaction.commit_prepared());
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(*target.get(kObject, text("d" + std::to_string(i)), text("a")), inline_value);
    }
  }
}

TEST_F(TransactionTest, HistoryStaysUntilItIsDecided) {
  EXPECT_CODE(Code::kOk, put("d", "a", "old"));
  TestTransaction transaction(target, 1);
  transaction.write(value_write(kObject, text("d"), text("a"), value_));
  ASSERT_EQ(transaction.prepare().code(), Code::kOk);
  const Epoch epoch = transaction.id().epoch;
  EXPECT_CODE(Code::kOk, put("e", "a", "later"));
  Store& store = target.store();
  EXPECT_CODE(Code::kOk, target.run(store.aggregate(target.container(), kEpochMax)));
  EXPECT_LT(target.run(store.query_container(target.container()))->aggregated_through, epoch);
  EXPECT_CODE(Code::kInProgress, target.run(store.discard(target.container(), epoch, epoch)));
  EXPECT_CODE(Code::kInProgress, target.run(store.create_snapshot(target.container(), kEpochZero)));
  EXPECT_CODE(Code::kOk, transaction.commit_prepared());
  EXPECT_EQ(get("d", "a"), "value");
  const auto snapshot = target.run(store.create_snapshot(target.container(), kEpochZero));
  ASSERT_TRUE(snapshot.is_ok());
  TestTransaction late(target, 2);
  late.write(value_write(kObject, text("d"), text("a"), value_));
  EXPECT_CODE(Code::kConflict, late.prepare(*snapshot));  // The snapshot would change.
}

TEST_F(TransactionTest, GoesWithItsContainer) {
  const Uuid other = Uuid::from_random(9, 9);
  Store& store = target.store();
  EXPECT_CODE(Code::kOk, target.run(store.create_container(other)));
  EXPECT_CODE(Code::kOk, target.run(store.flush()));
  const ByteCount used = store.media().space().blocks_used;
  Transaction transaction;
  transaction.id = {.uuid = Uuid::from_random(1, 1), .epoch = store.next_epoch()};
  transaction.writes.push_back(value_write(kObject, text("d"), text("a"), large_));
  EXPECT_CODE(Code::kOk, target.run(store.prepare(other, transaction, {})));
  const TransactionId aborted{.uuid = Uuid::from_random(2, 2), .epoch = store.next_epoch()};
  EXPECT_CODE(Code::kOk, target.run(store.abort_prepared(other, aborted)));
  EXPECT_CODE(Code::kOk, target.run(store.destroy_container(other)));
  EXPECT_CODE(Code::kNotFound, target.run(store.commit_prepared(other, transaction.id)));
  target.reopen();
  target.reopen();  // Erasing went on, and ended.
  EXPECT_EQ(target.store().media().space().blocks_used, used);
  EXPECT_CODE(Code::kOk, target.run(target.store().create_container(other)));
  EXPECT_TRUE(target.run(target.store().list_undecided(other))->empty());
}

TEST_F(TransactionTest, APreparedOneCommitsOnAFullDisk) {
  SimDiskOptions options{.latency = SimDiskLatency::none()};
  options.capacity = 32 * kMiB;
  TestStore small(1, options);
  const Bytes inline_value(4000, std::byte{3});
  TestTransaction transaction(small, 1);
  for (int i = 0; i < 100; ++i) {
    transaction.write(value_write(kObject, text("d" + std::to_string(i)), text("a"), inline_value));
  }
  ASSERT_EQ(transaction.prepare().code(), Code::kOk);
  Code code = Code::kOk;
  for (int i = 0; code == Code::kOk && i < 100'000; ++i) {
    code = small.put(kOther, text("d" + std::to_string(i)), text("a"), inline_value).code();
  }
  ASSERT_EQ(code, Code::kNoSpace);
  ASSERT_EQ(transaction.commit_prepared().code(), Code::kOk);
  EXPECT_EQ(*small.get(kObject, text("d99"), text("a")), inline_value);
}

TEST_F(TransactionTest, BadCallsAreRefused) {
  Store& store = target.store();
  const Uuid container = target.container();
  TestTransaction transaction(target);
  EXPECT_CODE(Code::kNotFound, target.run(store.begin_transaction(Uuid::from_random(8, 8))));
  EXPECT_CODE(Code::kInvalidArgument,
              target.run(store.list_dkeys(container, kObject, kEpochMax, {}, {}, ReadIntent::kTransaction)));
  Transaction bad;
  bad.id.uuid = Uuid::from_random(1, 1);
  bad.writes.push_back(value_write(kObject, text("d"), text("a"), value_));
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.prepare(container, bad, {})));  // No epoch.
  bad.id.epoch = store.next_epoch();
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.commit_transaction(container, bad, Durability::kSync)));
  EXPECT_CODE(Code::kTooBig, target.run(store.prepare(container, bad, Bytes(kParticipantsSizeMax + 1))));
  Transaction far = bad;
  far.id.epoch = Epoch{uint64_t{1} << 62};
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.prepare(container, far, {})));
  EXPECT_CODE(Code::kInvalidArgument,
              target.run(store.list_dkeys(container, kObject, far.id.epoch, {}, {}, ReadIntent::kTransaction)));
  bad.read_epoch = bad.id.epoch;
  bad.reads.push_back(object_read(kObject));
  Transaction future = bad;
  future.id.epoch = kEpochZero;
  future.read_epoch = Epoch{uint64_t{1} << 62};
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.commit_transaction(container, future, Durability::kSync)));
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.prepare(container, bad, {})));
  bad.read_epoch = transaction.read_epoch();
  bad.reads[0] = value_read(ObjectId{.hi = uint64_t{13} << 56, .lo = 2}, text("no integer"), text("a"));
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.prepare(container, bad, {})));
  bad.reads[0] = dkey_read(kObject, {});
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.prepare(container, bad, {})));
  bad.reads[0].of = static_cast<TransactionRead::Of>(9);
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.prepare(container, bad, {})));
  bad.reads.clear();
  ASSERT_EQ(target.run(store.prepare(container, bad, {})).code(), Code::kOk);
  bad.id.epoch = store.next_epoch();
  EXPECT_CODE(Code::kConflict, target.run(store.prepare(container, bad, {})));
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.commit_prepared(container, bad.id)));
  EXPECT_CODE(Code::kInvalidArgument, target.run(store.abort_prepared(container, bad.id)));
}

KeyPlace place(ByteView object, ByteView dkey = {}, ByteView akey = {}) {
  return {.object = object, .dkey = dkey, .akey = akey};
}

TEST(AccessTimes, ForgettingOnlyMakesThemCautious) {
  using Changed = AccessTimes::Changed;
  AccessTimes times;
  times.start(Epoch{10});
  const Bytes object = text("object");
  const Bytes other = text("other");
  times.note_read(place(object), Epoch{20});
  times.note_write(place(other), Epoch{21});
  EXPECT_EQ(times.read_through(place(object)), Epoch{20});
  EXPECT_EQ(times.read_through(place(other)), Epoch{});
  EXPECT_EQ(times.changed_after(place(object), Epoch{15}), Changed::kNo);
  EXPECT_EQ(times.changed_after(place(object), Epoch{9}), Changed::kUnknown);
  EXPECT_EQ(times.changed_after(place(other), Epoch{15}), Changed::kYes);
  EXPECT_EQ(times.changed_after(place({}), Epoch{20}), Changed::kYes);
  for (size_t i = 0; i < 2 * AccessTimes::kGenerationMax; ++i) {
    const Bytes many = text(std::to_string(i));
    times.note_write(place(many), Epoch{30});
  }
  EXPECT_EQ(times.read_through(place(object)), Epoch{20});
  EXPECT_EQ(times.read_through(place(other)), Epoch{20});
  EXPECT_EQ(times.changed_after(place(object), Epoch{20}), Changed::kUnknown);
  EXPECT_EQ(times.changed_after(place(object), Epoch{30}), Changed::kNo);
  times.stop();
  EXPECT_EQ(times.read_through(place(text("new"))), Epoch{20});
  EXPECT_EQ(times.changed_after(place(object), Epoch{31}), Changed::kUnknown);
}

TEST(IntentRecord, TakesOnlyWhatItWrites) {
  const std::vector<IndexRecord> records{{.key = text("key"), .value = text("value")}, {.key = text("k"), .value = {}}};
  const Bytes encoded = encode_intent(Epoch{7}, text("who"), records);
  const auto image = decode_intent(encoded);
  ASSERT_TRUE(image.is_ok());
  EXPECT_EQ(image->epoch, Epoch{7});
  EXPECT_TRUE(equal_bytes(image->participants, text("who")));
  ASSERT_EQ(image->records.size(), 2u);
  EXPECT_TRUE(equal_bytes(image->records[0].value, text("value")));
  for (size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_EQ(decode_intent(to_bytes(ByteView(encoded).first(size))).code(), Code::kCorrupt) << size;
  }
  Bytes longer = encoded;
  longer.push_back({});
  EXPECT_EQ(decode_intent(longer).code(), Code::kCorrupt);
  Decision decision;
  decision.epoch = Epoch{3};
  decision.outcome = Decision::Outcome::kCommitted;
  Bytes decided = encode_decision(decision);
  EXPECT_TRUE(decode_decision(decided)->is_commit());
  decided.back() = std::byte{0};
  EXPECT_EQ(decode_decision(decided).code(), Code::kCorrupt);
}

}  // namespace
}  // namespace aeon::vos
