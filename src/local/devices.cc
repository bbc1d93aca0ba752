#include "devices.h"

#include <algorithm>

#include "local_directory.h"
#include "runtime/device_probe.h"
#include "runtime/system.h"

namespace aeon::local {
namespace {

constexpr std::string_view kBegunDevice = "device ";

Result<std::vector<std::string>> begun_devices(const Directory& directory) {
  std::vector<std::string> paths;
  if (!directory.has_file(kCreatingFile)) return paths;
  TRY_ASSIGN(const Bytes text, directory.read_file(kCreatingFile));
  std::string_view rest = as_text(text);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.starts_with(kBegunDevice)) paths.emplace_back(line.substr(kBegunDevice.size()));
  }
  return paths;
}

// What is on a device; empty if nothing is.
Result<std::string> content_of(const std::string& path, const DeviceProbe& probe) {
  if (probe.size == 0) return std::string();
  Reactor reactor;
  const FileDisk::Options file{.create = false, .read_only = true, .capacity = kCapacityUnlimited};
  TRY_ASSIGN(const std::unique_ptr<FileDisk> disk, FileDisk::open(reactor, path, file));
  TRY_ASSIGN(std::string store, reactor.run(media::find_store(*disk)));
  return store.empty() ? probe.content : store;
}

Result<PlannedDevice> plan_device(const CreateOptions& options, const std::string& name, bool may_overwrite) {
  PlannedDevice device;
  device.name = device.path = name;
  TRY_ASSIGN(const DeviceProbe probe, probe_device(name));
  if (probe.kind == DeviceProbe::Kind::kNothing && name.starts_with("/dev/") && !name.starts_with("/dev/shm/")) {
    return Status(Code::kNotFound, "there is no device " + name);
  }
  device.is_made = probe.kind == DeviceProbe::Kind::kNothing;
  if (device.is_made) return device;
  std::string content;
  if (!may_overwrite) {
    TRY_ASSIGN(content, content_of(name, probe));
    if (!content.empty() && !options.overwrite_devices) {
      return Status(Code::kNotEmpty, name + " holds " + content +
                                         "; choose another device, or give --overwrite to lose what is on this one");
    }
  }
  if (probe.kind != DeviceProbe::Kind::kFile) return device;
  device.is_emptied = may_overwrite || !content.empty();
  if (!device.is_emptied) device.capacity = probe.size;  // It was made as large as it is to be.
  return device;
}

}  // namespace

Result<DevicePlan> plan_devices(const Directory& directory, const CreateOptions& options) {
  DevicePlan plan;
  std::vector<std::string> wanted = options.data_devices;
  plan.log_alone = !options.log_device.empty();
  if (wanted.empty() && !plan.log_alone) return plan;
  if (plan.log_alone) wanted.insert(wanted.begin(), options.log_device);
  TRY_ASSIGN(const std::vector<std::string> begun, begun_devices(directory));
  for (const std::string& path : wanted) {
    TRY_ASSIGN(const std::string name, whole_path(path));
    const auto is_same = [&](const PlannedDevice& other) { return is_same_file(other.path, name); };
    if (std::any_of(plan.devices.begin(), plan.devices.end(), is_same)) {
      return Status(Code::kInvalidArgument, name + " is given twice; each device has one place");
    }
    const bool was_begun = std::find(begun.begin(), begun.end(), name) != begun.end();
    TRY_ASSIGN(PlannedDevice device, plan_device(options, name, was_begun));
    plan.devices.push_back(std::move(device));
  }
  if (options.data_devices.empty()) {
    plan.devices.push_back({.name = target_file(0), .path = directory.path_of(target_file(0)), .is_made = true});
  }
  const size_t data_count = plan.devices.size() - (plan.log_alone ? 1 : 0);
  for (PlannedDevice& device : plan.devices) {
    if (device.capacity != 0) continue;
    const bool is_log = plan.log_alone && &device == &plan.devices.front();
    device.capacity = is_log || options.capacity == 0 ? kCapacityUnlimited : options.capacity / data_count;
  }
  return plan;
}

std::string begun_text(const DevicePlan& plan) {
  std::string text = "a system is being made here\n";
  for (const PlannedDevice& device : plan.devices) text += std::string(kBegunDevice) + device.path + "\n";
  return text;
}

Status format_devices(World& world, Reactor& reactor, const DevicePlan& plan, const media::FormatOptions& format) {
  std::vector<std::unique_ptr<FileDisk>> disks;
  std::vector<Disk*> pointers;
  for (const PlannedDevice& device : plan.devices) {
    if (device.is_emptied) TRY(empty_file(device.path));
    const FileDisk::Options file{
        .create = device.is_made, .read_only = false, .capacity = device.capacity, .exclusive = true};
    TRY_ASSIGN(std::unique_ptr<FileDisk> disk, FileDisk::open(reactor, device.path, file));
    pointers.push_back(disk.get());
    disks.push_back(std::move(disk));
  }
  return reactor.run(media::DeviceSet::format(world, pointers, plan.log_alone, format));
}

std::vector<std::string> device_paths(const Directory& directory, const TargetEntry& target) {
  std::vector<std::string> paths;
  for (const std::string& name : target.devices) {
    paths.push_back(name.find('/') == std::string::npos ? directory.path_of(name) : name);
  }
  return paths;
}

Status name_devices(TargetEntry& target, const std::vector<std::string>& paths) {
  if (target.devices.empty()) {
    return Status(Code::kInvalidArgument, "the system was made without devices of its own: it is in its directory");
  }
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    TRY_ASSIGN(std::string name, whole_path(path));
    names.push_back(std::move(name));
  }
  Reactor reactor;
  LocalWorld world(reactor);
  StoreDiskOptions options;
  options.read_only = true;
  options.exclusive = true;
  options.store = target.store;
  TRY_ASSIGN(const std::unique_ptr<StoreDisk> store, StoreDisk::open_devices(*world, reactor, names, options));
  target.devices.clear();
  for (const media::DeviceReport& device : store->devices()->devices()) target.devices.push_back(device.name);
  return ok();
}

ByteCount room_to_grow(const media::DeviceSet& devices) {
  std::vector<std::string> paths;
  for (const media::DeviceReport& device : devices.devices()) {
    if (device.role != media::DeviceRole::kLog && !device.is_missing) paths.push_back(device.name);
  }
  return free_space_below(paths).value_or(~ByteCount{0});
}

}  // namespace aeon::local
