// The `daos_engine` program: serves the system in a directory until it is told to stop (SIGTERM, SIGINT).
// `aeon up` starts it; by hand it runs in the foreground.

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/log.h"
#include "local/directory_server.h"
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
    report(ready_descriptor, "error " + std::to_string(static_cast<int>(server.status().code())) + " " +
                                 std::string(server.status().message()));
    log::error("engine_failed", {{"directory", directory}, {"status", server.status()}});
    return kExitFailed;
  }
  std::string addresses;
  for (const std::string& address : (*server)->addresses()) {
    addresses += address + "\n";
    log::info("engine_serves", {{"directory", directory}, {"address", address}});
  }
  if (!(*server)->metrics_address().empty()) {
    log::info("engine_metrics", {{"address", (*server)->metrics_address()}});
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
  app.add_option("--ready-fd", ready_descriptor, "write the addresses to this descriptor when it serves, and close it");
  CLI11_PARSE(app, argc, argv);
  return serve(directory, std::move(options), ready_descriptor);
}

}  // namespace
}  // namespace aeon::local

int main(int argc, char** argv) { return aeon::local::run(argc, argv); }
