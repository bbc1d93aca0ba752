#include "runtime/reactor.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <deque>
#include <limits>
#include <thread>

#include "poller.h"
#include "ring.h"
#include "runtime/spin_source.h"
#include "runtime/timer_queue.h"
#include "spin_policy.h"
#include "tick_clock.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace aeon {
namespace {

constexpr size_t kResumesPerTurn = 256;
constexpr int kTurnsInARow = 64;
// Sources that are watched at the same time; each costs a load of memory in every turn.
constexpr size_t kWatchedMax = 64;
constexpr int kLooksPerTimeCheck = 4;
// What a peer needs to wake up. Two who both sleep at once would never find each other awake without it.
constexpr Duration kWakingTime = std::chrono::microseconds(100);
constexpr Duration kYieldEvery = std::chrono::microseconds(5);
// Giving way to others takes less where there are none...
constexpr Duration kYieldMin = std::chrono::nanoseconds(700);
// ... and less than this where one does a short piece of work, such as the peer.
constexpr Duration kYieldMax = std::chrono::microseconds(40);
constexpr int64_t kNapMaxNs = 1'000'000;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#else
  sched_yield();
#endif
}

void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
void futex_wake(std::atomic<uint32_t>* word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0); }

}  // namespace

struct Reactor::SourceList {
  void push(SpinSource& source, SpinSource::Place place);
  void remove(SpinSource& source);
  SpinSource* first = nullptr;
  SpinSource* last = nullptr;
  size_t count = 0;
};

struct Reactor::State {
  std::deque<std::coroutine_handle<>> ready;
  TimerQueue timers;
  TickClock clock;
  int wake_fd = -1;  // The ring's eventfd, or one of its own without a ring.
  std::unique_ptr<Poller> poller;  // Without a ring: for sockets.
  SourceList watched;  // Looked at in every turn.
  SourceList left;     // Parked by the last runner that did, and of use to it.
  SpinPolicy spinning;
  bool has_woken_peer = false;  // Since the runner spun last.
  bool owns_wake_fd = false;
  std::thread background;
};

// A coroutine without a parent: starts from the ready queue or inbox and destroys itself at its end.
struct Reactor::Detached {
  struct promise_type : Inbound {
    explicit promise_type(Reactor& owner, Task<void>&) : reactor(owner) {
      reactor.tasks_alive_.fetch_add(1, std::memory_order_relaxed);
    }
    ~promise_type() { reactor.tasks_alive_.fetch_sub(1, std::memory_order_relaxed); }
    static void* operator new(size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* frame, size_t size) { FramePool::release(frame, size); }
    Detached get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
    Reactor& reactor;
  };
  std::coroutine_handle<promise_type> handle;
};

Reactor::Detached Reactor::detach(Reactor&, Task<void> work) { co_await work; }

Reactor::Reactor(Options options)
    : options_(options), background_deadline_ns_(kNever), now_(monotonic_now()), state_(std::make_unique<State>()) {
  if (options_.use_io_uring) ring_ = Ring::create(options_.ring_entries);
  if (ring_ != nullptr) {
    state_->wake_fd = ring_->event_fd();
  } else {
    state_->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    state_->owns_wake_fd = true;
    state_->poller = std::make_unique<Poller>();
  }
  CHECK(state_->wake_fd >= 0);
  // Without callers spinning beside it, a single core has nobody to spin for.
  if (std::thread::hardware_concurrency() <= 1) options_.spin = Duration(0);
  state_->background = std::thread([this] { background(); });
}

Reactor::~Reactor() {
  stopping_.store(true);
  poke_background();
  state_->background.join();
  CHECK(tasks_alive_.load() == 0);
  CHECK(blocked_ == nullptr);
  CHECK(state_->timers.empty());
  CHECK(state_->watched.first == nullptr && state_->left.first == nullptr);
  if (ring_ != nullptr) ring_->wait_for_orphans();
  if (state_->owns_wake_fd) close(state_->wake_fd);
}

// ---- Entering and leaving -------------------------------------------------------------------------------------------

