#include "sim_system.h"

namespace aeon {

SimSystem::SimSystem(SimScheduler& scheduler, SimSystemOptions options)
    : scheduler_(scheduler),
      options_(options),
      random_(scheduler.random().fork()),
      network_(scheduler),
      engine_(scheduler, network_, "engine", kEngineNode),
      disk_(&engine_.add_disk({.name = "engine disk"})) {
  for (size_t i = 0; i < options_.client_count; ++i) {
    clients_.push_back(std::make_unique<Client>(scheduler_, network_, i));
  }
}

Status SimSystem::format() {
  media::FormatOptions format;
  format.store = random_.uuid();
  format.log_size = options_.log_size;
  TRY(engine_.run(media::KeyBlockStore::format(engine_.world(), *disk_, format)));
  TRY(engine_.run(make_pool(&engine_.world(), random_.uuid())));
  engine_.kill();
  engine_.start();
  return ok();
}

Task<Result<std::unique_ptr<vos::Store>>> SimSystem::open_store(World* world) {
  media::OpenOptions open;
  open.checkpoint_log_bytes = options_.checkpoint_log_bytes;
  open.memory_budget = 64 * kMiB;  // The same on every machine.
  CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media, co_await media::KeyBlockStore::open(*world, *disk_, open));
  co_return co_await vos::Store::open(*world, std::move(media));
}

Task<Status> SimSystem::make_pool(World* world, Uuid pool) {
  CO_TRY_ASSIGN(const std::unique_ptr<vos::Store> store, co_await open_store(world));
  pool::PoolSpec spec;
  spec.id = pool;
  spec.label = kPoolLabel;
  CO_TRY(co_await engine::Engine::create_pool(*world, *store, std::move(spec)));
  co_return co_await store->close();
}

void SimSystem::start_engine() {
  host_ = &engine_.own(std::make_unique<Host>());
  engine_.executor().spawn(boot(&engine_.world(), host_));
}

Task<void> SimSystem::boot(World* world, Host* host) {
  std::vector<std::unique_ptr<vos::Store>> stores;
  Result<std::unique_ptr<vos::Store>> store = co_await open_store(world);
  if (!store.is_ok()) {
    boot_status_ = store.status();
    co_return;
  }
  stores.push_back(std::move(store).value());
  engine::Engine::Options options;
  options.system_name = "simulated";
  host->engine = std::make_unique<engine::Engine>(*world, std::move(stores), std::move(options));
  const Status started = co_await host->engine->start();
  if (!started.is_ok()) {
    boot_status_ = started;
    co_return;
  }
  Result<std::unique_ptr<rpc::NetworkServer>> server =
      rpc::NetworkServer::listen(*world, SimNetwork::address(kEngineNode, 1), host->engine->dispatcher(), {});
  if (server.is_ok())
    host->server = std::move(server).value();
  else
    boot_status_ = server.status();
}

Task<Status> SimSystem::shut_down(Host* host) {
  co_await host->server->stop();
  co_return co_await host->engine->stop();
}

Status SimSystem::stop_engine() {
  if (host_->server == nullptr) return Status(Code::kUnavailable, "the engine doesn't serve");
  const Status stopped = engine_.run(shut_down(host_));
  engine_.crash();
  engine_.start();
  return stopped;
}

std::shared_ptr<client::Connection> SimSystem::connect(Client& client) {
  World& world = client.process.world();
  const std::shared_ptr<rpc::Channel> channel =
      std::make_shared<rpc::NetworkChannel>(world, SimNetwork::address(kEngineNode, 1), rpc::NetworkChannel::Options());
  Executor* const executor = &world.executor;
  return std::make_shared<client::Connection>(
      channel, [executor](Task<void> task) { executor->spawn(std::move(task)); }, nullptr);
}

}  // namespace aeon
