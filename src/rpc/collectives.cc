#include "rpc/collectives.h"

#include <algorithm>

#include "base/mutation.h"
#include "gathered_answers.h"
#include "runtime/gate.h"

namespace aeon::rpc {
namespace {

constexpr Duration kTimeMax = std::chrono::minutes(5);  // Also for who gives none.
constexpr uint32_t kRunningMax = 128;
constexpr uint32_t kArityMin = 2;

Duration time_of(const wire::Header& header) {
  if (header.deadline_ns == 0 || header.deadline_ns > static_cast<uint64_t>(kTimeMax.count())) return kTimeMax;
  return Duration(static_cast<int64_t>(header.deadline_ns));
}

Status check_inner(const wire::InnerRequest& inner, bool is_clients) {
  const std::string name(wire::opcode_name(inner.opcode));
  if (!inner_kind(inner.opcode).is_allowed || (is_clients && inner.opcode >= wire::kTargetOpcodesFrom)) {
    return Status(Code::kInvalidArgument,
                  "requests of kind " + std::to_string(inner.opcode) + " (" + name + ") can't be in a collective");
  }
  if (inner.fields.size() > kInnerBytesMax) {
    return Status(Code::kTooBig, "a request of more than " + std::to_string(kInnerBytesMax) + " bytes in a collective");
  }
  return wire::check_version(inner.version, "collective");
}

class Running {
 public:
  explicit Running(uint32_t& count) : count_(count) { ++count_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { --count_; }

 private:
  uint32_t& count_;
};

Status too_many() { return Status(Code::kBusy, "the target has too many collectives under way"); }

}  // namespace

// A collective as one target of its tree has it.
struct Collectives::Run {
  explicit Run(wire::TargetCollectiveRequest request) : next(std::move(request)), gathered(next.inner) {}

  const wire::TargetCollectiveRequest next;  // For those that are asked, but for its targets.
  GatheredAnswers gathered;
  wire::Header outer;  // What this target does itself was asked for by it.
  bool is_for_itself = false;
  Instant deadline{};
  Duration time_max = Duration::max();  // For each that is asked.
};

// The number of a collective that this target is the root of, until it has ended.
class Collectives::Number {
 public:
  explicit Number(Collectives& collectives)
      : collectives_(collectives), value_(*collectives.begun_.insert(collectives.next_number_()).first) {}
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  ~Number() { collectives_.begun_.erase(value_); }

  void put_into(wire::TargetCollectiveRequest& request) const {
    request.root = collectives_.index_;
    request.number = value_;
    request.ended_below = *collectives_.begun_.begin();
  }

