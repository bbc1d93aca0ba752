// An address as text, and as the kernel takes it.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>

#include "base/status.h"

namespace aeon {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string path;  // Of a Unix socket; else empty.
  std::shared_ptr<const int> folder;  // Held open where the path is too long for the kernel, which goes by it.

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "tcp:HOST:PORT" or "unix:PATH"; kInvalidArgument says what is wrong. Names of hosts are looked up.
Result<SocketAddress> parse_socket_address(const std::string& text);
// The text of an address that the kernel gave; "unix" for those without a name.
std::string socket_address_text(const sockaddr* address, socklen_t size);

}  // namespace aeon
