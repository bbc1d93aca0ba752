// A file in memory (tmpfs), mapped: what is there is looked at and overwritten without a system call.
//
// To touch a page that the file doesn't have, and can't get since memory is full, ends the process. So only blocks are
// touched that are known to be there: that were written since the file was opened, or that the kernel brought in when
// asked, which it answers with an error rather than a signal. Blocks that were punched out of the file no longer are.
// That nobody else shortens the file is left to those who may write to it, as with every mapped file.
// Offsets and sizes are whole blocks (kDiskBlockSize). Threading: one executor.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/units.h"

namespace aeon {

class FileMapping {
 public:
  // The first `size` bytes of a file that may have less by now: addresses, not memory. Null if the kernel refuses.
  static std::unique_ptr<FileMapping> create(int descriptor, ByteCount size, bool is_read_only);
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;
  ~FileMapping();

  ByteCount size() const { return size_; }
  // Maps more. What was found may lie elsewhere then. If the kernel refuses, all stays as it is.
  void grow(ByteCount size);

  // Where the range lies, if it is known to be there, or else null.
  std::byte* find(uint64_t offset, ByteCount size) const;
  // The same, and asks the kernel if it isn't known. The range lies within the file.
  std::byte* bring(uint64_t offset, ByteCount size);

  // The range was written to the file, or punched out of it.
  void note_written(uint64_t offset, ByteCount size) { note(offset, size, true); }
  void note_punched(uint64_t offset, ByteCount size) { note(offset, size, false); }

 private:
  FileMapping(std::byte* memory, ByteCount size) : memory_(memory), size_(size) {}
  bool covers(uint64_t offset, ByteCount size) const { return offset <= size_ && size <= size_ - offset; }
  void note(uint64_t offset, ByteCount size, bool is_there);

  std::byte* memory_;
  ByteCount size_;
  std::vector<uint64_t> there_;  // A bit for each block; those behind its end aren't known to be there.
};

}  // namespace aeon
