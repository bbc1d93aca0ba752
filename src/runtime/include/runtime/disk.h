// One block device (or a file that acts as one).
//
// Contract
//   - Offsets, sizes and memory are multiples of block_size() (4096); violations are kInvalidArgument.
//   - A completed write survives a crash only after a later flush() succeeds; until then a crash may keep it, lose
//     it, or keep some of its 512-byte sectors. Unflushed writes may survive in any combination.
//   - A completed write_durable survives a crash by itself. It says nothing about earlier plain writes.
//   - A crash during a write may leave any mixture of old and new sectors of it.
//   - Media decays: a read may return other bytes than were written, so callers verify checksums.
//   - Reading what was never written gives zeros or, on raw devices, anything.
//   - kNoSpace: the file system or device has no room. kIo: the device failed; the message names offset and cause.
//   - Operations run concurrently and complete in any order. Overlapping ones in flight have undefined order.
//   - Where is_memory(), each completes within submit(), unless the process ends there. All else holds as well.
// Ownership: memory belongs to the caller and must stay until the operation has completed.
// Threading: one executor.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon {

inline constexpr ByteCount kDiskBlockSize = 4096;
inline constexpr ByteCount kDiskSectorSize = 512;  // What a device writes whole.

class Disk;

// An operation of a disk: awaitable, and alive until it completes, since it lives in the awaiting frame.
class DiskOp {
 public:
  enum class Kind : uint8_t { kRead, kWrite, kWriteDurable, kFlush, kDiscard };

  DiskOp(Disk& disk, Kind kind, uint64_t offset, std::byte* memory, size_t size)
      : disk_(disk), kind_(kind), offset_(offset), memory_(memory), size_(size) {}
  DiskOp(const DiskOp&) = delete;
  DiskOp& operator=(const DiskOp&) = delete;

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waiter);
  Status await_resume() { return std::move(status_); }
  // Instead of awaiting, of a disk that is memory: the Status at once. Nothing if the (simulated) process ends there.
  std::optional<Status> run_now();

  Kind kind() const { return kind_; }
  uint64_t offset() const { return offset_; }
  std::byte* memory() const { return memory_; }
  size_t size() const { return size_; }

  // For the disk: the operation ended. Either inside Disk::submit (then the awaiting coroutine doesn't suspend), or
  // later (then the disk resumes waiter() from its executor's loop, after this call).
  void complete(Status status) {
    status_ = std::move(status);
    completed_ = true;
    if (ended_count_ != nullptr) ++*ended_count_;
  }
  bool has_succeeded() const { return completed_ && status_.is_ok(); }
  std::coroutine_handle<> waiter() const { return waiter_; }

  // For a disk that hands the operation on to another one, as the last thing it does with it: where it lies there, and
  // what counts up when it ends (null: nothing), whichever way it ended.
  void redirect(uint64_t offset, uint64_t* ended_count) {
    offset_ = offset;
    ended_count_ = ended_count;
  }

  // For the disk's own use while the operation is in flight.
  uint64_t progress = 0;
  DiskOp* next = nullptr;

 private:
  Disk& disk_;
  Kind kind_;
  bool completed_ = false;
  uint64_t offset_;
  std::byte* memory_;
  size_t size_;
  uint64_t* ended_count_ = nullptr;
  std::coroutine_handle<> waiter_;
  Status status_;
};

// A stretch of addresses that one device serves, of a disk that is made of several.
struct DiskPart {
  uint64_t offset = 0;
  ByteCount size = 0;
  bool is_missing = false;  // Its device isn't there: reading and writing it is kIo.
};

class Disk {
 public:
  virtual ~Disk() = default;

  // co_await each of these for its Status.
  DiskOp read(uint64_t offset, MutableBytes out) {
    return {*this, DiskOp::Kind::kRead, offset, out.data(), out.size()};
  }
  DiskOp write(uint64_t offset, ByteView data) {
    return {*this, DiskOp::Kind::kWrite, offset, const_cast<std::byte*>(data.data()), data.size()};
  }
  DiskOp write_durable(uint64_t offset, ByteView data) {
    return {*this, DiskOp::Kind::kWriteDurable, offset, const_cast<std::byte*>(data.data()), data.size()};
  }
  DiskOp flush() { return {*this, DiskOp::Kind::kFlush, 0, nullptr, 0}; }
  // Gives the range back to the file system or device; reading it then gives zeros or anything. Advice: a disk that
  // can't answers ok.
  DiskOp discard(uint64_t offset, ByteCount size) { return {*this, DiskOp::Kind::kDiscard, offset, nullptr, size}; }

  // How far offsets may reach. Files grow up to it on demand; what the file system can't give is kNoSpace then.
  virtual ByteCount capacity() const = 0;
  // In order of addresses, and with gaps between them, so that nothing lies on two devices. Operations stay within one.
  virtual std::vector<DiskPart> parts() const { return {{.offset = 0, .size = capacity()}}; }
  // A name for messages: a path or "sim-disk 3".
  virtual std::string_view name() const = 0;

  // Memory of this machine rather than a device: nothing is gained by waiting for others or by writing less often.
  virtual bool is_memory() const { return false; }
  // What read() would give, where it lies; empty if it can't be looked at now. Offset and size as for operations. Holds
  // until the caller suspends, or anything is written or discarded.
  virtual ByteView view(uint64_t offset, ByteCount size);

  virtual void submit(DiskOp& op) = 0;
};

inline bool DiskOp::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  disk_.submit(*this);
  return !completed_;
}

inline std::optional<Status> DiskOp::run_now() {
  if (await_suspend(std::noop_coroutine())) return std::nullopt;
  return await_resume();
}

// Zeroed memory at a disk block boundary, as disk operations need it. Size is rounded up to whole blocks.
class DiskBuffer {
 public:
  DiskBuffer() = default;
  explicit DiskBuffer(size_t size);
  DiskBuffer(DiskBuffer&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  DiskBuffer& operator=(DiskBuffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  std::byte* data() { return memory_.get(); }
  const std::byte* data() const { return memory_.get(); }
  size_t size() const { return size_; }
  MutableBytes bytes() { return {memory_.get(), size_}; }
  ByteView bytes() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t size_ = 0;
};

}  // namespace aeon
