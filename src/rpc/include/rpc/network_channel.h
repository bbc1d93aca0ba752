// A client on one address talking to a server on another over Network, which may lose, repeat, delay and reorder.
//
// Requests are numbered. One that isn't answered is sent again, with growing pauses, until its deadline; the server
// recognises it and answers without doing it twice (network_server.h). A server that restarted has forgotten what it
// did: requests that may be repeated are sent to it anew, others end with kTimedOut saying that it isn't known
// whether they were done.
#pragma once

#include <map>
#include <memory>

#include "rpc/channel.h"
#include "runtime/sync.h"
#include "runtime/world.h"

namespace aeon::rpc {

class NetworkChannel final : public Channel {
 public:
  struct Options {
    Duration resend_first = std::chrono::milliseconds(100);
    Duration resend_max = std::chrono::seconds(2);   // Pauses double up to this.
    uint32_t window = 64;                            // At most what the server remembers of a client.
  };
  struct Counters {
    uint64_t sent = 0;
    uint64_t resent = 0;
    uint64_t damaged = 0;   // Messages thrown away.
  };

  // kExists if somebody listens at `self`.
  static Result<std::unique_ptr<NetworkChannel>> connect(World& world, Address self, Address server, Options options);
  // No call may be in progress.
  ~NetworkChannel() override;

  Executor& executor() override { return world_.executor; }
  Task<Status> exchange(Exchange& exchange) override;
  const Counters& counters() const { return counters_; }

 private:
  class Pending;
  NetworkChannel(World& world, Address self, Address server, Options options);
  Task<Status> exchange_numbered(Exchange& exchange);
  void receive(Bytes message);
  void send(Exchange& exchange);
  Status take_answer(Exchange& exchange, const Bytes& message);

  World& world_;
  const Address self_;
  const Address server_;
  const Options options_;
  const uint64_t client_id_;
  uint64_t next_request_id_ = 1;
  uint64_t server_life_ = 0;                 // As last heard of.
  std::map<uint64_t, Pending*> pending_;     // By request id; the first is the oldest unanswered.
  Signal window_moved_;
  Counters counters_;
};

}  // namespace aeon::rpc
