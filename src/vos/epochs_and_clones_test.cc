// What containers with explicit epochs and clones promise.
#include "key_codec.h"
#include "runtime/gate.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

using Kind = ObjectWrite::Kind;
constexpr ObjectId kObject{.hi = 1, .lo = 2};
const Uuid kOther = Uuid::from_random(11, 12);

// A store with one container whose epochs are explicit, in use.
class ExplicitEpochs : public ::testing::Test {
 protected:
  ExplicitEpochs() {
    EXPECT_TRUE(target_.run(store().create_container(kOther, {.epochs = EpochMode::kExplicit})).is_ok());
    target_.use(kOther);
  }
  Store& store() { return target_.store(); }
  Status commit(uint64_t epoch) { return target_.run(store().commit(kOther, Epoch{epoch})); }
  Status discard(uint64_t begin, Epoch end) { return target_.run(store().discard(kOther, Epoch{begin}, end)); }
  Code put(std::string_view value, uint64_t epoch) {
    return target_.put(kObject, text("d"), text("a"), text(value), Epoch{epoch}).code();
  }
  std::string get(Epoch epoch = kEpochMax) {
    const auto value = target_.get(kObject, text("d"), text("a"), epoch);
    return value ? std::string(as_text(*value)) : value.status().to_string();
  }
  ContainerInfo info() { return *target_.run(store().query_container(kOther)); }
  Epoch changed(Epoch epoch = kEpochMax) { return *target_.run(store().query_max_epoch(kOther, kObject, epoch)); }

  // What a fetch says of it.
  Epoch fetched_change(Epoch epoch) {
    std::vector<AkeyFetch> akeys(1);
    akeys[0].akey = text("a");
    return target_.run(store().fetch(kOther, kObject, text("d"), akeys, 0, epoch))->at(0).object_changed;
  }

  TestStore target_;
};

TEST_F(ExplicitEpochs, WhatIsNotCommittedIsThereOnlyForReadsAtItsEpoch) {
  ASSERT_EQ(put("one", 5), Code::kOk);
  EXPECT_EQ(get(), "");
  EXPECT_EQ(get(Epoch{5}), "one");
  EXPECT_EQ(target_.run(store().list_objects(kOther, kEpochMax, {}, {}))->objects.size(), 0u);
  ASSERT_TRUE(commit(5).is_ok());
  ASSERT_EQ(put("two", 7), Code::kOk);
  EXPECT_EQ(get(), "one");
  EXPECT_EQ(get(Epoch{7}), "two");
  EXPECT_EQ(target_.run(store().list_objects(kOther, kEpochMax, {}, {}))->objects.size(), 1u);
  ASSERT_TRUE(commit(9).is_ok());
  EXPECT_EQ(get(), "two");
}

TEST_F(ExplicitEpochs, AListingSaysWhenEachObjectChangedLast) {
  const ObjectId other{.hi = 1, .lo = 3};
  ASSERT_EQ(put("one", 5), Code::kOk);
  ASSERT_TRUE(target_.put(other, text("d"), text("a"), text("x"), Epoch{6}).is_ok());
  ASSERT_EQ(put("two", 7), Code::kOk);
  ASSERT_TRUE(commit(6).is_ok());
  const auto changed_at = [&](Epoch epoch) {
    return target_.run(store().list_objects(kOther, epoch, {}, {}))->changed;
  };
  EXPECT_EQ(changed_at(kEpochMax), (std::vector<Epoch>{Epoch{5}, Epoch{6}}));
  EXPECT_EQ(changed_at(Epoch{7}), (std::vector<Epoch>{Epoch{7}, Epoch{6}}));
  EXPECT_EQ(changed_at(Epoch{5}), (std::vector<Epoch>{Epoch{5}}));
  const Uuid clocked = Uuid::from_random(1, 2);
  target_.use(clocked);
  ASSERT_TRUE(target_.put(kObject, text("d"), text("a"), text("x")).is_ok());
  const auto page = target_.run(store().list_objects(clocked, kEpochMax, {}, {}));
  EXPECT_EQ(page->objects.size(), 1u);
  EXPECT_TRUE(page->changed.empty());
}

