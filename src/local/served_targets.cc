#include "served_targets.h"

#include <algorithm>

#include "runtime/process.h"
#include "runtime/sync.h"
#include "serving_note.h"

namespace aeon::local {
namespace {

// Descriptors that connections leave to everything else.
constexpr uint64_t kDescriptorsKept = 256;

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

}  // namespace

// The first last: the others' threads may still be leaving its reactor, having told it that they are done.
ServedTargets::~ServedTargets() {
  while (!hosts_.empty()) hosts_.pop_back();
}

Status ServedTargets::start() {
  TRY(start_targets());
  TRY(listen());
  if (options_.metrics.empty()) return ok();
  TRY_ASSIGN(pages_, reactor().run(start_pages(options_.metrics)));
  return ok();
}

// The first last: target 0 asks the others, whose threads run by then.
Status ServedTargets::start_targets() {
  for (uint32_t index = options_.begin; index < options_.end; ++index) {
    hosts_.push_back(std::make_unique<TargetHost>(system_, index, options_.identity));
    TRY(hosts_.back()->open());
  }
  for (const auto& host : hosts_) host->join();
  for (size_t index = hosts_.size() - 1; index > 0; --index) {
    TRY(hosts_[index]->start());
    hosts_[index]->run_on_thread();
  }
  return hosts_.front()->start();
}

// The first one last here too, since it may be the one that tells of the others.
Status ServedTargets::listen() {
  const uint64_t descriptors = std::max(raise_descriptor_limit(), kDescriptorsKept) - kDescriptorsKept;
  const size_t target_count = system_.superblock().targets.size();
  std::vector<wire::TargetAddresses> all = options_.elsewhere;
  all.resize(target_count);
  for (size_t index = hosts_.size(); index-- > 0;) {
    const size_t target = options_.begin + index;
    std::vector<std::string> own = {socket_of(system_.path(), static_cast<uint32_t>(target))};
    if (target < options_.listen.size()) std::ranges::copy(options_.listen[target].addresses, std::back_inserter(own));
    TargetHost::Listen where;
    where.addresses = std::move(own);
    where.connections_max = descriptors / hosts_.size();
    if (target == 0 && target_count > 1) where.told_with = all;
    TRY(hosts_[index]->listen(std::move(where)));
    all[target].addresses = hosts_[index]->addresses();
  }
  return ok();
}

Task<Result<std::unique_ptr<metrics::HttpServer>>> ServedTargets::start_pages(std::string address) {
  CO_TRY_ASSIGN(std::unique_ptr<metrics::HttpServer> pages,
                metrics::HttpServer::listen(world(), address, metrics::HttpServer::Options()));
  engine::Observer& observer = hosts_.front()->observer();
  for (size_t index = 1; index < hosts_.size(); ++index) {
    elsewhere_.push_back(std::make_unique<MetricsElsewhere>(*hosts_[index], reactor()));
    observer.registry().add(*elsewhere_.back());
  }
  observer.add_pages(*pages);
  co_return pages;
}

std::vector<wire::TargetAddresses> ServedTargets::addresses() const {
  std::vector<wire::TargetAddresses> all(hosts_.size());
  for (size_t index = 0; index < hosts_.size(); ++index) all[index].addresses = hosts_[index]->addresses();
  return all;
}

// ---- Stopping -------------------------------------------------------------------------------------------------------

// The same on all, at once; the first error.
Task<Status> ServedTargets::on_all(Task<Status> (TargetHost::*work)()) {
  std::vector<Status> ended(hosts_.size());
  Gate working(reactor());
  for (size_t index = 0; index < hosts_.size(); ++index) working.spawn(on_one(index, work, &ended[index]));
  co_await working.close();
  for (Status& status : ended) CO_TRY(std::move(status));
  co_return ok();
}

Task<void> ServedTargets::on_one(size_t index, Task<Status> (TargetHost::*work)(), Status* ended) {
  TargetHost& host = *hosts_[index];
  Task<Status> working = (host.*work)();
  if (index == 0) {
    *ended = co_await working;
  } else {
    *ended = co_await run_on(host.reactor(), reactor(), std::move(working));
  }
}

Task<void> ServedTargets::settle() {
  ignore(co_await on_all(&TargetHost::settle), "it always works");
  if (pages_ != nullptr) co_await pages_->stop();
  pages_.reset();
}

Task<void> ServedTargets::stop_clients() { ignore(co_await on_all(&TargetHost::stop_clients), "it always works"); }

Task<Status> ServedTargets::close() {
  Status closed = co_await on_all(&TargetHost::close);
  // When containers were opened, for instance: nobody asked to keep that.
  if (system_.is_read_only() && closed.code() == Code::kReadOnly) closed = ok();
  co_return closed;
}

}  // namespace aeon::local
