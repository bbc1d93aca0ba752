// A network whose "ofi+PROVIDER:" addresses go by libfabric; all other addresses are the network's below.
//
//   OfiNetwork network(reactor, sockets);
//   auto listener = network.listen("ofi+tcp:127.0.0.1:0");       // Provider tcp;ofi_rxm.
//   auto stream = co_await network.connect("ofi+shm:aeon", timeout);
//
// Each stream is a pair of endpoints, which exchange messages with a window of credit; large pieces are read by the
// other side right out of the writer's memory (docs/design/ofi.md). Nothing is encrypted, and anybody who reaches an
// address may come.
//
// Contract, beyond that of Network: a write of large pieces returns when the other side has read them. A peer that is
// gone, or silent for `silence_max`, is noticed while somebody reads or writes.
// In a build without libfabric such addresses are kInvalidArgument, which says what to install.
// Threading: that of the reactor. It is made and destroyed outside of the reactor, when its streams are gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/network.h"
#include "runtime/reactor.h"

namespace aeon::ofi {

class OfiNetwork final : public Network {
 public:
  struct Options {
    Duration silence_max = std::chrono::seconds(10);  // Of a peer that was asked for a sign of life.
  };

  // Both are kept by reference.
  OfiNetwork(Reactor& reactor, Network& below) : OfiNetwork(reactor, below, Options()) {}
  OfiNetwork(Reactor& reactor, Network& below, Options options);
  ~OfiNetwork() override;

  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, Duration timeout) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address) override;

 private:
  class Fabrics;
  Reactor& reactor_;
  Network& below_;
  const Options options_;
  std::unique_ptr<Fabrics> fabrics_;  // Those in use, once there are any.
};

bool is_ofi_address(const std::string& address);
// kInvalidArgument says what is wrong with an address, of TLS and sockets too; hosts are looked up.
Status check_address(const std::string& address);
// As tls::check_is_private, which it asks about addresses of others: by libfabric bytes leave the host as they are.
Status check_is_private(const std::string& address, bool allow_insecure, const std::string& way_out);
// The same address as servers write theirs.
std::string canonical_address(const std::string& address);
// Where a target is served if the first is at `address`: only names are changed, ports are whoever's business.
std::string address_of_target(const std::string& address, uint32_t target);
// kInvalidArgument in a build without libfabric.
Status check_libfabric(const std::string& address);

}  // namespace aeon::ofi
