// The hashes that layouts follow from. All are part of the stored format: see the golden layouts.
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace aeon::placement {

// The finaliser of splitmix64 (public domain): a permutation of 64-bit numbers in which each bit depends on all.
constexpr uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}
constexpr uint64_t mix(uint64_t first, uint64_t second) { return mix(mix(first) ^ second); }

constexpr uint64_t hash_of(ObjectId object) { return mix(object.hi, object.lo); }

// A number below `count` from all bits of a hash.
constexpr uint32_t reduce(uint64_t hash, uint32_t count) {
  return static_cast<uint32_t>((static_cast<unsigned __int128>(hash) * count) >> 64);
}

// Jump consistent hash (Lamping and Veach, 2014): a bucket below `count`; with one bucket more only what goes to the
// new one moves. The arithmetic is IEEE's, the same everywhere: no sum for a compiler to contract.
inline uint32_t jump(uint64_t key, uint32_t count) {
  int64_t bucket = 0;
  for (int64_t next = 0; next < count;) {
    bucket = next;
    key = key * 2862933555777941757 + 1;
    const double scale = static_cast<double>(int64_t{1} << 31) / static_cast<double>((key >> 33) + 1);
    next = static_cast<int64_t>(static_cast<double>(bucket + 1) * scale);
  }
  return static_cast<uint32_t>(bucket);
}

}  // namespace aeon::placement