TEST_F(ExplicitEpochs, WritesGiveAnEpochAboveTheHighestCommitted) {
  EXPECT_EQ(put("x", 0), Code::kInvalidArgument);
  ASSERT_TRUE(commit(5).is_ok());
  EXPECT_EQ(put("x", 5), Code::kInvalidArgument);
  EXPECT_EQ(put("x", 6), Code::kOk);
}

TEST_F(ExplicitEpochs, CommittingAgainOrEarlierIsHarmless) {
  ASSERT_EQ(put("one", 5), Code::kOk);
  ASSERT_TRUE(commit(5).is_ok());
  EXPECT_TRUE(commit(5).is_ok());
  EXPECT_TRUE(commit(3).is_ok());
  EXPECT_EQ(info().highest_committed, Epoch{5});
  EXPECT_EQ(put("x", 4), Code::kInvalidArgument);
}

TEST_F(ExplicitEpochs, ACommitMakesWritesDurableThatDidNotWait) {
  std::vector<ObjectWrite> writes(1);
  writes[0].object = kObject;
  writes[0].dkey = text("d");
  const Bytes value = text("flushed");
  writes[0].akeys.push_back(TestStore::single(text("a"), value));
  ASSERT_TRUE(target_.write(writes, Epoch{5}, Durability::kFlush).is_ok());
  ASSERT_TRUE(commit(5).is_ok());
  target_.crash();
  target_.open();
  EXPECT_EQ(get(), "flushed");
  EXPECT_EQ(info().highest_committed, Epoch{5});
  EXPECT_EQ(info().epochs, EpochMode::kExplicit);
}

TEST_F(ExplicitEpochs, DiscardingDropsWhatIsNotCommitted) {
  ASSERT_EQ(put("one", 5), Code::kOk);
  ASSERT_TRUE(commit(5).is_ok());
  ASSERT_EQ(put("seven", 7), Code::kOk);
  ASSERT_EQ(put("nine", 9), Code::kOk);
  EXPECT_EQ(discard(5, Epoch{9}).code(), Code::kInvalidArgument);
  ASSERT_TRUE(discard(7, Epoch{7}).is_ok());
  EXPECT_EQ(get(Epoch{8}), "one");
  EXPECT_EQ(get(Epoch{9}), "nine");
  EXPECT_EQ(info().highest_written, Epoch{9});
  ASSERT_TRUE(discard(6, kEpochMax).is_ok());
  EXPECT_EQ(get(Epoch{100}), "one");
  EXPECT_EQ(info().highest_written, Epoch{5});
  target_.reopen();
  EXPECT_EQ(info().highest_written, Epoch{5});
  ASSERT_TRUE(commit(20).is_ok());
  EXPECT_EQ(get(), "one");
}

TEST_F(ExplicitEpochs, NeitherCommitNorWritesComeBetweenAnAbort) {
  // Many objects, so that the discard yields on its way.
  for (uint64_t i = 0; i < 3'000; ++i) {
    ASSERT_TRUE(target_.put({.hi = 1, .lo = i}, text("d"), text("a"), text("x"), Epoch{5}).is_ok());
  }
  constexpr Epoch kFour{4}, kFive{5}, kSix{6}, kSeven{7}, kEight{8};
  Code committed = Code::kOk;
  Code written = Code::kOk;
  Code above = Code::kOk;
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it stays until the task has ended.
  const auto meanwhile = [&]() -> Task<void> {
    committed = (co_await store().commit(kOther, kSix)).code();
    std::vector<ObjectWrite> writes(1);
    writes[0].kind = Kind::kPunchObject;
    writes[0].object = kObject;
    std::vector<ObjectWrite> again = writes;
    const auto within = co_await store().write(kOther, std::move(writes), kFive, Durability::kSync);
    written = within.code();
    const auto behind = co_await store().write(kOther, std::move(again), kEight, Durability::kSync);
    above = behind.code();
  };
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it stays until the task has ended.
  const auto both = [&]() -> Task<Status> {
    Gate gate(target_.process().executor());
    gate.spawn(meanwhile());
    const Status status = co_await store().discard(kOther, kFour, kSeven);
    co_await gate.close();
    co_return status;
  };
  ASSERT_TRUE(target_.run(both()).is_ok());
  EXPECT_EQ(committed, Code::kBusy);
  EXPECT_EQ(written, Code::kBusy);
  EXPECT_EQ(above, Code::kOk);
  EXPECT_TRUE(commit(6).is_ok());
}

