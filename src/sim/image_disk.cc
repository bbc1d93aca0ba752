#include "sim/image_disk.h"

#include <string>

namespace aeon {

Status check_disk_op(const DiskOp& op, ByteCount capacity) {
  const bool is_aligned = op.offset() % kDiskBlockSize == 0 && op.size() % kDiskBlockSize == 0 &&
                          reinterpret_cast<uintptr_t>(op.memory()) % kDiskBlockSize == 0;
  if (!is_aligned) return Status(Code::kInvalidArgument, "a disk operation isn't aligned");
  if (op.offset() > capacity || op.size() > capacity - op.offset()) {
    return Status(Code::kInvalidArgument,
                  "a disk operation at " + std::to_string(op.offset()) + " goes beyond the disk");
  }
  return ok();
}

void ImageDisk::submit(DiskOp& op) {
  Status status = check_disk_op(op, capacity());
  if (status.is_ok()) {
    const uint64_t first = op.offset() / kDiskBlockSize;
    switch (op.kind()) {
      case DiskOp::Kind::kRead: table_.read(op.offset(), {op.memory(), op.size()}); break;
      case DiskOp::Kind::kWrite:
      case DiskOp::Kind::kWriteDurable:
        for (uint64_t i = 0; i < op.size() / kDiskBlockSize; ++i) {
          table_.set(first + i, arena_.keep(op.memory() + i * kDiskBlockSize));
        }
        break;
      case DiskOp::Kind::kFlush: break;
      case DiskOp::Kind::kDiscard:
        for (uint64_t i = 0; i < op.size() / kDiskBlockSize; ++i) table_.set(first + i, garbage_content());
        break;
    }
  }
  op.complete(std::move(status));
}

}  // namespace aeon
