#include "held_system.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "devices.h"
#include "local_directory.h"
#include "runtime/system.h"
#include "serving_note.h"

namespace aeon::local {
namespace {

constexpr const char* kDegradedVariable = "AEON_DEGRADED";
constexpr const char* kMemoryVariable = "AEON_MEMORY_BUDGET";

// "64MiB", "2G", "1048576". Nothing else is understood.
std::optional<ByteCount> parse_bytes(std::string_view text) {
  ByteCount number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  ByteCount factor = 0;
  if (unit.empty() || unit == "B") factor = 1;
  if (unit == "K" || unit == "KiB") factor = kKiB;
  if (unit == "M" || unit == "MiB") factor = kMiB;
  if (unit == "G" || unit == "GiB") factor = kGiB;
  if (factor == 0 || number > ~ByteCount{0} / factor) return std::nullopt;
  return number * factor;
}

// 0: the store's default.
Result<ByteCount> choose_memory_budget(ByteCount wanted) {
  const char* const variable = std::getenv(kMemoryVariable);
  if (wanted == 0 && variable != nullptr && *variable != '\0') {
    const std::optional<ByteCount> parsed = parse_bytes(variable);
    if (!parsed || *parsed == 0) {
      return Status(Code::kInvalidArgument,
                    std::string(kMemoryVariable) + "='" + variable + "' is no size; write 512MiB, for instance");
    }
    wanted = *parsed;
  }
  if (wanted != 0 && wanted < media::kMemoryBudgetMin) {
    return Status(Code::kInvalidArgument,
                  "a memory budget of " + std::to_string(wanted) + " bytes is too small; the least is 32MiB");
  }
  return wanted;
}

// Somebody who asks for a budget knows what for; otherwise each target gets at least what it needs.
Status check_memory_budget(ByteCount wanted, size_t target_count) {
  if (wanted == 0 || wanted / target_count >= media::kMemoryBudgetMin) return ok();
  return Status(Code::kInvalidArgument, "a memory budget of " + std::to_string(wanted) + " bytes is too small for " +
                                            std::to_string(target_count) + " targets; the least is " +
                                            std::to_string(target_count * media::kMemoryBudgetMin / kMiB) + "MiB");
}

// Of one target; 0: the store's default, as it is for one alone.
ByteCount memory_budget_of_each(ByteCount wanted, size_t target_count) {
  if (wanted != 0) return wanted / target_count;
  if (target_count == 1) return 0;
  return std::max(media::kMemoryBudgetMin, machine_memory() / 8 / target_count);
}

// With what the environment says.
Result<OpenOptions> choose_options(const OpenOptions& options) {
  OpenOptions chosen = options;
  TRY_ASSIGN(chosen.memory_budget, choose_memory_budget(options.memory_budget));
  const char* const degraded = std::getenv(kDegradedVariable);
  if (degraded != nullptr && std::string_view(degraded) == "1") chosen.allow_missing_devices = true;
  return chosen;
}

// Holds it for those who change nothing.
Result<Directory> share(const std::string& path) {
  TRY_ASSIGN(Directory directory, Directory::open(path, false));
  const std::optional<std::string> holder = directory.share();
  if (!holder.has_value()) return directory;
  return Status(Code::kBusy, path + " is in use by " + *holder + "; stop it first, or look at a copy");
}

}  // namespace

Result<Directory> hold_directory(const std::string& path, bool create) {
  Result<Directory> directory = Directory::open(path, create);
  if (directory.code() == Code::kNotFound && !create) {
    return Status(Code::kNotFound,
                  "there is no directory " + path + "; create a system there, or name one that exists");
  }
  if (!directory.is_ok()) return directory;
  if (!directory->has_file(kSystemFile)) {
    // Before the lock, which is a file too: somebody else's directory stays as it is.
    const Status found = read_superblock(*directory).status();
    if (!create || found.code() != Code::kNotFound) return found;
    TRY(check_empty(*directory));
  }
  TRY(directory->lock(holder_text(SystemClock().wall_ns())));
  return directory;
}

Result<std::unique_ptr<HeldSystem>> HeldSystem::hold(const std::string& directory, const OpenOptions& options) {
  if (options.read_only && options.create_if_missing) {
    return Status(Code::kInvalidArgument, "a system that is open for reading only can't be made");
  }
  TRY_ASSIGN(const OpenOptions chosen, choose_options(options));

  TRY_ASSIGN(Directory held,
             options.read_only ? share(directory) : hold_directory(directory, options.create_if_missing));
  Result<Superblock> superblock = read_superblock(held);
  if (superblock.code() == Code::kNotFound && options.create_if_missing) {
    TRY(check_memory_budget(chosen.memory_budget, std::max(options.create.target_count, 1u)));
    TRY(create_system(held, options.create));
    superblock = read_superblock(held);
  }
  if (!superblock.is_ok()) return superblock.status();
  TRY(check_memory_budget(chosen.memory_budget, superblock->targets.size()));
  if (!options.read_only) {
    // A system that was finished just before its maker was killed; a server that was.
    if (held.has_file(kCreatingFile)) TRY(held.remove_file(kCreatingFile));
    TRY(remove_serving_note(held));
  }
  return std::unique_ptr<HeldSystem>(new HeldSystem(std::move(held), std::move(*superblock), chosen));
}

Result<std::unique_ptr<HeldSystem>> HeldSystem::share_with(const std::string& directory, int lock_descriptor,
                                                           const OpenOptions& options) {
  TRY_ASSIGN(const OpenOptions chosen, choose_options(options));
  TRY_ASSIGN(Directory shared, Directory::open(directory, false));
  TRY(shared.adopt_lock(lock_descriptor));
  TRY_ASSIGN(Superblock superblock, read_superblock(shared));
  return std::unique_ptr<HeldSystem>(new HeldSystem(std::move(shared), std::move(superblock), chosen));
}

Status HeldSystem::start(Reactor& reactor, World& world) {
  Status started;
  for (uint32_t index = 0; index < superblock_.targets.size() && started.is_ok(); ++index) {
    Result<OpenStore> opened = open_store(reactor, world, index);
    started = opened.status();
    if (!started.is_ok()) break;
    disks_.push_back(std::move(opened->disk));
    stores_.push_back(std::move(opened->store));
  }
  if (started.is_ok()) started = reactor.run(start_engine(&world));
  if (started.is_ok()) return ok();
  ignore(reactor.run(close()), "what went wrong first is what matters");
  return started.within("can't open " + path_);
}

Result<HeldSystem::OpenStore> HeldSystem::open_store(Reactor& reactor, World& world, uint32_t index) const {
  OpenStore opened;
  TRY_ASSIGN(opened.disk, open_disk(reactor, world, superblock_.targets[index]));
  TRY_ASSIGN(opened.store, reactor.run(open_on(&world, &opened.disk->disk(), index)));
  return opened;
}

Result<std::unique_ptr<StoreDisk>> HeldSystem::open_disk(Reactor& reactor, World& world,
                                                         const TargetEntry& target) const {
  if (!target.devices.empty()) return open_devices(reactor, world, target);
  const ByteCount capacity = target.capacity != 0 ? target.capacity : kCapacityUnlimited;
  return StoreDisk::open_file(reactor, directory_.path_of(target.file), capacity, options_.read_only);
}

Result<std::unique_ptr<StoreDisk>> HeldSystem::open_devices(Reactor& reactor, World& world,
                                                            const TargetEntry& target) const {
  StoreDiskOptions options;
  options.read_only = options_.read_only;
  options.exclusive = true;
  options.allow_missing = options_.allow_missing_devices;
  options.store = target.store;
  Result<std::unique_ptr<StoreDisk>> opened =
      StoreDisk::open_devices(world, reactor, device_paths(directory_, target), options);
  if (opened.code() != Code::kUnavailable || options.allow_missing) return opened;
  return Status(Code::kUnavailable, std::string(opened.status().message()) +
                                        "; connect it, or say where the devices are with 'daos system set-devices', "
                                        "or set AEON_DEGRADED=1 to work without data devices that are missing");
}

Task<Result<std::unique_ptr<vos::Store>>> HeldSystem::open_on(World* world, Disk* disk, uint32_t index) const {
  const size_t target_count = superblock_.targets.size();
  media::OpenOptions open;
  open.read_only = options_.read_only;
  open.memory_budget = memory_budget_of_each(options_.memory_budget, target_count);
  CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media, co_await media::KeyBlockStore::open(*world, *disk, open));
  if (media->uuid() != superblock_.targets[index].store) {
    const bool is_misplaced = std::ranges::count(superblock_.targets, media->uuid(), &TargetEntry::store) != 0;
    co_return Status(Code::kInvalidArgument,
                     std::string(disk->name()) +
                         (is_misplaced ? " belongs to another target" : " belongs to another system") +
                         "; put back the file that belongs " + (is_misplaced ? "there" : "to this one"));
  }
  vos::StoreOptions store_options;
  // Rounded up: a low rate isn't none.
  store_options.scrub.bytes_per_second = (options_.scrub_bytes_per_second + target_count - 1) / target_count;
  co_return co_await vos::Store::open(*world, std::move(media), store_options);
}

