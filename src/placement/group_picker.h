// Chooses targets for the shards of one redundancy group, one after another.
#pragma once

#include <span>
#include <vector>

#include "map_views.h"

namespace aeon::placement {

// How often the targets of a view have been chosen for an object of several groups.
class ObjectUses {
 public:
  ObjectUses(size_t target_count_in_all, size_t target_count_in_view)
      : uses_(target_count_in_all), target_count_in_view_(target_count_in_view) {}

  void add(TargetId target) {
    ++uses_[target];
    ++added_;
  }
  uint32_t of(TargetId target) const { return uses_[target]; }
  // Not used more than an even spread would have it.
  bool has_room(TargetId target) const { return uses_[target] <= added_ / target_count_in_view_; }

 private:
  std::vector<uint32_t> uses_;
  size_t target_count_in_view_;
  size_t added_ = 0;
};

// Sees the targets as they were in use behind the changes of a version, and where the group's other shards were then.
class GroupPicker {
 public:
  // `group` may have kNoTarget among its targets, and change between calls.
  GroupPicker(const PlacementMap::Views& views, const MapView& view, MapVersion moment, std::span<const TargetId> group,
              const ObjectUses* uses)
      : views_(views), view_(view), moment_(moment), group_(group), uses_(uses) {}

  // Follows the sequence of looks that `key` begins. kNoTarget if all targets are out or in the group.
  TargetId pick(uint64_t key) const;
  // The first suitable place of the ring from `place` on, which moves behind it.
  TargetId pick_from_ring(uint64_t key, size_t& place) const;

 private:
  struct Best;

  bool is_in_group(TargetId target) const;
  uint32_t uses_of(uint32_t domain) const;  // By the group.
  // Has more targets in use than the group's `uses` of them.
  bool has_room(uint32_t domain, uint32_t uses) const;
  // Of the domains beside `domain` that have room, none is used less by the group; and it has room itself.
  bool is_least_used(uint32_t parent, uint32_t domain) const;
  // Follows a target's path from `domain` down for as long as domains are least used; whether to the end.
  bool descend(TargetId target, uint32_t& domain) const;
  // Of all targets to which descend() goes: that which the object uses least, and then by chance.
  TargetId best_of_all(uint64_t key) const;
  void find_best(uint32_t domain, uint64_t key, Best& best) const;

  const PlacementMap::Views& views_;
  const MapView& view_;
  const MapVersion moment_;
  const std::span<const TargetId> group_;
  const ObjectUses* const uses_;  // Null where it doesn't matter.
};

}  // namespace aeon::placement
