// What a reader at an epoch finds in the index: punches, whether something exists, which extents overlap a range.
//
// A *floor* is the newest punch above something, as of the epoch: what is older than it is hidden. Callers pass the
// floor of the level above, and get back the one that holds at their level.
// Suspension: for pages to load. A lookup holds no place across calls, so each call sees what is there when it runs.
#pragma once

#include <vector>

#include "key_codec.h"
#include "media/key_block_store.h"
#include "value_record.h"
#include "visible_extents.h"

namespace aeon::vos {

// Extents of one akey that overlap a range, and their encoded values where asked for.
struct ExtentSet {
  struct Found {
    uint64_t record_size = 0;
    uint8_t level = 0;
    Bytes value;  // Empty unless asked for, and for punches.
  };
  std::vector<ExtentCandidate> candidates;
  std::vector<Found> found;  // By ExtentCandidate::source.
  void clear() {
    candidates.clear();
    found.clear();
  }
};

class Lookup {
 public:
  explicit Lookup(media::KeyBlockStore& media) : media_(media), scan_(media), probe_(media) {}

  // The newest punch of what `prefix` names, or `floor` if that is newer.
  Task<Result<Version>> floor_of(ByteView prefix, Epoch epoch, Version floor);

  Task<Result<bool>> object_exists(ByteView object, Epoch epoch);
  Task<Result<bool>> dkey_exists(ByteView dkey, Epoch epoch, Version object_floor);
  Task<Result<bool>> akey_exists(ByteView akey, Epoch epoch, Version dkey_floor);
  // Below the akey's own floor.
  Task<Result<bool>> single_exists(ByteView akey, Epoch epoch, Version floor);
  Task<Result<bool>> array_exists(ByteView akey, Epoch epoch, Version floor);

  // The prefix of the first dkey (akey) of an object (dkey) that sorts at or behind `from`; empty without. `from`
  // starts with the parent's prefix.
  Task<Result<Bytes>> first_child(ByteView parent, ByteView from);
  // The last one that sorts before `before`.
  Task<Result<Bytes>> last_child(ByteView parent, ByteView before);

  // Adds the extents that overlap [begin, end), with floor < version and epoch at most `epoch`. Leaves out some that
  // newer ones in the set hide whole.
  enum class Values : uint8_t { kLeaveOut, kCopy };
  Task<Status> overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Version floor, Values values,
                           ExtentSet& set);

  // Whether an extent with data that overlaps [begin, end) is older than `version`, at whatever level it is hidden.
  Task<Result<bool>> has_older_data(ByteView akey, uint64_t begin, uint64_t end, Version version);

  // Where the first extent at or behind `from` that a reader may see starts, and where at most `count` extents further
  // on do: kNoExtent without. A way to cut a large array into pieces that have few extents each.
  static constexpr uint64_t kNoExtent = ~uint64_t{0};
  struct Slice {
    uint64_t first_start = kNoExtent;
    uint64_t end = kNoExtent;  // No more than about `count` extents a level start in [from, end).
  };
  Task<Result<Slice>> slice_after(ByteView akey, uint64_t from, uint32_t count);
  // The smallest of the last `count` starts of extents before `before`, over all levels; kNoExtent without.
  Task<Result<uint64_t>> slice_before(ByteView akey, uint64_t before, uint32_t count);

 private:
  // What a visit wants to see next: older extents that start there, only those that start behind, or nothing more.
  enum class GoOn : uint8_t { kOlder, kNextStart, kStop };
  // Calls visit(key, shape) for the extents up to `epoch` that overlap [begin, end), by level and start and newest
  // first. May still show a few that the visit didn't want. Long histories at one start are skipped by a seek.
  template <typename Visit>
  Task<Status> visit_overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Visit& visit);

  // As their namesakes, but they may miss what is moved meanwhile.
  Task<Status> find_overlapping(ByteView akey, uint64_t begin, uint64_t end, Epoch epoch, Version floor, Values values,
                                ExtentSet& set);
  Task<Result<Slice>> find_slice_after(ByteView akey, uint64_t from, uint32_t count);
  Task<Result<uint64_t>> find_slice_before(ByteView akey, uint64_t before, uint32_t count);

  media::KeyBlockStore& media_;
  media::Cursor scan_;  // Walks; the calls it makes on the way use probe_.
  media::Cursor probe_;
};

}  // namespace aeon::vos
