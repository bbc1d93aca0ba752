// What a server is told, checked and shared out to its targets and engines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "local/directory_server.h"
#include "tls/tls_network.h"
#include "wire/messages.h"

namespace aeon::local {

// Before the directory is held: what is wrong with addresses and certificates needs no look at it. With what was read.
Result<std::optional<tls::Identity>> check_serve_options(const ServeOptions& options);

// `address` with a port that follows its own by `distance`, unless that was left open.
std::string following_address(const std::string& address, uint32_t distance);
// Where each of so many targets listens: the first one's ports, and those that follow.
std::vector<wire::TargetAddresses> listen_of_targets(const std::vector<std::string>& first, size_t target_count);

}  // namespace aeon::local
