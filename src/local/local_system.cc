#include "local/local_system.h"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/log.h"
#include "client/connection.h"
#include "devices.h"
#include "engine/engine.h"
#include "local_directory.h"
#include "rpc/inproc_channel.h"
#include "runtime/file_disk.h"
#include "runtime/reactor.h"
#include "runtime/system.h"

namespace aeon::local {
namespace {

constexpr const char* kSystemVariable = "AEON_SYSTEM";
constexpr const char* kDegradedVariable = "AEON_DEGRADED";
constexpr const char* kMemoryVariable = "AEON_MEMORY_BUDGET";
constexpr std::string_view kLocalPrefix = "local:";

class EmbeddedSystem final : public LocalSystem {
 public:
  EmbeddedSystem(Directory directory, std::string path, Superblock superblock, bool is_read_only,
                 ByteCount memory_budget, bool allow_missing_devices, vos::StoreOptions options)
      : directory_(std::move(directory)),
        path_(std::move(path)),
        superblock_(std::move(superblock)),
        is_read_only_(is_read_only),
        memory_budget_(memory_budget),
        allow_missing_devices_(allow_missing_devices),
        store_options_(options) {}
  ~EmbeddedSystem() override {
    const Status closed = close();
    if (!closed.is_ok()) log::error("local_system_close_failed", {{"directory", path_}, {"status", closed}});
  }

  // Opens what the superblock names. Once, before anything else.
  Status start() {
    const TargetEntry& target = superblock_.targets[0];
    if (target.devices.empty()) {
      const ByteCount capacity = target.capacity != 0 ? target.capacity : kCapacityUnlimited;
      TRY_ASSIGN(disk_, StoreDisk::open_file(*reactor_, directory_.path_of(target.file), capacity, is_read_only_));
    } else {
      TRY_ASSIGN(disk_, open_devices());
    }
    return reactor_->run(start_engine());
  }

  std::string name() const override { return superblock_.system_name; }
  Executor& executor() override { return *reactor_; }
  const std::string& directory() const override { return path_; }

  Task<Result<std::vector<client::PoolInfo>>> list_pools() override { return connection_->list_pools(); }
  Task<Result<std::shared_ptr<client::Pool>>> connect_pool(std::string pool, client::Access access) override {
    return connection_->connect_pool(std::move(pool), access);
  }

  void submit(Task<void> task) override { reactor_->submit(std::move(task)); }
  bool poll() override { return reactor_->poll(); }

  Status close() override {
    if (is_closed_.exchange(true)) return ok();
    return reactor_->run(stop_engine());
  }

 protected:
  void run_blocking(Task<void> task) override { reactor_->run(std::move(task)); }

 private:
  Result<std::unique_ptr<StoreDisk>> open_devices() {
    const TargetEntry& target = superblock_.targets[0];
    StoreDiskOptions options;
    options.read_only = is_read_only_;
    options.exclusive = true;
    options.allow_missing = allow_missing_devices_;
    options.store = target.store;
    Result<std::unique_ptr<StoreDisk>> opened =
        StoreDisk::open_devices(*world_, *reactor_, device_paths(directory_, target), options);
    if (opened.code() != Code::kUnavailable || allow_missing_devices_) return opened;
    return Status(Code::kUnavailable, std::string(opened.status().message()) +
                                          "; connect it, or say where the devices are with 'daos system set-devices', "
                                          "or set AEON_DEGRADED=1 to work without data devices that are missing");
  }

  Task<Status> start_engine() {
    media::OpenOptions open;
    open.read_only = is_read_only_;
    open.memory_budget = memory_budget_;
    CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media,
                  co_await media::KeyBlockStore::open(*world_, disk_->disk(), open));
    if (media->uuid() != superblock_.targets[0].store) {
      co_return Status(Code::kInvalidArgument, std::string(disk_->disk().name()) +
                                                   " belongs to another system; put back the "
                                                   "file that belongs to this one");
    }
    std::vector<std::unique_ptr<vos::Store>> stores(1);
    CO_TRY_ASSIGN(stores[0], co_await vos::Store::open(*world_, std::move(media), store_options_));
    engine::Engine::Options options;
    options.system_name = superblock_.system_name;
    options.free_outside = [this] { return directory_free(); };
    engine_ = std::make_unique<engine::Engine>(*world_, std::move(stores), std::move(options));
    CO_TRY(co_await engine_->start());
    channel_ = std::make_shared<rpc::InprocChannel>(*reactor_, engine_->dispatcher());
    const std::shared_ptr<Reactor> reactor = reactor_;
    const client::Connection::Start start = [reactor = reactor_.get()](Task<void> task) {
      reactor->submit(std::move(task));
    };
    connection_ = std::make_shared<client::Connection>(channel_, start, reactor);
    co_return co_await connection_->hello();
  }

