#include "engine/engine.h"

#include "rpc/inproc_channel.h"

namespace aeon::engine {

Engine::Engine(World& world, std::vector<std::unique_ptr<vos::Store>> stores, Options options) {
  CHECK(!stores.empty());
  const auto count = static_cast<uint32_t>(stores.size());
  std::vector<Observer::Target> observed;
  for (uint32_t index = 0; index < count; ++index) {
    Target::Options target;
    target.index = index;
    target.count = count;
    target.system_name = options.system_name;
    target.release = options.release;
    target.requests = options.requests;
    target.collectives = rpc::kNoCollectives;
    if (index == 0) target.free_outside = options.free_outside;
    targets_.push_back(std::make_unique<Target>(world, std::move(stores[index]), std::move(target)));
    observed.push_back(
        {.index = index, .dispatcher = &targets_.back()->dispatcher(), .store = &targets_.back()->store()});
  }
  for (uint32_t index = 0; count > 1 && index < count; ++index) {
    std::vector<std::shared_ptr<rpc::Channel>> channels(count);
    for (uint32_t other = 0; other < count; ++other) {
      if (other == index) continue;
      channels[other] = std::make_shared<rpc::InprocChannel>(world.executor, targets_[other]->dispatcher());
    }
    targets_[index]->join(std::move(channels));
  }
  Observer::Options observer;
  observer.system_name = options.system_name;
  observer.release = options.release;
  observer.server_life = dispatcher().life();
  observer_ = std::make_unique<Observer>(world, &targets_.front()->pool(), std::move(observed), std::move(observer));
  observer_->add_to(dispatcher());
}

Engine::~Engine() = default;

Task<Status> Engine::create_pool(World& world, vos::Store& store, pool::PoolSpec spec) {
  return pool::PoolService::create(world, store, std::move(spec));
}

void Engine::set_addresses(const std::vector<wire::TargetAddresses>& addresses) {
  for (const auto& target : targets_) target->set_addresses(addresses);
}

Task<Status> Engine::start() {
  for (size_t index = targets_.size(); index-- > 0;) CO_TRY(co_await targets_[index]->start());
  observer_->set_serving(ok());
  co_return ok();
}

Task<Status> Engine::stop() {
  observer_->set_serving(Status(Code::kUnavailable, "the engine is stopping"));
  for (const auto& target : targets_) co_await target->settle();
  Status first = ok();
  for (const auto& target : targets_) {
    Status stopped = co_await target->stop();
    if (first.is_ok()) first = std::move(stopped);
  }
  co_return first;
}

}  // namespace aeon::engine
