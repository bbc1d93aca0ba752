#include "client/network_system.h"

#include <optional>

#include "client/connection.h"
#include "rpc/network_channel.h"
#include "runtime/reactor.h"
#include "runtime/sockets.h"
#include "runtime/system.h"
#include "tls/tls_network.h"

namespace aeon::client {
namespace {

// A process's end of a connection; what handles keep.
struct Core {
  Core(const std::string& address, std::optional<tls::Identity> identity)
      : channel(world, address, rpc::NetworkChannel::Options()) {
    if (identity.has_value()) network.use(std::move(*identity));
  }
  Reactor reactor;
  SystemClock clock;
  Sockets sockets{reactor};
  tls::TlsNetwork network{reactor, clock, sockets};
  Random random = system_random();
  Faults faults;
  World world{reactor, clock, network, random, faults};
  rpc::NetworkChannel channel;
};

std::shared_ptr<Connection> connection_through(const std::shared_ptr<Core>& core) {
  return std::make_shared<Connection>(
      std::shared_ptr<rpc::Channel>(core, &core->channel),
      [reactor = &core->reactor](Task<void> task) { reactor->submit(std::move(task)); }, core);
}

class Connected final : public System {
 public:
  Connected(const std::string& address, std::optional<tls::Identity> identity)
      : core_(std::make_shared<Core>(address, std::move(identity))), connection_(connection_through(core_)) {}
  ~Connected() override { core_->reactor.run(stop()); }

  Status hello(Duration timeout) { return core_->reactor.run(connection_->hello(timeout)); }

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
    co_await core_->channel.close();
  }

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Connection> connection_;
};

class Asking final : public EngineStatus {
 public:
  explicit Asking(const std::string& address) : core_(std::make_shared<Core>(address, std::nullopt)) {}
  ~Asking() override { core_->reactor.run(core_->channel.close()); }

  Status hello(Duration timeout) { return core_->reactor.run(connection_through(core_)->hello(timeout)); }

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

Result<std::shared_ptr<System>> NetworkSystem::connect(const std::string& address, const ConnectOptions& options) {
  TRY(tls::check_address(address));
  TRY(tls::check_is_private(address, options.allow_insecure, "AEON_ALLOW_INSECURE=1"));
  std::optional<tls::Identity> identity;
  if (tls::is_tls_address(address) && !options.certificates.empty()) {
    TRY_ASSIGN(identity, tls::Identity::load(options.certificates, tls::Role::kClient, SystemClock()));
  }
  auto system = std::make_shared<Connected>(address, std::move(identity));
  TRY(system->hello(options.timeout));
  return std::shared_ptr<System>(std::move(system));
}

}  // namespace aeon::client
