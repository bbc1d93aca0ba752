// The label of one device of a store that knows its devices: which device it is, and which others there are. Two
// copies, written when the store is made. Format: docs/design/devices.md.
#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "media/device_set.h"

namespace aeon::media {

inline constexpr uint32_t kDeviceFormatVersion = 1;
inline constexpr uint64_t kDeviceLabelPlaces[2] = {0, 16};  // Blocks; where superblocks of a store alone lie.
inline constexpr uint64_t kDeviceContentFirst = 256;  // Block from which on it holds the store's: 1 MiB.

struct LabelledDevice {
  Uuid device;
  DeviceRole role = DeviceRole::kData;
  uint64_t first_block = 0;  // Of the store's addresses.
  uint64_t block_count = 0;
  friend bool operator==(const LabelledDevice&, const LabelledDevice&) = default;
};

struct DeviceLabel {
  Uuid store;
  uint64_t generation = 1;  // Of the list: all labels of a store have the same.
  uint32_t index = 0;       // Whose label this is.
  std::vector<LabelledDevice> devices;  // By address; the first has superblocks and log.
  friend bool operator==(const DeviceLabel&, const DeviceLabel&) = default;
};

bool is_device_label(ByteView block);
// One block. `copy` is 0 or 1 and part of what is checked.
void encode_device_label(const DeviceLabel& label, int copy, MutableBytes out);
// kNotFound: there is no label. kVersionUnsupported names both versions. kCorrupt otherwise.
Result<DeviceLabel> decode_device_label(ByteView block, int copy);

}  // namespace aeon::media