bool Reactor::try_enter() {
  if (running_.load(std::memory_order_relaxed)) return false;
  if (running_.exchange(true, std::memory_order_seq_cst)) return false;
  if (ring_ != nullptr) ring_->set_events(false);
  return true;
}

// Makes sure that somebody will notice what is still to come: completions, and what cover_soon() looks at.
void Reactor::cover_leftovers() {
  park_sources();
  if (ring_ != nullptr) {
    ring_->submit();
    if (ring_->in_flight() != 0 && !ring_sleeper_.load(std::memory_order_seq_cst)) {
      ring_->set_events(true);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (ring_->has_completions()) poke_background();  // They came before the eventfd was on.
    }
  }
  cover_soon();
}

void Reactor::cover_soon() {
  if (!state_->ready.empty()) poke_background();
  if (state_->timers.empty()) return;
  const int64_t deadline = state_->timers.next_deadline().time_since_epoch().count();
  if (deadline < background_deadline_ns_.load(std::memory_order_relaxed)) {
    background_deadline_ns_.store(deadline, std::memory_order_relaxed);
    poke_background();
  }
}

void Reactor::leave() {
  cover_leftovers();
  release_and_recheck();
}

// Who posts to the inbox tries to enter afterwards; so who leaves looks at the inbox afterwards. One of both sees
// the other.
void Reactor::release_and_recheck() {
  wake_finished_sleeper();
  running_.store(false, std::memory_order_seq_cst);
  while (inbox_.load(std::memory_order_seq_cst) != nullptr && try_enter()) {
    turn_until_quiet(nullptr);
    cover_leftovers();
    wake_finished_sleeper();
    running_.store(false, std::memory_order_seq_cst);
  }
}

// The sleeper may still be on its way into the ring, and sleeps there however many completions were taken off before.
// So as long as its call is done and it hasn't come back, whoever stops running leaves one for it.
void Reactor::wake_finished_sleeper() {
  if (!sleeper_is_finished_ || !ring_sleeper_.load(std::memory_order_seq_cst)) return;
  if (!ring_->has_completions()) ring_->kick();
}

void Reactor::push_inbound(Inbound& item) {
  Inbound* first = inbox_.load(std::memory_order_relaxed);
  do {
    item.next = first;
  } while (!inbox_.compare_exchange_weak(first, &item, std::memory_order_seq_cst, std::memory_order_relaxed));
}

void Reactor::poke_background() {
  const uint64_t one = 1;
  // A full counter means that it is awake anyway.
  [[maybe_unused]] const ssize_t written = write(state_->wake_fd, &one, sizeof one);
}

// ---- Running --------------------------------------------------------------------------------------------------------

void Reactor::start_inbound() {
  if (inbox_.load(std::memory_order_relaxed) == nullptr) return;
  Inbound* item = inbox_.exchange(nullptr, std::memory_order_acquire);
  Inbound* in_order = nullptr;
  while (item != nullptr) {
    Inbound* next = item->next;
    item->next = in_order;
    in_order = item;
    item = next;
  }
  while (in_order != nullptr) {
    Inbound* next = in_order->next;
    if (in_order->is_call) {
      auto* call = static_cast<Call*>(in_order);
      call->next_blocked = blocked_;
      blocked_ = call;
    }
    in_order->start.resume();
    in_order = next;
  }
}

// Tells the callers whose tasks have ended. A caller's memory is gone as soon as it has been told.
void Reactor::finish_calls() {
  Call** link = &blocked_;
  while (*link != nullptr) {
    Call* call = *link;
    if (!call->start.done()) {
      link = &call->next_blocked;
      continue;
    }
    *link = call->next_blocked;
    const bool in_ring = call->in_ring;
    const uint32_t before = call->state.exchange(Call::kDone, std::memory_order_acq_rel);
    if (in_ring)
      sleeper_is_finished_ = true;  // Woken by wake_finished_sleeper(): nothing may be reaped after that.
    else if (before == Call::kAsleep)
      futex_wake(&call->state);
  }
}

// ---- Spinning -------------------------------------------------------------------------------------------------------

