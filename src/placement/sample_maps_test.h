// Pool maps that tests are made with.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "placement/layout.h"
#include "runtime/random.h"

namespace aeon::placement {

// Ranks from `first_rank` on, one a node, in racks from `first_rack` on.
inline std::vector<RankPlace> ranks_in_racks(uint32_t rack_count, uint32_t nodes_each, uint32_t targets_each,
                                             uint32_t first_rack = 0, uint32_t first_rank = 0) {
  std::vector<RankPlace> ranks;
  for (uint32_t rack = 0; rack < rack_count; ++rack) {
    for (uint32_t node = 0; node < nodes_each; ++node) {
      const auto rank = static_cast<uint32_t>(first_rank + ranks.size());
      ranks.push_back({.fault_domains = {"rack-" + std::to_string(first_rack + rack)},
                       .node = "node-" + std::to_string(rank),
                       .rank = rank,
                       .target_count = targets_each});
    }
  }
  return ranks;
}

inline PoolMap racks_map(uint32_t rack_count, uint32_t nodes_each, uint32_t targets_each) {
  return make_pool_map(ranks_in_racks(rack_count, nodes_each, targets_each)).value();
}

// With these ranks added, and their targets in use at once.
inline PoolMap grown(const PoolMap& map, const std::vector<RankPlace>& ranks) {
  const auto first = static_cast<TargetId>(map.targets.size());
  PoolMap next = with_ranks(map, ranks).value();
  std::vector<TargetId> added;
  for (TargetId id = first; id < next.targets.size(); ++id) added.push_back(id);
  next = with_joining(next, added).value();
  const MapVersion version = next.version;
  return with_changes_finished(std::move(next), version).value();
}

inline std::vector<RankPlace> random_ranks(Random& random, uint32_t first_rank) {
  std::vector<RankPlace> ranks;
  const uint64_t rack_count = random.between(1, 5);
  const uint64_t room_count = random.between(1, 3);
  for (uint64_t left = random.between(1, 8); left > 0; --left) {
    RankPlace place;
    place.rank = static_cast<uint32_t>(first_rank + ranks.size());
    if (random.one_in(2)) place.fault_domains.push_back("room-" + std::to_string(random.below(room_count)));
    if (!random.one_in(4)) place.fault_domains.push_back("rack-" + std::to_string(random.below(rack_count)));
    place.node = "node-" + std::to_string(random.below(6));
    place.target_count = static_cast<uint32_t>(random.between(1, 5));
    ranks.push_back(std::move(place));
  }
  return ranks;
}

// Targets as they fail and change: one, those of a rank, or those below a domain.
inline std::vector<TargetId> random_targets(Random& random, const PoolMap& map) {
  const auto target = static_cast<TargetId>(random.below(map.targets.size()));
  switch (random.below(4)) {
    case 0: return map.targets_of_rank(map.rank_of(target));
    case 1: return map.targets_below(static_cast<uint32_t>(random.below(map.domains.size())));
    default: return {target};
  }
}

inline Result<PoolMap> random_change(Random& random, const PoolMap& map) {
  switch (random.below(8)) {
    case 0: return with_ranks(map, random_ranks(random, static_cast<uint32_t>(map.domains.size())));
    case 1: return with_joining(map, random_targets(random, map));
    case 2:
    case 3: return with_excluded(map, random_targets(random, map));
    case 4: return with_drained(map, random_targets(random, map));
    case 5: return with_reintegrated(map, random_targets(random, map));
    default: return with_changes_finished(map, map.version);
  }
}

inline ObjectId object_of(std::string_view class_text, uint64_t number, uint8_t type = 0) {
  return make_object_id({.hi = number % 7, .lo = number}, type, class_by_name(class_text).value());
}

// Runs `body(random)` for seeds 1 to `count`, until one fails.
template <typename Body>
void with_seeds(uint64_t count, Body&& body) {
  for (uint64_t seed = 1; seed <= count && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    body(random);
  }
}

}  // namespace aeon::placement
