#include "target_host.h"

#include <algorithm>

#include "serving_note.h"

namespace aeon::local {
namespace {

constexpr uint64_t kShareOfSocket = 8;  // An eighth is for the socket in the directory, if there are other addresses.
constexpr uint64_t kConnectionsMin = 64, kConnectionsMax = 65536;

}  // namespace

TargetHost::TargetHost(const HeldSystem& system, uint32_t index, std::optional<tls::Identity> identity)
    : system_(system), index_(index) {
  if (identity.has_value()) network_.use(std::move(*identity));
}

TargetHost::~TargetHost() = default;

// Everything of a reactor is made and changed on it: its own thread may be at work already.
Status TargetHost::open() {
  TRY_ASSIGN(HeldSystem::OpenStore opened, system_.open_store(reactor_, world_, index_));
  disk_ = std::move(opened.disk);
  reactor_.run(make_target(std::move(opened.store)));
  return ok();
}

Task<void> TargetHost::make_target(std::unique_ptr<vos::Store> store) {
  const Superblock& superblock = system_.superblock();
  engine::Target::Options options;
  options.index = index_;
  options.count = static_cast<uint32_t>(superblock.targets.size());
  options.system_name = superblock.system_name;
  if (index_ == 0) options.free_outside = [this] { return system_.free_outside(*disk_); };
  target_ = std::make_unique<engine::Target>(world_, std::move(store), options);

  engine::Observer::Options observer;
  observer.system_name = options.system_name;
  observer.release = options.release;
  observer.server_life = target_->dispatcher().life();
  observer.pool = superblock.pool;
  observer.pool_label = superblock.pool_label;
  std::vector<engine::Observer::Target> observed(1);
  observed[0] = {.index = index_, .dispatcher = &target_->dispatcher(), .store = &target_->store()};
  pool::PoolService* const pool = index_ == 0 ? &target_->pool() : nullptr;
  observer_ = std::make_unique<engine::Observer>(world_, pool, std::move(observed), std::move(observer));
  observer_->add_to(target_->dispatcher());
  co_return;
}

void TargetHost::join() {
  if (system_.superblock().targets.size() > 1) reactor_.run(make_channels());
}

Task<void> TargetHost::make_channels() {
  std::vector<std::shared_ptr<rpc::Channel>> channels(system_.superblock().targets.size());
  for (uint32_t other = 0; other < channels.size(); ++other) {
    if (other == index_) continue;
    peers_.push_back(std::make_shared<rpc::NetworkChannel>(world_, peer_socket_of(system_.path(), other),
                                                           rpc::NetworkChannel::Options()));
    channels[other] = peers_.back();
  }
  target_->join(std::move(channels));
  if (index_ == 0) observer_->add_others(target_->targets());
  co_return;
}

Task<Result<std::unique_ptr<rpc::NetworkServer>>> TargetHost::start_server(std::string address,
                                                                           rpc::NetworkServer::Options options) {
  co_return rpc::NetworkServer::listen(world_, address, target_->dispatcher(), options);
}

Task<Status> TargetHost::start_target() {
  if (system_.superblock().targets.size() > 1) {
    std::string address = peer_socket_of(system_.path(), index_);
    CO_TRY_ASSIGN(peer_server_, co_await start_server(std::move(address), rpc::NetworkServer::Options()));
  }
  CO_TRY(co_await target_->start());
  observer_->set_serving(ok());
  co_return ok();
}

// Nobody is heard before it returns: it doesn't wait for anything.
Task<Status> TargetHost::listen_at(Listen where) {
  const uint64_t others = where.addresses.size() - 1, connections_max = where.connections_max;
  const uint64_t by_socket = others == 0 ? connections_max : connections_max / kShareOfSocket;
  for (const std::string& address : where.addresses) {
    const uint64_t share = servers_.empty() ? by_socket : (connections_max - by_socket) / others;
    rpc::NetworkServer::Options options;
    options.connections_max = static_cast<uint32_t>(std::clamp(share, kConnectionsMin, kConnectionsMax));
    CO_TRY_ASSIGN(std::unique_ptr<rpc::NetworkServer> server, co_await start_server(address, options));
    observer_->add(*server);
    servers_.push_back(std::move(server));
  }
  if (!where.told_with.has_value()) co_return ok();
  (*where.told_with)[index_].addresses = addresses();
  target_->set_addresses(std::move(*where.told_with));
  co_return ok();
}

Status TargetHost::start() { return reactor_.run(start_target()); }
Status TargetHost::listen(Listen where) { return reactor_.run(listen_at(std::move(where))); }

std::vector<std::string> TargetHost::addresses() const {
  std::vector<std::string> all;
  for (const auto& server : servers_) all.push_back(server->address());
  return all;
}

// ---- Stopping -------------------------------------------------------------------------------------------------------

Task<Status> TargetHost::settle() {
  if (target_ == nullptr) co_return ok();
  observer_->set_serving(Status(Code::kUnavailable, "the engine is stopping"));
  co_await target_->settle();
  co_return ok();
}

Task<Status> TargetHost::stop_clients() {
  for (const auto& server : servers_) {
    co_await server->stop();
    observer_->remove(*server);
  }
  servers_.clear();
  co_return ok();
}

Task<Status> TargetHost::close() {
  if (peer_server_ != nullptr) co_await peer_server_->stop();
  peer_server_.reset();
  Status stopped = ok();
  if (target_ != nullptr) stopped = co_await target_->stop();
  for (const auto& peer : peers_) co_await peer->close();
  peers_.clear();
  observer_.reset();
  target_.reset();
  disk_.reset();
  co_return stopped;
}

}  // namespace aeon::local
