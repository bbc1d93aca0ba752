#include "local_directory.h"

#include <cerrno>
#include <chrono>
#include <cstdio>

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

Status check_options(const CreateOptions& options) {
  TRY(pool::check_label(options.pool_label, "pool label"));
  if (options.system_name.empty() || options.system_name.size() > kSystemNameMax) {
    return Status(Code::kInvalidArgument, "a system's name has 1 to 15 characters");
  }
  TRY(pool::check_label(options.system_name, "system name"));
  if (options.log_size < kLogSizeMin) return Status(Code::kInvalidArgument, "a log has at least 256 KiB");
  if (options.capacity != 0 && options.capacity < options.log_size + kMiB) {
    return Status(Code::kInvalidArgument, "a capacity of " + std::to_string(options.capacity) +
                                              " bytes leaves no room beside the log of " +
                                              std::to_string(options.log_size));
  }
  return ok();
}

Task<Status> make_pool(World& world, Disk& disk, pool::PoolSpec pool) {
  media::OpenOptions open;
  CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media, co_await media::KeyBlockStore::open(world, disk, open));
  CO_TRY_ASSIGN(const std::unique_ptr<vos::Store> store, co_await vos::Store::open(world, std::move(media)));
  Status created = co_await engine::Engine::create_pool(world, *store, std::move(pool));
  Status closed = co_await store->close();
  CO_TRY(created);
  co_return closed;
}

}  // namespace

Status check_empty(const Directory& directory) {
  TRY_ASSIGN(const std::vector<std::string> names, directory.list());
  const bool was_begun = directory.has_file(kCreatingFile);
  if (directory.has_file(kSystemFile)) return Status(Code::kExists, directory.path() + " holds a system already");
  for (const std::string& name : names) {
    if (name == kLockFile || name == kCreatingFile || name == std::string(kCreatingFile) + ".new") continue;
    if (was_begun && (name == kTargetFile || name == std::string(kSystemFile) + ".new")) continue;
    if (name == kTargetFile) {
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
  if (directory.has_file(kTargetFile)) TRY(directory.remove_file(kTargetFile));

  Superblock superblock;
  superblock.system_name = options.system_name;
  superblock.system = world->random.uuid();
  superblock.created_unix_ns = world->clock.wall_ns();
  superblock.pool = world->random.uuid();
  superblock.pool_label = options.pool_label;
  superblock.targets.push_back(
      {.index = 0, .file = kTargetFile, .store = world->random.uuid(), .capacity = options.capacity});
  {
    media::FormatOptions format;
    format.store = superblock.targets[0].store;
    format.log_size = options.log_size;
    pool::PoolSpec pool{.id = superblock.pool, .label = options.pool_label};
    if (plan.devices.empty()) {
      const FileDisk::Options file{.create = true, .read_only = false, .capacity = options.capacity};
      TRY_ASSIGN(const std::unique_ptr<FileDisk> disk, FileDisk::open(reactor, directory.path_of(kTargetFile), file));
      TRY(reactor.run(media::KeyBlockStore::format(*world, *disk, format)));
      TRY(reactor.run(make_pool(*world, *disk, std::move(pool))));
    } else {
      TRY(format_devices(*world, reactor, plan, format));
      for (const PlannedDevice& device : plan.devices) superblock.targets[0].devices.push_back(device.name);
      StoreDiskOptions open;
      open.exclusive = true;
      open.store = format.store;
      TRY_ASSIGN(const std::unique_ptr<StoreDisk> store,
                 StoreDisk::open_devices(*world, reactor, device_paths(directory, superblock.targets[0]), open));
      TRY(reactor.run(make_pool(*world, store->disk(), std::move(pool))));
    }
  }
  TRY(directory.replace_file(kSystemFile, encode_superblock(superblock)));
  return directory.remove_file(kCreatingFile);
}

Result<Superblock> read_superblock(const Directory& directory) {
  if (!directory.has_file(kSystemFile)) {
    const bool has_data = directory.has_file(kTargetFile) && !directory.has_file(kCreatingFile);
    return Status(has_data ? Code::kCorrupt : Code::kNotFound,
                  has_data ? directory.path() + " holds data, but its file 'system' is missing; put that file back"
                           : directory.path() + " holds no system; create one there, or name a directory that does");
  }
  TRY_ASSIGN(const Bytes bytes, directory.read_file(kSystemFile));
  TRY_ASSIGN(Superblock superblock, decode_superblock(bytes, directory.path_of(kSystemFile)));
  if (superblock.targets.size() != 1) {
    return Status(Code::kVersionUnsupported,
                  directory.path() + " has " + std::to_string(superblock.targets.size()) +
                      " targets, and this program opens systems of one; use a newer release");
  }
  const std::string& file = superblock.targets[0].file;
  if (file.empty() || file.find('/') != std::string::npos || file.find('\0') != std::string::npos) {
    return Status(Code::kCorrupt, directory.path_of(kSystemFile) + " names an impossible file");
  }
  return superblock;
}

}  // namespace aeon::local
