// What an engine tells of itself: metrics for monitoring, whether it is healthy, and the StatusReply that people's
// tools ask for.
//
//   engine.observer().add(server);                 // Whose clients are to be among them.
//   engine.observer().add_pages(http_server);      // GET /metrics and /healthz.
//
// It keeps no numbers: those who do the work count, and are asked. Docs: docs/operating/metrics.md.
// Threading: one executor, that of the targets.
#pragma once

#include <string>
#include <vector>

#include "metrics/http_server.h"
#include "metrics/registry.h"
#include "pool/pool_service.h"
#include "rpc/dispatcher.h"
#include "rpc/network_server.h"

namespace aeon::engine {

class Observer final : public metrics::Source {
 public:
  // Outlive it.
  struct Target {
    uint32_t index = 0;
    const rpc::Dispatcher* dispatcher = nullptr;  // Of its requests.
    vos::Store* store = nullptr;
  };
  struct Options {
    std::string system_name;
    std::string release;
    uint64_t server_life = 0;
    std::string pool_label;
    Uuid pool;
  };
  // `pool` is that of all targets, and outlives it; null where target 0 isn't.
  Observer(World& world, pool::PoolService* pool, std::vector<Target> targets, Options options);

  // Serves StatusRequests, of clients and of other targets.
  void add_to(rpc::Dispatcher& dispatcher);
  // Servers whose clients and connections are told of, until they are removed.
  void add(const rpc::NetworkServer& server) { servers_.push_back(&server); }
  void remove(const rpc::NetworkServer& server) { std::erase(servers_, &server); }
  // Other targets, each with an observer of its own, whose status is added to this one's. Outlive the use.
  void add_others(target::Targets& targets) { others_ = &targets; }
  // For more sources on the same pages.
  metrics::Registry& registry() { return registry_; }
  // /metrics and /healthz. Outlives the use of `pages`.
  void add_pages(metrics::HttpServer& pages);

  // What the engine's owner knows: whether requests are served. Else `why` is what /healthz answers.
  void set_serving(Status why) { serving_ = std::move(why); }
  // kUnavailable or kReadOnly with the reason, and in which target.
  Status health() const;

  Task<void> collect(metrics::Collection& into) override;
  Task<Result<wire::StatusReply>> status(wire::StatusRequest request, rpc::ServerCall&);
  // Without the others.
  Task<Result<wire::StatusReply>> target_status(wire::TargetStatusRequest request, rpc::ServerCall&);

 private:
  // What this one knows by itself, and what those elsewhere do.
  Task<wire::StatusReply> own_status();
  Task<void> add_status_of_others(uint32_t clients_max, wire::StatusReply* reply);
  static void take_in(Result<wire::StatusReply> other, wire::StatusReply& reply);
  static void limit_clients(uint32_t clients_max, wire::StatusReply& reply);
  Task<metrics::HttpPage> metrics_page();
  Task<metrics::HttpPage> health_page();
  void collect_pool(const wire::PoolInfo& pool, metrics::Collection& into) const;
  void collect_targets(metrics::Collection& into) const;
  uint64_t uptime_ns() const;

  World& world_;
  pool::PoolService* const pool_;
  const std::vector<Target> targets_;
  const Options options_;
  const Instant started_;
  Status serving_;
  std::vector<const rpc::NetworkServer*> servers_;
  target::Targets* others_ = nullptr;
  metrics::Registry registry_;
};

}  // namespace aeon::engine
