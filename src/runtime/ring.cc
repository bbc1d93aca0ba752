#include "ring.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace aeon {

std::unique_ptr<Ring> Ring::create(unsigned entries) {
  std::unique_ptr<Ring> ring(new Ring());
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL;
  parameters.cq_entries = entries * 4;
  int error = io_uring_queue_init_params(entries, &ring->ring_, &parameters);
  if (error == -EINVAL) {  // Before 5.18 there is no SUBMIT_ALL.
    parameters = {};
    error = io_uring_queue_init_params(entries, &ring->ring_, &parameters);
  }
  if (error != 0) {
    ring->ring_.ring_fd = -1;
    return nullptr;
  }
  ring->event_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CHECK(ring->event_fd_ >= 0);
  if (io_uring_register_eventfd(&ring->ring_, ring->event_fd_) != 0) return nullptr;
  ring->set_events(false);
  return ring;
}

Ring::~Ring() {
  CHECK(in_flight_ == 0);
  if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
  if (event_fd_ >= 0) close(event_fd_);
}

io_uring_sqe* Ring::get_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    submit();
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

void Ring::prepared(io_uring_sqe* sqe, RingCompletion* completion) {
  io_uring_sqe_set_data(sqe, completion);
  ++in_flight_;
  if (completion == nullptr) orphan();
  // A device has something to do sooner than when all of a turn is done; one alone goes with the wait for it.
  if (!is_reaping_ && io_uring_sq_ready(&ring_) >= kSubmittedEarly) submit();
}

void Ring::submit() {
  while (io_uring_sq_ready(&ring_) != 0) {
    const int submitted = io_uring_submit(&ring_);
    // Out of kernel memory or completion space for the moment: take completions off and try again.
    if (submitted < 0 && submitted != -EINTR) {
      CHECK(submitted == -EAGAIN || submitted == -EBUSY);
      if (is_reaping_ || !reap()) usleep(50);
    }
  }
}

unsigned Ring::publish() {
  // What liburing's submit does before it enters: the kernel takes what is published, whoever enters.
  io_uring_sq& queue = ring_.sq;
  if (queue.sqe_head != queue.sqe_tail) {
    queue.sqe_head = queue.sqe_tail;
    io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
  }
  return queue.sqe_tail - io_uring_smp_load_acquire(queue.khead);
}

void Ring::enter_and_wait(unsigned to_submit) {
  // If another runner has submitted ours meanwhile, this returns at once, and the caller looks again.
  io_uring_enter(static_cast<unsigned>(ring_.ring_fd), to_submit, 1, IORING_ENTER_GETEVENTS, nullptr);
}

bool Ring::has_completions() { return io_uring_cq_ready(&ring_) != 0; }

bool Ring::reap() {
  bool any = false;
  io_uring_cqe* batch[64];
  while (true) {
    const unsigned count = io_uring_peek_batch_cqe(&ring_, batch, 64);
    if (count == 0) return any;
    any = true;
    is_reaping_ = true;
    for (unsigned i = 0; i < count; ++i) {
      auto* completion = static_cast<RingCompletion*>(io_uring_cqe_get_data(batch[i]));
      const int result = batch[i]->res;
      --in_flight_;
      if (completion != nullptr) {
        completion->on_ring_complete(result);
      } else {
        orphan_ended();
      }
    }
    io_uring_cq_advance(&ring_, count);
    is_reaping_ = false;
  }
}

void Ring::wait_for_orphans() {
  while (orphans_ != 0) {
    submit();
    if (!reap()) enter_and_wait(0);
  }
}

void Ring::kick() {
  io_uring_sqe* sqe = get_sqe();
  io_uring_prep_nop(sqe);
  prepared(sqe, nullptr);
  submit();
}

void Ring::set_events(bool wanted) {
  if (wanted == events_on_) return;
  events_on_ = wanted;
  io_uring_cq_eventfd_toggle(&ring_, wanted);
}

}  // namespace aeon
