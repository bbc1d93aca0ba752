// Whether spinning is worthwhile, learnt from whether it was lately.
//
// It pays when something comes before the time is over: a wake-up on another core costs about as much as the longest
// spin. So it goes on as long as one of three pays, and otherwise is tried now and then. When another thread got the
// core while it gave way, it stops for a while: more spinners than cores stand in each other's way.
#pragma once

#include <algorithm>

#include "base/units.h"

namespace aeon {

class SpinPolicy {
 public:
  bool is_worthwhile(Instant now) {
    if (now < not_before_) return false;
    return score_ > 0 || ++skipped_ % kTriedOneIn == 0;
  }
  void paid() { score_ = std::min(score_ + 2, kScoreMax); }
  void wasted() { score_ = std::max(score_ - 1, 0); }
  // Whether what is waited for came when this gave way, so that giving way at once is best.
  bool peer_shares_core() const { return peer_shares_core_; }
  void set_peer_shares_core(bool shares) { peer_shares_core_ = shares; }
  void others_waited(Instant now) {
    score_ /= 2;
    not_before_ = now + kPause;
  }

 private:
  static constexpr int kScoreMax = 16;
  static constexpr unsigned kTriedOneIn = 16;
  static constexpr Duration kPause = std::chrono::milliseconds(5);

  int score_ = kScoreMax / 2;
  unsigned skipped_ = 0;
  bool peer_shares_core_ = false;
  Instant not_before_{};
};

}  // namespace aeon
