// Serves a directory by several engines, each a process with its share of the targets. This process has none: it holds
// the directory, starts the engines, starts those again that end, and has all of them stop in step.
//
// What engines and keeper say to one another is a line each (engine_rank.h). The directory stays held until the
// last of them has ended, however that was: they share the lock.
#pragma once

#include "local/directory_server.h"

namespace aeon::local {

class EngineKeeper {
 public:
  static Result<std::unique_ptr<DirectoryServer>> open(const std::string& directory, const ServeOptions& options);
};

}  // namespace aeon::local
