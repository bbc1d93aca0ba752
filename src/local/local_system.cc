#include "local/local_system.h"

#include <atomic>
#include <cstdlib>

#include "base/log.h"
#include "client/connection.h"
#include "client/network_system.h"
#include "devices.h"
#include "held_system.h"
#include "local_directory.h"
#include "rpc/inproc_channel.h"
#include "runtime/system.h"
#include "serving_note.h"

namespace aeon::local {
namespace {

constexpr const char* kSystemVariable = "AEON_SYSTEM";
constexpr const char* kCertificatesVariable = "AEON_CERTS";
constexpr const char* kAllowInsecureVariable = "AEON_ALLOW_INSECURE";
constexpr std::string_view kLocalPrefix = "local:";

class EmbeddedSystem final : public LocalSystem {
 public:
  explicit EmbeddedSystem(std::unique_ptr<HeldSystem> held)
      : path_(held->path()), name_(held->superblock().system_name), system_(std::move(held)) {}
  ~EmbeddedSystem() override {
    if (connection_ == nullptr) return;  // It wasn't started.
    if (reactor_->is_from_before_fork()) {
      abandon();
      return;
    }
    const Status closed = close();
    if (!closed.is_ok()) log::error("local_system_close_failed", {{"directory", path_}, {"status", closed}});
  }

  // Once, before anything else.
  Status start() {
    TRY(system_->start(*reactor_, *world_));
    channel_ = std::make_shared<rpc::InprocChannel>(*reactor_, system_->engine().dispatcher());
    const client::Connection::Start start = [reactor = reactor_.get()](Task<void> task) {
      reactor->submit(std::move(task));
    };
    const client::Connection::OpenTarget open_target = [this](uint32_t target, const std::vector<std::string>&) {
      others_.push_back(std::make_shared<rpc::InprocChannel>(*reactor_, system_->engine().dispatcher(target)));
      return Result<std::shared_ptr<rpc::Channel>>(others_.back());
    };
    connection_ = std::make_shared<client::Connection>(channel_, start, reactor_, open_target);
    return reactor_->run(connection_->hello());
  }

  std::string name() const override { return name_; }
  Executor& executor() override { return *reactor_; }
  const std::string& directory() const override { return path_; }

  Task<Result<std::vector<client::PoolInfo>>> list_pools() override { return connection_->list_pools(); }
  Task<Result<std::shared_ptr<client::Pool>>> connect_pool(std::string pool, client::Access access) override {
    return connection_->connect_pool(std::move(pool), access);
  }

  void submit(Task<void> task) override { reactor_->submit(std::move(task)); }
  bool poll() override { return reactor_->poll(); }

  Status close() override {
    if (reactor_->is_from_before_fork()) return Status(Code::kInvalidArgument, "it was opened before fork()");
    if (is_closed_.exchange(true)) return ok();
    return reactor_->run(stop());
  }

 protected:
  void run_blocking(Task<void> task) override { reactor_->run(std::move(task)); }

 private:
  // The child of a fork has nothing to do with what its parent has open.
  void abandon() {
    keep_forever(reactor_);
    keep_forever(std::move(system_));
    keep_forever(connection_);
    keep_forever(channel_);
    for (const auto& other : others_) keep_forever(other);
  }

  Task<Status> stop() {
    co_await connection_->settle();
    connection_->close();
    Status closed = co_await system_->close();
    for (const auto& other : others_) other->disconnect();
    channel_->disconnect();
    co_return closed;
  }

