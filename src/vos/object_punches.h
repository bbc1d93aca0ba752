// The newest punch of objects that were read lately, so that a read needn't look for it.
//
// Valid for reads at every epoch: it is the newest there is, or that there is none. A read before it looks itself.
// Whatever puts a punch of an object forgets what is known of it, and erased records make all that was known before
// count for nothing (KeyBlockStore::erase_count).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "base/mutation.h"
#include "key_codec.h"

namespace aeon::vos {

class ObjectPunches {
 public:
  // Version{} if there is none, nothing if that isn't known. `container` is the number of the one that has the record.
  std::optional<Version> find(uint32_t container, ObjectId object, uint64_t erase_count) const {
    const Entry& entry = entries_[place_of(container, object)];
    if (entry.container != container || entry.object != object) return std::nullopt;
    if (MUTATION("object_punch_outlives_its_record", entry.erase_count != erase_count, false)) return std::nullopt;
    return entry.newest;
  }
  void note(uint32_t container, ObjectId object, Version newest, uint64_t erase_count) {
    entries_[place_of(container, object)] = {container, object, newest, erase_count};
  }
  void forget(uint32_t container, ObjectId object) {
    Entry& entry = entries_[place_of(container, object)];
    if (entry.container == container && entry.object == object) entry = {};
  }

 private:
  static constexpr size_t kEntryCount = 512;
  struct Entry {
    uint32_t container = kStoreNumber;  // Of no entry.
    ObjectId object;
    Version newest;
    uint64_t erase_count = 0;
  };
  static size_t place_of(uint32_t container, ObjectId object) {
    const uint64_t mixed = (object.lo ^ object.hi * 0x9e3779b97f4a7c15u ^ container) * 0xbf58476d1ce4e5b9u;
    return mixed >> 55;
  }
  static_assert(kEntryCount == size_t{1} << (64 - 55));

  std::array<Entry, kEntryCount> entries_;
};

}  // namespace aeon::vos