Task<Status> HeldSystem::start_engine(World* world) {
  engine::Engine::Options options;
  options.system_name = superblock_.system_name;
  options.free_outside = [this] { return free_outside(*disks_.front()); };
  engine_ = std::make_unique<engine::Engine>(*world, std::move(stores_), std::move(options));
  stores_.clear();
  co_return co_await engine_->start();
}

Task<Status> HeldSystem::close() {
  Status stopped = ok();
  if (engine_ != nullptr) stopped = co_await engine_->stop();
  // Those that were open when another one didn't open.
  for (const auto& store : stores_) {
    Status closed = co_await store->close();
    if (stopped.is_ok()) stopped = std::move(closed);
  }
  // When containers were opened, for instance: nobody asked to keep that.
  if (options_.read_only && stopped.code() == Code::kReadOnly) stopped = ok();
  engine_.reset();
  stores_.clear();
  disks_.clear();
  // Another may open it from now on.
  const Directory released = std::move(directory_);
  co_return stopped;
}

ByteCount HeldSystem::free_outside(const StoreDisk& first) const {
  if (first.devices() != nullptr) return room_to_grow(*first.devices());
  const Result<ByteCount> free = directory_.free_space();
  return free.is_ok() ? *free : 0;
}

}  // namespace aeon::local
