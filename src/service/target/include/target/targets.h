// How a target reaches the others of its system, and itself.
//
//   const auto replies = co_await targets.ask_all(request);   // One for each target, in their order.
//   CO_TRY(first_error(replies));
//
// What is asked of the target itself doesn't go through the dispatcher, so it waits for nobody's turn.
// Threading: one executor. Tasks must have ended before it goes.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "rpc/channel.h"
#include "runtime/gate.h"
#include "target/target_service.h"

namespace aeon::target {

inline constexpr Duration kTargetTimeout = std::chrono::seconds(20);

template <typename T>
Status first_error(const std::vector<Result<T>>& results) {
  for (const Result<T>& result : results) {
    if (!result.is_ok()) return result.status();
  }
  return ok();
}

template <typename Request>
struct Question {
  uint32_t target = 0;
  Request request;
  std::vector<ByteView> data;  // Sent along; stays until it is answered. Not to the target itself.
};

class Targets {
 public:
  // `own` outlives it. It is alone until join().
  Targets(Executor& executor, TargetService& own) : executor_(executor), own_(own), channels_(1) {}

  // Channels to all, in their order; none to itself, which is `index`.
  void join(uint32_t index, std::vector<std::shared_ptr<rpc::Channel>> channels) {
    CHECK(index < channels.size());
    index_ = index;
    channels_ = std::move(channels);
  }

  uint32_t count() const { return static_cast<uint32_t>(channels_.size()); }
  uint32_t index() const { return index_; }
  // Of another target.
  rpc::Channel& channel(uint32_t target) {
    CHECK(target != index_);
    return *channels_[target];
  }

  template <typename Request>
  Task<Result<typename Request::Reply>> ask(Question<Request> question) {
    if (question.target == index_) co_return co_await own_.answer(std::move(question.request));
    const std::shared_ptr<rpc::Channel> channel = channels_[question.target];
    const rpc::Bulk bulk{.send = question.data, .receive = {}};
    Result<typename Request::Reply> reply =
        co_await rpc::call(*channel, std::move(question.request), bulk, kTargetTimeout);
    if (!reply.is_ok()) co_return reply.status().within("target " + std::to_string(question.target));
    co_return reply;
  }
  template <typename Request>
  Task<Result<typename Request::Reply>> ask(uint32_t target, Request request) {
    return ask(Question<Request>{.target = target, .request = std::move(request), .data = {}});
  }

  // At once. Answers are in the order of the questions.
  template <typename Request>
  Task<std::vector<Result<typename Request::Reply>>> ask_each(std::vector<Question<Request>> questions) {
    using Reply = typename Request::Reply;
    std::vector<Result<Reply>> replies;
    replies.reserve(questions.size());
    for (size_t i = 0; i < questions.size(); ++i) {
      replies.emplace_back(Status(Code::kUnavailable, "the target is stopping"));
    }
    if (questions.size() == 1) {
      replies[0] = co_await ask(std::move(questions[0]));
      co_return replies;
    }
    Gate asking(executor_);
    for (size_t i = 0; i < questions.size(); ++i) {
      asking.spawn(ask_into(std::move(questions[i]), &replies[i]));
    }
    co_await asking.close();
    co_return replies;
  }
  template <typename Request>
  Task<std::vector<Result<typename Request::Reply>>> ask_all(Request request) {
    std::vector<Question<Request>> questions(count());
    for (uint32_t target = 0; target < count(); ++target) {
      questions[target].target = target;
      questions[target].request = request;
    }
    return ask_each(std::move(questions));
  }

 private:
  template <typename Request>
  Task<void> ask_into(Question<Request> question, Result<typename Request::Reply>* reply) {
    *reply = co_await ask(std::move(question));
  }

  Executor& executor_;
  TargetService& own_;
  uint32_t index_ = 0;
  std::vector<std::shared_ptr<rpc::Channel>> channels_;
};

}  // namespace aeon::target
