#pragma once

#include <daos_obj.h>

#include <cstdint>
#include <optional>

namespace aeon::capi {

// One kind of redundancy: the upper part of an object class.
struct Redundancy {
  daos_obj_redun id;
  const char* prefix;  // Of class names; the number of groups follows.
  uint32_t group_size;
};

const Redundancy* find_redundancy(daos_obj_redun id);

// What a pool and the container in it say about where objects may go.
struct PlacementLimits {
  uint32_t domain_count = 1;  // Fault domains: a group has at most one shard in each.
  uint32_t target_count = 1;
  uint32_t redundancy_factor = 0;  // Failures that the container is to stand.
};

// The work of daos_obj_generate_oid(): sets the reserved half of oid->hi, or leaves `oid` alone and
// returns -DER_INVAL. The class in the id has a definite number of groups, never X, so that the object
// stays where it is when the pool grows.
int encode_oid(daos_obj_id_t* oid, daos_otype_t type, daos_oclass_id_t class_id, daos_oclass_hints_t hints,
               const PlacementLimits& limits);

}  // namespace aeon::capi
