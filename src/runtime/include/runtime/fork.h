// fork() without exec: what a child may do with what its parent had open.
//
// Nothing but to open anew. Rings, shared memory and locks belong to the parent, and threads weren't copied. So in the
// child whatever has a reactor from before is left alone for good (keep_forever), and locks are let go of.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace aeon {

// Another number in each process between which there was a fork. From any thread.
uint64_t fork_generation();
// Whoever runs before our handler of pthread_atfork() calls this first. Repeating it is harmless.
void notice_fork();

// The child closes it at once: a lock that it has too would outlive the parent. No more than 256 at a time; beyond
// that the child has them.
void close_in_forked_child(int descriptor);
// Before it is closed here.
void forget_in_forked_child(int descriptor);

// It is never destroyed.
void keep_forever(std::shared_ptr<void> object);

// One T for each process, made when it is first asked for, and never destroyed: threads may be inside at the end, and a
// parent's may be locked for good in the child. From any thread.
template <typename T>
class PerProcess {
 public:
  template <typename Make>
  T& get(Make make) {
    const uint64_t generation = fork_generation();
    Held* held = held_.load(std::memory_order_acquire);
    while (held == nullptr || held->generation != generation) {
      auto made = std::make_unique<Held>(Held{generation, std::unique_ptr<T>(make())});
      if (held_.compare_exchange_strong(held, made.get(), std::memory_order_acq_rel)) held = made.release();
    }
    return *held->object;
  }

 private:
  struct Held {
    uint64_t generation;
    std::unique_ptr<T> object;
  };
  std::atomic<Held*> held_{nullptr};
};

}  // namespace aeon
