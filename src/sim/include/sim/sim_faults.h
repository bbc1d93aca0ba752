// Decides the sometimes() points of the code under test. Each name has a probability of its own, drawn from the seed
// when it is first asked for: in about half of all runs a point is off, so that runs differ in what they exercise.
#pragma once

#include <map>
#include <set>
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
  // From the `first`-th time on that exhausted() is asked for one of `resources` (none named: for any), counted from
  // now, it says yes `count` times.
  void exhaust(uint64_t first, uint64_t count, std::set<std::string, std::less<>> resources = {});
  void replenish() { exhausted_count_ = 0; }
  uint64_t exhausted_asked() const { return exhausted_asked_; }  // Since exhaust().
  bool exhausted(std::string_view resource) override;

  // Off: sometimes() is false, as in production. For the calm end of a scenario.
  void set_enabled(bool enabled) { enabled_ = enabled; }

 private:
  SimScheduler& scheduler_;
  Random random_;
  bool enabled_ = true;
  std::map<std::string, double, std::less<>> probabilities_;
  std::set<std::string, std::less<>> exhausted_resources_;
  uint64_t exhausted_asked_ = 0;
  uint64_t exhausted_first_ = 0;
  uint64_t exhausted_count_ = 0;
};

}  // namespace aeon
