#include "socket_address.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string_view>

namespace aeon {
namespace {

constexpr std::string_view kTcp = "tcp:", kUnix = "unix:";

Status not_an_address(const std::string& text, const std::string& why) {
  return Status(Code::kInvalidArgument, "'" + text + "' is no address: " + why);
}

Result<SocketAddress> parse_unix(const std::string& text) {
  SocketAddress address;
  address.path = text.substr(kUnix.size());
  auto* name = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (address.path.empty()) return not_an_address(text, "write unix:PATH");
  std::string path = address.path;
  if (path.size() >= sizeof name->sun_path) {  // Then by way of its directory.
    const size_t slash = path.rfind('/');
    const int folder = slash == std::string::npos ? -1 : ::open(path.substr(0, slash).c_str(), O_PATH | O_CLOEXEC);
    if (folder >= 0) {
      address.folder = std::shared_ptr<const int>(new int(folder), [](const int* descriptor) {
        ::close(*descriptor);
        delete descriptor;
      });
      path = "/proc/self/fd/" + std::to_string(folder) + path.substr(slash);
    }
  }
  if (path.size() >= sizeof name->sun_path)
    return not_an_address(text, "its name is too long, or its directory isn't there");
  name->sun_family = AF_UNIX;
  std::memcpy(name->sun_path, path.c_str(), path.size() + 1);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

Result<SocketAddress> parse_tcp(const std::string& text) {
  const std::string rest = text.substr(kTcp.size());
  const size_t colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == rest.size()) {
    return not_an_address(text, "write tcp:HOST:PORT");
  }
  std::string host = rest.substr(0, colon);
  const std::string port = rest.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return not_an_address(text, gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  SocketAddress address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  return address;
}

}  // namespace

Result<SocketAddress> parse_socket_address(const std::string& text) {
  if (text.starts_with(kUnix)) return parse_unix(text);
  if (text.starts_with(kTcp)) return parse_tcp(text);
  return not_an_address(text, "it begins with tcp: or unix:");
}

std::string socket_address_text(const sockaddr* address, socklen_t size) {
  if (address->sa_family == AF_UNIX) {
    const auto* name = reinterpret_cast<const sockaddr_un*>(address);
    return size > offsetof(sockaddr_un, sun_path) ? std::string(kUnix) + name->sun_path : "unix";
  }
  char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
  getnameinfo(address, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  const bool is_v6 = address->sa_family == AF_INET6;
  return std::string(kTcp) + (is_v6 ? "[" : "") + host + (is_v6 ? "]:" : ":") + port;
}

}  // namespace aeon
