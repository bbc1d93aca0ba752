// What stored data takes: of containers, in all, and as found by looking.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/data_model.h"
#include "base/units.h"

namespace aeon {

// What records of objects take. As a sum it is exact after each batch, and after a crash too; as a change it may be
// negative.
struct SpaceUse {
  int64_t records = 0;      // Values, extents and punches, of all epochs.
  int64_t index_bytes = 0;  // Their keys and values in the index, as written: without what pages add or save.
  int64_t value_bytes = 0;  // Of values and extents, as the application counts.
  int64_t block_bytes = 0;  // Whole blocks of those that aren't in the index.

  int64_t stored_bytes() const { return index_bytes + block_bytes; }
  SpaceUse& operator+=(const SpaceUse& other) {
    records += other.records;
    index_bytes += other.index_bytes;
    value_bytes += other.value_bytes;
    block_bytes += other.block_bytes;
    return *this;
  }
  SpaceUse operator-() const {
    return {.records = -records, .index_bytes = -index_bytes, .value_bytes = -value_bytes, .block_bytes = -block_bytes};
  }
  friend bool operator==(const SpaceUse&, const SpaceUse&) = default;
  static void io(auto& archive, auto& self) {
    archive(self.records, self.index_bytes, self.value_bytes, self.block_bytes);
  }
};

// How far the last aggregation of a container has come, or came.
struct AggregateProgress {
  bool is_running = false;
  Epoch through;
  uint64_t entries_seen = 0;
  uint64_t entries_total = 0;  // Of the container when the pass began.
  uint64_t entries_dropped = 0;
  ByteCount bytes_freed = 0;       // Of values, by dropping them.
  uint64_t extents_merged = 0;     // Rewritten, whole or what was visible of them,
  uint64_t extents_written = 0;    // as these.
  ByteCount bytes_rewritten = 0;
  ByteCount block_bytes_freed = 0;  // By rewriting, beyond what that took.
  uint64_t damaged = 0;  // Extents that weren't rewritten because they aren't what was written. They stay.

  // Of other targets, at the same time.
  AggregateProgress& operator+=(const AggregateProgress& other) {
    is_running = is_running || other.is_running;
    through = std::max(through, other.through);
    entries_seen += other.entries_seen;
    entries_total += other.entries_total;
    entries_dropped += other.entries_dropped;
    bytes_freed += other.bytes_freed;
    extents_merged += other.extents_merged;
    extents_written += other.extents_written;
    bytes_rewritten += other.bytes_rewritten;
    block_bytes_freed += other.block_bytes_freed;
    damaged += other.damaged;
    return *this;
  }

  double fraction() const {
    if (entries_total == 0 || entries_seen >= entries_total) return 1;
    return static_cast<double>(entries_seen) / static_cast<double>(entries_total);
  }
  static void io(auto& archive, auto& self) {
    archive(self.is_running, self.through, self.entries_seen, self.entries_total, self.entries_dropped,
            self.bytes_freed, self.extents_merged, self.extents_written, self.bytes_rewritten, self.block_bytes_freed,
            self.damaged);
  }
};

// What a look at all of a container found, exact as of `epoch`.
struct SpaceSurvey {
  Epoch epoch;  // The newest one when it began.
  SpaceUse stored;  // All records there were.
  SpaceUse history;  // Of these: what a reader now doesn't see.
  SpaceUse reclaimable;  // Of these: what no snapshot and no read in progress sees either. Aggregation would free it.
  // Of other targets.
  SpaceSurvey& operator+=(const SpaceSurvey& other) {
    epoch = std::max(epoch, other.epoch);
    stored += other.stored;
    history += other.history;
    reclaimable += other.reclaimable;
    return *this;
  }
  static void io(auto& archive, auto& self) { archive(self.epoch, self.stored, self.history, self.reclaimable); }
};

// Where the space of a pool is, beside what is free.
struct PoolSpace {
  SpaceUse containers;
  SpaceUse destroyed;  // Containers that are still being erased, or kept for their clones.
  ByteCount blocks = 0;  // Of values, on the device.
  ByteCount index = 0;  // Pages of the last checkpoint.
  ByteCount log = 0;
  ByteCount reserved = 0;  // Kept free for checkpoints and deleting.
  ByteCount waiting = 0;  // Freed, and free as soon as the log or a checkpoint is durable and readers are done.
  uint64_t free_pieces = 0;
  ByteCount largest_free = 0;

  // Of other targets.
  PoolSpace& operator+=(const PoolSpace& other) {
    containers += other.containers;
    destroyed += other.destroyed;
    blocks += other.blocks;
    index += other.index;
    log += other.log;
    reserved += other.reserved;
    waiting += other.waiting;
    free_pieces += other.free_pieces;
    largest_free = std::max(largest_free, other.largest_free);
    return *this;
  }
  static void io(auto& archive, auto& self) {
    archive(self.containers, self.destroyed, self.blocks, self.index, self.log, self.reserved, self.waiting,
            self.free_pieces, self.largest_free);
  }
};

}  // namespace aeon
