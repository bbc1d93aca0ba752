// The log: a ring of frames on the disk, to which batches are appended, with group commit.
//
// append() copies a record into the open frame and returns at once. Frames are written when somebody waits for one of
// their records, when they are full, or write_behind after their first record; up to kFramesInFlightMax at a time,
// and acknowledged in order. While a frame is on its way, those who come later share the next one.
//
// A frame with records that adopt blocks waits for a flush that covers the blocks' content.
// After a failed write or flush the log accepts nothing more: failure() says why.
// Ownership: StoreCore owns it; the coroutines it starts keep that alive.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "log_frame.h"
#include "runtime/disk.h"
#include "runtime/sync.h"
#include "runtime/world.h"
#include "superblock.h"
#include "write_barrier.h"

namespace aeon::media {

class LogListener {
 public:
  virtual void on_log_durable(LogPosition durable) = 0;
  virtual std::shared_ptr<void> keep_alive() = 0;

 protected:
  ~LogListener() = default;
};

class Log {
 public:
  struct Setup {
    uint64_t first_block = 0;
    uint64_t block_count = 0;
    uint64_t store_hash = 0;
    uint64_t life = 0;
    uint64_t tail_position = 0;  // The oldest byte that recovery needs.
    LogPoint head;               // Where the next frame goes.
    Duration write_behind{};
    size_t waiting_frames_max = ~size_t{0};
  };

  Log(Executor& executor, Disk& disk, WriteBarrier& barrier, LogListener& listener, Setup setup);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  ByteCount size() const { return setup_.block_count * kBlockSize; }
  ByteCount record_size_max() const { return size() / 2; }
  // From the tail to the head.
  ByteCount used() const;
  bool has_room(size_t record_size) const;

  // Frames wait because the disk is slower than what comes: appending should wait for oldest_waiting() to be durable.
  bool is_behind() const { return sealed_.size() > setup_.waiting_frames_max; }
  LogPosition oldest_waiting() const { return {sealed_.empty() ? stream_end_ : sealed_.front()->stream_end}; }
  // Of all frames' buffers.
  ByteCount memory_size() const {
    return ((open_ ? 1 : 0) + sealed_.size() + in_flight_.size() + spare_.size()) * kFrameBytesMax;
  }

  // Needs has_room(). `adopts`: the record makes blocks part of the stored state that were written before.
  LogPosition append(ByteView record, bool adopts);
  LogPosition appended() const { return {stream_end_}; }
  LogPosition durable() const { return {durable_stream_}; }
  // Suspends until the record that ends at `position` is durable; asks for it to be written now.
  Task<Status> wait_durable(std::shared_ptr<void> keep, LogPosition position);

  // Ends the open frame, so that the next record starts a frame there.
  LogPoint cut();
  // A checkpoint made everything before it needless.
  void move_tail(uint64_t position) { setup_.tail_position = position; }

  void fail(const Status& cause);
  // Before the first append: nothing may be written, and failure() says `why`.
  void refuse(Status why) { failure_ = std::move(why); }
  const Status& failure() const { return failure_; }
  // No coroutine of the log is left.
  bool is_quiet() const { return running_ == 0; }
  Task<void> wait_quiet();
  uint64_t frame_count() const { return frame_count_; }
  uint64_t byte_count() const { return byte_count_; }

 private:
  struct Frame {
    explicit Frame(Executor& executor) : ended(executor) {}
    DiskBuffer buffer{kFrameBytesMax};
    size_t zeros_from = 0;  // Of the buffer, as the frame before left it.
    size_t capacity = 0;
    size_t used = 0;
    LogPoint at;
    uint64_t stream_end = 0;
    uint64_t barrier = 0;
    bool is_done = false;
    Signal ended;  // Durable, or the log failed.
  };
  class BehindTimer final : public Timer {
   public:
    explicit BehindTimer(Log& log) : log_(log) {}

   private:
    void on_fire() override { log_.on_write_behind(); }
    Log& log_;
  };

  void open_frame();
  void seal_frame();
  void append_bytes(ByteView bytes, uint64_t barrier);
  void want(uint64_t stream);
  void start_writing();
  // On a disk that is memory: writes frames here and now until `stream` is durable, as far as that is possible.
  void write_now(uint64_t stream);
  MutableBytes encode(Frame& frame);
  uint64_t offset_of(const Frame& frame) const { return setup_.first_block * kBlockSize + frame.at.position % size(); }
  void on_write_behind();
  Frame* frame_of(uint64_t stream_end);
  void retire_written();
  static Task<void> write_frames(std::shared_ptr<void> keep, Log* log);
  static Task<void> write_frame(std::shared_ptr<void> keep, Log* log, Frame* frame);

  Executor& executor_;
  Disk& disk_;
  WriteBarrier& barrier_;
  LogListener& listener_;
  Setup setup_;
  LogPoint head_;  // Of the open frame, or the next.
  uint64_t stream_end_;
  uint64_t durable_stream_;
  uint64_t durable_sequence_;
  uint64_t wanted_stream_ = 0;
  std::unique_ptr<Frame> open_;
  std::deque<std::unique_ptr<Frame>> sealed_;
  std::deque<std::unique_ptr<Frame>> in_flight_;
  std::vector<std::unique_ptr<Frame>> spare_;
  Status failure_;
  bool is_starting_ = false;
  size_t running_ = 0;
  Signal quiet_;
  uint64_t frame_count_ = 0;
  uint64_t byte_count_ = 0;
  BehindTimer behind_{*this};
};

}  // namespace aeon::media
