// Waits for file descriptors where there is no ring: epoll, each registration for one event.
#pragma once

#include "runtime/reactor.h"

namespace aeon {

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Calls `waiter` once, from reap(), when `descriptor` is ready for `events` (EPOLLIN, EPOLLOUT). One waiter a
  // descriptor.
  void arm(int descriptor, uint32_t events, RingCompletion& waiter);
  // The descriptor is about to be closed. Nobody may be waiting for it.
  void forget(int descriptor);
  // Takes back an arm() whose waiter hasn't been called.
  void cancel(int descriptor);
  // Calls those whose time has come. False if there were none.
  bool reap();

  size_t waiting() const { return waiting_; }
  int event_fd() const { return epoll_fd_; }

 private:
  int epoll_fd_;
  size_t waiting_ = 0;
};

}  // namespace aeon
