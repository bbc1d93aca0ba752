#include "local/directory_server.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/log.h"
#include "held_system.h"
#include "local_directory.h"
#include "metrics/http_server.h"
#include "ofi/ofi_network.h"
#include "runtime/process.h"
#include "runtime/sync.h"
#include "runtime/system.h"
#include "serving_note.h"
#include "target_host.h"

namespace aeon::local {
namespace {

// Descriptors that connections leave to everything else.
constexpr uint64_t kDescriptorsKept = 256;
constexpr int64_t kRenewBefore_s = int64_t{30} * 24 * 3600;

// The metrics of a target, from its own reactor.
class MetricsElsewhere final : public metrics::Source {
 public:
  MetricsElsewhere(TargetHost& target, Reactor& here) : target_(target), here_(here) {}
  Task<void> collect(metrics::Collection& into) override {
    Task<metrics::Collection> work = collect_there(&target_.observer());
    metrics::Collection collected = co_await run_on(target_.reactor(), here_, std::move(work));
    into.take(collected);
  }

 private:
  static Task<metrics::Collection> collect_there(engine::Observer* observer) {
    metrics::Collection collected;
    co_await observer->collect(collected);
    co_return collected;
  }

  TargetHost& target_;
  Reactor& here_;
};

// Target 0's reactor is run by whoever calls run(), and has the pages; the others have threads.
class Server final : public DirectoryServer {
 public:
  ~Server() override { hosts_.clear(); }

  // run() closes what start() opened.
  Status start(const std::string& directory, const ServeOptions& options) {
    TRY(check_addresses(options));
    TRY_ASSIGN(system_, HeldSystem::hold(directory, options.open));
    Status started = start_targets();
    if (started.is_ok()) started = listen(options);
    if (started.is_ok()) return ok();
    if (!hosts_.empty()) ignore(first().reactor().run(close()), "what went wrong first is what matters");
    return started;
  }

  const std::string& system_name() const override { return system_->superblock().system_name; }
  std::vector<std::string> addresses() const override { return hosts_.front()->addresses(); }
  std::string metrics_address() const override { return pages_ != nullptr ? pages_->address() : std::string(); }

  Status run() override { return first().reactor().run(serve()); }
  void stop() override { first().reactor().submit(begin_stop()); }

 private:
  TargetHost& first() { return *hosts_.front(); }

