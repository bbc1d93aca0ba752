// Client and server in one process, on one executor. Requests and answers are encoded, checked and decoded as
// anywhere; bulk data isn't copied: the server works on the caller's memory.
#pragma once

#include "rpc/channel.h"
#include "rpc/dispatcher.h"

namespace aeon::rpc {

class InprocChannel final : public Channel {
 public:
  InprocChannel(Executor& executor, Dispatcher& dispatcher)
      : executor_(executor), dispatcher_(&dispatcher), life_(dispatcher.life()) {}

  Executor& executor() override { return executor_; }
  Task<Status> exchange(Exchange& exchange) override;
  uint64_t server_life() const override { return life_; }  // It ends with this process.
  // The dispatcher goes away: calls from now on are kUnavailable. None may be in progress.
  void disconnect() { dispatcher_ = nullptr; }

 private:
  Executor& executor_;
  Dispatcher* dispatcher_;
  const uint64_t life_;
  uint64_t next_request_id_ = 1;
};

}  // namespace aeon::rpc
