// All targets of a system in one process, on one executor.
//
//   Engine engine(world, std::move(stores), {.system_name = "local"});
//   CO_TRY(co_await engine.start());
//   rpc::InprocChannel channel(executor, engine.dispatcher());  // Of target 0, where clients begin.
//   …
//   CO_TRY(co_await engine.stop());
//
// It is the same in embedded mode, in an engine's process and in a simulation: only World differs.
// Threading: one executor.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/observer.h"
#include "engine/target.h"

namespace aeon::engine {

class Engine {
 public:
  struct Options {
    std::string system_name = "local";
    std::string release = "0.1.0";
    rpc::Dispatcher::Options requests;
    // Bytes that stores may still grow by, where something outside of them limits it (a file system).
    std::function<ByteCount()> free_outside;
  };

  // In their order; at least one.
  Engine(World& world, std::vector<std::unique_ptr<vos::Store>> targets, Options options);
  // After stop(), or as a crash.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Makes the pool of a store that was just formatted.
  static Task<Status> create_pool(World& world, vos::Store& store, pool::PoolSpec spec);

  // Loads what the stores hold. After a failure only stop() and the destructor make sense.
  Task<Status> start();
  // Answers nothing more, waits for requests in progress, and closes the stores.
  Task<Status> stop();

  uint32_t target_count() const { return static_cast<uint32_t>(targets_.size()); }
  rpc::Dispatcher& dispatcher(uint32_t target = 0) { return targets_.at(target)->dispatcher(); }
  Target& target(uint32_t index) { return *targets_.at(index); }
  // Where clients find each target, if they are on a network.
  void set_addresses(const std::vector<wire::TargetAddresses>& addresses);
  Observer& observer() { return *observer_; }

 private:
  std::vector<std::unique_ptr<Target>> targets_;
  std::unique_ptr<Observer> observer_;
};

}  // namespace aeon::engine
