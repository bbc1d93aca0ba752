// How a checkpoint's allocator image lies on the disk: a chain of segments, since free space may be in pieces.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "media/key_block_store.h"

namespace aeon::media {

inline constexpr size_t kSegmentHeaderSize = 64;

// Blocks that a blob of this size takes at most, in `ranges` pieces.
uint64_t allocator_blob_blocks(size_t blob_size, size_t ranges);

struct SegmentIdentity {
  uint64_t store_hash = 0;
  uint64_t checkpoint = 0;
  uint64_t first_block = 0;
  uint32_t index = 0;  // In the chain.
};

struct Segment {
  ByteView payload;
  BlockRange next;  // Count 0 at the end.
};

// `out` is the segment's blocks.
void encode_segment(const SegmentIdentity& identity, const Segment& segment, MutableBytes out);
Result<Segment> decode_segment(const SegmentIdentity& identity, ByteView blocks);

}  // namespace aeon::media
