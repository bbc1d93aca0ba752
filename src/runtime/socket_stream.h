// A stream whose bytes go through a socket.
#pragma once

#include <string>

#include "runtime/network.h"
#include "socket.h"

namespace aeon {

class SocketStream final : public Stream {
 public:
  SocketStream(Socket socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}

  Task<Result<size_t>> read(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  void shut() override;
  void shut_after(ByteView last) override;
  const std::string& peer() const override { return peer_; }

 private:
  Status broken(int error) const;
  Status shut_status() const;

  Socket socket_;
  const std::string peer_;
  bool is_shut_ = false;
};

}  // namespace aeon
