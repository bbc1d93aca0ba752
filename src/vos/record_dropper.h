// Erases records of the objects of one container with the blocks they have, some at a time.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "media/key_block_store.h"

namespace aeon::vos {

class RecordDropper {
 public:
  explicit RecordDropper(media::KeyBlockStore& media) : media_(media) {}

  void drop(ByteView key) { keys_.push_back(to_bytes(key)); }
  bool is_empty() const { return keys_.empty(); }
  bool is_full() const { return keys_.size() >= kSliceRecords; }

  // Erases what was dropped since, in batches of a slice, or smaller ones if there is no room for it. Nobody else may
  // erase the same records meanwhile. A record whose value is damaged is erased too; its blocks stay in use, since
  // nobody knows which they are.
  Task<Status> flush();

  uint64_t dropped() const { return dropped_; }
  ByteCount bytes_freed() const { return bytes_freed_; }

 private:
  static constexpr size_t kSliceRecords = 256;

  Task<Status> erase_first(size_t count);

  media::KeyBlockStore& media_;
  std::vector<Bytes> keys_;
  uint64_t dropped_ = 0;
  ByteCount bytes_freed_ = 0;
};

}  // namespace aeon::vos
