#include "placement/layout.h"

#include <algorithm>
#include <utility>

#include "group_picker.h"
#include "hashing.h"
#include "map_views.h"

namespace aeon::placement {
namespace {

struct Shape {
  uint32_t group_count = 1;
  uint32_t group_size = 1;
  bool covers_targets = false;  // X.
};

Result<Shape> shape_of(ObjectId object, size_t target_count) {
  if (target_count == 0) return Status(Code::kInvalidArgument, "a pool without targets in use holds no objects");
  const ClassId id = class_of(object);
  const std::optional<ObjectClass> known = find_class(id);
  if (!known.has_value()) {
    if (id == kClassUnknown || id == make_class(1, 0)) return Shape{};  // As S1.
    return check_usable(object, 1);
  }
  const uint32_t group_size = known->group_size();
  const auto what = [&] { return "object " + object.to_string() + " has class " + class_name(id) + ", "; };
  if (group_size > target_count) {
    return Status(Code::kInvalidArgument, what() + "whose groups need " + std::to_string(group_size) +
                                              " targets, and the pool has " + std::to_string(target_count));
  }
  Shape shape{.group_count = std::min(known->group_count, kFixedGroupsMax), .group_size = group_size};
  if (known->group_count == kGroupsAll) {
    shape.group_count = static_cast<uint32_t>(target_count) / group_size;
    shape.covers_targets = true;
  }
  if (shape.group_count > kShardsMax / group_size) {
    return Status(Code::kInvalidArgument, what() + "which makes more than " + std::to_string(kShardsMax) + " shards");
  }
  return shape;
}

// The layout with all targets well.
void place_all(const PlacementMap::Views& views, const MapView& view, uint64_t hash, const Shape& shape,
               std::vector<TargetId>& targets) {
  targets.clear();
  if (shape.covers_targets && shape.group_size == 1) {
    targets.assign(view.targets().begin(), view.targets().end());
    return;
  }
  const uint32_t shard_count = shape.group_count * shape.group_size;
  targets.reserve(shard_count);
  ObjectUses uses(shape.group_count > 1 ? view.out.size() : 0, view.targets().size());
  size_t ring_place = view.ring.empty() ? 0 : reduce(hash, static_cast<uint32_t>(view.ring.size()));
  for (uint32_t shard = 0; shard < shard_count; ++shard) {
    const size_t group_begin = shard - shard % shape.group_size;
    const GroupPicker picker(views, view, 0, std::span(targets).subspan(group_begin),
                             shape.group_count > 1 ? &uses : nullptr);
    const uint64_t key = mix(hash, shard);
    const TargetId target = view.ring.empty() ? picker.pick(key) : picker.pick_from_ring(key, ring_place);
    targets.push_back(target);
    if (shape.group_count > 1) uses.add(target);
  }
}

// Puts the shards of one group that are on targets that are out elsewhere, version by version as those went out.
void replace_lost(const PlacementMap::Views& views, const MapView& view, uint64_t hash, uint32_t first_shard,
                  std::span<TargetId> group) {
  const auto out = [&](TargetId target) { return target == kNoTarget ? 0 : view.out[target]; };
  std::vector<std::pair<uint32_t, TargetId>> lost;  // Shard and target.
  while (true) {
    MapVersion moment = 0;
    for (const TargetId target : group) {
      if (out(target) != 0 && (moment == 0 || out(target) < moment)) moment = out(target);
    }
    if (moment == 0) return;
    lost.clear();
    for (uint32_t i = 0; i < group.size(); ++i) {
      if (out(group[i]) != moment) continue;
      lost.emplace_back(i, group[i]);
      group[i] = kNoTarget;
    }
    const GroupPicker picker(views, view, moment, group, nullptr);
    for (const auto& [shard, target] : lost) {
      group[shard] = picker.pick(mix(mix(hash, first_shard + shard), ~uint64_t{target}));
    }
  }
}

}  // namespace

Status PlacementMap::place_into(ObjectId object, View view, Layout& layout) const {
  const MapView& in_view = views_->of(view);
  const ClassId id = class_of(object);
  if (in_view.targets().size() == 1 && (id == kClassUnknown || id >> 24 == 1)) {
    layout.group_count = 1;
    layout.group_size = 1;
    layout.targets.assign(1, in_view.only_target);
    return ok();
  }
  TRY_ASSIGN(const Shape shape, shape_of(object, in_view.targets().size()));
  const uint64_t hash = hash_of(object);
  layout.group_count = shape.group_count;
  layout.group_size = shape.group_size;
  place_all(*views_, in_view, hash, shape, layout.targets);
  if (in_view.has_out) {
    for (uint32_t shard = 0; shard < layout.targets.size(); shard += shape.group_size) {
      replace_lost(*views_, in_view, hash, shard, std::span(layout.targets).subspan(shard, shape.group_size));
    }
  }
  if (in_view.has_lost) {
    for (TargetId& target : layout.targets) {
      if (target != kNoTarget && in_view.is_lost[target] != 0) target = kNoTarget;
    }
  }
  return ok();
}

Result<Layout> PlacementMap::place(ObjectId object, View view) const {
  Layout layout;
  TRY(place_into(object, view, layout));
  return layout;
}

Result<Layout> place(ObjectId object, uint32_t target_count) {
  if (target_count == 0 || target_count > kTargetsMax) {
    return Status(Code::kInvalidArgument, "a system has 1 to " + std::to_string(kTargetsMax) + " targets");
  }
  TRY(check_usable(object, target_count));
  if (target_count == 1) return Layout{.group_count = 1, .group_size = 1, .targets = {0}};
  TRY_ASSIGN(const PlacementMap map, PlacementMap::make(make_plain_map(target_count)));
  return map.place(object);
}

}  // namespace aeon::placement
