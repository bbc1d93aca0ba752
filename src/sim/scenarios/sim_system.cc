#include "sim_system.h"

namespace aeon {

SimSystem::SimSystem(SimScheduler& scheduler, SimSystemOptions options)
    : scheduler_(scheduler), options_(options), random_(scheduler.random().fork()), network_(scheduler) {
  const size_t process_count = options_.has_process_each ? options_.target_count : 1;
  CHECK(kEngineNode + process_count <= kFirstClientNode);
  for (size_t i = 0; i < process_count; ++i) {
    const std::string name = i == 0 ? "engine" : "engine " + std::to_string(i);
    processes_.push_back(std::make_unique<Process>());
    processes_.back()->process = std::make_unique<SimProcess>(scheduler_, network_, name, node_of_process(i));
  }
  for (uint32_t target = 0; target < options_.target_count; ++target) {
    Process& process = *processes_[options_.has_process_each ? target : 0];
    process.targets.push_back(target);
    const std::string name = target == 0 ? "engine disk" : "disk of target " + std::to_string(target);
    disks_.push_back(&process.process->add_disk({.name = name}));
  }
  for (size_t i = 0; i < options_.client_count; ++i) {
    clients_.push_back(std::make_unique<Client>(scheduler_, network_, i));
  }
}

Status SimSystem::format() {
  for (const auto& process : processes_) {
    World& world = process->process->world();
    for (const uint32_t target : process->targets) {
      media::FormatOptions format;
      format.store = random_.uuid();
      format.log_size = options_.log_size;
      TRY(process->process->run(media::KeyBlockStore::format(world, *disks_[target], format)));
    }
    if (process->targets.front() == 0) TRY(process->process->run(make_pool(&world, random_.uuid())));
    process->process->kill();
    process->process->start();
  }
  return ok();
}

Task<Result<std::unique_ptr<vos::Store>>> SimSystem::open_store(World* world, uint32_t target) {
  media::OpenOptions open;
  open.checkpoint_log_bytes = options_.checkpoint_log_bytes;
  open.memory_budget = 64 * kMiB;  // The same on every machine.
  CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media,
                co_await media::KeyBlockStore::open(*world, *disks_[target], open));
  co_return co_await vos::Store::open(*world, std::move(media));
}

Task<Status> SimSystem::make_pool(World* world, Uuid pool) {
  CO_TRY_ASSIGN(const std::unique_ptr<vos::Store> store, co_await open_store(world, 0));
  pool::PoolSpec spec;
  spec.id = pool;
  spec.label = kPoolLabel;
  CO_TRY(co_await engine::Engine::create_pool(*world, *store, std::move(spec)));
  co_return co_await store->close();
}

std::vector<wire::TargetAddresses> SimSystem::addresses() const {
  std::vector<wire::TargetAddresses> all;
  for (uint32_t target = 0; target < options_.target_count; ++target) {
    const uint64_t node = node_of_process(options_.has_process_each ? target : 0);
    all.push_back({.addresses = {SimNetwork::address(node, 1 + target)}});
  }
  return all;
}

void SimSystem::start_process(size_t index) {
  Process& process = *processes_[index];
  process.host = &process.process->own(std::make_unique<Host>());
  process.process->executor().spawn(boot(&process.process->world(), &process, process.host));
}

Task<void> SimSystem::boot(World* world, Process* process, Host* host) {
  Status started = co_await start_host(world, process, host);
  if (started.is_ok()) started = serve(world, process, host);
  if (!started.is_ok()) boot_status_ = started;
}

Task<Status> SimSystem::start_host(World* world, Process* process, Host* host) {
  std::vector<std::unique_ptr<vos::Store>> stores;
  for (const uint32_t target : process->targets) {
    CO_TRY_ASSIGN(std::unique_ptr<vos::Store> store, co_await open_store(world, target));
    stores.push_back(std::move(store));
  }
  if (!options_.has_process_each) {
    engine::Engine::Options options;
    options.system_name = "simulated";
    host->engine = std::make_unique<engine::Engine>(*world, std::move(stores), std::move(options));
    host->engine->set_addresses(addresses());
    co_return co_await host->engine->start();
  }
  engine::Target::Options options;
  options.index = process->targets.front();
  options.count = options_.target_count;
  options.collectives = options_.collectives;
  options.system_name = "simulated";
  const uint32_t own = options.index;
  host->target = std::make_unique<engine::Target>(*world, std::move(stores.front()), std::move(options));
  const std::vector<wire::TargetAddresses> all = addresses();
  host->target->set_addresses(all);
  std::vector<std::shared_ptr<rpc::Channel>> channels(all.size());
  for (uint32_t target = 0; target < all.size(); ++target) {
    if (target == own) continue;
    host->peers.push_back(
        std::make_shared<rpc::NetworkChannel>(*world, all[target].addresses.front(), rpc::NetworkChannel::Options()));
    channels[target] = host->peers.back();
  }
  host->target->join(std::move(channels));
  co_return co_await host->target->start();
}

Status SimSystem::serve(World* world, Process* process, Host* host) {
  for (size_t i = 0; i < process->targets.size(); ++i) {
    rpc::Dispatcher& dispatcher =
        host->engine != nullptr ? host->engine->dispatcher(process->targets[i]) : host->target->dispatcher();
    TRY_ASSIGN(std::unique_ptr<rpc::NetworkServer> server,
               rpc::NetworkServer::listen(*world, addresses()[process->targets[i]].addresses.front(), dispatcher, {}));
    host->servers.push_back(std::move(server));
  }
  return ok();
}

Task<Status> SimSystem::shut_down(Host* host) {
  if (host->target != nullptr) co_await host->target->settle();
  for (const auto& server : host->servers) co_await server->stop();
  if (host->engine != nullptr) co_return co_await host->engine->stop();
  Status stopped = co_await host->target->stop();
  for (const auto& peer : host->peers) co_await peer->close();
  co_return stopped;
}

size_t SimSystem::open_commit_count() const {
  size_t count = 0;
  for (const auto& process : processes_) {
    const Host* const host = process->host;
    if (host == nullptr || host->servers.empty()) continue;
    if (host->target != nullptr) count += host->target->commits().open_count();
    for (uint32_t i = 0; host->engine != nullptr && i < host->engine->target_count(); ++i) {
      count += host->engine->target(i).commits().open_count();
    }
  }
  return count;
}

Status SimSystem::stop_engine() {
  Status first = ok();
  for (const auto& process : processes_) {
    if (process->host == nullptr || process->host->servers.empty()) {
      return Status(Code::kUnavailable, "the engine doesn't serve");
    }
    Status stopped = process->process->run(shut_down(process->host));
    if (first.is_ok()) first = std::move(stopped);
    process->process->crash();
    process->process->start();
  }
  return first;
}

std::shared_ptr<client::Connection> SimSystem::connect(Client& client) {
  World* const world = &client.process.world();
  const std::shared_ptr<rpc::Channel> channel = std::make_shared<rpc::NetworkChannel>(
      *world, addresses().front().addresses.front(), rpc::NetworkChannel::Options());
  const auto open_target = [world](uint32_t, const std::vector<std::string>& found) {
    return Result<std::shared_ptr<rpc::Channel>>(
        std::make_shared<rpc::NetworkChannel>(*world, found.front(), rpc::NetworkChannel::Options()));
  };
  return std::make_shared<client::Connection>(
      channel, [world](Task<void> task) { world->executor.spawn(std::move(task)); }, nullptr, open_target);
}

}  // namespace aeon
