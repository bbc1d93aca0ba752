#include "value_record.h"

// Whatever the bytes are, the decoder answers; and what it takes, if it isn't of an older format, is what the encoder
// would have written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const Result<vos::ValueRecord> record = vos::decode_value(input);
  const Result<vos::ValueShape> shape = vos::decode_value_shape(input);
  const bool is_current = !input.empty() && input[0] == std::byte{2};
  if (record.is_ok()) CHECK(shape.is_ok() && (!is_current || equal_bytes(vos::encode_value(*record), input)));
  return 0;
}