void Reactor::SourceList::push(SpinSource& source, SpinSource::Place place) {
  source.place_ = place;
  source.previous_ = last;
  source.next_ = nullptr;
  (last != nullptr ? last->next_ : first) = &source;
  last = &source;
  ++count;
}

void Reactor::SourceList::remove(SpinSource& source) {
  source.place_ = SpinSource::Place::kNowhere;
  (source.previous_ != nullptr ? source.previous_->next_ : first) = source.next_;
  (source.next_ != nullptr ? source.next_->previous_ : last) = source.previous_;
  --count;
}

void Reactor::watch(SpinSource& source) {
  unwatch(source);
  if (state_->watched.count >= kWatchedMax) {
    SpinSource& oldest = *state_->watched.first;
    state_->watched.remove(oldest);
    oldest.park();
  }
  source.has_news_ = true;
  state_->watched.push(source, SpinSource::Place::kWatched);
}

void Reactor::unwatch(SpinSource& source) {
  if (source.place_ == SpinSource::Place::kWatched) state_->watched.remove(source);
  if (source.place_ == SpinSource::Place::kLeft) state_->left.remove(source);
}

bool Reactor::look_at_sources() {
  bool any = false;
  for (SpinSource* source = state_->watched.first; source != nullptr;) {
    SpinSource* const next = source->next_;  // It may leave the list.
    if (source->look()) any = source->has_news_ = true;
    source = next;
  }
  return any;
}

// Nobody looks from now on: each asks to be woken by other means. What came meanwhile is ready afterwards. The next
// runner who spins looks again at those that were of use: a caller who leaves isn't the only one who waits.
void Reactor::park_sources() {
  if (state_->watched.first == nullptr) return;
  while (SpinSource* const source = state_->left.first) state_->left.remove(*source);
  while (SpinSource* const source = state_->watched.first) {
    state_->watched.remove(*source);
    if (source->has_news_) state_->left.push(*source, SpinSource::Place::kLeft);
    source->park();
  }
}

void Reactor::watch_left_sources() {
  while (SpinSource* const source = state_->left.first) {
    state_->left.remove(*source);
    source->has_news_ = false;
    source->unpark();
    state_->watched.push(*source, SpinSource::Place::kWatched);
  }
}

// As runner who has nothing to do: looks at the sources for a while, if that has paid lately. True if there is
// something to do.
bool Reactor::spin() {
  State& state = *state_;
  if (sleeper_is_finished_) return false;  // It has to get in.
  if (options_.spin <= Duration(0) || (state.watched.first == nullptr && state.left.first == nullptr)) return false;
  if (ring_ != nullptr) {
    // The kernel's own threads need a core to finish what a device does.
    if (ring_->has_device_work()) return false;
    ring_->submit();
  }
  Instant now = monotonic_now();
  if (!state.spinning.is_worthwhile(now) || state.spinning.should_sleep_to_move()) return false;
  watch_left_sources();
  const bool peer_is_waking = std::exchange(state.has_woken_peer, false);
  const Instant until = now + options_.spin + (peer_is_waking ? kWakingTime : Duration(0));
  // On one core with the peer it is its turn now.
  Instant yield_at = state.spinning.peer_shares_core() ? now : now + kYieldEvery;
  while (now < until) {
    for (int i = 0; i < kLooksPerTimeCheck; ++i) {
      if (look_at_sources()) {
        state.spinning.paid();
        return true;
      }
      if (inbox_.load(std::memory_order_relaxed) != nullptr) return true;
      if (ring_ != nullptr && ring_->has_completions()) return true;
      pause_briefly();
    }
    const Instant looked_at = std::exchange(now, monotonic_now());
    if (!state.timers.empty() && state.timers.next_deadline() <= now) return true;
    if (now - looked_at > kYieldMax) {
      state.spinning.others_ran(now, now - looked_at);
      return look_at_sources();
    }
    if (now < yield_at) continue;
    if (state.poller != nullptr && state.poller->waiting() != 0 && state.poller->reap()) return true;
    sched_yield();
    const Instant back = monotonic_now();
    if (back - now > kYieldMax) {
      state.spinning.others_ran(back, back - now);
      return look_at_sources();
    }
    const bool has_come = look_at_sources();
    state.spinning.set_peer_shares_core(has_come && back - now > kYieldMin);
    if (has_come) {
      state.spinning.paid();
      return true;
    }
    now = back;
    yield_at = now + kYieldEvery;
  }
  state.spinning.wasted();
  return false;
}

