#include "tick_clock.h"

#include <gtest/gtest.h>

#include <thread>

namespace aeon {
namespace {

using namespace std::chrono_literals;

// What both clocks may say of one moment: the thread may lose its processor between two readings, so the kernel's is
// read on both sides.
TEST(TickClock, SaysWhatTheKernelSays) {
  TickClock clock;
  const Instant end = monotonic_now() + 300ms;
  int64_t readings = 0;
  for (Instant before = monotonic_now(); before < end; before = monotonic_now()) {
    const Instant now = clock.now();
    const Instant after = monotonic_now();
    ASSERT_GE(now, before - 20us);
    ASSERT_LE(now, after + 20us);
    ++readings;
  }
  EXPECT_GT(readings, 1000);
}

TEST(TickClock, SaysSoAfterPausesOfAnyLength) {
  TickClock clock;
  for (const Duration pause : {Duration(0), Duration(100us), Duration(3ms), Duration(9ms), Duration(30ms),
                               Duration(200ms), Duration(1100ms), Duration(2ms)}) {
    std::this_thread::sleep_for(pause);
    const Instant before = monotonic_now();
    const Instant now = clock.now();
    const Instant after = monotonic_now();
    ASSERT_GE(now, before - 20us) << pause.count();
    ASSERT_LE(now, after + 20us) << pause.count();
  }
}

TEST(TickClock, NeverGoesBack) {
  TickClock clock;
  Instant last{};
  const Instant end = monotonic_now() + 100ms;
  while (last < end) {
    const Instant now = clock.now();
    ASSERT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace aeon
