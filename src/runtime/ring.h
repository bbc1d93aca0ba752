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

  // Room for one request; fill it in, then prepared(). Submits what is there if the queue is full. One whose end nobody
  // has to hear of has no completion; wait_for_orphans() waits for it too.
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
  // Requests that wait for what a peer does; the others keep a device busy.
  void await_peer() { ++peers_awaited_; }
  void heard_peer() { --peers_awaited_; }
  bool has_device_work() const { return in_flight_ > peers_awaited_; }

  // Requests whose owners are gone: their completions free themselves. Who destroys the ring waits for them.
  void orphan() { ++orphans_; }
  void orphan_ended() { --orphans_; }
  void wait_for_orphans();

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
  size_t peers_awaited_ = 0;
  size_t orphans_ = 0;
  bool is_reaping_ = false;  // Completions are being told that are still in the queue.
};

}  // namespace aeon
