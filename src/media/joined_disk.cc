#include "joined_disk.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"

namespace aeon::media {

JoinedDisk::JoinedDisk(Executor& executor, std::string name, const std::vector<Member>& members)
    : executor_(executor), name_(std::move(name)) {
  CHECK(!members.empty());
  for (const Member& member : members) {
    CHECK(devices_.empty() || member.offset >= devices_.back().is.offset + devices_.back().is.size);
    Device& device = devices_.emplace_back();
    device.is = member;
    is_memory_ = is_memory_ && (member.disk == nullptr || member.disk->is_memory());
  }
}

ByteCount JoinedDisk::capacity() const { return devices_.back().is.offset + devices_.back().is.size; }

std::vector<DiskPart> JoinedDisk::parts() const {
  std::vector<DiskPart> parts;
  for (const Device& device : devices_) {
    parts.push_back({.offset = device.is.offset, .size = device.is.size, .is_missing = device.is.disk == nullptr});
  }
  return parts;
}

JoinedDisk::Device* JoinedDisk::device_of(uint64_t offset, ByteCount size) {
  for (Device& device : devices_) {
    if (offset < device.is.offset || offset - device.is.offset >= device.is.size) continue;
    return size <= device.is.size - (offset - device.is.offset) ? &device : nullptr;
  }
  return nullptr;
}

ByteView JoinedDisk::view(uint64_t offset, ByteCount size) {
  const Device* const device = device_of(offset, size);
  if (device == nullptr || device->is.disk == nullptr) return {};
  return device->is.disk->view(offset - device->is.offset + device->is.content_offset, size);
}

void JoinedDisk::submit(DiskOp& op) {
  if (op.kind() == DiskOp::Kind::kFlush) {
    if (is_memory_)
      flush_memory(op);
    else
      submit_flush(op);
    return;
  }
  Device* const device = device_of(op.offset(), op.size());
  if (device == nullptr) {
    const bool is_nothing = op.size() == 0 && op.offset() <= capacity();
    op.complete(is_nothing ? ok()
                           : Status(Code::kInvalidArgument, "disk operation behind the end of a device of " + name_));
    return;
  }
  if (device->is.disk == nullptr) {
    const bool is_advice = op.kind() == DiskOp::Kind::kDiscard;
    op.complete(is_advice ? ok() : Status(Code::kIo, device->is.what + " is missing"));
    return;
  }
  const bool needs_flush = op.kind() == DiskOp::Kind::kWrite;
  op.redirect(op.offset() - device->is.offset + device->is.content_offset,
              needs_flush ? &device->ended_count : nullptr);
  device->is.disk->submit(op);
}

void JoinedDisk::flush_memory(DiskOp& op) {
  Status first;
  for (Device& device : devices_) {
    if (device.is.disk == nullptr || device.flushed_count == device.ended_count) continue;
    const uint64_t covered = device.ended_count;
    DiskOp flush = device.is.disk->flush();
    std::optional<Status> flushed = flush.run_now();
    if (!flushed.has_value()) return;
    if (flushed->is_ok()) {
      device.flushed_count = covered;
    } else if (first.is_ok()) {
      first = *std::move(flushed);
    }
  }
  op.complete(std::move(first));
}

void JoinedDisk::submit_flush(DiskOp& op) {
  const auto flush = std::make_shared<Flush>();
  flush->op = &op;
  for (Device& device : devices_) {
    if (device.is.disk == nullptr || device.flushed_count == device.ended_count) continue;
    if (MUTATION("one_device_is_flushed_for_all", false, flush->waiting_count != 0)) break;
    ++flush->waiting_count;
    executor_.spawn(flush_device(this, flush, &device));
  }
  if (flush->waiting_count == 0) op.complete(ok());
}

Task<void> JoinedDisk::flush_device(JoinedDisk* disk, std::shared_ptr<Flush> flush, Device* device) {
  const uint64_t covered = device->ended_count;
  Status status = co_await device->is.disk->flush();
  if (status.is_ok()) {
    device->flushed_count = std::max(device->flushed_count, covered);
  } else if (flush->status.is_ok()) {
    flush->status = std::move(status);
  }
  if (--flush->waiting_count != 0) co_return;
  DiskOp* const op = flush->op;
  op->complete(std::move(flush->status));
  disk->executor_.post(op->waiter());
}

}  // namespace aeon::media
