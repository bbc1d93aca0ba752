#include "runtime/file_disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "file_mapping.h"
#include "ring.h"
#include "runtime/fork.h"

namespace aeon {
namespace {

constexpr int kAttemptsToHold = 50;
constexpr useconds_t kPauseToHold_us = 10'000;

constexpr ByteCount kCapacityDefault = 16 * 1024 * kGiB;
constexpr ByteCount kGrowthMin = kMiB;
constexpr ByteCount kGrowthMax = 64 * kMiB;
constexpr ByteCount kMappedMin = 64 * kMiB;  // Of addresses, for a file to grow into.
constexpr size_t kTransferMax = size_t{1} << 30;  // The kernel moves less than 2 GiB a call.

Code code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return Code::kNotFound;
    case EEXIST: return Code::kExists;
    case EACCES:
    case EPERM: return Code::kPermission;
    case EROFS: return Code::kReadOnly;
    case EBUSY: return Code::kBusy;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Code::kNoSpace;
    default: return Code::kIo;
  }
}

std::string error_text(int error) { return std::generic_category().message(error); }

const char* kind_name(DiskOp::Kind kind) {
  switch (kind) {
    case DiskOp::Kind::kRead: return "reading";
    case DiskOp::Kind::kWrite:
    case DiskOp::Kind::kWriteDurable: return "writing";
    case DiskOp::Kind::kFlush: return "flushing";
    case DiskOp::Kind::kDiscard: return "discarding";
  }
  return "using";
}

}  // namespace

// One operation on its way through the ring; short transfers go on where they stopped.
class FileDisk::Transfer final : public RingCompletion {
 public:
  explicit Transfer(FileDisk& disk) : disk_(disk) {}

  void begin(DiskOp& op) {
    op_ = &op;
    op.progress = 0;
    prepare();
  }

  void on_ring_complete(int result) override {
    if (result == -EINTR || result == -EAGAIN || result == -ECANCELED) {  // ECANCELED: the submitting thread ended.
      prepare();
      return;
    }
    if (op_->kind() == DiskOp::Kind::kDiscard) {
      if (result == -EOPNOTSUPP) disk_.trim(*op_);
      finish(ok());  // Advice.
      return;
    }
    if (result < 0) {
      finish(disk_.failed(*op_, -result));
      return;
    }
    if (op_->kind() != DiskOp::Kind::kFlush) {
      op_->progress += static_cast<uint64_t>(result);
      if (op_->progress < op_->size()) {
        if (result != 0) {
          prepare();
          return;
        }
        if (op_->kind() == DiskOp::Kind::kRead) {  // Behind the end of the file: never written.
          std::memset(op_->memory() + op_->progress, 0, op_->size() - op_->progress);
        } else {
          finish(disk_.failed(*op_, EIO));
          return;
        }
      }
    }
    finish(ok());
  }

 private:
  void prepare() {
    Ring& ring = *disk_.reactor_.ring();
    io_uring_sqe* sqe = ring.get_sqe();
    std::byte* memory = op_->memory() + op_->progress;
    const auto size = static_cast<unsigned>(std::min<uint64_t>(op_->size() - op_->progress, kTransferMax));
    const uint64_t offset = op_->offset() + op_->progress;
    switch (op_->kind()) {
      case DiskOp::Kind::kRead: io_uring_prep_read(sqe, disk_.descriptor_, memory, size, offset); break;
      case DiskOp::Kind::kWrite: io_uring_prep_write(sqe, disk_.descriptor_, memory, size, offset); break;
      case DiskOp::Kind::kWriteDurable:
        io_uring_prep_write(sqe, disk_.descriptor_, memory, size, offset);
        sqe->rw_flags = RWF_DSYNC;
        break;
      case DiskOp::Kind::kFlush: io_uring_prep_fsync(sqe, disk_.descriptor_, IORING_FSYNC_DATASYNC); break;
      case DiskOp::Kind::kDiscard:
        io_uring_prep_fallocate(sqe, disk_.descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, op_->offset(),
                                op_->size());
        break;
    }
    ring.prepared(sqe, this);
  }

