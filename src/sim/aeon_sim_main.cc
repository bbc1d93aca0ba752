// aeon_sim: runs scenarios from seeds, and says how to repeat the one that failed. `aeon_sim crash` looks at crash
// points instead (crash/crash_main.cc).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "crash/crash_main.h"
#include "faults/faults_main.h"
#include "scenarios/scenario.h"
#include "sim/run_in_progress.h"

namespace aeon {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Options {
  uint64_t seed_count = 20;
  uint64_t first_seed = 1;
  bool is_single = false;  // One seed, named by the user.
  std::string scenario;
  bool as_json = false;
};

struct Totals {
  uint64_t run_count = 0;
  uint64_t seed_count = 0;
  uint64_t step_count = 0;
  Duration simulated{};
  SimFaultCounts faults;
  double elapsed_s = 0;
};

struct Run {
  uint64_t seed;
  std::string scenario;
  uint64_t trace_hash;
};

struct Failure {
  uint64_t seed;
  std::string scenario;
  std::string why;
};

std::string how_to_repeat(uint64_t seed, std::string_view scenario) {
  return fmt::format("./dev sim --seed {} --scenario {}", seed, scenario);
}

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

double hours(Duration duration) { return std::chrono::duration<double, std::ratio<3600>>(duration).count(); }

void list_scenarios(bool as_json) {
  nlohmann::json listed = nlohmann::json::array();
  for (const Scenario& scenario : scenarios()) {
    if (as_json)
      listed.push_back({{"name", scenario.name}, {"what", scenario.what}});
    else
      fmt::print("{:16} {}\n", scenario.name, scenario.what);
  }
  if (as_json) fmt::print("{}\n", listed.dump(2));
}

void print_json(const Totals& totals, const std::vector<Run>& runs, const std::vector<Failure>& failures) {
  nlohmann::json report;
  report["seeds"] = totals.seed_count;
  report["runs"] = totals.run_count;
  report["steps"] = totals.step_count;
  report["seconds"] = totals.elapsed_s;
  report["seeds_per_second"] = static_cast<double>(totals.seed_count) / totals.elapsed_s;
  report["simulated_hours"] = hours(totals.simulated);
  report["faults"] = nlohmann::json::object();
  for (const auto& [name, count] : totals.faults.all()) report["faults"][name] = count;
  report["trace"] = nlohmann::json::array();
  for (const Run& run : runs) {
    report["trace"].push_back(
        {{"seed", run.seed}, {"scenario", run.scenario}, {"hash", fmt::format("{:016x}", run.trace_hash)}});
  }
  report["failures"] = nlohmann::json::array();
  for (const Failure& failure : failures) {
    report["failures"].push_back({{"seed", failure.seed},
                                  {"scenario", failure.scenario},
                                  {"why", failure.why},
                                  {"repeat", how_to_repeat(failure.seed, failure.scenario)}});
  }
  fmt::print("{}\n", report.dump(2));
}

void print_text(const Totals& totals, const std::vector<Run>& runs, bool is_single) {
  fmt::print("{} seeds, {} runs in {:.1f} s: {:.1f} seeds/s, {:.2f} simulated hours, {:.1f} M steps\n",
             totals.seed_count, totals.run_count, totals.elapsed_s,
             static_cast<double>(totals.seed_count) / totals.elapsed_s, hours(totals.simulated),
             static_cast<double>(totals.step_count) / 1e6);
  fmt::print("{} fault kinds hit:\n", totals.faults.all().size());
  for (const auto& [name, count] : totals.faults.all()) fmt::print("  {:32} {:>10}\n", name, count);
  if (!is_single) return;
  for (const Run& run : runs)
    fmt::print("trace hash of seed {}, {}: {:016x}\n", run.seed, run.scenario, run.trace_hash);
}

// Stops at the first failure: the seeds after it would only delay its repair.
int run_all(const Options& options, const std::vector<const Scenario*>& chosen) {
  Totals totals;
  std::vector<Run> runs;
  std::vector<Failure> failures;
  const SteadyClock::time_point start = SteadyClock::now();
  double last_progress_s = 0;
  for (uint64_t i = 0; i < options.seed_count && failures.empty(); ++i) {
    const uint64_t seed = options.first_seed + i;
    for (const Scenario* scenario : chosen) {
      const std::string repeat = how_to_repeat(seed, scenario->name);
      const RunInProgress in_progress(
          fmt::format("Seed {} of {} failed; repeat it with: {}", seed, scenario->name, repeat));
      try {
        const ScenarioOutcome outcome = scenario->run(seed);
        totals.step_count += outcome.step_count;
        totals.simulated += outcome.simulated;
        totals.faults.add_all(outcome.faults);
        ++totals.run_count;
        runs.push_back({seed, std::string(scenario->name), outcome.trace_hash});
      } catch (const SimFailure& failure) {
        failures.push_back({seed, std::string(scenario->name), failure.what()});
        fmt::print(stderr, "Seed {} of {} failed: {}\nRepeat it with: {}\n", seed, scenario->name, failure.what(),
                   repeat);
        break;
      }
    }
    ++totals.seed_count;
    totals.elapsed_s = seconds_since(start);
    if (!options.is_single && totals.elapsed_s - last_progress_s > 2) {
      last_progress_s = totals.elapsed_s;
      fmt::print(stderr, "{} of {} seeds, {:.1f} seeds/s\n", totals.seed_count, options.seed_count,
                 static_cast<double>(totals.seed_count) / totals.elapsed_s);
    }
  }
  if (options.as_json)
    print_json(totals, runs, failures);
  else
    print_text(totals, runs, options.is_single);
  return failures.empty() ? 0 : 1;
}

int main_with(int argc, char** argv) {
  Options options;
  bool list = false;
  CLI::App app("Runs Aeon's systems in simulation, from seeds.");
  app.add_option("--seeds", options.seed_count, "How many seeds to run")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{1}, ~uint64_t{0}));
  CLI::Option* seed = app.add_option("--seed", options.first_seed, "Only this seed; with --seeds, the first one");
  app.add_option("--scenario", options.scenario, "Only this scenario");
  app.add_flag("--json", options.as_json, "Print a JSON object");
  app.add_flag("--list", list, "List the scenarios");
  CLI11_PARSE(app, argc, argv);

  if (list) {
    list_scenarios(options.as_json);
    return 0;
  }
  if (seed->count() != 0 && app.get_option("--seeds")->count() == 0) {
    options.is_single = true;
    options.seed_count = 1;
  }
  std::vector<const Scenario*> chosen;
  for (const Scenario& scenario : scenarios()) {
    if (options.scenario.empty() || options.scenario == scenario.name) chosen.push_back(&scenario);
  }
  if (chosen.empty()) {
    fmt::print(stderr, "No scenario '{}'; --list shows them.\n", options.scenario);
    return 2;
  }
  // Faults are what we are here for: the events that report them are of interest only to who asks.
  if (std::getenv("AEON_LOG_LEVEL") == nullptr) log::set_level(log::Level::kOff);
  return run_all(options, chosen);
}

}  // namespace
}  // namespace aeon

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "crash") return aeon::crash_main(argc - 1, argv + 1);
  if (argc > 1 && std::string_view(argv[1]) == "faults") return aeon::faults_main(argc - 1, argv + 1);
  return aeon::main_with(argc, argv);
}
