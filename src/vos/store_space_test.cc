// What containers take, as counted.
#include "space_accounting.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr uint32_t kOnlyContainer = 1;

SpaceUse space(TestStore& target) {
  const auto info = target.run(target.store().query_container(target.container()));
  EXPECT_TRUE(info.is_ok());
  return info.is_ok() ? info->space : SpaceUse();
}

TEST(StoreSpace, CountsValuesBlocksAndRecords) {
  TestStore target;
  EXPECT_EQ(space(target), SpaceUse());
  ASSERT_TRUE(target.put(kObject, text("d"), text("small"), Bytes(100)).is_ok());
  ASSERT_TRUE(target.put(kObject, text("d"), text("large"), Bytes(10'000)).is_ok());
  const SpaceUse use = space(target);
  EXPECT_EQ(use.records, 2);
  EXPECT_EQ(use.value_bytes, 10'100);
  EXPECT_EQ(use.block_bytes, 12'288);
  EXPECT_GT(use.index_bytes, 100);
  EXPECT_LT(use.index_bytes, 400);
}

TEST(StoreSpace, OverwritingAddsHistoryThatASurveyTellsApart) {
  TestStore target;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(target.put(kObject, text("d"), text("a"), Bytes(10'000)).is_ok());
  const auto snapshot = target.run(target.store().create_snapshot(target.container(), kEpochZero));
  ASSERT_TRUE(snapshot.is_ok());
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), Bytes(20'000)).is_ok());
  auto survey = target.run(target.store().survey_space(target.container()));
  ASSERT_TRUE(survey.is_ok());
  EXPECT_EQ(survey->stored, space(target));
  EXPECT_EQ(survey->history.value_bytes, 50'000);
  EXPECT_EQ(survey->reclaimable.value_bytes, 40'000);
  EXPECT_EQ(survey->reclaimable.records, 4);
  const SpaceUse before = space(target);
  ASSERT_TRUE(target.run(target.store().aggregate(target.container(), kEpochMax)).is_ok());
  SpaceUse expected = before;
  expected += -survey->reclaimable;
  EXPECT_EQ(space(target), expected);
  survey = target.run(target.store().survey_space(target.container()));
  ASSERT_TRUE(survey.is_ok());
  EXPECT_EQ(survey->reclaimable, SpaceUse());
  EXPECT_EQ(survey->history.records, 1);
}

TEST(StoreSpace, PunchingAndAggregatingAllLeavesNothing) {
  TestStore target;
  for (int i = 0; i < 20; ++i) {
    const Bytes dkey = text("d" + std::to_string(i));
    ASSERT_TRUE(target.put(kObject, dkey, text("a"), Bytes(6000)).is_ok());
    ASSERT_TRUE(target.put_extent(kObject, dkey, text("b"), {5, 10}, 700, Bytes(7000)).is_ok());
    ASSERT_TRUE(target.put_extent(kObject, dkey, text("b"), {7, 2}, 0, {}).is_ok());
  }
  ASSERT_TRUE(target.punch(ObjectWrite::Kind::kPunchObject, kObject).is_ok());
  ASSERT_TRUE(target.run(target.store().aggregate(target.container(), kEpochMax)).is_ok());
  EXPECT_EQ(space(target), SpaceUse());
  EXPECT_EQ(target.store().media().space().blocks_used, 0u);
}

TEST(StoreSpace, DiscardAndFailedCallsLeaveItExact) {
  TestStore target;
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), Bytes(6000), Epoch{10}).is_ok());
  const SpaceUse before = space(target);
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), Bytes(9000), Epoch{20}).is_ok());
  EXPECT_EQ(target.put(kObject, text("d"), text("a"), Bytes(9000), Epoch{30}, kAkeyInsert).code(), Code::kExists);
  ASSERT_TRUE(target.run(target.store().discard(target.container(), Epoch{20}, Epoch{20})).is_ok());
  EXPECT_EQ(space(target), before);
}

TEST(StoreSpace, OfADestroyedContainerIsShownUntilItIsErased) {
  TestStore target;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(target.put(kObject, text("d" + std::to_string(i)), text("a"), Bytes(5000)).is_ok());
  }
  const SpaceUse before = space(target);
  ASSERT_TRUE(target.run(target.store().destroy_container(target.container())).is_ok());
  const auto dying = target.run(target.store().destroyed_space());
  ASSERT_TRUE(dying.is_ok());
  EXPECT_LE(dying->records, before.records);
  EXPECT_GT(dying->records, 0);
  target.reopen();  // Goes on with it.
  for (int i = 0; i < 1000 && target.run(target.store().destroyed_space())->records != 0; ++i) {
    ASSERT_TRUE(target.run(target.store().flush()).is_ok());
  }
  EXPECT_EQ(*target.run(target.store().destroyed_space()), SpaceUse());
  EXPECT_EQ(target.store().media().space().blocks_used, 0u);
}

TEST(StoreSpace, ContainersWithoutCountersGetThemWhenOpened) {
  TestStore target;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(target.put(kObject, text("d" + std::to_string(i % 7)), text("a"), Bytes(100 * i)).is_ok());
  }
  const SpaceUse before = space(target);
  media::Batch batch;
  batch.erase(space_key(kOnlyContainer));
  ASSERT_TRUE(target.run(target.store().media().apply(std::move(batch))).is_ok());
  target.reopen();
  EXPECT_EQ(space(target), before);
  media::Batch damage;
  damage.put(space_key(kOnlyContainer), Bytes(5));
  ASSERT_TRUE(target.run(target.store().media().apply(std::move(damage))).is_ok());
  target.reopen();
  EXPECT_EQ(space(target), before);
}

}  // namespace
}  // namespace aeon::vos
