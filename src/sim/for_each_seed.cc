#include "sim/for_each_seed.h"

#include <cstdlib>

namespace aeon::internal {

SeedRange seeds_from_environment(uint64_t count) {
  if (const char* seed = std::getenv("SEED")) return {std::strtoull(seed, nullptr, 10), 1};
  if (const char* seeds = std::getenv("SEEDS")) count = std::strtoull(seeds, nullptr, 10);
  return {1, count};
}

std::string how_to_repeat(uint64_t seed) {
  return "Seed " + std::to_string(seed) + " failed; SEED=" + std::to_string(seed) + " in the environment repeats it.";
}

}  // namespace aeon::internal
