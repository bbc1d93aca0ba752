#include "runtime/fork.h"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <vector>

namespace aeon {
namespace {

std::atomic<uint64_t> generation{1};
std::atomic<pid_t> process{getpid()};
// A number above the descriptor's, so that 0 is an empty place.
std::array<std::atomic<int>, 256> closed_in_child;

const bool is_registered = pthread_atfork(nullptr, nullptr, notice_fork) == 0;

}  // namespace

uint64_t fork_generation() { return generation.load(std::memory_order_relaxed); }

// Only what may be done between fork and exec.
void notice_fork() {
  const pid_t now = getpid();
  if (process.exchange(now) == now) return;
  generation.fetch_add(1);
  for (std::atomic<int>& place : closed_in_child) {
    const int descriptor = place.exchange(0) - 1;
    if (descriptor >= 0) close(descriptor);
  }
}

void close_in_forked_child(int descriptor) {
  for (std::atomic<int>& place : closed_in_child) {
    int empty = 0;
    if (place.compare_exchange_strong(empty, descriptor + 1)) return;
  }
}

void forget_in_forked_child(int descriptor) {
  for (std::atomic<int>& place : closed_in_child) {
    int held = descriptor + 1;
    if (place.compare_exchange_strong(held, 0)) return;
  }
}

void keep_forever(std::shared_ptr<void> object) {
  static PerProcess<std::pair<std::mutex, std::vector<std::shared_ptr<void>>>> kept;
  auto& [mutex, objects] = kept.get([] { return new std::pair<std::mutex, std::vector<std::shared_ptr<void>>>(); });
  const std::lock_guard lock(mutex);
  objects.push_back(std::move(object));
}

}  // namespace aeon
