// Whether spinning is worthwhile, learnt from whether it was lately.
//
// It pays when something comes before the time is over: a wake-up on another core costs about as much as the longest
// spin. So it goes on as long as one of three pays, and otherwise is tried now and then. When others took the core
// meanwhile, it stops for a while: more spinners than cores stand in each other's way.
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
  void set_peer_shares_core(bool shares) {
    peer_shares_core_ = shares;
    shared_in_a_row_ = shares ? shared_in_a_row_ + 1 : 0;
  }
  // Once in a while for those who share one: the kernel looks for an idle core when it wakes somebody, and else not
  // soon.
  bool should_sleep_to_move() {
    if (shared_in_a_row_ < kSharedInARowMax) return false;
    shared_in_a_row_ = 0;
    return true;
  }
  // Others took the core for `duration`. A sleeper gets it back at once when it is woken, a spinner waits its turn; so
  // that is risked again only when it is little of the time that has passed.
  void others_ran(Instant now, Duration duration) {
    not_before_ = now + std::min<Duration>(duration * kPauseRatio, kPauseMax);
  }

 private:
  static constexpr int kScoreMax = 16;
  static constexpr unsigned kTriedOneIn = 16;
  static constexpr unsigned kSharedInARowMax = 4096;
  static constexpr int kPauseRatio = 32;
  static constexpr Duration kPauseMax = std::chrono::seconds(1);

  int score_ = kScoreMax / 2;
  unsigned skipped_ = 0;
  bool peer_shares_core_ = false;
  unsigned shared_in_a_row_ = 0;
  Instant not_before_{};
};

}  // namespace aeon
