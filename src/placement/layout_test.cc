#include "placement/layout.h"

#include <set>

#include "sample_maps_test.h"

namespace aeon::placement {
namespace {

PlacementMap ready(const PoolMap& map, MapKind kind = MapKind::kJump) { return PlacementMap::make(map, kind).value(); }

TEST(Layout, SpreadsOverAsManyTargetsAsThereAre) {
  EXPECT_EQ(place(object_of("SX", 1), 1)->targets, std::vector<TargetId>({0}));
  EXPECT_EQ(place(object_of("SX", 1), 3)->targets.size(), 3u);
  EXPECT_EQ(place(object_of("S1", 1), 3)->targets.size(), 1u);
  EXPECT_EQ(place(ObjectId{.hi = 0, .lo = 1}, 1)->targets, std::vector<TargetId>({0}));
}

TEST(Layout, OfOneTargetHasOneGroupWhateverTheClass) {
  const PlacementMap map = ready(make_plain_map(1));
  for (const char* const name : {"S1", "S2", "S32", "SX"}) {
    EXPECT_EQ(map.place(object_of(name, 5)).value(), (Layout{1, 1, {0}})) << name;
    EXPECT_EQ(place(object_of(name, 5), 1).value(), (Layout{1, 1, {0}})) << name;
  }
  EXPECT_EQ(map.place(object_of("RP_2G1", 5)).code(), Code::kInvalidArgument);
}

TEST(Layout, ObjectsOfOneGroupAreOnAllTargets) {
  std::set<TargetId> used;
  for (uint64_t i = 0; i < 100; ++i) used.insert(place(object_of("S1", i), 4)->targets.at(0));
  EXPECT_EQ(used, std::set<TargetId>({0, 1, 2, 3}));
}

TEST(Layout, UnknownObjectsAndThoseOfNoClassAreAsS1) {
  const PlacementMap map = ready(racks_map(2, 2, 2));
  EXPECT_EQ(map.place(ObjectId{.hi = 1, .lo = 2})->targets.size(), 1u);
  EXPECT_EQ(map.place(ObjectId{.hi = uint64_t{1} << 48, .lo = 2})->targets.size(), 1u);
}

TEST(Layout, GroupsBeyondTheTargetsShareThemEvenly) {
  const PlacementMap map = ready(make_plain_map(3));
  const Layout layout = map.place(object_of("S32", 9)).value();
  EXPECT_EQ(layout.group_count, 32u);
  std::vector<int> uses(3);
  for (const TargetId target : layout.targets) ++uses.at(target);
  for (const int of_one : uses) EXPECT_TRUE(of_one == 10 || of_one == 11) << of_one;
}

TEST(Layout, HasABoundWhateverTheIdSays) {
  EXPECT_EQ(ready(make_plain_map(3)).place(object_of("S60000", 9))->group_count, kFixedGroupsMax);
  EXPECT_EQ(ready(make_plain_map(5000)).place(object_of("SX", 9))->group_count, 5000u);
}

TEST(Layout, WithXCoversAllTargetsOnce) {
  const PoolMap pool_map = racks_map(3, 4, 2);
  for (const MapKind kind : {MapKind::kJump, MapKind::kRing}) {
    const PlacementMap map = ready(pool_map, kind);
    for (const char* const name : {"SX", "RP_2GX", "RP_3GX", "EC_4P2GX"}) {
      const Layout layout = map.place(object_of(name, 77)).value();
      EXPECT_EQ(layout.targets.size(), 24u) << name;
      EXPECT_EQ(layout.group_count * layout.group_size, 24u) << name;
      if (kind == MapKind::kRing && layout.group_size > 1) continue;  // Where it skips a place, it leaves one out.
      EXPECT_EQ(std::set<TargetId>(layout.targets.begin(), layout.targets.end()).size(), 24u) << name;
    }
  }
}

TEST(Layout, WhatCannotBePlacedIsRefusedSayingWhy) {
  const PlacementMap map = ready(racks_map(1, 2, 2));
  const Status narrow = map.place(object_of("EC_4P2G1", 1)).status();
  EXPECT_EQ(narrow.code(), Code::kInvalidArgument);
  EXPECT_NE(narrow.message().find("EC_4P2G1"), std::string_view::npos);
  EXPECT_NE(narrow.message().find("6 targets"), std::string_view::npos);
  EXPECT_EQ(map.place(make_object_id({}, 0, make_class(200, 1))).code(), Code::kInvalidArgument);
  EXPECT_EQ(ready(make_plain_map(19)).place(object_of("EC_16P3G4000", 1)).code(), Code::kInvalidArgument);
  EXPECT_EQ(place(ObjectId{}, 0).code(), Code::kInvalidArgument);
  EXPECT_EQ(place(object_of("RP_2G1", 1), 4).code(), Code::kInvalidArgument);  // For I/O, which isn't there yet.
  EXPECT_EQ(PlacementMap::make(PoolMap()).code(), Code::kInvalidArgument);
}

TEST(Layout, NoRoomForAShardMeansNoTargetForIt) {
  PoolMap map = racks_map(3, 1, 1);
  map = with_excluded(map, std::vector<TargetId>{1}).value();
  const PlacementMap changing = ready(map);
  const Layout next = changing.place(object_of("RP_3G1", 4), View::kNext).value();
  EXPECT_EQ(std::set<TargetId>(next.targets.begin(), next.targets.end()), std::set<TargetId>({0, 2, kNoTarget}));
}

TEST(Layout, ALostShardHasNoTargetNowAndAnotherOneNext) {
  const PoolMap map = make_plain_map(4);
  const ObjectId object = object_of("S1", 3);
  const TargetId before = ready(map).place(object)->targets.at(0);
  const PlacementMap changing = ready(with_excluded(map, std::vector<TargetId>{before}).value());
  EXPECT_TRUE(changing.is_changing());
  EXPECT_EQ(changing.place(object)->targets.at(0), kNoTarget);
  const TargetId next = changing.place(object, View::kNext)->targets.at(0);
  EXPECT_NE(next, kNoTarget);
  EXPECT_NE(next, before);
}

TEST(Layout, ADrainedTargetIsReadUntilItIsEmpty) {
  const PoolMap map = make_plain_map(4);
  const ObjectId object = object_of("S1", 3);
  const TargetId before = ready(map).place(object)->targets.at(0);
  const PoolMap draining = with_drained(map, std::vector<TargetId>{before}).value();
  EXPECT_EQ(ready(draining).place(object)->targets.at(0), before);
  const TargetId next = ready(draining).place(object, View::kNext)->targets.at(0);
  EXPECT_NE(next, before);
  const PoolMap done = with_changes_finished(draining, draining.version).value();
  EXPECT_FALSE(ready(done).is_changing());
  EXPECT_EQ(ready(done).place(object)->targets.at(0), next);
}

TEST(Layout, OfAMapThatIsntChangingIsTheSameInBothViews) {
  const PlacementMap map = ready(racks_map(3, 3, 3));
  const ObjectId object = object_of("EC_4P2G2", 3);
  EXPECT_EQ(map.place(object).value(), map.place(object, View::kNext).value());
  EXPECT_EQ(map.target_count(), 27u);
}

TEST(Layout, IsMadeInMemoryThatIsThere) {
  const PlacementMap map = ready(racks_map(3, 3, 3));
  Layout layout;
  ASSERT_TRUE(map.place_into(object_of("EC_4P2G2", 3), View::kNow, layout).is_ok());
  ASSERT_TRUE(map.place_into(object_of("RP_3G1", 3), View::kNow, layout).is_ok());
  EXPECT_EQ(layout, map.place(object_of("RP_3G1", 3)).value());
}

}  // namespace
}  // namespace aeon::placement
