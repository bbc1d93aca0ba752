#include "flow.h"

#include <algorithm>

namespace aeon::ofi {
namespace {

Status not_honest(const char* what) { return Status(Code::kCorrupt, std::string("the peer ") + what); }

}  // namespace

Status Incoming::put(uint64_t sequence, const Arrived& arrived) {
  if (sequence < consumed_ || sequence - consumed_ >= kWindow) return not_honest("sent more than it may");
  if (end_.has_value() && sequence >= *end_) return not_honest("sent something behind the end");
  std::optional<Arrived>& place = places_[sequence % kWindow];
  if (place.has_value()) return not_honest("sent a message twice");
  place = arrived;
  beyond_ = std::max(beyond_, sequence + 1);
  return ok();
}

Arrived* Incoming::front() {
  std::optional<Arrived>& place = places_[consumed_ % kWindow];
  return place.has_value() ? &*place : nullptr;
}

void Incoming::pop() {
  places_[consumed_ % kWindow].reset();
  ++consumed_;
}

Status Incoming::end_at(uint64_t count) {
  if (end_.has_value() && *end_ != count) return not_honest("ended twice");
  if (count < beyond_ || count - consumed_ > kWindow) return not_honest("ended where it can't");
  end_ = count;
  return ok();
}

Status Outgoing::set_consumed(uint64_t consumed) {
  if (consumed > sent_) return not_honest("read what was never sent");
  consumed_ = std::max(consumed_, consumed);
  return ok();
}

}  // namespace aeon::ofi
