// Any bytes as messages that come to a stream: each is decoded, and what it says of order, credit and the end is
// taken or refused as a stream does. Checksums are put right first if the first byte is odd, so that what lies behind
// them is reached too.
#include <algorithm>
#include <optional>

#include "base/crc32c.h"
#include "flow.h"
#include "message.h"

namespace {

using namespace aeon;
using namespace aeon::ofi;

constexpr size_t kChecksumPlace = 60, kPayloadSizePlace = 56;

// What a stream does with one; false once it would be broken.
bool take(const Message& message, Incoming& incoming, Outgoing& outgoing) {
  if (!outgoing.set_consumed(message.consumed).is_ok()) return false;
  CHECK(outgoing.consumed() <= outgoing.sent());
  if (message.kind == Kind::kData) {
    const Arrived arrived{.buffer = 1, .payload = message.payload, .offer = message.offer};
    CHECK(!arrived.payload.empty() || arrived.offer.size != 0);
    return incoming.put(message.sequence, arrived).is_ok();
  }
  return (message.flags & kEnd) == 0 || incoming.end_at(message.sequence).is_ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Bytes bytes = to_bytes(std::as_bytes(std::span(data, size)).subspan(1));
  const bool puts_right = (data[0] & 1) != 0;
  Incoming incoming;
  Outgoing outgoing;
  for (int i = 0; i < 3; ++i) outgoing.take();
  MutableBytes rest = bytes;
  while (rest.size() >= kHeaderSize) {
    const size_t payload = load_le<uint32_t>(rest.data() + kPayloadSizePlace);
    const size_t count = kHeaderSize + std::min(payload, rest.size() - kHeaderSize);
    const MutableBytes one = rest.first(count);
    rest = rest.subspan(count);
    if (puts_right) store_le(one.data() + kChecksumPlace, crc32c(one.first(kChecksumPlace)));
    const Result<Message> message = decode(one);
    if (message.code() == Code::kProtocolMismatch) {
      const Message foreign = decode_foreign_hello(one);
      CHECK(foreign.payload.size() == count - kHeaderSize);
    }
    if (!message.is_ok()) continue;
    CHECK(message->payload.size() <= kPayloadMax);
    if (message->kind != Kind::kData && message->kind != Kind::kControl) continue;
    if (!take(*message, incoming, outgoing)) break;
    const uint64_t before = incoming.consumed();
    while (incoming.front() != nullptr) incoming.pop();
    CHECK(incoming.consumed() - before <= kWindow);
  }
  return 0;
}
