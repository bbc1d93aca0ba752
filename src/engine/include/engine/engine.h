// The services of one engine over its targets' stores, behind one dispatcher.
//
//   Engine engine(world, std::move(stores), {.system_name = "local"});
//   CO_TRY(co_await engine.start());
//   rpc::InprocChannel channel(executor, engine.dispatcher());
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
#include "object/object_service.h"

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

  // One target per engine for now.
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

  rpc::Dispatcher& dispatcher() { return dispatcher_; }
  const pool::PoolService& pool() const { return pool_; }
  Observer& observer() { return observer_; }

 private:
  Result<wire::HelloReply> hello(wire::HelloRequest request, rpc::ServerCall&);

  const Options options_;
  std::vector<std::unique_ptr<vos::Store>> targets_;
  pool::PoolService pool_;
  container::ContainerService containers_;
  object::ObjectService objects_;
  rpc::Dispatcher dispatcher_;
  Observer observer_;
  bool is_loaded_ = false;
};

}  // namespace aeon::engine
