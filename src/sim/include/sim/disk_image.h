// What is on a disk: blocks by number, sparse. Copies share their blocks, so that a copy at every write of a long
// workload is cheap. Blocks never written read as zeros.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "runtime/disk.h"
#include "runtime/random.h"

namespace aeon {

class DiskImage {
 public:
  using Block = std::array<std::byte, kDiskBlockSize>;

  // At any offset and size.
  void read(uint64_t offset, MutableBytes out) const;
  void write(uint64_t offset, ByteView data);
  // Forgets whole blocks: they were never written.
  void erase(uint64_t first_block, uint64_t block_count);
  bool has_block(uint64_t block) const { return blocks_.contains(block); }
  // Sectors of one block: those whose bit is set in `sectors`.
  void write_sectors(uint64_t block, const std::byte* data, uint8_t sectors);

  // Damage, for tests.
  void flip_bit(uint64_t offset, int bit);
  // Flips one random bit of what is stored; answers its offset. Needs a block.
  uint64_t flip_random_bit(Random& random);

  size_t block_count() const { return blocks_.size(); }
  bool empty() const { return blocks_.empty(); }
  // Behind the last block that is stored.
  uint64_t end() const { return blocks_.empty() ? 0 : (blocks_.rbegin()->first + 1) * kDiskBlockSize; }
  // In order; a random one of those stored.
  const std::map<uint64_t, std::shared_ptr<const Block>>& blocks() const { return blocks_; }
  uint64_t random_block(Random& random) const;

  // As a flat sequence of bytes from offset 0 to end().
  Bytes to_bytes() const;
  static DiskImage from_bytes(ByteView bytes);
  // A sparse file of the same, for FileDisk.
  Status save(const std::string& path) const;
  static Result<DiskImage> load(const std::string& path);
  // For testdata/: the blocks that aren't zeros, each as "block <number> <size>\n", its bytes without the zeros at
  // their end, and a newline.
  Status save_sample(const std::string& path) const;
  static Result<DiskImage> load_sample(const std::string& path);

  friend bool operator==(const DiskImage& a, const DiskImage& b);

 private:
  Block& writable(uint64_t block);

  std::map<uint64_t, std::shared_ptr<const Block>> blocks_;
};

}  // namespace aeon
