// One request to many targets, over a tree: a target asks a few others, those ask their share of the rest, and the
// answers come back joined. So nobody sends more than `arity` messages, and none has more answers to take.
//
//   Collectives collectives(executor, dispatcher, {.arity = 8});
//   collectives.join(index, channels);
//   const wire::CollectiveReply reply = co_await collectives.ask(inner_of(request, version), targets, timeout);
//
// Each target does the inner request by its own dispatcher, as if it had come by itself. What may be in one says so
// (wire/collective_messages.h); all of it may be repeated. Where a target of the tree can't be reached, or doesn't
// answer, whoever asked it asks the targets behind it without it: so its own answer is all that is lost.
//
// Promises: every target of the set has one answer in the reply. A target does the inner request at most once for each
// that asks it, and nothing of a collective whose root has gone on to another since (`ended_below`): a request that was
// given up can't undo later what came after it. It ends with its deadline, but for inner requests of its own that
// don't. What it holds is bounded: kInnerBytesMax of a request, kAnswerBytesMax of answers, kRunningMax at a time.
// Threading: one executor.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "rpc/channel.h"
#include "rpc/dispatcher.h"

namespace aeon::rpc {

inline constexpr size_t kInnerBytesMax = 64 * kKiB;
inline constexpr size_t kAnswerBytesMax = 8 * kMiB;  // Answers that don't fit are kTooBig: ask for those apart.
inline constexpr uint32_t kArityMax = 64;

struct CollectiveOptions {
  uint32_t arity = 8;  // 2 to kArityMax.
  uint32_t flat_max = 16;  // So many others and fewer are better asked one by one.
};
// On one reactor nothing is gained by asking others to ask.
inline constexpr CollectiveOptions kNoCollectives{.arity = 8, .flat_max = ~uint32_t{0}};

class Collectives {
 public:
  // `dispatcher` serves the inner requests, and outlives it.
  Collectives(Executor& executor, Dispatcher& dispatcher, CollectiveOptions options);
  ~Collectives();
  Collectives(const Collectives&) = delete;
  Collectives& operator=(const Collectives&) = delete;

  // Channels to all targets, in their order; none to itself, which is `index`. From now on its dispatcher serves
  // collectives. `next_number` never gives one twice, nor one that is lower than before, also after a restart.
  void join(uint32_t index, std::vector<std::shared_ptr<Channel>> channels, std::function<Epoch()> next_number);
  // Numbers up to this may be of collectives that an earlier life of this target has heard of: they are refused.
  void refuse_through(Epoch number) { refused_through_ = number; }

  // Whether so many others are better asked so.
  bool is_worth(size_t other_count) const { return other_count > options_.flat_max; }
  // For wire::HelloReply.
  uint32_t worth_from() const { return options_.flat_max == ~uint32_t{0} ? 0 : options_.flat_max + 1; }

  // As its root. `others` are ascending, and this one isn't among them. A target has `timeout` to answer; where one
  // must be gone around it takes up to twice that.
  Task<wire::CollectiveReply> ask(wire::InnerRequest inner, std::vector<uint32_t> others, Duration timeout);

 private:
  struct Run;
  class Number;

  Task<Result<wire::CollectiveReply>> begin(wire::CollectiveRequest request, ServerCall& call);
  Task<Result<wire::CollectiveReply>> go_on(wire::TargetCollectiveRequest request, ServerCall& call);
  Result<std::vector<uint32_t>> others_in(const std::vector<wire::TargetRange>& targets) const;
  Status note_number(const wire::TargetCollectiveRequest& request);
  Task<void> ask_all(Run* run, std::vector<uint32_t> others);
  Task<void> ask_slices(Run* run, std::vector<uint32_t> targets);
  Task<void> ask_slice(Run* run, std::vector<uint32_t> slice);
  Task<void> ask_itself(Run* run);

  Executor& executor_;
  Dispatcher& dispatcher_;
  const CollectiveOptions options_;
  uint32_t index_ = 0;
  std::vector<std::shared_ptr<Channel>> channels_;
  std::function<Epoch()> next_number_;
  std::set<Epoch> begun_;  // Numbers of those that this target is the root of, and that haven't ended.
  std::vector<Epoch> ended_below_;  // By root.
  Epoch refused_through_;
  uint32_t running_ = 0;  // For others.
};

// ---- Sets of targets ------------------------------------------------------------------------------------------------

// Of targets that ascend.
std::vector<wire::TargetRange> ranges_of(std::span<const uint32_t> targets);
// kInvalidArgument unless they are in the one form that a set has, and below `target_count`.
Result<std::vector<uint32_t>> targets_in(std::span<const wire::TargetRange> ranges, size_t target_count);

// ---- What is asked and answered, with its type ----------------------------------------------------------------------

template <typename Request>
wire::InnerRequest inner_of(const Request& request, uint16_t version, bool is_combined = false) {
  static_assert(wire::is_in_collectives<Request>());
  wire::Buffer fields;
  wire::encode(request, version, fields);
  wire::InnerRequest inner;
  inner.opcode = static_cast<uint16_t>(Request::kOpcode);
  inner.version = version;
  inner.fields = fields.to_bytes();
  inner.is_combined = is_combined;
  return inner;
}

// One answer, of one target or, where they answered alike or are combined, of several.
template <typename Reply>
struct AnswerOf {
  AnswerOf(std::vector<uint32_t> whose, Result<Reply> answer) : targets(std::move(whose)), reply(std::move(answer)) {}
  std::vector<uint32_t> targets;
  Result<Reply> reply;
};

// kCorrupt if it isn't what was asked for.
template <typename Reply>
Result<std::vector<AnswerOf<Reply>>> open_answers(const wire::CollectiveReply& reply, uint16_t version,
                                                  size_t target_count) {
  std::vector<AnswerOf<Reply>> opened;
  for (const wire::InnerAnswer& answer : reply.answers) {
    Result<std::vector<uint32_t>> targets = targets_in(answer.targets, target_count);
    if (!targets.is_ok()) return Status(Code::kCorrupt, "a collective's answer is of targets that can't be");
    Reply fields;
    if (answer.code == Code::kOk) {
      const Status decoded = wire::decode(answer.fields, version, fields);
      if (!decoded.is_ok()) return Status(Code::kCorrupt, std::string(decoded.message())).within("answer");
      opened.emplace_back(std::move(*targets), std::move(fields));
    } else {
      opened.emplace_back(std::move(*targets), Status(answer.code, answer.message));
    }
  }
  return opened;
}

// It wasn't done, and asking the target by itself may help.
inline bool is_for_asking_apart(Code code) {
  return code == Code::kBusy || code == Code::kTooBig || code == Code::kCanceled || code == Code::kProtocolMismatch;
}

}  // namespace aeon::rpc