TEST_F(ExplicitEpochs, AggregationAndSnapshotsStopAtTheHighestCommitted) {
  ASSERT_EQ(put("five", 5), Code::kOk);
  ASSERT_EQ(put("six", 6), Code::kOk);
  EXPECT_EQ(target_.run(store().create_snapshot(kOther, kEpochZero)).code(), Code::kInvalidArgument);
  ASSERT_TRUE(commit(5).is_ok());
  EXPECT_EQ(target_.run(store().create_snapshot(kOther, Epoch{6})).code(), Code::kInvalidArgument);
  EXPECT_EQ(*target_.run(store().create_snapshot(kOther, kEpochZero)), Epoch{5});
  ASSERT_TRUE(target_.run(store().aggregate(kOther, kEpochMax)).is_ok());
  EXPECT_EQ(info().aggregated_through, Epoch{5});
  EXPECT_EQ(put("six again", 6), Code::kOk);
}

TEST_F(ExplicitEpochs, TheEpochThatChangedAnObjectIsToldAtEachEpoch) {
  EXPECT_EQ(changed(), kEpochZero);
  ASSERT_EQ(put("five", 5), Code::kOk);
  ASSERT_EQ(target_.punch(Kind::kPunchDkey, kObject, text("other"), {}, Epoch{8}).code(), Code::kOk);
  ASSERT_TRUE(commit(6).is_ok());
  EXPECT_EQ(changed(), Epoch{5});
  EXPECT_EQ(fetched_change(kEpochMax), Epoch{5});
  EXPECT_EQ(fetched_change(Epoch{9}), Epoch{8});
  EXPECT_EQ(changed(Epoch{4}), kEpochZero);
  EXPECT_EQ(changed(Epoch{9}), Epoch{8});
  // The punch goes, and that it was doesn't.
  ASSERT_TRUE(commit(9).is_ok());
  ASSERT_TRUE(target_.run(store().aggregate(kOther, kEpochMax)).is_ok());
  EXPECT_EQ(changed(), Epoch{8});
  ASSERT_EQ(put("ten", 10), Code::kOk);
  ASSERT_TRUE(discard(10, kEpochMax).is_ok());
  EXPECT_EQ(changed(Epoch{10}), Epoch{8});
  ASSERT_EQ(target_.punch(Kind::kPunchObject, kObject, {}, {}, Epoch{12}).code(), Code::kOk);
  ASSERT_TRUE(commit(12).is_ok());
  EXPECT_EQ(changed(), Epoch{12});
  EXPECT_NE(target_.run(store().aggregate(kOther, kEpochMax))->entries_dropped, 0u);
  EXPECT_EQ(target_.run(store().aggregate(kOther, kEpochMax))->entries_seen, 0u);
}

TEST(ContainerOptions, OrdinaryContainersCantBeCommitted) {
  TestStore target;
  EXPECT_EQ(target.run(target.store().commit(target.container(), Epoch{1})).code(), Code::kInvalidArgument);
  EXPECT_EQ(target.run(target.store().commit(kOther, Epoch{1})).code(), Code::kNotFound);
}

