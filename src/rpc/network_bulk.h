// Data in an answer over a network: only what the server filled, since the rest of the caller's memory must stay as
// it is. The bulk section is a count, (offset, size) pairs, and then the bytes of each.
#pragma once

#include <utility>
#include <vector>

#include "rpc/bulk.h"
#include "wire/archive.h"
#include "wire/header.h"

namespace aeon::rpc {

inline constexpr ByteCount kFilledOverhead = 64 * kKiB;

struct Filled {
  ByteCount offset = 0;
  ByteCount size = 0;
  static void io(auto& archive, auto& self) { archive(self.offset, self.size); }
};

// kCorrupt if the section isn't one; parts outside of `room` are left out by copy_into.
inline Status copy_filled(ByteView section, std::span<const MutableBytes> room) {
  if (section.empty()) return ok();
  std::vector<Filled> filled;
  wire::Decoder decoder(section, wire::kProtocolVersion);
  decoder(filled);
  if (!decoder.is_ok()) return Status(Code::kCorrupt, "an answer's data is malformed");
  ByteView data = decoder.rest();
  const ByteCount room_size = total_size(room);
  for (const Filled& part : filled) {
    if (part.size > data.size() || part.offset > room_size || part.size > room_size - part.offset) {
      return Status(Code::kCorrupt, "an answer's data doesn't fit where it should go");
    }
    copy_into(room, part.offset, data.first(part.size));
    data = data.subspan(part.size);
  }
  if (!data.empty()) return Status(Code::kCorrupt, "an answer has more data than it says");
  return ok();
}

// Appends the section for `filled` of `room` to `message`; returns its CRC32C.
uint32_t append_filled(const std::vector<Filled>& filled, ByteView room, Bytes& message);

}  // namespace aeon::rpc
