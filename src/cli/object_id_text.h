// Object ids as people give them: "hi.lo", or a plain number for the key-value object of that number.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"

namespace aeon::cli {

Result<ObjectId> parse_object(std::string_view text);
// "KV_HASHED", "ARRAY_BYTE" and so on; its number if it has no name here.
std::string object_type_name(ObjectId object);
// "S1", "RP_2G1", "EC_4P1GX"; hexadecimal if it has no name.
std::string object_class_name(ObjectId object);

}  // namespace aeon::cli
