#include "intent_record.h"

// Whatever the bytes are, the decoders answer; and what they take is what the encoders would have written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const Result<vos::IntentImage> intent = vos::decode_intent(to_bytes(input));
  if (intent.is_ok()) {
    std::vector<vos::IndexRecord> records;
    for (const auto& record : intent->records) records.push_back({to_bytes(record.key), to_bytes(record.value)});
    CHECK(equal_bytes(vos::encode_intent(intent->epoch, intent->participants, records), input));
  }
  const Result<vos::Decision> decision = vos::decode_decision(input);
  if (decision.is_ok()) CHECK(equal_bytes(vos::encode_decision(*decision), input));
  return 0;
}
