// Data in an answer over a network: only what the server filled, since the rest of the caller's memory must stay as
// it is. The bulk data is a count, (offset, size) pairs, and then the bytes of each.
#pragma once

#include <vector>

#include "message_reader.h"
#include "rpc/bulk.h"
#include "wire/archive.h"

namespace aeon::rpc {

struct Filled {
  ByteCount offset = 0;
  ByteCount size = 0;
  static void io(auto& archive, auto& self) { archive(self.offset, self.size); }
};

// Takes an answer's bulk data to where it belongs in `room`. kCorrupt if it doesn't fit there.
Task<Status> take_filled(MessageReader& reader, std::span<const MutableBytes> room);

}  // namespace aeon::rpc
