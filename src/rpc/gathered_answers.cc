#include "gathered_answers.h"

#include <algorithm>
#include <array>

#include "rpc/collectives.h"

namespace aeon::rpc {
namespace {

constexpr size_t kMessageMax = 512;
constexpr size_t kComparedMax = 16;  // With how many an answer is compared: as a rule there are few different ones.

template <typename Request>
Status combine_encoded(ByteView asked_bytes, uint16_t version, Bytes& all_bytes, ByteView one_bytes) {
  Request asked;
  typename Request::Reply all, one;
  TRY(wire::decode(asked_bytes, version, asked));
  TRY(wire::decode(all_bytes, version, all));
  TRY(wire::decode(one_bytes, version, one));
  Request::combine(asked, all, one);
  wire::Buffer combined;
  wire::encode(all, version, combined);
  all_bytes = combined.to_bytes();
  return ok();
}

using Kinds = std::array<InnerKind, wire::kOpcodeMax + 1>;
Kinds make_kinds() {
  Kinds kinds;
  wire::for_each_request([&kinds]<typename Request>() {
    InnerKind& kind = kinds[static_cast<size_t>(Request::kOpcode)];
    kind.is_allowed = wire::is_in_collectives<Request>();
    if constexpr (wire::is_combinable<Request>()) kind.combine = &combine_encoded<Request>;
  });
  return kinds;
}

}  // namespace

const InnerKind& inner_kind(uint16_t opcode) {
  static const Kinds kinds = make_kinds();
  static constexpr InnerKind kNone{};
  return opcode < kinds.size() ? kinds[opcode] : kNone;
}

// The one that those which succeeded are in.
GatheredAnswers::Answer* GatheredAnswers::combined() {
  const auto found = std::ranges::find(answers_, Code::kOk, &Answer::code);
  return found == answers_.end() ? nullptr : &*found;
}

void GatheredAnswers::add(std::span<const uint32_t> targets, Code code, std::string message, Bytes fields) {
  if (message.size() > kMessageMax) message.resize(kMessageMax);
  const InnerKind& kind = inner_kind(inner_.opcode);
  if (code == Code::kOk && inner_.is_combined && kind.combine != nullptr) {
    if (Answer* const all = combined(); all != nullptr) {
      const Status done = kind.combine(inner_.fields, inner_.version, all->fields, fields);
      if (!done.is_ok()) return add(targets, Code::kCorrupt, std::string(done.message()), Bytes());
      all->targets.insert(all->targets.end(), targets.begin(), targets.end());
      return;
    }
  }
  for (size_t i = 0; i < std::min(answers_.size(), kComparedMax); ++i) {
    Answer& known = answers_[i];
    if (known.code != code || known.message != message || known.fields != fields) continue;
    known.targets.insert(known.targets.end(), targets.begin(), targets.end());
    return;
  }
  if (!fields.empty() && size_bytes_ + fields.size() > kAnswerBytesMax) {
    return add(targets, Code::kTooBig, "the answers of all targets are too big together; ask for this one apart",
               Bytes());
  }
  size_bytes_ += fields.size();
  Answer& answer = answers_.emplace_back();
  answer.targets.assign(targets.begin(), targets.end());
  answer.code = code;
  answer.message = std::move(message);
  answer.fields = std::move(fields);
}

Status GatheredAnswers::add_all(wire::CollectiveReply reply, std::span<const uint32_t> expected, size_t target_count) {
  std::vector<std::vector<uint32_t>> targets;
  std::vector<uint32_t> all;
  for (const wire::InnerAnswer& answer : reply.answers) {
    // Not more than were asked, whatever it says, before that is compared.
    if (all.size() > expected.size()) break;
    Result<std::vector<uint32_t>> of_one = targets_in(answer.targets, target_count);
    if (!of_one.is_ok()) return Status(Code::kCorrupt, std::string(of_one.status().message())).within("answer");
    all.insert(all.end(), of_one->begin(), of_one->end());
    targets.push_back(std::move(*of_one));
  }
  std::ranges::sort(all);
  if (!std::ranges::equal(all, expected)) {
    return Status(Code::kCorrupt, "the answers aren't of the targets that were asked");
  }
  for (size_t i = 0; i < targets.size(); ++i) {
    wire::InnerAnswer& answer = reply.answers[i];
    add(targets[i], answer.code, std::move(answer.message), std::move(answer.fields));
  }
  return ok();
}

wire::CollectiveReply GatheredAnswers::take() {
  wire::CollectiveReply reply;
  reply.answers.reserve(answers_.size());
  for (Answer& answer : answers_) {
    std::ranges::sort(answer.targets);
    wire::InnerAnswer& given = reply.answers.emplace_back();
    given.targets = ranges_of(answer.targets);
    given.code = answer.code;
    given.message = std::move(answer.message);
    given.fields = std::move(answer.fields);
  }
  answers_.clear();
  return reply;
}

}  // namespace aeon::rpc
