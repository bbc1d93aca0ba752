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
  const std::optional<vos::BlockValue> in_blocks = vos::decode_block_value(input);
  CHECK(in_blocks.has_value() == (record.is_ok() && record->blocks.size() == 1));
  if (in_blocks.has_value()) {
    CHECK(in_blocks->blocks == record->blocks.front() && in_blocks->chunk == record->chunk);
    CHECK(in_blocks->bytes == record->bytes() && in_blocks->checksums.size() == record->checksums.size() * 4);
  }
  return 0;
}
