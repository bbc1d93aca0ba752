#include "allocator_blob.h"

#include "base/check.h"
#include "block_checksum.h"

namespace aeon::media {

namespace {

constexpr uint32_t kSegmentMagic = 0x42414541;  // "AEAB"
constexpr size_t kSegmentCrcOffset = 4;

}  // namespace

uint64_t allocator_blob_blocks(size_t blob_size, size_t ranges) {
  return (blob_size + ranges * kSegmentHeaderSize + kBlockSize - 1) / kBlockSize + ranges - 1;
}

void encode_segment(const SegmentIdentity& identity, const Segment& segment, MutableBytes out) {
  CHECK(segment.payload.size() <= out.size() - kSegmentHeaderSize);
  std::memset(out.data(), 0, out.size());
  std::byte* const base = out.data();
  store_le(base, kSegmentMagic);
  store_le(base + 8, identity.store_hash);
  store_le(base + 16, identity.checkpoint);
  store_le(base + 24, identity.first_block);
  store_le(base + 32, identity.index);
  store_le(base + 36, static_cast<uint32_t>(segment.payload.size()));
  store_le(base + 40, segment.next.first);
  store_le(base + 48, segment.next.count);
  if (!segment.payload.empty()) {
    std::memcpy(base + kSegmentHeaderSize, segment.payload.data(), segment.payload.size());
  }
  store_le(base + kSegmentCrcOffset, block_checksum(out, kSegmentCrcOffset));
}

Result<Segment> decode_segment(const SegmentIdentity& identity, ByteView blocks) {
  if (blocks.size() < kBlockSize) return Status(Code::kCorrupt, "allocator segment: too short");
  const std::byte* const base = blocks.data();
  if (load_le<uint32_t>(base) != kSegmentMagic) return Status(Code::kCorrupt, "allocator segment: none is there");
  if (block_checksum(blocks, kSegmentCrcOffset) != load_le<uint32_t>(base + kSegmentCrcOffset)) {
    return Status(Code::kCorrupt, "allocator segment: checksum mismatch");
  }
  const uint32_t size = load_le<uint32_t>(base + 36);
  if (load_le<uint64_t>(base + 8) != identity.store_hash || load_le<uint64_t>(base + 16) != identity.checkpoint ||
      load_le<uint64_t>(base + 24) != identity.first_block || load_le<uint32_t>(base + 32) != identity.index ||
      size > blocks.size() - kSegmentHeaderSize) {
    return Status(Code::kCorrupt, "allocator segment: belongs to another place or checkpoint");
  }
  return Segment{blocks.subspan(kSegmentHeaderSize, size),
                 {load_le<uint64_t>(base + 40), load_le<uint64_t>(base + 48)}};
}

}  // namespace aeon::media
