// Contents that the log carries, on their way into their blocks: in the background in large writes, and what is left
// before the checkpoint that makes their log needless. docs/design/store-format.md has the argument.
#include <algorithm>
#include <string>

#include "base/log.h"
#include "base/mutation.h"
#include "log_frame.h"
#include "log_reader.h"
#include "store_core.h"

namespace aeon::media {

namespace {
constexpr size_t kContentWritersMax = 4;
constexpr LogPosition kAllContents{~uint64_t{0}};
}  // namespace

struct StoreCore::ContentWrite {
  explicit ContentWrite(Executor& executor) : writer_ended(executor) {}

  LogPosition boundary;
  std::vector<uint64_t> firsts;
  size_t next = 0;
  size_t writer_count = 0;
  Signal writer_ended;
  Status status;
};

// A quarter of the log at most: while blocks can't be written, the rest of it is for what frees them.
ByteCount StoreCore::contents_share() const { return std::min(budget_ / 8, superblock.log_count * kBlockSize / 4); }

ByteCount StoreCore::carried_size_max() const {
  if (disk.is_memory()) return 0;  // A write of their own costs less than to log them and copy them again.
  constexpr ByteCount kCarriedMax = 256 * kKiB;
  return content_fault_.is_ok() ? std::min(kCarriedMax, superblock.log_count * kBlockSize / 8) : 0;
}

// Neighbours among what is left; count 0 at the end.
BlockRange StoreCore::next_contents(ContentWrite& work) const {
  const size_t bytes_max = write_bytes_max();
  BlockRange run;
  for (; work.next < work.firsts.size(); ++work.next) {
    const uint64_t first = work.firsts[work.next];
    const PendingContents::Content* const content = contents.find(first);  // It may have gone meanwhile.
    const bool is_due = content != nullptr && PendingContents::is_due(*content, work.boundary);
    if (run.count == 0) {
      if (is_due) run = {first, content->count};
      continue;
    }
    const bool goes_on = is_due && first == run.first + run.count;
    if (!goes_on || (run.count + content->count) * kBlockSize > bytes_max) break;
    run.count += content->count;
  }
  return run;
}

Task<void> StoreCore::content_writer(Ref core, ContentWrite* work) {
  while (true) {
    const BlockRange run = core->next_contents(*work);
    if (run.count == 0) break;
    DiskBuffer buffer(run.count * kBlockSize);
    core->transient_bytes_ += buffer.size();
    core->note_memory();
    core->contents.copy(run, buffer.bytes());
    core->contents.begin_write(run);
    Status status = co_await core->disk.write(run.first * kBlockSize, buffer.bytes());
    core->transient_bytes_ -= buffer.size();
    core->barrier.note_write();
    core->counts.block_bytes_written += buffer.size();
    core->contents.end_write(run, status.is_ok());
    if (!status.is_ok() && work->status.is_ok()) work->status = status.within("contents of blocks");
    core->release_blocks();
    core->contents_progress_.notify_all();
  }
  --work->writer_count;
  work->writer_ended.notify_all();
}

// One after the other, so that nothing is written twice at once. A failure keeps nothing else from being written.
Task<Status> StoreCore::write_contents(Ref core, LogPosition boundary) {
  const Permit turn = co_await core->contents_turn_.lock();
  while (true) {
    ContentWrite work(core->world.executor);
    work.boundary = boundary;
    work.firsts = core->contents.due(boundary);
    if (work.firsts.empty()) co_return ok();
    work.writer_count = std::min(kContentWritersMax, work.firsts.size());
    for (size_t i = work.writer_count; i != 0; --i) core->world.executor.spawn(content_writer(core, &work));
    while (work.writer_count != 0) co_await work.writer_ended.wait();
    core->content_fault_ = work.status;
    if (!work.status.is_ok() || boundary == kAllContents) co_return work.status;
    // What a batch freed in part meanwhile is in other pieces now, which may still be due.
  }
}

Task<Status> StoreCore::write_contents(Ref core) { return write_contents(std::move(core), kAllContents); }

Task<void> StoreCore::write_contents_in_background(Ref core) {
  Status status;
  if (!core->is_closed) status = co_await write_contents(core, kAllContents);
  if (!status.is_ok() && core->retry_contents_at_ == 0) {
    log::warn("contents_not_written", {{"device", core->disk.name()}, {"status", status}});
  }
  core->is_writing_contents_ = false;
  core->retry_contents_at_ = status.is_ok() ? 0 : core->contents.unwritten_bytes() + core->contents_share() / 8;
  core->contents_progress_.notify_all();
}

void StoreCore::start_writing_contents() {
  if (is_writing_contents_ || is_closed) return;
  is_writing_contents_ = true;
  world.executor.spawn(write_contents_in_background(shared_from_this()));
}

void StoreCore::write_contents_if_due() {
  if (contents.unwritten_bytes() < std::max(contents_share() / 2, retry_contents_at_)) return;
  if (!contents.empty()) start_writing_contents();
}

// Until there is room for more, or an error if there will be none.
Task<Status> StoreCore::wait_for_contents(Ref core) {
  while (core->has_much_content() && core->content_fault_.is_ok()) {
    if (core->is_closed || !core->log->failure().is_ok()) co_return ok();
    core->start_writing_contents();
    co_await core->contents_progress_.wait();
  }
  if (!core->has_much_content()) co_return ok();
  const Status written = co_await write_contents(core, kAllContents);
  if (!written.is_ok() && core->contents.unwritten_bytes() > 2 * core->contents_share()) co_return written;
  co_return ok();
}

void StoreCore::release_blocks() {
  ledger.release(log->durable(), [this](BlockRange range) {
    if (contents.empty()) return true;
    if (MUTATION("blocks_are_reused_while_written", contents.is_being_written(range), false)) return false;
    contents.drop(range);
    return true;
  });
}

Task<Status> StoreCore::read_with_contents(Ref core, uint64_t first, MutableBytes out) {
  while (!out.empty()) {
    const PendingContents::Run run = core->contents.run_at(first, out.size() / kBlockSize);
    const MutableBytes part = out.first(run.count * kBlockSize);
    if (run.content == nullptr) {
      CO_TRY(co_await core->disk.read(first * kBlockSize, part));
    } else if (!run.content->is_in_log()) {
      run.content->copy(run.skip, part);
    } else {
      const uint64_t begin = run.skip * kBlockSize;
      const size_t size = std::min<size_t>(part.size(), run.content->size - begin);
      LogReader reader(core->disk, core->superblock);
      std::memset(part.data() + size, 0, part.size() - size);
      CO_TRY(co_await read_from_log(core, &reader, run.content->stream + begin, part.first(size)));
    }
    first += run.count;
    out = out.subspan(part.size());
  }
  co_return ok();
}

Task<Status> StoreCore::read_from_log(Ref core, LogReader* reader, uint64_t stream, MutableBytes out) {
  const std::vector<LogPoint>& frames = core->replayed_frames;
  const auto begins_behind = [](uint64_t value, const LogPoint& frame) { return value < frame.stream; };
  size_t next =
      static_cast<size_t>(std::upper_bound(frames.begin(), frames.end(), stream, begins_behind) - frames.begin());
  while (!out.empty()) {
    const Status gone(Code::kCorrupt, "the log no longer has what it had when the store was opened");
    if (next == 0 || next > frames.size()) co_return gone;
    const LogPoint& frame = frames[next - 1];
    co_await reader->load(frame.position, kFrameBytesMax);
    const Result<FrameHeader> header = decode_frame(reader->view(), core->hash);
    const bool is_it = header.is_ok() && (*header).position == frame.position && (*header).stream == frame.stream;
    if (!is_it || stream - frame.stream >= (*header).payload_size) {
      const std::string place = "log frame " + std::to_string(frame.sequence) + " at block " +
                                std::to_string(reader->block_of(frame.position));
      co_return gone.within(place);
    }
    const ByteView payload = reader->view().subspan(kFrameHeaderSize, (*header).payload_size);
    const ByteView rest = payload.subspan(stream - frame.stream);
    const size_t size = std::min(rest.size(), out.size());
    std::memcpy(out.data(), rest.data(), size);
    stream += size;
    out = out.subspan(size);
    ++next;
  }
  co_return ok();
}

// Takes what only the log has to its blocks. What can't be written stays in the log, and readable there.
Task<Status> StoreCore::write_contents_of_log(Ref core) {
  std::optional<LogReader> reader;  // Its buffer is large, and mostly there is nothing to read.
  for (std::vector<uint64_t> firsts = core->contents.in_log(); !firsts.empty(); firsts = core->contents.in_log()) {
    if (!reader.has_value()) reader.emplace(core->disk, core->superblock);
    for (const uint64_t first : firsts) {
      if (core->has_much_content()) CO_TRY(co_await write_contents(core, kAllContents));
      const PendingContents::Content* content = core->contents.find(first);
      if (content == nullptr || !content->is_in_log()) continue;  // Freed, or cut, meanwhile.
      const uint64_t stream = content->stream;
      Bytes bytes(content->size);
      CO_TRY(co_await read_from_log(core, &*reader, stream, bytes));
      content = core->contents.find(first);
      const bool is_same = content != nullptr && content->is_in_log() && content->stream == stream;
      if (is_same && content->size == bytes.size()) core->contents.bring(first, std::move(bytes));
      if (core->has_much_content()) CO_TRY(co_await write_contents(core, kAllContents));
    }
  }
  core->replayed_frames = {};
  co_return ok();
}

}  // namespace aeon::media
