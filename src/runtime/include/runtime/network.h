// Connections between processes: bytes in order, until the connection breaks. What rpc/ builds messages on.
//
// Real ones are sockets (sockets.h); simulated ones break, stall and vanish from a seed (sim/sim_network.h).
// An address is text: "tcp:127.0.0.1:10001", "tcp:[::1]:10001", "unix:/run/aeon/0", "sim:7:1".
//
// Contract of a Stream: bytes that arrive are those that were written, in order and without gaps. What was written
// may never arrive, and nobody says how much did: a protocol above has answers. A peer that is gone may not be
// noticed for as long as nothing is written, or longer: a protocol above asks.
// Threading: one executor. One reader and one writer at a time, which may be different coroutines.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/units.h"
#include "runtime/task.h"

namespace aeon {

class Stream {
 public:
  // Breaks what isn't broken. Nobody may be reading or writing any more.
  virtual ~Stream() = default;

  // Waits for at least one byte and returns how many were put into `into`; 0 when the peer has ended in order.
  // kUnavailable: broken, or shut. `into` isn't empty, and stays until the answer.
  virtual Task<Result<size_t>> read(MutableBytes into) = 0;
  // Returns when all pieces are on their way and their memory is no longer needed. kUnavailable: broken, or shut.
  virtual Task<Status> write(std::span<const ByteView> pieces) = 0;
  // Ends both directions: whoever reads or writes, now or later, gets kUnavailable. Repeating it is harmless.
  virtual void shut() = 0;
  // The same, with `last` before the end if all of it can go at once. Nobody is writing.
  virtual void shut_after(ByteView last) {
    static_cast<void>(last);
    shut();
  }
  // Unless the peer has shown to be a client and no server.
  virtual bool may_be_server() const { return true; }
  // For messages and logs.
  virtual const std::string& peer() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;  // After shut(), when nobody accepts any more.
  // kUnavailable once shut.
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  virtual void shut() = 0;
  // Where to connect to, with the port that was chosen if none was named.
  virtual const std::string& address() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  // kUnavailable: nobody listens there, or no answer within `timeout`. kInvalidArgument: not an address.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(std::string address, Duration timeout) = 0;
  // kExists: somebody listens there.
  virtual Result<std::unique_ptr<Listener>> listen(const std::string& address) = 0;
};

}  // namespace aeon
