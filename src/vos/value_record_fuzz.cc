#include "value_record.h"

// Whatever the bytes are, the decoder answers; and what it takes is what the encoder would have written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const Result<vos::ValueRecord> record = vos::decode_value(input);
  const Result<vos::ValueShape> shape = vos::decode_value_shape(input);
  if (record.is_ok()) CHECK(shape.is_ok() && equal_bytes(vos::encode_value(*record), input));
  return 0;
}