class Clones : public ::testing::Test {
 protected:
  Store& store() { return target_.store(); }
  static Uuid id(uint64_t number) { return Uuid::from_random(100, number); }
  Code clone(Uuid of, uint64_t number, Epoch epoch = kEpochMax, EpochMode mode = EpochMode::kClock) {
    ContainerOptions options;
    options.epochs = mode;
    options.base = CloneBase{.container = of, .epoch = epoch};
    return target_.run(store().create_container(id(number), options)).code();
  }
  Status destroy(Uuid container) { return target_.run(store().destroy_container(container)); }
  Epoch put(std::string_view akey, std::string_view value, std::string_view dkey = "d") {
    const auto written = target_.put(kObject, text(dkey), text(akey), text(value));
    EXPECT_TRUE(written.is_ok()) << written.status().to_string();
    return written ? *written : kEpochZero;
  }
  std::string get(Uuid container, std::string_view akey, Epoch epoch = kEpochMax) {
    target_.use(container);
    const auto value = target_.get(kObject, text("d"), text(akey), epoch);
    return value ? std::string(as_text(*value)) : value.status().to_string();
  }
  ContainerInfo info(Uuid container) { return *target_.run(store().query_container(container)); }
  uint64_t records() {
    const auto count = [](media::KeyBlockStore& media) -> Task<uint64_t> {
      media::Cursor cursor(media);
      const Bytes first = container_prefix(1);
      uint64_t found = 0;
      Status status = co_await cursor.seek(first);
      for (; status.is_ok() && cursor.valid(); status = co_await cursor.next()) ++found;
      co_return found;
    };
    target_.scheduler().run_for(std::chrono::seconds(1));
    return target_.run(count(store().media()));
  }

  TestStore target_;
  const Uuid first_ = target_.container();
};

TEST_F(Clones, BeginWithWhatTheBaseShowsAndGoTheirOwnWay) {
  put("a", "base");
  ASSERT_EQ(clone(first_, 1), Code::kOk);
  put("a", "base later");
  EXPECT_EQ(get(id(1), "a"), "base");
  put("a", "clone");
  EXPECT_EQ(get(id(1), "a"), "clone");
  EXPECT_EQ(get(first_, "a"), "base later");
  target_.reopen();
  EXPECT_EQ(get(id(1), "a"), "clone");
  EXPECT_EQ(get(id(1), "a", info(id(1)).base->epoch), "base");
  EXPECT_EQ(info(id(1)).base->container, first_);
  EXPECT_EQ(info(first_).clones, std::vector<Epoch>{info(id(1)).base->epoch});
}

TEST_F(Clones, AChainOfThemReadsThroughAllAndBasesMayGo) {
  constexpr uint64_t kDepth = 8;
  put("0", "value 0");
  for (uint64_t depth = 1; depth <= kDepth; ++depth) {
    ASSERT_EQ(clone(depth == 1 ? first_ : id(depth - 1), depth), Code::kOk);
    put(std::to_string(depth - 1), "hidden");  // In the base.
    target_.use(id(depth));
    put(std::to_string(depth), "value " + std::to_string(depth));
  }
  const auto all_are_there = [&] {
    for (uint64_t depth = 0; depth <= kDepth; ++depth) {
      EXPECT_EQ(get(id(kDepth), std::to_string(depth)), "value " + std::to_string(depth));
    }
    EXPECT_EQ(target_.run(store().list_akeys(id(kDepth), kObject, text("d"), kEpochMax, {}, {}))->keys.size(),
              kDepth + 1);
  };
  all_are_there();
  ASSERT_TRUE(destroy(first_).is_ok());
  for (uint64_t depth = kDepth - 1; depth >= 1; --depth) {
    ASSERT_TRUE(destroy(id(depth)).is_ok());
    EXPECT_EQ(get(id(depth), "0").find("not_found"), 0u);
    all_are_there();
    if (depth % 3 == 0) {
      target_.crash();
      target_.open();
    }
  }
  EXPECT_EQ(records(), kDepth + 1);  // What the bases had beyond their clones' epochs went.
  all_are_there();
  ASSERT_TRUE(destroy(id(kDepth)).is_ok());
  EXPECT_EQ(records(), 0u);
}

