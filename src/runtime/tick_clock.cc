#include "tick_clock.h"

#include <cstdio>
#include <cstring>
#include <ctime>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace aeon {
namespace {

constexpr Duration kFirstLook = std::chrono::milliseconds(1);  // So far apart are the first two, at least.
constexpr Duration kLooksApart = std::chrono::milliseconds(10);
// Two counts around a look that are further apart: the thread was interrupted, and the look belongs to neither.
constexpr uint64_t kLookTicksMax = 20'000;

// The kernel knows which counters stop, jump or differ between processors.
bool kernel_trusts_counter() {
  char name[16] = {};
  std::FILE* const file = std::fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");
  if (file == nullptr) return false;
  const bool is_read = std::fgets(name, sizeof name, file) != nullptr;
  std::fclose(file);
  return is_read && std::strcmp(name, "tsc\n") == 0;
}

}  // namespace

Instant monotonic_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

uint64_t TickClock::read_ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return 0;
#endif
}

TickClock::TickClock() {
#if defined(__x86_64__)
  static const bool is_trusted = kernel_trusts_counter();
  is_counter_used_ = is_trusted;
#endif
}

Instant TickClock::look(uint64_t ticks) {
  const Instant now = monotonic_now();
  latest_ = std::max(latest_, now);
  if (!is_counter_used_) return latest_;
  if (read_ticks() - ticks > kLookTicksMax) return latest_;  // The next call looks again.
  const int64_t elapsed = (now - base_).count();
  const uint64_t elapsed_ticks = ticks - base_ticks_;
  const bool is_first = base_ == Instant();
  if (!is_first && now - base_ < kFirstLook) return latest_;
  // After long pauses the product would overflow, and the old rate is as good.
  const bool is_recent = !is_first && elapsed < std::chrono::nanoseconds(std::chrono::seconds(1)).count();
  if (is_recent && elapsed_ticks != 0) {
    rate_ = (static_cast<uint64_t>(elapsed) << kRateBits) / elapsed_ticks;
    valid_ticks_ = rate_ != 0 ? (static_cast<uint64_t>(kLooksApart.count()) << kRateBits) / rate_ : 0;
  }
  base_ = now;
  base_ticks_ = ticks;
  return latest_;
}

}  // namespace aeon
