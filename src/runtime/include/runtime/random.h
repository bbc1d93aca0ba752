// Randomness, seeded. xoshiro256** (Blackman and Vigna, public domain algorithm), seeded by splitmix64.
#pragma once

#include <cstdint>

#include "base/check.h"
#include "base/ids.h"

namespace aeon {

class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t next();
  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound);
  // Uniform in [low, high], both included.
  uint64_t between(uint64_t low, uint64_t high) {
    DCHECK(low <= high);
    return low + (high - low == ~uint64_t{0} ? next() : below(high - low + 1));
  }
  // True once in `times` on average.
  bool one_in(uint64_t times) { return below(times) == 0; }
  double fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  Uuid uuid();
  // An independent stream, for one component; drawing from it doesn't move this one further.
  Random fork() { return Random(next()); }

 private:
  uint64_t state_[4];
};

}  // namespace aeon
