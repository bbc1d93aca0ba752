// A file or block device as a Disk, by direct I/O on a reactor's ring.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/disk.h"
#include "runtime/reactor.h"

namespace aeon {

class FileMapping;

class FileDisk final : public Disk {
 public:
  struct Options {
    bool create = false;              // The file must not exist yet.
    bool read_only = false;           // Changes are kReadOnly; reading behind a file's end gives zeros.
    ByteCount capacity = 0;           // How far a regular file may grow; 0: the size it has, or 16 TiB if `create`.
    // Nobody else may have it open so (kBusy): a block device that is mounted or part of another one, or a file that
    // another process holds. With read_only, others may read too.
    bool exclusive = false;
  };

  // kNotFound, kExists, kPermission, kBusy, kReadOnly, kNoSpace or kIo, naming the path. Uses buffered I/O where the
  // file system has no direct one; in tmpfs an operation is a copy, done when submitted, mostly from or to the mapped
  // file. The reactor must outlive the disk.
  static Result<std::unique_ptr<FileDisk>> open(Reactor& reactor, const std::string& path, Options options);
  // All operations must have completed.
  ~FileDisk() override;

  bool is_block_device() const { return !is_regular_; }
  ByteCount capacity() const override { return capacity_; }
  std::string_view name() const override { return path_; }
  bool is_memory() const override { return is_memory_; }
  ByteView view(uint64_t offset, ByteCount size) override;
  void submit(DiskOp& op) override;

 private:
  class Transfer;
  FileDisk(Reactor& reactor, std::string path, int descriptor);
  Status check(const DiskOp& op) const;
  Status grow_to(uint64_t end);
  Status look_at_device();
  Status hold();
  // Of a device that doesn't punch holes; advice too, so what it answers doesn't matter.
  void trim(const DiskOp& op);
  Status failed(const DiskOp& op, int error) const;
  void start(Transfer& transfer);
  void map_memory();
  void run_in_memory(DiskOp& op);
  bool run_in_mapping(DiskOp& op);
  void run_blocking(DiskOp& op);
  Transfer* take_transfer();

  Reactor& reactor_;
  std::string path_;
  int descriptor_;
  bool is_regular_ = true;
  bool is_memory_ = false;  // In tmpfs: nothing to wait for.
  bool is_read_only_ = false;
  bool is_held_ = false;  // By this one alone.
  bool punches_holes_ = true;
  ByteCount capacity_ = 0;
  uint64_t size_ = 0;  // Allocated length of a regular file.
  std::unique_ptr<FileMapping> mapping_;  // In tmpfs, if the kernel lets us.
  size_t in_flight_ = 0;
  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<Transfer*> free_transfers_;
};

}  // namespace aeon
