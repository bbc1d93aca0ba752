// The file `serving` in a system's directory: who serves it, and where else than at the socket in it.
//
//   aeon serving 1
//   process 4711
//   address tcp:127.0.0.1:10001
//   engine 0 4711 0 2 tcp:127.0.0.1:9464
//
// An engine's line has its rank, process (0: it has ended, and is started again), first target and the one behind its
// last, and where its pages are, if anywhere.
//
// It counts only while the directory is held by somebody: a server that was killed leaves it behind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "local/directory_server.h"
#include "runtime/directory.h"

namespace aeon::local {

struct ServingNote {
  int64_t process = 0;
  std::vector<std::string> addresses;  // Of target 0, beside the socket.
  std::vector<ServingEngine> engines;  // By rank.
};

Status write_serving_note(Directory& directory, const ServingNote& note);
// kNotFound if there is none; kCorrupt.
Result<ServingNote> read_serving_note(const Directory& directory);
Status remove_serving_note(Directory& directory);

// Where a directory's server listens.
std::string socket_of(const std::string& directory, uint32_t target = 0);
// For the other targets alone.
std::string peer_socket_of(const std::string& directory, uint32_t target);

}  // namespace aeon::local
