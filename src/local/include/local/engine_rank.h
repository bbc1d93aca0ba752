// An engine as one of several that serve a directory: with some of its targets, and told what to do by the process that
// keeps the engines.
//
// The lines between them, each with a newline behind:
//
//   from the engine                            to it
//   address TARGET ADDRESS   where it listens  settle          begin nothing more with other targets
//   metrics ADDRESS          its pages         stop_clients    answer what is there, hear clients no more
//   ready                                      close           close the stores and end
//   done                     of an order
//   error CODE MESSAGE       and it ends
//
// An engine whose keeper is gone does all three by itself and ends.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "local/directory_server.h"

namespace aeon::local {

struct RankOptions {
  uint32_t rank = 0;
  uint32_t targets_begin = 0, targets_end = 1;
  int lock_descriptor = -1;  // Of the directory.
  int keeper_descriptor = -1;  // The line.
  // "TARGET=ADDRESS": where its own targets listen beside their sockets, and where clients find others (rank 0).
  std::vector<std::string> serve, elsewhere;
  ServeOptions options;  // Without `listen` and `engines`.
};

namespace rank_line {
inline constexpr const char* kAddress = "address ";
inline constexpr const char* kMetrics = "metrics ";
inline constexpr const char* kReady = "ready";
inline constexpr const char* kDone = "done";
inline constexpr const char* kError = "error ";
inline constexpr const char* kSettle = "settle";
inline constexpr const char* kStopClients = "stop_clients";
inline constexpr const char* kClose = "close";
}  // namespace rank_line

// Serves until the keeper says to end, or is gone. Errors are told to it too. Blocking.
Status serve_as_rank(const std::string& directory, const RankOptions& options);

// "12 message": a status as one line, for the process that asked; and back. kUnavailable: it is none.
std::string status_line(const Status& status);
Status parse_status_line(const std::string& line);

}  // namespace aeon::local
