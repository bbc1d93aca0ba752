// Reading the log's ring: in large pieces, around sectors that can't be read, and along the frames that count.
#pragma once

#include <utility>
#include <vector>

#include "base/mutation.h"
#include "log_frame.h"
#include "runtime/disk.h"
#include "runtime/task.h"
#include "superblock.h"

namespace aeon::media {

class LogReader {
 public:
  LogReader(Disk& disk, const Superblock& superblock)
      : disk_(disk), first_byte_(superblock.log_first * kBlockSize), size_(superblock.log_count * kBlockSize) {}

  uint64_t size() const { return size_; }
  // The block of the disk where `position` lies.
  uint64_t block_of(uint64_t position) const { return (first_byte_ + position % size_) / kBlockSize; }

  // Makes `at_most` bytes at `position` (fewer at the ring's end) available as view().
  Task<void> load(uint64_t position, size_t at_most);
  ByteView view() const { return buffer_.bytes().subspan(view_offset_ - begin_, begin_ + loaded_ - view_offset_); }
  // Why a block within the next `size` bytes couldn't be read, if so.
  Status fault_within(size_t size) const;

 private:
  static constexpr size_t kReadBytes = kMiB;

  Disk& disk_;
  uint64_t first_byte_;
  uint64_t size_;
  DiskBuffer buffer_{kReadBytes};
  uint64_t begin_ = 0;
  size_t loaded_ = 0;
  uint64_t view_offset_ = 0;
  std::vector<std::pair<uint64_t, Status>> failed_blocks_;
};

// Which frames recovery believes, from a superblock's `replay_from` on (docs/design/store-format.md).
class FrameChain {
 public:
  explicit FrameChain(const Superblock& superblock) : end_(superblock.replay_from), life_(superblock.replay_life) {}

  bool is_next(const FrameHeader& frame) const {
    return frame.sequence == end_.sequence && frame.position == end_.position && frame.stream == end_.stream &&
           MUTATION("life_is_not_checked", frame.life >= life_, true);
  }
  // True if it starts another life: then a record that the one before left unfinished is dropped, since it was never
  // acknowledged and nothing continues it.
  bool add(const FrameHeader& frame) {
    end_ = {frame.end_position(), frame.sequence + 1, frame.stream + frame.payload_size};
    const bool is_other_life = std::exchange(life_, frame.life) != frame.life;
    return MUTATION("unfinished_record_is_kept", is_other_life, false);
  }
  const LogPoint& end() const { return end_; }
  uint64_t life() const { return life_; }  // At least that of the last frame.

 private:
  LogPoint end_;
  uint64_t life_;
};

}  // namespace aeon::media
