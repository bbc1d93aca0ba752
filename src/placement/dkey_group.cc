#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/data_model.h"
#include "hashing.h"
#include "placement/layout.h"

namespace aeon::placement {

uint32_t group_of(ObjectId object, ByteView dkey, uint32_t group_count) {
  if (group_count <= 1) return 0;
  const uint64_t salt = hash_of(object);
  // With X the number of groups follows the pool, so what counts is how little moves when it does.
  const bool follows_pool = (class_of(object) & kGroupsAll) == kGroupsAll;
  if (dkey_order(object) == KeyOrder::kUint64 && dkey.size() == sizeof(uint64_t)) {
    const auto number = load_le<uint64_t>(dkey.data());
    if (follows_pool) return jump(mix(salt, number), group_count);
    // Each run of group_count numbers visits every group once; runs are turned against each other.
    const uint64_t turned_by = reduce(mix(salt, number / group_count), group_count);
    return static_cast<uint32_t>((number % group_count + turned_by) % group_count);
  }
  const uint64_t hash = XXH3_64bits_withSeed(dkey.data(), dkey.size(), salt);
  return follows_pool ? jump(hash, group_count) : reduce(hash, group_count);
}

}  // namespace aeon::placement
