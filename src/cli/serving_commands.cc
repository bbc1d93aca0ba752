// The verbs of `aeon`: a system's directory is served by a process of its own, and taken back.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/invocation.h"
#include "client/network_system.h"
#include "local/directory_server.h"
#include "local/engine_rank.h"
#include "local/local_system.h"
#include "metrics/load.h"
#include "runtime/process.h"
#include "target_count.h"
#include "top_page.h"

namespace aeon::cli {
namespace {

constexpr Duration kReadyTimeout = std::chrono::minutes(5);  // A long log to replay, on a slow disk.
constexpr Duration kStopTimeout = std::chrono::minutes(1);
constexpr Duration kAnswerTimeout = std::chrono::seconds(10);
constexpr Duration kOneAnswerTimeout = std::chrono::seconds(1);
constexpr timespec kPauseBesideTheEnding{.tv_sec = 0, .tv_nsec = 20'000'000};
constexpr const char* kLogFile = "engine.log";
constexpr uint32_t kClientsAsked = 1000;
constexpr std::string_view kErrorWord = local::rank_line::kError;

// DIR, --local, or AEON_SYSTEM.
Result<std::string> named_directory(Invocation& invocation) {
  if (invocation.has("DIR")) return invocation.text("DIR");
  const std::string local = invocation.text("--local");
  return local::directory_of_system(local.empty() ? std::string() : "local:" + local);
}

// As the shell of another directory would write it.
std::string absolute(const std::string& directory) {
  char path[PATH_MAX];
  return ::realpath(directory.c_str(), path) != nullptr ? std::string(path) : directory;
}

std::vector<std::string> engine_command(Invocation& invocation, const std::string& directory) {
  std::vector<std::string> words = {program_folder() + "/daos_engine", absolute(directory)};
  for (const std::string& address : invocation.texts("--listen")) words.push_back("--listen=" + address);
  if (invocation.has("--metrics")) words.push_back("--metrics=" + invocation.text("--metrics"));
  if (invocation.has("--certs")) words.push_back("--certs=" + absolute(invocation.text("--certs")));
  if (invocation.has("--allow-insecure")) words.push_back("--allow-insecure");
  if (invocation.has("--engines")) words.push_back("--engines=" + invocation.text("--engines"));
  return words;
}

// Makes a system where there is none.
Result<bool> make_if_missing(Invocation& invocation, const std::string& directory, uint32_t target_count) {
  local::CreateOptions options;
  options.target_count = target_count;
  const Status created = local::LocalSystem::create(directory, options);
  if (created.is_ok()) {
    invocation.output().remark("Made a new system in {}.", absolute(directory));
    return true;
  }
  // What is there may be a system; if it isn't, the engine says so.
  if (created.code() == Code::kExists || created.code() == Code::kBusy) return false;
  return created;
}

// As find_server(), and it answers. One that was killed keeps the directory until the last of its threads is gone, and
// engines do until they notice that their keeper is: this waits for that. kBusy: it has the directory, and says
// nothing.
Result<local::ServerInfo> find_server_that_answers(const std::string& directory) {
  const auto deadline = std::chrono::steady_clock::now() + kAnswerTimeout;
  while (true) {
    TRY_ASSIGN(local::ServerInfo server, local::find_server(directory));
    const bool has_ended = wait_for_end(server.process, Duration::zero()).is_ok();
    const Status asked = has_ended ? Status(Code::kUnavailable, "only the engines that it started still run")
                                   : client::EngineStatus::connect(server.socket, kOneAnswerTimeout).status();
    if (asked.code() != Code::kUnavailable) return server;  // Also what it refuses is an answer.
    if (std::chrono::steady_clock::now() >= deadline) {
      return Status(Code::kBusy, fmt::format("process {} has {}, but {}; 'aeon down --force' ends it", server.process,
                                             absolute(directory), asked.message()));
    }
    ::nanosleep(&kPauseBesideTheEnding, nullptr);
  }
}

Result<int64_t> start_engine(Invocation& invocation, const std::string& directory) {
  const std::string log = directory + "/" + kLogFile;
  TRY_ASSIGN(Daemon engine, Daemon::start(engine_command(invocation, directory), log));
  TRY_ASSIGN(const std::string report, engine.read_report(kReadyTimeout));
  if (report.starts_with(kErrorWord)) return local::parse_status_line(report.substr(kErrorWord.size()));
  if (report.empty()) return Status(Code::kUnavailable, fmt::format("the engine ended at once; {} may say why", log));
  return engine.pid();
}

void show_server(Invocation& invocation, const std::string& directory, const local::ServerInfo& server) {
  Json& response = invocation.output().response();
  response["directory"] = absolute(directory);
  response["process"] = server.process;
  response["addresses"] = Json::array({server.socket});
  for (const std::string& address : server.addresses) response["addresses"].push_back(address);
  response["engines"] = Json::array();
  for (const local::ServingEngine& engine : server.engines) {
    Json& object = response["engines"].emplace_back();
    object["rank"] = engine.rank;
    object["process"] = engine.process != 0 ? Json(engine.process) : Json();
    object["targets"] = Json::array();
    for (uint32_t target = engine.targets_begin; target < engine.targets_end; ++target) {
      object["targets"].push_back(target);
    }
    if (!engine.metrics.empty()) object["metrics"] = engine.metrics;
  }
  // Of the first; each has its own.
  if (!server.engines.empty() && !server.engines.front().metrics.empty()) {
    response["metrics"] = server.engines.front().metrics;
  }
}

// "tcp:HOST:PORT" as browsers write it.
std::string metrics_url(const std::string& address) {
  return "http://" + address.substr(address.find(':') + 1) + "/metrics";
}

// A new system gets as many targets as it has engines, unless it is said.
Result<uint32_t> choose_target_count(Invocation& invocation, uint64_t engine_count) {
  if (!invocation.has("--targets")) return static_cast<uint32_t>(engine_count);
  TRY_ASSIGN(const uint32_t target_count, parse_target_count(invocation));
  if (engine_count <= target_count) return target_count;
  return Status(Code::kInvalidArgument,
                fmt::format("{} engines need at least as many targets: --targets {}", engine_count, engine_count));
}

Result<uint64_t> parse_engine_count(Invocation& invocation) {
  if (!invocation.has("--engines")) return uint64_t{1};
  TRY_ASSIGN(const uint64_t count, invocation.number("--engines"));
  if (count >= 1 && count <= local::kTargetCountMax) return count;
  return Status(Code::kInvalidArgument, fmt::format("--engines is 1 to {}", local::kTargetCountMax));
}

void show_engines(Output& output, const local::ServerInfo& server) {
  if (server.engines.size() <= 1) return;
  for (const local::ServingEngine& engine : server.engines) {
    const uint32_t last = engine.targets_end - 1;
    output.line("Engine {:<4} {}, {}{}", engine.rank,
                engine.process != 0 ? fmt::format("process {}", engine.process) : "has ended and is started again",
                last == engine.targets_begin ? fmt::format("target {}", last)
                                             : fmt::format("targets {} to {}", engine.targets_begin, last),
                engine.metrics.empty() ? std::string() : ", metrics at " + metrics_url(engine.metrics));
  }
}

Status up(Invocation& invocation) {
  TRY_ASSIGN(const uint64_t engine_count, parse_engine_count(invocation));
  TRY_ASSIGN(const uint32_t target_count, choose_target_count(invocation, engine_count));
  invocation.note_system_use();
  TRY_ASSIGN(const std::string directory, named_directory(invocation));
  Output& output = invocation.output();
  Result<local::ServerInfo> server = find_server_that_answers(directory);
  if (invocation.has("--targets")) TRY(check_target_count(directory, target_count));
  if (server.is_ok()) {
    if (invocation.has("--engines") && server->engines.size() != engine_count) {
      return Status(Code::kExists,
                    fmt::format("process {} serves {} by {} already; 'aeon down' first", server->process,
                                absolute(directory), count_text(server->engines.size(), "engine", "engines")));
    }
    show_server(invocation, directory, *server);
    output.remark("Process {} serves {} already.", server->process, absolute(directory));
    return ok();
  }
  if (server.code() == Code::kBusy) return server.status();
  const auto begun = std::chrono::steady_clock::now();
  TRY(make_if_missing(invocation, directory, target_count).status());
  if (invocation.has("--foreground")) {
    std::vector<std::string> words = engine_command(invocation, directory);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    ::execv(pointers[0], pointers.data());
    return Status(Code::kNotFound, fmt::format("can't run {}: {}", words[0], std::strerror(errno)));
  }
  TRY_ASSIGN(const int64_t process, start_engine(invocation, directory));
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
  TRY_ASSIGN(server, local::find_server(directory));
  show_server(invocation, directory, *server);
  output.response()["ready_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  output.remark("Process {} serves {}; it was ready in {}.", process, absolute(directory), duration_text(took));
  for (const std::string& address : server->addresses) output.remark("It listens at {} too.", address);
  for (const local::ServingEngine& engine : server->engines) {
    if (!engine.metrics.empty()) output.remark("Metrics are at {}.", metrics_url(engine.metrics));
  }
  if (invocation.has("--certs"))
    output.remark("Clients there need AEON_CERTS=DIR, with ca.crt, client.crt, client.key.");
  output.remark("");
  output.remark("  export AEON_SYSTEM=local:{}   # as without a server", absolute(directory));
  output.remark("  daos pool list");
  output.remark("  aeon status                   # who serves it, and what it holds");
  output.remark("  aeon top                      # what goes on");
  output.remark("  aeon down                     # take it back");
  return ok();
}

// Of one alone the pool's line says as much.
void show_targets(Output& output, const wire::StatusReply& told) {
  output.response()["targets"] = Json::array();
  for (const wire::TargetStatus& target : told.targets) {
    Json& object = output.response()["targets"].emplace_back();
    object["index"] = target.index;
    object["capacity"] = target.capacity;
    object["free"] = target.free;
    object["memory_used"] = target.memory_used;
    object["memory_budget"] = target.memory_budget;
    object["waiting"] = target.requests_waiting;
    if (told.targets.size() == 1) continue;
    output.line("Target {:<4} {} used, memory {} of {}, {} waiting", target.index,
                size_text(target.capacity - std::min(target.free, target.capacity)), size_text(target.memory_used),
                size_text(target.memory_budget), count_text(target.requests_waiting, "request", "requests"));
  }
}

Status status(Invocation& invocation) {
  invocation.note_system_use();
  TRY_ASSIGN(const std::string directory, named_directory(invocation));
  TRY_ASSIGN(const local::ServerInfo server, local::find_server(directory));
  show_server(invocation, directory, server);
  TRY_ASSIGN(const std::unique_ptr<client::EngineStatus> engine, client::EngineStatus::connect(server.socket));
  TRY_ASSIGN(const wire::StatusReply told, engine->ask(0));
  Output& output = invocation.output();
  const Duration uptime(static_cast<int64_t>(told.uptime_ns));
  // One client asks just now.
  const uint64_t clients = told.client_count == 0 ? 0 : told.client_count - 1;
  output.response()["system"] = told.system;
  output.response()["release"] = told.release;
  output.response()["uptime_s"] = std::chrono::duration<double>(uptime).count();
  output.response()["healthy"] = told.is_healthy;
  output.response()["trouble"] = told.trouble;
  output.response()["clients"] = clients;
  output.response()["pools"] = Json::array();
  output.line("Directory   {}", absolute(directory));
  output.line("System      {}", printable(told.system));
  output.line("Served by   process {}, up {}, {}", server.process, duration_text(uptime),
              count_text(clients, "client", "clients"));
  output.line("Health      {}", told.is_healthy ? "good" : printable(told.trouble));
  output.line("Addresses   {}", server.socket);
  for (const std::string& address : server.addresses) output.line("            {}", address);
  if (server.engines.size() == 1 && !server.engines.front().metrics.empty()) {
    output.line("Metrics     {}", metrics_url(server.engines.front().metrics));
  }
  show_engines(output, server);
  for (const wire::PoolInfo& pool : told.pools) {
    Json& object = output.response()["pools"].emplace_back();
    object["uuid"] = pool.id.to_string();
    object["label"] = pool.label;
    object["targets"] = pool.target_count;
    object["capacity"] = pool.capacity;
    object["free"] = pool.free;
    object["containers"] = pool.container_count;
    output.line("Pool        {}: {}, {} free", pool.label.empty() ? pool.id.to_string() : printable(pool.label),
                count_text(pool.container_count, "container", "containers"), size_text(pool.free));
  }
  show_targets(output, told);
  return ok();
}

Status down(Invocation& invocation) {
  invocation.note_system_use();
  TRY_ASSIGN(const std::string directory, named_directory(invocation));
  Output& output = invocation.output();
  const Result<local::ServerInfo> server = local::find_server(directory);
  output.response()["directory"] = absolute(directory);
  output.response()["was_served"] = server.is_ok();
  if (server.code() == Code::kNotFound) {
    // Only if it is a system's; somebody else's directory is a mistake.
    TRY(local::check_is_system(directory));
    output.remark("Nobody serves {}.", absolute(directory));
    return ok();
  }
  TRY(server.status());
  const bool by_force = invocation.has("--force");
  const Status signaled = signal_process(server->process, by_force);
  if (!by_force || signaled.code() != Code::kNotFound) TRY(signaled);  // A keeper's engines may hang without it.
  Status ended = wait_for_end(server->process, kStopTimeout);
  if (by_force) {
    for (const local::ServingEngine& engine : server->engines) {
      if (engine.process == 0 || engine.process == server->process) continue;
      ignore(signal_process(engine.process, true), "it may have ended by itself meanwhile");
      if (ended.is_ok()) ended = wait_for_end(engine.process, kStopTimeout);
    }
  }
  if (ended.code() == Code::kTimedOut) {
    return Status(Code::kTimedOut, fmt::format("process {} hasn't stopped yet; 'aeon down --force' ends it, and the "
                                               "next to open the directory recovers from its log",
                                               server->process));
  }
  TRY(ended);
  output.remark("Process {} has stopped; {} is free.", server->process, absolute(directory));
  return ok();
}

volatile std::sig_atomic_t is_interrupted = 0;

Status top(Invocation& invocation) {
  invocation.note_system_use();
  TRY_ASSIGN(const std::string directory, named_directory(invocation));
  uint64_t interval_ms = 1000, count = 0;
  if (invocation.has("--interval")) {
    TRY_ASSIGN(interval_ms, invocation.number("--interval"));
    if (interval_ms < 10 || interval_ms > 3'600'000) {
      return Status(Code::kInvalidArgument, "--interval is 10 to 3600000 ms");
    }
  }
  Output& output = invocation.output();
  const bool is_live = !output.is_json() && !invocation.has("--count") && ::isatty(STDOUT_FILENO) != 0;
  if (!is_live) count = 1;
  if (invocation.has("--count")) {
    TRY_ASSIGN(count, invocation.number("--count"));
  }
  TRY_ASSIGN(const local::ServerInfo server, local::find_server(directory));
  TRY_ASSIGN(const std::unique_ptr<client::EngineStatus> engine, client::EngineStatus::connect(server.socket));
  TRY_ASSIGN(wire::StatusReply before, engine->ask(kClientsAsked));
  if (is_live) ::signal(SIGINT, [](int) { is_interrupted = 1; });
  if (output.is_json()) output.response()["intervals"] = Json::array();
  for (uint64_t shown = 0; (is_live || shown < count) && is_interrupted == 0; ++shown) {
    const timespec pause{.tv_sec = static_cast<time_t>(interval_ms / 1000),
                         .tv_nsec = static_cast<long>(interval_ms % 1000 * 1'000'000)};
    if (::nanosleep(&pause, nullptr) != 0) break;
    TRY_ASSIGN(wire::StatusReply now, engine->ask(kClientsAsked));
    const metrics::Load load = metrics::load_between(&before, now);
    if (output.is_json()) {
      output.response()["intervals"].push_back(top_json(now, load));
    } else {
      // Home, and each line and what is below it cleared.
      output.write_raw((is_live ? "\x1b[H\x1b[J" : "") + top_page(now, load) + "\n");
      std::fflush(stdout);
    }
    before = std::move(now);
  }
  return ok();
}

Argument directory_argument() {
  return {.name = "DIR", .help = "the system's directory", .is_optional = true, .completes = Completes::kFile};
}

}  // namespace

std::vector<Verb> serving_verbs() {
  return {
      {.group = "",
       .name = "up",
       .aliases = {},
       .summary = "serve the system in a directory to other processes",
       .description =
           "Starts an engine in the background, which holds the directory until 'aeon down'; a directory without a "
           "system gets a new one. Programs go on naming it local:DIR. What the engine has to say is in engine.log "
           "there.",
       .arguments = {directory_argument()},
       .options = {{.name = "--listen",
                    .value = "ADDRESS",
                    .help = "be reachable there too, not only by the socket in DIR: tls:HOST:PORT with --certs, or "
                            "on this host tcp:HOST:PORT (port 0: any); by libfabric ofi+tcp:HOST:PORT and others",
                    .is_repeatable = true},
                   {.name = "--metrics",
                    .value = "ADDRESS",
                    .help = "serve /metrics (Prometheus) and /healthz by HTTP at tcp:HOST:PORT; each engine has its "
                            "own, at the ports that follow"},
                   {.name = "--certs",
                    .value = "DIR",
                    .help = "certificates for tls:, as 'aeon certs' makes them: ca.crt, server.crt, server.key",
                    .completes = Completes::kFile},
                   {.name = "--allow-insecure",
                    .value = "",
                    .help = "with tcp: to a network: what crosses it isn't encrypted, and anybody may come"},
                   targets_option(),
                   {.name = "--engines",
                    .value = "N",
                    .help = "serve by N processes, each with its share of the targets and watched over: one that ends "
                            "is started again. A new system gets N targets then"},
                   {.name = "--foreground", .value = "", .help = "run the engine here, until it is interrupted"}},
       .run = up},
      {.group = "",
       .name = "status",
       .aliases = {},
       .summary = "who serves a directory, and what it holds",
       .description = "Fails if nobody does.",
       .arguments = {directory_argument()},
       .options = {},
       .run = status},
      {.group = "",
       .name = "top",
       .aliases = {},
       .summary = "what the engine does: rates, latencies and space, by target, operation and client",
       .description = "On a terminal a page that is renewed until Ctrl-C, elsewhere one. Latencies are from a "
                      "request's turn until "
                      "its answer, of the interval.",
       .arguments = {directory_argument()},
       .options = {{.name = "--interval", .value = "MS", .help = "what a page is about; 1000 by default"},
                   {.name = "--count", .value = "N", .help = "so many pages, one below the other"}},
       .run = top},
      {.group = "",
       .name = "down",
       .aliases = {},
       .summary = "stop serving a directory",
       .description = "What is in progress is answered and everything is durable when it returns.",
       .arguments = {directory_argument()},
       .options = {{.name = "--force",
                    .value = "",
                    .help = "end the engine at once; what it acknowledged is in its log"}},
       .run = down},
  };
}

}  // namespace aeon::cli
