// Any bytes are a superblock or an error, and a superblock that decodes survives another round. The checksum is put
// right first, so that inputs get behind it.
#include "superblock.h"

#include <algorithm>

#include "base/check.h"
#include "block_checksum.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  using namespace aeon::media;
  Bytes block(kBlockSize);
  if (size != 0) std::memcpy(block.data(), data, std::min(size, block.size()));
  store_le(block.data() + 12, block_checksum(block, 12));
  for (const int copy : {0, 1}) {
    const Result<Superblock> decoded = decode_superblock(block, copy);
    if (!decoded.is_ok()) continue;
    Bytes again(kBlockSize);
    encode_superblock(*decoded, copy, again);
    CHECK(*decode_superblock(again, copy) == *decoded);
  }
  return 0;
}
