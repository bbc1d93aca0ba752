#include "client/network_system.h"

#include <optional>

#include "client/connection.h"
#include "ofi/ofi_network.h"
#include "rpc/network_channel.h"
#include "runtime/reactor.h"
#include "runtime/sockets.h"
#include "runtime/system.h"
#include "tls/tls_network.h"

namespace aeon::client {
namespace {

// A process's end of a connection; what handles keep.
struct Core {
  Core(std::string there, std::optional<tls::Identity> identity)
      : address(std::move(there)), channel(world, address, rpc::NetworkChannel::Options()) {
    if (identity.has_value()) network.use(std::move(*identity));
  }
  const std::string address;
  Reactor reactor;
  SystemClock clock;
  Sockets sockets{reactor};
  ofi::OfiNetwork fabrics{reactor, sockets};
  tls::TlsNetwork network{reactor, clock, fabrics};
  Random random = system_random();
  Faults faults;
  World world{reactor, clock, network, random, faults};
  rpc::NetworkChannel channel;                               // To target 0,
  std::vector<std::shared_ptr<rpc::NetworkChannel>> others;  // and to others.

  // Blocking.
  Status hello(Connection& connection, Duration timeout) {
    Status said = reactor.run(connection.hello(timeout));
    // Nothing was asked to be done, so there is nothing that isn't known.
    if (said.code() != Code::kTimedOut) return said;
    return Status(Code::kUnavailable, "the engine at " + address + " doesn't answer; it may hang, or be very busy");
  }
  Task<void> close() {
    for (const auto& other : others) co_await other->close();
    co_await channel.close();
  }
};

std::string_view scheme_of(std::string_view address) { return address.substr(0, address.find(':')); }

// A target's address as seen from here: the sockets of a directory are where its first one was found, and one that is
// open to every network of its host is at the host that the first was reached at.
std::string seen_from_here(const std::string& address, const std::string& first) {
  if (scheme_of(address) == "unix") {
    const size_t own = first.rfind('/');
    const size_t other = address.rfind('/');
    if (own == std::string::npos || other == std::string::npos) return address;
    return first.substr(0, own) + address.substr(other);
  }
  const size_t host = address.find(':') + 1;
  const size_t port = address.rfind(':');
  const std::string_view named = std::string_view(address).substr(host, port - host);
  if (named != "0.0.0.0" && named != "[::]") return address;
  return first.substr(0, first.rfind(':')) + address.substr(port);
}

// A target's address of the kind that the first was reached by.
Result<std::string> choose_address(const std::string& first, uint32_t target,
                                   const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    if (scheme_of(address) == scheme_of(first)) return seen_from_here(address, first);
  }
  return Status(Code::kUnavailable, "target " + std::to_string(target) + " can't be reached by " +
                                        std::string(scheme_of(first)) + ", as " + first + " can");
}

std::shared_ptr<Connection> connection_through(const std::shared_ptr<Core>& core) {
  return std::make_shared<Connection>(
      std::shared_ptr<rpc::Channel>(core, &core->channel),
      [reactor = &core->reactor](Task<void> task) { reactor->submit(std::move(task)); }, core,
      [core = core.get()](uint32_t target,
                          const std::vector<std::string>& addresses) -> Result<std::shared_ptr<rpc::Channel>> {
        TRY_ASSIGN(const std::string chosen, choose_address(core->address, target, addresses));
        auto channel = std::make_shared<rpc::NetworkChannel>(core->world, chosen, rpc::NetworkChannel::Options());
        core->others.push_back(channel);
        return std::shared_ptr<rpc::Channel>(std::move(channel));
      });
}

class Connected final : public System {
 public:
  Connected(const std::string& address, std::optional<tls::Identity> identity)
      : core_(std::make_shared<Core>(address, std::move(identity))), connection_(connection_through(core_)) {}
  ~Connected() override {
    if (core_->reactor.is_from_before_fork()) {
      keep_forever(core_);
      keep_forever(connection_);
    } else {
      core_->reactor.run(stop());
    }
  }

  Status hello(Duration timeout) { return core_->hello(*connection_, timeout); }

  std::string name() const override { return connection_->system_name(); }
  Executor& executor() override { return core_->reactor; }
  Task<Result<std::vector<PoolInfo>>> list_pools() override { return connection_->list_pools(); }
  Task<Result<std::shared_ptr<Pool>>> connect_pool(std::string pool, Access access) override {
    return connection_->connect_pool(std::move(pool), access);
  }
  void submit(Task<void> task) override { core_->reactor.submit(std::move(task)); }
  bool poll() override { return core_->reactor.poll(); }

 protected:
  void run_blocking(Task<void> task) override { core_->reactor.run(std::move(task)); }

 private:
  Task<void> stop() {
    co_await connection_->settle();
    connection_->close();
    co_await core_->close();
  }

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Connection> connection_;
};

class Asking final : public EngineStatus {
 public:
  explicit Asking(const std::string& address) : core_(std::make_shared<Core>(address, std::nullopt)) {}
  ~Asking() override {
    if (core_->reactor.is_from_before_fork()) {
      keep_forever(core_);
    } else {
      core_->reactor.run(core_->close());
    }
  }

  Status hello(Duration timeout) { return core_->hello(*connection_through(core_), timeout); }

  Result<wire::StatusReply> ask(uint32_t clients_max) override {
    wire::StatusRequest request;
    request.clients_max = clients_max;
    if (core_->channel.version() < wire::StatusRequest::kSince) {
      return Status(Code::kProtocolMismatch, "the engine is of an older release, which says nothing of itself");
    }
    return core_->reactor.run(rpc::call(core_->channel, request));
  }

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace

Result<std::unique_ptr<EngineStatus>> EngineStatus::connect(const std::string& address, Duration timeout) {
  TRY(check_socket_address(address));
  auto asking = std::make_unique<Asking>(address);
  TRY(asking->hello(timeout));
  return std::unique_ptr<EngineStatus>(std::move(asking));
}

Result<std::shared_ptr<System>> NetworkSystem::connect(const std::string& named, const ConnectOptions& options) {
  TRY(ofi::check_address(named));
  const std::string address = ofi::canonical_address(named);
  TRY(ofi::check_is_private(address, options.allow_insecure, "AEON_ALLOW_INSECURE=1"));
  std::optional<tls::Identity> identity;
  if (tls::is_tls_address(address) && !options.certificates.empty()) {
    TRY_ASSIGN(identity, tls::Identity::load(options.certificates, tls::Role::kClient, SystemClock()));
  }
  auto system = std::make_shared<Connected>(address, std::move(identity));
  TRY(system->hello(options.timeout));
  return std::shared_ptr<System>(std::move(system));
}

}  // namespace aeon::client
