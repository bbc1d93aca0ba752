// What is said over a new Unix connection before anything else: whether it goes on in shared memory.
//
// Who connected says one message, an offer with the memory's descriptor or that there is none; an offer is answered
// by one. 32 bytes, little-endian:
//
//   0  magic, 8 bytes        12  bytes of each ring, u32
//   8  version, u16          16  zeros
//   10 kind, u16             28  CRC32C of the first 28, u32
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"

namespace aeon {

struct SharedMemoryHello {
  enum class Kind : uint16_t { kOffer = 1, kNoOffer = 2, kAccepted = 3, kDeclined = 4 };

  static constexpr size_t kSize = 32;
  static constexpr size_t kMagicSize = 8;
  static constexpr uint16_t kVersion = 1;
  using Encoded = std::array<std::byte, kSize>;

  uint16_t version = kVersion;
  Kind kind = Kind::kNoOffer;
  uint32_t ring_size = 0;

  Encoded encode() const;
  // Whether `bytes`, up to the whole of it, is how such a message begins.
  static bool may_begin_with(ByteView bytes);
  // kCorrupt: damaged, or no such message. Other versions are good, and what they offer is for who reads to judge.
  static Result<SharedMemoryHello> decode(ByteView bytes);
};

}  // namespace aeon
