// One target of a system: its store, and what serves requests about it. Target 0 has the pool and the containers too.
//
//   Target target(world, std::move(store), {.index = 1, .count = 4});
//   target.join(channels);           // To the others, by their numbers.
//   CO_TRY(co_await target.start()); // Target 0 last: it asks the others.
//   …
//   co_await target.settle();        // All of them, before any stops.
//   CO_TRY(co_await target.stop());
//
// Threading: one executor; targets may have different ones.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "container/container_service.h"
#include "object/object_service.h"
#include "target/asked_handles.h"

namespace aeon::engine {

class Target {
 public:
  struct Options {
    uint32_t index = 0;
    uint32_t count = 1;
    std::string system_name = "local";
    std::string release = "0.1.0";
    rpc::Dispatcher::Options requests;
    rpc::CollectiveOptions collectives;
    // Bytes that stores may still grow by, where something outside of them limits it (a file system). Target 0's.
    std::function<ByteCount()> free_outside;
  };

  Target(World& world, std::unique_ptr<vos::Store> store, Options options);
  // After stop(), or as a crash.
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Channels to all targets, in their order; none to itself. Not needed if it is the only one.
  void join(std::vector<std::shared_ptr<rpc::Channel>> channels);
  // Where clients find each target; told to those who say hello from now on.
  void set_addresses(std::vector<wire::TargetAddresses> addresses) { addresses_ = std::move(addresses); }

  // Loads what the store holds. After a failure only settle(), stop() and the destructor make sense.
  Task<Status> start();
  // Ends what it does with other targets by itself; whatever is left goes on after the next start.
  Task<void> settle();
  // Answers nothing more, waits for requests in progress, and closes the store.
  Task<Status> stop();

  uint32_t index() const { return options_.index; }
  rpc::Dispatcher& dispatcher() { return dispatcher_; }
  const rpc::Dispatcher& dispatcher() const { return dispatcher_; }
  vos::Store& store() { return *store_; }
  // Target 0's.
  pool::PoolService& pool() { return *pool_; }
  // Of the commits over several targets that it has part in.
  const target::CommitService& commits() const { return commits_; }
  // All of the system, and this one.
  target::Targets& targets() { return targets_; }

 private:
  // The store's clock, as messages carry it.
  class StoreClock final : public rpc::EpochClock {
   public:
    StoreClock(vos::Store& store, const Clock& wall) : store_(store), wall_(wall) {}
    Epoch last() const override { return store_.last_epoch(); }
    void observe(Epoch epoch) override;

   private:
    vos::Store& store_;
    const Clock& wall_;
    bool is_told_ = false;  // That a clock isn't followed.
  };

  // What the store remembers of requests.
  class StoreMemory final : public rpc::DoneRequests {
   public:
    explicit StoreMemory(vos::Store& store) : store_(store) {}
    Task<Result<std::optional<DoneRequest>>> find(RequestId id) override { return store_.find_request(id); }

   private:
    vos::Store& store_;
  };

  Result<wire::HelloReply> hello(wire::HelloRequest request, rpc::ServerCall&);

  const Options options_;
  const std::unique_ptr<vos::Store> store_;
  StoreClock clock_;
  StoreMemory memory_;
  target::TargetService service_;
  target::Targets targets_;
  target::CommitService commits_;
  rpc::Dispatcher dispatcher_;
  rpc::Collectives collectives_;
  std::unique_ptr<pool::PoolService> pool_;
  std::unique_ptr<container::ContainerService> containers_;
  std::unique_ptr<target::AskedHandles> asked_handles_;  // Instead of the two, elsewhere than at target 0.
  std::unique_ptr<object::ObjectService> objects_;
  std::vector<wire::TargetAddresses> addresses_;
  bool is_loaded_ = false;
};

}  // namespace aeon::engine
