// Work on another reactor, from one that goes on meanwhile.
//
//   const Status stopped = co_await run_on(there, here, stop());   // `here` is where this runs.
//
// Both outlive the task.
#pragma once

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "runtime/reactor.h"
#include "runtime/sync.h"

namespace aeon {

namespace internal {

template <typename T>
struct Elsewhere {
  explicit Elsewhere(Reactor& asker) : here(asker), ended(asker) {}
  Reactor& here;
  Signal ended;  // The rest of it is here's too, but that `value` is set there before.
  bool is_ended = false;
  std::optional<T> value;
};

template <typename T>
Task<void> tell_ended(std::shared_ptr<Elsewhere<T>> elsewhere) {
  elsewhere->is_ended = true;
  elsewhere->ended.notify_all();
  co_return;
}

template <typename T>
Task<void> run_elsewhere(std::shared_ptr<Elsewhere<T>> elsewhere, Task<T> work) {
  elsewhere->value.emplace(co_await work);
  Reactor& here = elsewhere->here;
  here.submit(tell_ended(std::move(elsewhere)));
}

}  // namespace internal

template <typename T>
Task<T> run_on(Reactor& there, Reactor& here, Task<T> work) {
  const auto elsewhere = std::make_shared<internal::Elsewhere<T>>(here);
  there.submit(internal::run_elsewhere(elsewhere, std::move(work)));
  while (!elsewhere->is_ended) co_await elsewhere->ended.wait();
  co_return std::move(*elsewhere->value);
}

// A thread that runs a reactor, so that whoever needs it run needn't.
class ReactorThread {
 public:
  explicit ReactorThread(Reactor& reactor);
  // Blocking. What isn't done by then is done by whoever runs the reactor next.
  ~ReactorThread();
  ReactorThread(const ReactorThread&) = delete;
  ReactorThread& operator=(const ReactorThread&) = delete;

 private:
  Task<void> wait();
  Task<void> stop();

  Reactor& reactor_;
  Signal changed_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace aeon
