// Tests over seeds.
//
//   for_each_seed([](Random& random) { … ASSERT_EQ(…); });      // or [](uint64_t seed)
//   SIMULATION(Rebuild, KeepsAcknowledgedWrites) { SimSystem system(seed, …); … }
//
// Stops at the first seed that fails and prints it, also when the process aborts. In the environment, SEED=n runs
// only that one, and SEEDS=n that many.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <exception>
#include <string>
#include <type_traits>

#include "runtime/random.h"
#include "sim/run_in_progress.h"

namespace aeon {

// Sanitized builds take some ten times as long, and look for what a few runs of the same code show too: there, tests
// that go through all cases of something go in steps, and those over seeds try a part of them.
#ifdef AEON_SANITIZED
inline constexpr uint64_t kCaseStep = 6;
inline constexpr uint64_t kSeedPart = 3;
#else
inline constexpr uint64_t kCaseStep = 1;
inline constexpr uint64_t kSeedPart = 1;
#endif

namespace internal {

struct SeedRange {
  uint64_t first;
  uint64_t count;
};
SeedRange seeds_from_environment(uint64_t count);
std::string how_to_repeat(uint64_t seed);

}  // namespace internal

template <typename Body>
void for_each_seed(Body body, uint64_t count = 100) {
  const internal::SeedRange seeds = internal::seeds_from_environment((count + kSeedPart - 1) / kSeedPart);
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    const RunInProgress in_progress(internal::how_to_repeat(seed));
    try {
      if constexpr (std::is_invocable_v<Body, uint64_t>) {
        body(seed);
      } else {
        Random random(seed);
        body(random);
      }
    } catch (const std::exception& failure) {
      ADD_FAILURE() << failure.what();
    }
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << internal::how_to_repeat(seed);
      return;
    }
    if (::testing::Test::IsSkipped()) return;
  }
}

}  // namespace aeon

// A test whose body sees `seed` and runs for many.
#define SIMULATION(Suite, Name)                                                 \
  static void Suite##_##Name##_simulation(uint64_t seed);                       \
  TEST(Suite, Name) { ::aeon::for_each_seed(Suite##_##Name##_simulation, 50); } \
  static void Suite##_##Name##_simulation([[maybe_unused]] uint64_t seed)
