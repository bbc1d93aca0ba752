#include "scenario.h"

namespace aeon {

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {"journal", "clients append to a mirrored journal over a bad network; crashes, decay, partitions", run_journal},
  };
  return all;
}

ScenarioOutcome outcome_of(SimScheduler& scheduler) {
  ScenarioOutcome outcome;
  outcome.trace_hash = scheduler.trace_hash();
  outcome.step_count = scheduler.step_count();
  outcome.simulated = scheduler.elapsed();
  outcome.faults = scheduler.fault_counts();
  return outcome;
}

}  // namespace aeon
