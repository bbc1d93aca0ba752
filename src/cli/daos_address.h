// Paths in containers: daos://POOL/CONTAINER/PATH.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace aeon::cli {

struct DaosAddress {
  std::string pool;
  std::string container;
  std::string path;  // "/" and what follows.
};

bool is_daos_address(std::string_view text);
// kInvalidArgument shows how one is written.
Result<DaosAddress> parse_daos_address(std::string_view text);

}  // namespace aeon::cli
