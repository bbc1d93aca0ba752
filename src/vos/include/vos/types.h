// What only the store of a target speaks of; the data model itself is in base/data_model.h.
#pragma once

#include <vector>

#include "base/data_model.h"

namespace aeon::vos {

inline constexpr ByteCount kInlineSizeMax = 4 * kKiB;     // Values up to this live in the index, larger in blocks.

// What records of objects take. As a sum it is exact after each batch, and after a crash too; as a change it may be
// negative.
struct SpaceUse {
  int64_t records = 0;       // Values, extents and punches, of all epochs.
  int64_t index_bytes = 0;   // Their keys and values in the index, as written: without what pages add or save.
  int64_t value_bytes = 0;   // Of values and extents, as the application counts.
  int64_t block_bytes = 0;   // Whole blocks of those that aren't in the index.

  int64_t stored_bytes() const { return index_bytes + block_bytes; }
  SpaceUse& operator+=(const SpaceUse& other) {
    records += other.records;
    index_bytes += other.index_bytes;
    value_bytes += other.value_bytes;
    block_bytes += other.block_bytes;
    return *this;
  }
  SpaceUse operator-() const {
    return {.records = -records,
            .index_bytes = -index_bytes,
            .value_bytes = -value_bytes,
            .block_bytes = -block_bytes};
  }
  friend bool operator==(const SpaceUse&, const SpaceUse&) = default;
};

// How far the last aggregation of a container has come, or came.
struct AggregateProgress {
  bool is_running = false;
  Epoch through;
  uint64_t entries_seen = 0;
  uint64_t entries_total = 0;      // Of the container when the pass began.
  uint64_t entries_dropped = 0;
  ByteCount bytes_freed = 0;       // Of values, by dropping them.
  uint64_t extents_merged = 0;     // Rewritten, whole or what was visible of them,
  uint64_t extents_written = 0;    // as these.
  ByteCount bytes_rewritten = 0;
  ByteCount blocks_given_back = 0; // Bytes of blocks that rewriting freed, beyond what it took.
  uint64_t damaged = 0;            // Extents that couldn't be merged because they aren't what was written. They stay.
  double fraction() const {
    if (entries_total == 0 || entries_seen >= entries_total) return 1;
    return static_cast<double>(entries_seen) / static_cast<double>(entries_total);
  }
};

// What a look at all of a container found, exact as of `epoch`.
struct SpaceSurvey {
  Epoch epoch;           // The newest one when it began.
  SpaceUse stored;       // All records there were.
  SpaceUse history;      // Of these: what a reader now doesn't see.
  SpaceUse reclaimable;  // Of these: what no snapshot and no read in progress sees either. Aggregation would free it.
};

struct ContainerInfo {
  Uuid id;
  Epoch highest_committed;      // Newest epoch written or committed.
  Epoch aggregated_through;
  std::vector<Epoch> snapshots; // In order.
  SpaceUse space;
  AggregateProgress aggregation;  // The one that runs, or the last since the store was opened.
};

}  // namespace aeon::vos
