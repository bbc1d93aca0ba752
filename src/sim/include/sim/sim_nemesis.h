// What goes wrong around processes, by chance: crashes, kills, pauses, partitions, bad links, clock jumps.
//
//   SimNemesis nemesis(scheduler, network, {});
//   nemesis.add(2, server, [&] { start_server(); });  // Called in each new life of the process.
//   nemesis.start();
//   … run the workload …
//   nemesis.stop();                                    // Everything runs and is connected again.
#pragma once

#include <functional>
#include <vector>

#include "sim/sim_network.h"
#include "sim/sim_process.h"

namespace aeon {

struct SimNemesisOptions {
  Duration calm_max = std::chrono::milliseconds(400);   // Between two strikes.
  Duration outage_max = std::chrono::seconds(2);        // How long a process stays down, paused or cut off.
  bool crashes = true;
  bool pauses = true;
  bool partitions = true;
  bool clock_jumps = true;
  double link_fault_max = 0.1;                           // For SimLink::random.
};

class SimNemesis {
 public:
  SimNemesis(SimScheduler& scheduler, SimNetwork& network, SimNemesisOptions options);

  // A process that it may strike, and its node in the network. `restarted` sets up each new life.
  void add(uint64_t node, SimProcess& process, std::function<void()> restarted);
  // A process that only has partitions and pauses to fear.
  void add_bystander(uint64_t node, SimProcess& process);

  void start();
  void stop();
  uint64_t strike_count() const { return strike_count_; }

 private:
  struct Victim {
    uint64_t node;
    SimProcess* process;
    std::function<void()> restarted;  // Empty: never crashed.
  };

  Task<void> run();
  void strike();
  void restart(size_t victim);

  SimScheduler& scheduler_;
  SimNetwork& network_;
  const SimNemesisOptions options_;
  Random random_;
  SimExecutor& executor_;
  std::vector<Victim> victims_;
  bool active_ = false;
  uint64_t strike_count_ = 0;
};

}  // namespace aeon
