// The io_uring of one reactor. Only the reactor's runner uses it, but for enter_and_wait().
#pragma once

#include <liburing.h>

#include <memory>
#include <vector>

#include "base/status.h"
#include "runtime/reactor.h"

namespace aeon {

class Ring {
 public:
  // Null where the kernel refuses io_uring (containers, sysctl).
  static std::unique_ptr<Ring> create(unsigned entries);
  ~Ring();

  // Room for one request; fill it in, then prepared(). Submits what is there if the queue is full.
  io_uring_sqe* get_sqe();
  void prepared(io_uring_sqe* sqe, RingCompletion* completion);

  // Gives the kernel what was prepared.
  void submit();
  // What enter_and_wait() should hand over; call as runner, right before leaving.
  unsigned publish();
  // Submits and sleeps until there is a completion. Without being the runner.
  void enter_and_wait(unsigned to_submit);

  // Calls on_ring_complete() for all that has completed. False if nothing had.
  bool reap();
  bool has_completions();
  size_t in_flight() const { return in_flight_; }
  // Wakes whoever sleeps in enter_and_wait().
  void kick();

  int event_fd() const { return event_fd_; }
  void set_events(bool wanted);

 private:
  static constexpr unsigned kSubmittedEarly = 2;

  Ring() = default;

  io_uring ring_{};
  int event_fd_ = -1;
  bool events_on_ = true;
  size_t in_flight_ = 0;
  bool is_reaping_ = false;  // Completions are being told that are still in the queue.
};

}  // namespace aeon
