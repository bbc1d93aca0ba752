// A whole run from one seed: builds a system, breaks it, and says what must hold.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/sim_scheduler.h"

namespace aeon {

// What a run tells about itself.
struct ScenarioOutcome {
  uint64_t trace_hash = 0;
  uint64_t step_count = 0;
  Duration simulated{};
  SimFaultCounts faults;
};

// A run that breaks its promise throws SimFailure (SimScheduler::fail), after which nothing of it runs.
struct Scenario {
  std::string_view name;
  std::string_view what;
  ScenarioOutcome (*run)(uint64_t seed);
};

// All, in the order in which they run.
const std::vector<Scenario>& scenarios();

// Of a scheduler at the end of its run.
ScenarioOutcome outcome_of(SimScheduler& scheduler);

// One function each.
ScenarioOutcome run_journal(uint64_t seed);
ScenarioOutcome run_media_store(uint64_t seed);
ScenarioOutcome run_vos_store(uint64_t seed);
ScenarioOutcome run_system(uint64_t seed);
ScenarioOutcome run_targets(uint64_t seed);

}  // namespace aeon
