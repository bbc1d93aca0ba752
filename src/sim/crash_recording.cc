#include "sim/crash_recording.h"

#include <algorithm>
#include <string>

#include "sim/image_disk.h"

namespace aeon {

void make_durable(BlockTable& media, std::vector<PendingWrite>& pending, const std::vector<uint32_t>& ids) {
  for (size_t i = 0; i < pending.size();) {
    if (std::ranges::find(ids, pending[i].id) == ids.end()) {
      ++i;
      continue;
    }
    const PendingWrite write = std::move(pending[i]);
    pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(i));
    for (uint64_t block = 0; block < write.blocks.size(); ++block) {
      if (write.blocks[block] != nullptr) media.set(write.first_block + block, write.blocks[block]);
    }
    // What is older and still pending must not come over it any more.
    for (size_t older = 0; older < i; ++older) {
      PendingWrite& other = pending[older];
      for (uint64_t block = 0; block < other.blocks.size(); ++block) {
        const uint64_t at = other.first_block + block;
        if (at >= write.first_block && at < write.first_block + write.blocks.size()) other.blocks[block] = nullptr;
      }
    }
  }
}

RecordingDisk::RecordingDisk(SimExecutor& process, CrashRecording& recording, BlockArena& arena,
                             uint64_t event_count_max)
    : process_(&process),
      scheduler_(process.scheduler()),
      recording_(recording),
      arena_(arena),
      event_count_max_(event_count_max),
      random_(scheduler_.random().fork()),
      view_(recording.media()) {
  for (const PendingWrite& write : recording.cached()) {
    for (uint64_t i = 0; i < write.blocks.size(); ++i) {
      if (write.blocks[i] != nullptr) view_.set(write.first_block + i, write.blocks[i]);
    }
    unflushed_.insert(write.id);
    recording.note_completed(write.id);
    next_id_ = std::max(next_id_, write.id + 1);
  }
  for (uint64_t block = 0; block < view_.block_count(); ++block) {
    if (view_.block(block) != zero_content() && view_.block(block) != garbage_content()) used_blocks_.insert(block);
  }
  process.add_crash_listener(*this);
}

RecordingDisk::~RecordingDisk() {
  if (process_ != nullptr) process_->remove_crash_listener(*this);
}

void RecordingDisk::on_crash(bool) {
  process_ = nullptr;
  views_.clear();
  in_flight_.clear();
}

void RecordingDisk::note(CrashRecording::Kind kind, std::vector<PendingWrite> submitted,
                         std::vector<uint32_t> durable) {
  recording_.add(kind, std::move(submitted), std::move(durable));
  if (recording_.events().size() >= event_count_max_) scheduler_.crash_soon(*process_);
}

bool RecordingDisk::overlaps_in_flight(const DiskOp& op) const {
  return std::ranges::any_of(in_flight_, [&](const auto& entry) {
    const DiskOp& other = *entry.second.op;
    const bool is_write = other.kind() != DiskOp::Kind::kRead && other.kind() != DiskOp::Kind::kFlush;
    return is_write && other.offset() < op.offset() + op.size() && op.offset() < other.offset() + other.size();
  });
}

void RecordingDisk::begin_write(DiskOp& op, InFlight& flight) {
  const bool is_discard = op.kind() == DiskOp::Kind::kDiscard;
  const std::byte* const discarded = random_.one_in(2) ? zero_content() : garbage_content();
  flight.write.id = next_id_++;
  flight.write.first_block = op.offset() / kDiskBlockSize;
  for (uint64_t i = 0; i < op.size() / kDiskBlockSize; ++i) {
    flight.write.blocks.push_back(is_discard ? discarded : arena_.keep(op.memory() + i * kDiskBlockSize));
  }
  note(is_discard                                 ? CrashRecording::Kind::kDiscard
       : op.kind() == DiskOp::Kind::kWriteDurable ? CrashRecording::Kind::kDurableWrite
                                                  : CrashRecording::Kind::kWrite,
       {flight.write}, {});
}

