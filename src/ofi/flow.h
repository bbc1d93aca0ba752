// The order of a stream's messages, and how many of them may be on their way.
//
// libfabric may hand over messages in another order than they were sent, if some were large for it. So each has a
// number and a place in a window; what is outside of it, or comes twice, is no message of an honest peer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/status.h"
#include "message.h"

namespace aeon::ofi {

inline constexpr uint64_t kWindow = 16;

// One that has come: its place in memory, and how much of it is left to read.
struct Arrived {
  uint32_t buffer = 0;
  ByteView payload;
  Offer offer;  // Size 0: none.
};

class Incoming {
 public:
  // kCorrupt: outside of the window, there already, or behind the end.
  Status put(uint64_t sequence, const Arrived& arrived);
  // The next in order; null if it isn't there.
  Arrived* front();
  void pop();
  // The peer has sent so many and ends. kCorrupt: that can't be.
  Status end_at(uint64_t count);
  bool has_ended() const { return end_ == consumed_; }
  uint64_t consumed() const { return consumed_; }

 private:
  std::array<std::optional<Arrived>, kWindow> places_;
  uint64_t consumed_ = 0;
  uint64_t beyond_ = 0;  // One more than the highest number that came.
  std::optional<uint64_t> end_;
};

class Outgoing {
 public:
  bool has_credit() const { return sent_ - consumed_ < kWindow; }
  uint64_t take() { return sent_++; }
  uint64_t sent() const { return sent_; }
  uint64_t consumed() const { return consumed_; }
  // What the peer says; an older word than what is known changes nothing. kCorrupt: more than was sent.
  Status set_consumed(uint64_t consumed);

 private:
  uint64_t sent_ = 0;
  uint64_t consumed_ = 0;
};

}  // namespace aeon::ofi
