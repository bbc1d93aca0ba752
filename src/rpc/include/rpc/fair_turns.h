// Permits that are handed out fairly: those who wait stand in a line each (a client's requests in one), and the lines
// take turns, however long they are. Within a line, first come, first served. While nobody waits it is a counter.
//
//   FairTurns::Turn turn;
//   if (!turn.try_take(turns) && co_await turns.wait(client)) turn.take(turns);
//
// Threading: one executor. Waiters are resumed from its loop.
#pragma once

#include <coroutine>
#include <list>
#include <unordered_map>
#include <utility>

#include "runtime/executor.h"

namespace aeon::rpc {

class FairTurns {
  struct Line;
  using Lines = std::list<Line>;

 public:
  FairTurns(Executor& executor, uint32_t count) : executor_(executor), free_(count) {}
  FairTurns(const FairTurns&) = delete;
  FairTurns& operator=(const FairTurns&) = delete;
  // Waiters that are left belong to a crashed process, and may outlive this.
  ~FairTurns() {
    DCHECK(waiting_ == 0 || executor_.is_crashing());
    for (Line& line : lines_) {
      for (Waiter* waiter : line.waiters) waiter->turns_ = nullptr;
    }
  }

  // co_await: true with a permit, false if it was put out.
  class Waiter {
   public:
    Waiter(FairTurns& turns, uint64_t line) : wanted_(turns), line_id_(line) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() {
      if (turns_ != nullptr) turns_->remove(*this);
    }
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      handle_ = handle;
      wanted_.add(*this);
    }
    bool await_resume() const { return !was_put_out_; }

   private:
    friend class FairTurns;
    FairTurns& wanted_;
    const uint64_t line_id_;
    FairTurns* turns_ = nullptr;  // While it waits.
    Lines::iterator line_;
    std::list<Waiter*>::iterator place_;
    std::coroutine_handle<> handle_;
    bool was_put_out_ = false;
  };

  // A permit that goes back when it is destroyed.
  class Turn {
   public:
    Turn() = default;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->release();
    }
    explicit operator bool() const { return turns_ != nullptr; }
    bool try_take(FairTurns& turns) {
      if (!turns.try_acquire()) return false;
      turns_ = &turns;
      return true;
    }
    // After wait() has given a permit.
    void take(FairTurns& turns) { turns_ = &turns; }

   private:
    FairTurns* turns_ = nullptr;
  };

  // At the end of the line with that number.
  Waiter wait(uint64_t line) { return Waiter(*this, line); }
  uint32_t waiting() const { return waiting_; }

  // Ends the newest wait of the longest line, if `line` is so much shorter that it stays the shorter one with one more.
  bool put_out_for(uint64_t line) {
    const auto own = by_id_.find(line);
    const size_t own_size = own == by_id_.end() ? 0 : own->second->waiters.size();
    auto longest = lines_.end();
    for (auto each = lines_.begin(); each != lines_.end(); ++each) {
      if (longest == lines_.end() || each->waiters.size() > longest->waiters.size()) longest = each;
    }
    if (longest == lines_.end() || own_size + 1 >= longest->waiters.size()) return false;
    Waiter& last = *longest->waiters.back();
    last.was_put_out_ = true;
    remove(last);
    executor_.post(last.handle_);
    return true;
  }

 private:
  struct Line {
    explicit Line(uint64_t number) : id(number) {}
    uint64_t id;
    std::list<Waiter*> waiters;
  };

  bool try_acquire() {
    if (free_ == 0 || waiting_ != 0) return false;
    --free_;
    return true;
  }
  void release() {
    if (waiting_ == 0) {
      ++free_;
      return;
    }
    lines_.splice(lines_.end(), lines_, lines_.begin());
    Waiter& next = *lines_.back().waiters.front();
    remove(next);
    executor_.post(next.handle_);
  }
  void add(Waiter& waiter) {
    auto& line = by_id_.try_emplace(waiter.line_id_, lines_.end()).first->second;
    if (line == lines_.end()) line = lines_.emplace(lines_.end(), waiter.line_id_);
    waiter.turns_ = this;
    waiter.line_ = line;
    waiter.place_ = line->waiters.insert(line->waiters.end(), &waiter);
    ++waiting_;
  }
  void remove(Waiter& waiter) {
    waiter.turns_ = nullptr;
    --waiting_;
    waiter.line_->waiters.erase(waiter.place_);
    if (!waiter.line_->waiters.empty()) return;
    by_id_.erase(waiter.line_->id);
    lines_.erase(waiter.line_);
  }

  Executor& executor_;
  uint32_t free_;
  uint32_t waiting_ = 0;
  Lines lines_;  // In the order of their turns; none is empty.
  std::unordered_map<uint64_t, Lines::iterator> by_id_;
};

}  // namespace aeon::rpc
