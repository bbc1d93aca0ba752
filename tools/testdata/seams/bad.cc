// Every line that ends in `bad: <category>` must be found, and no other.
#include <thread>  // bad: thread
#include <mutex>  // bad: thread
#include <random>  // bad: random
#include <unistd.h>  // bad: system
#include <sys/mman.h>  // bad: system
#include <linux/fs.h>  // bad: system
#include <ctime>  // bad: clock
void f() {
  auto now = std::chrono::steady_clock::now();  // bad: clock
  auto wall = system_clock::now();  // bad: clock
  clock_gettime(CLOCK_MONOTONIC, &spec);  // bad: clock
  const auto t = time(nullptr);  // bad: clock
  std::this_thread::sleep_for(1s);  // bad: thread
  std::thread worker(run);  // bad: thread
  std::mutex lock;  // bad: thread
  thread_local int count = 0;  // bad: thread
  std::mt19937 generator(7);  // bad: random
  int dice = rand() % 6;  // bad: random
  return ::open(path, 0);  // bad: system
  if (::read(file, data, 1) < 0) return;  // bad: system
  const int n = pwrite(file, data, size, 0);  // bad: system
  io_uring_queue_init(8, &ring, 0);  // bad: system
  std::ifstream file(path);  // bad: system
  syscall(1);  // bad: system
  ::time(&now);  // bad: clock
}
