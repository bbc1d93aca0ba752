// Which of many overlapping extents a reader sees: each record comes from the newest one that has it.
#pragma once

#include <cstdint>
#include <vector>

#include "key_codec.h"

namespace aeon::vos {

struct ExtentCandidate {
  uint64_t start = 0;
  uint64_t end = 0;  // Behind the last record.
  Version version;
  bool is_punch = false;
  uint32_t source = 0;  // The caller's own.
};

struct VisiblePart {
  uint64_t start = 0;
  uint64_t end = 0;
  size_t candidate = 0;  // Index of the one it comes from.
};

// The parts of [begin, end) that come from each candidate, punches included, in order and without overlap; what no
// candidate covers is in none. Sorts `candidates`; the indexes are those after it. No two candidates have one version
// and a record in common. O(n log n).
std::vector<VisiblePart> visible_parts(std::vector<ExtentCandidate>& candidates, uint64_t begin, uint64_t end);

}  // namespace aeon::vos
