#include "sample_maps_test.h"

namespace aeon::placement {
namespace {

using enum TargetState;
using Change = Result<PoolMap> (*)(PoolMap, std::span<const TargetId>);

// A pool with a target in `state`, and which it is. kUp comes in three ways.
struct Prepared {
  PoolMap map;
  TargetId target;
};
enum class Way { kPlain, kBack, kBackEarly };

Prepared prepared(TargetState state, Way way = Way::kPlain) {
  PoolMap map = racks_map(2, 1, 2);
  const std::vector<TargetId> one{1};
  const auto finish = [&] { map = with_changes_finished(map, map.version).value(); };
  switch (state) {
    case kNew: map = with_ranks(map, ranks_in_racks(1, 1, 1, 2, 9)).value(); return {map, 4};
    case kUp:
      if (way == Way::kPlain) {
        map = with_ranks(map, ranks_in_racks(1, 1, 1, 2, 9)).value();
        return {with_joining(map, std::vector<TargetId>{4}).value(), 4};
      }
      map = with_excluded(map, one).value();
      if (way == Way::kBack) finish();
      return {with_reintegrated(map, one).value(), 1};
    case kUpIn: return {map, 1};
    case kDown: return {with_excluded(map, one).value(), 1};
    case kDownOut:
      map = with_excluded(map, one).value();
      finish();
      return {map, 1};
    case kDrain: return {with_drained(map, one).value(), 1};
  }
  return {};
}

void expect_change(Change change, Prepared from, TargetState to) {
  const Result<PoolMap> next = change(from.map, std::span(&from.target, 1));
  ASSERT_TRUE(next.is_ok()) << next.status().to_string();
  EXPECT_EQ(next->targets[from.target].state, to);
  EXPECT_TRUE(validate(*next).is_ok()) << validate(*next).to_string();
  const bool is_changed = from.map.targets[from.target].state != to;
  EXPECT_EQ(next->version, from.map.version + (is_changed ? 1 : 0));
  EXPECT_EQ(next->targets[from.target].changed_in,
            is_changed ? next->version : from.map.targets[from.target].changed_in);
}

TEST(PoolMapChanges, Exclude) {
  expect_change(with_excluded, prepared(kUpIn), kDown);
  expect_change(with_excluded, prepared(kDrain), kDown);
  expect_change(with_excluded, prepared(kDown), kDown);
  expect_change(with_excluded, prepared(kDownOut), kDownOut);
  expect_change(with_excluded, prepared(kNew), kNew);
  expect_change(with_excluded, prepared(kUp), kNew);
  expect_change(with_excluded, prepared(kUp, Way::kBack), kDownOut);
  expect_change(with_excluded, prepared(kUp, Way::kBackEarly), kDown);
}

TEST(PoolMapChanges, Drain) {
  expect_change(with_drained, prepared(kUpIn), kDrain);
  expect_change(with_drained, prepared(kDrain), kDrain);
  expect_change(with_drained, prepared(kDown), kDown);
  expect_change(with_drained, prepared(kDownOut), kDownOut);
  expect_change(with_drained, prepared(kNew), kNew);
  const Prepared being_filled = prepared(kUp, Way::kBack);
  const Result<PoolMap> refused = with_drained(being_filled.map, std::span(&being_filled.target, 1));
  EXPECT_EQ(refused.code(), Code::kBusy);
  EXPECT_NE(refused.status().message().find("target 1 of rank 0 is up"), std::string_view::npos)
      << refused.status().message();
}

TEST(PoolMapChanges, Reintegrate) {
  expect_change(with_reintegrated, prepared(kDown), kUp);
  expect_change(with_reintegrated, prepared(kDownOut), kUp);
  expect_change(with_reintegrated, prepared(kDrain), kUpIn);
  expect_change(with_reintegrated, prepared(kUpIn), kUpIn);
  expect_change(with_reintegrated, prepared(kUp), kUp);
  const Prepared never_there = prepared(kNew);
  EXPECT_EQ(with_reintegrated(never_there.map, std::span(&never_there.target, 1)).code(), Code::kInvalidArgument);
}

TEST(PoolMapChanges, Join) {
  expect_change(with_joining, prepared(kNew), kUp);
  expect_change(with_joining, prepared(kUp), kUp);
  expect_change(with_joining, prepared(kUpIn), kUpIn);
  expect_change(with_joining, prepared(kDownOut), kDownOut);
}

TEST(PoolMapChanges, Finish) {
  const auto finish = [](PoolMap map, std::span<const TargetId>) {
    const MapVersion version = map.version;
    return with_changes_finished(std::move(map), version);
  };
  expect_change(finish, prepared(kUp), kUpIn);
  expect_change(finish, prepared(kUp, Way::kBack), kUpIn);
  expect_change(finish, prepared(kUp, Way::kBackEarly), kUpIn);
  expect_change(finish, prepared(kDown), kDownOut);
  expect_change(finish, prepared(kDrain), kDownOut);
  expect_change(finish, prepared(kUpIn), kUpIn);
  expect_change(finish, prepared(kNew), kNew);
  expect_change(finish, prepared(kDownOut), kDownOut);
}

TEST(PoolMapChanges, WhatIsFinishedIsTheVersionAtHandOrNone) {
  const PoolMap started = prepared(kDown).map;
  const PoolMap later = with_excluded(started, std::vector<TargetId>{3}).value();
  EXPECT_EQ(with_changes_finished(later, started.version).code(), Code::kConflict);
  EXPECT_EQ(with_changes_finished(later, later.version + 1).code(), Code::kConflict);
  EXPECT_TRUE(with_changes_finished(later, later.version).is_ok());
}

TEST(PoolMapChanges, OfSeveralTargetsAreOneVersionOrNone) {
  const PoolMap map = racks_map(2, 1, 2);
  const PoolMap next = with_excluded(map, std::vector<TargetId>{0, 1, 0}).value();
  EXPECT_EQ(next.version, 2u);
  EXPECT_EQ(next.targets[0].out_since, 2u);
  EXPECT_EQ(next.targets[1].out_since, 2u);
  EXPECT_EQ(with_excluded(map, std::vector<TargetId>{0, 4}).code(), Code::kInvalidArgument);
  EXPECT_EQ(with_excluded(map, {}).value(), map);
}

TEST(PoolMapChanges, ADrainThatFailsKeepsItsPlaceInTheOrderOfLosses) {
  const Prepared drained = prepared(kDrain);
  const PoolMap later = with_excluded(drained.map, std::vector<TargetId>{2}).value();
  const PoolMap failed = with_excluded(later, std::vector<TargetId>{drained.target}).value();
  EXPECT_EQ(failed.targets[drained.target].out_since, drained.map.version);
}

TEST(PoolMapChanges, NewRanksDontDisturbWhatIsThere) {
  const PoolMap map = racks_map(2, 1, 2);
  const PoolMap next = with_ranks(map, ranks_in_racks(2, 1, 2, 1, 50)).value();  // One rack is there already.
  EXPECT_TRUE(check_follows(map, next).is_ok());
  EXPECT_EQ(next.targets.size(), 8u);
  EXPECT_EQ(next.targets[7].state, kNew);
  EXPECT_EQ(next.domains.size(), map.domains.size() + 5);
  EXPECT_FALSE(next.is_changing());
  EXPECT_EQ(with_ranks(map, ranks_in_racks(1, 1, 1, 5, 1)).code(), Code::kExists);
}

}  // namespace
}  // namespace aeon::placement
