#include "runtime/system.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace aeon {

uint64_t SystemClock::wall_ns() const {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(time.tv_nsec);
}

Random system_random() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    seed = SystemClock().wall_ns() ^ (static_cast<uint64_t>(getpid()) << 40);
  }
  return Random(seed);
}

ByteCount machine_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
  ByteCount memory =
      pages > 0 && page_size > 0 ? static_cast<ByteCount>(pages) * static_cast<ByteCount>(page_size) : ByteCount{kGiB};
  // In a container the group's files are where the root's are on a machine; version 2, then 1.
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::FILE* const file = std::fopen(path, "re");
    if (file == nullptr) continue;
    unsigned long long limit = 0;
    if (std::fscanf(file, "%llu", &limit) == 1 && limit != 0) memory = std::min<ByteCount>(memory, limit);
    std::fclose(file);
  }
  return memory;
}

uint64_t process_id() { return static_cast<uint64_t>(getpid()); }

uint64_t user_id() { return static_cast<uint64_t>(getuid()); }

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "unknown";
  return name;
}

}  // namespace aeon