// ---- Turns and callers ----------------------------------------------------------------------------------------------
Instant Reactor::exact_now() const { return state_->clock.now(); }

// One round: what came in, what completed, what is due, what is ready. False if there was nothing.
bool Reactor::turn() {
  bool any = inbox_.load(std::memory_order_relaxed) != nullptr;
  start_inbound();
  if (ring_ != nullptr && ring_->in_flight() != 0) any |= ring_->reap();
  if (state_->poller != nullptr && state_->poller->waiting() != 0) any |= state_->poller->reap();
  if (state_->watched.first != nullptr) any |= look_at_sources();
  if (!state_->timers.empty()) {
    now_ = state_->clock.now();
    while (Timer* timer = state_->timers.take_due(now_)) {
      timer->on_fire();
      any = true;
    }
  }
  size_t budget = kResumesPerTurn;
  while (!state_->ready.empty() && budget-- != 0) {
    const std::coroutine_handle<> next = state_->ready.front();
    state_->ready.pop_front();
    next.resume();
    any = true;
  }
  if (blocked_ != nullptr) finish_calls();
  return any;
}

// Runs until nothing is left to do now, or until `own` is done: a caller doesn't do others' work for long.
void Reactor::turn_until_quiet(const Call* own) {
  now_ = state_->clock.now();
  for (int i = 0; i < kTurnsInARow && turn(); ++i) {
    if (own != nullptr && own->state.load(std::memory_order_relaxed) == Call::kDone) return;
  }
}

void Reactor::run_call(Call& call) {
  CHECK(!is_from_before_fork());  // The child opens anew what it uses.
  bool running = try_enter();
  if (running) {
    now_ = state_->clock.now();
    call.start.resume();
    if (call.start.done()) {
      leave();
      return;
    }
    call.next_blocked = blocked_;
    blocked_ = &call;
  } else {
    push_inbound(call);
  }
  // From here on the call is known to every runner, and one of them, perhaps this thread, ends it.
  bool may_take_over = true;
  while (true) {
    if (running) {
      turn_until_quiet(&call);
      if (call.state.load(std::memory_order_relaxed) == Call::kDone) {
        leave();
        return;
      }
      if (!state_->ready.empty() && !sleeper_is_finished_) {
        // Others' work, but this thread has nothing better to do.
        if (ring_ != nullptr) ring_->submit();
        continue;
      }
      if (spin() || sleep_in_ring(call)) continue;
      leave();
      may_take_over = false;  // There is nothing to wait for in the ring, so don't enter again just to see that.
    }
    running = wait_outside(call, may_take_over);
    if (!running) return;
  }
}

// As runner: sleeps until a completion if nobody else does and one is on its way. Runner again when it returns true.
bool Reactor::sleep_in_ring(Call& call) {
  if (ring_ == nullptr || !state_->ready.empty()) return false;
  park_sources();
  if (!state_->ready.empty()) return true;
  if (ring_->in_flight() == 0) return false;
  if (ring_sleeper_.exchange(true, std::memory_order_seq_cst)) return false;
  call.in_ring = true;
  const unsigned to_submit = ring_->publish();
  cover_soon();
  release_and_recheck();
  ring_->enter_and_wait(to_submit);
  ring_sleeper_.store(false, std::memory_order_seq_cst);
  // Completions may be there that nobody else will notice, so this thread must run once, whether its call is done
  // or not. Runners don't sleep while they run, so this is short.
  while (!try_enter()) pause_briefly();
  call.in_ring = false;
  sleeper_is_finished_ = false;
  return true;
}

