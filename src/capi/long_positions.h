// Positions of listings that are too long for the 104 bytes of a daos_anchor_t.
//
// Keys have up to 2 KiB, and a position names one. Anchors are plain memory that programs copy and drop without
// telling, so nobody says when a position is no longer wanted. Hence a bounded memory of the most recently used ones:
// a listing needs only its newest, so one is forgotten only after kCountMax other pages of long keys.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"

namespace aeon::capi {

class LongPositions {
 public:
  static constexpr size_t kCountMax = 16384;

  static LongPositions& instance();

  // Returns a number that is never used again in this process.
  uint64_t remember(Bytes position);
  std::optional<Bytes> recall(uint64_t number);
  void clear();

 private:
  using Entry = std::pair<uint64_t, Bytes>;

  std::mutex mutex_;
  uint64_t last_number_ = 0;
  std::list<Entry> newest_first_;
  std::unordered_map<uint64_t, std::list<Entry>::iterator> by_number_;
};

}  // namespace aeon::capi
