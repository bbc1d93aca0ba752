// A stream between processes of one host: in shared memory if both sides want that, else through the Unix socket. They
// agree at the first read or write.
//
// Who connects says first what it wants (shared_memory_handshake.h), before connect() returns. A peer that begins with
// anything else has never heard of this, and its bytes are the stream's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/network.h"
#include "runtime/sync.h"
#include "shared_memory.h"
#include "shared_memory_handshake.h"
#include "socket.h"

namespace aeon {

class UnixStream final : public Stream {
 public:
  // Who has connected: offers shared memory unless `ring_size` is 0 or there is none. kUnavailable: hung up already.
  static Result<std::unique_ptr<Stream>> connected(Socket socket, std::string peer, ByteCount ring_size);
  // Who has accepted: takes what is offered if `takes_shared_memory`.
  static std::unique_ptr<Stream> accepted(Socket socket, std::string peer, bool takes_shared_memory);

  Task<Result<size_t>> read(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  void shut() override;
  const std::string& peer() const override { return peer_; }

  // Once something was read or written.
  bool is_in_shared_memory() const { return is_in_shared_memory_; }

 private:
  struct Received;

  UnixStream(Socket socket, std::string peer);
  Task<Result<size_t>> agree_and_read(MutableBytes into);
  Task<Status> agree_and_write(std::span<const ByteView> pieces);
  Task<Status> agree();
  Task<Status> await_offer();
  Task<Status> await_answer();
  Task<Status> receive_hello(Received* received);
  Status take_offer(Received& received);
  Status say(const SharedMemoryHello& hello);
  void go_plain(ByteView early);
  void go_shared(std::unique_ptr<SharedMemory> memory, bool has_connected);
  Status closed() const;

  std::optional<Socket> socket_;  // Until they have agreed.
  Executor& executor_;
  const std::string peer_;
  std::unique_ptr<SharedMemory> offered_;  // By this side, until it is answered.
  bool takes_shared_memory_ = false;
  bool is_agreeing_ = false;
  Signal agreed_;
  Status trouble_;                // Why they couldn't agree.
  std::unique_ptr<Stream> used_;  // What they agreed on.
  Bytes early_;                   // Read while looking for an offer, and the stream's.
  bool is_in_shared_memory_ = false;
  bool is_shut_ = false;
};

}  // namespace aeon
