// Messages between processes. What rpc/ builds typed calls on.
//
// Contract: a message arrives whole and unchanged or not at all; it may be lost, delayed, arrive twice or overtake
// others. Checksums are rpc's. Threading: one executor.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon {

// Where a service listens. `node` is a process; `port` one service or core in it (a target, say).
struct Address {
  uint64_t node = 0;
  uint32_t port = 0;
  friend auto operator<=>(const Address&, const Address&) = default;
};

class Network {
 public:
  using Receiver = std::function<void(Address from, Bytes message)>;

  virtual ~Network() = default;
  // Hands over what arrives for `self` until unlisten(). kExists if somebody listens there.
  virtual Status listen(Address self, Receiver receiver) = 0;
  virtual void unlisten(Address self) = 0;
  // Sends and forgets. There is no answer about delivery.
  virtual void send(Address from, Address to, Bytes message) = 0;
  virtual ByteCount message_size_max() const = 0;
};

}  // namespace aeon