// Waits for others to end the call: spins while somebody runs, then sleeps. False when the call is done, true when
// this thread has become the runner.
bool Reactor::wait_outside(Call& call, bool may_take_over) {
  const Instant spin_until = monotonic_now() + options_.spin;
  while (true) {
    for (int i = 0; i < 64; ++i) {
      if (call.state.load(std::memory_order_acquire) == Call::kDone) return false;
      const bool worthwhile = inbox_.load(std::memory_order_relaxed) != nullptr ||
                              (may_take_over && !ring_sleeper_.load(std::memory_order_relaxed));
      if (worthwhile && try_enter()) return true;
      // Nobody runs, so the call waits for a device or a timer: spinning would only take a core from them.
      if (!running_.load(std::memory_order_relaxed)) break;
      pause_briefly();
    }
    if (running_.load(std::memory_order_relaxed) && monotonic_now() < spin_until) continue;
    // A runner that leaves looks at the inbox; who entered it and finds nobody running must run it.
    if (inbox_.load(std::memory_order_seq_cst) != nullptr && try_enter()) return true;
    uint32_t expected = Call::kRunning;
    if (!call.state.compare_exchange_strong(expected, Call::kAsleep, std::memory_order_acq_rel)) return false;
    futex_wait(call.state, Call::kAsleep);
    expected = Call::kAsleep;
    if (!call.state.compare_exchange_strong(expected, Call::kRunning, std::memory_order_acq_rel)) return false;
  }
}

void Reactor::background() {
  while (true) {
    const int64_t deadline_ns = background_deadline_ns_.load(std::memory_order_relaxed);
    timespec timeout{};
    if (deadline_ns != kNever) {
      const int64_t left_ns = deadline_ns - monotonic_now().time_since_epoch().count();
      if (left_ns > 0) timeout = {.tv_sec = left_ns / 1'000'000'000, .tv_nsec = left_ns % 1'000'000'000};
    }
    pollfd wake[2] = {{.fd = state_->wake_fd, .events = POLLIN, .revents = 0},
                      {.fd = -1, .events = POLLIN, .revents = 0}};
    if (state_->poller != nullptr) wake[1].fd = state_->poller->event_fd();
    ppoll(wake, 2, deadline_ns == kNever ? nullptr : &timeout, nullptr);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(state_->wake_fd, &count, sizeof count);
    if (stopping_.load()) return;
    // It was woken because something must be run, so it doesn't go back to sleep before it has. Who runs now leaves
    // soon, or goes on because there is always more to do.
    timespec nap{.tv_sec = 0, .tv_nsec = 20'000};
    while (!try_enter()) {
      nanosleep(&nap, nullptr);
      nap.tv_nsec = std::min<int64_t>(nap.tv_nsec * 2, kNapMaxNs);
    }
    now_ = state_->clock.now();
    do {
      while (turn() && !sleeper_is_finished_) {}  // With that one in the ring it leaves after each turn, to let it in.
    } while (spin());
    background_deadline_ns_.store(state_->timers.next_deadline().time_since_epoch().count(), std::memory_order_relaxed);
    leave();
  }
}

// ---- Work without a waiting caller ----------------------------------------------------------------------------------

void Reactor::submit(Task<void> work) {
  if (is_from_before_fork()) return keep_forever(std::make_shared<Task<void>>(std::move(work)));
  const Detached detached = detach(*this, std::move(work));
  Inbound& item = detached.handle.promise();
  item.start = detached.handle;
  push_inbound(item);
  if (try_enter()) {
    turn_until_quiet(nullptr);
    leave();
  }
}

bool Reactor::poll() {
  if (is_from_before_fork() || !try_enter()) return false;
  now_ = state_->clock.now();
  const bool any = turn();
  leave();
  return any;
}

void Reactor::has_woken_peer() { state_->has_woken_peer = true; }
Poller* Reactor::poller() { return state_->poller.get(); }
void Reactor::post(std::coroutine_handle<> ready) { state_->ready.push_back(ready); }
void Reactor::spawn(Task<void> work) { post(detach(*this, std::move(work)).handle); }
void Reactor::arm(Timer& timer, Instant deadline) { state_->timers.arm(timer, deadline); }
void Reactor::disarm(Timer& timer) { state_->timers.disarm(timer); }
bool Reactor::has_ready() const { return !state_->ready.empty() || inbox_.load(std::memory_order_relaxed) != nullptr; }

}  // namespace aeon
