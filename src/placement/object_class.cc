#include "placement/object_class.h"

#include <array>
#include <charconv>

namespace aeon::placement {
namespace {

struct Redundancy {
  uint32_t number;
  uint32_t data_shards;
  uint32_t parity_shards;
  bool is_erasure_coded;
  std::string_view prefix;  // Of class names; the group count follows.
  bool all_widths;          // DAOS names every width of it, or only one group.
};

constexpr std::array kRedundancies{
    Redundancy{1, 1, 0, false, "S", true},         Redundancy{8, 1, 1, false, "RP_2G", true},
    Redundancy{9, 1, 2, false, "RP_3G", true},     Redundancy{10, 1, 3, false, "RP_4G", true},
    Redundancy{11, 1, 4, false, "RP_5G", true},    Redundancy{12, 1, 5, false, "RP_6G", true},
    Redundancy{13, 1, 7, false, "RP_8G", false},   Redundancy{14, 1, 11, false, "RP_12G", false},
    Redundancy{15, 1, 15, false, "RP_16G", false}, Redundancy{16, 1, 23, false, "RP_24G", false},
    Redundancy{17, 1, 31, false, "RP_32G", false}, Redundancy{18, 1, 47, false, "RP_48G", false},
    Redundancy{19, 1, 63, false, "RP_64G", false}, Redundancy{20, 1, 127, false, "RP_128G", false},
    Redundancy{32, 2, 1, true, "EC_2P1G", true},   Redundancy{33, 2, 2, true, "EC_2P2G", true},
    Redundancy{34, 4, 1, true, "EC_4P1G", true},   Redundancy{35, 4, 2, true, "EC_4P2G", true},
    Redundancy{36, 8, 1, true, "EC_8P1G", true},   Redundancy{37, 8, 2, true, "EC_8P2G", true},
    Redundancy{38, 16, 1, true, "EC_16P1G", true}, Redundancy{39, 16, 2, true, "EC_16P2G", true},
    Redundancy{40, 4, 3, true, "EC_4P3G", true},   Redundancy{41, 8, 3, true, "EC_8P3G", true},
    Redundancy{42, 16, 3, true, "EC_16P3G", true},
};
constexpr std::array<uint32_t, 9> kWidths{1, 2, 4, 6, 8, 12, 16, 32, kGroupsAll};

const Redundancy* find_redundancy(uint32_t number) {
  for (const Redundancy& redundancy : kRedundancies) {
    if (redundancy.number == number) return &redundancy;
  }
  return nullptr;
}

std::optional<uint32_t> parse_group_count(std::string_view text) {
  if (text == "X") return kGroupsAll;
  if (text.empty() || text.front() == '0') return std::nullopt;
  uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count >= kGroupsAll) return std::nullopt;
  return count;
}

}  // namespace

std::optional<ObjectClass> find_class(ClassId id) {
  const Redundancy* const redundancy = find_redundancy(id >> 24);
  const uint32_t group_count = id & 0xffffff;
  if (redundancy == nullptr || group_count == 0 || group_count > kGroupsAll) return std::nullopt;
  return ObjectClass{.redundancy = redundancy->number,
                     .group_count = group_count,
                     .data_shards = redundancy->data_shards,
                     .parity_shards = redundancy->parity_shards,
                     .is_erasure_coded = redundancy->is_erasure_coded};
}

std::optional<ClassId> class_by_name(std::string_view name) {
  for (const Redundancy& redundancy : kRedundancies) {
    if (!name.starts_with(redundancy.prefix)) continue;
    const std::optional<uint32_t> group_count = parse_group_count(name.substr(redundancy.prefix.size()));
    if (group_count.has_value()) return make_class(redundancy.number, *group_count);
  }
  return std::nullopt;
}

std::string class_name(ClassId id) {
  const std::optional<ObjectClass> known = find_class(id);
  if (!known.has_value()) return {};
  std::string name(find_redundancy(known->redundancy)->prefix);
  name += known->group_count == kGroupsAll ? "X" : std::to_string(known->group_count);
  return name;
}

std::vector<std::string> class_names() {
  std::vector<std::string> names;
  for (const Redundancy& redundancy : kRedundancies) {
    for (const uint32_t width : kWidths) {
      if (redundancy.all_widths || width == 1) names.push_back(class_name(make_class(redundancy.number, width)));
    }
  }
  return names;
}

ClassId class_of(ObjectId object) {
  const auto redundancy = static_cast<uint32_t>(object.hi >> 48) & 0xff;
  const auto group_count = static_cast<uint32_t>(object.hi >> 32) & 0xffff;
  return make_class(redundancy, group_count);
}

ObjectId make_object_id(ObjectId user, uint8_t type, ClassId id) {
  const uint64_t system = uint64_t{type} << 56 | uint64_t{id >> 24} << 48 | uint64_t{id & 0xffff} << 32;
  return {.hi = (user.hi & 0xffffffff) | system, .lo = user.lo};
}

Status check_usable(ObjectId object, uint32_t target_count) {
  const ClassId id = class_of(object);
  if (id == kClassUnknown || id >> 24 == 1) return ok();  // S*: groups beyond the targets share them.
  const std::optional<ObjectClass> known = find_class(id);
  const std::string what = "object " + object.to_string();
  if (!known.has_value()) {
    return Status(Code::kInvalidArgument,
                  what + " has class " + std::to_string(id) + ", which isn't one; use S1 or SX for instance");
  }
  if (known->group_size() > target_count) {
    return Status(Code::kInvalidArgument, what + " has class " + class_name(id) + ", whose groups need " +
                                              std::to_string(known->group_size()) + " targets, and the system has " +
                                              std::to_string(target_count) +
                                              "; use a class without redundancy (S1, SX)");
  }
  return Status(Code::kInvalidArgument, what + " has class " + class_name(id) +
                                            ", and this system keeps no redundancy; use a class without it (S1, SX)");
}

}  // namespace aeon::placement