TEST_F(Clones, PunchesHideTheBaseAndStayThroughAggregation) {
  put("a", "single");
  ASSERT_TRUE(target_.put_extent(kObject, text("d"), text("b"), {0, 10}, 1, text("0123456789")).is_ok());
  put("c", "whole akey");
  put("x", "whole dkey", "e");
  ASSERT_EQ(clone(first_, 1), Code::kOk);
  target_.use(id(1));
  put("a", "");
  ASSERT_TRUE(target_.put_extent(kObject, text("d"), text("b"), {2, 3}, 0, {}).is_ok());
  ASSERT_TRUE(target_.punch(Kind::kPunchAkeys, kObject, text("d"), text("c")).is_ok());
  ASSERT_TRUE(target_.punch(Kind::kPunchDkey, kObject, text("e")).is_ok());
  put("unrelated", "gone soon");
  ASSERT_TRUE(target_.punch(Kind::kPunchAkeys, kObject, text("d"), text("unrelated")).is_ok());
  const auto check = [&] {
    target_.use(id(1));
    EXPECT_EQ(get(id(1), "a"), "");
    const Bytes holes(3);
    EXPECT_EQ(std::string(as_text(*target_.get_extent(kObject, text("d"), text("b"), {0, 10}, 1))),
              "01" + std::string(as_text(holes)) + "56789");
    EXPECT_EQ(target_.run(store().list_akeys(id(1), kObject, text("d"), kEpochMax, {}, {}))->keys,
              std::vector<Bytes>{text("b")});
    EXPECT_EQ(target_.run(store().list_dkeys(id(1), kObject, kEpochMax, {}, {}))->keys, std::vector<Bytes>{text("d")});
  };
  check();
  const auto progress = target_.run(store().aggregate(id(1), kEpochMax));
  ASSERT_TRUE(progress.is_ok());
  EXPECT_EQ(progress->entries_dropped, 2u);  // Only what hid nothing of the base.
  check();
  EXPECT_EQ(get(first_, "a"), "single");
}

TEST_F(Clones, TheBaseKeepsTheirEpochThroughAggregation) {
  put("a", "old");
  ASSERT_EQ(clone(first_, 1), Code::kOk);
  const Epoch epoch = info(id(1)).base->epoch;
  put("a", "new");
  ASSERT_TRUE(target_.run(store().aggregate(first_, kEpochMax)).is_ok());
  EXPECT_EQ(get(id(1), "a"), "old");
  EXPECT_EQ(target_.run(store().discard(first_, epoch, epoch)).code(), Code::kInvalidArgument);
  ASSERT_EQ(clone(first_, 2, epoch), Code::kOk);  // It is kept, so that more may start there.
  EXPECT_EQ(clone(first_, 3, Epoch{epoch.value - 1}), Code::kInvalidArgument);
  ASSERT_TRUE(destroy(id(1)).is_ok());
  ASSERT_TRUE(destroy(id(2)).is_ok());
  target_.use(first_);
  EXPECT_EQ(target_.run(store().aggregate(first_, kEpochMax))->entries_dropped, 1u);
}

TEST_F(Clones, NothingIsWrittenWhereTheyStart) {
  ASSERT_TRUE(target_.put(kObject, text("d"), text("a"), text("1"), Epoch{10}).is_ok());
  ASSERT_EQ(clone(first_, 1, Epoch{20}), Code::kOk);
  EXPECT_EQ(target_.put(kObject, text("d"), text("a"), text("2"), Epoch{20}).code(), Code::kInvalidArgument);
  EXPECT_TRUE(target_.put(kObject, text("d"), text("a"), text("3"), Epoch{21}).is_ok());
  target_.use(id(1));
  EXPECT_EQ(target_.put(kObject, text("d"), text("a"), text("4"), Epoch{20}).code(), Code::kInvalidArgument);
  EXPECT_EQ(target_.run(store().create_snapshot(id(1), Epoch{19})).code(), Code::kInvalidArgument);
  EXPECT_EQ(clone(id(1), 2, Epoch{19}), Code::kInvalidArgument);
  EXPECT_EQ(clone(id(1), 2, Epoch{20}), Code::kOk);
  EXPECT_EQ(get(id(2), "a"), "1");
  EXPECT_EQ(clone(id(9), 3), Code::kNotFound);
  EXPECT_EQ(clone(first_, 1), Code::kExists);
}

