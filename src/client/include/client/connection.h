// What every System has in common: pools and containers behind one rpc::Channel. Programs use System; those who
// implement one (embedded, over a network, simulated) use this.
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
#include "rpc/channel.h"
#include "runtime/sync.h"

namespace aeon::client {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Runs a task that nobody waits for; from any thread that may drop handles.
  using Start = std::function<void(Task<void>)>;

  // `owner` is kept as long as any handle lives: what the channel's executor lives in.
  Connection(std::shared_ptr<rpc::Channel> channel, Start start, std::shared_ptr<void> owner);

  // Agrees on the protocol version. First of all calls.
  Task<Status> hello(Duration timeout = rpc::kDefaultTimeout);
  const std::string& system_name() const { return system_name_; }

  Task<Result<std::vector<PoolInfo>>> list_pools();
  Task<Result<std::shared_ptr<Pool>>> connect_pool(std::string pool, Access access);

  // Returns when the handles dropped so far are closed.
  Task<void> settle();
  // The channel is about to go: handles dropped from now on aren't closed.
  void close() { link_->is_closed.store(true); }

  // For the handles of this connection.
  rpc::Channel& channel() { return *link_->channel; }
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
  template <typename Request>
  static Task<void> close_handle(std::shared_ptr<Link> link, uint64_t handle);

  std::shared_ptr<void> owner_;
  std::shared_ptr<Link> link_;
  Start start_;
  std::string system_name_;
};

}  // namespace aeon::client
