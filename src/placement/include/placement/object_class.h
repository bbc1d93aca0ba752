// Object classes: how an object is spread over targets and protected there. Pure functions.
//
// A class id is redundancy << 24 | groups, with the numbers and names of DAOS's public header: S1, S2, … SX (spread,
// unprotected), RP_2G1 … (replicas), EC_4P2GX … (data and parity cells). An object's id carries its class.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace aeon::placement {

using ClassId = uint32_t;

inline constexpr ClassId kClassUnknown = 0;      // Nothing chosen: as S1.
inline constexpr uint32_t kGroupsAll = 0xffff;   // The X of SX: as many groups as there are targets.

struct ObjectClass {
  uint32_t redundancy = 1;   // DAOS's number of the kind; see object_class.cc.
  uint32_t group_count = 1;
  uint32_t data_shards = 1;  // Of each group.
  uint32_t parity_shards = 0;  // Replicas beyond the first, or parity cells.
  bool is_erasure_coded = false;

  uint32_t group_size() const { return data_shards + parity_shards; }
  friend bool operator==(const ObjectClass&, const ObjectClass&) = default;
};

constexpr ClassId make_class(uint32_t redundancy, uint32_t group_count) { return redundancy << 24 | group_count; }
inline constexpr ClassId kS1 = make_class(1, 1);
inline constexpr ClassId kSX = make_class(1, kGroupsAll);

// Nothing for ids that aren't classes.
std::optional<ObjectClass> find_class(ClassId id);
// By name, upper case; nothing for names that aren't classes. Any group count is one: "S3", "RP_2G10".
std::optional<ClassId> class_by_name(std::string_view name);
// Empty for ids that aren't classes.
std::string class_name(ClassId id);
// The names that DAOS lists, in its order.
std::vector<std::string> class_names();

// The class in an object's id, and an id with a class and type put in; only the user's 96 bits of `user` are kept.
ClassId class_of(ObjectId object);
ObjectId make_object_id(ObjectId user, uint8_t type, ClassId id);

// kInvalidArgument says why the object's class can't be used for I/O in a system of `target_count` targets: those with
// redundancy have layouts, and nothing that keeps them yet.
Status check_usable(ObjectId object, uint32_t target_count);

}  // namespace aeon::placement
