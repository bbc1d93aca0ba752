// Embedded mode: a system in a directory, with its engine in this process and a client connected to it. No daemon,
// no root, no configuration.
//
// The directory holds `system` (name, uuid, format version, targets; checksummed), `lock` (who holds it) and one
// file per target, unless the system was made on devices of its own. How many targets there are is chosen when the
// system is made, and stays. Killing the process at any moment loses nothing acknowledged.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"

namespace aeon::local {

inline constexpr uint32_t kTargetCountMax = 64;  // Of a local system.

struct CreateOptions {
  std::string system_name = "local";   // At most 15 characters, as in DAOS.
  std::string pool_label = "default";
  ByteCount capacity = 0;              // How far the pool may grow; 0: as far as the file system goes.
  ByteCount log_size = 64 * kMiB;      // Of each target.
  uint32_t target_count = 1;           // 1 to kTargetCountMax. Each gets an even part of `capacity`.
  // Block devices, or files, which are made if they don't exist. Without any, one file in the directory holds all. A
  // log device holds the log and nothing else; without one, the log is on the first data device. For one target only.
  std::string log_device;
  std::vector<std::string> data_devices;
  bool overwrite_devices = false;  // Even if something is on them (kNotEmpty otherwise).
};

struct OpenOptions {
  bool create_if_missing = false;  // With `create` as below; the directory may be missing or empty.
  CreateOptions create;
  // Nothing in the directory is changed, and it may be on a medium that can't be. Several may look at once; nobody can
  // open it for work meanwhile. Changes are kReadOnly. kBusy if somebody has it open for work.
  bool read_only = false;
  ByteCount scrub_bytes_per_second = 0;  // How fast all that is stored is checked in the background; 0: not at all.
  // What the stores of all targets may keep in memory, at least 32 MiB for each; 0: what AEON_MEMORY_BUDGET says
  // ("512MiB"), or else an eighth of the machine's memory, or the least if that is more. kInvalidArgument for less.
  ByteCount memory_budget = 0;
  // Opens without data devices that are missing: what is on them can't be read, all else works. AEON_DEGRADED=1 says
  // the same. Otherwise kUnavailable names them.
  bool allow_missing_devices = false;
};

// Where a system's devices are from now on, in any order. They must be all there. kInvalidArgument if it has none of
// its own.
Status set_devices(const std::string& directory, const std::vector<std::string>& paths);

class LocalSystem : public client::System {
 public:
  // kBusy names the process that holds it; kNotFound, kInvalidArgument (not a system: what to do),
  // kVersionUnsupported (both versions), kCorrupt, kPermission, kReadOnly, kNoSpace. Blocking.
  static Result<std::shared_ptr<LocalSystem>> open(const std::string& directory, OpenOptions options);

  // Writes an empty system; kNotEmpty if the directory holds anything else.
  static Status create(const std::string& directory, CreateOptions options);

  virtual const std::string& directory() const = 0;
  // Flushes, writes a checkpoint and lets go of the directory. Handles must be gone. The destructor does the same
  // and logs what fails. Blocking.
  virtual Status close() = 0;
};

// Whether a name has one of the forms that open_system() takes.
bool names_system(std::string_view name);
// The directory of the system that AEON_SYSTEM names ("local:DIR"), or `name` if it isn't empty. kInvalidArgument says
// how to set it.
Result<std::string> directory_of_system(const std::string& name);
// The same, opened.
Result<std::shared_ptr<client::System>> open_system(const std::string& name, bool create_if_missing);

}  // namespace aeon::local
