// A client of a server on another address, over connections that may break at any moment.
//
// Requests are numbered, and sent in order over one connection. If that breaks, or the server is silent for too long
// while answers are due, the channel connects again, with growing pauses, and sends again what isn't answered; the
// server recognises it and answers without doing it twice (network_server.h). A server that restarted has forgotten
// what it answered: requests that may be repeated, and those that no other has seen, are sent to it anew, and those
// that its store knows again too, saying that they were sent before. Others end with kTimedOut saying that it isn't
// known whether they were done.
//
// The caller's data isn't copied: it is written to and from its own memory.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "rpc/channel.h"
#include "runtime/cancellation.h"
#include "runtime/gate.h"
#include "runtime/sync.h"
#include "runtime/world.h"

namespace aeon::rpc {

class MessageReader;

class NetworkChannel final : public Channel {
 public:
  struct Options {
    Duration connect_timeout = std::chrono::seconds(5);
    Duration retry_first = std::chrono::milliseconds(10);  // Pauses between attempts double,
    Duration retry_max = std::chrono::seconds(1);          // up to this.
    Duration silence_max = std::chrono::seconds(6);        // Half of it: the server is asked whether it is there.
    uint32_t window = 64;                                  // At most what the server remembers of a client.
  };
  struct Counters {
    uint64_t connections = 0;
    uint64_t sent = 0;
    uint64_t resent = 0;
  };

  // Connects when the first request comes.
  NetworkChannel(World& world, std::string server, Options options);
  // After close(), or as a crash.
  ~NetworkChannel() override;

  Executor& executor() override { return world_.executor; }
  Task<Status> exchange(Exchange& exchange) override;
  uint64_t server_life() const override { return server_life_; }
  // Ends the connection. No call may be in progress; later ones are kUnavailable.
  Task<void> close();
  const Counters& counters() const { return counters_; }

 private:
  class Pending;
  struct Link;

  Task<Status> exchange_numbered(Exchange& exchange);
  Task<void> keep_connected();
  Task<Status> use(Link& link);
  Task<Status> read_answers(Link& link, MessageReader& reader);
  Task<void> write_requests(Link& link);
  Task<void> watch(Link& link);
  void seal(Pending& pending);
  void refuse_unsent();
  void queue(Pending& pending);

  World& world_;
  const std::string server_;
  const Options options_;
  const uint64_t client_id_;
  uint64_t next_request_id_ = 1;
  uint64_t server_life_ = 0;               // As last heard of.
  std::map<uint64_t, Pending*> pending_;   // By request id; the first is the oldest unanswered.
  std::deque<Pending*> outgoing_;
  Link* link_ = nullptr;                   // While there is a connection.
  Status trouble_;                         // Why there is none.
  Signal window_moved_;
  Signal released_;                        // A caller's memory is no longer used.
  Signal work_;                            // There is something to send, or to connect for.
  Cancellation closing_;
  Gate gate_;
  bool is_started_ = false;
  Counters counters_;
};

}  // namespace aeon::rpc
