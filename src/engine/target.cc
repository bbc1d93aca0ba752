#include "engine/target.h"

#include <algorithm>

#include "base/log.h"
#include "runtime/hybrid_clock.h"

namespace aeon::engine {
namespace {

constexpr uint16_t kSeveralTargetsSince = 3;
// How far before the wall clock a message may move a target's: restarts move it by up to 2 s each, and nobody must be
// able to use the epochs up.
constexpr uint64_t kAheadMax_ns = uint64_t{3600} * 1'000'000'000;

}  // namespace

void Target::StoreClock::observe(Epoch epoch) {
  if (epoch <= store_.last_epoch()) return;
  Status observed(Code::kInvalidArgument, "it is more than an hour ahead");
  if (epoch <= HybridClock::from_unix_ns(wall_.wall_ns() + kAheadMax_ns)) observed = store_.observe(epoch);
  if (observed.is_ok() || std::exchange(is_told_, true)) return;  // Every message of that peer is like this one.
  log::warn("clock_not_followed", {{"epoch", epoch.value}, {"status", observed}});
}

Target::Target(World& world, std::unique_ptr<vos::Store> store, Options options)
    : options_(std::move(options)),
      store_(std::move(store)),
      clock_(*store_, world.clock),
      memory_(*store_),
      service_(*store_),
      targets_(world.executor, service_),
      commits_(world, *store_, service_, targets_),
      dispatcher_(world.executor, world.random.next() | 1, options_.requests),
      collectives_(world.executor, dispatcher_, options_.collectives) {
  CHECK(options_.index < options_.count);
  dispatcher_.serve<wire::HelloRequest>(*this, &Target::hello);
  service_.add_to(dispatcher_);
  commits_.add_to(dispatcher_);
  if (options_.count > 1) dispatcher_.use(clock_);
  dispatcher_.use(memory_);
  if (options_.index != 0) return;
  pool_ = std::make_unique<pool::PoolService>(world, *store_, targets_);
  pool_->limit_space(options_.free_outside);
  containers_ = std::make_unique<container::ContainerService>(world, *store_, targets_, *pool_);
  objects_ = std::make_unique<object::ObjectService>(*store_, *containers_, targets_, commits_);
  pool_->add_to(dispatcher_);
  containers_->add_to(dispatcher_);
  objects_->add_to(dispatcher_);
}

Target::~Target() = default;

void Target::join(std::vector<std::shared_ptr<rpc::Channel>> channels) {
  CHECK(channels.size() == options_.count);
  for (const std::shared_ptr<rpc::Channel>& channel : channels) {
    if (channel != nullptr) channel->use(std::shared_ptr<rpc::EpochClock>(std::shared_ptr<void>(), &clock_));
  }
  collectives_.join(options_.index, channels, [this] { return store_->next_epoch(); });
  collectives_.refuse_through(store_->next_epoch());
  targets_.join(options_.index, std::move(channels), collectives_);
  if (options_.index == 0) return;
  asked_handles_ = std::make_unique<target::AskedHandles>(targets_.channel(0));
  asked_handles_->add_to(dispatcher_);
  objects_ = std::make_unique<object::ObjectService>(*store_, *asked_handles_, targets_, commits_);
  objects_->add_to(dispatcher_);
}

Task<Status> Target::start() {
  CHECK(objects_ != nullptr);
  CO_TRY(co_await commits_.start());
  if (pool_ != nullptr) {
    CO_TRY(co_await pool_->load());
    CO_TRY(co_await containers_->load());
  }
  vos::AggregationPolicy policy;
  policy.is_on = true;
  store_->set_aggregation_policy(policy);
  is_loaded_ = true;
  co_return ok();
}

Task<void> Target::settle() {
  store_->end_space_waits();
  if (containers_ != nullptr) co_await containers_->stop();
  co_await commits_.stop();
}

Task<Status> Target::stop() {
  co_await dispatcher_.stop();
  Status first = ok();
  if (is_loaded_ && containers_ != nullptr) first = co_await containers_->save();
  Status closed = co_await store_->close();
  if (first.is_ok()) first = std::move(closed);
  co_return first;
}

Result<wire::HelloReply> Target::hello(wire::HelloRequest request, rpc::ServerCall&) {
  const std::string speaks = "the client (release " + request.release + ") speaks protocol versions " +
                             std::to_string(request.version_oldest) + " to " + std::to_string(request.version_newest);
  if (request.version_oldest > wire::kProtocolVersion || request.version_newest < wire::kProtocolVersionOldest) {
    return Status(Code::kProtocolMismatch, speaks + ", and this engine (release " + options_.release + ") " +
                                               std::to_string(wire::kProtocolVersionOldest) + " to " +
                                               std::to_string(wire::kProtocolVersion) +
                                               "; install the same release on both sides");
  }
  if (options_.count > 1 && request.version_newest < kSeveralTargetsSince) {
    return Status(Code::kProtocolMismatch, speaks + ", and this system has " + std::to_string(options_.count) +
                                               " targets, which takes version " + std::to_string(kSeveralTargetsSince) +
                                               "; install a newer release");
  }
  wire::HelloReply reply;
  reply.version = std::min(request.version_newest, wire::kProtocolVersion);
  reply.system = options_.system_name;
  reply.release = options_.release;
  reply.target_count = options_.count;
  reply.targets = addresses_;
  reply.collectives_from = collectives_.worth_from();
  return reply;
}

}  // namespace aeon::engine
