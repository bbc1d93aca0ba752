#include "crash_main.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "crash_run.h"
#include "sim/run_in_progress.h"

namespace aeon {

namespace {

using SteadyClock = std::chrono::steady_clock;

struct Options {
  uint64_t point_count = 20'000;
  uint64_t first_seed = 1;
  std::optional<uint64_t> only_point;
  uint64_t stride = 1;
  std::string workload;
  uint64_t job_count = 1;
  bool as_json = false;
};

struct Failure {
  std::string repeat;
  std::string why;
};

// What one job found.
struct Findings {
  std::vector<CrashTotals> totals;  // By workload.
  std::vector<Failure> failures;
};

std::string how_to_repeat(std::string_view workload, uint64_t seed, uint64_t point) {
  std::string command = fmt::format("./dev crash --workload {} --seed {}", workload, seed);
  if (point != kNever) command += fmt::format(" --point {}", point);
  return command;
}

// Runs are numbered: workloads take turns, then comes the next seed. A job takes every job_count-th.
Findings work(const Options& options, const std::vector<CrashWorkload>& chosen, uint64_t job) {
  Findings findings;
  findings.totals.resize(chosen.size());
  const uint64_t share = options.point_count / options.job_count;
  uint64_t done = 0;
  for (uint64_t run = job; done < share && findings.failures.empty(); run += options.job_count) {
    const CrashWorkload& workload = chosen[run % chosen.size()];
    const uint64_t seed = options.first_seed + run / chosen.size();
    CrashTotals& totals = findings.totals[run % chosen.size()];
    std::optional<RunInProgress> in_progress;
    in_progress.emplace(fmt::format("A run failed; repeat it with: {}", how_to_repeat(workload.name, seed, kNever)));
    CrashRunOptions run_options;
    run_options.only_point = options.only_point;
    run_options.stride = options.stride;
    // No more than this job's share; a single point is looked for in all of the run.
    if (!options.only_point) run_options.point_count_max = share - done;
    const uint64_t before = totals.point_count;
    const auto on_point = [&](uint64_t point) {
      in_progress.reset();
      in_progress.emplace(
          fmt::format("A crash point failed; repeat it with: {}", how_to_repeat(workload.name, seed, point)));
    };
    const std::optional<CrashFailure> failure = run_crash_seed(workload, seed, run_options, on_point, totals);
    done += totals.point_count - before;
    if (failure) {
      findings.failures.push_back({how_to_repeat(workload.name, seed, failure->point), failure->why});
      fmt::print(stderr, "{} seed {}: {}\nRepeat it with: {}\n", workload.name, seed, failure->why,
                 findings.failures.back().repeat);
    }
    if (options.only_point) break;
  }
  return findings;
}

nlohmann::json to_json(const CrashTotals& totals) {
  nlohmann::json kinds = nlohmann::json::object();
  for (size_t i = 0; i < kCrashImageKindCount; ++i) {
    kinds[std::string(name_of(static_cast<CrashImageKind>(i)))] = totals.by_kind[i];
  }
  return {{"runs", totals.run_count},
          {"lives", totals.life_count},
          {"moments", totals.moment_count},
          {"points", totals.point_count},
          {"by_image", kinds},
          {"after",
           {{"write", totals.after_write},
            {"durable_write", totals.after_durable_write},
            {"discard", totals.after_discard},
            {"flush_end", totals.after_flush},
            {"durable_write_end", totals.after_durable_end},
            {"nothing", totals.before_any}}},
          {"exhaustive", totals.exhaustive_count},
          {"pending_max", totals.pending_max},
          {"went_on", totals.went_on_count},
          {"emptied", totals.emptied_count}};
}

CrashTotals totals_from(const nlohmann::json& json) {
  CrashTotals totals;
  totals.run_count = json["runs"];
  totals.life_count = json["lives"];
  totals.moment_count = json["moments"];
  totals.point_count = json["points"];
  for (size_t i = 0; i < kCrashImageKindCount; ++i) {
    totals.by_kind[i] = json["by_image"][std::string(name_of(static_cast<CrashImageKind>(i)))];
  }
  totals.after_write = json["after"]["write"];
  totals.after_durable_write = json["after"]["durable_write"];
  totals.after_discard = json["after"]["discard"];
  totals.after_flush = json["after"]["flush_end"];
  totals.after_durable_end = json["after"]["durable_write_end"];
  totals.before_any = json["after"]["nothing"];
  totals.exhaustive_count = json["exhaustive"];
  totals.pending_max = json["pending_max"];
  totals.went_on_count = json["went_on"];
  totals.emptied_count = json["emptied"];
  return totals;
}

nlohmann::json to_json(const Findings& findings) {
  nlohmann::json json;
  json["totals"] = nlohmann::json::array();
  for (const CrashTotals& totals : findings.totals) json["totals"].push_back(to_json(totals));
  json["failures"] = nlohmann::json::array();
  for (const Failure& failure : findings.failures) {
    json["failures"].push_back({{"repeat", failure.repeat}, {"why", failure.why}});
  }
  return json;
}

// Each job in a process of its own, which tells what it found through a pipe. False if one ended by a signal.
bool work_in_processes(const Options& options, const std::vector<CrashWorkload>& chosen, Findings& all) {
  struct Job {
    pid_t process;
    int from;
  };
  std::vector<Job> jobs;
  for (uint64_t job = 0; job < options.job_count; ++job) {
    int ends[2];
    if (::pipe(ends) != 0) return false;
    const pid_t process = ::fork();
    if (process < 0) return false;
    if (process == 0) {
      ::close(ends[0]);
      const std::string text = to_json(work(options, chosen, job)).dump();
      for (size_t at = 0; at < text.size();) {
        const ssize_t written = ::write(ends[1], text.data() + at, text.size() - at);
        if (written <= 0) ::_exit(1);
        at += static_cast<size_t>(written);
      }
      ::_exit(0);
    }
    ::close(ends[1]);
    jobs.push_back({process, ends[0]});
  }
  bool all_ended_well = true;
  all.totals.resize(chosen.size());
  for (const Job& job : jobs) {
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(job.from, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(got));
    ::close(job.from);
    int state = 0;
    ::waitpid(job.process, &state, 0);
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (state != 0 || json.is_discarded()) {
      all_ended_well = false;
      continue;
    }
    for (size_t i = 0; i < chosen.size(); ++i) all.totals[i].add(totals_from(json["totals"][i]));
    for (const nlohmann::json& failure : json["failures"]) all.failures.push_back({failure["repeat"], failure["why"]});
  }
  return all_ended_well;
}

void print_text(const std::vector<CrashWorkload>& chosen, const Findings& findings, const CrashTotals& sum,
                double elapsed_s) {
  fmt::print("{} crash points at {} moments of {} runs ({} lives) in {:.1f} s: {:.0f} points/s\n", sum.point_count,
             sum.moment_count, sum.run_count, sum.life_count, elapsed_s,
             static_cast<double>(sum.point_count) / elapsed_s);
  fmt::print(
      "{} at moments with at most 3 pending writes, of which every subset was looked at; up to {} were pending\n",
      sum.exhaustive_count, sum.pending_max);
  fmt::print("{} were worked on and opened again, {} emptied\n", sum.went_on_count, sum.emptied_count);
  fmt::print("{:28}", "");
  for (const CrashWorkload& workload : chosen) fmt::print("{:>10}", workload.name);
  fmt::print("\n");
  const auto row = [&](std::string_view name, const std::function<uint64_t(const CrashTotals&)>& of) {
    fmt::print("  {:26}", name);
    for (const CrashTotals& totals : findings.totals) fmt::print("{:>10}", of(totals));
    fmt::print("\n");
  };
  row("points", [](const CrashTotals& totals) { return totals.point_count; });
  for (size_t i = 0; i < kCrashImageKindCount; ++i) {
    row(fmt::format("image: {}", name_of(static_cast<CrashImageKind>(i))),
        [i](const CrashTotals& totals) { return totals.by_kind[i]; });
  }
  row("after a write", [](const CrashTotals& totals) { return totals.after_write; });
  row("after a durable write began", [](const CrashTotals& totals) { return totals.after_durable_write; });
  row("after a durable write ended", [](const CrashTotals& totals) { return totals.after_durable_end; });
  row("after a flush ended", [](const CrashTotals& totals) { return totals.after_flush; });
  row("after a discard", [](const CrashTotals& totals) { return totals.after_discard; });
  row("before anything", [](const CrashTotals& totals) { return totals.before_any; });
}

}  // namespace

int crash_main(int argc, char** argv) {
  Options options;
  CLI::App app("Looks at what a crash may leave, at every write and flush of random work on the stores.");
  app.add_option("--points", options.point_count, "How many crash points to look at")->capture_default_str();
  app.add_option("--seed", options.first_seed, "The first seed")->capture_default_str();
  app.add_option("--workload", options.workload, "Only this workload");
  app.add_option("--point", options.only_point, "Only this point of the seed's run");
  app.add_option("--stride", options.stride, "Look at every so manieth point, and so at more seeds")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--jobs", options.job_count, "Processes to use")->capture_default_str()->check(CLI::Range(1, 256));
  app.add_flag("--json", options.as_json, "Print a JSON object");
  CLI11_PARSE(app, argc, argv);

  std::vector<CrashWorkload> chosen;
  for (const CrashWorkload& workload : crash_workloads()) {
    if (options.workload.empty() || options.workload == workload.name) chosen.push_back(workload);
  }
  if (chosen.empty() || (options.only_point && chosen.size() != 1)) {
    std::string names;
    for (const CrashWorkload& workload : crash_workloads()) names += fmt::format(" {}", workload.name);
    fmt::print(stderr, "Name one workload; there are:{}\n", names);
    return 2;
  }
  if (std::getenv("AEON_LOG_LEVEL") == nullptr) log::set_level(log::Level::kOff);

  // Opening takes buffers of a MiB: to get them from the system anew each time would take longer than all the rest.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  const SteadyClock::time_point start = SteadyClock::now();
  Findings findings;
  bool all_ended_well = true;
  if (options.job_count == 1 || options.only_point) {
    options.job_count = 1;
    findings = work(options, chosen, 0);
  } else {
    all_ended_well = work_in_processes(options, chosen, findings);
  }
  const double elapsed_s = std::chrono::duration<double>(SteadyClock::now() - start).count();
  CrashTotals sum;
  for (const CrashTotals& totals : findings.totals) sum.add(totals);
  if (options.as_json) {
    nlohmann::json report = to_json(findings);
    for (size_t i = 0; i < chosen.size(); ++i) report["totals"][i]["workload"] = chosen[i].name;
    report["points"] = sum.point_count;
    report["seconds"] = elapsed_s;
    fmt::print("{}\n", report.dump(2));
  } else {
    print_text(chosen, findings, sum, elapsed_s);
  }
  if (!findings.failures.empty() || !all_ended_well) return 1;
  if (options.only_point && sum.point_count == 0) {
    fmt::print(stderr, "The run has no point {}.\n", *options.only_point);
    return 2;
  }
  return 0;
}

}  // namespace aeon
