#include "engine/observer.h"

#include <algorithm>
#include <tuple>

#include "rpc/server_metrics.h"
#include "store_metrics.h"

namespace aeon::engine {

Observer::Observer(World& world, pool::PoolService* pool, std::vector<Target> targets, Options options)
    : world_(world),
      pool_(pool),
      targets_(std::move(targets)),
      options_(std::move(options)),
      started_(world.executor.now()),
      serving_(Code::kUnavailable, "the engine is starting") {
  registry_.add(*this);
}

void Observer::add_to(rpc::Dispatcher& dispatcher) {
  dispatcher.serve<wire::StatusRequest>(*this, &Observer::status);
  dispatcher.serve<wire::TargetStatusRequest>(*this, &Observer::target_status);
}

uint64_t Observer::uptime_ns() const {
  return static_cast<uint64_t>(std::max(Duration::zero(), world_.executor.now() - started_).count());
}

Status Observer::health() const {
  TRY(serving_);
  for (const Target& target : targets_) {
    if (target.store->media().is_read_only()) continue;  // As it was opened.
    const Status health = target.store->media().health();
    if (!health.is_ok()) return health.within("target " + std::to_string(target.index));
  }
  return ok();
}

// ---- Metrics --------------------------------------------------------------------------------------------------------

Task<void> Observer::collect(metrics::Collection& into) {
  if (pool_ != nullptr) {
    const wire::PoolInfo pool = co_await pool_->info();
    collect_pool(pool, into);
  }
  collect_targets(into);
}

void Observer::collect_pool(const wire::PoolInfo& pool, metrics::Collection& into) const {
  into.gauge("aeon_build_info", "Which release this is, and of which system: always 1.",
             {{"release", options_.release}, {"system", options_.system_name}}, 1);
  into.gauge("aeon_uptime_seconds", "Since the engine started.", {}, static_cast<double>(uptime_ns()) * 1e-9);
  into.gauge("aeon_healthy", "1 if the engine serves requests and its targets take changes.", {},
             health().is_ok() ? 1 : 0);
  into.gauge("aeon_pool_capacity_bytes", "What the pool can hold at most.", {{"pool", pool.label}},
             static_cast<double>(pool.capacity));
  into.gauge("aeon_pool_free_bytes", "What is free of it.", {{"pool", pool.label}}, static_cast<double>(pool.free));
  into.gauge("aeon_pool_containers", "Containers in the pool.", {{"pool", pool.label}}, pool.container_count);
}

void Observer::collect_targets(metrics::Collection& into) const {
  const std::string& pool = pool_ != nullptr ? pool_->label() : options_.pool_label;
  for (const Target& target : targets_) {
    const metrics::Labels labels = {{"target", std::to_string(target.index)}, {"pool", pool}};
    rpc::collect(*target.dispatcher, labels, into);
    engine::collect(*target.store, labels, into);
  }
  for (const rpc::NetworkServer* const server : servers_) {
    rpc::collect(*server, {{"address", server->address()}}, into);
  }
}

Task<metrics::HttpPage> Observer::metrics_page() {
  metrics::HttpPage page;
  page.content_type = metrics::Collection::kContentType;
  page.body = co_await registry_.text();
  co_return page;
}

Task<metrics::HttpPage> Observer::health_page() {
  const Status status = health();
  metrics::HttpPage page;
  page.status = status.is_ok() ? 200 : 503;
  page.body = status.is_ok() ? "ok\n" : status.to_string() + "\n";
  co_return page;
}

void Observer::add_pages(metrics::HttpServer& pages) {
  pages.serve("/metrics", [this] { return metrics_page(); });
  pages.serve("/healthz", [this] { return health_page(); });
}

// ---- Status ---------------------------------------------------------------------------------------------------------

// One that doesn't answer is what there is to tell of it.
void Observer::take_in(Result<wire::StatusReply> other, wire::StatusReply& reply) {
  const Status trouble = !other.is_ok() ? other.status().within("a target doesn't answer") : ok();
  if (reply.is_healthy && (!other.is_ok() || !other->is_healthy)) {
    reply.is_healthy = false;
    reply.trouble = other.is_ok() ? other->trouble : std::string(trouble.message());
  }
  if (!other.is_ok()) return;
  std::ranges::move(other->targets, std::back_inserter(reply.targets));
  std::ranges::move(other->clients, std::back_inserter(reply.clients));
}

Task<void> Observer::add_status_of_others(uint32_t clients_max, wire::StatusReply* reply) {
  constexpr Duration kTimeout = std::chrono::seconds(2);
  wire::TargetStatusRequest request;
  request.clients_max = clients_max;
  std::vector<Result<wire::StatusReply>> others = co_await others_->ask_others(request, kTimeout);
  for (Result<wire::StatusReply>& other : others) take_in(std::move(other), *reply);
}

Task<wire::StatusReply> Observer::own_status() {
  wire::StatusReply reply;
  reply.system = options_.system_name;
  reply.release = options_.release;
  reply.server_life = options_.server_life;
  reply.uptime_ns = uptime_ns();
  const Status healthy = health();
  reply.is_healthy = healthy.is_ok();
  reply.trouble = healthy.message();
  if (pool_ != nullptr) {
    wire::PoolInfo pool = co_await pool_->info();
    reply.pools.push_back(std::move(pool));
  }
  for (const Target& observed : targets_) {
    const media::Space space = observed.store->media().space();
    const media::Counters counters = observed.store->media().counters();
    wire::TargetStatus target;
    target.index = observed.index;
    target.pool = pool_ != nullptr ? pool_->id() : options_.pool;
    target.capacity = space.capacity;
    target.free = space.free;
    target.reclaimable = space.waiting;
    target.memory_used = counters.memory_used;
    target.memory_budget = counters.memory_budget;
    target.log_bytes = counters.log_bytes;
    target.checkpoints = counters.checkpoints;
    target.requests_waiting = observed.dispatcher->waiting();
    target.operations = rpc::operations_of(*observed.dispatcher);
    reply.targets.push_back(std::move(target));
  }
  for (const rpc::NetworkServer* const server : servers_) {
    std::vector<wire::ClientStatus> clients = server->clients(~size_t{0});
    std::ranges::move(clients, std::back_inserter(reply.clients));
  }
  co_return reply;
}

void Observer::limit_clients(uint32_t clients_max, wire::StatusReply& reply) {
  std::ranges::sort(reply.clients, [](const wire::ClientStatus& a, const wire::ClientStatus& b) {
    return std::tuple(b.requests, a.id) < std::tuple(a.requests, b.id);
  });
  reply.client_count = reply.clients.size();
  constexpr size_t kClientsMax = 10'000;
  reply.clients.resize(std::min({reply.clients.size(), size_t{clients_max}, kClientsMax}));
}

Task<Result<wire::StatusReply>> Observer::status(wire::StatusRequest request, rpc::ServerCall&) {
  wire::StatusReply reply = co_await own_status();
  if (others_ != nullptr) co_await add_status_of_others(request.clients_max, &reply);
  limit_clients(request.clients_max, reply);
  co_return reply;
}

Task<Result<wire::StatusReply>> Observer::target_status(wire::TargetStatusRequest request, rpc::ServerCall&) {
  wire::StatusReply reply = co_await own_status();
  limit_clients(request.clients_max, reply);
  co_return reply;
}

}  // namespace aeon::engine
