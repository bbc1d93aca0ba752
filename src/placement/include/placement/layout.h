// Where an object's shards are, computed from its id and the pool map: pure functions, alike on clients and engines.
// How, and why so: docs/design/placement.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "placement/object_class.h"
#include "placement/pool_map.h"

namespace aeon::placement {

// Of an object in one view of one version of a map. Object handles keep theirs until the map changes.
struct Layout {
  uint32_t group_count = 1;
  uint32_t group_size = 1;
  std::vector<TargetId> targets;  // Of shard i of group g at g * group_size + i; kNoTarget if nobody has it.

  TargetId target(uint32_t group, uint32_t shard = 0) const { return targets[size_t{group} * group_size + shard]; }
  std::span<const TargetId> group(uint32_t index) const {
    return std::span(targets).subspan(size_t{index} * group_size, group_size);
  }
  friend bool operator==(const Layout&, const Layout&) = default;
};

// Bounds what a layout costs, whatever an id says: classes with a fixed, larger number of groups have this many.
inline constexpr uint32_t kFixedGroupsMax = 4096;
inline constexpr uint32_t kShardsMax = 65'536;  // Of one object.

enum class View : uint8_t {
  kNow,   // Where data is: reads go by it.
  kNext,  // Where data will be when what is pending is done: writes go to both. The same as kNow if nothing is.
};
enum class MapKind : uint8_t { kJump = 1, kRing = 2 };  // kRing is the legacy kind.

// One version of a pool map, made ready for computing layouts. Never changes; copies share it, also between threads.
class PlacementMap {
 public:
  // kInvalidArgument if the map isn't valid.
  static Result<PlacementMap> make(const PoolMap& map, MapKind kind = MapKind::kJump);

  MapVersion version() const;
  bool is_changing() const;  // The views differ.
  // Of the targets that layouts of this view are over, those that are out included.
  uint32_t target_count(View view = View::kNow) const;

  // The layout of an object of any class. kInvalidArgument for a class that isn't one, has more shards than
  // kShardsMax, or needs more targets for a group than there are.
  Result<Layout> place(ObjectId object, View view = View::kNow) const;
  // The same into a layout whose memory is used again.
  Status place_into(ObjectId object, View view, Layout& layout) const;

  struct Views;  // Of the module's own.

 private:
  explicit PlacementMap(std::shared_ptr<const Views> views) : views_(std::move(views)) {}
  std::shared_ptr<const Views> views_;
};

// The same for targets 0 … target_count - 1 of one rank, all in use. kInvalidArgument also for classes with redundancy,
// as check_usable says. With more than one target it makes a map for this call alone.
Result<Layout> place(ObjectId object, uint32_t target_count);

// The group that a dkey of the object belongs to, below group_count (of its layout).
uint32_t group_of(ObjectId object, ByteView dkey, uint32_t group_count);

}  // namespace aeon::placement
