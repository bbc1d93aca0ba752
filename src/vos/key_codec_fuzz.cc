#include "key_codec.h"

// Whatever the bytes are, the decoders answer; and one key of the index stands for one thing only.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  static_cast<void>(vos::describe_record_key(input));
  const Result<vos::RecordKey> record = vos::decode_record_key(input);
  if (!record.is_ok() || record->dkey_end == 0) return 0;
  const KeyOrder order = dkey_order(record->object);
  const Result<Bytes> dkey = vos::decode_user_key(input, vos::kObjectPrefixSize, order);
  CHECK(dkey.is_ok() && vos::check_user_key("a dkey", order, *dkey).is_ok());
  const Bytes prefix = vos::key_prefix(input.first(vos::kObjectPrefixSize), order, *dkey);
  CHECK(equal_bytes(prefix, input.first(record->dkey_end)));
  return 0;
}
