#include "group_picker.h"

#include <algorithm>

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

bool GroupPicker::has_room(uint32_t domain, uint32_t uses) const {
  const std::vector<TargetId>& below = view_.below[domain];
  if (moment_ == 0) return below.size() > uses;
  if (view_.live[domain] > uses) return true;
  if (view_.last_out[domain] <= moment_) return false;  // What is live now was all then too.
  return static_cast<size_t>(std::count_if(below.begin(), below.end(),
                                           [&](TargetId target) { return view_.was_in_use(target, moment_); })) > uses;
}

bool GroupPicker::is_least_used(uint32_t parent, uint32_t domain) const {
  const uint32_t uses = uses_of(domain);
  if (uses == 0) return true;
  const std::vector<uint32_t>& siblings = views_.children[parent];
  if (siblings.size() == 1) return true;
  if (view_.live_children[parent] > group_.size()) return false;  // So one isn't used at all.
  if (!has_room(domain, uses)) return false;
  return std::none_of(siblings.begin(), siblings.end(), [&](uint32_t sibling) {
    const uint32_t uses_there = uses_of(sibling);
    return uses_there < uses && has_room(sibling, uses_there);
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

struct GroupPicker::Best {
  TargetId target = kNoTarget;
  uint32_t uses = 0;
  uint64_t chance = 0;
};

TargetId GroupPicker::best_of_all(uint64_t key) const {
  Best best;
  find_best(0, key, best);
  return best.target;
}

void GroupPicker::find_best(uint32_t domain, uint64_t key, Best& best) const {
  const std::vector<uint32_t>& children = views_.children[domain];
  if (children.empty()) {
    for (const TargetId target : view_.below[domain]) {
      const uint32_t uses = uses_ == nullptr ? 0 : uses_->of(target);
      if (best.target != kNoTarget && uses > best.uses) continue;
      if (!view_.was_in_use(target, moment_) || is_in_group(target)) continue;
      const uint64_t chance = mix(key, mix(target));
      if (best.target != kNoTarget && uses == best.uses && chance <= best.chance) continue;
      best = {.target = target, .uses = uses, .chance = chance};
    }
    return;
  }
  uint32_t least = ~uint32_t{0};
  for (const uint32_t child : children) {
    const uint32_t uses = uses_of(child);
    if (uses < least && has_room(child, uses)) least = uses;
  }
  for (const uint32_t child : children) {
    const uint32_t uses = uses_of(child);
    if (uses == least && has_room(child, uses)) find_best(child, key, best);
  }
}

}  // namespace aeon::placement
