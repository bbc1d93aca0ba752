// A system on devices of its own: choosing and formatting them when it is made, and where they are afterwards.
#pragma once

#include <string>
#include <vector>

#include "local/local_system.h"
#include "local/store_disk.h"
#include "runtime/directory.h"
#include "superblock.h"

namespace aeon::local {

struct PlannedDevice {
  std::string name;  // As the superblock has it.
  std::string path;
  bool is_made = false;    // A file that doesn't exist yet.
  bool is_emptied = false; // A file with something in it that may go.
  ByteCount capacity = 0;  // Of a file.
};

struct DevicePlan {
  std::vector<PlannedDevice> devices;  // None: one file in the directory.
  bool log_alone = false;              // The first is for the log.
};

// What `options` ask for, looked at: kNotEmpty names a device that holds something, and what. Nothing is changed.
Result<DevicePlan> plan_devices(const Directory& directory, const CreateOptions& options);

// What is in the file `creating` meanwhile: whoever begins again after a kill may write over these devices.
std::string begun_text(const DevicePlan& plan);

Status format_devices(World& world, Reactor& reactor, const DevicePlan& plan, const media::FormatOptions& format);

std::vector<std::string> device_paths(const Directory& directory, const TargetEntry& target);

// Puts `paths` into the target's entry, if they are its devices, all of them.
Status name_devices(TargetEntry& target, const std::vector<std::string>& paths);

// How much the devices' files may still grow; as good as no limit if there are others.
ByteCount room_to_grow(const media::DeviceSet& devices);

}  // namespace aeon::local