TEST_F(Clones, HistoryBeforeTheirEpochIsTheBases) {
  const Epoch first = put("a", "first");
  put("a", "second");
  ASSERT_EQ(clone(first_, 1), Code::kOk);
  target_.use(id(1));
  put("a", "third");
  EXPECT_EQ(get(id(1), "a", first), "first");
}

TEST_F(Clones, OfWhatIsCommittedOnly) {
  const Uuid base = id(50);
  ASSERT_TRUE(target_.run(store().create_container(base, {.epochs = EpochMode::kExplicit})).is_ok());
  EXPECT_EQ(clone(base, 1), Code::kInvalidArgument);  // There is nothing yet.
  target_.use(base);
  ASSERT_TRUE(target_.put(kObject, text("d"), text("a"), text("five"), Epoch{5}).is_ok());
  ASSERT_TRUE(target_.put(kObject, text("d"), text("a"), text("six"), Epoch{6}).is_ok());
  ASSERT_TRUE(target_.run(store().commit(base, Epoch{5})).is_ok());
  EXPECT_EQ(clone(base, 1, Epoch{6}), Code::kInvalidArgument);
  ASSERT_EQ(clone(base, 1, kEpochMax, EpochMode::kExplicit), Code::kOk);
  EXPECT_EQ(info(id(1)).highest_committed, Epoch{5});
  ASSERT_TRUE(target_.run(store().commit(base, Epoch{6})).is_ok());
  EXPECT_EQ(get(id(1), "a"), "five");
  EXPECT_EQ(target_.put(kObject, text("d"), text("a"), text("mine"), Epoch{5}).code(), Code::kInvalidArgument);
  ASSERT_TRUE(target_.put(kObject, text("d"), text("a"), text("mine"), Epoch{6}).is_ok());
  EXPECT_EQ(get(id(1), "a"), "five");
  EXPECT_EQ(get(id(1), "a", Epoch{6}), "mine");
  EXPECT_EQ(*target_.run(store().query_max_epoch(id(1), kObject, kEpochMax)), Epoch{5});
}

TEST_F(Clones, AnAkeysShapeIsTheBasesToo) {
  put("s", "single");
  ASSERT_TRUE(target_.put_extent(kObject, text("d"), text("b"), {0, 4}, 2, text("aabbccdd")).is_ok());
  ASSERT_EQ(clone(first_, 1), Code::kOk);
  target_.use(id(1));
  EXPECT_EQ(target_.put_extent(kObject, text("d"), text("s"), {0, 1}, 1, text("x")).code(), Code::kInvalidArgument);
  EXPECT_EQ(target_.put_extent(kObject, text("d"), text("b"), {9, 1}, 3, text("xyz")).code(), Code::kInvalidArgument);
  EXPECT_EQ(target_.put(kObject, text("d"), text("b"), text("x")).code(), Code::kInvalidArgument);
  EXPECT_TRUE(target_.put_extent(kObject, text("d"), text("b"), {9, 1}, 2, text("ee")).is_ok());
  ASSERT_TRUE(target_.punch(Kind::kPunchAkeys, kObject, text("d"), text("b")).is_ok());
  EXPECT_TRUE(target_.put_extent(kObject, text("d"), text("b"), {9, 1}, 3, text("xyz")).is_ok());
  EXPECT_EQ(target_.put_extent(kObject, text("d"), text("b"), {9, 1}, 2, text("ee")).code(), Code::kInvalidArgument);
}

