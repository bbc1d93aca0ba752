#include <algorithm>
#include <utility>

#include "hashing.h"
#include "map_views.h"

namespace aeon::placement {
namespace {

// What a target is in a view.
struct Role {
  bool counts = false;
  bool is_out = false;
  bool is_lost = false;
};

Role role_of(const Target& target, View view) {
  if (view == View::kNext) {
    switch (target.state) {
      case TargetState::kNew: return {};
      case TargetState::kUp:
      case TargetState::kUpIn: return {.counts = true};
      case TargetState::kDown:
      case TargetState::kDownOut:
      case TargetState::kDrain: return {.counts = true, .is_out = true};
    }
    return {};
  }
  switch (target.state) {
    case TargetState::kNew: return {};
    case TargetState::kUp:
      if (target.out_since == 0) return {};  // It joins.
      if (target.returned_early) return {.counts = true, .is_out = false, .is_lost = true};
      return {.counts = true, .is_out = true};
    case TargetState::kUpIn:
    case TargetState::kDrain: return {.counts = true};
    case TargetState::kDown: return {.counts = true, .is_out = false, .is_lost = true};
    case TargetState::kDownOut: return {.counts = true, .is_out = true};
  }
  return {};
}

// One of a domain's rings, whose members stand evenly spaced in the ring that is made of all.
struct RingPlace {
  uint64_t at;    // Of 2 × size places, an odd one.
  uint64_t size;
  uint64_t turn;  // Settles ties.
  TargetId target;
  friend bool operator<(const RingPlace& a, const RingPlace& b) {
    const uint64_t left = a.at * b.size;
    const uint64_t right = b.at * a.size;
    return left != right ? left < right : a.turn < b.turn;
  }
};

void add_ring(std::vector<RingPlace>& places, const std::vector<TargetId>& ring, uint64_t turn) {
  for (size_t i = 0; i < ring.size(); ++i) {
    places.push_back({.at = 2 * i + 1, .size = ring.size(), .turn = turn, .target = ring[i]});
  }
}

std::vector<TargetId> ring_below(const PlacementMap::Views& views, const MapView& view, uint32_t domain) {
  std::vector<RingPlace> places;
  for (const uint32_t child : views.children[domain]) add_ring(places, ring_below(views, view, child), mix(child));
  if (views.children[domain].empty()) {
    for (const TargetId target : view.below[domain]) add_ring(places, {target}, mix(target));
  }
  std::sort(places.begin(), places.end());
  std::vector<TargetId> ring;
  ring.reserve(places.size());
  for (const RingPlace& place : places) ring.push_back(place.target);
  return ring;
}

MapView make_view(const PoolMap& map, const PlacementMap::Views& views, View which) {
  MapView view;
  view.below.resize(map.domains.size());
  view.live.resize(map.domains.size());
  view.live_children.resize(map.domains.size());
  view.last_out.resize(map.domains.size());
  view.out.resize(map.targets.size());
  view.is_lost.resize(map.targets.size());
  std::vector<TargetId> joined;
  for (TargetId id = 0; id < map.targets.size(); ++id) {
    const Target& target = map.targets[id];
    const Role role = role_of(target, which);
    if (!role.counts) continue;
    joined.push_back(id);
    if (role.is_out) view.out[id] = target.out_since;
    view.is_lost[id] = role.is_lost ? 1 : 0;
    view.has_out |= role.is_out;
    view.has_lost |= role.is_lost;
  }
  std::sort(joined.begin(), joined.end(), [&](TargetId a, TargetId b) {
    const MapVersion joined_a = map.targets[a].joined_in;
    const MapVersion joined_b = map.targets[b].joined_in;
    return joined_a != joined_b ? joined_a < joined_b : a < b;
  });
  const auto add_below = [&](uint32_t domain, TargetId id) {
    view.below[domain].push_back(id);
    view.live[domain] += view.out[id] == 0 ? 1 : 0;
    view.last_out[domain] = std::max(view.last_out[domain], view.out[id]);
  };
  for (const TargetId id : joined) {
    add_below(0, id);
    for (const uint32_t domain : views.path_of(id)) add_below(domain, id);
  }
  for (uint32_t domain = 1; domain < map.domains.size(); ++domain) {
    view.live_children[map.domains[domain].parent] += view.live[domain] != 0 ? 1 : 0;
  }
  if (joined.size() == 1 && !view.has_out && !view.has_lost) view.only_target = joined.front();
  if (views.kind == MapKind::kRing) view.ring = ring_below(views, view, 0);
  return view;
}

}  // namespace

Result<PlacementMap> PlacementMap::make(const PoolMap& map, MapKind kind) {
  TRY(validate(map));
  auto views = std::make_shared<Views>();
  views->version = map.version;
  views->kind = kind;
  views->is_changing = map.is_changing();
  views->depths.resize(map.domains.size());
  views->children.resize(map.domains.size());
  views->paths.resize(map.domains.size());
  for (uint32_t i = 1; i < map.domains.size(); ++i) {
    const uint32_t parent = map.domains[i].parent;
    views->depths[i] = views->depths[parent] + 1;
    views->children[parent].push_back(i);
    views->paths[i] = views->paths[parent];
    views->paths[i].push_back(i);
  }
  views->domain_of.reserve(map.targets.size());
  for (const Target& target : map.targets) views->domain_of.push_back(target.domain);
  views->now = make_view(map, *views, View::kNow);
  if (views->is_changing) views->next = make_view(map, *views, View::kNext);
  return PlacementMap(std::move(views));
}

MapVersion PlacementMap::version() const { return views_->version; }
bool PlacementMap::is_changing() const { return views_->is_changing; }
uint32_t PlacementMap::target_count(View view) const {
  return static_cast<uint32_t>(views_->of(view).targets().size());
}

}  // namespace aeon::placement
