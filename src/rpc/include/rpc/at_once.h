// Several tasks at once, each with an answer.
//
//   std::vector<Task<Result<wire::EpochReply>>> asking;
//   for (Channel* channel : channels) asking.push_back(call(*channel, request));
//   const std::vector<Result<wire::EpochReply>> replies = co_await at_once(executor, std::move(asking));
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "runtime/gate.h"

namespace aeon::rpc {

namespace internal {

template <typename T>
Task<void> run_into(Task<T> task, std::optional<T>* result) {
  T ended = co_await task;
  result->emplace(std::move(ended));
}

}  // namespace internal

// The answers in the order of the tasks, when all of them have ended.
template <typename T>
Task<std::vector<T>> at_once(Executor& executor, std::vector<Task<T>> tasks) {
  std::vector<T> results;
  results.reserve(tasks.size());
  if (tasks.size() == 1) {
    T only = co_await tasks.front();
    results.push_back(std::move(only));
    co_return results;
  }
  std::vector<std::optional<T>> ended(tasks.size());
  Gate running(executor);
  for (size_t i = 0; i < tasks.size(); ++i) running.spawn(internal::run_into(std::move(tasks[i]), &ended[i]));
  co_await running.close();
  for (std::optional<T>& result : ended) results.push_back(std::move(*result));
  co_return results;
}

}  // namespace aeon::rpc
