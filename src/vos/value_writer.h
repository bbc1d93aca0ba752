// Turns the data of an update into value records: cuts it into pieces, checks and keeps its checksums, and writes what
// is too large for the index into blocks.
#pragma once

#include <vector>

#include "media/key_block_store.h"
#include "value_record.h"
#include "vos/types.h"

namespace aeon::vos {

// Blocks reserved for a write that hasn't happened yet. Gives them back unless they are adopted.
class Reservation {
 public:
  explicit Reservation(media::KeyBlockStore& media) : media_(media) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    for (const media::BlockRange& range : ranges_) media_.cancel(range);
  }
  void add(media::BlockRange range) { ranges_.push_back(range); }
  void adopt_into(media::Batch& batch) const {
    for (const media::BlockRange& range : ranges_) batch.adopt(range);
  }
  // The batch was applied: they belong to the stored state.
  void adopted() { ranges_.clear(); }

 private:
  media::KeyBlockStore& media_;
  std::vector<media::BlockRange> ranges_;
};

// A record for the index, complete but for its version.
struct PreparedValue {
  bool is_extent = false;
  uint64_t start = 0;   // Extents.
  uint64_t count = 0;   // Extents.
  uint16_t part = 0;    // Single values.
  ByteCount bytes = 0;  // Of the value.
  ByteCount block_bytes = 0;
  Bytes value;
};

// What of an update can be wrong in itself: sizes, ranges, number of checksums. No data is looked at.
Status check_update(const AkeyUpdate& update);

// The usual small value, ready at once: a value that goes into the index in one piece. False for all others, and for
// data that isn't what its checksum says: prepare_values() says so. check_update() found nothing wrong.
bool prepare_at_once(const AkeyUpdate& update, std::vector<PreparedValue>& prepared);

// kCorrupt if the data doesn't have the checksums that came with it. Suspends while blocks are written.
// `update` stays until the task ends.
Task<Result<std::vector<PreparedValue>>> prepare_values(media::KeyBlockStore& media, const AkeyUpdate& update,
                                                        Reservation& reservation);

}  // namespace aeon::vos
