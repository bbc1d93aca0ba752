#include "tls/tls_network.h"

#include <algorithm>
#include <deque>
#include <list>
#include <utility>

#include "base/log.h"
#include "runtime/sockets.h"
#include "runtime/sync.h"
#include "tls_stream.h"

namespace aeon::tls {
namespace {

constexpr std::string_view kTls = "tls:", kTcp = "tcp:";
// Refused peers may come by the thousand.
constexpr Duration kLogPause = std::chrono::seconds(1);

Status no_identity(const std::string& address) {
  return Status(Code::kPermission, address +
                                       " needs certificates: 'aeon certs DIR' makes them, and AEON_CERTS=DIR (for "
                                       "an engine, 'aeon up --certs DIR') says where they are");
}

int64_t unix_seconds(const Clock& clock) { return static_cast<int64_t>(clock.wall_ns() / 1'000'000'000); }

// Ends a handshake when its time is over.
class HandshakeTimer final : private Timer {
 public:
  HandshakeTimer(Executor& executor, Stream& stream, Instant deadline) : executor_(executor), stream_(stream) {
    executor.arm(*this, deadline);
  }
  ~HandshakeTimer() override {
    if (is_armed()) executor_.disarm(*this);
  }
  bool has_fired() const { return has_fired_; }

 private:
  void on_fire() override {
    has_fired_ = true;
    stream_.shut();
  }
  Executor& executor_;
  Stream& stream_;
  bool has_fired_ = false;
};

Task<Status> shake_hands(Executor* executor, TlsStream* stream, Instant deadline) {
  const HandshakeTimer timer(*executor, *stream, deadline);
  Status status = co_await stream->shake_hands();
  if (timer.has_fired()) {
    status = Status(Code::kUnavailable, "no TLS with " + stream->peer() + " in time; does it speak TLS 1.3?");
  }
  co_return status;
}

class TlsListener final : public Listener {
 public:
  TlsListener(Executor& executor, const Clock& clock, std::unique_ptr<Listener> below, Identity identity,
              const TlsNetwork::Options& options)
      : state_(std::make_shared<State>(executor, clock, std::move(below), std::move(identity), options)),
        address_(std::string(kTls) + state_->below->address().substr(options.below.size())) {}
  ~TlsListener() override { shut(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    const std::shared_ptr<State> state = state_;
    if (!std::exchange(state->is_started, true)) state->start(take_connections(state));
    while (state->ready.empty() && !state->has_ended && !state->is_shut) co_await state->changed.wait();
    if (!state->ready.empty()) {
      Result<std::unique_ptr<Stream>> next = std::move(state->ready.front());
      state->ready.pop_front();
      state->changed.notify_all();
      co_return next;
    }
    while (state->running != 0) co_await state->changed.wait();
    co_return Status(Code::kUnavailable, "nobody listens at " + state->address() + " any more");
  }

  void shut() override { state_->shut(); }
  const std::string& address() const override { return address_; }

 private:
  // What handshakes keep.
  struct State {
    State(Executor& on, const Clock& its_clock, std::unique_ptr<Listener> listener, Identity own,
          const TlsNetwork::Options& its_options)
        : executor(on),
          clock(its_clock),
          below(std::move(listener)),
          identity(std::move(own)),
          options(its_options),
          changed(on) {}

    void start(Task<void> work) {
      ++running;
      executor.spawn(std::move(work));
    }
    void ended() {
      --running;
      changed.notify_all();
    }
    void shut() {
      if (std::exchange(is_shut, true)) return;
      below->shut();
      ready.clear();
      for (TlsStream* const stream : in_progress) stream->shut();
      changed.notify_all();
    }
    std::string address() const { return below->address(); }

    Executor& executor;
    const Clock& clock;
    const std::unique_ptr<Listener> below;
    const Identity identity;
    const TlsNetwork::Options options;
    Signal changed;
    std::list<TlsStream*> in_progress;  // Oldest first.
    std::deque<Result<std::unique_ptr<Stream>>> ready;
    size_t running = 0;
    bool is_started = false;
    bool is_shut = false;
    bool has_ended = false;  // The listener below has.
    Instant next_log{};
    uint64_t unlogged = 0;
  };

  // An entry in the list of those in progress, also when the process crashes meanwhile.
  class Handshake {
   public:
    Handshake(State& state, TlsStream& stream)
        : state_(state), place_(state.in_progress.insert(state.in_progress.end(), &stream)) {}
    ~Handshake() { state_.in_progress.erase(place_); }

   private:
    State& state_;
    const std::list<TlsStream*>::iterator place_;
  };

  static Task<void> take_connections(std::shared_ptr<State> state) {
    while (!state->is_shut) {
      if (state->ready.size() >= state->options.waiting_max) {
        co_await state->changed.wait();
        continue;
      }
      Result<std::unique_ptr<Stream>> below = co_await state->below->accept();
      if (state->is_shut || below.code() == Code::kUnavailable) break;
      if (!below.is_ok()) {  // For who accepts to know; then on.
        state->ready.push_back(below.status());
        state->changed.notify_all();
        while (!state->ready.empty() && !state->is_shut) co_await state->changed.wait();
        continue;
      }
      // One that does nothing must make room for those that do.
      while (state->in_progress.size() >= state->options.handshakes_max && !state->is_shut) {
        state->in_progress.front()->shut();
        co_await state->changed.wait();
      }
      if (state->is_shut) break;
      state->start(welcome(state, std::move(*below)));
    }
    state->has_ended = true;
    state->ended();
  }

  static Task<void> welcome(std::shared_ptr<State> state, std::unique_ptr<Stream> below) {
    std::string peer = below->peer();
    auto stream =
        std::make_unique<TlsStream>(std::move(below), state->identity, Role::kServer, unix_seconds(state->clock),
                                    std::move(peer), state->options.records_per_key);
    Status status;
    {
      const Handshake listed(*state, *stream);
      const Instant deadline = state->executor.now() + state->options.handshake_max;
      status = co_await shake_hands(&state->executor, stream.get(), deadline);
    }
    if (state->is_shut) {
      // Nobody wants it any more.
    } else if (status.is_ok()) {
      std::unique_ptr<Stream> accepted = std::move(stream);
      state->ready.emplace_back(std::move(accepted));
    } else {
      log_refusal(*state, status);
    }
    stream.reset();
    state->ended();
  }

  static void log_refusal(State& state, const Status& status) {
    if (state.executor.now() < state.next_log) {
      ++state.unlogged;
      return;
    }
    state.next_log = state.executor.now() + kLogPause;
    const uint64_t unlogged = std::exchange(state.unlogged, 0);
    log::warn("tls_refused", {{"address", state.address()}, {"status", status}, {"others_before", unlogged}});
  }

  const std::shared_ptr<State> state_;
  const std::string address_;
};

}  // namespace

bool is_tls_address(const std::string& address) { return address.starts_with(kTls); }

Status check_address(const std::string& address) {
  if (!is_tls_address(address)) return check_socket_address(address);
  const Status status = check_socket_address(std::string(kTcp) + address.substr(kTls.size()));
  return status.is_ok() ? status : status.within(address);
}

Status check_is_private(const std::string& address, bool allow_insecure, const std::string& way_out) {
  if (!address.starts_with(kTcp)) return ok();
  TRY_ASSIGN(const bool is_private, is_within_host(address));
  if (is_private) return ok();
  if (!allow_insecure) {
    return Status(Code::kPermission, "by " + address +
                                         " everything would cross the network unencrypted, and anybody could come; use "
                                         "tls: with certificates ('aeon certs'), or say so: " +
                                         way_out);
  }
  log::warn("insecure_address", {{"address", address}, {"why", "what goes by it is neither encrypted nor checked"}});
  return ok();
}

Task<Result<std::unique_ptr<Stream>>> TlsNetwork::connect(std::string address, Duration timeout) {
  if (!is_tls_address(address)) co_return co_await below_.connect(std::move(address), timeout);
  if (!identity_.has_value()) co_return no_identity(address);
  const Instant deadline = executor_.now() + timeout;
  std::string place = options_.below + address.substr(kTls.size());
  CO_TRY_ASSIGN(std::unique_ptr<Stream> below, co_await below_.connect(std::move(place), timeout));
  auto stream = std::make_unique<TlsStream>(std::move(below), *identity_, Role::kClient, unix_seconds(clock_),
                                            std::move(address), options_.records_per_key);
  CO_TRY(co_await shake_hands(&executor_, stream.get(), deadline));
  std::unique_ptr<Stream> connected = std::move(stream);
  co_return connected;
}

Result<std::unique_ptr<Listener>> TlsNetwork::listen(const std::string& address) {
  if (!is_tls_address(address)) return below_.listen(address);
  if (!identity_.has_value()) return no_identity(address);
  if (identity_->role() != Role::kServer) {
    return Status(Code::kPermission, "can't listen at " + address + " with a client's certificate");
  }
  TRY_ASSIGN(std::unique_ptr<Listener> below, below_.listen(options_.below + address.substr(kTls.size())));
  std::unique_ptr<Listener> listener =
      std::make_unique<TlsListener>(executor_, clock_, std::move(below), *identity_, options_);
  return listener;
}

}  // namespace aeon::tls
