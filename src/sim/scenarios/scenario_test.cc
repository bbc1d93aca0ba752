// Each scenario in short, and that a seed repeats it.
#include "scenario.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/log.h"

namespace aeon {
namespace {

constexpr uint64_t kSeedCount = 3;

class ScenarioTest : public ::testing::TestWithParam<Scenario> {
 protected:
  // The faults are meant, and so are the events about them.
  void SetUp() override { log::set_level(log::Level::kOff); }
};

std::string name_of(const ::testing::TestParamInfo<Scenario>& tested) { return std::string(tested.param.name); }

TEST_P(ScenarioTest, OfOneSeedRunsTheSameTwice) {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= kSeedCount; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const ScenarioOutcome first = GetParam().run(seed);
    const ScenarioOutcome second = GetParam().run(seed);
    EXPECT_EQ(first.trace_hash, second.trace_hash);
    EXPECT_EQ(first.step_count, second.step_count);
    EXPECT_EQ(first.simulated, second.simulated);
    EXPECT_EQ(first.faults.all(), second.faults.all());
    EXPECT_GT(first.step_count, 0u);
    hashes.insert(first.trace_hash);
  }
  EXPECT_EQ(hashes.size(), kSeedCount);  // Other seeds are other runs.
}

INSTANTIATE_TEST_SUITE_P(All, ScenarioTest, ::testing::ValuesIn(scenarios()), name_of);

}  // namespace
}  // namespace aeon
