#include "oid.h"

#include <daos_errno.h>

#include <algorithm>
#include <bit>
#include <span>

namespace aeon::capi {
namespace {

struct ClassChoice {
  daos_obj_redun redundancy;
  uint32_t group_count;  // MAX_NUM_GROUPS: as many as fit.
};

struct CodeOfWidth {
  uint32_t data_count;
  daos_obj_redun id;
};

// By parity shards, the widest first.
constexpr CodeOfWidth kCodesOfOneParity[] = {{16, OR_RS_16P1}, {8, OR_RS_8P1}, {4, OR_RS_4P1}, {2, OR_RS_2P1}};
constexpr CodeOfWidth kCodesOfTwoParities[] = {{16, OR_RS_16P2}, {8, OR_RS_8P2}, {4, OR_RS_4P2}, {2, OR_RS_2P2}};
constexpr CodeOfWidth kCodesOfThreeParities[] = {{16, OR_RS_16P3}, {8, OR_RS_8P3}, {4, OR_RS_4P3}};

std::span<const CodeOfWidth> codes_of(uint32_t parity_count) {
  switch (parity_count) {
    case 1: return kCodesOfOneParity;
    case 2: return kCodesOfTwoParities;
    case 3: return kCodesOfThreeParities;
    default: return {};
  }
}

// The widest code that leaves as many domains to rebuild into as it stands failures. The narrowest may
// fill all domains, since there would be no code otherwise.
std::optional<daos_obj_redun> choose_code(uint32_t parity_count, uint32_t domain_count) {
  for (const CodeOfWidth& code : codes_of(parity_count)) {
    const uint32_t spare_count = code.data_count == 2 ? 0 : parity_count;
    if (domain_count >= code.data_count + parity_count + spare_count) return code.id;
  }
  return std::nullopt;
}

daos_obj_redun replicas_against(uint32_t failure_count) {
  constexpr daos_obj_redun kReplicas[] = {OR_RP_1, OR_RP_2, OR_RP_3, OR_RP_4, OR_RP_5};
  return kReplicas[std::min<uint32_t>(failure_count, 4)];
}

// A hint may ask for redundancy where the container does not, but never for less than it does.
std::optional<daos_obj_redun> choose_redundancy(daos_otype_t type, uint32_t hint, const PlacementLimits& limits) {
  const uint32_t failures = limits.redundancy_factor;
  if (failures > DAOS_PROP_CO_REDUN_RF4) return std::nullopt;
  if (failures == 0) {
    if (hint == DAOS_OCH_RDD_EC) return choose_code(1, limits.domain_count);
    return hint == DAOS_OCH_RDD_RP && limits.domain_count >= 2 ? OR_RP_2 : OR_RP_1;
  }
  const bool by_default = hint == 0 || hint == DAOS_OCH_RDD_DEF;
  if (hint == DAOS_OCH_RDD_EC || (by_default && daos_is_array_type(type))) {
    const auto code = choose_code(failures, limits.domain_count);
    if (code) return code;
  }
  return replicas_against(failures);
}

std::optional<uint32_t> choose_group_count(daos_otype_t type, uint32_t hint, uint32_t target_count) {
  const uint64_t targets = target_count;
  switch (hint) {
    case 0:
    case DAOS_OCH_SHD_DEF: return daos_is_array_type(type) || daos_is_kv_type(type) ? MAX_NUM_GROUPS : 1;
    case DAOS_OCH_SHD_TINY: return 1;
    case DAOS_OCH_SHD_REG: return std::max<uint64_t>(128, targets * 25 / 100);
    case DAOS_OCH_SHD_HI: return std::max<uint64_t>(256, targets * 50 / 100);
    case DAOS_OCH_SHD_EXT: return std::max<uint64_t>(1024, targets * 70 / 100);
    case DAOS_OCH_SHD_MAX: return MAX_NUM_GROUPS;
    default: return std::nullopt;
  }
}

std::optional<ClassChoice> choose_class(daos_otype_t type, daos_oclass_hints_t hints, const PlacementLimits& limits) {
  const uint32_t redundancy_hint = hints & DAOS_OCH_RDD_MASK;
  const uint32_t sharding_hint = hints & DAOS_OCH_SHD_MASK;
  if ((redundancy_hint | sharding_hint) != hints || std::popcount(redundancy_hint) > 1) return std::nullopt;
  const auto redundancy = choose_redundancy(type, redundancy_hint, limits);
  const auto group_count = choose_group_count(type, sharding_hint, limits.target_count);
  if (!redundancy || !group_count) return std::nullopt;
  return ClassChoice{*redundancy, *group_count};
}

// One group with a replica in every domain, if there are that many replicas.
std::optional<ClassChoice> full_replication(uint32_t domain_count) {
  for (uint32_t id = OR_RP_1; id <= OR_RP_128; ++id) {
    const Redundancy* redundancy = find_redundancy(static_cast<daos_obj_redun>(id));
    if (redundancy != nullptr && redundancy->group_size == domain_count) return ClassChoice{redundancy->id, 1};
  }
  return std::nullopt;
}

std::optional<ClassChoice> split_class(daos_oclass_id_t class_id, const PlacementLimits& limits) {
  if (class_id == OC_RP_XSF) return full_replication(limits.domain_count);
  const auto redundancy = static_cast<daos_obj_redun>(class_id >> OC_REDUN_SHIFT);
  const uint32_t group_count = class_id & ((1u << OC_REDUN_SHIFT) - 1);
  if (find_redundancy(redundancy) == nullptr || group_count == 0 || group_count > MAX_NUM_GROUPS) return std::nullopt;
  return ClassChoice{redundancy, group_count};
}

}  // namespace

int encode_oid(daos_obj_id_t* oid, daos_otype_t type, daos_oclass_id_t class_id, daos_oclass_hints_t hints,
               const PlacementLimits& limits) {
  if (oid == nullptr || !daos_otype_t_is_valid(type)) return -DER_INVAL;
  const auto choice = class_id == OC_UNKNOWN ? choose_class(type, hints, limits) : split_class(class_id, limits);
  if (!choice) return -DER_INVAL;

  // Redundancy is a promise, so too few domains are an error. Width is only about speed: a class made
  // for a larger pool is as wide as this one allows.
  const uint32_t group_size = find_redundancy(choice->redundancy)->group_size;
  if (group_size > limits.domain_count || group_size > limits.target_count) return -DER_INVAL;
  const uint32_t most_groups = std::min<uint32_t>(limits.target_count / group_size, MAX_NUM_GROUPS - 1);
  const uint64_t group_count = std::min(choice->group_count, most_groups);

  oid->hi &= (1ULL << OID_FMT_INTR_BITS) - 1;
  oid->hi |= static_cast<uint64_t>(type) << OID_FMT_TYPE_SHIFT;
  oid->hi |= static_cast<uint64_t>(choice->redundancy) << OID_FMT_CLASS_SHIFT;
  oid->hi |= group_count << OID_FMT_META_SHIFT;
  return 0;
}

}  // namespace aeon::capi
