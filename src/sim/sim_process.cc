#include "sim/sim_process.h"

namespace aeon {

SimProcess::SimProcess(SimScheduler& scheduler, SimNetwork& network, std::string name, uint64_t node)
    : scheduler_(scheduler),
      network_(network),
      name_(std::move(name)),
      node_(node),
      clock_(scheduler),
      faults_(scheduler) {
  start();
}

SimProcess::~SimProcess() { scheduler_.crash(executor()); }

SimDisk& SimProcess::add_disk(SimDiskOptions options) {
  disks_.push_back(std::make_unique<SimDisk>(scheduler_, std::move(options)));
  disks_.back()->attach(executor());
  return *disks_.back();
}

void SimProcess::start() {
  CHECK(lives_.empty() || !is_alive());
  SimExecutor& executor = scheduler_.new_process(name_);
  lives_.push_back(
      std::make_unique<Life>(executor, clock_, network_.port(executor, node_), scheduler_.random().fork(), faults_));
  for (const auto& disk : disks_) disk->attach(executor);
}

}  // namespace aeon
