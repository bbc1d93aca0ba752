// Serves a Dispatcher on one address of a Network, doing each request at most once.
//
// A client's requests carry its id, a number, and the number below which it has all answers. Answers at or above that
// are kept, so that a request that comes again is answered from memory; numbers below are old news. So what is kept
// of a client is bounded by its window, and the number of clients by `clients_max`: a client not heard of for
// `client_idle` makes room for a new one, and if there is none such, the new one is told kBusy.
#pragma once

#include <map>
#include <memory>

#include "rpc/dispatcher.h"
#include "runtime/world.h"

namespace aeon::rpc {

class NetworkServer {
 public:
  struct Options {
    uint32_t clients_max = 4096;
    uint32_t window_max = 128;                              // From a client's oldest unanswered one on.
    ByteCount replies_size_max = 256 * kMiB;                // Kept answers of all clients.
    Duration client_idle = std::chrono::minutes(5);  // More than any deadline, so that nothing is still coming.
  };
  struct Counters {
    uint64_t received = 0;
    uint64_t repeated = 0;  // Answered from memory, or in progress already.
    uint64_t dropped = 0;  // Damaged, old, or beyond a bound: the client asks again.
  };

  static Result<std::unique_ptr<NetworkServer>> listen(World& world, Address self, Dispatcher& dispatcher,
                                                       Options options);
  // After stop().
  ~NetworkServer();

  // Takes nothing more, and returns when what was in progress is answered.
  Task<void> stop();
  const Counters& counters() const { return counters_; }

 private:
  struct Request {
    Bytes reply;  // Empty: in progress.
  };
  struct Client {
    uint64_t acknowledged_below = 0;
    Instant heard_of{};
    std::map<uint64_t, Request> requests;
  };

  NetworkServer(World& world, Address self, Dispatcher& dispatcher, Options options);
  void receive(Address from, Bytes message);
  Client* find_client(uint64_t client_id);
  void acknowledge(Client& client, uint64_t below);
  Task<void> serve(Address from, Bytes message);
  void refuse(Address from, const Bytes& message, const Status& status, uint32_t flags);

  World& world_;
  const Address self_;
  Dispatcher& dispatcher_;
  const Options options_;
  Gate gate_;
  std::map<uint64_t, Client> clients_;
  ByteCount replies_size_ = 0;
  bool is_listening_ = false;
  Counters counters_;
};

}  // namespace aeon::rpc
