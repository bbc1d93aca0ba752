// Any bytes are a log frame or an error, and what a frame holds can be read as records. The checksum is put right
// first, so that inputs get behind it.
#include "log_frame.h"

#include <algorithm>

#include "batch_codec.h"
#include "block_checksum.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  using namespace aeon::media;
  Bytes bytes(std::clamp<size_t>(round_up(size, kBlockSize), kBlockSize, kFrameBytesMax));
  if (size != 0) std::memcpy(bytes.data(), data, std::min(size, bytes.size()));
  const uint64_t store_hash = load_le<uint64_t>(bytes.data() + 8);
  const Result<FrameHeader> peeked = peek_frame(bytes, store_hash);
  if (!peeked.is_ok()) return 0;
  const size_t frame_size = round_up(kFrameHeaderSize + (*peeked).payload_size, kBlockSize);
  if (frame_size <= bytes.size()) store_le(bytes.data() + 4, block_checksum(ByteView(bytes).first(frame_size), 4));
  const Result<FrameHeader> frame = decode_frame(bytes, store_hash);
  if (!frame.is_ok()) return 0;
  BatchReader reader(ByteView(bytes).subspan(kFrameHeaderSize, (*frame).payload_size));
  while (true) {
    const Result<std::optional<BatchEntry>> entry = reader.next();
    if (!entry.is_ok() || !(*entry).has_value()) return 0;
  }
}
