#include "placement/router.h"

#include <algorithm>

#include "base/check.h"

namespace aeon::placement {

Router::Router(uint32_t target_count) : target_count_(target_count) {
  CHECK(target_count >= 1 && target_count <= kTargetsMax);
  if (target_count == 1) return;
  Result<PlacementMap> map = PlacementMap::make(make_plain_map(target_count));
  CHECK(map.is_ok());
  map_ = std::move(*map);
}

Result<uint32_t> Router::target_of(ObjectId object, ByteView dkey) const {
  if (!map_.has_value()) return 0u;
  TRY(map_->place_into(object, View::kNow, layout_));
  return layout_.target(group_of(object, dkey, layout_.group_count));
}

Result<std::vector<uint32_t>> Router::targets_of(ObjectId object) const {
  if (!map_.has_value()) return std::vector<uint32_t>{0};
  TRY(map_->place_into(object, View::kNow, layout_));
  std::vector<uint32_t> targets;
  std::vector<bool> is_in(target_count_);
  for (uint32_t group = 0; group < layout_.group_count; ++group) {
    const TargetId target = layout_.target(group);
    if (is_in[target]) continue;
    is_in[target] = true;
    targets.push_back(target);
  }
  return targets;
}

}  // namespace aeon::placement
