#include "poller.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

namespace aeon {

Poller::Poller() : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) { CHECK(epoll_fd_ >= 0); }

Poller::~Poller() {
  CHECK(waiting_ == 0);
  close(epoll_fd_);
}

void Poller::arm(int descriptor, uint32_t events, RingCompletion& waiter) {
  epoll_event event{.events = events | EPOLLONESHOT, .data = {.ptr = &waiter}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, descriptor, &event) != 0) {
    CHECK(errno == ENOENT);
    CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, descriptor, &event) == 0);
  }
  ++waiting_;
}

void Poller::forget(int descriptor) { epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, descriptor, nullptr); }

void Poller::cancel(int descriptor) {
  forget(descriptor);
  --waiting_;
}

bool Poller::reap() {
  epoll_event events[64];
  const int count = epoll_wait(epoll_fd_, events, 64, 0);
  for (int i = 0; i < count; ++i) {
    --waiting_;
    static_cast<RingCompletion*>(events[i].data.ptr)->on_ring_complete(static_cast<int>(events[i].events));
  }
  return count > 0;
}

}  // namespace aeon
