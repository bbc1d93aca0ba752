#include <daos_errno.h>
#include <daos_obj_class.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

#include "oid.h"

namespace aeon::capi {
namespace {

constexpr uint32_t kWidths[] = {1, 2, 4, 6, 8, 12, 16, 32, MAX_NUM_GROUPS};
constexpr const char* kFullName = "RP_XSF";

// `listed_widths` is how many of kWidths the header names classes for.
struct KnownRedundancy : Redundancy {
  uint32_t listed_widths;
};

constexpr KnownRedundancy kRedundancies[] = {
    {{OR_RP_1, "S", 1}, 9},           {{OR_RP_2, "RP_2G", 2}, 9},        {{OR_RP_3, "RP_3G", 3}, 9},
    {{OR_RP_4, "RP_4G", 4}, 9},       {{OR_RP_5, "RP_5G", 5}, 9},        {{OR_RP_6, "RP_6G", 6}, 9},
    {{OR_RP_8, "RP_8G", 8}, 0},       {{OR_RP_12, "RP_12G", 12}, 1},     {{OR_RP_16, "RP_16G", 16}, 1},
    {{OR_RP_24, "RP_24G", 24}, 1},    {{OR_RP_32, "RP_32G", 32}, 1},     {{OR_RP_48, "RP_48G", 48}, 1},
    {{OR_RP_64, "RP_64G", 64}, 1},    {{OR_RP_128, "RP_128G", 128}, 1},  {{OR_RS_2P1, "EC_2P1G", 3}, 9},
    {{OR_RS_2P2, "EC_2P2G", 4}, 9},   {{OR_RS_4P1, "EC_4P1G", 5}, 9},    {{OR_RS_4P2, "EC_4P2G", 6}, 9},
    {{OR_RS_4P3, "EC_4P3G", 7}, 9},   {{OR_RS_8P1, "EC_8P1G", 9}, 9},    {{OR_RS_8P2, "EC_8P2G", 10}, 9},
    {{OR_RS_8P3, "EC_8P3G", 11}, 9},  {{OR_RS_16P1, "EC_16P1G", 17}, 9}, {{OR_RS_16P2, "EC_16P2G", 18}, 9},
    {{OR_RS_16P3, "EC_16P3G", 19}, 9}};

// The number of groups that the end of a class name says, or 0 if it says nothing of the kind.
uint32_t parse_group_count(std::string_view text) {
  if (text == "X") return MAX_NUM_GROUPS;
  uint32_t count = 0;
  if (text.empty() || text.front() == '0') return 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), count);
  const bool whole = error == std::errc{} && end == text.end();
  return whole && count < MAX_NUM_GROUPS ? count : 0;
}

bool format_name(daos_oclass_id_t id, std::span<char> out) {
  const uint32_t group_count = id & ((1u << OC_REDUN_SHIFT) - 1);
  const Redundancy* redundancy = find_redundancy(static_cast<daos_obj_redun>(id >> OC_REDUN_SHIFT));
  if (id == OC_RP_XSF) {
    std::snprintf(out.data(), out.size(), "%s", kFullName);
    return true;
  }
  if (redundancy == nullptr || group_count == 0 || group_count > MAX_NUM_GROUPS) return false;
  if (group_count == MAX_NUM_GROUPS) {
    std::snprintf(out.data(), out.size(), "%sX", redundancy->prefix);
  } else {
    std::snprintf(out.data(), out.size(), "%s%u", redundancy->prefix, group_count);
  }
  return true;
}

// The names that this header's classes have, one after the other.
class NameList {
 public:
  NameList(char* out, size_t size) : out_(out), size_(size) {}

  void add(daos_oclass_id_t id) {
    char name[MAX_OBJ_CLASS_NAME_LEN];
    if (!format_name(id, name)) return;
    const int length = std::snprintf(nullptr, 0, "%s, ", name);
    if (length_ + static_cast<size_t>(length) < size_) std::snprintf(out_ + length_, size_ - length_, "%s, ", name);
    length_ += static_cast<size_t>(length);
    ++count_;
  }

  void add_all() {
    for (const KnownRedundancy& redundancy : kRedundancies) {
      for (uint32_t i = 0; i < redundancy.listed_widths; ++i) {
        add(static_cast<daos_oclass_id_t>(redundancy.id) << OC_REDUN_SHIFT | kWidths[i]);
      }
    }
    add(OC_RP_XSF);
  }

  size_t length() const { return length_; }
  int count() const { return count_; }

 private:
  char* out_;
  size_t size_;
  size_t length_ = 0;
  int count_ = 0;
};

}  // namespace

const Redundancy* find_redundancy(daos_obj_redun id) {
  const auto found = std::ranges::find(kRedundancies, id, &KnownRedundancy::id);
  return found == std::end(kRedundancies) ? nullptr : &*found;
}

}  // namespace aeon::capi

using namespace aeon::capi;

int daos_oclass_name2id(const char* name) {
  if (name == nullptr || strnlen(name, MAX_OBJ_CLASS_NAME_LEN) == MAX_OBJ_CLASS_NAME_LEN) return OC_UNKNOWN;
  const std::string_view text = name;
  if (text == kFullName) return OC_RP_XSF;
  for (const KnownRedundancy& redundancy : kRedundancies) {
    const std::string_view prefix = redundancy.prefix;
    if (!text.starts_with(prefix)) continue;
    const uint32_t group_count = parse_group_count(text.substr(prefix.size()));
    if (group_count != 0) return static_cast<int>(redundancy.id << OC_REDUN_SHIFT | group_count);
  }
  return OC_UNKNOWN;
}

int daos_oclass_id2name(daos_oclass_id_t oc_id, char* name) {
  if (name == nullptr) return -1;
  if (format_name(oc_id, std::span(name, MAX_OBJ_CLASS_NAME_LEN))) return 0;
  std::strcpy(name, "UNKNOWN");
  return -1;
}

ssize_t daos_oclass_names_list(size_t size, char* str) {
  if (size == 0 || str == nullptr) return -DER_INVAL;
  str[0] = '\0';
  NameList list(str, size);
  list.add_all();
  return list.length() < size ? static_cast<ssize_t>(list.length()) : -DER_OVERFLOW;
}

int daos_oclass_nr(int) {
  NameList list(nullptr, 0);
  list.add_all();
  return list.count();
}
