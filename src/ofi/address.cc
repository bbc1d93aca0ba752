#include "address.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "message.h"
#include "ofi/ofi_network.h"
#include "runtime/sockets.h"
#include "tls/tls_network.h"

namespace aeon::ofi {
namespace {

constexpr std::string_view kOfi = "ofi+", kLayer = ";ofi_rxm";
constexpr size_t kNameMax = 64;

// The layer on top of the first two makes reliable datagrams of connections. Shared memory is read by system calls that
// ask no registration; so nothing of ours is given to its peers to read, neither what is offered nor long messages.
constexpr std::array<Provider, 5> kProviders = {{
    {.scheme = "ofi+tcp",
     .libfabric = "tcp;ofi_rxm",
     .has_hosts = true,
     .message_max = kMessageMax,
     .withdraws_memory = true},
    {.scheme = "ofi+verbs",
     .libfabric = "verbs;ofi_rxm",
     .has_hosts = true,
     .message_max = kMessageMax,
     .withdraws_memory = true},
    {.scheme = "ofi+efa", .libfabric = "efa", .has_hosts = true, .message_max = kMessageMax, .withdraws_memory = true},
    {.scheme = "ofi+psm2",
     .libfabric = "psm2",
     .has_hosts = true,
     .message_max = kMessageMax,
     .withdraws_memory = true},
    {.scheme = "ofi+shm", .libfabric = "shm", .has_hosts = false, .message_max = 4096, .withdraws_memory = false},
}};

Status not_an_address(const std::string& text, const std::string& why) {
  return Status(Code::kInvalidArgument, "'" + text + "' is no address: " + why);
}

const Provider* find_provider(std::string_view scheme) {
  for (const Provider& provider : kProviders) {
    const std::string_view behind = provider.libfabric.substr(provider.libfabric.find(';') == std::string_view::npos
                                                                  ? provider.libfabric.size()
                                                                  : provider.libfabric.find(';'));
    if (!scheme.starts_with(provider.scheme)) continue;
    const std::string_view rest = scheme.substr(provider.scheme.size());
    if (rest.empty() || (rest == kLayer && behind == kLayer)) return &provider;
  }
  return nullptr;
}

bool is_name_character(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || character == '.' || character == '-' || character == '_';
}

Result<Address> parse_name(const std::string& text, const Provider& provider, std::string_view name) {
  if (name.empty() || name.size() > kNameMax || name.front() == '.' ||
      !std::all_of(name.begin(), name.end(), is_name_character)) {
    return not_an_address(text, "write " + std::string(provider.scheme) + ":NAME, up to " + std::to_string(kNameMax) +
                                    " letters, digits, '-', '_' and '.'");
  }
  return Address{.provider = &provider, .host = std::string(name), .port = {}};
}

Result<Address> parse_host(const std::string& text, const Provider& provider, std::string_view rest) {
  const size_t colon = rest.rfind(':');
  uint32_t port = 0;
  const std::string_view digits = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (digits.empty() || error != std::errc() || stop != digits.data() + digits.size() || port > 65535 || host.empty()) {
    return not_an_address(text, "write " + std::string(provider.scheme) + ":HOST:PORT");
  }
  return Address{.provider = &provider, .host = std::string(host), .port = std::to_string(port)};
}

// The same place, as a socket's address.
std::string as_tcp(const Address& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return "tcp:" + (is_v6 ? "[" + address.host + "]" : address.host) + ":" + address.port;
}

}  // namespace

std::string Address::text() const {
  if (!provider->has_hosts) return std::string(provider->scheme) + ":" + host;
  return std::string(provider->scheme) + as_tcp(*this).substr(3);
}

Result<Address> parse_address(const std::string& text) {
  const size_t colon = text.find(':');
  const Provider* const provider =
      colon == std::string::npos ? nullptr : find_provider(std::string_view(text).substr(0, colon));
  if (provider == nullptr) {
    std::string known;
    for (const Provider& one : kProviders) known += (known.empty() ? "" : ", ") + std::string(one.scheme) + ":";
    return not_an_address(text, "libfabric's begin with " + known);
  }
  std::string_view rest = std::string_view(text).substr(colon + 1);
  if (rest.starts_with("//")) rest.remove_prefix(2);
  return provider->has_hosts ? parse_host(text, *provider, rest) : parse_name(text, *provider, rest);
}

bool is_ofi_address(const std::string& address) { return address.starts_with(kOfi); }

std::string canonical_address(const std::string& address) {
  if (!is_ofi_address(address)) return address;
  const Result<Address> parsed = parse_address(address);
  return parsed.is_ok() ? parsed->text() : address;
}

std::string address_of_target(const std::string& address, uint32_t target) {
  const Result<Address> parsed = is_ofi_address(address) ? parse_address(address) : Status(Code::kInvalidArgument);
  if (!parsed.is_ok() || parsed->provider->has_hosts || target == 0) return address;
  return parsed->text() + "-" + std::to_string(target);
}

Status check_address(const std::string& address) {
  if (!is_ofi_address(address)) return tls::check_address(address);
  TRY_ASSIGN(const Address parsed, parse_address(address));
  TRY(check_libfabric(address));
  if (!parsed.provider->has_hosts) return ok();
  const Status status = check_socket_address(as_tcp(parsed));
  return status.is_ok() ? status : status.within(address);
}

Status check_is_private(const std::string& address, bool allow_insecure, const std::string& way_out) {
  if (!is_ofi_address(address)) return tls::check_is_private(address, allow_insecure, way_out);
  TRY_ASSIGN(const Address parsed, parse_address(address));
  if (!parsed.provider->has_hosts) return ok();
  // What leaves the host is as open as TCP's, whatever carries it.
  const Status status = tls::check_is_private(as_tcp(parsed), allow_insecure, way_out);
  return status.is_ok() ? status : status.within(address);
}

}  // namespace aeon::ofi
