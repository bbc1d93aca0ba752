#include "write_barrier.h"

namespace aeon::media {

Task<Status> WriteBarrier::cover([[maybe_unused]] std::shared_ptr<void> keep, uint64_t written) {
  while (flushed_ < written) {
    if (!failure_.is_ok()) co_return failure_;
    if (is_running_) {
      co_await ended_.wait();
      continue;
    }
    is_running_ = true;
    const uint64_t covers = written_;
    ++flush_count_;
    Status status = co_await disk_.flush();
    is_running_ = false;
    if (status.is_ok())
      flushed_ = covers;
    else
      failure_ = status;
    ended_.notify_all();
  }
  co_return ok();
}

}  // namespace aeon::media
