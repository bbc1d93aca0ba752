#include "media/device_set.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/log.h"
#include "device_label.h"
#include "joined_disk.h"
#include "recovery.h"

namespace aeon::media {

namespace {

constexpr uint64_t kContentBlocksMin = 256;

// Blocks that the store may use; 0 if there are none.
uint64_t content_blocks(const Disk& disk) {
  const uint64_t blocks = disk.capacity() / kBlockSize;
  return blocks > kDeviceContentFirst ? blocks - kDeviceContentFirst : 0;
}

std::string describe(const DeviceLabel& label, size_t index) {
  const LabelledDevice& device = label.devices[index];
  return "device " + std::to_string(index + 1) + " of " + std::to_string(label.devices.size()) + " (" +
         std::string(role_name(device.role)) + ", uuid " + device.device.to_string() + ") of store " +
         label.store.to_string();
}

class LabelledDeviceSet final : public DeviceSet {
 public:
  LabelledDeviceSet(Executor& executor, const DeviceLabel& label, const std::vector<Disk*>& disks)
      : store_(label.store) {
    std::vector<JoinedDisk::Member> members;
    std::string name;
    for (size_t i = 0; i < disks.size(); ++i) {
      const LabelledDevice& device = label.devices[i];
      Disk* const disk = disks[i];
      JoinedDisk::Member member;
      member.disk = disk;
      member.what = describe(label, i);
      member.offset = device.first_block * kBlockSize;
      member.size = device.block_count * kBlockSize;
      member.content_offset = kDeviceContentFirst * kBlockSize;
      reports_.push_back({.device = device.device,
                          .role = device.role,
                          .size = member.size,
                          .name = disk != nullptr ? std::string(disk->name()) : std::string(),
                          .is_missing = disk == nullptr,
                          .what = member.what});
      if (disk != nullptr) name += (name.empty() ? "" : " + ") + reports_.back().name;
      members.push_back(std::move(member));
    }
    disk_ = std::make_unique<JoinedDisk>(executor, std::move(name), members);
  }

  Uuid store() const override { return store_; }
  const std::vector<DeviceReport>& devices() const override { return reports_; }
  Disk& disk() override { return *disk_; }

 private:
  const Uuid store_;
  std::vector<DeviceReport> reports_;
  std::unique_ptr<JoinedDisk> disk_;
};

Result<DeviceLabel> plan(World& world, const std::vector<Disk*>& disks, bool log_alone, const FormatOptions& options) {
  if (disks.empty() || disks.size() > kDeviceCountMax) {
    return Status(Code::kInvalidArgument, "a store has 1 to " + std::to_string(kDeviceCountMax) + " devices");
  }
  if (log_alone && disks.size() == 1) {
    return Status(Code::kInvalidArgument, "a store whose log has a device of its own needs another one for data");
  }
  DeviceLabel label;
  label.store = options.store;
  uint64_t next = 0;
  for (size_t i = 0; i < disks.size(); ++i) {
    const bool is_log = log_alone && i == 0;
    const uint64_t log_blocks = kLogFirstBlock + options.log_size / kBlockSize;
    const uint64_t needed = (i == 0 ? log_blocks : 0) + (is_log ? 0 : kContentBlocksMin);
    const uint64_t there = content_blocks(*disks[i]);
    if (there < needed) {
      return Status(Code::kInvalidArgument, std::string(disks[i]->name()) + " has " +
                                                std::to_string(disks[i]->capacity()) +
                                                " bytes, and what it is to hold needs at least " +
                                                std::to_string((kDeviceContentFirst + needed) * kBlockSize));
    }
    LabelledDevice device;
    device.device = world.random.uuid();
    device.role = is_log ? DeviceRole::kLog : i == 0 ? DeviceRole::kLogAndData : DeviceRole::kData;
    device.first_block = next;
    device.block_count = is_log ? log_blocks : there;
    // A gap behind each device with data: no extent of free blocks reaches from one to the next.
    next += device.block_count + (is_log ? 0 : 1);
    label.devices.push_back(device);
  }
  return label;
}

Task<Status> write_label(Disk* disk, const DeviceLabel* label, int copy) {
  DiskBuffer buffer(kBlockSize);
  encode_device_label(*label, copy, buffer.bytes());
  co_return co_await disk->write_durable(kDeviceLabelPlaces[copy] * kBlockSize, buffer.bytes());
}

struct FoundLabel {
  std::optional<DeviceLabel> label;
  int damaged_copy = -1;  // The other one is good.
  Status failure;
};

Task<FoundLabel> read_label(Disk* disk) {
  FoundLabel found;
  std::optional<DeviceLabel> copies[2];
  for (int copy = 0; copy < 2; ++copy) {
    DiskBuffer buffer(kBlockSize);
    Status status = co_await disk->read(kDeviceLabelPlaces[copy] * kBlockSize, buffer.bytes());
    if (status.is_ok()) {
      Result<DeviceLabel> label = decode_device_label(buffer.bytes(), copy);
      status = label.status();
      if (status.is_ok()) copies[copy] = std::move(label).value();
    }
    // "There is none" is for when neither copy says more.
    if (!status.is_ok() && (found.failure.is_ok() || found.failure.code() == Code::kNotFound)) found.failure = status;
    if (status.code() == Code::kVersionUnsupported) {
      found.failure = status;
      co_return found;
    }
  }
  if (!copies[0] && !copies[1]) co_return found;
  const bool takes_second = !copies[0] || (copies[1] && copies[1]->generation > copies[0]->generation);
  found.label = takes_second ? copies[1] : copies[0];
  if (!copies[0] || !copies[1] || *copies[0] != *copies[1]) found.damaged_copy = takes_second ? 0 : 1;
  found.failure = ok();
  co_return found;
}

// Puts the candidates in their places.
class Matching {
 public:
  explicit Matching(const DeviceSetOptions& options) : options_(options) {}

