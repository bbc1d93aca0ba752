// Runs one seed of a workload: several lives of a process on one disk, each recorded, and every crash point of each
// opened and checked. The next life goes on from one of the images.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "crash_subject.h"
#include "sim/crash_images.h"

namespace aeon {

struct CrashTotals {
  uint64_t run_count = 0;
  uint64_t life_count = 0;
  uint64_t moment_count = 0;
  uint64_t point_count = 0;
  std::array<uint64_t, kCrashImageKindCount> by_kind{};
  uint64_t after_write = 0;  // By the event before the moment.
  uint64_t after_durable_write = 0;
  uint64_t after_discard = 0;
  uint64_t after_flush = 0;
  uint64_t after_durable_end = 0;
  uint64_t before_any = 0;
  uint64_t exhaustive_count = 0;  // Points at moments with at most three pending writes.
  uint64_t pending_max = 0;
  uint64_t went_on_count = 0;
  uint64_t emptied_count = 0;

  void add(const CrashTotals& other);
};

struct CrashFailure {
  uint64_t point = 0;  // Counted over all lives of the seed; kNever: outside any point.
  std::string why;
};

struct CrashRunOptions {
  std::optional<uint64_t> only_point;  // Checks only that one; all else runs as ever.
  uint64_t point_count_max = ~uint64_t{0};  // Of those looked at.
  uint64_t stride = 1;  // Looks at every so manieth.
};

// Stops at the first failure. `on_point` hears of each point before it is checked.
std::optional<CrashFailure> run_crash_seed(const CrashWorkload& workload, uint64_t seed, const CrashRunOptions& options,
                                           const std::function<void(uint64_t point)>& on_point, CrashTotals& totals);

}  // namespace aeon
