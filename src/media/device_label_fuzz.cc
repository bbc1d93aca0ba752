// Labels of devices, as anything may have left them: refused by name, or taken apart and put together again the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "block_checksum.h"
#include "device_label.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  using namespace aeon::media;
  Bytes block(kBlockSize);
  if (size != 0) std::memcpy(block.data(), data, std::min(size, block.size()));
  store_le(block.data() + 12, block_checksum(block, 12));
  for (const int copy : {0, 1}) {
    const Result<DeviceLabel> decoded = decode_device_label(block, copy);
    if (!decoded.is_ok()) continue;
    Bytes again(kBlockSize);
    encode_device_label(*decoded, copy, again);
    CHECK(*decode_device_label(again, copy) == *decoded);
  }
  return 0;
}
