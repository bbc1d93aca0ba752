// A system that an engine serves at an address: "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT".
//
// All calls share one connection, which is made again when it breaks (rpc/network_channel.h): a call waits for an
// engine that is away up to its deadline. Threads may share a system; a child process by fork() must not use it.
#pragma once

#include <memory>
#include <string>

#include "client/client.h"
#include "wire/messages.h"

namespace aeon::client {

struct ConnectOptions {
  Duration timeout = std::chrono::seconds(5);
  std::string certificates;     // A directory as `aeon certs` makes it; "tls:" needs it.
  bool allow_insecure = false;  // "tcp:" to other hosts, unencrypted.
};

class NetworkSystem {
 public:
  // kUnavailable: nobody listens there, or gives no answer in time; kPermission: certificates, here or there, or it
  // would be insecure; kProtocolMismatch names both versions. Blocking.
  static Result<std::shared_ptr<System>> connect(const std::string& address, const ConnectOptions& options);
};

// What the engine at an address says of itself, asked again and again over one connection.
class EngineStatus {
 public:
  // As NetworkSystem::connect().
  static Result<std::unique_ptr<EngineStatus>> connect(const std::string& address,
                                                       Duration timeout = std::chrono::seconds(5));
  virtual ~EngineStatus() = default;
  // Blocking. kProtocolMismatch: the engine is too old to know.
  virtual Result<wire::StatusReply> ask(uint32_t clients_max) = 0;
};

}  // namespace aeon::client