 private:
  Collectives& collectives_;
  const Epoch value_;
};

Collectives::Collectives(Executor& executor, Dispatcher& dispatcher, CollectiveOptions options)
    : executor_(executor), dispatcher_(dispatcher), options_(options) {
  CHECK(options.arity >= kArityMin && options.arity <= kArityMax);
}

Collectives::~Collectives() = default;

void Collectives::join(uint32_t index, std::vector<std::shared_ptr<Channel>> channels,
                       std::function<Epoch()> next_number) {
  CHECK(channels_.empty() && index < channels.size());
  index_ = index;
  channels_ = std::move(channels);
  next_number_ = std::move(next_number);
  ended_below_.resize(channels_.size());
  dispatcher_.serve<wire::CollectiveRequest>(*this, &Collectives::begin);
  dispatcher_.serve<wire::TargetCollectiveRequest>(*this, &Collectives::go_on);
}

// ---- As the root ----------------------------------------------------------------------------------------------------

Task<wire::CollectiveReply> Collectives::ask(wire::InnerRequest inner, std::vector<uint32_t> others, Duration timeout) {
  const Number number(*this);
  wire::TargetCollectiveRequest next;
  next.inner = std::move(inner);
  next.arity = options_.arity;
  number.put_into(next);
  Run run(std::move(next));
  run.deadline = executor_.now() + 2 * timeout;
  run.time_max = timeout;
  co_await ask_all(&run, std::move(others));
  co_return run.gathered.take();
}

Task<Result<wire::CollectiveReply>> Collectives::begin(wire::CollectiveRequest request, ServerCall& call) {
  CO_TRY(check_inner(request.inner, true));
  CO_TRY_ASSIGN(std::vector<uint32_t> others, others_in(request.targets));
  if (running_ >= kRunningMax) co_return too_many();
  const Running running(running_);
  const Number number(*this);
  wire::TargetCollectiveRequest next;
  next.inner = std::move(request.inner);
  next.arity = options_.arity;
  number.put_into(next);
  Run run(std::move(next));
  run.outer = call.header();
  run.is_for_itself = true;
  run.deadline = executor_.now() + time_of(run.outer) * 7 / 8;
  co_await ask_all(&run, std::move(others));
  co_return run.gathered.take();
}

// ---- Within the tree ------------------------------------------------------------------------------------------------

Result<std::vector<uint32_t>> Collectives::others_in(const std::vector<wire::TargetRange>& targets) const {
  TRY_ASSIGN(std::vector<uint32_t> others, targets_in(targets, channels_.size()));
  if (std::erase(others, index_) == 0) {
    return Status(Code::kInvalidArgument,
                  "target " + std::to_string(index_) + " isn't one of those that the collective sent to it is for");
  }
  return others;
}

// kCanceled if the root has gone on, or may have before this target started.
Status Collectives::note_number(const wire::TargetCollectiveRequest& request) {
  if (request.root >= channels_.size() || request.root == index_ || request.ended_below > request.number) {
    return Status(Code::kInvalidArgument, "a collective has a number that can't be");
  }
  // One from beyond all clocks would keep its root from being heard until then.
  Epoch& ended_below = ended_below_[request.root];
  if (request.ended_below > ended_below && request.ended_below <= next_number_()) ended_below = request.ended_below;
  if (request.number < ended_below || request.number <= refused_through_) {
    return Status(Code::kCanceled, "the collective came too late: others may have followed it already");
  }
  return ok();
}

Task<Result<wire::CollectiveReply>> Collectives::go_on(wire::TargetCollectiveRequest request, ServerCall& call) {
  CO_TRY(note_number(request));
  CO_TRY(check_inner(request.inner, false));
  if (request.arity < kArityMin || request.arity > kArityMax) {
    co_return Status(Code::kInvalidArgument, "a collective's tree can't have that arity");
  }
  CO_TRY_ASSIGN(std::vector<uint32_t> others, others_in(request.targets));
  if (running_ >= kRunningMax) co_return too_many();
  const Running running(running_);
  request.targets.clear();
  Run run(std::move(request));
  run.outer = call.header();
  run.is_for_itself = true;
  // Whoever asked must have the answer before it takes this target for gone.
  run.deadline = executor_.now() + time_of(run.outer) * 7 / 8;
  co_await ask_all(&run, std::move(others));
  co_return run.gathered.take();
}

Task<void> Collectives::ask_all(Run* run, std::vector<uint32_t> others) {
  Gate asking(executor_);
  if (!others.empty()) asking.spawn(ask_slices(run, std::move(others)));
  if (run->is_for_itself) co_await ask_itself(run);
  co_await asking.close();
}

Task<void> Collectives::ask_slices(Run* run, std::vector<uint32_t> targets) {
  Gate asking(executor_);
  const size_t count = std::min<size_t>(run->next.arity, targets.size());
  for (size_t i = 0; i < count; ++i) {
    const auto begin = targets.begin() + static_cast<ptrdiff_t>(targets.size() * i / count);
    const auto end = targets.begin() + static_cast<ptrdiff_t>(targets.size() * (i + 1) / count);
    asking.spawn(ask_slice(run, std::vector<uint32_t>(begin, end)));
  }
  co_await asking.close();
}

// The first of them, which asks the others; or, if it is gone, those without it.
Task<void> Collectives::ask_slice(Run* run, std::vector<uint32_t> slice) {
  const Duration left = run->deadline - executor_.now();
  if (left <= Duration::zero()) {
    run->gathered.add_failure(slice, Status(Code::kTimedOut, "the deadline passed before it was asked"));
    co_return;
  }
  const uint32_t first = slice.front();
  wire::TargetCollectiveRequest request = run->next;
  request.targets = ranges_of(slice);
  // If it is gone, as much time is left for those behind it.
  const Duration time = std::min(slice.size() == 1 ? left : left / 2, run->time_max);
  const std::shared_ptr<Channel> channel = channels_[first];
  Result<wire::CollectiveReply> reply = co_await call(*channel, std::move(request), Bulk(), time, run->outer.trace_id);
  Status taken = reply.status();
  if (taken.is_ok()) taken = run->gathered.add_all(std::move(*reply), slice, channels_.size());
  if (taken.is_ok()) co_return;
  run->gathered.add_failure(std::span(&first, 1), taken);
  slice.erase(slice.begin());
  if (slice.empty()) co_return;
  if (MUTATION("targets_behind_a_dead_one_not_asked", false, true)) {
    run->gathered.add_failure(slice, taken);
    co_return;
  }
  co_await ask_slices(run, std::move(slice));
}

Task<void> Collectives::ask_itself(Run* run) {
  const wire::InnerRequest& inner = run->next.inner;
  wire::Header header;
  header.version = inner.version;
  header.opcode = inner.opcode;
  header.flags = wire::kFlagMayRepeat;
  header.clock = run->outer.clock;
  header.client_id = run->outer.client_id;
  header.server_life = dispatcher_.life();
  header.request_id = run->outer.request_id;
  header.deadline_ns = run->outer.deadline_ns;
  header.trace_id = run->outer.trace_id;
  wire::Buffer message, reply;
  wire::begin_message(message);
  message.append(inner.fields);
  wire::seal_message(header, message);
  ServerCall inner_call(message.view(), {}, {}, reply);
  co_await dispatcher_.handle_within(inner_call);

  wire::Decoder answer(reply.view().subspan(wire::kHeaderSize), inner.version);
  Code code = Code::kOk;
  std::string text;
  answer(code, text);
  run->gathered.add(std::span(&index_, 1), code, std::move(text), to_bytes(answer.rest()));
}

// ---- Sets of targets ------------------------------------------------------------------------------------------------

std::vector<wire::TargetRange> ranges_of(std::span<const uint32_t> targets) {
  std::vector<wire::TargetRange> ranges;
  for (const uint32_t target : targets) {
    if (!ranges.empty() && ranges.back().first + ranges.back().count == target) {
      ++ranges.back().count;
    } else {
      ranges.push_back({.first = target, .count = 1});
    }
  }
  return ranges;
}

Result<std::vector<uint32_t>> targets_in(std::span<const wire::TargetRange> ranges, size_t target_count) {
  std::vector<uint32_t> targets;
  uint64_t begin_min = 0;  // Ranges that touch are one.
  for (const wire::TargetRange& range : ranges) {
    const uint64_t end = uint64_t{range.first} + range.count;
    if (range.count == 0 || range.first < begin_min || end > target_count) {
      return Status(Code::kInvalidArgument, "a set of targets isn't one, or has some that this system hasn't");
    }
    for (uint64_t target = range.first; target < end; ++target) targets.push_back(static_cast<uint32_t>(target));
    begin_min = end + 1;
  }
  return targets;
}

}  // namespace aeon::rpc
