// A whole system in simulation: an engine on a simulated disk and clients in processes of their own, over a network.
//
//   SimSystem system(scheduler, {.client_count = 3});
//   system.format();
//   system.start_engine();
//   SimSystem::Client& client = system.client(0);
//   client.process.executor().spawn(work(system.connect(client)));
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/connection.h"
#include "engine/engine.h"
#include "rpc/network_channel.h"
#include "rpc/network_server.h"
#include "sim/sim_process.h"

namespace aeon {

struct SimSystemOptions {
  size_t client_count = 2;
  ByteCount log_size = kMiB;
  ByteCount checkpoint_log_bytes = 0;
};

class SimSystem {
 public:
  static constexpr uint64_t kEngineNode = 1;
  static constexpr uint64_t kFirstClientNode = 10;
  static constexpr const char* kPoolLabel = "default";

  struct Client {
    Client(SimScheduler& scheduler, SimNetwork& network, size_t client_index)
        : node(kFirstClientNode + client_index),
          process(scheduler, network, "client " + std::to_string(client_index), node) {}
    const uint64_t node;
    SimProcess process;
  };

  SimSystem(SimScheduler& scheduler, SimSystemOptions options);

  // Makes the store and its pool; the engine's process then starts anew.
  Status format();
  // In each life of the engine's process. It serves some time later; what fails meanwhile is in boot_status().
  void start_engine();
  const Status& boot_status() const { return boot_status_; }
  // As an operator stops it: everything is durable then. The process goes, and start_engine() begins the next life.
  Status stop_engine();

  // A connection of the client's present life, which nobody has said hello on.
  // Its last owner must go with that life.
  std::shared_ptr<client::Connection> connect(Client& client);

  SimNetwork& network() { return network_; }
  SimProcess& engine() { return engine_; }
  SimDisk& disk() { return *disk_; }
  Client& client(size_t index) { return *clients_.at(index); }
  size_t client_count() const { return clients_.size(); }

 private:
  // What an engine's process is made of.
  struct Host {
    std::unique_ptr<engine::Engine> engine;
    std::unique_ptr<rpc::NetworkServer> server;
  };

  Task<Result<std::unique_ptr<vos::Store>>> open_store(World* world);
  Task<Status> make_pool(World* world, Uuid pool);
  Task<void> boot(World* world, Host* host);
  static Task<Status> shut_down(Host* host);

  SimScheduler& scheduler_;
  const SimSystemOptions options_;
  Random random_;
  SimNetwork network_;
  SimProcess engine_;
  SimDisk* const disk_;
  std::vector<std::unique_ptr<Client>> clients_;
  Host* host_ = nullptr;  // Of the engine's present life.
  Status boot_status_;
};

}  // namespace aeon
