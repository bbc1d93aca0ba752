// A container as the service keeps it in memory.
#pragma once

#include <map>

#include "container/container_service.h"
#include "container/properties.h"
#include "container_record.h"
#include "pool/names.h"

namespace aeon::container {

struct ContainerService::Container {
  Container(World& world, vos::Store& store, Uuid container)
      : id(container), attributes(world.executor, store, attribute_prefix(container)), turn(world.executor) {}

  const Uuid id;
  wire::Properties properties = default_properties();
  uint64_t created_unix_ns = 0;
  uint64_t opened_unix_ns = 0;
  uint64_t modified_unix_ns = 0;
  pool::AttributeSet attributes;
  std::map<Epoch, std::string> snapshots;
  uint64_t next_number = 1;
  uint64_t reserved_below = 1;
  uint32_t handle_count = 0;
  bool is_held = false;       // By an exclusive handle.
  bool is_destroyed = false;
  bool is_record_old = false; // Times changed since it was written.
  Mutex turn;                 // Held by what changes its records.

  std::string label() const { return text_of(properties, kPropLabel); }
  // For messages.
  std::string name() const { return label().empty() ? id.to_string() : label(); }

  ContainerRecord record() const {
    ContainerRecord record;
    const wire::Properties defaults = default_properties();
    for (const auto& [id_of, value] : properties) {
      const auto found = defaults.find(id_of);
      if (found == defaults.end() || found->second != value) record.properties[id_of] = value;
    }
    record.created_unix_ns = created_unix_ns;
    record.opened_unix_ns = opened_unix_ns;
    record.modified_unix_ns = modified_unix_ns;
    return record;
  }
  vos::Store::MetadataChange record_change() const {
    vos::Store::MetadataChange change;
    change.name = record_name(id);
    change.value = pool::encode_record(record());
    return change;
  }
};

struct ContainerService::Handle {
  ContainerRef container;
  wire::Access access = wire::Access::kReadOnly;
  uint64_t pool_handle = 0;
};

}  // namespace aeon::container
