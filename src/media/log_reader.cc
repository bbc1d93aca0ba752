#include "log_reader.h"

#include <algorithm>

namespace aeon::media {

Task<void> LogReader::load(uint64_t position, size_t at_most) {
  const uint64_t offset = position % size_;
  const size_t wanted = std::min<uint64_t>(at_most, size_ - offset);
  if (offset >= begin_ && offset + wanted <= begin_ + loaded_) {
    view_offset_ = offset;
    co_return;
  }
  begin_ = view_offset_ = offset;
  loaded_ = std::min<uint64_t>(buffer_.size(), size_ - offset);
  failed_blocks_.clear();
  const Status whole = co_await disk_.read(first_byte_ + begin_, buffer_.bytes().first(loaded_));
  if (whole.is_ok()) co_return;
  for (size_t at = 0; at < loaded_; at += kBlockSize) {
    const Status one = co_await disk_.read(first_byte_ + begin_ + at, buffer_.bytes().subspan(at, kBlockSize));
    if (one.is_ok()) continue;
    std::memset(buffer_.data() + at, 0, kBlockSize);
    failed_blocks_.push_back({begin_ + at, one});
  }
}

Status LogReader::fault_within(size_t size) const {
  for (const auto& [offset, status] : failed_blocks_) {
    if (offset >= view_offset_ && offset < view_offset_ + size) return status;
  }
  return ok();
}

}  // namespace aeon::media
