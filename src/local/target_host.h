// A target of a served system, with a reactor of its own, and the servers that its clients and the other targets reach
// it by.
//
// Threading: what isn't said to be otherwise is called by whoever starts and stops the server, outside of the reactor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/observer.h"
#include "engine/target.h"
#include "held_system.h"
#include "ofi/ofi_network.h"
#include "rpc/network_channel.h"
#include "rpc/network_server.h"
#include "runtime/elsewhere.h"
#include "runtime/sockets.h"
#include "runtime/system.h"
#include "tls/tls_network.h"

namespace aeon::local {

class TargetHost {
 public:
  // `system` outlives it. `identity` for "tls:" addresses, if there are any.
  TargetHost(const HeldSystem& system, uint32_t index, std::optional<tls::Identity> identity);
  // After close(), or if open() was never called.
  ~TargetHost();

  Reactor& reactor() { return reactor_; }
  World& world() { return world_; }
  engine::Observer& observer() { return *observer_; }

  // Opens the store.
  Status open();
  // Makes channels to the others, wherever they run.
  void join();
  // Serves other targets from now on, then clients at `addresses`; ports that are left open are chosen.
  Status start();
  struct Listen {
    std::vector<std::string> addresses;  // The first is the socket in the directory.
    uint64_t connections_max = 0;
    // What clients are told from the first one on, of all targets: those that are given, and this one's own.
    std::optional<std::vector<wire::TargetAddresses>> told_with;
  };
  // Each address has its own share of connections, so that whoever floods one doesn't keep others from being reached by
  // another.
  Status listen(Listen where);
  std::vector<std::string> addresses() const;
  // From now on there is a thread for it.
  void run_on_thread() { thread_.emplace(reactor_); }

  // In this order, on all targets before the next. On the reactor.
  Task<Status> settle();  // It begins nothing with others.
  Task<Status> stop_clients();  // Requests that are there are answered.
  Task<Status> close();  // The store is closed.

 private:
  Task<void> make_target(std::unique_ptr<vos::Store> store);
  Task<void> make_channels();
  Task<Status> start_target();
  Task<Status> listen_at(Listen where);
  Task<Result<std::unique_ptr<rpc::NetworkServer>>> start_server(std::string address,
                                                                 rpc::NetworkServer::Options options);

  const HeldSystem& system_;
  const uint32_t index_;
  Reactor reactor_;
  SystemClock clock_;
  Sockets sockets_{reactor_};
  ofi::OfiNetwork fabrics_{reactor_, sockets_};
  tls::TlsNetwork network_{reactor_, clock_, fabrics_};
  Random random_ = system_random();
  Faults faults_;
  World world_{reactor_, clock_, network_, random_, faults_};
  std::unique_ptr<StoreDisk> disk_;
  std::vector<std::shared_ptr<rpc::NetworkChannel>> peers_;
  std::unique_ptr<engine::Target> target_;
  std::unique_ptr<engine::Observer> observer_;
  std::unique_ptr<rpc::NetworkServer> peer_server_;
  std::vector<std::unique_ptr<rpc::NetworkServer>> servers_;
  std::optional<ReactorThread> thread_;
};

}  // namespace aeon::local
