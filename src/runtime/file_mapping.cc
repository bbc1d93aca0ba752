#include "file_mapping.h"

#include <sys/mman.h>

#include <algorithm>

#include "runtime/disk.h"

namespace aeon {

namespace {

constexpr uint64_t kWordBits = 64;
constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ, which older headers lack; older kernels (5.14) say no.

// The bits of [first, end) in the word that begins with bit `word * kWordBits`.
uint64_t mask_of(uint64_t word, uint64_t first, uint64_t end) {
  const uint64_t begin = word * kWordBits;
  uint64_t mask = ~uint64_t{0};
  if (first > begin) mask &= ~uint64_t{0} << (first - begin);
  if (end < begin + kWordBits) mask &= ~(~uint64_t{0} << (end - begin));
  return mask;
}

}  // namespace

std::unique_ptr<FileMapping> FileMapping::create(int descriptor, ByteCount size, bool is_read_only) {
  const int protection = is_read_only ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const memory = ::mmap(nullptr, size, protection, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
  if (memory == MAP_FAILED) return nullptr;
  return std::unique_ptr<FileMapping>(new FileMapping(static_cast<std::byte*>(memory), size));
}

FileMapping::~FileMapping() { ::munmap(memory_, size_); }

void FileMapping::grow(ByteCount size) {
  if (size <= size_) return;
  void* const memory = ::mremap(memory_, size_, size, MREMAP_MAYMOVE);
  if (memory == MAP_FAILED) return;
  memory_ = static_cast<std::byte*>(memory);
  size_ = size;
}

std::byte* FileMapping::find(uint64_t offset, ByteCount size) const {
  const uint64_t first = offset / kDiskBlockSize;
  const uint64_t end = first + size / kDiskBlockSize;
  if (first == end || end > there_.size() * kWordBits) return nullptr;
  for (uint64_t word = first / kWordBits; word * kWordBits < end; ++word) {
    const uint64_t mask = mask_of(word, first, end);
    if ((there_[word] & mask) != mask) return nullptr;
  }
  return memory_ + offset;
}

std::byte* FileMapping::bring(uint64_t offset, ByteCount size) {
  if (std::byte* const found = find(offset, size)) return found;
  if (size == 0 || !covers(offset, size)) return nullptr;
  if (::madvise(memory_ + offset, size, kPopulateRead) != 0) return nullptr;
  note(offset, size, true);
  return memory_ + offset;
}

void FileMapping::note(uint64_t offset, ByteCount size, bool is_there) {
  if (!covers(offset, size)) return;
  const uint64_t first = offset / kDiskBlockSize;
  uint64_t end = first + size / kDiskBlockSize;
  const uint64_t word_count = (end + kWordBits - 1) / kWordBits;
  if (is_there && word_count > there_.size()) there_.resize(word_count);
  end = std::min(end, there_.size() * kWordBits);
  for (uint64_t word = first / kWordBits; word * kWordBits < end; ++word) {
    const uint64_t mask = mask_of(word, first, end);
    there_[word] = is_there ? there_[word] | mask : there_[word] & ~mask;
  }
}

}  // namespace aeon