  void finish(Status status) {
    DiskOp* op = op_;
    op_ = nullptr;
    --disk_.in_flight_;
    disk_.free_transfers_.push_back(this);
    op->complete(std::move(status));
    disk_.reactor_.post(op->waiter());
  }

  FileDisk& disk_;
  DiskOp* op_ = nullptr;
};

Result<std::unique_ptr<FileDisk>> FileDisk::open(Reactor& reactor, const std::string& path, Options options) {
  int flags = (options.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
  if (options.create) flags |= O_CREAT | O_EXCL;
  struct stat about{};
  const bool is_device = !options.create && ::stat(path.c_str(), &about) == 0 && S_ISBLK(about.st_mode);
  if (is_device && options.exclusive) flags |= O_EXCL;
  int descriptor = ::open(path.c_str(), flags | O_DIRECT, 0600);
  if (descriptor < 0 && errno == EINVAL) {  // No direct I/O there; the file may have been created all the same.
    if (options.create) ::unlink(path.c_str());
    descriptor = ::open(path.c_str(), flags, 0600);
  }
  if (descriptor < 0) {
    const int error = errno;
    const char* const more =
        error == EBUSY ? " (it is mounted, part of a RAID or volume group, or open elsewhere)" : "";
    return Status(code_of(error), "can't open " + path + ": " + error_text(error) + more);
  }
  std::unique_ptr<FileDisk> disk(new FileDisk(reactor, path, descriptor));
  disk->is_read_only_ = options.read_only;
  if (fstat(descriptor, &about) != 0) return Status(Code::kIo, "can't look at " + path + ": " + error_text(errno));
  if (S_ISBLK(about.st_mode)) {
    TRY(disk->look_at_device());
    return disk;
  }
  if (!S_ISREG(about.st_mode)) {
    return Status(Code::kInvalidArgument, path + " is neither a file nor a block device");
  }
  if (options.exclusive) TRY(disk->hold());
  struct statfs file_system{};
  disk->is_memory_ = fstatfs(descriptor, &file_system) == 0 &&
                     (file_system.f_type == TMPFS_MAGIC || file_system.f_type == RAMFS_MAGIC);
  disk->size_ = static_cast<uint64_t>(about.st_size);
  disk->capacity_ = options.capacity != 0 ? round_down(options.capacity, kDiskBlockSize)
                    : options.create      ? kCapacityDefault
                                          : round_up(disk->size_, kDiskBlockSize);
  if (disk->is_memory_) disk->map_memory();
  return disk;
}

void FileDisk::map_memory() {
  const ByteCount size = std::min(std::max(kMappedMin, 2 * round_up(size_, kDiskBlockSize)), capacity_);
  if (mapping_ != nullptr) {
    mapping_->grow(size);
  } else if (size != 0) {
    mapping_ = FileMapping::create(descriptor_, size, is_read_only_);
  }
}

Status FileDisk::look_at_device() {
  uint64_t size = 0;
  int sector_size = 0;
  if (ioctl(descriptor_, BLKGETSIZE64, &size) != 0 || ioctl(descriptor_, BLKSSZGET, &sector_size) != 0) {
    return Status(Code::kIo, "can't get the size of " + path_ + ": " + error_text(errno));
  }
  if (size == 0) return Status(Code::kUnavailable, path_ + " has no medium: its size is 0");
  if (sector_size > static_cast<int>(kDiskBlockSize)) {
    return Status(Code::kInvalidArgument, path_ + " has sectors of " + std::to_string(sector_size) +
                                              " bytes, and at most " + std::to_string(kDiskBlockSize) + " can be used");
  }
  is_regular_ = false;
  size_ = size;
  capacity_ = round_down(size, kDiskBlockSize);
  return ok();
}

// Whoever held it just before may have ended, or let go, with requests that the kernel is about to take off its ring.
Status FileDisk::hold() {
  for (int attempt = 0; attempt < kAttemptsToHold; ++attempt) {
    if (::flock(descriptor_, (is_read_only_ ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) {
      is_held_ = true;
      close_in_forked_child(descriptor_);
      return ok();
    }
    if (errno != EWOULDBLOCK) return ok();  // A file system without locks.
    ::usleep(kPauseToHold_us);
  }
  return Status(Code::kBusy, path_ + " is in use by another process");
}

void FileDisk::trim(const DiskOp& op) {
  punches_holes_ = false;
  if (is_regular_) return;
  uint64_t range[2] = {op.offset(), op.size()};
  ignore(ioctl(descriptor_, BLKDISCARD, range) == 0 ? ok() : Status(Code::kIo), "it is advice");
}

FileDisk::FileDisk(Reactor& reactor, std::string path, int descriptor)
    : reactor_(reactor), path_(std::move(path)), descriptor_(descriptor) {}

FileDisk::~FileDisk() {
  CHECK(in_flight_ == 0);
  if (is_held_) {
    forget_in_forked_child(descriptor_);
    ::flock(descriptor_, LOCK_UN);  // Closing wouldn't, as long as the kernel has a request's share of it.
  }
  ::close(descriptor_);
}

Status FileDisk::check(const DiskOp& op) const {
  const bool has_memory = op.kind() != DiskOp::Kind::kFlush && op.kind() != DiskOp::Kind::kDiscard;
  if (op.offset() % kDiskBlockSize != 0 || op.size() % kDiskBlockSize != 0 ||
      (has_memory && reinterpret_cast<uintptr_t>(op.memory()) % kDiskBlockSize != 0)) {
    return Status(Code::kInvalidArgument, "disk operation not aligned to 4096 bytes");
  }
  const bool changes = op.kind() != DiskOp::Kind::kRead && op.kind() != DiskOp::Kind::kFlush;
  if (is_read_only_ && changes) return Status(Code::kReadOnly, path_ + " is open for reading only");
  if (op.offset() > capacity_ || op.size() > capacity_ - op.offset()) {
    if (op.kind() == DiskOp::Kind::kWrite || op.kind() == DiskOp::Kind::kWriteDurable) {
      return Status(Code::kNoSpace, path_ + " is full: it may hold " + std::to_string(capacity_) + " bytes");
    }
    return Status(Code::kInvalidArgument, "disk operation behind the end of " + path_);
  }
  return ok();
}

Status FileDisk::failed(const DiskOp& op, int error) const {
  return Status(code_of(error), std::string(kind_name(op.kind())) + " " + std::to_string(op.size()) + " bytes at " +
                                    std::to_string(op.offset()) + " of " + path_ + ": " + error_text(error));
}

// Allocates ahead in steps, since writing behind the end of a file is slow and may meet a full file system late.
Status FileDisk::grow_to(uint64_t end) {
  if (!is_regular_ || end <= size_) return ok();
  const ByteCount step = std::clamp<ByteCount>(size_ / 8, kGrowthMin, kGrowthMax);
  for (const uint64_t wanted : {std::min<uint64_t>(round_up(std::max(end, size_ + step), kMiB), capacity_), end}) {
    int error = 0;
    do {
      error = posix_fallocate(descriptor_, static_cast<off_t>(size_), static_cast<off_t>(wanted - size_));
    } while (error == EINTR);
    if (error == 0) {
      size_ = wanted;
      if (mapping_ != nullptr && mapping_->size() < size_) map_memory();
      return ok();
    }
    if (error != ENOSPC && error != EDQUOT) {
      return Status(code_of(error), "growing " + path_ + ": " + error_text(error));
    }
  }
  return Status(Code::kNoSpace, "growing " + path_ + ": the file system is full; free some space there");
}

FileDisk::Transfer* FileDisk::take_transfer() {
  if (free_transfers_.empty()) {
    transfers_.push_back(std::make_unique<Transfer>(*this));
    return transfers_.back().get();
  }
  Transfer* transfer = free_transfers_.back();
  free_transfers_.pop_back();
  return transfer;
}

void FileDisk::submit(DiskOp& op) {
  Status status = check(op);
  const bool writes = op.kind() == DiskOp::Kind::kWrite || op.kind() == DiskOp::Kind::kWriteDurable;
  if (status.is_ok() && writes) status = grow_to(op.offset() + op.size());
  if (!status.is_ok() || (op.size() == 0 && op.kind() != DiskOp::Kind::kFlush)) {
    op.complete(std::move(status));
    return;
  }
  if (op.kind() == DiskOp::Kind::kDiscard && !punches_holes_) {
    trim(op);
    op.complete(ok());
    return;
  }
  // The ring would hand a copy within memory to a thread of the kernel, which takes far longer than the copy.
  if (is_memory_) {
    run_in_memory(op);
    return;
  }
  if (reactor_.ring() == nullptr) {
    run_blocking(op);
    return;
  }
  ++in_flight_;
  take_transfer()->begin(op);
}

ByteView FileDisk::view(uint64_t offset, ByteCount size) {
  const uint64_t end = round_down(size_, kDiskBlockSize);
  const bool is_in_blocks = offset % kDiskBlockSize == 0 && size % kDiskBlockSize == 0;
  if (mapping_ == nullptr || !is_in_blocks || offset > end || size > end - offset) return {};
  const std::byte* const memory = mapping_->bring(offset, size);
  return memory == nullptr ? ByteView() : ByteView(memory, size);
}

void FileDisk::run_in_memory(DiskOp& op) {
  if (op.kind() == DiskOp::Kind::kFlush) {  // There is nothing behind this memory.
    op.complete(ok());
    return;
  }
  if (mapping_ == nullptr) {
    run_blocking(op);
    return;
  }
  if (op.kind() == DiskOp::Kind::kDiscard) mapping_->note_punched(op.offset(), op.size());
  if (run_in_mapping(op)) return;
  run_blocking(op);
  const bool writes = op.kind() == DiskOp::Kind::kWrite || op.kind() == DiskOp::Kind::kWriteDurable;
  if (writes && op.has_succeeded()) mapping_->note_written(op.offset(), op.size());
}

bool FileDisk::run_in_mapping(DiskOp& op) {
  if (op.kind() == DiskOp::Kind::kDiscard) return false;
  const bool reads = op.kind() == DiskOp::Kind::kRead;
  std::byte* const memory =
      reads ? mapping_->find(op.offset(), op.size()) : mapping_->find_to_write(op.offset(), op.size());
  if (memory == nullptr) return false;
  if (reads) {
    std::memcpy(op.memory(), memory, op.size());
  } else {
    std::memcpy(memory, op.memory(), op.size());
  }
  op.complete(ok());
  return true;
}

// On the runner's thread.
void FileDisk::run_blocking(DiskOp& op) {
  uint64_t done = 0;
  while (true) {
    ssize_t result = 0;
    iovec piece{.iov_base = op.memory() + done, .iov_len = std::min<size_t>(op.size() - done, kTransferMax)};
    const auto offset = static_cast<off_t>(op.offset() + done);
    switch (op.kind()) {
      case DiskOp::Kind::kRead: result = preadv2(descriptor_, &piece, 1, offset, 0); break;
      case DiskOp::Kind::kWrite: result = pwritev2(descriptor_, &piece, 1, offset, 0); break;
      case DiskOp::Kind::kWriteDurable: result = pwritev2(descriptor_, &piece, 1, offset, RWF_DSYNC); break;
      case DiskOp::Kind::kFlush: result = fdatasync(descriptor_); break;
      case DiskOp::Kind::kDiscard:
        result =
            fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, static_cast<off_t>(op.size()));
        if (result < 0 && errno == EOPNOTSUPP) trim(op);
        result = 0;
        break;
    }
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) {
      op.complete(failed(op, errno));
      return;
    }
    if (op.kind() == DiskOp::Kind::kFlush || op.kind() == DiskOp::Kind::kDiscard) break;
    done += static_cast<uint64_t>(result);
    if (done >= op.size()) break;
    if (result == 0 && op.kind() == DiskOp::Kind::kRead) {
      std::memset(op.memory() + done, 0, op.size() - done);
      break;
    }
    if (result == 0) {
      op.complete(failed(op, EIO));
      return;
    }
  }
  op.complete(ok());
}

}  // namespace aeon
