// A frame of the log: a part of the stream of records, with what recovery needs to trust it.
//
// Records (a batch each: its size, then its bytes) follow each other in one stream of bytes, and frames cut the
// stream where it suits the disk; a record may go on in the next frame.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "media/key_block_store.h"

namespace aeon::media {

inline constexpr size_t kFrameHeaderSize = 72;
inline constexpr size_t kFrameBytesMax = 64 * kKiB;
inline constexpr size_t kFramesInFlightMax = 4;

struct FrameHeader {
  uint64_t store_hash = 0;
  uint64_t life = 0;              // The opening of the store that wrote it.
  uint64_t sequence = 0;
  uint64_t position = 0;          // LogPoint's: where it lies.
  uint64_t stream = 0;            // Bytes of records before its payload.
  uint64_t durable_through = 0;   // This sequence and all before it were durable when the frame was written.
  uint32_t payload_size = 0;

  uint64_t end_position() const { return position + round_up(kFrameHeaderSize + payload_size, kBlockSize); }
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// Fills in the header before a payload that stands at kFrameHeaderSize already. `frame` is whole blocks, and zeros from
// `zeros_from` on at the latest.
void encode_frame(const FrameHeader& header, MutableBytes frame, size_t zeros_from = kFrameBytesMax);
// The header alone, unverified: kCorrupt if `block` can't be the start of a frame of this store.
Result<FrameHeader> peek_frame(ByteView block, uint64_t store_hash);
// The header, once the checksum holds. `bytes` starts at the frame and may go on behind it.
Result<FrameHeader> decode_frame(ByteView bytes, uint64_t store_hash);

}  // namespace aeon::media
