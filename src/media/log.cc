#include "log.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/log.h"
#include "base/mutation.h"

namespace aeon::media {

Log::Log(Executor& executor, Disk& disk, WriteBarrier& barrier, LogListener& listener, Setup setup)
    : executor_(executor),
      disk_(disk),
      barrier_(barrier),
      listener_(listener),
      setup_(setup),
      head_(setup.head),
      stream_end_(setup.head.stream),
      durable_stream_(setup.head.stream),
      durable_sequence_(setup.head.sequence - 1),
      quiet_(executor) {}

Log::~Log() {
  if (behind_.is_armed()) executor_.disarm(behind_);
}

ByteCount Log::used() const {
  const uint64_t open_size = open_ ? round_up(open_->used, kBlockSize) : 0;
  return head_.position + open_size - setup_.tail_position;
}

bool Log::has_room(size_t record_size) const {
  // Everything pending can be written however the frames fall: one block is lost at the ring's end, one at a cut.
  const size_t pending = (open_ ? open_->used : kFrameHeaderSize) + sizeof(uint32_t) + record_size;
  const size_t headers = (pending / (kFrameBytesMax - kFrameHeaderSize) + 2) * kFrameHeaderSize;
  const uint64_t end = head_.position + round_up(pending + headers, kBlockSize) + 3 * kBlockSize;
  return end - setup_.tail_position <= size();
}

void Log::open_frame() {
  if (spare_.empty()) {
    open_ = std::make_unique<Frame>(executor_);
  } else {
    open_ = std::move(spare_.back());
    spare_.pop_back();
  }
  const uint64_t to_ring_end = size() - head_.position % size();
  open_->capacity = std::min<uint64_t>(kFrameBytesMax, to_ring_end);
  open_->used = kFrameHeaderSize;
  open_->at = head_;
  open_->barrier = 0;
  open_->is_done = false;
}

void Log::seal_frame() {
  open_->stream_end = open_->at.stream + open_->used - kFrameHeaderSize;
  head_ = {head_.position + round_up(open_->used, kBlockSize), head_.sequence + 1, open_->stream_end};
  sealed_.push_back(std::move(open_));
}

void Log::append_bytes(ByteView bytes, uint64_t barrier) {
  while (!bytes.empty()) {
    if (!open_) open_frame();
    const size_t size = std::min(bytes.size(), open_->capacity - open_->used);
    std::memcpy(open_->buffer.data() + open_->used, bytes.data(), size);
    open_->used += size;
    open_->barrier = std::max(open_->barrier, barrier);
    stream_end_ += size;
    bytes = bytes.subspan(size);
    if (open_->used == open_->capacity) seal_frame();
  }
}

LogPosition Log::append(ByteView record, bool adopts) {
  DCHECK(has_room(record.size()));
  const uint64_t barrier = adopts ? barrier_.written() : 0;
  std::byte size[sizeof(uint32_t)];
  store_le(size, static_cast<uint32_t>(record.size()));
  append_bytes(size, barrier);
  append_bytes(record, barrier);
  if (!sealed_.empty()) start_writing();
  if (open_ && !behind_.is_armed()) executor_.arm(behind_, executor_.now() + setup_.write_behind);
  return {stream_end_};
}

void Log::on_write_behind() { want(stream_end_); }

void Log::want(uint64_t stream) {
  wanted_stream_ = std::max(wanted_stream_, stream);
  start_writing();
}

// From the loop rather than at once, so that those who are ready now get into the same frame.
void Log::start_writing() {
  if (is_starting_ || !failure_.is_ok() || in_flight_.size() >= kFramesInFlightMax) return;
  is_starting_ = true;
  ++running_;
  executor_.spawn(write_frames(listener_.keep_alive(), this));
}

Task<void> Log::write_frames([[maybe_unused]] std::shared_ptr<void> keep, Log* log) {
  log->is_starting_ = false;
  while (log->failure_.is_ok() && log->in_flight_.size() < kFramesInFlightMax) {
    if (log->sealed_.empty()) {
      if (!log->open_ || log->wanted_stream_ <= log->open_->at.stream) break;
      log->seal_frame();
    }
    log->in_flight_.push_back(std::move(log->sealed_.front()));
    log->sealed_.pop_front();
    ++log->running_;
    log->executor_.spawn(write_frame(keep, log, log->in_flight_.back().get()));
  }
  if (--log->running_ == 0) log->quiet_.notify_all();
  co_return;
}

MutableBytes Log::encode(Frame& frame) {
  const FrameHeader header{.store_hash = setup_.store_hash,
                           .life = setup_.life,
                           .sequence = frame.at.sequence,
                           .position = frame.at.position,
                           .stream = frame.at.stream,
                           .durable_through = durable_sequence_,
                           .payload_size = static_cast<uint32_t>(frame.used - kFrameHeaderSize)};
  const MutableBytes encoded = frame.buffer.bytes().first(round_up(frame.used, kBlockSize));
  encode_frame(header, encoded, frame.zeros_from);
  frame.zeros_from = frame.used;
  byte_count_ += encoded.size();
  ++frame_count_;
  return encoded;
}

Task<void> Log::write_frame(std::shared_ptr<void> keep, Log* log, Frame* frame) {
  Status status;
  const bool is_covered = MUTATION("frame_goes_before_the_flush", log->barrier_.is_covered(frame->barrier), true);
  if (!is_covered) status = co_await log->barrier_.cover(keep, frame->barrier);
  if (status.is_ok() && log->failure_.is_ok()) {
    const MutableBytes encoded = log->encode(*frame);
    status = co_await log->disk_.write_durable(log->offset_of(*frame), encoded);
  }
  if (!status.is_ok()) {
    log->fail(status);
  } else if (log->failure_.is_ok()) {
    frame->is_done = true;
    log->retire_written();
  }
  if (--log->running_ == 0) log->quiet_.notify_all();
}

void Log::write_now(uint64_t stream) {
  while (failure_.is_ok() && durable_stream_ < stream && in_flight_.empty()) {
    if (sealed_.empty()) seal_frame();
    Frame& frame = *sealed_.front();
    const std::optional<Status> covered = barrier_.cover_now(frame.barrier);
    if (!covered.has_value()) return;
    if (!covered->is_ok()) return fail(*covered);
    in_flight_.push_back(std::move(sealed_.front()));
    sealed_.pop_front();
    const MutableBytes encoded = encode(frame);
    DiskOp write = disk_.write_durable(offset_of(frame), encoded);
    const std::optional<Status> written = write.run_now();
    if (!written.has_value()) return;
    if (!written->is_ok()) return fail(*written);
    frame.is_done = true;
    retire_written();
  }
}

void Log::retire_written() {
  while (!in_flight_.empty() && MUTATION("frames_are_acknowledged_out_of_order", in_flight_.front()->is_done, true)) {
    std::unique_ptr<Frame> frame = std::move(in_flight_.front());
    in_flight_.pop_front();
    durable_stream_ = frame->stream_end;
    durable_sequence_ = frame->at.sequence;
    frame->ended.notify_all();
    if (spare_.size() < std::min<size_t>(kFramesInFlightMax + 1, setup_.waiting_frames_max))
      spare_.push_back(std::move(frame));
  }
  listener_.on_log_durable(durable());
  if (!sealed_.empty() || (open_ && wanted_stream_ > open_->at.stream)) start_writing();
}

void Log::fail(const Status& cause) {
  if (!failure_.is_ok()) return;
  failure_ = Status(Code::kReadOnly, "the store is read-only since a write of its log failed (" + cause.to_string() +
                                         "); mend the disk and open it again");
  log::error("log_write_failed", {{"device", disk_.name()}, {"status", cause}});
  if (open_) open_->ended.notify_all();
  for (const auto& frame : sealed_) frame->ended.notify_all();
  for (const auto& frame : in_flight_) frame->ended.notify_all();
}

Log::Frame* Log::frame_of(uint64_t stream_end) {
  for (const auto& frame : in_flight_) {
    if (stream_end <= frame->stream_end) return frame.get();
  }
  for (const auto& frame : sealed_) {
    if (stream_end <= frame->stream_end) return frame.get();
  }
  return open_.get();
}

Task<Status> Log::wait_durable([[maybe_unused]] std::shared_ptr<void> keep, LogPosition position) {
  if (position.value > stream_end_) co_return Status(Code::kInvalidArgument, "a log position of the future");
  // In memory there is nothing to wait for. Others who are ready to run may want a place in the same frame, though.
  if (disk_.is_memory() && !executor_.has_ready()) write_now(position.value);
  while (MUTATION("acknowledged_before_durable", durable_stream_ < position.value, false)) {
    if (!failure_.is_ok()) co_return failure_;
    want(position.value);
    Frame* const frame = frame_of(position.value);
    CHECK(frame != nullptr);
    co_await frame->ended.wait();
  }
  co_return ok();
}

LogPoint Log::cut() {
  if (open_) {
    seal_frame();
    start_writing();
  }
  return head_;
}

Task<void> Log::wait_quiet() {
  while (running_ != 0) co_await quiet_.wait();
}

}  // namespace aeon::media
