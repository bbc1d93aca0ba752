#include "engine_keeper.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/log.h"
#include "held_system.h"
#include "local/engine_rank.h"
#include "runtime/children.h"
#include "runtime/process.h"
#include "runtime/system.h"
#include "serve_options.h"
#include "serving_note.h"

namespace aeon::local {
namespace {

using Event = Children::Event;
using What = Children::What;

// Between an engine's end and its next start: longer each time, unless it served that long in between.
constexpr Duration kPauseMin = std::chrono::milliseconds(50), kPauseMax = std::chrono::seconds(5);
constexpr Duration kForever = std::chrono::hours(1);

class Keeper final : public DirectoryServer {
 public:
  Status start(const std::string& directory, const ServeOptions& options) {
    TRY(check_serve_options(options).status());
    options_ = options;
    TRY_ASSIGN(system_, HeldSystem::hold(directory, options.open));
    const size_t target_count = system_->superblock().targets.size();
    if (options.engines > target_count) {
      return Status(Code::kInvalidArgument, std::to_string(options.engines) + " engines need as many targets, and " +
                                                system_->path() + " has " + std::to_string(target_count) +
                                                "; their number is chosen when a system is made (--targets)");
    }
    listen_ = listen_of_targets(options.listen, target_count);
    all_.resize(target_count);
    children_.emplace(options.engines);
    for (uint32_t rank = 0; rank < options.engines; ++rank) {
      Engine engine;
      engine.info.rank = rank;
      engine.info.targets_begin = static_cast<uint32_t>(rank * target_count / options.engines);
      engine.info.targets_end = static_cast<uint32_t>((rank + 1) * target_count / options.engines);
      if (!options.metrics.empty()) engine.info.metrics = following_address(options.metrics, rank);
      engines_.push_back(std::move(engine));
    }
    Status started = start_engines();
    if (started.is_ok()) started = write_serving_note(system_->directory(), note());
    if (!started.is_ok()) ignore(end(), "what went wrong first is what matters");
    is_serving_ = started.is_ok();
    return started;
  }

  const std::string& system_name() const override { return system_->superblock().system_name; }
  std::vector<std::string> addresses() const override { return all_.front().addresses; }
  std::vector<ServingEngine> engines() const override {
    std::vector<ServingEngine> all;
    for (const Engine& engine : engines_) {
      all.push_back(engine.info);
      if (!engine.is_ready) all.back().process = 0;
    }
    return all;
  }

  Status run() override {
    while (true) {
      const Event event = children_->next(until_next_start());
      if (event.what == What::kWoken) return end();
      take(event);
      for (Engine& engine : engines_) start_again_if_due(engine);
    }
  }
  void stop() override { children_->wake(); }

 private:
  struct Engine {
    ServingEngine info;
    bool is_ready = false;
    bool is_done = false;            // With the last order.
    Status error;                    // Why it ended, if it said so.
    std::vector<wire::TargetAddresses> heard;  // Where its targets are, until it is ready.
    Duration ready_at{};             // As children_->elapsed().
    Duration pause = kPauseMin;      // Before the next start.
    std::optional<Duration> due;     // When it starts again.
  };

  // Target 0's last: it asks the others, and tells where they are.
  Status start_engines() {
    for (size_t rank = engines_.size() - 1; rank > 0; --rank) TRY(start_engine(engines_[rank]));
    for (size_t rank = engines_.size() - 1; rank > 0; --rank) TRY(wait_until_ready(engines_[rank]));
    TRY(start_engine(engines_[0]));
    return wait_until_ready(engines_[0]);
  }

  Status start_engine(Engine& engine) {
    std::vector<std::string> words = {program_folder() + "/daos_engine", system_->path()};
    const int lock = system_->directory().share_lock();
    words.push_back("--rank=" + std::to_string(engine.info.rank));
    words.push_back("--targets-begin=" + std::to_string(engine.info.targets_begin));
    words.push_back("--targets-end=" + std::to_string(engine.info.targets_end));
    words.push_back("--lock-fd=" + std::to_string(lock));
    for (size_t target = 0; target < all_.size(); ++target) {
      const bool is_own = target >= engine.info.targets_begin && target < engine.info.targets_end;
      if (!is_own && engine.info.rank != 0) continue;
      const std::string begin = (is_own ? "--serve=" : "--elsewhere=") + std::to_string(target) + "=";
      const std::vector<wire::TargetAddresses>& from = is_own ? listen_ : all_;
      for (const std::string& address : from[target].addresses) words.push_back(begin + address);
    }
    if (!engine.info.metrics.empty()) words.push_back("--metrics=" + engine.info.metrics);
    if (!options_.certificates.empty()) words.push_back("--certs=" + options_.certificates);
    if (options_.allow_insecure) words.push_back("--allow-insecure");
    engine.error = ok();
    engine.due.reset();
    engine.heard.assign(all_.size(), wire::TargetAddresses());
    TRY(children_->start(engine.info.rank, std::move(words), std::span(&lock, 1)));
    engine.info.process = children_->pid(engine.info.rank);
    return ok();
  }

  Status wait_until_ready(const Engine& engine) {
    while (!engine.is_ready) {
      take(children_->next(kForever));
      for (const Engine& other : engines_) {
        if (!other.due.has_value()) continue;
        if (!other.error.is_ok()) return other.error;
        return Status(Code::kUnavailable, "engine " + std::to_string(other.info.rank) + " ended while it started");
      }
    }
    return ok();
  }

