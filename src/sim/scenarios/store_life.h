// How one life of a store goes in a scenario: for a while, perhaps with errors of its disks, perhaps stopped at an
// exact write, and always to a power loss or a SIGKILL.
#pragma once

#include <string>
#include <vector>

#include "sim/sim_process.h"

namespace aeon {

struct StoreLife {
  SimScheduler& scheduler;
  SimProcess& process;
  std::vector<SimDisk*> disks;
  Random& random;
  bool disk_fails = false;
  bool rots = false;  // And then isn't stopped at a write.

  // With what was spawned on the process before. `fault`: what that found broken.
  void run(const std::string& fault) const {
    std::vector<SimDiskFaults> calm;
    for (SimDisk* const disk : disks) {
      SimDiskFaults& faults = disk->options().faults;
      calm.push_back(faults);
      if (rots) {
        faults = SimDiskFaults::random(random, 0.05);
      } else if (disk_fails) {
        faults.read_error = random.one_in(2) ? 0.01 : 0;
        faults.write_error = random.one_in(2) ? 0.01 : 0;
        faults.flush_error = random.one_in(2) ? 0.1 : 0;
      }
    }
    if (!rots && random.one_in(2)) {
      const bool by_kill = random.one_in(2);
      disks[random.below(disks.size())]->stop_at_write(
          1 + random.below(random.one_in(3) ? 10 : 200),
          by_kill ? SimScheduler::End::kKill : SimScheduler::End::kPowerLoss);
    }
    // Often short, so that a crash meets what the one before left behind.
    scheduler.run_for(std::chrono::milliseconds(1 + random.below(!rots && random.one_in(2) ? 5 : 200)));
    for (size_t i = 0; i < disks.size(); ++i) {
      disks[i]->options().faults = calm[i];
      disks[i]->never_stop();
    }
    if (!fault.empty()) scheduler.fail(fault);
    if (!process.is_alive()) return;
    if (random.one_in(3))
      process.kill();
    else
      process.crash();
  }
};

}  // namespace aeon
