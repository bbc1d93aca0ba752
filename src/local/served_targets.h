// Those of a served system's targets that run in this process, each with a reactor; the pages about them.
//
//   ServedTargets targets(system, {.begin = 0, .end = 2, …});
//   TRY(targets.start());
//   … targets.reactor().run(…);      // The first one's, which the caller runs; the others have threads.
//   co_await targets.settle();       // On that reactor. In all processes, before the next.
//   co_await targets.stop_clients();
//   co_await targets.close();
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics/http_server.h"
#include "target_host.h"

namespace aeon::local {

class ServedTargets {
 public:
  struct Options {
    uint32_t begin = 0, end = 1;
    std::vector<wire::TargetAddresses> listen;  // Beside the sockets in the directory, by target of all.
    // What clients are told of targets in other processes, by target of all. Of the process with target 0.
    std::vector<wire::TargetAddresses> elsewhere;
    std::string metrics;  // Where the pages are; nowhere if empty.
    std::optional<tls::Identity> identity;
  };

  // `system` outlives it.
  ServedTargets(const HeldSystem& system, Options options) : system_(system), options_(std::move(options)) {}
  // After close(), or if start() was never called.
  ~ServedTargets();

  // Opens the stores and serves. Once; close() follows in any case. Blocking.
  Status start();

  Reactor& reactor() { return hosts_.front()->reactor(); }
  World& world() { return hosts_.front()->world(); }
  bool has_begun() const { return !hosts_.empty(); }
  // Of the targets here, in their order: the socket in the directory first; ports that were left open are chosen.
  std::vector<wire::TargetAddresses> addresses() const;
  // Of the pages; empty if there are none.
  std::string metrics_address() const { return pages_ != nullptr ? pages_->address() : std::string(); }

  // On the reactor, each once.
  Task<void> settle();  // They begin nothing with others, and the pages end.
  Task<void> stop_clients();  // Requests that are there are answered.
  Task<Status> close();  // The stores are closed.

 private:
  Status start_targets();
  Status listen();
  Task<Result<std::unique_ptr<metrics::HttpServer>>> start_pages(std::string address);
  Task<Status> on_all(Task<Status> (TargetHost::*work)());
  Task<void> on_one(size_t index, Task<Status> (TargetHost::*work)(), Status* ended);

  const HeldSystem& system_;
  const Options options_;
  std::vector<std::unique_ptr<TargetHost>> hosts_;
  std::vector<std::unique_ptr<metrics::Source>> elsewhere_;  // The metrics of those with threads.
  std::unique_ptr<metrics::HttpServer> pages_;
};

}  // namespace aeon::local
