#include <gtest/gtest.h>

#include "fault_run.h"
#include "sim/for_each_seed.h"

namespace aeon {
namespace {

TEST(DiskFaults, EndAsCorrectDataOrAClearError) {
  for (const FaultKind& kind : fault_kinds()) {
    FaultOutcomes outcomes;
    for (uint64_t seed = 1; seed <= 30; seed += kSeedPart) {
      EXPECT_EQ(run_fault_seed(kind, seed, outcomes), "") << kind.name << ", seed " << seed;
    }
    EXPECT_GT(outcomes.fault_count, 0u) << kind.name;
    EXPECT_GT(outcomes.right_count, 0u) << kind.name;
  }
}

}  // namespace
}  // namespace aeon
