// What is inside an Anchor: which listing it is of, and the last thing that was listed. Anchors come back from peers,
// so everything in them is checked.
#pragma once

#include "base/ids.h"
#include "base/status.h"
#include "vos/types.h"

namespace aeon::vos {

enum class Listing : uint8_t { kObjects = 1, kDkeys = 2, kAkeys = 3, kRecxs = 4 };

Anchor anchor_at(Listing listing, ByteView position);
Anchor anchor_at_end();
Bytes object_position(ObjectId object);
Bytes recx_position(uint64_t next_index);

// The position to go on behind; empty for an anchor that begins. kInvalidArgument if it isn't one of this listing.
Result<Bytes> read_anchor(Listing listing, const Anchor& anchor);
Result<ObjectId> read_object_position(ByteView position);
Result<uint64_t> read_recx_position(ByteView position);

}  // namespace aeon::vos
