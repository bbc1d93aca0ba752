#include "local/directory_server.h"

#include "base/log.h"
#include "engine_keeper.h"
#include "held_system.h"
#include "local_directory.h"
#include "runtime/sync.h"
#include "runtime/system.h"
#include "serve_options.h"
#include "served_targets.h"
#include "serving_note.h"

namespace aeon::local {
namespace {

// All targets in this process. The first one's reactor is run by whoever calls run().
class OneProcess final : public DirectoryServer {
 public:
  // run() closes what start() opened.
  Status start(const std::string& directory, const ServeOptions& options) {
    TRY_ASSIGN(std::optional<tls::Identity> identity, check_serve_options(options));
    TRY_ASSIGN(system_, HeldSystem::hold(directory, options.open));
    const size_t target_count = system_->superblock().targets.size();
    ServedTargets::Options serve;
    serve.end = static_cast<uint32_t>(target_count);
    serve.listen = listen_of_targets(options.listen, target_count);
    serve.metrics = options.metrics;
    serve.identity = std::move(identity);
    targets_.emplace(*system_, std::move(serve));
    Status started = targets_->start();
    if (started.is_ok()) {
      changed_.emplace(targets_->reactor());
      started = write_serving_note(system_->directory(), note());
    }
    if (!started.is_ok() && targets_->has_begun()) {
      ignore(targets_->reactor().run(close()), "what went wrong first is what matters");
    }
    return started;
  }

  const std::string& system_name() const override { return system_->superblock().system_name; }
  std::vector<std::string> addresses() const override { return targets_->addresses().front().addresses; }
  std::vector<ServingEngine> engines() const override {
    return {{.rank = 0,
             .process = static_cast<int64_t>(process_id()),
             .targets_begin = 0,
             .targets_end = static_cast<uint32_t>(system_->superblock().targets.size()),
             .metrics = targets_->metrics_address()}};
  }

  Status run() override { return targets_->reactor().run(serve()); }
  void stop() override { targets_->reactor().submit(begin_stop()); }

 private:
  ServingNote note() const {
    ServingNote note;
    note.process = static_cast<int64_t>(process_id());
    note.addresses = addresses();
    note.addresses.erase(note.addresses.begin());
    note.engines = engines();
    return note;
  }

  Task<void> begin_stop() {
    is_stopping_ = true;
    changed_->notify_all();
    co_return;
  }

  Task<Status> serve() {
    while (!is_stopping_) co_await changed_->wait();
    co_return co_await close();
  }

  Task<Status> close() {
    co_await targets_->settle();
    co_await targets_->stop_clients();
    Status stopped = co_await targets_->close();
    const Status removed = remove_serving_note(system_->directory());
    if (!removed.is_ok()) log::warn("serving_note_stays", {{"status", removed}});
    system_->release();
    co_return stopped;
  }

  std::unique_ptr<HeldSystem> system_;
  std::optional<ServedTargets> targets_;
  std::optional<Signal> changed_;
  bool is_stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<DirectoryServer>> DirectoryServer::open(const std::string& directory, ServeOptions options) {
  if (options.engines != 0) return EngineKeeper::open(directory, options);
  auto server = std::make_unique<OneProcess>();
  TRY(server->start(directory, options));
  return std::unique_ptr<DirectoryServer>(std::move(server));
}

Result<ServerInfo> find_server(const std::string& directory) {
  TRY_ASSIGN(Directory looked_at, Directory::open(directory, false));
  const std::optional<std::string> holder = looked_at.share();
  if (!holder) return Status(Code::kNotFound, "nobody serves " + directory + "; 'aeon up " + directory + "' does");
  Result<ServingNote> note = read_serving_note(looked_at);
  // A note left by one that was killed says nothing about who has it now.
  if (!note.is_ok() || !holder->starts_with("process " + std::to_string(note->process) + " "))
    return Status(Code::kBusy, directory + " is in use by " + *holder + ", which doesn't serve it");
  return ServerInfo{.process = note->process,
                    .socket = socket_of(directory),
                    .addresses = std::move(note->addresses),
                    .engines = std::move(note->engines)};
}

Status check_is_system(const std::string& directory) {
  TRY_ASSIGN(const Directory looked_at, Directory::open(directory, false));
  return read_superblock(looked_at).status();
}

}  // namespace aeon::local
