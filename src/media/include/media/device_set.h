// A store on several devices, or on one that knows it belongs to the store: which devices there are, and the one Disk
// that they are together, on which KeyBlockStore works as on any other.
//
// The first device has the superblocks and the log, the others data; the first may have data too. Each carries a label
// that names the store, itself and all others, so that they may be given in any order, and one that is missing,
// foreign, there twice or too small is named before anything is read from the store.
//
// A store can be opened without some of its data devices. What is on them is kIo, naming the device; nothing new is
// placed there; and when they are back, all is as before. docs/design/devices.md says what this leans on.
// Ownership: the disks outlive the set, and the set outlives the store. Threading: one executor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "media/key_block_store.h"

namespace aeon::media {

inline constexpr size_t kDeviceCountMax = 64;

enum class DeviceRole : uint8_t { kLogAndData = 1, kLog = 2, kData = 3 };
std::string_view role_name(DeviceRole role);  // "log and data"

struct DeviceReport {
  Uuid device;
  DeviceRole role = DeviceRole::kData;
  ByteCount size = 0;  // What the store may use of it.
  std::string name;    // Of its disk; empty if it is missing.
  bool is_missing = false;
  std::string what;  // "device 2 of 3 (data, uuid …) of store …", for messages.
};

// What was found where a device should be.
struct DeviceCandidate {
  Disk* disk = nullptr;  // Null: it couldn't be opened,
  std::string name;      // under this name,
  Status failure;        // because of this.
};

struct DeviceSetOptions {
  Uuid store;  // Which one is meant; nil: the one that the first label names.
  bool allow_missing = false;  // Of the data devices.
  bool read_only = false;      // No damaged copy of a label is written anew.
};

class DeviceSet {
 public:
  // Writes an empty store and then the labels; what the devices held is gone. The first device gets the log, and only
  // that if `log_alone`. kInvalidArgument if a device is too small, or their number impossible.
  static Task<Status> format(World& world, std::vector<Disk*> disks, bool log_alone, FormatOptions options);

  // Reads the labels. kInvalidArgument names the device that isn't one, or not this store's, or there twice, or too
  // small; kUnavailable the ones that are missing; kCorrupt, kVersionUnsupported or kIo a label that can't be read.
  static Task<Result<std::unique_ptr<DeviceSet>>> open(World& world, std::vector<DeviceCandidate> candidates,
                                                       DeviceSetOptions options);

  virtual ~DeviceSet() = default;
  virtual Uuid store() const = 0;
  virtual const std::vector<DeviceReport>& devices() const = 0;
  virtual Disk& disk() = 0;
};

// What an Aeon store has left on a disk, for those who are about to write over it; empty if there is nothing.
Task<Result<std::string>> find_store(Disk& disk);

// Whether it is a device that carries a label, maybe a damaged one.
Task<Result<bool>> has_device_label(Disk& disk);

}  // namespace aeon::media
