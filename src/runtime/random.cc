#include "runtime/random.h"

#include <bit>

namespace aeon {
namespace {
__extension__ using Wide = unsigned __int128;
}

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {  // splitmix64
    seed += 0x9e3779b97f4a7c15u;
    uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    word = mixed ^ (mixed >> 31);
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Random::below(uint64_t bound) {
  DCHECK(bound > 0);
  // Multiply-shift; the bias is below bound / 2^64.
  return static_cast<uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
}

Uuid Random::uuid() {
  const uint64_t high = next();
  return Uuid::from_random(high, next());
}

}  // namespace aeon
