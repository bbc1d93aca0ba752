#include "property_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "cli/output.h"

namespace aeon::cli {
namespace {

constexpr PropertyName kNames[] = {
    {"label", client::kPropLabel},
    {"layout_type", client::kPropLayoutType},
    {"layout_version", client::kPropLayoutVersion},
    {"cksum", client::kPropChecksum},
    {"cksum_size", client::kPropChecksumSize},
    {"srv_cksum", client::kPropChecksumServerVerify},
    {"rd_fac", client::kPropRedundancyFactor},
    {"rd_lvl", 0x1008},
    {"snapshot_max", 0x1009},
    {"compression", 0x100b},
    {"encryption", 0x100c},
    {"owner", 0x100d},
    {"group", 0x100e},
    {"dedup", 0x100f},
    {"dedup_threshold", 0x1010},
    {"status", 0x1012},
    {"alloc_oid", 0x1013},
    {"ec_cell_sz", 0x1014},
    {"ec_pda", 0x1015},
    {"rp_pda", 0x1016},
    {"scrubber_disabled", 0x1018},
    {"perf_domain", 0x101a},
    {"durability", client::kPropDurability},
    {"epochs", client::kPropEpochs},
};

struct NamedNumber {
  std::string_view name;
  uint64_t number;
};
constexpr NamedNumber kLayouts[] = {{"unknown", 0},  {"POSIX", 1}, {"HDF5", 2},    {"PYTHON", 3}, {"SPARK", 4},
                                    {"DATABASE", 5}, {"ROOT", 6},  {"SEISMIC", 7}, {"METEO", 8}};
constexpr NamedNumber kChecksums[] = {{"off", 0},  {"crc16", 1},  {"crc32", 2},  {"crc64", 3},
                                      {"sha1", 4}, {"sha256", 5}, {"sha512", 6}, {"adler32", 7}};
constexpr NamedNumber kSwitch[] = {{"off", 0}, {"on", 1}};
constexpr NamedNumber kDurabilities[] = {{"sync", 0}, {"flush", 1}};
constexpr NamedNumber kEpochModes[] = {{"clock", 0}, {"explicit", 1}};

bool is_text(uint32_t id) { return id == client::kPropLabel || id == 0x100d || id == 0x100e; }

std::span<const NamedNumber> values_of(uint32_t id) {
  switch (id) {
    case client::kPropLayoutType: return kLayouts;
    case client::kPropChecksum: return kChecksums;
    case client::kPropChecksumServerVerify:
    case 0x1018: return kSwitch;
    case client::kPropDurability: return kDurabilities;
    case client::kPropEpochs: return kEpochModes;
    default: return {};
  }
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string names_of(std::span<const NamedNumber> values) {
  std::string text;
  for (const NamedNumber& value : values) text += fmt::format("{}{}", text.empty() ? "" : ", ", value.name);
  return text;
}

Result<uint64_t> parse_named(std::span<const NamedNumber> values, std::string_view what, std::string_view text) {
  for (const NamedNumber& value : values) {
    if (equal_ignoring_case(value.name, text)) return value.number;
  }
  return Status(Code::kInvalidArgument,
                fmt::format("{} can't be '{}'; it is one of: {}", what, printable(text), names_of(values)));
}

Result<const PropertyName*> find_property(std::string_view name) {
  std::string known;
  for (const PropertyName& property : kNames) {
    if (property.name == name) return &property;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", property.name);
  }
  return Status(Code::kInvalidArgument, fmt::format("no property '{}'; there are: {}", printable(name), known));
}

// Calls `take` for each part of a list with commas.
template <typename Take>
Status for_each_part(std::string_view list, Take take) {
  while (true) {
    const size_t comma = list.find(',');
    TRY(take(list.substr(0, comma)));
    if (comma == std::string_view::npos) return ok();
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::span<const PropertyName> property_names() { return kNames; }

std::string property_name(uint32_t id) {
  for (const PropertyName& property : kNames) {
    if (property.id == id) return std::string(property.name);
  }
  return fmt::format("0x{:x}", id);
}

std::string property_value_text(uint32_t id, const client::PropertyValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const uint64_t number = std::get<uint64_t>(value);
  for (const NamedNumber& named : values_of(id)) {
    if (named.number == number) return std::string(named.name);
  }
  return std::to_string(number);
}

Result<client::Properties> parse_properties(std::string_view text) {
  client::Properties properties;
  const Status status = for_each_part(text, [&](std::string_view part) -> Status {
    const size_t colon = part.find_first_of(":=");
    if (colon == std::string_view::npos) {
      return Status(Code::kInvalidArgument, fmt::format("'{}' is not a property; write NAME:VALUE", printable(part)));
    }
    const std::string_view value = part.substr(colon + 1);
    TRY_ASSIGN(const PropertyName* property, find_property(part.substr(0, colon)));
    if (is_text(property->id)) {
      properties[property->id] = std::string(value);
    } else if (const auto values = values_of(property->id); !values.empty()) {
      TRY_ASSIGN(properties[property->id], parse_named(values, property->name, value));
    } else {
      TRY_ASSIGN(properties[property->id], parse_size(value, property->name));
    }
    return ok();
  });
  TRY(status);
  return properties;
}

Result<std::vector<uint32_t>> parse_property_names(std::string_view text) {
  std::vector<uint32_t> ids;
  const Status status = for_each_part(text, [&](std::string_view part) -> Status {
    TRY_ASSIGN(const PropertyName* property, find_property(part));
    ids.push_back(property->id);
    return ok();
  });
  TRY(status);
  return ids;
}

Result<uint64_t> parse_layout_type(std::string_view text) { return parse_named(kLayouts, "--type", text); }

}  // namespace aeon::cli
