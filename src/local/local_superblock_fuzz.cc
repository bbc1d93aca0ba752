// Any bytes as the file `system`; and as its fields, behind a frame whose checksum is right.
#include <cstdlib>

#include "base/crc32c.h"
#include "superblock.h"

using namespace aeon;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  ignore(local::decode_superblock(input, "system").status(), "only that it says something");

  local::Superblock sample;
  sample.targets.emplace_back();
  Bytes framed = local::encode_superblock(sample);
  framed.resize(16);
  store_le(framed.data() + 12, static_cast<uint32_t>(size));
  framed.insert(framed.end(), input.begin(), input.end());
  const uint32_t crc = crc32c(framed);
  framed.resize(framed.size() + 4);
  store_le(framed.data() + framed.size() - 4, crc);
  const auto decoded = local::decode_superblock(framed, "system");
  if (decoded.is_ok() && local::encode_superblock(*decoded) != framed) std::abort();
  return 0;
}
