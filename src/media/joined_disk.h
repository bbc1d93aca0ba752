// Several devices as one disk: each serves a stretch of addresses, and nothing lies on two of them.
//
// Reads and writes go straight to the device that has them. A flush goes to those devices that were written since
// their last one, at the same time, and succeeds when all did; nothing else orders one device's writes after another's.
// An operation on a device that is missing is kIo, and says which one it is.
// Ownership: the devices outlive it, and it outlives its operations. Threading: one executor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/disk.h"
#include "runtime/executor.h"

namespace aeon::media {

class JoinedDisk final : public Disk {
 public:
  struct Member {
    Disk* disk = nullptr;  // Null: it is missing.
    std::string what;  // For messages about a missing one.
    uint64_t offset = 0;  // Of its part, in our addresses.
    ByteCount size = 0;
    uint64_t content_offset = 0;  // On the device.
  };

  // In order of addresses.
  JoinedDisk(Executor& executor, std::string name, const std::vector<Member>& members);

  ByteCount capacity() const override;
  std::vector<DiskPart> parts() const override;
  std::string_view name() const override { return name_; }
  bool is_memory() const override { return is_memory_; }  // All that are there.
  ByteView view(uint64_t offset, ByteCount size) override;
  void submit(DiskOp& op) override;

 private:
  struct Device {
    Member is;
    // Plain writes that ended, and how many of them the last flush that succeeded covers. What others wrote before
    // us isn't covered by anything.
    uint64_t ended_count = 1;
    uint64_t flushed_count = 0;
  };
  struct Flush {
    DiskOp* op = nullptr;
    size_t waiting_count = 0;
    Status status;
  };

  // Of the whole range; null without one.
  Device* device_of(uint64_t offset, ByteCount size);
  void submit_flush(DiskOp& op);
  void flush_memory(DiskOp& op);
  static Task<void> flush_device(JoinedDisk* disk, std::shared_ptr<Flush> flush, Device* device);

  Executor& executor_;
  const std::string name_;
  std::vector<Device> devices_;
  bool is_memory_ = true;
};

}  // namespace aeon::media
