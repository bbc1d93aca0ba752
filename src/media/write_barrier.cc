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

std::optional<Status> WriteBarrier::cover_now(uint64_t written) {
  if (is_covered(written)) return ok();
  if (!failure_.is_ok()) return failure_;
  if (is_running_) return std::nullopt;
  const uint64_t covers = written_;
  ++flush_count_;
  DiskOp flush = disk_.flush();
  std::optional<Status> status = flush.run_now();
  if (!status.has_value()) return std::nullopt;
  if (status->is_ok())
    flushed_ = covers;
  else
    failure_ = *status;
  return status;
}

}  // namespace aeon::media
