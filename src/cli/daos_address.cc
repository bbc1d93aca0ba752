#include "daos_address.h"

#include <fmt/format.h>

#include "cli/output.h"

namespace aeon::cli {
namespace {
constexpr std::string_view kScheme = "daos:";
}

bool is_daos_address(std::string_view text) { return text.starts_with(kScheme); }

Result<DaosAddress> parse_daos_address(std::string_view text) {
  const Status wrong(Code::kInvalidArgument, fmt::format("'{}' is not a path in a container; write "
                                                         "daos://POOL/CONTAINER/PATH",
                                                         printable(text)));
  if (!is_daos_address(text)) return wrong;
  std::string_view rest = text.substr(kScheme.size());
  if (!rest.starts_with("//")) return wrong;
  rest.remove_prefix(2);
  const size_t pool_end = rest.find('/');
  if (pool_end == 0 || pool_end == std::string_view::npos) return wrong;
  DaosAddress address;
  address.pool = rest.substr(0, pool_end);
  rest.remove_prefix(pool_end + 1);
  const size_t container_end = std::min(rest.find('/'), rest.size());
  address.container = rest.substr(0, container_end);
  if (address.container.empty()) return wrong;
  rest.remove_prefix(container_end);
  address.path = rest.empty() ? "/" : std::string(rest);
  return address;
}

}  // namespace aeon::cli