  Task<Status> stop_engine() {
    if (connection_ != nullptr) {
      co_await connection_->settle();
      connection_->close();
    }
    Status stopped = ok();
    if (engine_ != nullptr) stopped = co_await engine_->stop();
    // When containers were opened, for instance: nobody asked to keep that.
    if (is_read_only_ && stopped.code() == Code::kReadOnly) stopped = ok();
    if (channel_ != nullptr) channel_->disconnect();
    engine_.reset();
    disk_.reset();
    // Another may open it from now on.
    const Directory released = std::move(directory_);
    co_return stopped;
  }

  ByteCount directory_free() const {
    if (disk_->devices() != nullptr) return room_to_grow(*disk_->devices());
    const Result<ByteCount> free = directory_.free_space();
    return free.is_ok() ? *free : 0;
  }

  Directory directory_;
  const std::string path_;
  const Superblock superblock_;
  const bool is_read_only_;
  const ByteCount memory_budget_;
  const bool allow_missing_devices_;
  const vos::StoreOptions store_options_;
  // Handles keep the reactor; see client::Connection.
  const std::shared_ptr<Reactor> reactor_ = std::make_shared<Reactor>();
  LocalWorld world_{*reactor_};
  std::unique_ptr<StoreDisk> disk_;
  std::unique_ptr<engine::Engine> engine_;
  std::shared_ptr<rpc::InprocChannel> channel_;
  std::shared_ptr<client::Connection> connection_;
  std::atomic<bool> is_closed_{false};
};

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

Result<Directory> hold(const std::string& path, bool create) {
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

// The same for those who change nothing.
Result<Directory> share(const std::string& path) {
  TRY_ASSIGN(Directory directory, Directory::open(path, false));
  const std::optional<std::string> holder = directory.share();
  if (!holder.has_value()) return directory;
  return Status(Code::kBusy, path + " is in use by " + *holder + "; stop it first, or look at a copy");
}

}  // namespace

Status LocalSystem::create(const std::string& directory, CreateOptions options) {
  TRY_ASSIGN(Directory held, hold(directory, true));
  return create_system(held, options);
}

Result<std::shared_ptr<LocalSystem>> LocalSystem::open(const std::string& directory, OpenOptions options) {
  if (options.read_only && options.create_if_missing) {
    return Status(Code::kInvalidArgument, "a system that is open for reading only can't be made");
  }
  TRY_ASSIGN(const ByteCount memory_budget, choose_memory_budget(options.memory_budget));
  TRY_ASSIGN(Directory held, options.read_only ? share(directory) : hold(directory, options.create_if_missing));
  Result<Superblock> superblock = read_superblock(held);
  if (superblock.code() == Code::kNotFound && options.create_if_missing) {
    TRY(create_system(held, options.create));
    superblock = read_superblock(held);
  }
  if (!superblock.is_ok()) return superblock.status();
  // A system that was finished just before its maker was killed.
  if (!options.read_only && held.has_file(kCreatingFile)) TRY(held.remove_file(kCreatingFile));
  const char* const degraded = std::getenv(kDegradedVariable);
  const bool is_degraded = degraded != nullptr && std::string_view(degraded) == "1";
  vos::StoreOptions store_options;
  store_options.scrub.bytes_per_second = options.scrub_bytes_per_second;
  auto system =
      std::make_shared<EmbeddedSystem>(std::move(held), directory, std::move(*superblock), options.read_only,
                                       memory_budget, options.allow_missing_devices || is_degraded, store_options);
  const Status started = system->start();
  if (!started.is_ok()) return started.within("can't open " + directory);
  return std::shared_ptr<LocalSystem>(std::move(system));
}

Status set_devices(const std::string& directory, const std::vector<std::string>& paths) {
  TRY_ASSIGN(Directory held, hold(directory, false));
  TRY_ASSIGN(Superblock superblock, read_superblock(held));
  TRY(name_devices(superblock.targets[0], paths));
  return held.replace_file(kSystemFile, encode_superblock(superblock));
}

Result<std::string> directory_of_system(const std::string& name) {
  const char* const variable = std::getenv(kSystemVariable);
  const std::string chosen = !name.empty() ? name : variable != nullptr ? variable : "";
  if (chosen.empty()) {
    return Status(Code::kInvalidArgument,
                  "no system is named; set AEON_SYSTEM=local:DIRECTORY, or name it in the command");
  }
  if (!chosen.starts_with(kLocalPrefix) || chosen.size() == kLocalPrefix.size()) {
    return Status(Code::kInvalidArgument, "'" + chosen +
                                              "' names no system; write local:DIRECTORY, for instance "
                                              "AEON_SYSTEM=local:/data/store");
  }
  return chosen.substr(kLocalPrefix.size());
}

Result<std::shared_ptr<client::System>> open_system(const std::string& name, bool create_if_missing) {
  TRY_ASSIGN(const std::string directory, directory_of_system(name));
  OpenOptions options;
  options.create_if_missing = create_if_missing;
  TRY_ASSIGN(std::shared_ptr<LocalSystem> system, LocalSystem::open(directory, std::move(options)));
  return std::shared_ptr<client::System>(std::move(system));
}

}  // namespace aeon::local
