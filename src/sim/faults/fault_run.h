// One kind of disk fault against the versioned store: what becomes of each operation, and of what is there afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/sim_disk.h"

namespace aeon {

struct FaultKind {
  std::string_view name;
  std::string_view what;
  double SimDiskFaults::* probability;  // Null: one of the next two.
  bool is_full_disk = false;    // The file system below has no room.
  bool is_full_store = false;   // The store's own disk is small.
  bool is_passing = false;      // Opening again helps.
  // Afterwards, without faults any more: damage that stays may make the store refuse to open. What one disk can't
  // notice is that the last frames of the log never got there, or are no longer what they were.
  bool may_refuse = false;
  bool may_lose_tail = false;
};
const std::vector<FaultKind>& fault_kinds();

struct FaultOutcomes {
  uint64_t run_count = 0;
  uint64_t fault_count = 0;      // That hit.
  uint64_t operation_count = 0;  // While faults came.
  uint64_t right_count = 0;      // Reads that gave what was written, and changes that were made.
  uint64_t error_count = 0;      // Operations that said that they failed.
  uint64_t opened_count = 0;     // Afterwards.
  uint64_t refused_count = 0;    // Opening said what is damaged.
  uint64_t read_again_count = 0; // Afterwards: reads that were right,
  uint64_t damaged_count = 0;    // or said that what they should give is damaged.
  uint64_t lost_tail_count = 0;  // Runs.
  uint64_t silent_count = 0;     // Anything that was wrong and didn't say so.

  void add(const FaultOutcomes& other);
};

// Adds to `outcomes`; answers what broke a promise, or nothing.
std::string run_fault_seed(const FaultKind& kind, uint64_t seed, FaultOutcomes& outcomes);

}  // namespace aeon