  const std::string path_;
  const std::string name_;
  // Handles keep the reactor; see client::Connection.
  const std::shared_ptr<Reactor> reactor_ = std::make_shared<Reactor>();
  LocalWorld world_{*reactor_};
  std::unique_ptr<HeldSystem> system_;
  std::shared_ptr<rpc::InprocChannel> channel_;  // To target 0.
  std::vector<std::shared_ptr<rpc::InprocChannel>> others_;
  std::shared_ptr<client::Connection> connection_;
  std::atomic<bool> is_closed_{false};
};

// The name that was given, or else the variable's.
Result<std::string> choose_system(const std::string& name) {
  const char* const variable = std::getenv(kSystemVariable);
  const std::string chosen = !name.empty() ? name : variable != nullptr ? variable : "";
  if (!chosen.empty()) return chosen;
  return Status(Code::kInvalidArgument,
                "no system is named; set AEON_SYSTEM=local:DIRECTORY, or name it in the command");
}

Status no_system(const std::string& name) {
  return Status(Code::kInvalidArgument, "'" + name +
                                            "' names no system; write local:DIRECTORY, for instance "
                                            "AEON_SYSTEM=local:/data/store");
}

bool is_address(std::string_view name) {
  return name.starts_with("unix:") || name.starts_with("tcp:") || name.starts_with("tls:") || name.starts_with("ofi+");
}

client::ConnectOptions connect_options() {
  client::ConnectOptions options;
  if (const char* const certificates = std::getenv(kCertificatesVariable)) options.certificates = certificates;
  const char* const allow = std::getenv(kAllowInsecureVariable);
  options.allow_insecure = allow != nullptr && std::string_view(allow) == "1";
  return options;
}

// By way of the process that serves it. kUnavailable if none does.
Result<std::shared_ptr<client::System>> open_served(const std::string& directory) {
  return client::NetworkSystem::connect(socket_of(directory), {});
}

}  // namespace

Status LocalSystem::create(const std::string& directory, CreateOptions options) {
  TRY_ASSIGN(Directory held, hold_directory(directory, true));
  return create_system(held, options);
}

Result<std::shared_ptr<LocalSystem>> LocalSystem::open(const std::string& directory, OpenOptions options) {
  // First of all: who finds it busy makes no reactor, and no thread.
  TRY_ASSIGN(std::unique_ptr<HeldSystem> held, HeldSystem::hold(directory, options));
  auto system = std::make_shared<EmbeddedSystem>(std::move(held));
  TRY(system->start());
  return std::shared_ptr<LocalSystem>(std::move(system));
}

Status set_devices(const std::string& directory, const std::vector<std::string>& paths) {
  TRY_ASSIGN(Directory held, hold_directory(directory, false));
  TRY_ASSIGN(Superblock superblock, read_superblock(held));
  TRY(name_devices(superblock.targets[0], paths));
  return held.replace_file(kSystemFile, encode_superblock(superblock));
}

bool names_system(std::string_view name) { return name.starts_with(kLocalPrefix) || is_address(name); }

Result<std::string> directory_of_system(const std::string& name) {
  TRY_ASSIGN(const std::string chosen, choose_system(name));
  if (!chosen.starts_with(kLocalPrefix) || chosen.size() == kLocalPrefix.size()) return no_system(chosen);
  return chosen.substr(kLocalPrefix.size());
}

Result<std::shared_ptr<client::System>> open_system(const std::string& name, bool create_if_missing) {
  TRY_ASSIGN(const std::string chosen, choose_system(name));
  if (is_address(chosen)) return client::NetworkSystem::connect(chosen, connect_options());
  TRY_ASSIGN(const std::string directory, directory_of_system(chosen));
  OpenOptions options;
  options.create_if_missing = create_if_missing;
  Result<std::shared_ptr<LocalSystem>> system = LocalSystem::open(directory, options);
  if (system.code() == Code::kBusy) {
    Result<std::shared_ptr<client::System>> served = open_served(directory);
    if (served.code() != Code::kUnavailable) return served;
    // Whoever has it doesn't serve it, or was about to end.
    system = LocalSystem::open(directory, std::move(options));
  }
  TRY(system.status());
  return std::shared_ptr<client::System>(std::move(*system));
}

}  // namespace aeon::local
