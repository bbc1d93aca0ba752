#include "local/directory_server.h"

#include <algorithm>

#include "base/log.h"
#include "held_system.h"
#include "local_directory.h"
#include "metrics/http_server.h"
#include "rpc/network_server.h"
#include "runtime/process.h"
#include "runtime/sockets.h"
#include "runtime/sync.h"
#include "runtime/system.h"
#include "serving_note.h"
#include "tls/tls_network.h"

namespace aeon::local {
namespace {

// Descriptors that connections leave to everything else.
constexpr uint64_t kDescriptorsKept = 256;
constexpr uint64_t kShareOfSocket = 8;  // An eighth is for the socket in the directory, if there are other addresses.
constexpr uint64_t kConnectionsMin = 64, kConnectionsMax = 65536;
constexpr int64_t kRenewBefore_s = int64_t{30} * 24 * 3600;

class Server final : public DirectoryServer {
 public:
  // run() closes what start() opened.
  Status start(const std::string& directory, const ServeOptions& options) {
    TRY(check_addresses(options));
    TRY_ASSIGN(system_, HeldSystem::hold(directory, options.open));
    TRY(system_->start(reactor_, world_));
    Status listening = listen(options);
    if (!listening.is_ok()) ignore(reactor_.run(close()), "what went wrong first is what matters");
    return listening;
  }

  const std::string& system_name() const override { return system_->superblock().system_name; }
  std::vector<std::string> addresses() const override {
    std::vector<std::string> all;
    for (const auto& server : servers_) all.push_back(server->address());
    return all;
  }

  std::string metrics_address() const override { return pages_ != nullptr ? pages_->address() : std::string(); }

  Status run() override { return reactor_.run(serve()); }
  void stop() override { reactor_.submit(begin_stop()); }

 private:
  // Before the directory is held: what is wrong here needs no look at it.
  Status check_addresses(const ServeOptions& options) {
    for (const std::string& address : options.listen) {
      TRY(tls::check_address(address));
      TRY(tls::check_is_private(address, options.allow_insecure, "--allow-insecure"));
    }
    if (options.certificates.empty()) return ok();
    TRY_ASSIGN(tls::Identity identity, tls::Identity::load(options.certificates, tls::Role::kServer, clock_));
    const int64_t left_s = identity.valid_until_unix_s() - static_cast<int64_t>(clock_.wall_ns() / 1'000'000'000);
    if (left_s < kRenewBefore_s) {
      log::warn("certificate_expires_soon", {{"directory", options.certificates}, {"days_left", left_s / (24 * 3600)}});
    }
    network_.use(std::move(identity));
    return ok();
  }

  Status listen(const ServeOptions& options) {
    // Each has its own, so that whoever floods one doesn't keep others from being reached by another.
    const uint64_t descriptors = std::max(raise_descriptor_limit(), kDescriptorsKept) - kDescriptorsKept;
    const uint64_t by_socket = options.listen.empty() ? descriptors : descriptors / kShareOfSocket;
    TRY(add_server(socket_of(system_->path()), by_socket));
    ServingNote note;
    note.process = static_cast<int64_t>(process_id());
    for (const std::string& address : options.listen) {
      TRY(add_server(address, (descriptors - by_socket) / options.listen.size()));
      note.addresses.push_back(servers_.back()->address());
    }
    if (!options.metrics.empty()) {
      TRY_ASSIGN(pages_, reactor_.run(start_pages(options.metrics)));
      note.metrics = pages_->address();
    }
    return write_serving_note(system_->directory(), note);
  }

  Status add_server(const std::string& address, uint64_t connections) {
    rpc::NetworkServer::Options options;
    options.connections_max = static_cast<uint32_t>(std::clamp(connections, kConnectionsMin, kConnectionsMax));
    TRY_ASSIGN(std::unique_ptr<rpc::NetworkServer> server, reactor_.run(start_server(address, options)));
    system_->engine().observer().add(*server);
    servers_.push_back(std::move(server));
    return ok();
  }
  Task<Result<std::unique_ptr<rpc::NetworkServer>>> start_server(std::string address,
                                                                 rpc::NetworkServer::Options options) {
    co_return rpc::NetworkServer::listen(world_, address, system_->engine().dispatcher(), options);
  }

  Task<Result<std::unique_ptr<metrics::HttpServer>>> start_pages(std::string address) {
    CO_TRY_ASSIGN(std::unique_ptr<metrics::HttpServer> pages,
                  metrics::HttpServer::listen(world_, address, metrics::HttpServer::Options()));
    system_->engine().observer().add_pages(*pages);
    co_return pages;
  }

  Task<void> begin_stop() {
    is_stopping_ = true;
    changed_.notify_all();
    co_return;
  }

  Task<Status> serve() {
    while (!is_stopping_) co_await changed_.wait();
    co_return co_await close();
  }

  Task<Status> close() {
    system_->engine().observer().set_serving(Status(Code::kUnavailable, "the engine is stopping"));
    for (const auto& server : servers_) {
      co_await server->stop();
      system_->engine().observer().remove(*server);
    }
    servers_.clear();
    if (pages_ != nullptr) co_await pages_->stop();
    pages_.reset();
    const Status removed = remove_serving_note(system_->directory());
    if (!removed.is_ok()) log::warn("serving_note_stays", {{"status", removed}});
    co_return co_await system_->close();
  }

  Reactor reactor_;
  SystemClock clock_;
  Sockets sockets_{reactor_};
  tls::TlsNetwork network_{reactor_, clock_, sockets_};
  Random random_ = system_random();
  Faults faults_;
  World world_{reactor_, clock_, network_, random_, faults_};
  Signal changed_{reactor_};
  bool is_stopping_ = false;
  std::unique_ptr<HeldSystem> system_;
  std::vector<std::unique_ptr<rpc::NetworkServer>> servers_;
  std::unique_ptr<metrics::HttpServer> pages_;
};

}  // namespace

Result<std::unique_ptr<DirectoryServer>> DirectoryServer::open(const std::string& directory, ServeOptions options) {
  auto server = std::make_unique<Server>();
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
                    .metrics = note->metrics};
}

Status check_is_system(const std::string& directory) {
  TRY_ASSIGN(const Directory looked_at, Directory::open(directory, false));
  return read_superblock(looked_at).status();
}

}  // namespace aeon::local
