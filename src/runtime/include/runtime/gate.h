// Owns background work and requests in progress: stop() closes the gate and waits until the last one has left.
//
//   gate.spawn(work());                   // kCanceled-style: dropped unstarted if already closed
//   Gate::Pass pass = gate.enter();       // a request; !pass when closing
//   co_await gate.close();
#pragma once

#include "runtime/executor.h"
#include "runtime/sync.h"

namespace aeon {

class Gate {
 public:
  explicit Gate(Executor& executor) : executor_(executor), left_(executor) {}
  ~Gate() { DCHECK(inside_ == 0 || executor_.is_crashing()); }

  class Pass {
   public:
    Pass() = default;
    explicit Pass(Gate& gate) : gate_(&gate) { ++gate.inside_; }
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      leave();
      gate_ = std::exchange(other.gate_, nullptr);
      return *this;
    }
    ~Pass() { leave(); }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    void leave() {
      if (gate_ == nullptr) return;
      Gate* gate = std::exchange(gate_, nullptr);
      if (--gate->inside_ == 0) gate->left_.notify_all();
    }
    Gate* gate_ = nullptr;
  };

  Pass enter() { return closed_ ? Pass() : Pass(*this); }
  bool is_closing() const { return closed_; }
  size_t inside() const { return inside_; }

  // Starts `work` if the gate is open. Work that may run long looks at is_closing().
  void spawn(Task<void> work) {
    Pass pass = enter();
    if (pass) executor_.spawn(run_inside(std::move(pass), std::move(work)));
  }

  Task<void> close() {
    closed_ = true;
    while (inside_ != 0) co_await left_.wait();
  }

 private:
  static Task<void> run_inside(Pass pass, Task<void> work) {
    co_await work;
    static_cast<void>(pass);
  }

  Executor& executor_;
  Signal left_;
  size_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace aeon
