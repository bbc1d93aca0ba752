#include "group_picker.h"

#include <algorithm>
#include <array>

#include "hashing.h"

namespace aeon::placement {
namespace {

constexpr uint32_t kLooks = 24;  // Before all targets are compared. Part of the format, as all here.

}  // namespace

bool GroupPicker::is_in_group(TargetId target) const {
  return std::find(group_.begin(), group_.end(), target) != group_.end();
}

uint32_t GroupPicker::uses_of(uint32_t domain) const {
  uint32_t uses = 0;
  for (const TargetId target : group_) uses += target != kNoTarget && views_.is_below(target, domain) ? 1 : 0;
  return uses;
}

size_t GroupPicker::room_of(uint32_t domain) const {
  const std::vector<TargetId>& below = view_.below[domain];
  if (moment_ == 0 || !view_.has_out) return below.size();
  return static_cast<size_t>(
      std::count_if(below.begin(), below.end(), [&](TargetId target) { return view_.was_in_use(target, moment_); }));
}

bool GroupPicker::is_least_used(uint32_t parent, uint32_t domain) const {
  const uint32_t uses = uses_of(domain);
  if (uses == 0) return true;
  const std::vector<uint32_t>& siblings = views_.children[parent];
  if (siblings.size() == 1) return true;
  if (view_.live_children[parent] > group_.size()) return false;  // So one isn't used at all.
  if (room_of(domain) <= uses) return false;
  return std::none_of(siblings.begin(), siblings.end(), [&](uint32_t sibling) {
    const uint32_t uses_there = uses_of(sibling);
    return uses_there < uses && room_of(sibling) > uses_there;
  });
}

bool GroupPicker::descend(TargetId target, uint32_t& domain) const {
  const std::span<const uint32_t> path = views_.path_of(target);
  for (size_t level = views_.depths[domain]; level < path.size(); ++level) {
    if (!is_least_used(domain, path[level])) return false;
    domain = path[level];
  }
  return true;
}

TargetId GroupPicker::pick(uint64_t key) const {
  uint32_t domain = 0;  // The last good one.
  for (uint32_t look = 0; look < kLooks; ++look) {
    const std::vector<TargetId>& below = view_.below[domain];
    const TargetId target = below[jump(look == 0 ? key : mix(key, look), static_cast<uint32_t>(below.size()))];
    if (!view_.was_in_use(target, moment_)) continue;
    if (!group_.empty() && (!descend(target, domain) || is_in_group(target))) continue;
    if (uses_ == nullptr || uses_->has_room(target)) return target;
    domain = 0;
  }
  return best_of_all(key);
}

TargetId GroupPicker::pick_from_ring(uint64_t key, size_t& place) const {
  const std::vector<TargetId>& ring = view_.ring;
  for (size_t step = 0; step < ring.size(); ++step) {
    const TargetId target = ring[(place + step) % ring.size()];
    uint32_t domain = 0;
    if (is_in_group(target) || !descend(target, domain)) continue;
    place = (place + step + 1) % ring.size();
    return target;
  }
  return best_of_all(key);
}

TargetId GroupPicker::best_of_all(uint64_t key) const {
  // How often the group uses each domain on the path, then the object the target; the least is best, from the top down.
  std::array<uint32_t, kDomainDepthMax + 1> best_uses{};
  uint64_t best_chance = 0;
  TargetId best = kNoTarget;
  for (const TargetId target : view_.targets()) {
    if (!view_.was_in_use(target, moment_) || is_in_group(target)) continue;
    std::array<uint32_t, kDomainDepthMax + 1> uses{};
    const std::span<const uint32_t> path = views_.path_of(target);
    for (size_t level = 0; level < path.size(); ++level) uses[level] = uses_of(path[level]);
    uses.back() = uses_ == nullptr ? 0 : uses_->of(target);
    const uint64_t chance = mix(key, mix(target));
    if (best == kNoTarget || uses < best_uses || (uses == best_uses && chance > best_chance)) {
      best_uses = uses;
      best_chance = chance;
      best = target;
    }
  }
  return best;
}

}  // namespace aeon::placement
