// The `daos_engine` program: serves the system in a directory until it is told to stop (SIGTERM, SIGINT).
// `aeon up` starts it; by hand it runs in the foreground. With --engines it starts others of itself (--rank) that do
// so.

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/log.h"
#include "local/directory_server.h"
#include "local/engine_rank.h"
#include "runtime/process.h"

namespace aeon::local {
namespace {

constexpr int kExitFailed = 1;

// What `aeon up` waits for: a line with an address each, or "error", its code, and what went wrong.
void report(int descriptor, const std::string& text) {
  if (descriptor >= 0) report_ready(descriptor, text);
}

int serve(const std::string& directory, ServeOptions options, int ready_descriptor) {
  Result<std::unique_ptr<DirectoryServer>> server = DirectoryServer::open(directory, std::move(options));
  if (!server.is_ok()) {
    report(ready_descriptor, rank_line::kError + status_line(server.status()));
    log::error("engine_failed", {{"directory", directory}, {"status", server.status()}});
    return kExitFailed;
  }
  std::string addresses;
  for (const std::string& address : (*server)->addresses()) {
    addresses += address + "\n";
    log::info("engine_serves", {{"directory", directory}, {"address", address}});
  }
  for (const ServingEngine& engine : (*server)->engines()) {
    if (!engine.metrics.empty()) log::info("engine_metrics", {{"rank", engine.rank}, {"address", engine.metrics}});
  }
  report(ready_descriptor, addresses);
  Status served;
  {
    const StopSignal signal([&server] { (*server)->stop(); });
    served = (*server)->run();
  }
  if (served.is_ok()) {
    log::info("engine_stopped", {{"directory", directory}});
    return 0;
  }
  log::error("engine_failed", {{"directory", directory}, {"status", served}});
  return kExitFailed;
}

int serve_rank(const std::string& directory, const RankOptions& rank) {
  const Status served = serve_as_rank(directory, rank);
  if (served.is_ok()) return 0;
  log::error("engine_failed", {{"directory", directory}, {"rank", rank.rank}, {"status", served}});
  return kExitFailed;
}

// What the engines' keeper says to those that it starts; nothing for people.
void add_rank_options(CLI::App& app, RankOptions& rank) {
  const auto hidden = [&app](const char* name, auto& value) { return app.add_option(name, value)->group(""); };
  const auto needed = {hidden("--targets-begin", rank.targets_begin), hidden("--targets-end", rank.targets_end),
                       hidden("--lock-fd", rank.lock_descriptor), hidden("--keeper-fd", rank.keeper_descriptor)};
  CLI::Option* const number = hidden("--rank", rank.rank);
  for (CLI::Option* const option : needed) number->needs(option);
  hidden("--serve", rank.serve);
  hidden("--elsewhere", rank.elsewhere);
}

int run(int argc, char** argv) {
  hold_stop_signals();
  if (std::getenv("AEON_LOG_LEVEL") == nullptr) log::set_level(log::Level::kInfo);
  CLI::App app("daos_engine: serves the system in a directory to other processes, until SIGTERM", "daos_engine");
  std::string directory;
  ServeOptions options;
  int ready_descriptor = -1;
  app.add_option("DIR", directory, "the system's directory")->required();
  app.add_option(
      "--listen", options.listen,
      "an address beside the socket in DIR: tls:HOST:PORT, tcp:HOST:PORT (port 0: any) or ofi+tcp:HOST:PORT");
  app.add_option("--metrics", options.metrics, "serve /metrics and /healthz by HTTP at tcp:HOST:PORT");
  app.add_option("--certs", options.certificates, "the directory with ca.crt, server.crt and server.key, for tls:");
  app.add_flag("--allow-insecure", options.allow_insecure, "let other hosts come by tcp:, unencrypted and unchecked");
  app.add_option("--engines", options.engines, "serve by so many processes, each with its share of the targets")
      ->check(CLI::Range(1u, kTargetCountMax));
  app.add_option("--ready-fd", ready_descriptor, "write the addresses to this descriptor when it serves, and close it");
  RankOptions rank;
  add_rank_options(app, rank);
  CLI11_PARSE(app, argc, argv);
  if (app.count("--rank") != 0) {
    rank.options = std::move(options);
    return serve_rank(directory, rank);
  }
  if (ready_descriptor >= 0) keep_from_children(ready_descriptor);
  return serve(directory, std::move(options), ready_descriptor);
}

}  // namespace
}  // namespace aeon::local

int main(int argc, char** argv) { return aeon::local::run(argc, argv); }
