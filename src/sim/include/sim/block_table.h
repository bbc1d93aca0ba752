// What a disk holds, as one pointer a block. A copy is a few KiB whatever the disk holds, which is what makes it
// possible to look at every state that a crash may leave: all of them share their blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "runtime/disk.h"

namespace aeon {

// Contents of blocks, which stay at their place until clear().
class BlockArena {
 public:
  BlockArena() = default;
  BlockArena(const BlockArena&) = delete;
  BlockArena& operator=(const BlockArena&) = delete;

  // Uninitialised.
  std::byte* make();
  const std::byte* keep(const std::byte* content);
  // All are gone; the memory is used again.
  void clear() { used_ = 0; }

 private:
  static constexpr size_t kBlocksPerChunk = 256;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  size_t used_ = 0;
};

class BlockTable {
 public:
  // Every block reads as `unwritten`, which must outlive all tables made from this one.
  BlockTable(uint64_t block_count, const std::byte* unwritten) : blocks_(block_count, unwritten) {}

  uint64_t block_count() const { return blocks_.size(); }
  const std::byte* block(uint64_t block) const { return blocks_[block]; }
  void set(uint64_t block, const std::byte* content) { blocks_[block] = content; }
  // Whole blocks.
  void read(uint64_t offset, MutableBytes out) const;

 private:
  std::vector<const std::byte*> blocks_;
};

// What never was written: zeros, or what a raw device happens to hold.
const std::byte* zero_content();
const std::byte* garbage_content();

}  // namespace aeon
