// What the metadata keeps of containers, and by which names:
//
//   container/<uuid>                    ContainerRecord
//   container/<uuid>/attribute/<n>      name and value (pool/attributes.h)
//   container/<uuid>/numbers            NumbersRecord
//   container/<uuid>/snapshot/<epoch>   SnapshotRecord; the epoch in decimal
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pool/record.h"
#include "wire/messages.h"

namespace aeon::container {

inline constexpr std::string_view kContainerPrefix = "container/";

struct ContainerRecord {
  wire::Properties properties;  // Those that differ from the defaults.
  uint64_t created_unix_ns = 0;
  uint64_t opened_unix_ns = 0;
  uint64_t modified_unix_ns = 0;
  static void io(auto& archive, auto& self) {
    archive(self.properties, self.created_unix_ns, self.opened_unix_ns, self.modified_unix_ns);
  }
};

struct NumbersRecord {
  uint64_t reserved_below = 0;  // None at or above was ever given out.
  static void io(auto& archive, auto& self) { archive(self.reserved_below); }
};

struct SnapshotRecord {
  std::string name;
  static void io(auto& archive, auto& self) { archive(self.name); }
};

inline std::string record_name(Uuid container) { return std::string(kContainerPrefix) + container.to_string(); }
inline std::string attribute_prefix(Uuid container) { return record_name(container) + "/attribute/"; }
inline std::string numbers_name(Uuid container) { return record_name(container) + "/numbers"; }
inline std::string snapshot_prefix(Uuid container) { return record_name(container) + "/snapshot/"; }
inline std::string snapshot_name(Uuid container, Epoch epoch) {
  return snapshot_prefix(container) + std::to_string(epoch.value);
}

}  // namespace aeon::container
