// The same request of a handle to several targets.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "handles.h"
#include "rpc/at_once.h"
#include "rpc/collectives.h"

namespace aeon::client {

// How long one target may take for all of them before they are asked one by one.
inline constexpr Duration kCollectiveTimeout = std::chrono::seconds(15);

// One request to each, at once; the answers in the order of the targets.
template <typename Request>
Task<std::vector<Result<typename Request::Reply>>> ask_each(std::shared_ptr<ContainerHandle> self,
                                                            std::vector<uint32_t> targets, Request request) {
  std::vector<Task<Result<typename Request::Reply>>> asking;
  asking.reserve(targets.size());
  for (const uint32_t target : targets) asking.push_back(ask_at(self, target, request));
  return rpc::at_once(self->executor(), std::move(asking));
}

// Whether it is the target's answer, and not that it couldn't be asked this way, or has to be asked again.
inline bool is_final(Code code) {
  switch (code) {
    case Code::kUnavailable:
    case Code::kTimedOut:
    case Code::kInProgress:
    case Code::kStaleHandle: return false;
    default: return !rpc::is_for_asking_apart(code);
  }
}

// By one request to one of the targets, which sees to the others. `targets` are left with those that must be asked one
// by one.
template <typename Request>
Task<std::vector<rpc::AnswerOf<typename Request::Reply>>> ask_collectively(std::shared_ptr<ContainerHandle> self,
                                                                           std::vector<uint32_t>* targets,
                                                                           Request request) {
  using Reply = typename Request::Reply;
  request.handle = self->handle().number();
  // Not always the same one: handles are random.
  rpc::Channel& channel = self->channel((*targets)[request.handle % targets->size()]);
  std::ranges::sort(*targets);
  wire::CollectiveRequest collective;
  collective.targets = rpc::ranges_of(*targets);
  collective.inner = rpc::inner_of(request, channel.version(), wire::is_combinable<Request>());
  const Result<wire::CollectiveReply> reply =
      co_await rpc::call(channel, std::move(collective), rpc::Bulk(), kCollectiveTimeout);
  std::vector<rpc::AnswerOf<Reply>> answers;
  if (!reply.is_ok()) co_return answers;
  auto opened = rpc::open_answers<Reply>(*reply, channel.version(), self->target_count());
  if (!opened.is_ok()) co_return answers;
  for (rpc::AnswerOf<Reply>& answer : *opened) {
    if (!is_final(answer.reply.code())) continue;
    // What is answered for others, or once more, isn't an answer.
    if (!std::ranges::includes(*targets, answer.targets)) continue;
    std::erase_if(*targets, [&answer](uint32_t target) { return std::ranges::binary_search(answer.targets, target); });
    answers.push_back(std::move(answer));
  }
  co_return answers;
}

// What each of them answered, or, if the kind of request says how, several of them together.
template <typename Request>
Task<std::vector<rpc::AnswerOf<typename Request::Reply>>> ask_many(std::shared_ptr<ContainerHandle> self,
                                                                   std::vector<uint32_t> targets, Request request) {
  using Reply = typename Request::Reply;
  std::vector<rpc::AnswerOf<Reply>> answers;
  if (self->asks_collectively(targets.size())) answers = co_await ask_collectively(self, &targets, request);
  if (targets.empty()) co_return answers;
  std::vector<Result<Reply>> replies = co_await ask_each(self, targets, request);
  for (size_t i = 0; i < targets.size(); ++i) {
    answers.emplace_back(std::vector<uint32_t>(1, targets[i]), std::move(replies[i]));
  }
  co_return answers;
}

}  // namespace aeon::client
