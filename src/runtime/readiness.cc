#include "runtime/readiness.h"

#include <poll.h>
#include <sys/epoll.h>

#include "poller.h"
#include "ring.h"

namespace aeon {

class Readiness::Request final : public RingCompletion {
 public:
  Request(Reactor& reactor, int descriptor, Listener& listener)
      : reactor_(reactor), descriptor_(descriptor), listener_(&listener) {}

  void arm() {
    if (std::exchange(is_armed_, true)) return;
    if (has_poller()) {
      reactor_.poller()->arm(descriptor_, EPOLLIN, *this);
      return;
    }
    Ring& ring = *reactor_.ring();
    io_uring_sqe* const sqe = ring.get_sqe();
    io_uring_prep_poll_add(sqe, descriptor_, POLLIN);
    ring.await_peer();
    ring.prepared(sqe, this);
  }

  void abandon() {
    if (has_poller()) {
      if (is_armed_) {
        reactor_.poller()->cancel(descriptor_);
      } else {
        reactor_.poller()->forget(descriptor_);
      }
      delete this;
      return;
    }
    if (!is_armed_) {
      delete this;
      return;
    }
    // It would wait for as long as nothing can be read. Removing a poll may find it busy with being woken for nothing,
    // and leaves it then; cancelling marks it.
    listener_ = nullptr;
    Ring& ring = *reactor_.ring();
    ring.orphan();
    io_uring_sqe* const sqe = ring.get_sqe();
    RingCompletion* const completion = this;
    io_uring_prep_cancel64(sqe, reinterpret_cast<uint64_t>(completion), 0);
    ring.prepared(sqe, nullptr);
  }

 private:
  ~Request() = default;
  bool has_poller() const { return reactor_.ring() == nullptr; }

  void on_ring_complete(int) override {
    is_armed_ = false;
    if (!has_poller()) {
      reactor_.ring()->heard_peer();
      if (listener_ == nullptr) {
        reactor_.ring()->orphan_ended();
        delete this;
        return;
      }
    }
    listener_->on_ready();
  }

  Reactor& reactor_;
  const int descriptor_;
  Listener* listener_;
  bool is_armed_ = false;
};

Readiness::Readiness(Reactor& reactor, int descriptor, Listener& listener)
    : request_(new Request(reactor, descriptor, listener)) {}
Readiness::~Readiness() { request_->abandon(); }
void Readiness::arm() { request_->arm(); }

}  // namespace aeon
