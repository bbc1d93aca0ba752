// How a target reaches the others of its system, and itself.
//
//   const auto replies = co_await targets.ask_all(request);   // One for each target, in their order.
//   CO_TRY(first_error(replies));
//
// What is asked of the target itself doesn't go through the dispatcher, so it waits for nobody's turn. What many are
// asked alike goes over a tree of them (rpc/collectives.h), where the kind of request allows it.
// Threading: one executor. Tasks must have ended before it goes.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "rpc/at_once.h"
#include "rpc/channel.h"
#include "rpc/collectives.h"
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

// The answers of all that succeeded, as one.
template <typename Reply>
struct Combined {
  std::optional<Reply> reply;  // None if none did.
  Status first_error;
};

class Targets {
 public:
  // `own` outlives it. It is alone until join().
  Targets(Executor& executor, TargetService& own) : executor_(executor), own_(own), channels_(1) {}

  // Channels to all, in their order; none to itself, which is `index`. `collectives`, which have joined, outlive its
  // use.
  void join(uint32_t index, std::vector<std::shared_ptr<rpc::Channel>> channels, rpc::Collectives& collectives) {
    CHECK(index < channels.size());
    index_ = index;
    channels_ = std::move(channels);
    collectives_ = &collectives;
  }

  uint32_t count() const { return static_cast<uint32_t>(channels_.size()); }
  uint32_t index() const { return index_; }
  // Of another target.
  rpc::Channel& channel(uint32_t target) {
    CHECK(target != index_);
    return *channels_[target];
  }

  template <typename Request>
  Task<Result<typename Request::Reply>> ask(Question<Request> question, Duration timeout = kTargetTimeout) {
    if (question.target == index_) co_return co_await ask_itself(std::move(question.request));
    const std::shared_ptr<rpc::Channel> channel = channels_[question.target];
    const rpc::Bulk bulk{.send = question.data, .receive = {}};
    Result<typename Request::Reply> reply = co_await rpc::call(*channel, std::move(question.request), bulk, timeout);
    if (!reply.is_ok()) co_return reply.status().within("target " + std::to_string(question.target));
    co_return reply;
  }
  template <typename Request>
  Task<Result<typename Request::Reply>> ask(uint32_t target, Request request) {
    return ask(Question<Request>{.target = target, .request = std::move(request), .data = {}});
  }

  // At once. Answers are in the order of the questions, each to another target. A target has `timeout` to answer; over
  // a tree `tree_timeout`, and all of them together up to twice that, where one must be gone around.
  template <typename Request>
  Task<std::vector<Result<typename Request::Reply>>> ask_each(std::vector<Question<Request>> questions,
                                                              Duration timeout = kTargetTimeout,
                                                              Duration tree_timeout = kTargetTimeout) {
    if constexpr (wire::is_in_collectives<Request>()) {
      if (are_alike(questions)) return ask_over_tree(std::move(questions), tree_timeout);
    }
    return ask_apart(std::move(questions), timeout);
  }
  template <typename Request>
  Task<std::vector<Result<typename Request::Reply>>> ask_all(Request request) {
    std::vector<uint32_t> all(count());
    std::iota(all.begin(), all.end(), 0);
    return ask_each(same_for(all, request));
  }
  // All but the target itself.
  template <typename Request>
  Task<std::vector<Result<typename Request::Reply>>> ask_others(Request request, Duration timeout = kTargetTimeout) {
    return ask_each(same_for(others(), request), timeout, timeout);
  }
  std::vector<uint32_t> others() const {
    std::vector<uint32_t> others;
    for (uint32_t target = 0; target < count(); ++target) {
      if (target != index_) others.push_back(target);
    }
    return others;
  }

  // The answers of all as one; over a tree that is what comes back from each of its parts.
  template <typename Request>
  Task<Combined<typename Request::Reply>> ask_combined(Request request) {
    using Reply = typename Request::Reply;
    std::vector<rpc::AnswerOf<Reply>> answers;
    if (collectives_ != nullptr && collectives_->is_worth(count() - 1)) {
      std::vector<uint32_t> to = others();
      answers = co_await ask_tree(request, std::move(to), true, kTargetTimeout);
      Result<Reply> own = co_await ask(index_, request);
      answers.emplace_back(std::vector<uint32_t>(1, index_), std::move(own));
    } else {
      std::vector<Result<Reply>> replies = co_await ask_all(request);
      for (Result<Reply>& reply : replies) answers.emplace_back(std::vector<uint32_t>(), std::move(reply));
    }
    Combined<Reply> combined;
    for (rpc::AnswerOf<Reply>& answer : answers) {
      if (!answer.reply.is_ok()) {
        if (combined.first_error.is_ok()) combined.first_error = answer.reply.status();
      } else if (!combined.reply.has_value()) {
        combined.reply = std::move(*answer.reply);
      } else {
        Request::combine(request, *combined.reply, *answer.reply);
      }
    }
    co_return combined;
  }

 private:
  template <typename Request>
  static std::vector<Question<Request>> same_for(const std::vector<uint32_t>& targets, const Request& request) {
    std::vector<Question<Request>> questions(targets.size());
    for (size_t i = 0; i < targets.size(); ++i) {
      questions[i].target = targets[i];
      questions[i].request = request;
    }
    return questions;
  }

