// A disk with a volatile cache that uses all that Disk's contract allows, and fails as disks fail.
//
// A plain write that completed sits in the cache until a flush submitted after its completion succeeds. At a crash
// every cached or in-flight write survives whole, in some of its 512-byte sectors, or not at all, each independently.
// write_durable leaves nothing to chance once it completed. While a read is in flight its memory holds garbage.
//
// The disk outlives the processes that use it: attach() one, crash it (SimScheduler::crash), attach the next.
// Destroying a disk crashes the process it is attached to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/disk.h"
#include "sim/disk_image.h"
#include "sim/sim_scheduler.h"

namespace aeon {

// Probability of each fault, an operation. The names in SimFaultCounts are "disk_" and the member's name.
struct SimDiskFaults {
  double bit_rot = 0;            // A read's range loses a bit on the media first, for good.
  double transient_flip = 0;     // A read answers with one bit wrong; the media is fine.
  double stale_read = 0;  // A write is missing from the next read of its range, as if served from an old cache.
  double lost_write = 0;  // A write is acknowledged but never happens.
  double misdirected_write = 0;  // A write lands on other blocks of the disk instead.
  double torn_write = 0;  // A write is acknowledged but some of its sectors never happen.
  double sector_error = 0;  // A read's sector becomes unreadable (kIo) until it is written again.
  double read_error = 0;  // A read fails (kIo) once.
  double write_error = 0;  // A write fails (kIo), maybe after writing some sectors.
  double flush_error = 0;  // A flush fails (kIo); some cached writes are gone.
  double slow = 0;  // An operation takes 100 to 1000 times as long.

  // Each kind off or at up to `probability_max`, by chance. For code that detects damage, not for code that must
  // not see any.
  static SimDiskFaults random(Random& random, double probability_max);
};

struct SimDiskLatency {
  Duration read_min = std::chrono::microseconds(10), read_max = std::chrono::microseconds(200);
  Duration write_min = std::chrono::microseconds(5), write_max = std::chrono::microseconds(200);
  Duration flush_min = std::chrono::microseconds(20), flush_max = std::chrono::milliseconds(2);
  double inline_probability = 0.1;  // Completes inside submit, so that the coroutine doesn't suspend.

  // Everything completes inside submit: a plain memory disk.
  static SimDiskLatency none();
};

enum class SimDiscard { kZeros, kGarbage, kNothing, kAny };  // What reads give after a discard; kAny: by chance, each.

struct SimDiskOptions {
  std::string name = "sim-disk";
  ByteCount capacity = kGiB;
  ByteCount space = ~uint64_t{0};  // More blocks than this in use: kNoSpace, below capacity too.
  SimDiskLatency latency;
  SimDiskFaults faults;
  SimDiscard discard = SimDiscard::kAny;
  bool unwritten_is_garbage = false;  // As on raw devices.
  // Operations complete inside submit, and what is there can be looked at. What a crash may lose is the same.
  bool is_memory = false;
};

class SimDisk final : public Disk, private SimCrashListener {
 public:
  explicit SimDisk(SimScheduler& scheduler, SimDiskOptions options = {});
  // Attached right away.
  SimDisk(SimExecutor& process, SimDiskOptions options = {});
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;
  ~SimDisk() override;

  // Serves `process` from now on; the one before must have crashed or have nothing in flight.
  void attach(SimExecutor& process);

  ByteCount capacity() const override { return options_.capacity; }
  std::string_view name() const override { return options_.name; }
  bool is_memory() const override { return options_.is_memory; }
  // Subject to all faults of reads.
  ByteView view(uint64_t offset, ByteCount size) override;
  void submit(DiskOp& op) override;

  SimDiskOptions& options() { return options_; }
  void set_faults(SimDiskFaults faults) { options_.faults = faults; }

  // --- Crash points ---
  // Writes, durable writes, flushes and discards submitted so far, over all attached processes.
  uint64_t write_event_count() const { return write_event_count_; }
  // The world stops at the `count`-th write event from now (1: the next): it is in flight when its process crashes,
  // and nothing later of that process reaches the disk. Use with SimScheduler::run_until_crash. Writes in flight may
  // still survive.
  void stop_at_write(uint64_t count, SimScheduler::End end = SimScheduler::End::kPowerLoss) {
    stop_at_event_ = write_event_count_ + count;
    stop_by_ = end;
  }
  void never_stop() { stop_at_event_.reset(); }
  // Called at each write event, before it takes effect. Not from within it: submit.
  void on_write_event(std::function<void(uint64_t event)> observer) { observer_ = std::move(observer); }

