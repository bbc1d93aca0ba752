// Decides the sometimes() points of the code under test. Each name has a probability of its own, drawn from the seed
// when it is first asked for: in about half of all runs a point is off, so that runs differ in what they exercise.
#pragma once

#include <map>
#include <string>

#include "runtime/world.h"
#include "sim/sim_scheduler.h"

namespace aeon {

class SimFaults final : public Faults {
 public:
  explicit SimFaults(SimScheduler& scheduler) : scheduler_(scheduler), random_(scheduler.random().fork()) {}

  bool sometimes(std::string_view name) override;
  // Instead of drawing it: 0 never, 1 always.
  void set_probability(std::string_view name, double probability);
  // Off: sometimes() is false, as in production. For the calm end of a scenario.
  void set_enabled(bool enabled) { enabled_ = enabled; }

 private:
  SimScheduler& scheduler_;
  Random random_;
  bool enabled_ = true;
  std::map<std::string, double, std::less<>> probabilities_;
};

}  // namespace aeon