  Status add(DeviceCandidate& candidate, const FoundLabel& found) {
    const std::string name(candidate.disk->name());
    if (!found.label) {
      if (found.failure.code() != Code::kNotFound) {
        // The device that this is may well be one that can be missed.
        if (!options_.allow_missing) return found.failure.within(name);
        candidate.failure = found.failure;
        candidate.disk = nullptr;
        return ok();
      }
      return Status(Code::kInvalidArgument, name + " is no device of an Aeon store; name the right one");
    }
    const DeviceLabel& label = *found.label;
    const Uuid wanted = options_.store.is_nil() && label_ ? label_->store : options_.store;
    if (!wanted.is_nil() && label.store != wanted) {
      return Status(Code::kInvalidArgument,
                    name + " is " + describe(label, label.index) + ", and not of store " + wanted.to_string());
    }
    if (!label_) {
      label_ = label;
      disks_.resize(label.devices.size());
    }
    if (label.devices != label_->devices || label.generation != label_->generation) {
      return Status(Code::kCorrupt, name + " (" + describe(label, label.index) +
                                        ") names other devices than those before it; it is an old copy, or they are");
    }
    Disk*& place = disks_[label.index];
    const std::string what = describe(label, label.index);
    if (place != nullptr) {
      return Status(Code::kInvalidArgument, std::string(place->name()) + " and " + name + " are both " + what +
                                                ": one is a copy of the other; give only the one that was in use");
    }
    const uint64_t needed = label.devices[label.index].block_count;
    if (content_blocks(*candidate.disk) < needed) {
      return Status(Code::kInvalidArgument, name + ", " + what + ", has " + std::to_string(candidate.disk->capacity()) +
                                                " bytes, and the store was made on " +
                                                std::to_string((kDeviceContentFirst + needed) * kBlockSize) +
                                                "; give it its size back");
    }
    place = candidate.disk;
    return ok();
  }

  // Why the set can't be used without those that are missing.
  Status check(const std::vector<DeviceCandidate>& candidates) const {
    std::string tried;
    for (const DeviceCandidate& candidate : candidates) {
      if (candidate.disk != nullptr) continue;
      tried += " (" + candidate.name + ": " + std::string(candidate.failure.message()) + ")";
    }
    if (!label_) return Status(Code::kUnavailable, "none of the store's devices could be read" + tried);
    std::string missing;
    bool has_log = true;
    for (size_t i = 0; i < disks_.size(); ++i) {
      if (disks_[i] != nullptr) continue;
      missing += (missing.empty() ? "" : "; ") + describe(*label_, i);
      if (i == 0) has_log = false;
    }
    if (missing.empty() || (has_log && options_.allow_missing)) return ok();
    return Status(Code::kUnavailable,
                  missing + (missing.find(';') == missing.npos ? " is" : " are") + " missing" + tried);
  }

