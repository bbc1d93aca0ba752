// A disk that remembers what was written to it, in which order, and what a crash at each moment may leave of it.
//
// A *moment* lies between two events that change what may survive: a write (or discard) is submitted, or a completed
// flush or durable write puts writes on the media for good. At a moment the disk holds the media, and *pending* writes
// of which each survives whole, in some of its sectors, or not at all. CrashImages (crash_images.h) makes the images.
//
// A plain write is pending until a flush that was submitted after it completed has completed; a durable one until it
// has completed itself. That two writes of one place are in flight at once, which leaves open what is there, ends the
// run: no store of ours may do that.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "runtime/disk.h"
#include "sim/block_table.h"
#include "sim/sim_scheduler.h"

namespace aeon {

using Moment = uint64_t;
inline constexpr Moment kNever = ~uint64_t{0};

// A write that a crash may undo. `blocks` has null where something later went to the media at that place.
struct PendingWrite {
  uint32_t id = 0;
  uint64_t first_block = 0;
  std::vector<const std::byte*> blocks;
};

class CrashRecording {
 public:
  enum class Kind : uint8_t { kWrite, kDurableWrite, kDiscard, kDurableEnd, kFlushEnd };
  struct Event {
    Kind kind;
    std::vector<PendingWrite> submitted;  // kWrite, kDurableWrite, kDiscard: one.
    std::vector<uint32_t> durable;        // kDurableEnd, kFlushEnd: what is on the media from now on.
    uint64_t promises;                    // Made before it.
  };

  // Goes on from what an earlier process left on the media and, if only it was killed, in the disk's cache.
  CrashRecording(BlockTable media, std::vector<PendingWrite> cached, Moment first)
      : media_(std::move(media)), cached_(std::move(cached)), first_(first) {}

  const BlockTable& media() const { return media_; }
  const std::vector<PendingWrite>& cached() const { return cached_; }
  const std::vector<Event>& events() const { return events_; }
  Moment first() const { return first_; }
  // The present one. What is noted with it is true of a crash at the end of this moment.
  Moment now() const { return first_ + events_.size(); }

  // The store acknowledged something: images seen before have to be looked at again.
  void note_promise() { ++promises_; }
  uint64_t promises() const { return promises_; }

  // A process that is only killed leaves all plain writes that had completed.
  void note_completed(uint32_t id) { completed_.insert(id); }
  bool has_completed(uint32_t id) const { return completed_.contains(id); }

  void add(Kind kind, std::vector<PendingWrite> submitted, std::vector<uint32_t> durable) {
    events_.push_back({kind, std::move(submitted), std::move(durable), promises_});
  }

 private:
  BlockTable media_;
  std::vector<PendingWrite> cached_;
  std::vector<Event> events_;
  Moment first_;
  uint64_t promises_ = 0;
  std::set<uint32_t> completed_;
};

// Puts writes on the media: from then on they are part of what every crash leaves.
void make_durable(BlockTable& media, std::vector<PendingWrite>& pending, const std::vector<uint32_t>& ids);

class RecordingDisk final : public Disk, private SimCrashListener {
 public:
  // `process` ends, as by a power loss, at event `event_count_max`.
  RecordingDisk(SimExecutor& process, CrashRecording& recording, BlockArena& arena, uint64_t event_count_max);
  RecordingDisk(const RecordingDisk&) = delete;
  RecordingDisk& operator=(const RecordingDisk&) = delete;
  ~RecordingDisk() override;

  ByteCount capacity() const override { return view_.block_count() * kDiskBlockSize; }
  std::string_view name() const override { return "recording disk"; }
  bool is_memory() const override { return is_memory_; }
  ByteView view(uint64_t offset, ByteCount size) override;
  void submit(DiskOp& op) override;

  // More blocks than these in use: kNoSpace.
  void set_space(uint64_t block_count) { space_ = block_count; }
  // Operations complete inside submit.
  void set_is_memory(bool is_memory) { is_memory_ = is_memory; }

 private:
  struct InFlight {
    DiskOp* op;
    std::vector<uint32_t> covers;  // A flush.
    PendingWrite write;
  };

  void on_crash(bool power_lost) override;
  // Whether somebody still waits for it.
  bool perform(uint64_t number);
  void complete(uint64_t number);
  void begin_write(DiskOp& op, InFlight& flight);
  bool overlaps_in_flight(const DiskOp& op) const;
  Duration draw_latency(DiskOp::Kind kind);
  void note(CrashRecording::Kind kind, std::vector<PendingWrite> submitted, std::vector<uint32_t> durable);

  SimExecutor* process_;
  SimScheduler& scheduler_;
  CrashRecording& recording_;
  BlockArena& arena_;
  const uint64_t event_count_max_;
  Random random_;
  BlockTable view_;              // What reads see.
  std::set<uint32_t> unflushed_; // Completed plain writes.
  std::set<uint64_t> used_blocks_;
  uint64_t space_ = ~uint64_t{0};
  bool is_memory_ = false;
  std::vector<DiskBuffer> views_;  // Until the next event.
  std::map<uint64_t, InFlight> in_flight_;
  uint64_t next_number_ = 0;
  uint32_t next_id_ = 0;
};

}  // namespace aeon
