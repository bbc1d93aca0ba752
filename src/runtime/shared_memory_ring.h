// One direction of a connection in shared memory: a ring of bytes between one producer and one consumer, in processes
// that don't trust each other.
//
// Each side keeps its own position to itself and only publishes it. Of the other's it reads the position once, into a
// local, and checks it before use; what can't be is answered with nothing (std::nullopt), after which the connection
// is broken. Bytes are copied out once. So whatever the other side writes where and when, it is only other data.
//
// Who is going to sleep says so in a flag, and looks at the ring again; who has published looks at the flag. All four
// are sequentially consistent, so one of both sees the other. Who takes the flag back from 1 to 0 for the other side
// wakes it.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "base/check.h"

namespace aeon {

// At the beginning of the memory, one for each direction. Zeros are an empty ring. What changes with every message has
// cache lines of its own: who publishes reads the other's flag, which rarely changes.
struct SharedRingControl {
  alignas(64) std::atomic<uint64_t> written;          // By the producer: bytes ever.
  std::atomic<uint32_t> has_ended;                    // By the producer: nothing follows.
  alignas(64) std::atomic<uint64_t> taken;            // By the consumer: bytes ever.
  alignas(64) std::atomic<uint32_t> producer_sleeps;  // Until there is room.
  alignas(64) std::atomic<uint32_t> consumer_sleeps;  // Until something has come.
};
static_assert(sizeof(SharedRingControl) == 256);
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

namespace internal {
// Takes what somebody said about sleeping; true if it was sleeping, and now has to be woken.
inline bool take_sleep(std::atomic<uint32_t>& flag) {
  return flag.load(std::memory_order_seq_cst) != 0 && flag.exchange(0, std::memory_order_seq_cst) != 0;
}
}  // namespace internal

class SharedRingProducer {
 public:
  // `memory` has a power of two of bytes.
  SharedRingProducer(SharedRingControl& control, MutableBytes memory) : control_(control), memory_(memory) {
    DCHECK(std::has_single_bit(memory.size()));
  }

  size_t capacity() const { return memory_.size(); }

  // Room for how many bytes, seen by a look at the consumer's position only if fewer than `wanted` are known.
  std::optional<size_t> room(size_t wanted) {
    const size_t known = capacity() - (written_ - taken_);
    if (known >= wanted) return known;
    const uint64_t taken = control_.taken.load(std::memory_order_seq_cst);
    if (written_ - taken > capacity()) return std::nullopt;
    taken_ = taken;
    return capacity() - (written_ - taken);
  }
  // Puts bytes behind the others, not to be seen before publish(). There is room.
  void append(ByteView bytes) {
    DCHECK(bytes.size() <= capacity() - (written_ - taken_));
    const size_t at = written_ & (capacity() - 1);
    const size_t first = std::min(bytes.size(), capacity() - at);
    if (first != 0) std::memcpy(memory_.data() + at, bytes.data(), first);
    if (first != bytes.size()) std::memcpy(memory_.data(), bytes.data() + first, bytes.size() - first);
    written_ += bytes.size();
  }
  // True if the consumer sleeps, and has to be woken.
  bool publish() {
    control_.written.store(written_, std::memory_order_seq_cst);
    return internal::take_sleep(control_.consumer_sleeps);
  }
  void end() { control_.has_ended.store(1, std::memory_order_seq_cst); }

  // Sleeps until there is room: look again after this. The consumer wakes for half of the ring, so who sleeps for want
  // of more may sleep for ever.
  void say_sleeping() { control_.producer_sleeps.store(1, std::memory_order_seq_cst); }
  void say_awake() { control_.producer_sleeps.store(0, std::memory_order_relaxed); }

 private:
  SharedRingControl& control_;
  const MutableBytes memory_;
  uint64_t written_ = 0;
  uint64_t taken_ = 0;  // As last seen.
};

class SharedRingConsumer {
 public:
  SharedRingConsumer(SharedRingControl& control, ByteView memory) : control_(control), memory_(memory) {
    DCHECK(std::has_single_bit(memory.size()));
  }

  size_t capacity() const { return memory_.size(); }

  // Whether a take() would find something, be it that nothing follows.
  bool has_news() const { return control_.written.load(std::memory_order_seq_cst) != taken_ || has_ended(); }
  bool has_ended() const { return control_.has_ended.load(std::memory_order_seq_cst) != 0; }

  // Moves as many bytes as are there and fit, and returns how many.
  std::optional<size_t> take(MutableBytes into) {
    const uint64_t written = control_.written.load(std::memory_order_seq_cst);
    const uint64_t available = written - taken_;
    if (available > capacity()) return std::nullopt;
    const size_t count = std::min<size_t>(available, into.size());
    if (count == 0) return size_t{0};
    const size_t at = taken_ & (capacity() - 1);
    const size_t first = std::min(count, capacity() - at);
    std::memcpy(into.data(), memory_.data() + at, first);
    if (first != count) std::memcpy(into.data() + first, memory_.data(), count - first);
    taken_ += count;
    control_.taken.store(taken_, std::memory_order_seq_cst);
    left_ = available - count;
    return count;
  }
  // After a take(): true if the producer sleeps and there is room enough to be worth waking it. If there isn't, there
  // is more to take, and the last such take() makes room.
  bool must_wake_producer() { return left_ <= capacity() / 2 && internal::take_sleep(control_.producer_sleeps); }

  void say_sleeping() { control_.consumer_sleeps.store(1, std::memory_order_seq_cst); }
  void say_awake() { control_.consumer_sleeps.store(0, std::memory_order_relaxed); }

 private:
  SharedRingControl& control_;
  const ByteView memory_;
  uint64_t taken_ = 0;
  size_t left_ = 0;  // After the last take().
};

}  // namespace aeon
