#include "scenario.h"

namespace aeon {

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {"journal", "clients append to a mirrored journal over a bad network; crashes, decay, partitions", run_journal},
      {"media_store", "batches, blocks and checkpoints of one target; power loss, kill, crash at any write, full disk",
       run_media_store},
      {"vos_store", "writers, punches, snapshots, aggregation and discards on one target; all ends, errors, decay",
       run_vos_store},
      {"system", "clients of an engine over a bad network: keys, arrays, snapshots, containers; crashes and restarts",
       run_system},
      {"targets", "commits over targets in processes of their own: transfers, pairs, punches; each crashes by itself",
       run_targets},
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