  // Before the directory is held: what is wrong here needs no look at it.
  Status check_addresses(const ServeOptions& options) {
    for (const std::string& address : options.listen) {
      TRY(ofi::check_address(address));
      TRY(ofi::check_is_private(address, options.allow_insecure, "--allow-insecure"));
    }
    if (options.certificates.empty()) return ok();
    const SystemClock clock;
    TRY_ASSIGN(identity_, tls::Identity::load(options.certificates, tls::Role::kServer, clock));
    const int64_t left_s = identity_->valid_until_unix_s() - static_cast<int64_t>(clock.wall_ns() / 1'000'000'000);
    if (left_s < kRenewBefore_s) {
      log::warn("certificate_expires_soon", {{"directory", options.certificates}, {"days_left", left_s / (24 * 3600)}});
    }
    return ok();
  }

  // Target 0 last: it asks the others, whose threads run by then.
  Status start_targets() {
    for (uint32_t index = 0; index < system_->superblock().targets.size(); ++index) {
      hosts_.push_back(std::make_unique<TargetHost>(*system_, index, identity_));
      TRY(hosts_.back()->open());
    }
    changed_.emplace(first().reactor());
    if (hosts_.size() > 1) {
      for (const auto& host : hosts_) host->join(hosts_);
    }
    for (size_t index = hosts_.size() - 1; index > 0; --index) {
      TRY(hosts_[index]->start());
      hosts_[index]->run_on_thread();
    }
    return first().start();
  }

  Status listen(const ServeOptions& options) {
    const uint64_t descriptors = std::max(raise_descriptor_limit(), kDescriptorsKept) - kDescriptorsKept;
    std::vector<wire::TargetAddresses> all(hosts_.size());
    for (uint32_t index = static_cast<uint32_t>(hosts_.size()); index-- > 0;) {
      std::vector<std::string> own = {socket_of(system_->path(), index)};
      for (const std::string& address : options.listen) own.push_back(with_port_of(address, index));
      TRY(hosts_[index]->listen(std::move(own), descriptors / hosts_.size()));
      all[index].addresses = hosts_[index]->addresses();
    }
    ServingNote note;
    note.process = static_cast<int64_t>(process_id());
    note.addresses.assign(all.front().addresses.begin() + 1, all.front().addresses.end());
    if (hosts_.size() > 1) first().set_addresses(std::move(all));
    if (!options.metrics.empty()) {
      TRY_ASSIGN(pages_, first().reactor().run(start_pages(options.metrics)));
      note.metrics = pages_->address();
    }
    return write_serving_note(system_->directory(), note);
  }

  // Targets have the ports that follow the first one's, unless that was left open; or names made of the first one's.
  static std::string with_port_of(const std::string& named, uint32_t target) {
    const std::string address = ofi::address_of_target(named, target);
    const size_t colon = address.rfind(':');
    uint32_t port = 0;
    const char* const end = address.data() + address.size();
    const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
    if (target == 0 || colon == std::string::npos || error != std::errc() || stop != end || port == 0) return address;
    return address.substr(0, colon + 1) + std::to_string(port + target);
  }

  Task<Result<std::unique_ptr<metrics::HttpServer>>> start_pages(std::string address) {
    CO_TRY_ASSIGN(std::unique_ptr<metrics::HttpServer> pages,
                  metrics::HttpServer::listen(first().world(), address, metrics::HttpServer::Options()));
    engine::Observer& observer = first().observer();
    for (size_t index = 1; index < hosts_.size(); ++index) {
      elsewhere_.push_back(std::make_unique<MetricsElsewhere>(*hosts_[index], first().reactor()));
      observer.registry().add(*elsewhere_.back());
    }
    observer.add_pages(*pages);
    co_return pages;
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

  // The same on all, at once; the first error.
  Task<Status> on_all(Task<Status> (TargetHost::*work)()) {
    std::vector<Status> ended(hosts_.size());
    Gate working(first().reactor());
    for (size_t index = 0; index < hosts_.size(); ++index) working.spawn(on_one(index, work, &ended[index]));
    co_await working.close();
    for (Status& status : ended) CO_TRY(std::move(status));
    co_return ok();
  }
  Task<void> on_one(size_t index, Task<Status> (TargetHost::*work)(), Status* ended) {
    TargetHost& host = *hosts_[index];
    Task<Status> working = (host.*work)();
    if (index == 0) {
      *ended = co_await working;
    } else {
      *ended = co_await run_on(host.reactor(), first().reactor(), std::move(working));
    }
  }

  Task<Status> close() {
    ignore(co_await on_all(&TargetHost::settle), "it always works");
    if (pages_ != nullptr) co_await pages_->stop();
    pages_.reset();
    ignore(co_await on_all(&TargetHost::stop_clients), "it always works");
    Status stopped = co_await on_all(&TargetHost::close);
    // When containers were opened, for instance: nobody asked to keep that.
    if (system_->is_read_only() && stopped.code() == Code::kReadOnly) stopped = ok();
    const Status removed = remove_serving_note(system_->directory());
    if (!removed.is_ok()) log::warn("serving_note_stays", {{"status", removed}});
    system_->release();
    co_return stopped;
  }

  std::optional<tls::Identity> identity_;
  std::unique_ptr<HeldSystem> system_;
  std::vector<std::unique_ptr<TargetHost>> hosts_;  // By target.
  std::optional<Signal> changed_;
  bool is_stopping_ = false;
  std::vector<std::unique_ptr<MetricsElsewhere>> elsewhere_;
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
