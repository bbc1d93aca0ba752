#include "placement/pool_map.h"

#include <algorithm>
#include <set>
#include <utility>

namespace aeon::placement {
namespace {

Status bad_map(const std::string& what) {
  return Status(Code::kInvalidArgument, "the pool map makes no sense: " + what);
}

std::string domain_text(size_t index) { return "domain " + std::to_string(index); }
std::string target_text(size_t index) { return "target " + std::to_string(index); }

bool may_be_below(Domain::Kind child, Domain::Kind parent) {
  switch (child) {
    case Domain::Kind::kFaultDomain:
    case Domain::Kind::kNode: return parent == Domain::Kind::kRoot || parent == Domain::Kind::kFaultDomain;
    case Domain::Kind::kRank: return parent == Domain::Kind::kNode;
    case Domain::Kind::kRoot: return false;
  }
  return false;
}

Status validate_domains(const std::vector<Domain>& domains) {
  if (domains.empty()) return bad_map("it has no root");
  if (domains.size() > kDomainsMax) return bad_map("it has too many domains");
  if (domains[0] != Domain{}) return bad_map("it doesn't begin with a root");
  std::vector<uint32_t> depths(domains.size(), 0);
  std::set<std::pair<uint32_t, std::string_view>> names;
  std::set<uint32_t> ranks;
  for (size_t i = 1; i < domains.size(); ++i) {
    const Domain& domain = domains[i];
    if (domain.parent >= i) return bad_map(domain_text(i) + " comes before its parent");
    if (!may_be_below(domain.kind, domains[domain.parent].kind)) {
      return bad_map(domain_text(i) + " isn't of a kind that may be below its parent's");
    }
    depths[i] = depths[domain.parent] + 1;
    if (depths[i] > kDomainDepthMax) return bad_map("it is more than " + std::to_string(kDomainDepthMax) + " deep");
    if (domain.kind == Domain::Kind::kRank) {
      if (!domain.name.empty()) return bad_map(domain_text(i) + " is a rank with a name");
      if (!ranks.insert(domain.rank).second) return bad_map("rank " + std::to_string(domain.rank) + " is there twice");
      continue;
    }
    if (domain.rank != 0) return bad_map(domain_text(i) + " isn't a rank and has the number of one");
    if (domain.name.empty() || domain.name.size() > kDomainNameMax) {
      return bad_map(domain_text(i) + " has a name of " + std::to_string(domain.name.size()) + " bytes");
    }
    if (!names.emplace(domain.parent, domain.name).second)
      return bad_map(domain_text(i) + " is named as one beside it");
  }
  return ok();
}

// Whether the versions and the flag are such as changes leave in this state.
bool fits_its_state(const Target& target) {
  const bool has_joined = target.joined_in != 0;
  const bool is_out = target.out_since != 0;
  switch (target.state) {
    case TargetState::kNew: return !has_joined && !is_out && !target.returned_early;
    case TargetState::kUp: return has_joined && (is_out || !target.returned_early);
    case TargetState::kUpIn: return has_joined && !is_out && !target.returned_early;
    case TargetState::kDown:
    case TargetState::kDownOut:
    case TargetState::kDrain: return has_joined && is_out && !target.returned_early;
  }
  return false;
}

bool is_joining(const Target& target) { return target.state == TargetState::kUp && target.out_since == 0; }

Status validate_targets(const PoolMap& map) {
  if (map.targets.size() > kTargetsMax) return bad_map("it has too many targets");
  std::set<std::pair<uint32_t, uint32_t>> places;
  MapVersion last_joined = 0;     // Of those that have joined,
  MapVersion first_joining = ~MapVersion{0};  // and of those that are about to.
  for (size_t i = 0; i < map.targets.size(); ++i) {
    const Target& target = map.targets[i];
    if (target.domain >= map.domains.size() || map.domains[target.domain].kind != Domain::Kind::kRank) {
      return bad_map(target_text(i) + " isn't on a rank");
    }
    if (target.index >= kTargetsMax) return bad_map(target_text(i) + " has an index beyond all limits");
    if (!places.emplace(target.domain, target.index).second) {
      return bad_map(target_text(i) + " is at the same place as another");
    }
    if (std::max({target.joined_in, target.out_since, target.changed_in}) > map.version || target.changed_in == 0) {
      return bad_map(target_text(i) + " was changed in a version that isn't there yet");
    }
    if (!fits_its_state(target)) return bad_map(target_text(i) + " has a state that doesn't fit its versions");
    if (is_joining(target)) {
      first_joining = std::min(first_joining, target.joined_in);
    } else {
      last_joined = std::max(last_joined, target.joined_in);
    }
  }
  if (first_joining <= last_joined) return bad_map("a target joins before one that has joined");
  return ok();
}

}  // namespace

std::string_view state_name(TargetState state) {
  switch (state) {
    case TargetState::kNew: return "new";
    case TargetState::kUp: return "up";
    case TargetState::kUpIn: return "upin";
    case TargetState::kDown: return "down";
    case TargetState::kDownOut: return "downout";
    case TargetState::kDrain: return "drain";
  }
  return "unknown";
}

TargetId PoolMap::find_target(uint32_t rank, uint32_t index) const {
  for (TargetId id = 0; id < targets.size(); ++id) {
    if (targets[id].index == index && rank_of(id) == rank) return id;
  }
  return kNoTarget;
}

std::vector<TargetId> PoolMap::targets_of_rank(uint32_t rank) const {
  std::vector<TargetId> found;
  for (TargetId id = 0; id < targets.size(); ++id) {
    if (rank_of(id) == rank) found.push_back(id);
  }
  return found;
}

std::vector<TargetId> PoolMap::targets_below(uint32_t domain) const {
  std::vector<TargetId> found;
  if (domain >= domains.size()) return found;
  for (TargetId id = 0; id < targets.size(); ++id) {
    uint32_t at = targets[id].domain;
    while (at > domain) at = domains[at].parent;  // Parents come before their children.
    if (at == domain) found.push_back(id);
  }
  return found;
}

bool PoolMap::is_changing() const {
  return std::any_of(targets.begin(), targets.end(), [](const Target& target) {
    return target.state == TargetState::kUp || target.state == TargetState::kDown ||
           target.state == TargetState::kDrain;
  });
}

Status validate(const PoolMap& map) {
  if (map.version == 0) return bad_map("it has no version");
  TRY(validate_domains(map.domains));
  return validate_targets(map);
}

Status check_follows(const PoolMap& now, const PoolMap& next) {
  const auto refused = [&](const std::string& what) {
    return Status(Code::kInvalidArgument, "version " + std::to_string(next.version) +
                                              " of the pool map can't replace " + std::to_string(now.version) + ": " +
                                              what);
  };
  if (next.version < now.version) return refused("it is older");
  if (next.version == now.version && next != now) return refused("it is another map");
  if (next.domains.size() < now.domains.size() || next.targets.size() < now.targets.size()) {
    return refused("it has lost something");
  }
  if (!std::equal(now.domains.begin(), now.domains.end(), next.domains.begin())) return refused("domains have moved");
  for (size_t i = 0; i < now.targets.size(); ++i) {
    const Target& before = now.targets[i];
    const Target& after = next.targets[i];
    if (before.domain != after.domain || before.index != after.index) return refused(target_text(i) + " has moved");
    if (after.changed_in < before.changed_in) return refused(target_text(i) + " has gone back");
  }
  return ok();
}

}  // namespace aeon::placement
