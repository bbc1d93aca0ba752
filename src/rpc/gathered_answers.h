// The answers that a target has so far of its part of a collective's tree. Equal ones are kept once; those that
// succeeded are one if they are combined.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "wire/messages.h"

namespace aeon::rpc {

// What is known of a kind of request that may be in collectives.
struct InnerKind {
  bool is_allowed = false;
  // How `all` becomes the answer of one more; null if it doesn't. kCorrupt if they aren't answers to `asked`.
  Status (*combine)(ByteView asked, uint16_t version, Bytes& all, ByteView one) = nullptr;
};
const InnerKind& inner_kind(uint16_t opcode);

class GatheredAnswers {
 public:
  // `inner` outlives it.
  explicit GatheredAnswers(const wire::InnerRequest& inner) : inner_(inner) {}

  void add(std::span<const uint32_t> targets, Code code, std::string message, Bytes fields);
  void add_failure(std::span<const uint32_t> targets, const Status& failure) {
    add(targets, failure.code(), std::string(failure.message()), Bytes());
  }
  // All of a reply, if it is of `expected`, each once; else kCorrupt, and nothing is added.
  Status add_all(wire::CollectiveReply reply, std::span<const uint32_t> expected, size_t target_count);
  wire::CollectiveReply take();

 private:
  struct Answer {
    std::vector<uint32_t> targets;
    Code code = Code::kOk;
    std::string message;
    Bytes fields;
  };
  Answer* combined();

  const wire::InnerRequest& inner_;
  std::vector<Answer> answers_;
  size_t size_bytes_ = 0;  // Of messages and fields.
};

}  // namespace aeon::rpc
