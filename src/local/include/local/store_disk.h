// What a store lies on outside of simulations: one file or block device by itself, or devices with labels. For the
// engine in this process, and for tools that look at a store offline.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "media/device_set.h"
#include "runtime/file_disk.h"
#include "runtime/reactor.h"
#include "runtime/world.h"

namespace aeon::local {

inline constexpr ByteCount kCapacityUnlimited = ByteCount{16} << 40;  // Of a file that has no limit of its own.

struct StoreDiskOptions {
  bool read_only = false;
  bool exclusive = false;  // Nobody else may use the devices meanwhile.
  bool allow_missing = false;  // Of the data devices.
  Uuid store;              // The one that is meant; nil: whichever it is.
};

class StoreDisk {
 public:
  static Result<std::unique_ptr<StoreDisk>> open_file(Reactor& reactor, const std::string& path, ByteCount capacity,
                                                      bool read_only);
  // In any order. What is missing, foreign, given twice or too small is named (media/device_set.h); a path that can't
  // be opened counts as missing. Blocking.
  static Result<std::unique_ptr<StoreDisk>> open_devices(World& world, Reactor& reactor,
                                                         const std::vector<std::string>& paths,
                                                         StoreDiskOptions options);

  Disk& disk() { return devices_ != nullptr ? devices_->disk() : *disks_.front(); }
  // Null for a file by itself.
  const media::DeviceSet* devices() const { return devices_.get(); }

 private:
  std::vector<std::unique_ptr<FileDisk>> disks_;
  std::unique_ptr<media::DeviceSet> devices_;
};

}  // namespace aeon::local
