// A socket of one reactor, and waiting for it: by the ring, or by the poller where there is none.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <coroutine>
#include <string>
#include <system_error>
#include <utility>

#include "poller.h"
#include "ring.h"
#include "runtime/reactor.h"
#include "runtime/task.h"

namespace aeon {

inline std::string socket_error_text(int error) { return std::generic_category().message(error); }

// Errors after which the same call may work: a signal, nothing there yet, or the thread that had submitted it ended.
inline bool is_passing(int error) { return error == EINTR || error == EAGAIN || error == ECANCELED; }

// One request of the ring that a peer's doing ends, awaitable for its result.
template <typename Prepare>
class RingOp final : public RingCompletion {
 public:
  RingOp(Reactor& reactor, Prepare prepare) : reactor_(reactor), prepare_(prepare) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    io_uring_sqe* const sqe = reactor_.ring()->get_sqe();
    prepare_(sqe);
    reactor_.ring()->await_peer();
    reactor_.ring()->prepared(sqe, this);
  }
  int await_resume() const { return result_; }

 private:
  void on_ring_complete(int result) override {
    result_ = result;
    reactor_.ring()->heard_peer();
    reactor_.post(waiter_);
  }
  Reactor& reactor_;
  Prepare prepare_;
  std::coroutine_handle<> waiter_;
  int result_ = 0;
};

// The same of the poller: ready for what was asked.
class PollerOp final : public RingCompletion {
 public:
  PollerOp(Reactor& reactor, int descriptor, uint32_t events)
      : reactor_(reactor), descriptor_(descriptor), events_(events) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    reactor_.poller()->arm(descriptor_, events_, *this);
  }
  void await_resume() const {}

 private:
  void on_ring_complete(int) override { reactor_.post(waiter_); }
  Reactor& reactor_;
  const int descriptor_;
  const uint32_t events_;
  std::coroutine_handle<> waiter_;
};

// A descriptor, closed with it. Its calls return when it may be ready: who asked tries again.
class Socket {
 public:
  Socket(Reactor& reactor, int descriptor) : reactor_(reactor), descriptor_(descriptor) {
    // The poller has one waiter for each descriptor, and a stream is read and written at the same time.
    if (has_poller()) write_descriptor_ = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  }
  Socket(Socket&& other) noexcept
      : reactor_(other.reactor_),
        descriptor_(std::exchange(other.descriptor_, -1)),
        write_descriptor_(std::exchange(other.write_descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    for (const int descriptor : {descriptor_, write_descriptor_}) {
      if (descriptor < 0) continue;
      if (has_poller()) reactor_.poller()->forget(descriptor);
      ::close(descriptor);
    }
  }

  int descriptor() const { return descriptor_; }
  bool has_poller() const { return reactor_.ring() == nullptr; }
  Reactor& reactor() const { return reactor_; }

  Task<void> readable() { return ready_for(descriptor_, POLLIN); }
  Task<void> writable() { return ready_for(has_poller() ? write_descriptor_ : descriptor_, POLLOUT); }

 private:
  Task<void> ready_for(int descriptor, uint32_t events) {
    if (has_poller()) {
      PollerOp op(reactor_, descriptor, events);
      co_await op;
      co_return;
    }
    const auto prepare = [descriptor, events](io_uring_sqe* sqe) { io_uring_prep_poll_add(sqe, descriptor, events); };
    RingOp op(reactor_, prepare);
    co_await op;
  }

  Reactor& reactor_;
  int descriptor_;
  int write_descriptor_ = -1;
};

}  // namespace aeon
