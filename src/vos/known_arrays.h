// What is known of arrays that were read lately, so that a read goes straight to the extents that it is after: the
// newest punches of the dkey and the akey, and how large their extents are.
//
// Facts about the index, valid for reads at every epoch at or behind those punches: the punches are the newest there
// are, and no extent is of another level than `levels` has (it may have too many). They end when anything is erased and
// when a dkey or akey is punched (`generation` changes then); extents that are put are added. In fixed memory.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>

#include "base/mutation.h"
#include "key_codec.h"

namespace aeon::vos {

// Levels of extents (key_codec.h).
class LevelSet {
 public:
  static constexpr unsigned kNone = kExtentLevelMax + 1;
  void add(unsigned level) {
    if (level < 64) {
      small_ |= uint64_t{1} << level;
    } else {
      has_largest_ = true;
    }
  }
  // The first from `level` on.
  unsigned next(unsigned level) const {
    const uint64_t left = level < 64 ? small_ >> level << level : 0;
    if (left != 0) return static_cast<unsigned>(std::countr_zero(left));
    return has_largest_ && level <= kExtentLevelMax ? kExtentLevelMax : kNone;
  }

 private:
  static_assert(kExtentLevelMax == 64);
  uint64_t small_ = 0;
  bool has_largest_ = false;
};

class KnownArrays {
 public:
  struct Known {
    Version dkey_punch;
    Version akey_punch;
    LevelSet levels;
  };

  // Null if nothing is known of it. Holds until the next call.
  const Known* find(ByteView akey, uint64_t generation) const {
    const Entry* entry = entry_of(akey);
    return entry != nullptr && entry->generation == generation ? &entry->known : nullptr;
  }
  void note(ByteView akey, const Known& known, uint64_t generation);
  // An extent was put.
  void add_level(ByteView akey, unsigned level) {
    Entry* const entry = entry_of(akey);
    if (MUTATION("known_levels_miss_a_new_one", entry != nullptr, false)) entry->known.levels.add(level);
  }

 private:
  static constexpr size_t kEntryCount = 4096;
  static constexpr size_t kPrefixSizeMax = 64;  // Of longer ones nothing is kept.
  struct Entry {
    uint64_t generation = 0;
    Known known;
    size_t prefix_size = 0;
    std::array<std::byte, kPrefixSizeMax> prefix;
  };
  using Entries = std::array<Entry, kEntryCount>;

  static size_t place_of(ByteView akey);
  Entry* entry_of(ByteView akey) const;

  std::unique_ptr<Entries> entries_;  // Once an array is read.
};

}  // namespace aeon::vos
