// A whole system in simulation: targets on simulated disks, in one engine or in a process each, and clients in
// processes of their own, over a network.
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
  uint32_t target_count = 1;  // At most 9.
  bool has_process_each = false;  // For each target; else one engine has them all.
  rpc::CollectiveOptions collectives;  // With a process each.
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
  void start_engine() { start_process(0); }
  void start_process(size_t index);
  void start_processes() {
    for (size_t i = 0; i < processes_.size(); ++i) start_process(i);
  }
  const Status& boot_status() const { return boot_status_; }
  // Commits over several targets that some process, of those that serve now, has open.
  size_t open_commit_count() const;
  // As an operator stops it: everything is durable then. The process goes, and start_engine() begins the next life.
  Status stop_engine();

  // A connection of the client's present life, which nobody has said hello on.
  // Its last owner must go with that life.
  std::shared_ptr<client::Connection> connect(Client& client);

  SimNetwork& network() { return network_; }
  SimProcess& engine() { return process(0); }
  size_t process_count() const { return processes_.size(); }
  SimProcess& process(size_t index) { return *processes_.at(index)->process; }
  static uint64_t node_of_process(size_t index) { return kEngineNode + index; }
  uint32_t target_count() const { return options_.target_count; }
  SimDisk& disk(size_t target = 0) { return *disks_.at(target); }
  Client& client(size_t index) { return *clients_.at(index); }
  size_t client_count() const { return clients_.size(); }

 private:
  // What an engine's process is made of in one of its lives. Later members use earlier ones.
  struct Host {
    std::unique_ptr<engine::Engine> engine;  // Or, with a process each:
    std::vector<std::shared_ptr<rpc::NetworkChannel>> peers;
    std::unique_ptr<engine::Target> target;
    std::vector<std::unique_ptr<rpc::NetworkServer>> servers;
  };
  struct Process {
    std::unique_ptr<SimProcess> process;
    std::vector<uint32_t> targets;
    Host* host = nullptr;  // Of its present life.
  };

  Task<Result<std::unique_ptr<vos::Store>>> open_store(World* world, uint32_t target);
  Task<Status> make_pool(World* world, Uuid pool);
  Task<void> boot(World* world, Process* process, Host* host);
  Task<Status> start_host(World* world, Process* process, Host* host);
  Status serve(World* world, Process* process, Host* host);
  static Task<Status> shut_down(Host* host);
  std::vector<wire::TargetAddresses> addresses() const;

  SimScheduler& scheduler_;
  const SimSystemOptions options_;
  Random random_;
  SimNetwork network_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<SimDisk*> disks_;  // By target.
  std::vector<std::unique_ptr<Client>> clients_;
  Status boot_status_;
};

}  // namespace aeon