  // --- Scripted faults: they hit the next operation that they fit, before any probability ---
  enum class Script {
    kBitRot,
    kTransientFlip,
    kStaleRead,
    kLostWrite,
    kMisdirectedWrite,
    kTornWrite,
    kSectorError,
    kReadError,
    kWriteError,
    kFlushError,
    kSlow,
    kNoSpace,
  };
  // Hits the `after`-th fitting operation from now, counted from 0 (the next).
  void script(Script fault, uint64_t after = 0) { scripts_.push_back({fault, after}); }
  // Reads of the sector at `offset` are kIo until it is written.
  void break_sector(uint64_t offset) { bad_sectors_.insert(offset / kDiskSectorSize); }

  // --- Contents ---
  // What reads see now: without cached writes being lost.
  DiskImage image() const;
  // What would be left after a power loss now. Each call draws other survivors from `random`; nothing changes.
  DiskImage image_after_crash(Random& random) const;
  // Replaces all contents. Nothing may be in flight.
  void load(DiskImage image);

  size_t in_flight_count() const { return in_flight_.size(); }
  size_t unflushed_count() const;
  uint64_t failed_flush_count() const { return failed_flush_count_; }

 private:
  // A write or discard, from its submission to its flush.
  struct Write {
    uint64_t id = 0;
    uint64_t offset = 0;
    Bytes data;  // Of a discard: what the range reads as.
    bool is_discard = false;
    uint64_t first_block() const { return offset / kDiskBlockSize; }
    uint64_t block_count() const { return data.size() / kDiskBlockSize; }
  };
  // The sectors of one block that a completed, unflushed write covers.
  struct CachedBlock {
    std::shared_ptr<const Write> write;
    uint64_t completed = 0;  // Order of completion.
    size_t data_offset = 0;
    uint8_t sectors = 0xff;
    const std::byte* data() const { return write->data.data() + data_offset; }
  };
  struct InFlight {
    DiskOp* op = nullptr;
    std::vector<std::shared_ptr<const Write>> writes;  // A discard has one for each run of blocks in use.
    uint64_t completed_before = 0;  // Of a flush: it covers what had completed when it was submitted.
  };
  struct ScriptedFault {
    Script fault;
    uint64_t after;
  };
  struct StaleRange {
    uint64_t offset;
    Bytes data;
  };

  void on_crash(bool power_lost) override;
  Status check_range(const DiskOp& op) const;
  std::shared_ptr<const Write> capture_write(const DiskOp& op, uint64_t id) const;
  std::vector<std::shared_ptr<const Write>> capture_discard(const DiskOp& op, uint64_t id);
  void append_discard(std::vector<std::shared_ptr<const Write>>& writes, uint64_t id, uint64_t block, uint64_t count);
  Duration draw_latency(DiskOp::Kind kind);
  void finish(uint64_t id);
  Status perform(InFlight& flight);
  Status perform_read(DiskOp& op);
  Status perform_write(const InFlight& flight);
  Status perform_discard(const InFlight& flight);
  Status perform_flush(const InFlight& flight);

  bool hits(Script fault, double probability, std::string_view name);
  bool has_room(const Write& write) const;
  void read_view(uint64_t offset, MutableBytes out) const;
  void read_block(uint64_t block, std::byte* out) const;
  using SectorChoice = std::function<uint8_t()>;  // Which sectors of the next block are written.
  void put_in_cache(const std::shared_ptr<const Write>& write, const SectorChoice& choose);
  void put_on_media(const Write& write, const SectorChoice& choose);
  static void apply(DiskImage& image, const Write& write, uint64_t block, const std::byte* data, uint8_t sectors);
  std::shared_ptr<const Write> misdirect(const Write& write);
  void heal_sectors(const Write& write);
  // Applies to `image` what a power loss leaves of cached and in-flight writes.
  void survive(DiskImage& image, Random& random, SimFaultCounts* counts) const;
  // The in-flight writes in a random order, as their order is undefined.
  std::vector<std::shared_ptr<const Write>> shuffled_in_flight(Random& random) const;

  SimScheduler& scheduler_;
  SimExecutor* process_ = nullptr;
  SimDiskOptions options_;
  Random random_;
  const uint64_t garbage_seed_;
  DiskImage media_;  // Survives a crash.
  std::map<uint64_t, std::vector<CachedBlock>> cache_;  // By block, oldest first.
  std::map<uint64_t, InFlight> in_flight_;  // By operation id.
  std::set<uint64_t> bad_sectors_;
  std::vector<StaleRange> stale_;
  std::vector<ScriptedFault> scripts_;
  std::vector<DiskBuffer> views_;  // Until the next event, so that whoever looks at one longer is found out.
  std::set<uint64_t> used_blocks_;  // For `space`.
  uint64_t next_id_ = 1;
  uint64_t completed_count_ = 0;
  uint64_t write_event_count_ = 0;
  uint64_t failed_flush_count_ = 0;
  std::optional<uint64_t> stop_at_event_;
  SimScheduler::End stop_by_ = SimScheduler::End::kPowerLoss;
  std::function<void(uint64_t)> observer_;
};

}  // namespace aeon
