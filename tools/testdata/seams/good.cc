// Nothing here may be found.
#include <atomic>
#include <chrono>
#include <sys/uio.h>
#include "vos/store.h"
class File {
 public:
  Task<Status> read(DiskOffset offset);
  Status write(int value) { return store_.write(value); }
  Duration time() const { return time_; }
  int rand(int bound);
  Status fsync(Epoch epoch);
};
void f(World& world) {
  const auto now = world.clock.now();
  file.read(0);
  this->open(1);
  disk->pwrite(2);
  co_await read(5);
  Store::open(6);
  std::chrono::steady_clock::time_point point;
  // std::thread in a comment, and "std::mutex" in a string
  log("std::thread ::open()");
  clock_gettime(CLOCK_MONOTONIC, &spec);  // lint: ok shown to the user only
}
