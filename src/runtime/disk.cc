#include "runtime/disk.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace aeon {

ByteView Disk::view(uint64_t, ByteCount) { return {}; }

DiskBuffer::DiskBuffer(size_t size) : size_(round_up(size, kDiskBlockSize)) {
  if (size_ == 0) return;
  void* memory = std::aligned_alloc(kDiskBlockSize, size_);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, size_);
  memory_.reset(static_cast<std::byte*>(memory));
}

void DiskBuffer::Free::operator()(std::byte* memory) const { std::free(memory); }

}  // namespace aeon
