// A network whose "tls:" addresses are TLS 1.3 over the network below it; all other addresses are the latter's own.
//
//   TlsNetwork network(reactor, clock, sockets);
//   network.use(identity);
//   auto listener = network.listen("tls:0.0.0.0:10001");            // TLS over tcp:0.0.0.0:10001
//   auto stream = co_await network.connect("tls:server:10001", timeout);
//
// Both sides show certificates. Who listens must be a server; who connects believes servers only.
//
// Contract, beyond that of Network: bytes that were changed, dropped or added on the way break a stream, so do missing
// ones at its end: 0 from read() means that the peer said so. What is wrong with a certificate is kPermission.
// Bounds of a listener: so many handshakes at once (the oldest gives way), each so long; they don't hold up others. It
// takes no more while as many streams wait for accept(). After shut() accept() returns when all handshakes have ended.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/executor.h"
#include "runtime/network.h"
#include "runtime/world.h"
#include "tls/identity.h"

namespace aeon::tls {

class TlsNetwork final : public Network {
 public:
  struct Options {
    std::string below = "tcp:";  // What "tls:" becomes.
    Duration handshake_max = std::chrono::seconds(10);
    size_t handshakes_max = 1024;
    size_t waiting_max = 256;
    uint64_t records_per_key = uint64_t{1} << 22;  // 64 GiB.
  };

  // All are kept by reference.
  TlsNetwork(Executor& executor, const Clock& clock, Network& below) : TlsNetwork(executor, clock, below, Options()) {}
  TlsNetwork(Executor& executor, const Clock& clock, Network& below, Options options)
      : executor_(executor), clock_(clock), below_(below), options_(std::move(options)) {}

  // From now on. Without one there is no "tls:".
  void use(Identity identity) { identity_.emplace(std::move(identity)); }

  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, Duration timeout) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address) override;

 private:
  Executor& executor_;
  const Clock& clock_;
  Network& below_;
  const Options options_;
  std::optional<Identity> identity_;
};

bool is_tls_address(const std::string& address);
// kInvalidArgument says what is wrong with "tls:HOST:PORT", or an address of Sockets; hosts are looked up.
Status check_address(const std::string& address);
// An address by which bytes leave this host as they are is kPermission, unless `allow_insecure`, which is logged then.
// `way_out` says how to allow it.
Status check_is_private(const std::string& address, bool allow_insecure, const std::string& way_out);

}  // namespace aeon::tls
