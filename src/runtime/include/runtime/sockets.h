// Streams over TCP and Unix sockets of one reactor.
//
//   Sockets sockets(reactor);
//   auto listener = sockets.listen("tcp:127.0.0.1:0");
//   auto stream = co_await sockets.connect(listener->address(), std::chrono::seconds(5));
//
// A Unix socket's file is made by listen(), in the place of one that nobody listens at any more, and removed with the
// listener. Hosts are numbers, or names that the resolver knows without delay: connect() waits for it in place.
// Threading: that of the reactor. Where io_uring is refused the reactor waits for them by epoll.
#pragma once

#include "runtime/network.h"
#include "runtime/reactor.h"

namespace aeon {

// kInvalidArgument says what is wrong with an address; hosts are looked up.
Status check_socket_address(const std::string& address);
// Whether what goes by an address stays on this host: Unix sockets and loopback. Hosts are looked up.
Result<bool> is_within_host(const std::string& address);

class Sockets final : public Network {
 public:
  explicit Sockets(Reactor& reactor) : reactor_(reactor) {}

  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, Duration timeout) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address) override;

 private:
  Reactor& reactor_;
};

}  // namespace aeon