  template <typename Request>
  Task<Result<typename Request::Reply>> ask_itself(Request request) {
    if constexpr (requires { own_.answer(std::move(request)); }) {
      co_return co_await own_.answer(std::move(request));
    } else {
      co_return Status(Code::kInvalidArgument, "this isn't asked of the target itself");
    }
  }

  template <typename Request>
  Task<std::vector<Result<typename Request::Reply>>> ask_apart(std::vector<Question<Request>> questions,
                                                               Duration timeout) {
    std::vector<Task<Result<typename Request::Reply>>> asking;
    asking.reserve(questions.size());
    for (Question<Request>& question : questions) asking.push_back(ask(std::move(question), timeout));
    return rpc::at_once(executor_, std::move(asking));
  }

  // Whether enough others are asked the same, without data.
  template <typename Request>
  bool are_alike(const std::vector<Question<Request>>& questions) const {
    const auto is_other = [this](const Question<Request>& question) { return question.target != index_; };
    const auto other_count = static_cast<size_t>(std::ranges::count_if(questions, is_other));
    if (collectives_ == nullptr || !collectives_->is_worth(other_count)) return false;
    std::optional<Bytes> first;
    for (const Question<Request>& question : questions) {
      if (!is_other(question)) continue;
      if (!question.data.empty()) return false;
      wire::Buffer fields;
      wire::encode(question.request, wire::kProtocolVersion, fields);
      if (fields.size() > rpc::kInnerBytesMax) return false;
      if (!first.has_value()) first = fields.to_bytes();
      if (!equal_bytes(fields.view(), *first)) return false;
    }
    return true;
  }

  // Others only. Those that couldn't be asked like that are asked by themselves.
  template <typename Request>
  Task<std::vector<rpc::AnswerOf<typename Request::Reply>>> ask_tree(Request request, std::vector<uint32_t> others,
                                                                     bool is_combined, Duration timeout) {
    using Reply = typename Request::Reply;
    wire::InnerRequest inner = rpc::inner_of(request, wire::kProtocolVersion, is_combined);
    const wire::CollectiveReply reply = co_await collectives_->ask(std::move(inner), others, timeout);
    auto opened = rpc::open_answers<Reply>(reply, wire::kProtocolVersion, count());
    std::vector<rpc::AnswerOf<Reply>> answers;
    std::vector<uint32_t> apart;
    if (!opened.is_ok()) {
      apart = std::move(others);
    } else {
      for (rpc::AnswerOf<Reply>& answer : *opened) {
        if (answer.reply.is_ok()) {
          answers.push_back(std::move(answer));
          continue;
        }
        const Status failed = answer.reply.status();
        for (const uint32_t target : answer.targets) {
          if (rpc::is_for_asking_apart(failed.code())) {
            apart.push_back(target);
          } else {
            answers.emplace_back(std::vector<uint32_t>(1, target), failed.within("target " + std::to_string(target)));
          }
        }
      }
    }
    if (apart.empty()) co_return answers;
    std::vector<Question<Request>> questions = same_for(apart, request);
    std::vector<Result<Reply>> replies = co_await ask_apart(std::move(questions), timeout);
    for (size_t i = 0; i < apart.size(); ++i) {
      answers.emplace_back(std::vector<uint32_t>(1, apart[i]), std::move(replies[i]));
    }
    co_return answers;
  }

  template <typename Request>
  Task<void> ask_itself_into(Request request, Result<typename Request::Reply>* reply) {
    *reply = co_await ask_itself(std::move(request));
  }

  template <typename Request>
  Task<std::vector<Result<typename Request::Reply>>> ask_over_tree(std::vector<Question<Request>> questions,
                                                                   Duration timeout) {
    using Reply = typename Request::Reply;
    std::vector<Result<Reply>> replies;
    std::vector<size_t> place_of(count());  // Of a target among the questions.
    std::vector<uint32_t> others;
    const Request* request = nullptr;
    Gate asking(executor_);
    replies.reserve(questions.size());
    for (size_t i = 0; i < questions.size(); ++i) {
      const uint32_t target = questions[i].target;
      replies.emplace_back(Status(Code::kUnavailable, "target " + std::to_string(target) + " wasn't asked"));
      place_of[target] = i;
      if (target == index_) {
        asking.spawn(ask_itself_into(std::move(questions[i].request), &replies[i]));
      } else {
        others.push_back(target);
        request = &questions[i].request;
      }
    }
    std::ranges::sort(others);
    std::vector<rpc::AnswerOf<Reply>> answers = co_await ask_tree(*request, std::move(others), false, timeout);
    for (const rpc::AnswerOf<Reply>& answer : answers) {
      for (const uint32_t target : answer.targets) replies[place_of[target]] = answer.reply;
    }
    co_await asking.close();
    co_return replies;
  }

  Executor& executor_;
  TargetService& own_;
  uint32_t index_ = 0;
  std::vector<std::shared_ptr<rpc::Channel>> channels_;
  rpc::Collectives* collectives_ = nullptr;
};

}  // namespace aeon::target
