// The superblock: where everything else of a store begins. Two copies alternate, so that one is whole at any time.
#pragma once

#include <optional>

#include "base/ids.h"
#include "page.h"
#include "tree.h"

namespace aeon::media {

inline constexpr uint32_t kFormatVersion = 1;        // What we write.
inline constexpr uint32_t kFormatVersionOldest = 1;  // From here on we read; the next superblock written makes it ours.
inline constexpr uint64_t kSuperblockPlaces[2] = {0, 16};  // Blocks.
inline constexpr uint64_t kLogFirstBlock = 32;

// A frame boundary of the log.
struct LogPoint {
  uint64_t position = 0;  // Bytes of log ever used; its place in the ring is position % log size.
  uint64_t sequence = 1;  // Of the frame that starts there.
  uint64_t stream = 0;  // Bytes of records before it.
  friend bool operator==(const LogPoint&, const LogPoint&) = default;
};

struct Superblock {
  Uuid store;
  uint64_t generation = 0;  // The greater of the two copies is the newer.
  uint64_t life = 0;  // Grows with each opening; frames carry it.
  bool is_clean = false;  // Closed in order: no frames follow `replay_from`.
  uint64_t log_first = 0;  // Geometry, in blocks.
  uint64_t log_count = 0;
  uint64_t data_first = 0;
  uint64_t data_end = 0;
  uint64_t checkpoint = 0;  // Counts checkpoints; pages carry it.
  TreeRoot root;
  LogPoint replay_from;
  uint64_t adopted_blocks = 0;
  BlockRange allocator;  // The first segment (allocator_blob.h).
  uint64_t replay_life = 0;  // Of the opening that made the checkpoint: no frame behind `replay_from` is earlier.

  friend bool operator==(const Superblock&, const Superblock&) = default;
};

uint64_t store_hash(const Uuid& store);

// One block. `copy` is 0 or 1 and part of what is checked.
void encode_superblock(const Superblock& superblock, int copy, MutableBytes out);
// What a block says that begins as a superblock does, unverified; for looking at damage. Nothing without the magic.
struct PeekedSuperblock {
  uint32_t version = 0;
  bool is_checksum_good = false;
  uint64_t copy = 0;
  Superblock superblock;
};
std::optional<PeekedSuperblock> peek_superblock(ByteView block);
// kNotFound: no superblock is there at all. kVersionUnsupported names both versions. kCorrupt otherwise.
Result<Superblock> decode_superblock(ByteView block, int copy);

}  // namespace aeon::media
