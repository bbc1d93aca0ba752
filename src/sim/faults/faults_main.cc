#include "faults_main.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "base/log.h"
#include "fault_run.h"
#include "sim/run_in_progress.h"

namespace aeon {

int faults_main(int argc, char** argv) {
  uint64_t seed_count = 100, first_seed = 1;
  std::string wanted;
  bool as_json = false;
  CLI::App app("Each kind of disk fault against the store: correct data or a clear error, and nothing else.");
  app.add_option("--seeds", seed_count, "How many seeds for each kind")->capture_default_str();
  CLI::Option* seed_option = app.add_option("--seed", first_seed, "Only this seed; with --seeds, the first one");
  app.add_option("--fault", wanted, "Only this kind of fault");
  app.add_flag("--json", as_json, "Print a JSON object");
  CLI11_PARSE(app, argc, argv);
  if (seed_option->count() != 0 && app.get_option("--seeds")->count() == 0) seed_count = 1;
  if (std::getenv("AEON_LOG_LEVEL") == nullptr) log::set_level(log::Level::kOff);

  nlohmann::json report = nlohmann::json::object();
  uint64_t silent_count = 0, kind_count = 0;
  if (!as_json) {
    fmt::print("{:18}{:>6}{:>8}{:>8}{:>8}{:>8} |{:>8}{:>8}{:>8}{:>8}{:>8} |{:>8}\n", "fault", "runs", "hits", "ops",
               "right", "errors", "opened", "refused", "right", "damaged", "no tail", "silent");
  }
  for (const FaultKind& kind : fault_kinds()) {
    if (!wanted.empty() && wanted != kind.name) continue;
    ++kind_count;
    FaultOutcomes outcomes;
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; ++seed) {
      const std::string repeat = fmt::format("./dev faults --fault {} --seed {}", kind.name, seed);
      const RunInProgress in_progress(fmt::format("A run failed; repeat it with: {}", repeat));
      const std::string wrong = run_fault_seed(kind, seed, outcomes);
      if (!wrong.empty()) fmt::print(stderr, "{} seed {}: {}\nRepeat it with: {}\n", kind.name, seed, wrong, repeat);
    }
    silent_count += outcomes.silent_count;
    if (!as_json) {
      fmt::print("{:18}{:>6}{:>8}{:>8}{:>8}{:>8} |{:>8}{:>8}{:>8}{:>8}{:>8} |{:>8}\n", kind.name, outcomes.run_count,
                 outcomes.fault_count, outcomes.operation_count, outcomes.right_count, outcomes.error_count,
                 outcomes.opened_count, outcomes.refused_count, outcomes.read_again_count, outcomes.damaged_count,
                 outcomes.lost_tail_count, outcomes.silent_count);
      std::fflush(stdout);
    }
    report[std::string(kind.name)] = {{"runs", outcomes.run_count},
                                      {"faults", outcomes.fault_count},
                                      {"operations", outcomes.operation_count},
                                      {"right", outcomes.right_count},
                                      {"errors", outcomes.error_count},
                                      {"opened", outcomes.opened_count},
                                      {"refused", outcomes.refused_count},
                                      {"right_afterwards", outcomes.read_again_count},
                                      {"damaged_afterwards", outcomes.damaged_count},
                                      {"lost_tail", outcomes.lost_tail_count},
                                      {"silent", outcomes.silent_count}};
  }
  if (kind_count == 0) {
    fmt::print(stderr, "There is no fault '{}'.\n", wanted);
    return 2;
  }
  if (as_json)
    fmt::print("{}\n", report.dump(2));
  else
    fmt::print("{} silent corruptions\n", silent_count);
  return silent_count == 0 ? 0 : 1;
}

}  // namespace aeon
