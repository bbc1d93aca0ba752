#include "message_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/crc32c.h"

namespace aeon::rpc {
namespace {

constexpr size_t kCapacityMin = 4 * kKiB;
constexpr size_t kCapacityKept = 64 * kKiB;

Status ended() { return Status(Code::kUnavailable, "the peer closed the connection"); }

}  // namespace

// Afterwards `size` bytes fit behind begin_, or at least twice as many as have arrived.
void MessageReader::make_room(size_t size) {
  const size_t arrived = end_ - begin_;
  size_t wanted = std::min(std::max(size, kCapacityMin), std::max(2 * arrived, kCapacityKept));
  if (arrived == 0 && size <= kCapacityMin) wanted = kCapacityMin;
  if (capacity_ - begin_ >= wanted) return;
  if (capacity_ >= wanted && arrived <= capacity_ / 2) {
    std::memmove(memory_.get(), memory_.get() + begin_, arrived);
  } else {
    std::unique_ptr<std::byte[]> larger(new std::byte[wanted]);
    if (arrived != 0) std::memcpy(larger.get(), memory_.get() + begin_, arrived);
    memory_ = std::move(larger);
    capacity_ = wanted;
  }
  begin_ = 0;
  end_ = arrived;
}

// Reads until `size` bytes are there.
Task<Status> MessageReader::fill(size_t size) {
  while (end_ - begin_ < size) {
    make_room(size);
    const MutableBytes room(memory_.get() + end_, capacity_ - end_);
    CO_TRY_ASSIGN(const size_t count, co_await stream_.read(room));
    if (count == 0) co_return ended();
    end_ += count;
    is_within_ = true;
  }
  co_return ok();
}

Task<Result<wire::Message>> MessageReader::next() {
  CO_TRY_ASSIGN(const wire::FrameSizes sizes, co_await begin());
  co_return co_await finish(sizes);
}

Task<Result<wire::FrameSizes>> MessageReader::begin() {
  if (bulk_left_ != 0) CO_TRY(co_await skip_bulk());
  begin_ += std::exchange(size_, 0);
  is_within_ = begin_ != end_;
  if (!is_within_) {
    begin_ = end_ = 0;
    if (capacity_ > kCapacityKept) {
      memory_.reset();
      capacity_ = 0;
    }
  }
  if (end_ - begin_ < wire::kHeaderSize) CO_TRY(co_await fill(wire::kHeaderSize));
  co_return wire::frame_sizes(ByteView(memory_.get() + begin_, wire::kHeaderSize));
}

Task<Result<wire::Message>> MessageReader::finish(wire::FrameSizes sizes) {
  const size_t size = wire::kHeaderSize + sizes.payload;
  if (end_ - begin_ < size) CO_TRY(co_await fill(size));
  size_ = size;
  CO_TRY_ASSIGN(const wire::Message message, wire::open_message(whole()));
  bulk_left_ = sizes.bulk;
  bulk_crc_ = 0;
  bulk_crc_wanted_ = message.header.bulk_crc;
  is_within_ = bulk_left_ != 0;
  co_return message;
}

Task<Status> MessageReader::take_bulk(MutableBytes into) {
  CHECK(into.size() <= bulk_left_);
  const MutableBytes all = into;
  // What arrived together with the message lies behind it.
  const size_t here = std::min(into.size(), end_ - begin_ - size_);
  if (here != 0) {
    std::byte* const from = memory_.get() + begin_ + size_;
    std::memcpy(into.data(), from, here);
    std::memmove(from, from + here, end_ - begin_ - size_ - here);
    end_ -= here;
    into = into.subspan(here);
  }
  while (!into.empty()) {
    CO_TRY_ASSIGN(const size_t count, co_await stream_.read(into));
    if (count == 0) co_return ended();
    into = into.subspan(count);
  }
  bulk_crc_ = crc32c(all, bulk_crc_);
  bulk_left_ -= all.size();
  is_within_ = bulk_left_ != 0;
  co_return ok();
}

Status MessageReader::check_bulk() const {
  DCHECK(bulk_left_ == 0);
  if (bulk_crc_ == bulk_crc_wanted_) return ok();
  return Status(Code::kCorrupt, "data was damaged on its way: its checksum differs");
}

Task<Status> MessageReader::skip_bulk() {
  std::array<std::byte, 16384> nowhere;
  while (bulk_left_ != 0) {
    const MutableBytes part = MutableBytes(nowhere).first(std::min<size_t>(nowhere.size(), bulk_left_));
    CO_TRY(co_await take_bulk(part));
  }
  co_return ok();
}

}  // namespace aeon::rpc