void RecordingDisk::submit(DiskOp& op) {
  if (process_ == nullptr || !process_->is_alive()) return;  // It ends at this step, so nobody waits.
  const Status status = check_disk_op(op, capacity());
  if (!status.is_ok()) {
    op.complete(status);
    return;
  }
  InFlight flight{&op, {}, {}};
  bool is_inline = false;
  switch (op.kind()) {
    case DiskOp::Kind::kRead:
      view_.read(op.offset(), {op.memory(), op.size()});
      is_inline = random_.one_in(2);
      break;
    case DiskOp::Kind::kWrite:
    case DiskOp::Kind::kWriteDurable:
    case DiskOp::Kind::kDiscard: {
      if (overlaps_in_flight(op)) {
        // Without an answer the task that waits for it never ends, so the run does, with this.
        scheduler_.at(scheduler_.now(), nullptr,
                      [this] { scheduler_.fail("two writes of one place of the disk were in flight at once"); });
        return;
      }
      uint64_t added = 0;
      for (uint64_t block = op.offset() / kDiskBlockSize; block < (op.offset() + op.size()) / kDiskBlockSize; ++block) {
        if (op.kind() == DiskOp::Kind::kDiscard)
          used_blocks_.erase(block);
        else
          added += used_blocks_.contains(block) ? 0 : 1;
      }
      if (added != 0 && used_blocks_.size() + added > space_) {
        op.complete(Status(Code::kNoSpace, "recording disk: no room"));
        return;
      }
      begin_write(op, flight);
      break;
    }
    case DiskOp::Kind::kFlush: flight.covers.assign(unflushed_.begin(), unflushed_.end()); break;
  }
  const uint64_t number = next_number_++;
  const auto kind = op.kind();
  in_flight_.emplace(number, std::move(flight));
  if (is_inline) {
    in_flight_.erase(number);
    op.complete(ok());
    return;
  }
  if (is_memory_) {
    if (perform(number)) op.complete(ok());
    return;
  }
  scheduler_.at(scheduler_.now() + draw_latency(kind), process_, [this, number] { complete(number); });
}

ByteView RecordingDisk::view(uint64_t offset, ByteCount size) {
  if (!is_memory_ || process_ == nullptr || !process_->is_alive()) return {};
  DiskBuffer buffer(size);
  const DiskOp op = read(offset, buffer.bytes());
  if (!check_disk_op(op, capacity()).is_ok()) return {};
  view_.read(offset, buffer.bytes());
  if (views_.empty()) scheduler_.at(scheduler_.now(), process_, [this] { views_.clear(); });
  return views_.emplace_back(std::move(buffer)).bytes();
}

void RecordingDisk::complete(uint64_t number) {
  DiskOp& op = *in_flight_.at(number).op;
  if (!perform(number)) return;
  op.complete(ok());
  process_->post(op.waiter());
}

bool RecordingDisk::perform(uint64_t number) {
  const auto found = in_flight_.find(number);
  const InFlight flight = std::move(found->second);
  in_flight_.erase(found);
  recording_.note_completed(flight.write.id);
  for (uint64_t i = 0; i < flight.write.blocks.size(); ++i) {
    view_.set(flight.write.first_block + i, flight.write.blocks[i]);
    if (flight.op->kind() != DiskOp::Kind::kDiscard) used_blocks_.insert(flight.write.first_block + i);
  }
  switch (flight.op->kind()) {
    case DiskOp::Kind::kRead: break;
    case DiskOp::Kind::kWrite:
    case DiskOp::Kind::kDiscard: unflushed_.insert(flight.write.id); break;
    case DiskOp::Kind::kWriteDurable: note(CrashRecording::Kind::kDurableEnd, {}, {flight.write.id}); break;
    case DiskOp::Kind::kFlush:
      for (const uint32_t id : flight.covers) unflushed_.erase(id);
      if (!flight.covers.empty()) note(CrashRecording::Kind::kFlushEnd, {}, flight.covers);
      break;
  }
  return process_ != nullptr && process_->is_alive();
}

Duration RecordingDisk::draw_latency(DiskOp::Kind kind) {
  const bool is_slow = kind == DiskOp::Kind::kFlush || kind == DiskOp::Kind::kWriteDurable;
  return std::chrono::microseconds(random_.between(is_slow ? 20 : 5, is_slow ? 400 : 100));
}

}  // namespace aeon