TEST_F(Clones, ConditionsSeeTheBase) {
  put("a", "there");
  ASSERT_EQ(clone(first_, 1), Code::kOk);
  target_.use(id(1));
  EXPECT_EQ(target_.put(kObject, text("d"), text("a"), text("x"), kEpochZero, kAkeyInsert).code(), Code::kExists);
  EXPECT_EQ(target_.put(kObject, text("e"), text("a"), text("x"), kEpochZero, kDkeyUpdate).code(), Code::kNotFound);
  EXPECT_TRUE(target_.punch(Kind::kPunchObject, kObject, {}, {}, kEpochZero, kPunchIfExists).is_ok());
  EXPECT_EQ(target_.punch(Kind::kPunchObject, kObject, {}, {}, kEpochZero, kPunchIfExists).code(), Code::kNotFound);
  EXPECT_EQ(target_.put(kObject, text("d"), text("a"), text("x"), kEpochZero, kAkeyInsert).code(), Code::kOk);
  EXPECT_EQ(get(first_, "a"), "there");
}

TEST_F(Clones, CostTheSameWhateverTheirBaseHolds) {
  const auto cost = [&](uint64_t number) {
    const media::Counters before = store().media().counters();
    const Instant start = target_.scheduler().now();
    EXPECT_EQ(clone(first_, number), Code::kOk);
    const media::Counters after = store().media().counters();
    EXPECT_EQ(after.batches - before.batches, 1u);
    EXPECT_EQ(after.pages_read, before.pages_read);
    EXPECT_LT(target_.scheduler().now() - start, std::chrono::milliseconds(1));
    return after.log_bytes - before.log_bytes;
  };
  put("a", "value");
  const uint64_t small = cost(1);
  target_.use(first_);
  for (uint64_t i = 0; i < 3'000; ++i) {
    ASSERT_TRUE(target_.put({.hi = 1, .lo = i}, text("d"), text("a"), text("x")).is_ok());
  }
  EXPECT_EQ(cost(2), small);
}

TEST_F(Clones, AListingOfTheBasesHistoryIsWholeWhileTheBaseIsAggregated) {
  constexpr uint64_t kCount = 2'000;
  Epoch first;
  for (uint64_t i = 0; i < kCount; ++i) {
    const auto written = target_.put({.hi = 1, .lo = i}, text("d"), text("a"), text("x"));
    ASSERT_TRUE(written.is_ok());
    first = *written;
  }
  for (uint64_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(target_.punch(Kind::kPunchObject, {.hi = 1, .lo = i}).is_ok());
  }
  ASSERT_EQ(clone(first_, 1), Code::kOk);
  size_t listed = 0;
  bool has_begun = false;
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it stays until the task has ended.
  const auto list = [&]() -> Task<void> {
    ListLimits limits;
    limits.count_max = kCount;
    has_begun = true;
    const auto page = co_await store().list_objects(id(1), first, Anchor(), limits);
    if (page.is_ok()) listed = page->objects.size();
  };
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it stays until the task has ended.
  const auto both = [&]() -> Task<Status> {
    Gate gate(target_.process().executor());
    gate.spawn(list());
    while (!has_begun) co_await yield(target_.process().executor());  // It goes on beside the aggregation.
    EXPECT_EQ(listed, 0u);
    const auto aggregated = co_await store().aggregate(first_, kEpochMax);
    co_await gate.close();
    co_return aggregated.status();
  };
  ASSERT_TRUE(target_.run(both()).is_ok());
  EXPECT_EQ(listed, kCount);
}

TEST_F(Clones, AStoreWithoutThemKeepsTheOlderFormat) {
  const auto format = [&] {
    const auto read = [](media::KeyBlockStore& media) -> Task<uint32_t> {
      media::Cursor cursor(media);
      const Bytes key = store_prefix(StoreRecord::kInfo);
      const Status status = co_await cursor.seek(key);
      co_return status.is_ok() && cursor.valid() ? load_le<uint32_t>(cursor.value().data()) : 0;
    };
    return target_.run(read(store().media()));
  };
  put("a", "value");
  EXPECT_EQ(format(), 1u);
  ASSERT_EQ(clone(first_, 1), Code::kOk);
  EXPECT_EQ(format(), 2u);
  put("a", "value");
  EXPECT_EQ(format(), 2u);
}

}  // namespace
}  // namespace aeon::vos
