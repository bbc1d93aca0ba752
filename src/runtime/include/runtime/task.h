// Task<T>: a lazily started coroutine with one awaiting parent.
//
// A child starts by a nested resume from the parent's co_await. If it finishes at once, the parent never
// suspends; only a child that outlives that resume continues its parent by symmetric transfer. So a loop of
// children that finish at once keeps a flat stack at every optimisation level and under sanitizers, where plain
// symmetric transfer overflows it (docs/design/coroutines.md).
//
// A Task runs on the executor that first resumes it and never moves by itself. Destroying a suspended Task is a
// bug unless nothing refers to its frame: an operation in flight must have ended first, so owners join what they
// start (runtime/gate.h).
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "runtime/frame_pool.h"

namespace aeon {

template <typename T>
class Task;

namespace internal {

class PromiseBase {
 public:
  static void* operator new(size_t size) { return FramePool::allocate(size); }
  static void operator delete(void* frame, size_t size) { FramePool::release(frame, size); }

  std::suspend_always initial_suspend() noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) noexcept {
      PromiseBase& promise = finished.promise();
      return promise.parent_suspended_ ? promise.parent_ : std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  // Exceptions don't cross a module; one that reaches here is a bug (or memory ran out).
  void unhandled_exception() noexcept { std::terminate(); }

  std::coroutine_handle<> parent_;
  bool parent_suspended_ = false;
};

template <typename T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <typename U>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    CHECK(value_.has_value());
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void take() noexcept {}
};

}  // namespace internal

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // Awaiting starts the task; await it once.
  auto operator co_await() noexcept {
    struct Awaiter {
      Handle child;
      bool await_ready() noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> parent) {
        auto& promise = child.promise();
        promise.parent_ = parent;
        child.resume();
        if (child.done()) return false;
        promise.parent_suspended_ = true;
        return true;
      }
      T await_resume() { return child.promise().take(); }
    };
    return Awaiter{handle_};
  }

  // For executors and tests: start without a parent, ask, and take the value.
  void start() { handle_.resume(); }
  bool done() const { return handle_.done(); }
  T take() { return handle_.promise().take(); }
  std::coroutine_handle<> handle() const { return handle_; }
  explicit operator bool() const { return static_cast<bool>(handle_); }

 private:
  Handle handle_;
};

namespace internal {
template <typename T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace internal

}  // namespace aeon
