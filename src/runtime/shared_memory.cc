#include "shared_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace aeon {
namespace {

Status no_shared_memory(const char* what) {
  return Status(Code::kUnavailable,
                std::string("no shared memory: ") + what + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<std::unique_ptr<SharedMemory>> SharedMemory::create(ByteCount ring_size) {
  CHECK(is_ring_size(ring_size));
  const int descriptor = memfd_create("aeon-connection", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return no_shared_memory("memfd_create");
  std::unique_ptr<SharedMemory> memory(new SharedMemory(descriptor, ring_size));
  if (ftruncate(descriptor, static_cast<off_t>(total_size(ring_size))) != 0) return no_shared_memory("ftruncate");
  if (fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return no_shared_memory("F_ADD_SEALS");
  }
  TRY(memory->map());
  return memory;
}

Result<std::unique_ptr<SharedMemory>> SharedMemory::adopt(int descriptor, ByteCount ring_size) {
  std::unique_ptr<SharedMemory> memory(new SharedMemory(descriptor, ring_size));
  const auto refused = [](const char* why) {
    return Status(Code::kInvalidArgument, std::string("the shared memory offered ") + why);
  };
  if (!is_ring_size(ring_size)) return refused("has rings of an impossible size");
  struct stat about{};
  if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) return refused("is no memory");
  // Not huge pages: touching one that isn't there, since the system is out of them, ends the process.
  struct statfs file_system{};
  if (fstatfs(descriptor, &file_system) != 0 || file_system.f_type != TMPFS_MAGIC) return refused("is a file");
  const int seals = fcntl(descriptor, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return refused("could be cut off");
  // Looked at after the seals: it can't get shorter any more.
  if (fstat(descriptor, &about) != 0 || about.st_size < static_cast<off_t>(total_size(ring_size))) {
    return refused("is too small");
  }
  TRY(memory->map());
  memory->close_descriptor();
  return memory;
}

SharedMemory::~SharedMemory() {
  if (memory_ != nullptr) munmap(memory_, total_size(ring_size_));
  close_descriptor();
}

void SharedMemory::close_descriptor() {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
}

Status SharedMemory::map() {
  void* const memory =
      mmap(nullptr, total_size(ring_size_), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor_, 0);
  if (memory == MAP_FAILED) return no_shared_memory("mmap");
  memory_ = static_cast<std::byte*>(memory);
  return ok();
}

SharedRingControl& SharedMemory::control(size_t ring) const {
  return reinterpret_cast<SharedRingControl*>(memory_)[ring];
}

MutableBytes SharedMemory::ring(size_t ring) const {
  return {memory_ + kControlSize + ring * ring_size_, static_cast<size_t>(ring_size_)};
}

}  // namespace aeon
