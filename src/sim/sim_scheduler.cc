#include "sim/sim_scheduler.h"

#include <algorithm>

namespace aeon {

namespace {

void mix(uint64_t& hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  hash ^= hash >> 29;
}

}  // namespace

void SimFaultCounts::add(std::string_view name, uint64_t count) {
  auto found = counts_.find(name);
  if (found == counts_.end()) found = counts_.emplace(std::string(name), 0).first;
  found->second += count;
}

uint64_t SimFaultCounts::count(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

void SimFaultCounts::add_all(const SimFaultCounts& other) {
  for (const auto& [name, count] : other.counts_) add(name, count);
}

// --- SimExecutor ---

SimExecutor::~SimExecutor() { DCHECK(state_ == State::kCrashed); }

void SimExecutor::post(std::coroutine_handle<> ready) {
  if (state_ != State::kRunning) return;  // What frames that are being destroyed let go of.
  scheduler_.ready_.push_back({ready, this, scheduler_.next_sequence_++});
}

bool SimExecutor::has_ready() const {
  return std::ranges::any_of(scheduler_.ready_, [this](const auto& ready) { return ready.process == this; });
}

void SimExecutor::spawn(Task<void> work) {
  if (state_ != State::kRunning) return;
  const uint64_t root = next_root_++;
  Task<void> task = run_root(this, root, std::move(work));
  post(task.handle());
  roots_.emplace(root, std::move(task));
}

Task<void> SimExecutor::run_root(SimExecutor* executor, uint64_t root, Task<void> work) {
  co_await work;
  executor->ended_roots_.push_back(root);
}

Instant SimExecutor::now() const { return scheduler_.now(); }

void SimExecutor::arm(Timer& timer, Instant deadline) {
  if (state_ != State::kRunning) return;
  timers_.arm(timer, deadline);
  scheduler_.next_timer_ = std::min(scheduler_.next_timer_, deadline);
}

void SimExecutor::disarm(Timer& timer) { timers_.disarm(timer); }

void SimExecutor::fire_timers(Instant now) {
  if (state_ != State::kRunning || paused_until_ > now) return;
  while (Timer* timer = timers_.take_due(now)) {
    scheduler_.trace(index_, "timer");
    scheduler_.running_ = this;
    timer->on_fire();
    scheduler_.running_ = nullptr;
  }
}

// Not inside the step in which they ended: their frames were still in use then.
void SimExecutor::destroy_ended_roots() {
  while (!ended_roots_.empty()) {
    const uint64_t root = ended_roots_.back();
    ended_roots_.pop_back();
    const auto found = roots_.find(root);
    Task<void> task = std::move(found->second);
    roots_.erase(found);
  }
}

// First everything that could call back is taken away (timers, ready coroutines, disk operations, messages), then the
// frames go. Newest first: younger coroutines refer to what older ones hold. Meanwhile post() and arm() do nothing.
void SimExecutor::crash(bool power_lost) {
  if (state_ != State::kRunning) return;
  state_ = State::kCrashing;
  while (timers_.take_due(Instant::max()) != nullptr) {}
  scheduler_.drop_ready_of(*this);
  const std::vector<SimCrashListener*> listeners = std::exchange(crash_listeners_, {});
  for (SimCrashListener* listener : listeners) listener->on_crash(power_lost);
  while (!roots_.empty()) {
    const auto newest = std::prev(roots_.end());
    Task<void> task = std::move(newest->second);
    roots_.erase(newest);
  }
  ended_roots_.clear();
  while (!owned_.empty()) {
    const std::shared_ptr<void> newest = std::move(owned_.back());
    owned_.pop_back();
  }
  state_ = State::kCrashed;
}

// --- SimScheduler ---

SimScheduler::SimScheduler(uint64_t seed, SimOptions options)
    : seed_(seed), options_(options), random_(seed), trace_hash_(seed) {}

SimScheduler::~SimScheduler() {
  for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) (*process)->crash(true);
}

SimExecutor& SimScheduler::new_process(std::string name) {
  const auto index = static_cast<uint32_t>(processes_.size());
  processes_.push_back(std::unique_ptr<SimExecutor>(new SimExecutor(*this, std::move(name), index)));
  trace(index, "process");
  return *processes_.back();
}

void SimScheduler::trace(uint32_t process, std::string_view kind, uint64_t a, uint64_t b, uint64_t c) {
  mix(trace_hash_, static_cast<uint64_t>(elapsed().count()));
  mix(trace_hash_, process);
  for (const char letter : kind) trace_hash_ = trace_hash_ * 131 + static_cast<unsigned char>(letter);
  mix(trace_hash_, a);
  mix(trace_hash_, b);
  mix(trace_hash_, c);
}

void SimScheduler::at(Instant when, SimExecutor* process, std::function<void()> fire) {
  events_.push_back({std::max(when, now_), random_.next(), next_sequence_++, process, std::move(fire)});
  std::push_heap(events_.begin(), events_.end(), Later{});
}

void SimScheduler::crash(SimExecutor& process) {
  CHECK(running_ != &process);
  if (process.is_crashing()) return;
  trace(process.index(), "crash");
  fault_counts_.add("process_crash");
  process.crash(true);
}

void SimScheduler::kill(SimExecutor& process) {
  CHECK(running_ != &process);
  if (process.is_crashing()) return;
  trace(process.index(), "kill");
  fault_counts_.add("process_kill");
  process.crash(false);
}

void SimScheduler::crash_soon(SimExecutor& process, End end) {
  process.dying_ = true;
  process.dies_by_kill_ = end == End::kKill;
  any_dying_ = true;
}

void SimScheduler::pause(SimExecutor& process, Duration duration) {
  process.paused_until_ = std::max(process.paused_until_, now_ + duration);
  fault_counts_.add("process_pause");
  trace(process.index(), "pause", static_cast<uint64_t>(duration.count()));
}

void SimScheduler::run_for(Duration duration) {
  const Instant end = now_ + duration;
  while (step(end)) {}
  now_ = std::max(now_, end);
}

bool SimScheduler::run_until(const std::function<bool()>& condition, Duration timeout) {
  const Instant end = now_ + timeout;
  while (!condition()) {
    if (!step(end)) {
      now_ = std::max(now_, end);
      return condition();
    }
  }
  return true;
}

void SimScheduler::run_until_idle() {
  while (step(Instant::max())) {}
}

void SimScheduler::drive(const std::function<bool()>& done, SimExecutor& process, bool may_crash) {
  CHECK(running_ == nullptr);  // Coroutines await tasks; only the outside drives.
  while (!done()) {
    if (process.is_crashing()) {
      if (may_crash) return;
      fail("process '" + process.name() + "' crashed before the awaited task ended");
    }
    if (!step(Instant::max())) {
      fail("deadlock: nothing is ready and nothing will happen, but the awaited task waits");
    }
  }
}

// Does the next thing that happens no later than `not_after`; false if there is none.
bool SimScheduler::step(Instant not_after) {
  if (now_ > not_after) return false;
  if (any_dying_) crash_dying();
  fire_due();
  if (ready_.empty()) {
    const Instant next = next_wakeup();
    if (next > not_after || next == Instant::max()) return false;
    now_ = std::max(now_, next);
    fire_due();
    if (ready_.empty()) return true;  // Something fired that made nothing ready.
  }
  const size_t chosen = random_.below(ready_.size());
  const Ready ready = ready_[chosen];
  ready_[chosen] = ready_.back();
  ready_.pop_back();
  resume(ready);
  return true;
}

void SimScheduler::resume(Ready ready) {
  if (ready.process->paused_until_ > now_) {
    SimExecutor* process = ready.process;
    at(process->paused_until_, process, [process, handle = ready.handle] { process->post(handle); });
    return;
  }
  if (++step_count_ > options_.step_count_max) fail("too many steps");
  if (elapsed() > options_.time_max) fail("too much virtual time passed");
  trace(ready.process->index(), "resume", ready.sequence);
  running_ = ready.process;
  ready.handle.resume();
  running_ = nullptr;
  now_ += options_.step_duration;
  ready.process->destroy_ended_roots();
  if (any_dying_) crash_dying();
}

void SimScheduler::crash_dying() {
  any_dying_ = false;
  for (size_t i = 0; i < processes_.size(); ++i) {
    SimExecutor& process = *processes_[i];
    if (!process.dying_ || process.is_crashing()) continue;
    if (process.dies_by_kill_)
      kill(process);
    else
      crash(process);
  }
}

void SimScheduler::fire_due() {
  while (!events_.empty() && events_.front().when <= now_) {
    std::pop_heap(events_.begin(), events_.end(), Later{});
    Event event = std::move(events_.back());
    events_.pop_back();
    if (event.process != nullptr) {
      if (event.process->is_crashing()) continue;
      if (event.process->paused_until_ > now_) {
        at(event.process->paused_until_, event.process, std::move(event.fire));
        continue;
      }
    }
    if (++step_count_ > options_.step_count_max) fail("too many steps");
    trace(event.process != nullptr ? event.process->index() : ~0u, "event", event.sequence);
    running_ = event.process;
    event.fire();
    running_ = nullptr;
    if (any_dying_) crash_dying();
  }
  if (next_timer_ > now_) return;
  for (size_t i = 0; i < processes_.size(); ++i) processes_[i]->fire_timers(now_);
  if (any_dying_) crash_dying();
  next_timer_ = Instant::max();
  for (const auto& process : processes_) {
    Instant deadline = process->timers_.next_deadline();
    if (deadline != Instant::max()) deadline = std::max(deadline, process->paused_until_);
    next_timer_ = std::min(next_timer_, deadline);
  }
}

Instant SimScheduler::next_wakeup() {
  return events_.empty() ? next_timer_ : std::min(next_timer_, events_.front().when);
}

void SimScheduler::drop_ready_of(const SimExecutor& process) {
  std::erase_if(ready_, [&](const Ready& ready) { return ready.process == &process; });
}

void SimScheduler::fail(const std::string& why) {
  std::string message = why + " (seed " + std::to_string(seed_) + ", step " + std::to_string(step_count_) + ", " +
                        std::to_string(std::chrono::duration<double>(elapsed()).count()) + " simulated s;";
  for (const auto& process : processes_) {
    if (!process->is_crashing()) {
      message += " process '" + process->name() + "': " + std::to_string(process->coroutine_count()) + " coroutines;";
    }
  }
  message += " " + std::to_string(ready_.size()) + " ready, " + std::to_string(events_.size()) + " events)";
  running_ = nullptr;
  for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) (*process)->crash(true);
  throw SimFailure(message);
}

}  // namespace aeon
