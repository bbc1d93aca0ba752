// Streams over TCP and Unix sockets of one reactor.
//
//   Sockets sockets(reactor);
//   auto listener = sockets.listen("tcp:127.0.0.1:0");
//   auto stream = co_await sockets.connect(listener->address(), std::chrono::seconds(5));
//
// A Unix socket's file is made by listen(), in the place of one that nobody listens at any more, and removed with the
// listener. On Unix sockets both sides agree, at the first read or write, to go on in memory that they share
// (docs/design/network.md), unless one of them doesn't want to. AEON_SHARED_MEMORY=0 in the environment: this one
// doesn't. Hosts are numbers, or names that the resolver knows without delay: connect() waits for it in place.
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
  struct Options {
    bool shared_memory = true;
    // In each direction: a power of two from 4 KiB to 1 MiB. Pages are there once they were used.
    ByteCount shared_memory_ring_size = 64 * kKiB;
  };
  explicit Sockets(Reactor& reactor) : Sockets(reactor, Options{}) {}
  Sockets(Reactor& reactor, Options options);

  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, Duration timeout) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address) override;

 private:
  Reactor& reactor_;
  Options options_;
};

}  // namespace aeon
