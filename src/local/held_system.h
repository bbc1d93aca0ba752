// A system's directory held by this process, and its engine running: what embedded mode and a server both are.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "local/local_system.h"
#include "local/store_disk.h"
#include "runtime/directory.h"
#include "runtime/reactor.h"
#include "superblock.h"

namespace aeon::local {

class HeldSystem {
 public:
  // As LocalSystem::open(). `world` runs on `reactor`; both outlive it. Blocking.
  static Result<std::unique_ptr<HeldSystem>> open(Reactor& reactor, World& world, const std::string& directory,
                                                  const OpenOptions& options);
  HeldSystem(const HeldSystem&) = delete;
  HeldSystem& operator=(const HeldSystem&) = delete;

  const std::string& path() const { return path_; }
  const Superblock& superblock() const { return superblock_; }
  Directory& directory() { return directory_; }
  engine::Engine& engine() { return *engine_; }

  // Stops the engine, writes a checkpoint, and lets go of the directory. Once; nothing else may follow.
  Task<Status> close();

 private:
  HeldSystem(Reactor& reactor, World& world, Directory directory, Superblock superblock, const OpenOptions& options)
      : reactor_(reactor),
        world_(world),
        directory_(std::move(directory)),
        path_(directory_.path()),
        superblock_(std::move(superblock)),
        options_(options) {}
  Status open_disk();
  Result<std::unique_ptr<StoreDisk>> open_devices();
  Task<Status> start_engine();
  ByteCount free_outside() const;

  Reactor& reactor_;
  World& world_;
  Directory directory_;
  const std::string path_;
  const Superblock superblock_;
  const OpenOptions options_;  // Its memory budget is chosen, and missing devices are decided on.
  std::unique_ptr<StoreDisk> disk_;
  std::unique_ptr<engine::Engine> engine_;
};

// A directory for work; made if `create`. kBusy names who has it.
Result<Directory> hold_directory(const std::string& path, bool create);

}  // namespace aeon::local
