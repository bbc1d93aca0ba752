#include "local/engine_rank.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "base/log.h"
#include "held_system.h"
#include "runtime/children.h"
#include "runtime/sync.h"
#include "serve_options.h"
#include "served_targets.h"

namespace aeon::local {
namespace {

// "TARGET=ADDRESS" into its place.
Status add_address(const std::string& text, std::vector<wire::TargetAddresses>& all) {
  size_t target = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, target);
  if (error != std::errc() || stop == end || *stop != '=' || target >= all.size()) {
    return Status(Code::kInvalidArgument, "'" + text + "' isn't TARGET=ADDRESS of this system");
  }
  all[target].addresses.emplace_back(stop + 1, end);
  return ok();
}

class Rank {
 public:
  Status start(const std::string& directory, const RankOptions& options) {
    TRY_ASSIGN(std::optional<tls::Identity> identity, check_serve_options(options.options));
    TRY_ASSIGN(system_, HeldSystem::share_with(directory, options.lock_descriptor, options.options.open));
    const size_t target_count = system_->superblock().targets.size();
    if (options.targets_begin >= options.targets_end || options.targets_end > target_count) {
      return Status(Code::kInvalidArgument, "the system has no targets " + std::to_string(options.targets_begin) +
                                                " to " + std::to_string(options.targets_end));
    }
    ServedTargets::Options serve;
    serve.begin = options.targets_begin;
    serve.end = options.targets_end;
    serve.listen.resize(target_count);
    for (const std::string& address : options.serve) TRY(add_address(address, serve.listen));
    serve.elsewhere.resize(target_count);
    for (const std::string& address : options.elsewhere) TRY(add_address(address, serve.elsewhere));
    serve.metrics = options.options.metrics;
    serve.identity = std::move(identity);
    targets_.emplace(*system_, std::move(serve));
    Status started = targets_->start();
    if (started.is_ok()) {
      changed_.emplace(targets_->reactor());
    } else if (targets_->has_begun()) {
      ignore(targets_->reactor().run(end()), "what went wrong first is what matters");
    }
    return started;
  }

  void tell_ready(KeeperLine& keeper, uint32_t first) const {
    for (const wire::TargetAddresses& target : targets_->addresses()) {
      for (const std::string& address : target.addresses) {
        keeper.tell(rank_line::kAddress + std::to_string(first) + " " + address);
      }
      ++first;
    }
    if (const std::string pages = targets_->metrics_address(); !pages.empty()) {
      keeper.tell(rank_line::kMetrics + pages);
    }
    keeper.tell(rank_line::kReady);
  }

  // From any thread.
  void order(std::string order) { targets_->reactor().submit(take_order(std::move(order))); }
  Status run(KeeperLine& keeper) { return targets_->reactor().run(serve(&keeper)); }

 private:
  Task<void> take_order(std::string order) {
    orders_.push_back(std::move(order));
    changed_->notify_all();
    co_return;
  }

  Task<Status> serve(KeeperLine* keeper) {
    while (true) {
      while (orders_.empty()) co_await changed_->wait();
      const std::string order = std::move(orders_.front());
      orders_.pop_front();
      if (order == rank_line::kSettle) {
        co_await settle();
      } else if (order == rank_line::kStopClients) {
        co_await stop_clients();
      } else {
        co_return co_await end();
      }
      keeper->tell(rank_line::kDone);
    }
  }

  Task<void> settle() {
    if (!std::exchange(is_settled_, true)) co_await targets_->settle();
  }
  Task<void> stop_clients() {
    if (!std::exchange(has_no_clients_, true)) co_await targets_->stop_clients();
  }
  Task<Status> end() {
    co_await settle();
    co_await stop_clients();
    co_return co_await targets_->close();
  }

  std::unique_ptr<HeldSystem> system_;
  std::optional<ServedTargets> targets_;
  std::optional<Signal> changed_;
  std::deque<std::string> orders_;
  bool is_settled_ = false, has_no_clients_ = false;
};

}  // namespace

Status serve_as_rank(const std::string& directory, const RankOptions& options) {
  Rank rank;
  Status served = rank.start(directory, options);
  const bool is_started = served.is_ok();
  KeeperLine keeper(
      options.keeper_descriptor,
      [&rank, is_started](std::string order) {
        if (is_started) rank.order(std::move(order));
      },
      [&rank, is_started] {
        if (is_started) rank.order(rank_line::kClose);
      });
  if (is_started) {
    rank.tell_ready(keeper, options.targets_begin);
    served = rank.run(keeper);
  }
  if (!served.is_ok()) keeper.tell(rank_line::kError + status_line(served));
  return served;
}

std::string status_line(const Status& status) {
  std::string text(status.message());
  std::ranges::replace(text, '\n', ' ');
  return std::to_string(static_cast<int>(status.code())) + " " + text;
}

Status parse_status_line(const std::string& line) {
  int code = 0;
  const char* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data(), end, code);
  if (error != std::errc() || code <= 0 || code > static_cast<int>(Code::kInProgress)) {
    return Status(Code::kUnavailable, line);
  }
  return Status(static_cast<Code>(code), std::string(stop == end ? stop : stop + 1, end));
}

}  // namespace aeon::local
