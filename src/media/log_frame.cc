#include "log_frame.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"
#include "block_checksum.h"

namespace aeon::media {

namespace {

constexpr uint32_t kFrameMagic = 0x464c4541;  // "AELF"
constexpr uint16_t kFrameFormat = 1;
constexpr size_t kFrameCrcOffset = 4;

}  // namespace

void encode_frame(const FrameHeader& header, MutableBytes frame, size_t zeros_from) {
  const size_t used = kFrameHeaderSize + header.payload_size;
  CHECK(frame.size() == round_up(used, kBlockSize));
  std::byte* const base = frame.data();
  store_le(base, kFrameMagic);
  store_le(base + 8, header.store_hash);
  store_le(base + 16, header.life);
  store_le(base + 24, header.sequence);
  store_le(base + 32, header.position);
  store_le(base + 40, header.stream);
  store_le(base + 48, header.durable_through);
  store_le(base + 56, header.payload_size);
  store_le(base + 60, kFrameFormat);
  store_le(base + 62, uint16_t{0});
  store_le(base + 64, uint64_t{0});
  if (zeros_from > used) std::memset(base + used, 0, std::min(zeros_from, frame.size()) - used);
  store_le(base + kFrameCrcOffset, block_checksum(frame, kFrameCrcOffset));
}

Result<FrameHeader> peek_frame(ByteView block, uint64_t store_hash) {
  const Status bad(Code::kCorrupt, "no log frame");
  if (block.size() < kBlockSize) return bad;
  const std::byte* const base = block.data();
  FrameHeader header;
  header.store_hash = load_le<uint64_t>(base + 8);
  header.payload_size = load_le<uint32_t>(base + 56);
  if (load_le<uint32_t>(base) != kFrameMagic || header.store_hash != store_hash ||
      load_le<uint16_t>(base + 60) != kFrameFormat || header.payload_size == 0 ||
      header.payload_size > kFrameBytesMax - kFrameHeaderSize) {
    return bad;
  }
  header.life = load_le<uint64_t>(base + 16);
  header.sequence = load_le<uint64_t>(base + 24);
  header.position = load_le<uint64_t>(base + 32);
  header.stream = load_le<uint64_t>(base + 40);
  header.durable_through = load_le<uint64_t>(base + 48);
  return header;
}

Result<FrameHeader> decode_frame(ByteView bytes, uint64_t store_hash) {
  TRY_ASSIGN(FrameHeader header, peek_frame(bytes, store_hash));
  const size_t size = round_up(kFrameHeaderSize + header.payload_size, kBlockSize);
  const auto bad = [] { return Status(Code::kCorrupt, "log frame: checksum mismatch"); };
  if (bytes.size() < size) return bad();
  const uint32_t checksum = block_checksum(bytes.first(size), kFrameCrcOffset);
  const bool is_damaged = checksum != load_le<uint32_t>(bytes.data() + kFrameCrcOffset);
  if (MUTATION("frame_checksum_is_ignored", is_damaged, false)) return bad();
  return header;
}

}  // namespace aeon::media
