// What a path holds that somebody is about to write over: a device or file, and whose content is on it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/units.h"

namespace aeon {

struct DeviceProbe {
  enum class Kind { kNothing, kFile, kBlockDevice };
  Kind kind = Kind::kNothing;
  ByteCount size = 0;
  // "an ext4 file system", "a partition table (gpt)", "data"; empty if nothing is known to be there. A file that is
  // zeros at both ends counts as empty, so one may be preallocated.
  std::string content;
};

// kInvalidArgument if it is neither a file nor a block device; kPermission or kIo. Blocking; nothing is written.
Result<DeviceProbe> probe_device(const std::string& path);

// From the root on, without "." and "..". kInvalidArgument for what can't be a path of one line.
Result<std::string> whole_path(const std::string& path);
bool is_same_file(const std::string& path, const std::string& other);
// What was in the file is gone.
Status empty_file(const std::string& path);

// What the file systems of these files have left for this user, each counted once. Nothing if one of them isn't a
// regular file, and so doesn't grow, or can't be looked at.
std::optional<ByteCount> free_space_below(const std::vector<std::string>& files);

}  // namespace aeon
