// Which extents of an array aggregation writes anew, as one larger extent for many small ones. Pure arithmetic.
//
// The extents given are of one *layer*: written between two kept epochs, so that all readers there are see the same of
// them, and their epochs only order them among each other. Parts are what such a reader sees. A merge replaces whole
// extents: all parts that they have, and nothing else.
//
// It costs device writes, so it must pay: a merge leaves at most 1/kMergeFactor of the records, and none of its extents
// has more than that share of its bytes. So however the array grows, a byte is written anew only
// log(largest / smallest) / log(kMergeFactor) times: twice from 4 KiB to 1 MiB. Or it frees space, in proportion to
// what it writes: extents that overlap are stored twice.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.h"

namespace aeon::vos {

inline constexpr uint64_t kMergeFactor = 16;

struct MergeExtent {
  uint64_t record_size = 0;
  uint64_t count = 0;  // Of records, visible or not.
  ByteCount stored_bytes = 0;  // In the index and in blocks.
  bool is_fixed = false;  // Stays as it is: a punch, or not known whole.
  bool is_only_for_space = false;  // Is written anew only if that frees space.
};
struct MergePart {
  uint64_t start = 0;
  uint64_t end = 0;
  size_t extent = 0;  // Index of the one it is of.
  uint64_t count() const { return end - start; }
};
// Replaces the extents by one for each piece.
struct Merge {
  struct Piece {
    uint64_t start = 0;
    uint64_t end = 0;
    size_t first_part = 0;
    size_t part_count = 0;
  };
  std::vector<size_t> extents;
  std::vector<Piece> pieces;
  uint64_t bytes = 0;
};

struct MergeLimits {
  ByteCount piece_size_max = 0;  // A piece has at most that many bytes, or is one part.
  double freed_part = 0.5;  // A merge may also pay by freeing this part of what it writes.
};

// `parts` in order and without overlap.
std::vector<Merge> plan_merges(std::vector<MergeExtent> extents, const std::vector<MergePart>& parts,
                               MergeLimits limits);

}  // namespace aeon::vos
