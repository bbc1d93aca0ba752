// Names and paths as bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace aeon::dfs {

// kInvalidArgument or kTooBig, naming it.
Status check_name(std::string_view name);

struct Path {
  bool is_absolute = false;
  bool wants_directory = false;           // It ended in '/', and isn't only that.
  std::vector<std::string> elements;      // Without empty ones and ".".
};
Result<Path> parse_path(std::string_view text);

// For messages: bytes that don't print as \xNN, and not too long.
std::string printable(std::string_view name);

}  // namespace aeon::dfs
