// What layouts promise, over many objects and random maps: separation, balance, little movement, agreement.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "placement/layout.h"
#include "sample_maps_test.h"

namespace aeon::placement {
namespace {

constexpr const char* kClasses[] = {"S1",     "S4",       "SX",       "RP_2G1",   "RP_3G1",   "RP_3G4",
                                    "RP_2GX", "EC_2P1G1", "EC_4P2G2", "EC_2P1GX", "EC_8P2G1", "RP_6G1"};
constexpr MapKind kKinds[] = {MapKind::kJump, MapKind::kRing};

PlacementMap ready(const PoolMap& map, MapKind kind = MapKind::kJump) { return PlacementMap::make(map, kind).value(); }

// Some objects of each class that the map has room for.
std::vector<ObjectId> some_objects(const PlacementMap& map, View view, uint64_t each) {
  std::vector<ObjectId> objects;
  for (const char* const name : kClasses) {
    for (uint64_t i = 0; i < each; ++i) objects.push_back(object_of(name, i * 31 + each));
    if (!map.place(objects.back(), view).is_ok()) objects.resize(objects.size() - each);
  }
  return objects;
}

uint32_t top_domain(const PoolMap& map, TargetId target) {
  uint32_t domain = map.targets[target].domain;
  while (map.domains[domain].parent != 0) domain = map.domains[domain].parent;
  return domain;
}

bool will_be_in_use(const Target& target) {
  return target.state == TargetState::kUpIn || target.state == TargetState::kUp;
}

// No target twice; none that is out; and as many domains below the root as there can be.
void expect_good_group(const PoolMap& map, std::span<const TargetId> group) {
  std::set<TargetId> targets;
  std::map<uint32_t, uint32_t> uses;
  for (const TargetId target : group) {
    if (target == kNoTarget) continue;
    EXPECT_TRUE(targets.insert(target).second) << target << " is there twice";
    EXPECT_TRUE(will_be_in_use(map.targets[target])) << target;
    ++uses[top_domain(map, target)];
  }
  uint32_t most = 0;
  for (const auto& [domain, count] : uses) most = std::max(most, count);
  for (TargetId id = 0; id < map.targets.size(); ++id) {
    if (!will_be_in_use(map.targets[id]) || targets.contains(id)) continue;
    EXPECT_EQ(targets.size(), group.size()) << "a shard has no target, and " << id << " is free";
    EXPECT_GE(uses[top_domain(map, id)] + 1, most) << "domain " << top_domain(map, id) << " is used too little";
  }
}

TEST(LayoutProperty, GroupsHaveDifferentTargetsInDomainsAsFarApartAsThereAre) {
  with_seeds(150, [](Random& random) {
    PoolMap map = make_pool_map(random_ranks(random, 0)).value();
    for (uint64_t left = random.below(12); left > 0; --left) {
      Result<PoolMap> next = random_change(random, map);
      if (next.is_ok()) map = std::move(*next);
    }
    for (const MapKind kind : kKinds) {
      const PlacementMap ready_map = ready(map, kind);
      for (const ObjectId object : some_objects(ready_map, View::kNext, 4)) {
        SCOPED_TRACE(class_name(class_of(object)) + " " + object.to_string());
        const Layout layout = ready_map.place(object, View::kNext).value();
        ASSERT_EQ(layout.targets.size(), layout.group_count * layout.group_size);
        for (uint32_t group = 0; group < layout.group_count; ++group) {
          expect_good_group(map, layout.group(group));
        }
        if (::testing::Test::HasFailure()) return;
      }
    }
  });
}

TEST(LayoutProperty, ReplicasAreInDifferentRacksThenNodes) {
  const PoolMap map = racks_map(3, 4, 4);
  for (const MapKind kind : kKinds) {
    const PlacementMap ready_map = ready(map, kind);
    for (uint64_t i = 0; i < 500; ++i) {
      const Layout layout = ready_map.place(object_of("RP_6G1", i)).value();
      std::map<uint32_t, int> in_rack;
      std::set<uint32_t> ranks;
      for (const TargetId target : layout.targets) {
        ++in_rack[top_domain(map, target)];
        ranks.insert(map.rank_of(target));
      }
      EXPECT_EQ(in_rack.size(), 3u);
      for (const auto& [rack, count] : in_rack) EXPECT_EQ(count, 2);
      EXPECT_EQ(ranks.size(), 6u);
    }
  }
}

// The two properties that reads, writes and rebuild rely on.
TEST(LayoutProperty, ViewsFollowEachOtherThroughAllChanges) {
  with_seeds(120, [](Random& random) {
    PoolMap map = make_pool_map(random_ranks(random, 0)).value();
    const MapKind kind = random.one_in(2) ? MapKind::kRing : MapKind::kJump;
    for (int step = 0; step < 25; ++step) {
      const PlacementMap before = ready(map, kind);
      const Result<PoolMap> changed = random_change(random, map);
      if (!changed.is_ok()) continue;
      ASSERT_TRUE(validate(*changed).is_ok()) << validate(*changed).to_string();
      ASSERT_TRUE(check_follows(map, *changed).is_ok()) << check_follows(map, *changed).to_string();
      const PlacementMap after = ready(*changed, kind);
      const bool has_finished = *changed == with_changes_finished(map, map.version).value();
      for (const ObjectId object : some_objects(before, View::kNow, 3)) {
        SCOPED_TRACE("step " + std::to_string(step) + ", " + class_name(class_of(object)));
        const Layout now = after.place(object).value();
        if (has_finished) {
          ASSERT_EQ(now, before.place(object, View::kNext).value());
          continue;
        }
        const Layout was = before.place(object).value();
        ASSERT_EQ(now.targets.size(), was.targets.size());
        for (size_t i = 0; i < now.targets.size(); ++i) {
          if (now.targets[i] == was.targets[i]) continue;
          ASSERT_EQ(now.targets[i], kNoTarget);
          ASSERT_EQ(changed->targets[was.targets[i]].state, TargetState::kDown);
        }
      }
      map = *changed;
    }
  });
}

TEST(LayoutProperty, AreTheSameFromAMapThatWasSent) {
  with_seeds(40, [](Random& random) {
    PoolMap map = make_pool_map(random_ranks(random, 0)).value();
    for (int step = 0; step < 8; ++step) {
      Result<PoolMap> next = random_change(random, map);
      if (next.is_ok()) map = std::move(*next);
    }
    const PlacementMap here = ready(map);
    const PlacementMap there = ready(decode_pool_map(encode_pool_map(map)).value());
    for (const View view : {View::kNow, View::kNext}) {
      for (const ObjectId object : some_objects(here, view, 3)) {
        ASSERT_EQ(here.place(object, view).value(), there.place(object, view).value());
      }
    }
  });
}

// How far a count may be from what is expected by chance: five standard deviations.
void expect_near(double count, double expected, const std::string& what) {
  EXPECT_LE(std::abs(count - expected), 5 * std::sqrt(expected)) << what << ": " << count << " of " << expected;
}

std::vector<uint64_t> shards_by_target(const PoolMap& map, const char* class_text, uint64_t object_count,
                                       MapKind kind = MapKind::kJump) {
  const PlacementMap ready_map = ready(map, kind);
  std::vector<uint64_t> counts(map.targets.size());
  for (uint64_t i = 0; i < object_count; ++i) {
    const Layout layout = ready_map.place(object_of(class_text, i)).value();
    for (const TargetId target : layout.targets) ++counts.at(target);
  }
  return counts;
}

TEST(LayoutProperty, TargetsHoldEqualParts) {
  for (const MapKind kind : kKinds) {
    for (const char* const name : {"S1", "S4", "RP_3G1", "EC_4P2G1"}) {
      const std::vector<uint64_t> counts = shards_by_target(racks_map(6, 2, 2), name, 6000, kind);
      uint64_t sum = 0;
      for (const uint64_t count : counts) sum += count;
      for (size_t id = 0; id < counts.size(); ++id) {
        expect_near(static_cast<double>(counts[id]), static_cast<double>(sum) / 24, name + (" " + std::to_string(id)));
      }
    }
  }
}

TEST(LayoutProperty, TargetsHoldEqualPartsWhateverTheSizesOfTheirDomains) {
  std::vector<RankPlace> ranks = ranks_in_racks(2, 1, 2);
  for (RankPlace& place : ranks_in_racks(1, 3, 8, 2, 2)) ranks.push_back(place);
  const std::vector<uint64_t> counts = shards_by_target(make_pool_map(ranks).value(), "S1", 28'000);
  for (size_t id = 0; id < counts.size(); ++id) expect_near(static_cast<double>(counts[id]), 1000, std::to_string(id));
}

// Shards that are on another target, of all; with replicas it doesn't matter which of a group is where.
struct Movement {
  uint64_t moved = 0;
  uint64_t moved_elsewhere = 0;  // Not to a target that the map had added.
  uint64_t all = 0;
  double fraction() const { return static_cast<double>(moved) / static_cast<double>(all); }
};

void compare_groups(std::span<const TargetId> before, std::span<const TargetId> after, bool replicas,
                    size_t old_target_count, Movement& movement) {
  for (size_t i = 0; i < after.size(); ++i) {
    ++movement.all;
    const bool stays =
        replicas ? std::find(before.begin(), before.end(), after[i]) != before.end() : before[i] == after[i];
    if (stays) continue;
    ++movement.moved;
    if (after[i] < old_target_count) ++movement.moved_elsewhere;
  }
}

// Of the data of some dkeys.
Movement movement_of(const PoolMap& before, const PoolMap& after, const char* class_text, uint64_t object_count,
                     uint64_t dkey_count) {
  const PlacementMap from = ready(before);
  const PlacementMap to = ready(after);
  Movement movement;
  const bool replicas = !find_class(class_by_name(class_text).value())->is_erasure_coded;
  for (uint64_t i = 0; i < object_count; ++i) {
    const ObjectId object = object_of(class_text, i);
    const Layout was = from.place(object).value();
    const Layout is = to.place(object).value();
    for (uint64_t dkey = 0; dkey < dkey_count; ++dkey) {
      const Bytes key = to_bytes("dkey " + std::to_string(dkey));
      compare_groups(was.group(group_of(object, key, was.group_count)), is.group(group_of(object, key, is.group_count)),
                     replicas, before.targets.size(), movement);
    }
  }
  return movement;
}

struct Growth {
  const char* class_text;
  double most;  // Times what the added targets' share is.
};

TEST(LayoutProperty, GrowthMovesLittleMoreThanTheShareOfWhatIsAdded) {
  const PoolMap before = racks_map(8, 2, 2);
  const PoolMap after = grown(before, ranks_in_racks(1, 2, 2, 8, 100));
  const double share = 4.0 / 36;
  const Growth growths[] = {{"S1", 1.1},
                            {"S4", 1.25},
                            {"SX", 1.1},
                            {"RP_2G1", 1.2},
                            {"RP_3G1", 1.3},
                            // A shard that moves makes room for one that had found none there: the more groups and
                            // cells there are for the targets, the more follow.
                            {"RP_3G4", 1.8},
                            {"EC_4P2G1", 2},
                            {"S32", 3.2},
                            {"RP_2GX", 4}};
  for (const Growth& growth : growths) {
    const Movement movement = movement_of(before, after, growth.class_text, 1500, 4);
    EXPECT_LE(movement.fraction(), growth.most * share) << growth.class_text;
    EXPECT_GE(movement.fraction(), 0.85 * share) << growth.class_text;  // The new ones get their share.
  }
}

TEST(LayoutProperty, GrowthMovesUnprotectedObjectsToWhatIsAddedOnly) {
  const PoolMap before = racks_map(4, 2, 3);
  PoolMap after = grown(before, {{.fault_domains = {"rack-1"}, .node = "node-2", .rank = 50, .target_count = 1}});
  for (const char* const name : {"S1", "SX"}) {
    const Movement movement = movement_of(before, after, name, 2000, 8);
    EXPECT_EQ(movement.moved_elsewhere, 0u) << name;
    EXPECT_GT(movement.moved, 0u) << name;
  }
}

TEST(LayoutProperty, TargetsCountInTheOrderInWhichTheyJoinWheneverTheyWereAdded) {
  PoolMap before = with_ranks(racks_map(3, 2, 2), ranks_in_racks(1, 1, 3, 3, 40)).value();  // Waits.
  before = grown(before, ranks_in_racks(1, 1, 2, 4, 50));
  const std::vector<TargetId> late = before.targets_of_rank(40);
  PoolMap after = with_joining(before, late).value();
  after = with_changes_finished(after, after.version).value();
  const PlacementMap from = ready(before);
  const PlacementMap to = ready(after);
  int moved = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    const TargetId was = from.place(object_of("S1", i))->targets.at(0);
    const TargetId is = to.place(object_of("S1", i))->targets.at(0);
    if (was == is) continue;
    ++moved;
    EXPECT_NE(std::find(late.begin(), late.end(), is), late.end());
  }
  EXPECT_NEAR(moved, 2000 * 3 / 17.0, 5 * 20);
}

// Loses a target; gives who takes over how many of its shards, which are all that move.
std::vector<uint64_t> takers(const PoolMap& map, TargetId lost, const char* class_text, uint64_t object_count) {
  const PlacementMap before = ready(map);
  const PlacementMap after = ready(with_excluded(map, std::span(&lost, 1)).value());
  std::vector<uint64_t> counts(map.targets.size());
  for (uint64_t i = 0; i < object_count; ++i) {
    const Layout was = before.place(object_of(class_text, i)).value();
    const Layout next = after.place(object_of(class_text, i), View::kNext).value();
    for (size_t shard = 0; shard < was.targets.size(); ++shard) {
      if (was.targets[shard] == lost) {
        EXPECT_NE(next.targets[shard], lost);
        ++counts.at(next.targets[shard]);
      } else {
        EXPECT_EQ(was.targets[shard], next.targets[shard]) << "a shard moved that wasn't lost";
      }
    }
  }
  return counts;
}

TEST(LayoutProperty, LossMovesWhatWasLostToAllOthersEvenly) {
  const PoolMap map = racks_map(6, 2, 2);
  for (const char* const name : {"S1", "S4", "RP_2G1", "EC_4P2G1"}) {
    const std::vector<uint64_t> counts = takers(map, 5, name, 20'000);
    uint64_t sum = 0;
    for (const uint64_t count : counts) sum += count;
    EXPECT_EQ(counts[5], 0u);
    const bool one_rack_only = std::string_view(name) == "EC_4P2G1";  // All others have a shard already.
    for (TargetId id = 0; id < counts.size(); ++id) {
      if (id == 5) continue;
      const std::string what = name + (" " + std::to_string(id));
      if (!one_rack_only) {
        // Its own rack takes a little more: there is always room for the group's separation.
        EXPECT_GT(counts[id], sum / 23 / 2) << what;
        EXPECT_LT(counts[id], sum / 23 * 2) << what;
      } else if (id / 4 == 1) {
        expect_near(static_cast<double>(counts[id]), static_cast<double>(sum) / 3, what);
      } else {
        EXPECT_EQ(counts[id], 0u) << what;
      }
    }
  }
}

TEST(LayoutProperty, AWideObjectsLostShardsDontAllGoToOneTarget) {
  const PoolMap map = racks_map(4, 2, 4);
  const std::vector<TargetId> lost = map.targets_of_rank(3);
  const PlacementMap after = ready(with_excluded(map, lost).value());
  const Layout next = after.place(object_of("SX", 1), View::kNext).value();
  std::set<TargetId> taken_by;
  for (const TargetId shard : lost) taken_by.insert(next.targets[shard]);
  EXPECT_GE(taken_by.size(), lost.size() - 1);
}

TEST(LayoutProperty, ALaterLossDoesntMoveWhatAnEarlierOneSettled) {
  with_seeds(60, [](Random& random) {
    PoolMap map = racks_map(static_cast<uint32_t>(random.between(2, 5)), 2, 2);
    for (int loss = 0; loss < 5; ++loss) {
      const std::vector<TargetId> lost = random_targets(random, map);
      if (lost.size() == map.targets.size()) continue;
      const PlacementMap before = ready(map);
      map = with_excluded(map, lost).value();
      const PlacementMap after = ready(map);
      for (const ObjectId object : some_objects(before, View::kNext, 8)) {
        const Layout was = before.place(object, View::kNext).value();
        const Layout is = after.place(object, View::kNext).value();
        for (size_t i = 0; i < was.targets.size(); ++i) {
          if (std::find(lost.begin(), lost.end(), was.targets[i]) != lost.end()) continue;
          ASSERT_EQ(was.targets[i], is.targets[i]);
        }
      }
    }
  });
}

TEST(LayoutProperty, ATargetThatReturnsGetsItsShardsBack) {
  const PoolMap map = racks_map(4, 2, 2);
  const TargetId lost = 6;
  PoolMap later = with_excluded(map, std::span(&lost, 1)).value();
  later = with_changes_finished(later, later.version).value();
  later = with_reintegrated(later, std::span(&lost, 1)).value();
  later = with_changes_finished(later, later.version).value();
  const PlacementMap before = ready(map);
  const PlacementMap after = ready(later);
  for (const ObjectId object : some_objects(before, View::kNow, 30)) {
    EXPECT_EQ(before.place(object).value(), after.place(object).value());
  }
}

}  // namespace
}  // namespace aeon::placement
