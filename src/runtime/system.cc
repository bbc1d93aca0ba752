#include "runtime/system.h"

#include <sys/random.h>
#include <unistd.h>

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

uint64_t process_id() { return static_cast<uint64_t>(getpid()); }

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "unknown";
  return name;
}

}  // namespace aeon
