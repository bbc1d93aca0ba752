// What every System has in common: pools and containers behind an rpc::Channel to each target. Programs use System;
// those who implement one (embedded, over a network, simulated) use this.
//
// Handles that are dropped are closed by a request that nobody waits for; `start` runs it. Whoever depends on their
// being closed awaits settle().
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "placement/router.h"
#include "rpc/channel.h"
#include "runtime/sync.h"

namespace aeon::client {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Runs a task that nobody waits for; from any thread that may drop handles.
  using Start = std::function<void(Task<void>)>;

  // Makes the channel to a target other than 0, on the same executor; `addresses` are where it says that it is.
  using OpenTarget =
      std::function<Result<std::shared_ptr<rpc::Channel>>(uint32_t target, const std::vector<std::string>& addresses)>;

  // `owner` is kept as long as any handle lives: what the channel's executor lives in. `channel` is to target 0.
  // Without `open_target` systems of several targets can't be used.
  Connection(std::shared_ptr<rpc::Channel> channel, Start start, std::shared_ptr<void> owner,
             OpenTarget open_target = nullptr);

  // Agrees on the protocol version, and learns of the targets. First of all calls.
  Task<Status> hello(Duration timeout = rpc::kDefaultTimeout);
  const std::string& system_name() const { return system_name_; }

  Task<Result<std::vector<PoolInfo>>> list_pools();
  Task<Result<std::shared_ptr<Pool>>> connect_pool(std::string pool, Access access);

  // Returns when the handles dropped so far are closed.
  Task<void> settle();
  // The channel is about to go: handles dropped from now on aren't closed.
  void close() { link_->is_closed.store(true); }

  // For the handles of this connection. After hello().
  rpc::Channel& channel(uint32_t target = 0) { return target == 0 ? *link_->channel : *others_[target - 1]; }
  uint32_t target_count() const { return router_.target_count(); }
  // Whether so many targets are better asked by one request to one of them.
  bool asks_collectively(size_t target_count) const {
    return collectives_from_ != 0 && target_count >= collectives_from_;
  }
  const placement::Router& router() const { return router_; }
  void close_pool(uint64_t handle);
  void close_container(uint64_t handle);

 private:
  // What a closing request needs; doesn't keep the owner, so that its end can't be the owner's.
  struct Link {
    Link(std::shared_ptr<rpc::Channel> to) : channel(std::move(to)), changed(channel->executor()) {}
    std::shared_ptr<rpc::Channel> channel;
    Signal changed;
    std::atomic<uint64_t> closing_count{0};
    std::atomic<bool> is_closed{false};
  };
  Status open_targets(const wire::HelloReply& reply);
  template <typename Request>
  static Task<void> close_handle(std::shared_ptr<Link> link, uint64_t handle);

  std::shared_ptr<void> owner_;
  std::shared_ptr<Link> link_;
  Start start_;
  OpenTarget open_target_;
  std::vector<std::shared_ptr<rpc::Channel>> others_;  // To targets 1 and on.
  placement::Router router_{1};
  uint32_t collectives_from_ = 0;
  std::string system_name_;
};

}  // namespace aeon::client
