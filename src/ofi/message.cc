#include "message.h"

#include <string>

#include "base/crc32c.h"

namespace aeon::ofi {
namespace {

constexpr uint32_t kMagic = 0x464f6541;  // "AeOF".
constexpr size_t kVersionAt = 4, kKindAt = 5, kFlagsAt = 6, kTokenAt = 8, kSequenceAt = 16, kConsumedAt = 24,
                 kOfferAt = 32, kPayloadSizeAt = 56, kChecksumAt = 60;
constexpr uint64_t kOfferMax = uint64_t{1} << 40;

Status nonsense(const std::string& what) { return Status(Code::kCorrupt, "no message of a stream: " + what); }

uint16_t flags_of(Kind kind) {
  switch (kind) {
    case Kind::kData: return kOffer;
    case Kind::kControl: return kPing | kPong | kEnd;
    default: return 0;
  }
}

}  // namespace

void encode_header(const Message& message, std::span<std::byte, kHeaderSize> into) {
  std::byte* const at = into.data();
  store_le(at, kMagic);
  store_le(at + kVersionAt, kOfiVersion);
  store_le(at + kKindAt, message.kind);
  store_le(at + kFlagsAt, message.flags);
  store_le(at + kTokenAt, message.token);
  store_le(at + kSequenceAt, message.sequence);
  store_le(at + kConsumedAt, message.consumed);
  store_le(at + kOfferAt, message.offer.address);
  store_le(at + kOfferAt + 8, message.offer.key);
  store_le(at + kOfferAt + 16, message.offer.size);
  store_le(at + kPayloadSizeAt, static_cast<uint32_t>(message.payload.size()));
  store_le(at + kChecksumAt, crc32c(ByteView(into).first(kChecksumAt)));
}

Result<Message> decode(ByteView bytes) {
  if (bytes.size() < kHeaderSize || bytes.size() > kMessageMax) return nonsense("its size");
  const std::byte* const at = bytes.data();
  if (load_le<uint32_t>(at) != kMagic) return nonsense("how it begins");
  if (load_le<uint32_t>(at + kChecksumAt) != crc32c(bytes.first(kChecksumAt))) return nonsense("its checksum");
  const auto version = load_le<uint8_t>(at + kVersionAt);
  if (version != kOfiVersion) {
    return Status(Code::kProtocolMismatch, "the other side speaks version " + std::to_string(version) +
                                               " of streams over libfabric, this one version " +
                                               std::to_string(kOfiVersion));
  }
  Message message;
  const auto kind = load_le<uint8_t>(at + kKindAt);
  if (kind < static_cast<uint8_t>(Kind::kHello) || kind > static_cast<uint8_t>(Kind::kControl)) {
    return nonsense("its kind");
  }
  message.kind = static_cast<Kind>(kind);
  message.flags = load_le<uint16_t>(at + kFlagsAt);
  message.token = load_le<uint64_t>(at + kTokenAt);
  message.sequence = load_le<uint64_t>(at + kSequenceAt);
  message.consumed = load_le<uint64_t>(at + kConsumedAt);
  message.offer.address = load_le<uint64_t>(at + kOfferAt);
  message.offer.key = load_le<uint64_t>(at + kOfferAt + 8);
  message.offer.size = load_le<uint64_t>(at + kOfferAt + 16);
  message.payload = bytes.subspan(kHeaderSize);
  if (load_le<uint32_t>(at + kPayloadSizeAt) != message.payload.size()) return nonsense("the size of its payload");
  if ((message.flags & ~flags_of(message.kind)) != 0) return nonsense("its flags");
  const bool has_offer = (message.flags & kOffer) != 0;
  if (has_offer != (message.offer.size != 0) || message.offer.size > kOfferMax) return nonsense("what it offers");
  const size_t size = message.payload.size();
  const bool names = message.kind == Kind::kHello || message.kind == Kind::kWelcome;
  if (names && (size == 0 || size > kEndpointNameMax)) return nonsense("the name of an endpoint");
  if (message.kind == Kind::kControl && size != 0) return nonsense("a payload");
  if (message.kind == Kind::kData && size == 0 && !has_offer) return nonsense("that it is empty");
  return message;
}

Message decode_foreign_hello(ByteView bytes) {
  Message message;
  message.kind = static_cast<Kind>(load_le<uint8_t>(bytes.data() + kKindAt));
  message.token = load_le<uint64_t>(bytes.data() + kTokenAt);
  message.sequence = load_le<uint64_t>(bytes.data() + kSequenceAt);
  message.payload = bytes.subspan(kHeaderSize);
  return message;
}

}  // namespace aeon::ofi
