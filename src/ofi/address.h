// An "ofi+…" address, and which provider of libfabric serves it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace aeon::ofi {

struct Provider {
  std::string_view scheme;     // "ofi+tcp".
  std::string_view libfabric;  // "tcp;ofi_rxm".
  bool has_hosts;              // HOST:PORT; else a name on this host.
  size_t message_max;          // What it takes at once into memory of its own, or of the peer's.
  bool withdraws_memory;       // No peer reads memory any more once its registration has ended.
};

struct Address {
  const Provider* provider = nullptr;
  std::string host;  // Or the name. Without the brackets of an IPv6 address.
  std::string port;

  std::string text() const;
};

// "ofi+tcp:HOST:PORT", "ofi+verbs:…", "ofi+efa:…", "ofi+psm2:…" or "ofi+shm:NAME"; libfabric's own names of layered
// providers and "//" before the host, as DAOS writes them ("ofi+tcp;ofi_rxm://HOST:PORT"), mean the same.
// kInvalidArgument says what is wrong. Hosts aren't looked up.
Result<Address> parse_address(const std::string& text);

}  // namespace aeon::ofi
