#include "base/check.h"
#include "container_state.h"

namespace {

using namespace aeon;

// What decodes says the same again when it is encoded.
template <typename Decode, typename Encode>
void try_decode(ByteView input, Decode decode, Encode encode) {
  const auto record = decode(input);
  if (!record.is_ok()) return;
  const Bytes encoded = encode(*record);
  const auto again = decode(ByteView(encoded));
  CHECK(again.is_ok() && equal_bytes(encode(*again), encoded));
}

}  // namespace

// Whatever the bytes are, the decoders answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  try_decode(input, vos::decode_container_info, vos::encode_container_info);
  try_decode(input, vos::decode_store_info, vos::encode_store_info);
  return 0;
}
