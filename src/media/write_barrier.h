// Flushes of the disk, shared: who needs earlier writes on the media asks for a flush that covers them, and one flush
// serves all who asked before it began.
#pragma once

#include <memory>
#include <optional>

#include "runtime/disk.h"
#include "runtime/sync.h"

namespace aeon::media {

class WriteBarrier {
 public:
  WriteBarrier(Executor& executor, Disk& disk) : disk_(disk), ended_(executor) {}

  // A plain write completed.
  void note_write() { ++written_; }
  // What cover() must be given to have all writes noted so far on the media.
  uint64_t written() const { return written_; }
  bool is_covered(uint64_t written) const { return flushed_ >= written; }
  // After a failed flush nobody knows what is on the media, so every later one fails too. `keep` owns this object.
  Task<Status> cover(std::shared_ptr<void> keep, uint64_t written);
  // The same on a disk that is memory. Nothing if that isn't possible now.
  std::optional<Status> cover_now(uint64_t written);
  uint64_t flush_count() const { return flush_count_; }

 private:
  Disk& disk_;
  Signal ended_;
  Status failure_;
  bool is_running_ = false;
  uint64_t written_ = 0;
  uint64_t flushed_ = 0;
  uint64_t flush_count_ = 0;
};

}  // namespace aeon::media
