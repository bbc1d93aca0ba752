// Serves the system in a directory to other processes: its engine, behind sockets, until it is told to stop.
//
//   StopSignal signal;
//   TRY_ASSIGN(auto server, DirectoryServer::open("/data/store", {}));
//   …                       // Clients with AEON_SYSTEM=local:/data/store find it by the socket in the directory.
//   return server->run(…);  // Until stop().
//
// With `engines` the targets are shared out to so many processes (ranks), which this one starts, watches over, and
// starts again when they end. They run the program `daos_engine` beside this one's.
//
// The directory is held meanwhile, as in embedded mode; nothing in it changes its form, so it goes back and forth.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "local/local_system.h"

namespace aeon::local {

struct ServeOptions {
  std::vector<std::string> listen;  // Beside the socket in the directory: "tls:0.0.0.0:10001", "tcp:127.0.0.1:0", …
  std::string certificates;         // A directory as `aeon certs` makes it; "tls:" needs it.
  bool allow_insecure = false;      // "tcp:" that other hosts may reach, unencrypted.
  std::string metrics;              // Where /metrics and /healthz are, by HTTP; nowhere if empty.
  uint32_t engines = 0;             // 0: this process serves by itself. No more than there are targets.
  OpenOptions open;
};

// A process with some of a served system's targets.
struct ServingEngine {
  uint32_t rank = 0;
  int64_t process = 0;  // 0: it has ended, and is started again.
  uint32_t targets_begin = 0, targets_end = 1;
  std::string metrics;  // Where its pages are; empty if there are none.
};

class DirectoryServer {
 public:
  // As LocalSystem::open(); kExists, kPermission for addresses and certificates; kInvalidArgument: too many engines.
  // Blocking.
  static Result<std::unique_ptr<DirectoryServer>> open(const std::string& directory, ServeOptions options);
  virtual ~DirectoryServer() = default;

  virtual const std::string& system_name() const = 0;
  // The socket in the directory first; ports that were left open are chosen.
  virtual std::vector<std::string> addresses() const = 0;
  // By rank.
  virtual std::vector<ServingEngine> engines() const = 0;
  // Serves on this thread until stop(); then answers what is in progress, and gives the directory back. Once.
  virtual Status run() = 0;
  // From any thread.
  virtual void stop() = 0;
};

// What is known of a directory's server without asking it.
struct ServerInfo {
  int64_t process = 0;  // The engine's, or that of the one that watches over the engines.
  std::string socket;                  // Its address in the directory.
  std::vector<std::string> addresses;  // Others.
  std::vector<ServingEngine> engines;  // By rank.
};
// kNotFound if nobody serves it; kBusy, naming who, if somebody uses it otherwise.
Result<ServerInfo> find_server(const std::string& directory);
// Whether there is a system in a directory: kNotFound and kInvalidArgument say what is there instead.
Status check_is_system(const std::string& directory);

}  // namespace aeon::local
