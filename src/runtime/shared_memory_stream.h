// A stream through memory that two processes share, beside the Unix socket over which they agreed on it.
//
// Nothing calls the kernel while both sides run: they look at the memory (SpinSource). A side that goes to sleep says
// so in the memory and listens at the socket, where the other then sends a byte. Any descriptor for waking that the
// peer had too could be made to block whoever wakes; a send that doesn't wait can't. The socket also ends when the
// peer does.
#pragma once

#include <memory>
#include <string>

#include "runtime/network.h"
#include "runtime/spin_source.h"
#include "shared_memory.h"
#include "socket.h"

namespace aeon {

class SharedMemoryStream final : public Stream, private SpinSource {
 public:
  enum class Side { kConnected, kAccepted };
  SharedMemoryStream(std::unique_ptr<SharedMemory> memory, Side side, Socket socket, std::string peer);
  ~SharedMemoryStream() override;

  Task<Result<size_t>> read(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  void shut() override;
  const std::string& peer() const override { return peer_; }

 private:
  class Line;
  struct Wait;

  bool look() override;
  void park() override;
  void unpark() override;
  void begin_to_wait();
  void wake(std::coroutine_handle<>& waiter);
  void wake_all();
  void on_line(bool is_alive);
  bool is_over() const { return is_hung_up_ || incoming_.has_ended(); }
  Status broken(const char* why);
  Status shut_status() const;

  Reactor& reactor_;
  const std::unique_ptr<SharedMemory> memory_;
  SharedRingConsumer incoming_;
  SharedRingProducer outgoing_;
  Line* const line_;  // Stays until what it has asked the kernel for has ended.
  const std::string peer_;
  std::coroutine_handle<> reader_, writer_;  // Who waits.
  size_t room_wanted_ = 0;                   // By the writer.
  bool is_parked_ = false;                   // Somebody waits, and the peer has been told to wake us.
  bool is_hung_up_ = false;
  bool is_shut_ = false;
};

}  // namespace aeon
