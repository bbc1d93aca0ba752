// What a reader at an epoch finds in the index: punches, whether something exists, which extents overlap a range.
//
// A *floor* is the newest punch above something, as of the epoch: what is older than it is hidden. Callers pass the
// floor of the level above, and get back the one that holds at their level.
// In a clone, everything looks through its layers: the clone's own records, then its base's as of the base epoch, and
// so on. Prefixes are those of the clone itself. Whatever is found in one layer is newer than all below it. Suspension:
// for pages to load. A lookup holds no place across calls, so each call sees what is there when it runs.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/mutation.h"
#include "container_state.h"
#include "key_codec.h"
#include "known_arrays.h"
#include "media/key_block_store.h"
#include "value_record.h"
#include "visible_extents.h"

namespace aeon::vos {

// Extents of one akey that overlap a range, and their encoded values where asked for.
struct ExtentSet {
  struct Found {
    uint64_t record_size = 0;
    uint8_t level = 0;
    uint32_t container = 0;  // The number of the layer that has it.
    Bytes value;  // Empty unless asked for, and for punches.
    ByteView in_page;  // Instead of `value` (Values::kInPage).
  };
  std::vector<ExtentCandidate> candidates;
  std::vector<Found> found;  // By ExtentCandidate::source.
  Bytes walk_key;  // Memory of overlapping_now().
  void clear() {
    candidates.clear();
    found.clear();
  }
};

// Where to look for the newest punch up to `epoch` of what `key` is the prefix of.
inline void append_punch_target(Bytes& key, Epoch epoch) {
  append_tag_and_epoch(key, kPunchTag, MUTATION("punch_at_the_epoch_is_missed", epoch, Epoch{epoch.value - 1}));
}

class Lookup {
 public:
  // Through the container's layers; it must outlive the lookup.
  Lookup(media::KeyBlockStore& media, const ContainerState& container)
      : media_(media), layers_(container.layers), scan_(media), probe_(media) {}
  // Of one container's own records, whichever the prefixes name.
  explicit Lookup(media::KeyBlockStore& media) : media_(media), scan_(media), probe_(media) {}

  // The layers that are left to look at behind `layer`: moves to the next, and answers whether there is one of which
  // `floor` doesn't hide all.
  bool descend(size_t& layer, Version floor) const {
    return ++layer < layers_.size() && layers_[layer].through >= floor.epoch;
  }
  const Layer& layer(size_t index) const { return layers_[index]; }
  // A key of the first layer in a lower one, as read at `epoch` there.
  void move_key(Bytes& key, size_t layer) const { set_container(key, layers_[layer].number); }
  Epoch epoch_in(size_t layer, Epoch epoch) const { return std::min(epoch, layers_[layer].through); }

  // The newest punch of what `prefix` names, or `floor` if that is newer.
  Task<Result<Version>> floor_of(ByteView prefix, Epoch epoch, Version floor);

  Task<Result<bool>> object_exists(ByteView object, Epoch epoch);
  Task<Result<bool>> dkey_exists(ByteView dkey, Epoch epoch, Version object_floor);
  Task<Result<bool>> akey_exists(ByteView akey, Epoch epoch, Version dkey_floor);
  // Below the akey's own floor.
  Task<Result<bool>> single_exists(ByteView akey, Epoch epoch, Version floor);
  Task<Result<bool>> array_exists(ByteView akey, Epoch epoch, Version floor);

  // The prefix of the first object of the container that sorts at or behind `from`; empty without. `from` starts with
  // the container's prefix.
  Task<Result<Bytes>> first_object(ByteView from);
  // The prefix of the first dkey (akey) of an object (dkey) that sorts at or behind `from`; empty without. `from`
  // starts with the parent's prefix. `floor` is the parent's: layers that it hides are left out.
  Task<Result<Bytes>> first_child(ByteView parent, ByteView from, Version floor);
  // The last one that sorts before `before`.
  Task<Result<Bytes>> last_child(ByteView parent, ByteView before, Version floor);
  // Whether a lower layer has records that start with the prefix, as far as the first layer sees it.
  Task<Result<bool>> bases_hold(ByteView prefix);

  // Adds the extents that overlap [begin, end), with floor < version and epoch at most `epoch`. Leaves out some that
  // newer ones in the set hide whole.
  enum class Values : uint8_t { kLeaveOut, kCopy, kInPage };
  Task<Status> overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Version floor, Values values,
                           ExtentSet& set);
  // The same for those who can't suspend, of the first layer alone, with values as they lie in the index: until that
  // changes. False if a page must be read for that, or something is damaged.
  // `levels`: what extents there are, if that is known; else it gets to be.
  static bool overlapping_now(media::Cursor& cursor, ByteView akey, uint64_t begin, uint64_t end, Epoch epoch,
                              Version floor, LevelSet& levels, bool levels_are_known, ExtentSet& set);

  // Whether an extent with data that overlaps [begin, end) is older than `version`, at whatever level it is hidden.
  // Looks at the first layer only.
  Task<Result<bool>> has_older_data(ByteView akey, uint64_t begin, uint64_t end, Version version);

  // Where the first extent at or behind `from` starts that a reader may see below the akey's floor, and where at most
  // `count` extents further on do: kNoExtent without. A way to cut a large array into pieces that have few extents
  // each.
  static constexpr uint64_t kNoExtent = ~uint64_t{0};
  struct Slice {
    uint64_t first_start = kNoExtent;
    uint64_t end = kNoExtent;  // No more than about `count` extents a level start in [from, end).
  };
  Task<Result<Slice>> slice_after(ByteView akey, uint64_t from, uint32_t count, Version floor);
  // The smallest of the last `count` starts of extents before `before`, over all levels; kNoExtent without.
  Task<Result<uint64_t>> slice_before(ByteView akey, uint64_t before, uint32_t count, Version floor);

 private:
  class Collector;
  // ExtentWalk::go(), and the moves that it needs.
  template <typename Visit>
  Task<Status> visit_overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Visit& visit);

  // As their namesakes, but they may miss what is moved meanwhile.
  Task<Status> find_overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Version floor, Values values,
                                ExtentSet& set);
  Task<Result<Slice>> find_slice_after(ByteView akey, uint64_t from, uint32_t count, Version floor);
  Task<Result<uint64_t>> find_slice_before(ByteView akey, uint64_t before, uint32_t count, Version floor);
  // The same in one layer: narrows the slice, lowers the smallest start.
  Task<Status> cut_after(ByteView akey, uint64_t from, uint32_t count, Slice& slice);
  Task<Status> cut_before(ByteView akey, uint64_t before, uint32_t count, uint64_t& smallest);

  media::KeyBlockStore& media_;
  std::span<const Layer> layers_;  // Empty: one layer.
  media::Cursor scan_;  // Walks; the calls it makes on the way use probe_.
  media::Cursor probe_;
};

}  // namespace aeon::vos
