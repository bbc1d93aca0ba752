#include "engine/engine.h"

#include <algorithm>

namespace aeon::engine {
namespace {

std::vector<vos::Store*> pointers(const std::vector<std::unique_ptr<vos::Store>>& targets) {
  std::vector<vos::Store*> stores;
  for (const auto& target : targets) stores.push_back(target.get());
  return stores;
}

std::vector<Observer::Target> observed(const std::vector<std::unique_ptr<vos::Store>>& targets,
                                       const rpc::Dispatcher& dispatcher) {
  std::vector<Observer::Target> all;
  for (const auto& target : targets) {
    all.push_back({.index = static_cast<uint32_t>(all.size()), .dispatcher = &dispatcher, .store = target.get()});
  }
  return all;
}

}  // namespace

Engine::Engine(World& world, std::vector<std::unique_ptr<vos::Store>> targets, Options options)
    : options_(std::move(options)),
      targets_(std::move(targets)),
      pool_(world, pointers(targets_)),
      containers_(world, *targets_.front(), pool_),
      objects_(*targets_.front(), containers_, static_cast<uint32_t>(targets_.size())),
      dispatcher_(world.executor, world.random.next() | 1, options_.requests),
      observer_(world, pool_, observed(targets_, dispatcher_),
                {.system_name = options_.system_name, .release = options_.release, .server_life = dispatcher_.life()}) {
  CHECK(targets_.size() == 1);
  pool_.limit_space(options_.free_outside);
  dispatcher_.serve<wire::HelloRequest>(*this, &Engine::hello);
  pool_.add_to(dispatcher_);
  containers_.add_to(dispatcher_);
  objects_.add_to(dispatcher_);
  observer_.add_to(dispatcher_);
}

Engine::~Engine() = default;

Task<Status> Engine::create_pool(World& world, vos::Store& store, pool::PoolSpec spec) {
  return pool::PoolService::create(world, store, std::move(spec));
}

Task<Status> Engine::start() {
  CO_TRY(co_await pool_.load());
  CO_TRY(co_await containers_.load());
  vos::AggregationPolicy policy;
  policy.is_on = true;
  for (const auto& target : targets_) target->set_aggregation_policy(policy);
  is_loaded_ = true;
  observer_.set_serving(ok());
  co_return ok();
}

Task<Status> Engine::stop() {
  observer_.set_serving(Status(Code::kUnavailable, "the engine is stopping"));
  co_await dispatcher_.stop();
  Status first = ok();
  if (is_loaded_) first = co_await containers_.save();
  for (const auto& target : targets_) {
    Status closed = co_await target->close();
    if (first.is_ok()) first = std::move(closed);
  }
  co_return first;
}

Result<wire::HelloReply> Engine::hello(wire::HelloRequest request, rpc::ServerCall&) {
  if (request.version_oldest > wire::kProtocolVersion || request.version_newest < wire::kProtocolVersionOldest) {
    return Status(Code::kProtocolMismatch, "the client (release " + request.release + ") speaks protocol versions " +
                                               std::to_string(request.version_oldest) + " to " +
                                               std::to_string(request.version_newest) + ", and this engine (release " +
                                               options_.release + ") " + std::to_string(wire::kProtocolVersionOldest) +
                                               " to " + std::to_string(wire::kProtocolVersion) +
                                               "; install the same release on both sides");
  }
  wire::HelloReply reply;
  reply.version = std::min(request.version_newest, wire::kProtocolVersion);
  reply.system = options_.system_name;
  reply.release = options_.release;
  reply.target_count = static_cast<uint32_t>(targets_.size());
  return reply;
}

}  // namespace aeon::engine
