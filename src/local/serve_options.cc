#include "serve_options.h"

#include <charconv>

#include "base/log.h"
#include "ofi/ofi_network.h"
#include "runtime/system.h"

namespace aeon::local {
namespace {

constexpr int64_t kDay_s = int64_t{24} * 3600;
constexpr int64_t kRenewBefore_s = 30 * kDay_s;

}  // namespace

Result<std::optional<tls::Identity>> check_serve_options(const ServeOptions& options) {
  for (const std::string& address : options.listen) {
    TRY(ofi::check_address(address));
    TRY(ofi::check_is_private(address, options.allow_insecure, "--allow-insecure"));
  }
  std::optional<tls::Identity> identity;
  if (options.certificates.empty()) return identity;
  const SystemClock clock;
  TRY_ASSIGN(identity, tls::Identity::load(options.certificates, tls::Role::kServer, clock));
  const int64_t left_s = identity->valid_until_unix_s() - static_cast<int64_t>(clock.wall_ns() / 1'000'000'000);
  if (left_s < kRenewBefore_s) {
    log::warn("certificate_expires_soon", {{"directory", options.certificates}, {"days_left", left_s / kDay_s}});
  }
  return identity;
}

std::string following_address(const std::string& address, uint32_t distance) {
  if (std::string named = ofi::address_of_target(address, distance); named != address) return named;
  const size_t colon = address.rfind(':');
  if (distance == 0 || colon == std::string::npos) return address;
  uint32_t port = 0;
  const char* const end = address.data() + address.size();
  const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end || port == 0) return address;
  return address.substr(0, colon + 1) + std::to_string(port + distance);
}

std::vector<wire::TargetAddresses> listen_of_targets(const std::vector<std::string>& first, size_t target_count) {
  std::vector<wire::TargetAddresses> all(target_count);
  for (uint32_t target = 0; target < target_count; ++target) {
    for (const std::string& address : first) all[target].addresses.push_back(following_address(address, target));
  }
  return all;
}

}  // namespace aeon::local
