// Serves a Dispatcher at one address of a Network, doing each request at most once.
//
// A client's requests carry its id, a number, and the number below which it has all answers. Answers at or above that
// are kept, so that a request that comes again, over another connection, is answered from memory; numbers below are old
// news. Answers to requests that may be repeated aren't kept. So what is kept of a client is bounded by its window,
// and the number of clients by `clients_max`: one without a connection makes room for a new one, and if there is none
// such, the new one is told kBusy. What is kept of those without a connection is bounded too; the longest gone are
// forgotten first.
//
// Data is taken when there is memory for it: until then its connection isn't read, and its sender waits. Connections
// that neither take answers nor finish what they began for `stall_max`, or are silent for `idle_max`, are closed; while
// others wait for memory, those that hold it and don't get on sooner than that. One connection is one client's, has at
// most an eighth of the memory (or one request), and isn't read while it doesn't take its answers. When there are too
// many connections, or no descriptors are left, the quietest goes: a client that needs it again connects again.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "rpc/dispatcher.h"
#include "runtime/cancellation.h"
#include "runtime/world.h"

namespace aeon::rpc {

class NetworkServer {
 public:
  struct Options {
    uint32_t connections_max = 16384;
    uint32_t clients_max = 65536;
    ByteCount remembered_max = 64 * kMiB;  // Answers kept, while there are clients without a connection.
    uint32_t window_max = 128;  // From a client's oldest unanswered request on.
    ByteCount memory_max = 256 * kMiB;  // Data of requests and answers in progress.
    ByteCount request_memory_max = 128 * kMiB;
    ByteCount between_targets_memory_max = 128 * kMiB;  // Beside that: targets mustn't wait for clients of each other.
    Duration stall_max = std::chrono::seconds(30);
    Duration hurry_max = std::chrono::seconds(2);  // Instead, while others wait for memory; more for large requests.
    Duration idle_max = std::chrono::minutes(10);
    Duration stop_max = std::chrono::seconds(5);  // What stop() waits for answers to be taken.
  };
  struct Counters {
    uint64_t connections = 0;
    uint64_t received = 0;
    uint64_t repeated = 0;  // Answered from memory, or in progress already.
    uint64_t dropped = 0;  // Connections closed for what came over them, or didn't.
    uint64_t evicted = 0;  // Connections closed to make room for others.
  };

  static Result<std::unique_ptr<NetworkServer>> listen(World& world, const std::string& address, Dispatcher& dispatcher,
                                                       Options options);
  // After stop(), or as a crash.
  ~NetworkServer();

  const std::string& address() const { return listener_->address(); }
  // Takes nothing more, and returns when what was in progress is answered, at most `stop_max` after it was done: a
  // client that doesn't take its answer loses its connection.
  Task<void> stop();
  const Counters& counters() const { return counters_; }
  size_t connection_count() const { return peers_.size(); }
  size_t client_count() const { return clients_.size(); }
  ByteCount remembered_size() const { return remembered_; }
  // Clients with a connection, those with the most requests first.
  std::vector<wire::ClientStatus> clients(size_t count_max) const;

 private:
  struct Answer;
  struct Client;
  struct Peer;
  class Call;
  struct Share;
  class Held;

  NetworkServer(World& world, std::unique_ptr<Listener> listener, Dispatcher& dispatcher, Options options);
  Task<void> accept_all();
  void start_peer(std::unique_ptr<Stream> stream);
  Task<void> serve_peer(std::shared_ptr<Peer> peer);
  bool end_quietest();
  Task<Status> read_requests(std::shared_ptr<Peer> peer);
  Task<void> write_answers(std::shared_ptr<Peer> peer);
  Task<void> watch();
  ByteCount memory_for(const wire::FrameSizes& sizes) const;
  bool is_too_big(const wire::FrameSizes& sizes) const;
  static bool is_between_targets(const Peer& peer, uint16_t opcode);
  Task<void> admit(std::shared_ptr<Peer> peer, uint16_t opcode, ByteCount memory);
  Task<void> hurry();
  bool is_overdue(const Peer& peer) const;
  Task<Status> take_request(std::shared_ptr<Peer> peer, wire::Header header);
  Task<void> serve(std::shared_ptr<Peer> peer, std::shared_ptr<Call> call);
  std::shared_ptr<Client> find_client(uint64_t client_id);
  void leave_client(const std::shared_ptr<Peer>& peer);
  bool forget_longest_gone();
  void log_drop(const Peer& peer, const Status& status);
  void refuse(Peer& peer, const wire::Header& request, const Status& status, uint32_t flags);
  void queue(Peer& peer, std::shared_ptr<Answer> answer);

  World& world_;
  const std::unique_ptr<Listener> listener_;
  Dispatcher& dispatcher_;
  const Options options_;
  Gate requests_;
  Gate connections_;
  // Of small requests, large ones and those between targets, so that none of these waits for the others.
  Semaphore memory_small_, memory_large_, memory_between_;
  Cancellation stopping_;
  std::map<uint64_t, std::shared_ptr<Client>> clients_;
  std::list<uint64_t> gone_;  // Clients without a connection, the longest gone first.
  ByteCount remembered_ = 0;  // Of all clients.
  std::list<Peer*> peers_;  // The longest silent first.
  size_t evicting_ = 0;  // Of these: ended, and about to go.
  size_t waiting_for_memory_ = 0;
  bool is_hurrying_ = false;
  Instant next_log_{};
  uint64_t unlogged_ = 0;
  Counters counters_;
};

}  // namespace aeon::rpc
