#include "local_directory.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <set>
#include <string_view>

#include "devices.h"
#include "engine/engine.h"
#include "pool/names.h"
#include "runtime/file_disk.h"
#include "runtime/reactor.h"
#include "runtime/system.h"

namespace aeon::local {
namespace {

constexpr size_t kSystemNameMax = 15;
constexpr ByteCount kLogSizeMin = 256 * kKiB;

std::string time_text(uint64_t unix_ns) {
  const std::chrono::sys_seconds seconds(std::chrono::seconds(unix_ns / 1'000'000'000u));
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(seconds - day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

bool is_target_file(std::string_view name) {
  for (uint32_t index = 0; index < kTargetCountMax; ++index) {
    if (name == target_file(index)) return true;
  }
  return false;
}

// Of one target. 0: without a limit of its own.
ByteCount capacity_of_each(const CreateOptions& options) {
  if (options.target_count <= 1) return options.capacity;
  return round_down(options.capacity / options.target_count, kDiskBlockSize);
}

Status check_targets(const CreateOptions& options) {
  if (options.target_count == 0 || options.target_count > kTargetCountMax) {
    return Status(Code::kInvalidArgument, "a system has 1 to " + std::to_string(kTargetCountMax) + " targets, not " +
                                              std::to_string(options.target_count));
  }
  const bool has_devices = !options.log_device.empty() || !options.data_devices.empty();
  if (options.target_count == 1 || !has_devices) return ok();
  return Status(Code::kInvalidArgument,
                "a system on devices of its own has one target; leave out the devices, or make it with one target");
}

Status check_options(const CreateOptions& options) {
  TRY(check_targets(options));
  TRY(pool::check_label(options.pool_label, "pool label"));
  if (options.system_name.empty() || options.system_name.size() > kSystemNameMax) {
    return Status(Code::kInvalidArgument, "a system's name has 1 to 15 characters");
  }
  TRY(pool::check_label(options.system_name, "system name"));
  if (options.log_size < kLogSizeMin) return Status(Code::kInvalidArgument, "a log has at least 256 KiB");
  if (options.capacity != 0 && capacity_of_each(options) < options.log_size + kMiB) {
    const std::string part = options.target_count == 1
                                 ? ""
                                 : ", of which each of " + std::to_string(options.target_count) + " targets gets " +
                                       std::to_string(capacity_of_each(options)) + ",";
    return Status(Code::kInvalidArgument, "a capacity of " + std::to_string(options.capacity) + " bytes" + part +
                                              " leaves no room beside the log of " + std::to_string(options.log_size));
  }
  return ok();
}

// The pool's own records are in the first target's store.
Task<Status> make_pool(World& world, Disk& disk, pool::PoolSpec pool) {
  media::OpenOptions open;
  CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media, co_await media::KeyBlockStore::open(world, disk, open));
  CO_TRY_ASSIGN(const std::unique_ptr<vos::Store> store, co_await vos::Store::open(world, std::move(media)));
  Status created = co_await engine::Engine::create_pool(world, *store, std::move(pool));
  Status closed = co_await store->close();
  CO_TRY(created);
  co_return closed;
}

Status make_target_file(World& world, Reactor& reactor, const std::string& path, const media::FormatOptions& format,
                        ByteCount capacity, const pool::PoolSpec* pool) {
  const FileDisk::Options file{.create = true, .read_only = false, .capacity = capacity};
  TRY_ASSIGN(const std::unique_ptr<FileDisk> disk, FileDisk::open(reactor, path, file));
  TRY(reactor.run(media::KeyBlockStore::format(world, *disk, format)));
  return pool != nullptr ? reactor.run(make_pool(world, *disk, *pool)) : ok();
}

// Names the devices in the entry.
Status make_target_on_devices(World& world, Reactor& reactor, const Directory& directory, const DevicePlan& plan,
                              const media::FormatOptions& format, const pool::PoolSpec& pool, TargetEntry& target) {
  TRY(format_devices(world, reactor, plan, format));
  for (const PlannedDevice& device : plan.devices) target.devices.push_back(device.name);
  StoreDiskOptions open;
  open.exclusive = true;
  open.store = format.store;
  TRY_ASSIGN(const std::unique_ptr<StoreDisk> store,
             StoreDisk::open_devices(world, reactor, device_paths(directory, target), open));
  return reactor.run(make_pool(world, store->disk(), pool));
}

// The file `system` is whole, but whether this program can do what it says is another question.
Status check_targets(const Superblock& superblock, const Directory& directory) {
  const size_t count = superblock.targets.size();
  if (count > kTargetCountMax) {
    return Status(Code::kVersionUnsupported, directory.path() + " has " + std::to_string(count) +
                                                 " targets, and this program opens systems of at most " +
                                                 std::to_string(kTargetCountMax) + "; use a newer release");
  }
  std::set<std::string_view> files;
  std::set<Uuid> stores;
  for (uint32_t index = 0; index < count; ++index) {
    const TargetEntry& target = superblock.targets[index];
    if (count > 1 && !target.devices.empty()) {
      return Status(Code::kVersionUnsupported, directory.path() + " has " + std::to_string(count) +
                                                   " targets on devices of their own, which this program can't open; "
                                                   "use a newer release");
    }
    const std::string& file = target.file;
    if (file.empty() || file.find('/') != std::string::npos || file.find('\0') != std::string::npos) {
      return Status(Code::kCorrupt, directory.path_of(kSystemFile) + " names an impossible file");
    }
    if (target.index != index || !files.insert(file).second || !stores.insert(target.store).second) {
      return Status(Code::kCorrupt,
                    directory.path_of(kSystemFile) + " has a target twice, or not in its place; put back a copy of it");
    }
  }
  return ok();
}

}  // namespace

std::string target_file(uint32_t index) { return "target-" + std::to_string(index); }

std::vector<uint32_t> targets_with_files(const Directory& directory) {
  std::vector<uint32_t> found;
  for (uint32_t index = 0; index < kTargetCountMax; ++index) {
    if (directory.has_file(target_file(index))) found.push_back(index);
  }
  return found;
}

Status check_empty(const Directory& directory) {
  TRY_ASSIGN(const std::vector<std::string> names, directory.list());
  const bool was_begun = directory.has_file(kCreatingFile);
  if (directory.has_file(kSystemFile)) return Status(Code::kExists, directory.path() + " holds a system already");
  for (const std::string& name : names) {
    if (name == kLockFile || name == kCreatingFile || name == std::string(kCreatingFile) + ".new") continue;
    if (was_begun && (is_target_file(name) || name == std::string(kSystemFile) + ".new")) continue;
    if (is_target_file(name)) {
      return Status(Code::kNotEmpty, directory.path() +
                                         " holds the data of a system whose file 'system' is missing; "
                                         "put that file back, or choose another directory");
    }
    return Status(Code::kNotEmpty,
                  directory.path() + " isn't empty (there is '" + name + "'); choose another directory");
  }
  return ok();
}

std::string holder_text(uint64_t now_unix_ns) {
  return "process " + std::to_string(process_id()) + " (" + program_invocation_short_name + ") on " + host_name() +
         " since " + time_text(now_unix_ns);
}

Status create_system(Directory& directory, const CreateOptions& options) {
  TRY(check_options(options));
  TRY(check_empty(directory));
  TRY_ASSIGN(const DevicePlan plan, plan_devices(directory, options));
  Reactor reactor;
  LocalWorld world(reactor);
  TRY(directory.replace_file(kCreatingFile, as_bytes(begun_text(plan))));
  for (const uint32_t index : targets_with_files(directory)) TRY(directory.remove_file(target_file(index)));

  Superblock superblock;
  superblock.system_name = options.system_name;
  superblock.system = world->random.uuid();
  superblock.created_unix_ns = world->clock.wall_ns();
  superblock.pool = world->random.uuid();
  superblock.pool_label = options.pool_label;
  const pool::PoolSpec pool{.id = superblock.pool, .label = options.pool_label};
  for (uint32_t index = 0; index < options.target_count; ++index) {
    TargetEntry target;
    target.index = index;
    target.file = target_file(index);
    target.store = world->random.uuid();
    target.capacity = capacity_of_each(options);
    media::FormatOptions format;
    format.store = target.store;
    format.log_size = options.log_size;
    if (plan.devices.empty()) {
      TRY(make_target_file(*world, reactor, directory.path_of(target.file), format, target.capacity,
                           index == 0 ? &pool : nullptr));
    } else {
      TRY(make_target_on_devices(*world, reactor, directory, plan, format, pool, target));
    }
    superblock.targets.push_back(std::move(target));
  }
  TRY(directory.replace_file(kSystemFile, encode_superblock(superblock)));
  return directory.remove_file(kCreatingFile);
}

Result<Superblock> read_superblock(const Directory& directory) {
  if (!directory.has_file(kSystemFile)) {
    const bool has_data = !targets_with_files(directory).empty() && !directory.has_file(kCreatingFile);
    return Status(has_data ? Code::kCorrupt : Code::kNotFound,
                  has_data ? directory.path() + " holds data, but its file 'system' is missing; put that file back"
                           : directory.path() + " holds no system; create one there, or name a directory that does");
  }
  TRY_ASSIGN(const Bytes bytes, directory.read_file(kSystemFile));
  TRY_ASSIGN(Superblock superblock, decode_superblock(bytes, directory.path_of(kSystemFile)));
  TRY(check_targets(superblock, directory));
  return superblock;
}

}  // namespace aeon::local
