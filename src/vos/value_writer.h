// Turns the data of an update into value records: cuts it into pieces, checks and keeps its checksums, and writes what
// is too large for the index into blocks.
#pragma once

#include <vector>

#include "media/key_block_store.h"
#include "value_record.h"
#include "vos/types.h"

namespace aeon::vos {

// Largest value whose blocks' content goes with the batch, by when it must be durable. Logged, it is written twice;
// written first, it takes a write and a flush of its own before the batch.
inline constexpr ByteCount kCarriedSizeSync = 64 * kKiB;
inline constexpr ByteCount kCarriedSizeFlush = 16 * kKiB;

// Blocks reserved for a write that hasn't happened yet. Gives them back unless they are adopted.
class Reservation {
 public:
  // Values up to `carried_size_max` need not be written to their blocks: the batch carries them.
  explicit Reservation(media::KeyBlockStore& media, ByteCount carried_size_max = 0)
      : media_(media), carried_size_max_(carried_size_max) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    for (const media::BlockRange& range : ranges_) media_.cancel(range);
  }
  void add(media::BlockRange range) { ranges_.push_back(range); }
  // Whether the batch has room for a value of that size.
  bool carries(ByteCount size) const {
    return size <= carried_size_max_ && carried_size_ + size <= media_.carried_size_max();
  }
  // These, of what was added last, are to hold `content`, which stays until adopt_into(). In order of adding.
  void carry(media::BlockRange range, ByteView content) {
    carried_.push_back({.range = range, .content = content, .owned = {}});
    carried_size_ += content.size();
  }
  void carry(media::BlockRange range, Bytes content) {
    carried_size_ += content.size();
    carried_.push_back({.range = range, .content = {}, .owned = std::move(content)});
  }
  void adopt_into(media::Batch& batch) const;
  // The batch was applied: they belong to the stored state.
  void adopted() { ranges_.clear(); }

 private:
  struct Carried {
    media::BlockRange range;
    ByteView content;
    Bytes owned;  // Used if there is no `content`.
  };

  media::KeyBlockStore& media_;
  ByteCount carried_size_max_;
  ByteCount carried_size_ = 0;
  std::vector<media::BlockRange> ranges_;
  std::vector<Carried> carried_;
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
// `update` stays until the task ends, and its data until the reservation was put into a batch.
Task<Result<std::vector<PreparedValue>>> prepare_values(media::KeyBlockStore& media, const AkeyUpdate& update,
                                                        Reservation& reservation);

}  // namespace aeon::vos
