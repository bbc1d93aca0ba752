// What the two sides of a stream send each other: a header of 64 bytes, and the payload behind it.
//
// Everything in a message is the peer's word. Decoding bounds it; what numbers mean is checked by flow.h.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"

namespace aeon::ofi {

inline constexpr size_t kHeaderSize = 64;
inline constexpr size_t kMessageMax = 8192;  // With the header.
inline constexpr size_t kPayloadMax = kMessageMax - kHeaderSize;
inline constexpr size_t kEndpointNameMax = 256;
inline constexpr uint8_t kOfiVersion = 1;

enum class Kind : uint8_t {
  kHello = 1,    // To a listener: I am payload, my token is `sequence`.
  kWelcome = 2,  // Its answer: your stream's other end is payload, its token is `sequence`.
  kRefusal = 3,  // Or this; the payload says why.
  kData = 4,     // Bytes of the stream, then perhaps more that are offered.
  kControl = 5,  // Flags; `sequence` is how many kData there have been.
};

enum Flags : uint16_t {
  kOffer = 1,  // The stream's bytes go on in the writer's memory.
  kPing = 2,   // Answer by kPong.
  kPong = 4,
  kEnd = 8,  // Nothing follows: the writer has ended in order.
};

struct Offer {
  uint64_t address = 0;
  uint64_t key = 0;
  uint64_t size = 0;
};

struct Message {
  Kind kind = Kind::kControl;
  uint16_t flags = 0;
  uint64_t token = 0;     // The receiver's: who doesn't know it can't disturb a stream.
  uint64_t sequence = 0;  // Of kData, from 0.
  uint64_t consumed = 0;  // How many kData of the other side have been read to their end.
  Offer offer;            // With kOffer.
  ByteView payload;
};

// Puts the header, with its checksum; the payload is behind it already, or goes there.
void encode_header(const Message& message, std::span<std::byte, kHeaderSize> into);
// kCorrupt: not a message. kProtocolMismatch: of another version, of which only kind, token and sequence are believed.
Result<Message> decode(ByteView bytes);
// Only after decode() said kProtocolMismatch: who asks, to be told.
Message decode_foreign_hello(ByteView bytes);

}  // namespace aeon::ofi
