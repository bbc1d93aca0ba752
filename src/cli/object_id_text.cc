#include "object_id_text.h"

#include <fmt/format.h>

#include "cli/output.h"

namespace aeon::cli {
namespace {

// As the DAOS 2.x public headers number them.
constexpr std::string_view kTypes[] = {"MULTI_HASHED", "OIT",          "DKEY_UINT64",   "AKEY_UINT64", "MULTI_UINT64",
                                       "DKEY_LEXICAL", "AKEY_LEXICAL", "MULTI_LEXICAL", "KV_HASHED",   "KV_UINT64",
                                       "KV_LEXICAL",   "ARRAY",        "ARRAY_ATTR",    "ARRAY_BYTE",  "OIT_V2"};
constexpr uint64_t kTypeKvHashed = 8;
constexpr uint64_t kRedundancyNone = 1;
constexpr uint32_t kGroupCountAll = 0xffff;

struct NamedRedundancy {
  uint32_t number;
  std::string_view prefix;
};
constexpr NamedRedundancy kRedundancies[] = {
    {1, "S"},         {8, "RP_2G"},     {9, "RP_3G"},    {10, "RP_4G"},   {11, "RP_5G"},
    {12, "RP_6G"},    {13, "RP_8G"},    {14, "RP_12G"},  {15, "RP_16G"},  {16, "RP_24G"},
    {17, "RP_32G"},   {18, "RP_48G"},   {19, "RP_64G"},  {20, "RP_128G"}, {32, "EC_2P1G"},
    {33, "EC_2P2G"},  {34, "EC_4P1G"},  {35, "EC_4P2G"}, {36, "EC_8P1G"}, {37, "EC_8P2G"},
    {38, "EC_16P1G"}, {39, "EC_16P2G"}, {40, "EC_4P3G"}, {41, "EC_8P3G"}, {42, "EC_16P3G"},
};

}  // namespace

Result<ObjectId> parse_object(std::string_view text) {
  if (text.find('.') == std::string_view::npos) {
    const auto number = parse_number(text, "object");
    if (number.is_ok()) return ObjectId{kTypeKvHashed << 56 | kRedundancyNone << 48 | uint64_t{1} << 32, *number};
  } else if (const auto object = ObjectId::parse(text)) {
    return *object;
  }
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is not an object id; write HI.LO as 'daos container list-objects' prints it, or a "
                            "number for the key-value object of that number",
                            printable(text)));
}

std::string object_type_name(ObjectId object) {
  return object.type() < std::size(kTypes) ? std::string(kTypes[object.type()]) : std::to_string(object.type());
}

std::string object_class_name(ObjectId object) {
  const uint32_t redundancy = object.object_class() >> 16;
  const uint32_t group_count = object.object_class() & 0xffff;
  for (const NamedRedundancy& named : kRedundancies) {
    if (named.number != redundancy) continue;
    return group_count == kGroupCountAll ? fmt::format("{}X", named.prefix)
                                         : fmt::format("{}{}", named.prefix, group_count);
  }
  return fmt::format("0x{:x}", object.object_class());
}

}  // namespace aeon::cli