  // What an engine says, or that it ended.
  void take(const Event& event) {
    if (event.what == What::kLine) take_line(engines_[event.child], event.text);
    if (event.what == What::kEnded) take_end(engines_[event.child], event.text);
  }

  void take_line(Engine& engine, const std::string& line) {
    const auto rest_behind = [&line](std::string_view word) { return line.substr(word.size()); };
    if (line == rank_line::kDone) {
      engine.is_done = true;
    } else if (line == rank_line::kReady) {
      take_ready(engine);
    } else if (line.starts_with(rank_line::kMetrics)) {
      engine.info.metrics = rest_behind(rank_line::kMetrics);
    } else if (line.starts_with(rank_line::kAddress)) {
      take_address(engine, rest_behind(rank_line::kAddress));
    } else if (line.starts_with(rank_line::kError)) {
      engine.error = parse_status_line(rest_behind(rank_line::kError));
    }
  }

  static void take_address(Engine& engine, const std::string& text) {
    size_t target = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, target);
    if (error != std::errc() || stop == end || target >= engine.heard.size()) return;
    engine.heard[target].addresses.emplace_back(stop + 1, end);
  }

  void take_ready(Engine& engine) {
    engine.is_ready = true;
    engine.ready_at = children_->elapsed();
    // Where it is now it stays: clients know the ports that were chosen.
    for (uint32_t target = engine.info.targets_begin; target < engine.info.targets_end; ++target) {
      const std::vector<std::string>& found = engine.heard[target].addresses;
      all_[target].addresses = found;
      if (!found.empty()) listen_[target].addresses.assign(found.begin() + 1, found.end());
    }
    if (!is_serving_) return;
    log::info("engine_serves_again", {{"rank", engine.info.rank}, {"process", engine.info.process}});
    rewrite_note();
  }

  void take_end(Engine& engine, const std::string& how) {
    const Duration now = children_->elapsed();
    if (std::exchange(engine.is_ready, false) && now - engine.ready_at > kPauseMax) engine.pause = kPauseMin;
    engine.is_done = true;
    if (is_ending_) return;
    engine.due = now + engine.pause;
    if (!is_serving_) return;
    log::warn("engine_ended", {{"rank", engine.info.rank},
                               {"process", engine.info.process},
                               {"how", how},
                               {"status", engine.error},
                               {"starts_again_in_ms", engine.pause / std::chrono::milliseconds(1)}});
    engine.pause = std::min(2 * engine.pause, kPauseMax);
    rewrite_note();
  }

  void start_again_if_due(Engine& engine) {
    if (!engine.due.has_value() || children_->elapsed() < *engine.due) return;
    const Status started = start_engine(engine);
    if (started.is_ok()) return;
    log::error("engine_doesnt_start", {{"rank", engine.info.rank}, {"status", started}});
    engine.due = children_->elapsed() + kPauseMax;
  }

  Duration until_next_start() const {
    Duration until = kForever;
    for (const Engine& engine : engines_) {
      if (engine.due.has_value()) until = std::min(until, *engine.due - children_->elapsed());
    }
    return std::max(until, Duration::zero());
  }

  ServingNote note() const {
    ServingNote note;
    note.process = static_cast<int64_t>(process_id());
    note.addresses = listen_.front().addresses;
    note.engines = engines();
    return note;
  }

  void rewrite_note() {
    const Status written = write_serving_note(system_->directory(), note());
    if (!written.is_ok()) log::warn("serving_note_not_written", {{"status", written}});
  }

  // ---- Stopping ----

  // All engines before the next order: none is asked by another when it doesn't answer any more.
  Status end() {
    is_ending_ = true;
    for (const char* const order : {rank_line::kSettle, rank_line::kStopClients}) {
      for (Engine& engine : engines_) engine.is_done = !children_->is_running(engine.info.rank);
      for (const Engine& engine : engines_) children_->tell(engine.info.rank, order);
      while (!std::ranges::all_of(engines_, &Engine::is_done)) take(children_->next(kForever));
    }
    for (const Engine& engine : engines_) children_->tell(engine.info.rank, rank_line::kClose);
    const auto runs = [this](const Engine& engine) { return children_->is_running(engine.info.rank); };
    while (std::ranges::any_of(engines_, runs)) take(children_->next(kForever));
    const Status removed = remove_serving_note(system_->directory());
    if (!removed.is_ok()) log::warn("serving_note_stays", {{"status", removed}});
    system_->release();
    for (const Engine& engine : engines_) TRY(engine.error);
    return ok();
  }

  ServeOptions options_;
  std::unique_ptr<HeldSystem> system_;
  std::vector<wire::TargetAddresses> listen_;  // Beside the sockets, by target.
  std::vector<wire::TargetAddresses> all_;     // Where each is, as its engine said.
  std::vector<Engine> engines_;                // By rank.
  std::optional<Children> children_;
  bool is_serving_ = false, is_ending_ = false;
};

}  // namespace

Result<std::unique_ptr<DirectoryServer>> EngineKeeper::open(const std::string& directory, const ServeOptions& options) {
  auto keeper = std::make_unique<Keeper>();
  TRY(keeper->start(directory, options));
  return std::unique_ptr<DirectoryServer>(std::move(keeper));
}

}  // namespace aeon::local
