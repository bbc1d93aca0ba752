// Container properties by the names that DAOS users write: "cksum:crc32,srv_cksum:on".
#pragma once

#include <string>
#include <string_view>

#include "client/client.h"

namespace aeon::cli {

struct PropertyName {
  std::string_view name;
  uint32_t id;
};

std::span<const PropertyName> property_names();
std::string property_name(uint32_t id);  // Its number in hexadecimal if it has no name here.
std::string property_value_text(uint32_t id, const client::PropertyValue& value);

// A list "name:value,name:value". kInvalidArgument names what is wrong and what there is.
Result<client::Properties> parse_properties(std::string_view text);
// A list "name,name".
Result<std::vector<uint32_t>> parse_property_names(std::string_view text);
// POSIX, unknown, ….
Result<uint64_t> parse_layout_type(std::string_view text);

}  // namespace aeon::cli
