// Requests within others: one that a whole set of targets gets, over a tree, and what all of them answered.
// See rpc/collectives.h and docs/design/targets.md.
//
// A kind of request that may be in one says so, and perhaps how the answers of several become one:
//
//   static constexpr bool kInCollectives = true;
//   // `all` becomes the answer of those that it was of before and the one that `one` is of.
//   static void combine(const QueryMaxEpochRequest& asked, EpochReply& all, const EpochReply& one);
#pragma once

#include "wire/message_parts.h"

namespace aeon::wire {

// A set of targets is a list of these: ascending, and with a gap between each two, so that each set has one encoding.
struct TargetRange {
  uint32_t first = 0;
  uint32_t count = 0;
  static void io(auto& archive, auto& self) { archive(self.first, self.count); }
};

struct InnerRequest {
  uint16_t opcode = 0;
  uint16_t version = 0;  // That it is encoded in, and the answers will be.
  Bytes fields;
  bool is_combined = false;  // Whether the answers are to be combined, of kinds that say how.
  static void io(auto& archive, auto& self) { archive(self.opcode, self.version, self.fields, self.is_combined); }
};

// Of the targets that answered alike or, combined, of all that succeeded.
struct InnerAnswer {
  std::vector<TargetRange> targets;
  Code code = Code::kOk;
  std::string message;
  Bytes fields;  // If the code is ok.
  static void io(auto& archive, auto& self) { archive(self.targets, self.code, self.message, self.fields); }
};

// Each target of the request is in one of them.
struct CollectiveReply {
  std::vector<InnerAnswer> answers;
  static void io(auto& archive, auto& self) { archive(self.answers); }
};

// A client's. The one that it is sent to is one of the targets.
struct CollectiveRequest {
  static constexpr Opcode kOpcode = Opcode::kCollective;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;  // As all that may be in it.
  using Reply = CollectiveReply;
  std::vector<TargetRange> targets;
  InnerRequest inner;
  static void io(auto& archive, auto& self) { archive(self.targets, self.inner); }
};

// From a target to the next ones of a tree: each gets a part of the targets, which it is one of.
struct TargetCollectiveRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetCollective;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  using Reply = CollectiveReply;
  std::vector<TargetRange> targets;
  InnerRequest inner;
  uint32_t arity = 0;  // How many each asks.
  uint32_t root = 0;   // The target that began it, and its number there.
  Epoch number;
  Epoch ended_below;  // The root waits for none with a number below.
  static void io(auto& archive, auto& self) {
    archive(self.targets, self.inner, self.arity, self.root, self.number, self.ended_below);
  }
};

template <typename Request>
constexpr bool is_in_collectives() {
  if constexpr (requires { Request::kInCollectives; }) {
    static_assert(Request::kMayRepeat, "a target may get it twice: from its parent in the tree, and around that one");
    return Request::kInCollectives;
  } else {
    return false;
  }
}
template <typename Request>
constexpr bool is_combinable() {
  return requires(const Request& asked, typename Request::Reply& all) { Request::combine(asked, all, all); };
}

}  // namespace aeon::wire
