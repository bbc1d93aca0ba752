// What write_path.cc and the files of transactions share.
#pragma once

#include "base/mutation.h"
#include "target_store.h"

namespace aeon::vos {

// Minors of writes at epochs that aren't new start here, above those of a call at a new epoch.
inline constexpr uint64_t kLateMinorBase = uint64_t{1} << 32;

// Calls visit(key, value), for punches with null, for the records that the changes make, with versions from `first` on;
// returns the version behind the last.
template <typename Visit>
Version TargetStore::visit_records(const std::vector<Change>& changes, Version first, Visit visit) {
  Version version = first;
  Bytes key;
  for (const Change& change : changes) {
    if (change.kind != Change::Kind::kUpdate) {
      key.assign(change.prefix.begin(), change.prefix.end());
      key.push_back(kPunchTag);
      append_version(key, version);
      visit(key, static_cast<const PreparedValue*>(nullptr));
      version.minor += MUTATION("punch_and_update_share_a_version", 1, 0);
      continue;
    }
    for (const PreparedValue& value : change.values) {
      key.assign(change.akey.begin(), change.akey.end());
      if (value.is_extent) {
        append_extent_start(key, extent_level(value.count), value.start);
        append_version(key, version);
        ++version.minor;  // Extents of one update may overlap too.
      } else {
        key.push_back(kSingleTag);
        append_version(key, version);
        append_part(key, value.part);
      }
      visit(key, &value);
    }
    ++version.minor;
  }
  return version;
}

}  // namespace aeon::vos
