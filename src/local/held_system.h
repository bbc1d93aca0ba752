// A system's directory held by this process, and its engine running: what embedded mode and a server both are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "local/local_system.h"
#include "local/store_disk.h"
#include "runtime/directory.h"
#include "runtime/reactor.h"
#include "superblock.h"

namespace aeon::local {

class HeldSystem {
 public:
  // Takes the directory, makes a system there if asked to, and reads what it is. Errors as of LocalSystem::open().
  static Result<std::unique_ptr<HeldSystem>> hold(const std::string& directory, const OpenOptions& options);
  // The same for a process that was started by the one that holds it, with its lock; see Directory::adopt_lock().
  static Result<std::unique_ptr<HeldSystem>> share_with(const std::string& directory, int lock_descriptor,
                                                        const OpenOptions& options);
  HeldSystem(const HeldSystem&) = delete;
  HeldSystem& operator=(const HeldSystem&) = delete;

  // One target's store, on a reactor of its own choice; the parts of `start()` for those who run targets themselves.
  struct OpenStore {
    std::unique_ptr<StoreDisk> disk;  // Outlives the store.
    std::unique_ptr<vos::Store> store;
  };
  // `world` runs on `reactor`; both outlive the result. Blocking.
  Result<OpenStore> open_store(Reactor& reactor, World& world, uint32_t index) const;
  // How far the targets together may grow, as what they lie on says; `first` is target 0's.
  ByteCount free_outside(const StoreDisk& first) const;
  bool is_read_only() const { return options_.read_only; }
  // Another may open it from now on. After all stores are closed; nothing else may follow.
  void release() { const Directory released = std::move(directory_); }

  // Opens the stores and starts the engine. `world` runs on `reactor`; both outlive it. Once; after an error nothing is
  // held any more. Blocking.
  Status start(Reactor& reactor, World& world);

  const std::string& path() const { return path_; }
  const Superblock& superblock() const { return superblock_; }
  Directory& directory() { return directory_; }
  engine::Engine& engine() { return *engine_; }

  // Stops the engine, writes checkpoints, and lets go of the directory. Once, after start(); nothing else may follow.
  Task<Status> close();

 private:
  HeldSystem(Directory directory, Superblock superblock, const OpenOptions& options)
      : directory_(std::move(directory)),
        path_(directory_.path()),
        superblock_(std::move(superblock)),
        options_(options) {}
  Result<std::unique_ptr<StoreDisk>> open_disk(Reactor& reactor, World& world, const TargetEntry& target) const;
  Result<std::unique_ptr<StoreDisk>> open_devices(Reactor& reactor, World& world, const TargetEntry& target) const;
  Task<Result<std::unique_ptr<vos::Store>>> open_on(World* world, Disk* disk, uint32_t index) const;
  Task<Status> start_engine(World* world);

  Directory directory_;
  const std::string path_;
  const Superblock superblock_;
  const OpenOptions options_;  // Its memory budget is chosen, and missing devices are decided on.
  std::vector<std::unique_ptr<StoreDisk>> disks_;  // By target.
  std::vector<std::unique_ptr<vos::Store>> stores_;  // Until the engine has them.
  std::unique_ptr<engine::Engine> engine_;
};

// A directory for work; made if `create`. kBusy names who has it.
Result<Directory> hold_directory(const std::string& path, bool create);

}  // namespace aeon::local