  const std::optional<DeviceLabel>& label() const { return label_; }
  const std::vector<Disk*>& disks() const { return disks_; }

 private:
  const DeviceSetOptions options_;
  std::optional<DeviceLabel> label_;  // The list that all must agree on.
  std::vector<Disk*> disks_;
};

}  // namespace

std::string_view role_name(DeviceRole role) {
  switch (role) {
    case DeviceRole::kLogAndData: return "log and data";
    case DeviceRole::kLog: return "log";
    case DeviceRole::kData: return "data";
  }
  return "";
}

Task<Status> DeviceSet::format(World& world, std::vector<Disk*> disks, bool log_alone, FormatOptions options) {
  Result<DeviceLabel> planned = plan(world, disks, log_alone, options);
  CO_TRY(planned.status());
  DeviceLabel label = std::move(planned).value();
  // No label before the store is there, and none of what was there before.
  for (Disk* const disk : disks) {
    DiskBuffer zeros(kLogFirstBlock * kBlockSize);
    CO_TRY(co_await disk->write(0, zeros.bytes()));
    CO_TRY(co_await disk->flush());
  }
  LabelledDeviceSet set(world.executor, label, disks);
  CO_TRY(co_await format_store(world, set.disk(), options));
  CO_TRY(co_await set.disk().flush());
  // The first last: it has the store's superblock.
  for (size_t i = disks.size(); i-- > 0;) {
    label.index = static_cast<uint32_t>(i);
    CO_TRY(co_await write_label(disks[i], &label, 0));
    CO_TRY(co_await write_label(disks[i], &label, 1));
  }
  co_return ok();
}

Task<Result<std::unique_ptr<DeviceSet>>> DeviceSet::open(World& world, std::vector<DeviceCandidate> candidates,
                                                         DeviceSetOptions options) {
  Matching matching(options);
  for (DeviceCandidate& candidate : candidates) {
    if (candidate.disk == nullptr) continue;
    Disk* const disk = candidate.disk;
    const FoundLabel found = co_await read_label(disk);
    CO_TRY(matching.add(candidate, found));
    if (found.damaged_copy < 0) continue;
    log::warn("device_label_damaged", {{"device", disk->name()}, {"copy", found.damaged_copy}});
    if (options.read_only) continue;
    Status mended = co_await write_label(disk, &*found.label, found.damaged_copy);
    ignore(mended, "the other copy is good");
  }
  CO_TRY(matching.check(candidates));
  std::unique_ptr<DeviceSet> set =
      std::make_unique<LabelledDeviceSet>(world.executor, *matching.label(), matching.disks());
  for (const DeviceReport& device : set->devices()) {
    if (device.is_missing) log::warn("device_missing", {{"device", device.what}});
  }
  co_return set;
}

Task<Result<bool>> has_device_label(Disk& disk) {
  for (const uint64_t place : kDeviceLabelPlaces) {
    if (disk.capacity() < (place + 1) * kBlockSize) break;
    DiskBuffer buffer(kBlockSize);
    CO_TRY(co_await disk.read(place * kBlockSize, buffer.bytes()));
    if (is_device_label(buffer.bytes())) co_return true;
  }
  co_return false;
}

Task<Result<std::string>> find_store(Disk& disk) {
  for (const uint64_t place : kSuperblockPlaces) {
    if (disk.capacity() < (place + 1) * kBlockSize) break;
    DiskBuffer buffer(kBlockSize);
    CO_TRY(co_await disk.read(place * kBlockSize, buffer.bytes()));
    const int copy = place == 0 ? 0 : 1;
    const Result<DeviceLabel> label = decode_device_label(buffer.bytes(), copy);
    if (label.is_ok()) co_return describe(*label, (*label).index);
    if (label.code() != Code::kNotFound) co_return std::string("a device of an Aeon store");
    const std::optional<PeekedSuperblock> peeked = peek_superblock(buffer.bytes());
    if (peeked.has_value()) co_return "an Aeon store, " + peeked->superblock.store.to_string();
  }
  co_return std::string();
}

}  // namespace aeon::media
