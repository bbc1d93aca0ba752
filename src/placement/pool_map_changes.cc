#include <algorithm>
#include <utility>

#include "placement/pool_map.h"

namespace aeon::placement {
namespace {

constexpr MapVersion kVersionMax = ~MapVersion{0};

// `change(target, version)` changes one target for the next version, or leaves it as it is, or says what is wrong.
template <typename Change>
Result<PoolMap> with_each(PoolMap map, std::span<const TargetId> targets, Change&& change) {
  if (map.version == kVersionMax) return Status(Code::kInvalidArgument, "the pool map has no versions left");
  const MapVersion next = map.version + 1;
  bool is_changed = false;
  for (const TargetId id : targets) {
    if (id >= map.targets.size()) {
      return Status(Code::kInvalidArgument, "the pool has no target " + std::to_string(id));
    }
    Target& target = map.targets[id];
    const Target before = target;
    const Status status = change(target, next);
    if (!status.is_ok()) {
      return status.within("target " + std::to_string(before.index) + " of rank " + std::to_string(map.rank_of(id)) +
                           " is " + std::string(state_name(before.state)));
    }
    if (target == before) continue;
    target.changed_in = next;
    is_changed = true;
  }
  if (is_changed) map.version = next;
  return map;
}

// The domain below `parent` of that kind and name, or rank; added if there is none.
uint32_t domain_at(PoolMap& map, const Domain& wanted) {
  for (uint32_t i = 1; i < map.domains.size(); ++i) {
    if (map.domains[i] == wanted) return i;
  }
  map.domains.push_back(wanted);
  return static_cast<uint32_t>(map.domains.size() - 1);
}

void add_rank(PoolMap& map, const RankPlace& place, MapVersion version) {
  uint32_t parent = 0;
  for (const std::string& name : place.fault_domains) {
    parent = domain_at(map, {.parent = parent, .kind = Domain::Kind::kFaultDomain, .rank = 0, .name = name});
  }
  parent = domain_at(map, {.parent = parent, .kind = Domain::Kind::kNode, .rank = 0, .name = place.node});
  parent = domain_at(map, {.parent = parent, .kind = Domain::Kind::kRank, .rank = place.rank, .name = {}});
  for (uint32_t index = 0; index < place.target_count; ++index) {
    Target target;
    target.domain = parent;
    target.index = index;
    target.changed_in = version;
    map.targets.push_back(target);
  }
}

Status exclude(Target& target, MapVersion version) {
  switch (target.state) {
    case TargetState::kUpIn:
      target.state = TargetState::kDown;
      target.out_since = version;
      break;
    case TargetState::kDrain: target.state = TargetState::kDown; break;
    case TargetState::kUp:  // Back to what it was: nobody relies on it yet.
      if (target.out_since == 0) {
        target.state = TargetState::kNew;
        target.joined_in = 0;
      } else if (target.returned_early) {
        target.state = TargetState::kDown;
        target.returned_early = false;
      } else {
        target.state = TargetState::kDownOut;
      }
      break;
    case TargetState::kNew:
    case TargetState::kDown:
    case TargetState::kDownOut: break;
  }
  return ok();
}

}  // namespace

Result<PoolMap> with_ranks(PoolMap map, std::span<const RankPlace> ranks) {
  if (ranks.empty()) return map;
  if (map.version == kVersionMax) return Status(Code::kInvalidArgument, "the pool map has no versions left");
  const MapVersion next = map.version + 1;
  for (const RankPlace& place : ranks) {
    for (const Domain& domain : map.domains) {
      if (domain.kind == Domain::Kind::kRank && domain.rank == place.rank) {
        return Status(Code::kExists, "the pool has rank " + std::to_string(place.rank) + " already");
      }
    }
    if (place.target_count > kTargetsMax - map.targets.size()) {
      return Status(Code::kInvalidArgument, "a pool has at most " + std::to_string(kTargetsMax) + " targets");
    }
    add_rank(map, place, next);
  }
  map.version = next;
  TRY(validate(map));  // Names and depths are the caller's.
  return map;
}

Result<PoolMap> make_pool_map(std::span<const RankPlace> ranks) {
  PoolMap map;
  map.domains.emplace_back();
  TRY_ASSIGN(map, with_ranks(std::move(map), ranks));
  if (map.targets.empty()) return Status(Code::kInvalidArgument, "a pool without targets holds no objects");
  for (Target& target : map.targets) {
    target.state = TargetState::kUpIn;
    target.joined_in = map.version;
  }
  return map;
}

PoolMap make_plain_map(uint32_t target_count) {
  const RankPlace place{.fault_domains = {}, .node = "local", .rank = 0, .target_count = target_count};
  return make_pool_map(std::span(&place, 1)).value();
}

Result<PoolMap> with_joining(PoolMap map, std::span<const TargetId> targets) {
  return with_each(std::move(map), targets, [](Target& target, MapVersion version) {
    if (target.state == TargetState::kNew) {
      target.state = TargetState::kUp;
      target.joined_in = version;
    }
    return ok();
  });
}

Result<PoolMap> with_excluded(PoolMap map, std::span<const TargetId> targets) {
  return with_each(std::move(map), targets,
                   [](Target& target, MapVersion version) { return exclude(target, version); });
}

Result<PoolMap> with_drained(PoolMap map, std::span<const TargetId> targets) {
  return with_each(std::move(map), targets, [](Target& target, MapVersion version) {
    switch (target.state) {
      case TargetState::kUpIn:
        target.state = TargetState::kDrain;
        target.out_since = version;
        break;
      case TargetState::kUp:
        return Status(Code::kBusy, "it is being filled; drain it when that is done, or exclude it");
      case TargetState::kNew:
      case TargetState::kDown:
      case TargetState::kDownOut:
      case TargetState::kDrain: break;
    }
    return ok();
  });
}

Result<PoolMap> with_reintegrated(PoolMap map, std::span<const TargetId> targets) {
  return with_each(std::move(map), targets, [](Target& target, MapVersion) {
    switch (target.state) {
      case TargetState::kDown:
        target.state = TargetState::kUp;
        target.returned_early = true;
        break;
      case TargetState::kDownOut: target.state = TargetState::kUp; break;
      case TargetState::kDrain:  // It has had all writes.
        target.state = TargetState::kUpIn;
        target.out_since = 0;
        break;
      case TargetState::kNew:
        return Status(Code::kInvalidArgument, "it was never part of the pool, so it can't come back");
      case TargetState::kUp:
      case TargetState::kUpIn: break;
    }
    return ok();
  });
}

Result<PoolMap> with_changes_finished(PoolMap map, MapVersion version) {
  if (version != map.version) {
    return Status(Code::kConflict, "the pool map has changed since version " + std::to_string(version) +
                                       ", and is at " + std::to_string(map.version));
  }
  std::vector<TargetId> all(map.targets.size());
  for (TargetId id = 0; id < all.size(); ++id) all[id] = id;
  return with_each(std::move(map), all, [](Target& target, MapVersion) {
    if (target.state == TargetState::kUp) {
      target.state = TargetState::kUpIn;
      target.returned_early = false;
      target.out_since = 0;
    } else if (target.state == TargetState::kDown || target.state == TargetState::kDrain) {
      target.state = TargetState::kDownOut;
    }
    return ok();
  });
}

}  // namespace aeon::placement
