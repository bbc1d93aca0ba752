#include "device_label.h"

#include <string>

#include "base/check.h"
#include "block_checksum.h"
#include "superblock.h"

namespace aeon::media {

namespace {

constexpr char kMagic[8] = {'A', 'E', 'O', 'N', 'D', 'E', 'V', 'S'};
constexpr size_t kVersionOffset = 8, kCrcOffset = 12, kCopyOffset = 16, kStoreOffset = 24, kGenerationOffset = 40,
                 kIndexOffset = 48, kCountOffset = 52, kTableOffset = 64;
constexpr size_t kEntrySize = 40;
static_assert(kTableOffset + kDeviceCountMax * kEntrySize <= kBlockSize);

void put_uuid(std::byte* at, const Uuid& uuid) { std::memcpy(at, uuid.bytes.data(), uuid.bytes.size()); }

Uuid get_uuid(const std::byte* at) {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), at, uuid.bytes.size());
  return uuid;
}

bool is_plausible(const DeviceLabel& label) {
  constexpr uint64_t kBlocksMax = ~uint64_t{0} / kBlockSize;
  if (label.store.is_nil() || label.generation == 0 || label.index >= label.devices.size()) return false;
  uint64_t end = 0;
  for (size_t i = 0; i < label.devices.size(); ++i) {
    const LabelledDevice& device = label.devices[i];
    const bool has_log = device.role != DeviceRole::kData;
    if (device.device.is_nil() || has_log != (i == 0) || device.block_count == 0) return false;
    if (device.role == DeviceRole::kLog && label.devices.size() == 1) return false;
    if (device.first_block < end || device.first_block > kBlocksMax) return false;
    if (device.block_count > kBlocksMax - device.first_block) return false;
    end = device.first_block + device.block_count;
    for (size_t other = 0; other < i; ++other) {
      if (label.devices[other].device == device.device) return false;
    }
  }
  return label.devices.front().first_block == 0;
}

}  // namespace

bool is_device_label(ByteView block) {
  return block.size() == kBlockSize && std::memcmp(block.data(), kMagic, sizeof kMagic) == 0;
}

void encode_device_label(const DeviceLabel& label, int copy, MutableBytes out) {
  CHECK(out.size() == kBlockSize && label.devices.size() <= kDeviceCountMax);
  std::memset(out.data(), 0, out.size());
  std::memcpy(out.data(), kMagic, sizeof kMagic);
  store_le(out.data() + kVersionOffset, kDeviceFormatVersion);
  store_le(out.data() + kCopyOffset, static_cast<uint64_t>(copy));
  put_uuid(out.data() + kStoreOffset, label.store);
  store_le(out.data() + kGenerationOffset, label.generation);
  store_le(out.data() + kIndexOffset, label.index);
  store_le(out.data() + kCountOffset, static_cast<uint32_t>(label.devices.size()));
  std::byte* entry = out.data() + kTableOffset;
  for (const LabelledDevice& device : label.devices) {
    put_uuid(entry, device.device);
    store_le(entry + 16, static_cast<uint64_t>(device.role));
    store_le(entry + 24, device.first_block);
    store_le(entry + 32, device.block_count);
    entry += kEntrySize;
  }
  store_le(out.data() + kCrcOffset, block_checksum(out, kCrcOffset));
}

Result<DeviceLabel> decode_device_label(ByteView block, int copy) {
  if (!is_device_label(block)) return Status(Code::kNotFound, "no label of a device of an Aeon store");
  const uint32_t version = load_le<uint32_t>(block.data() + kVersionOffset);
  // A later format keeps magic, version and checksum where they are, so a good checksum makes the version credible.
  if (block_checksum(block, kCrcOffset) != load_le<uint32_t>(block.data() + kCrcOffset)) {
    return Status(Code::kCorrupt, "device label: checksum mismatch");
  }
  if (version == 0 || version > kDeviceFormatVersion) {
    return Status(Code::kVersionUnsupported,
                  "the device's label has format " + std::to_string(version) + " and this program knows format " +
                      std::to_string(kDeviceFormatVersion) + "; use a version of the program that knows it");
  }
  const Status impossible(Code::kCorrupt, "device label: impossible content");
  const uint32_t count = load_le<uint32_t>(block.data() + kCountOffset);
  if (count > kDeviceCountMax || load_le<uint64_t>(block.data() + kCopyOffset) != static_cast<uint64_t>(copy)) {
    return impossible;
  }
  DeviceLabel label;
  label.store = get_uuid(block.data() + kStoreOffset);
  label.generation = load_le<uint64_t>(block.data() + kGenerationOffset);
  label.index = load_le<uint32_t>(block.data() + kIndexOffset);
  const std::byte* entry = block.data() + kTableOffset;
  for (uint32_t i = 0; i < count; ++i, entry += kEntrySize) {
    const uint64_t role = load_le<uint64_t>(entry + 16);
    if (role < static_cast<uint64_t>(DeviceRole::kLogAndData) || role > static_cast<uint64_t>(DeviceRole::kData)) {
      return impossible;
    }
    label.devices.push_back({.device = get_uuid(entry),
                             .role = static_cast<DeviceRole>(role),
                             .first_block = load_le<uint64_t>(entry + 24),
                             .block_count = load_le<uint64_t>(entry + 32)});
  }
  if (!is_plausible(label)) return impossible;
  return label;
}

}  // namespace aeon::media
