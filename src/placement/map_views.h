// What layouts are computed from: a pool map turned into lists that a look needs no search in.
#pragma once

#include <span>
#include <vector>

#include "placement/layout.h"

namespace aeon::placement {

// The targets as one view has them.
struct MapView {
  std::vector<std::vector<TargetId>> below;  // By domain: those below it that count, in the order of joining.
  std::vector<uint32_t> live;                // By domain: those below it that aren't out.
  std::vector<uint32_t> live_children;       // By domain: the domains right below it with a target that isn't out.
  std::vector<MapVersion> last_out;          // By domain: when the last target below it that is out went out.
  std::vector<MapVersion> out;               // By target: when it went out; 0 if it isn't out.
  std::vector<uint8_t> is_lost;              // By target: nobody can read what it holds.
  std::vector<TargetId> ring;                // Of a ring map.
  TargetId only_target = kNoTarget;          // If but one counts; kNoTarget also if that is out or lost.
  bool has_out = false;
  bool has_lost = false;

  const std::vector<TargetId>& targets() const { return below[0]; }
  // Behind the changes of version `moment`; of version 0: before any target was out.
  bool was_in_use(TargetId target, MapVersion moment) const { return out[target] == 0 || out[target] > moment; }
};

struct PlacementMap::Views {
  MapVersion version = 0;
  MapKind kind = MapKind::kJump;
  bool is_changing = false;
  std::vector<uint32_t> domain_of;               // By target: its rank's domain.
  std::vector<uint32_t> depths;                  // By domain; of the root 0.
  std::vector<std::vector<uint32_t>> children;   // By domain: the domains right below it.
  std::vector<std::vector<uint32_t>> paths;      // By domain: from below the root down to itself.
  MapView now;
  MapView next;  // Empty if is_changing is false.

  const MapView& of(View view) const { return is_changing && view == View::kNext ? next : now; }
  // The domain of a target at a level (0: below the root), if its path is that long.
  std::span<const uint32_t> path_of(TargetId target) const { return paths[domain_of[target]]; }
  bool is_below(TargetId target, uint32_t domain) const {
    const uint32_t depth = depths[domain];
    const std::span<const uint32_t> path = path_of(target);
    return depth == 0 || (depth <= path.size() && path[depth - 1] == domain);
  }
};

}  // namespace aeon::placement
