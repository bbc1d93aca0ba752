// A simulated process with its World, that can crash and start again on the same disks.
//
//   SimProcess engine(scheduler, network, "engine 0");
//   SimDisk& disk = engine.add_disk({.name = "disk 0"});
//   Store& store = engine.own(std::make_unique<Store>(engine.world(), disk));
//   engine.run(store.open());
//   engine.crash();
//   engine.start();                      // A new World; the disks hold what survived.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/world.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_faults.h"
#include "sim/sim_network.h"

namespace aeon {

class SimProcess {
 public:
  // Started, on a node of the network.
  SimProcess(SimScheduler& scheduler, SimNetwork& network, std::string name, uint64_t node = 1);
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;
  // Crashes it.
  ~SimProcess();

  // Disks outlive each life of the process.
  SimDisk& add_disk(SimDiskOptions options);
  SimDisk& disk(size_t index) { return *disks_.at(index); }
  size_t disk_count() const { return disks_.size(); }

  // Of the present life. A World of an earlier one stays as long as the SimProcess, but does nothing.
  World& world() { return lives_.back()->world; }
  SimExecutor& executor() { return lives_.back()->executor; }
  uint64_t node() const { return node_; }
  bool is_alive() const { return lives_.back()->executor.is_alive(); }
  size_t life_count() const { return lives_.size(); }

  // Belongs to the present life, and is destroyed when it crashes, after its coroutines.
  template <typename T>
  T& own(std::unique_ptr<T> object) {
    return executor().own(std::move(object));
  }
  template <typename T>
  T run(Task<T> task) {
    return scheduler_.run(executor(), std::move(task));
  }

  void crash() { scheduler_.crash(executor()); }  // The power goes: unflushed writes survive in part.
  void kill() { scheduler_.kill(executor()); }    // SIGKILL: completed writes stay.
  void start();                                   // After either.

  SimClock& clock() { return clock_; }
  SimFaults& faults() { return faults_; }

 private:
  struct Life {
    Life(SimExecutor& life_executor, Clock& clock, Network& network, Random life_random, Faults& faults)
        : executor(life_executor), random(life_random), world{executor, clock, network, random, faults} {}
    SimExecutor& executor;
    Random random;
    World world;
  };

  SimScheduler& scheduler_;
  SimNetwork& network_;
  const std::string name_;
  const uint64_t node_;
  SimClock clock_;
  SimFaults faults_;
  std::vector<std::unique_ptr<SimDisk>> disks_;
  std::vector<std::unique_ptr<Life>> lives_;
};

}  // namespace aeon
