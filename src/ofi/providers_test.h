// Which providers tests can use, and where.
#pragma once

#include <unistd.h>

#include <string>

#include "address.h"
#include "fabric.h"

namespace aeon::ofi {

enum class ProviderKind { kTcp, kSharedMemory };

// A place to listen at.
inline std::string place_of(ProviderKind kind) {
  if (kind == ProviderKind::kTcp) return "ofi+tcp:127.0.0.1:0";
  return "ofi+shm:ofi_test-" + std::to_string(getpid());
}

// Why a provider can't be tested here; empty if it can.
inline std::string why_missing(ProviderKind kind) {
  const Result<Address> address = parse_address(place_of(kind));
  const Result<Info> info = find_info(*address, true);
  return info.is_ok() ? std::string() : info.status().to_string();
}

}  // namespace aeon::ofi
