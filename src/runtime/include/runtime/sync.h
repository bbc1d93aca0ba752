// Waiting between coroutines of one executor: Signal, Semaphore, Mutex, Queue. First come, first served; waiters are
// resumed from the executor's loop, never from inside the call that lets them go.
#pragma once

#include <coroutine>
#include <deque>
#include <optional>
#include <utility>

#include "runtime/executor.h"

namespace aeon {

namespace internal {
class WaiterList;

// A suspended coroutine in a list; lives in the waiter's frame. When that frame is destroyed while it waits (a
// simulated process crashed), it takes itself out.
struct Waiter {
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  inline ~Waiter();

  std::coroutine_handle<> handle;
  WaiterList* list = nullptr;
  Waiter* next = nullptr;
  Waiter* previous = nullptr;
};

class WaiterList {
 public:
  WaiterList() = default;
  WaiterList(const WaiterList&) = delete;
  WaiterList& operator=(const WaiterList&) = delete;
  // Waiters that are left belong to a crashed process, and may outlive the list.
  ~WaiterList() {
    while (pop() != nullptr) {}
  }

  bool empty() const { return first_ == nullptr; }
  Waiter* front() const { return first_; }
  void push(Waiter& waiter) {
    waiter.list = this;
    waiter.next = nullptr;
    waiter.previous = last_;
    (last_ != nullptr ? last_->next : first_) = &waiter;
    last_ = &waiter;
  }
  void remove(Waiter& waiter) {
    (waiter.previous != nullptr ? waiter.previous->next : first_) = waiter.next;
    (waiter.next != nullptr ? waiter.next->previous : last_) = waiter.previous;
    waiter.list = nullptr;
  }
  Waiter* pop() {
    Waiter* waiter = first_;
    if (waiter != nullptr) remove(*waiter);
    return waiter;
  }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

inline Waiter::~Waiter() {
  if (list != nullptr) list->remove(*this);
}
}  // namespace internal

// "Something changed": wait() suspends until the next notify. Wait in a loop that looks again at what it waits for.
class Signal {
 public:
  explicit Signal(Executor& executor) : executor_(executor) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() { DCHECK(waiters_.empty() || executor_.is_crashing()); }

  void notify_all() {
    while (internal::Waiter* waiter = waiters_.pop()) executor_.post(waiter->handle);
  }
  void notify_one() {
    if (internal::Waiter* waiter = waiters_.pop()) executor_.post(waiter->handle);
  }
  bool has_waiters() const { return !waiters_.empty(); }

  struct Awaiter : internal::Waiter {
    explicit Awaiter(Signal& signal) : signal_(signal) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
      handle = waiter;
      signal_.waiters_.push(*this);
    }
    void await_resume() {}
    Signal& signal_;
  };
  Awaiter wait() { return Awaiter(*this); }

 private:
  Executor& executor_;
  internal::WaiterList waiters_;
};

// `count` permits. acquire(n) waits until n are free and nobody is waiting before it.
class Semaphore {
 public:
  Semaphore(Executor& executor, uint64_t count) : executor_(executor), free_(count) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() { DCHECK(waiters_.empty() || executor_.is_crashing()); }

  struct Awaiter : internal::Waiter {
    Awaiter(Semaphore& semaphore, uint64_t wanted) : semaphore_(semaphore), wanted_(wanted) {}
    bool await_ready() { return semaphore_.try_acquire(wanted_); }
    void await_suspend(std::coroutine_handle<> waiter) {
      handle = waiter;
      semaphore_.waiters_.push(*this);
    }
    void await_resume() {}
    Semaphore& semaphore_;
    uint64_t wanted_;
  };
  Awaiter acquire(uint64_t wanted = 1) { return Awaiter(*this, wanted); }
  bool try_acquire(uint64_t wanted = 1) {
    if (!waiters_.empty() || free_ < wanted) return false;
    free_ -= wanted;
    return true;
  }
  void release(uint64_t count = 1) {
    free_ += count;
    while (!waiters_.empty()) {
      auto* waiter = static_cast<Awaiter*>(waiters_.front());
      if (waiter->wanted_ > free_) break;
      waiters_.remove(*waiter);
      free_ -= waiter->wanted_;
      executor_.post(waiter->handle);
    }
  }
  uint64_t free_count() const { return free_; }

 private:
  Executor& executor_;
  uint64_t free_;
  internal::WaiterList waiters_;
};

// A permit that goes back when it is destroyed.
class Permit {
 public:
  Permit() = default;
  Permit(Semaphore& semaphore, uint64_t count) : semaphore_(&semaphore), count_(count) {}
  Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)), count_(other.count_) {}
  Permit& operator=(Permit&& other) noexcept {
    release();
    semaphore_ = std::exchange(other.semaphore_, nullptr);
    count_ = other.count_;
    return *this;
  }
  ~Permit() { release(); }
  void release() {
    if (semaphore_ != nullptr) std::exchange(semaphore_, nullptr)->release(count_);
  }

 private:
  Semaphore* semaphore_ = nullptr;
  uint64_t count_ = 0;
};

// One holder at a time: `const Permit turn = co_await mutex.lock();`
class Mutex {
 public:
  explicit Mutex(Executor& executor) : semaphore_(executor, 1) {}
  Task<Permit> lock() {
    co_await semaphore_.acquire();
    co_return Permit(semaphore_, 1);
  }

 private:
  Semaphore semaphore_;
};

// Bounded queue: push waits while it is full, pop while it is empty. After close(), pushes fail and pops drain.
template <typename T>
class Queue {
 public:
  Queue(Executor& executor, size_t capacity) : changed_(executor), capacity_(capacity) {}

  Task<bool> push(T item) {  // False once closed.
    while (!closed_ && items_.size() >= capacity_) co_await changed_.wait();
    if (closed_) co_return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    co_return true;
  }
  Task<std::optional<T>> pop() {  // Nothing once closed and empty.
    while (!closed_ && items_.empty()) co_await changed_.wait();
    if (items_.empty()) co_return std::optional<T>();
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    changed_.notify_all();
    co_return item;
  }
  void close() {
    closed_ = true;
    changed_.notify_all();
  }
  size_t size() const { return items_.size(); }

 private:
  Signal changed_;
  size_t capacity_;
  bool closed_ = false;
  std::deque<T> items_;
};

}  // namespace aeon
