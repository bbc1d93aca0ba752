#include "sim/for_each_seed.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

// Sanitizers end the process without a signal; this is how they say so.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace aeon::internal {

namespace {

uint64_t seed_in_progress = 0;
bool is_in_progress = false;

void print_seed() {
  if (!is_in_progress) return;
  is_in_progress = false;
  std::fprintf(stderr, "Seed %llu failed; SEED=%llu in the environment repeats it.\n",
               static_cast<unsigned long long>(seed_in_progress), static_cast<unsigned long long>(seed_in_progress));
}

void on_abort(int) { print_seed(); }  // abort() then ends the process.

void install_once() {
  static const bool installed = [] {
    std::signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(print_seed);
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace

SeedRange seeds_from_environment(uint64_t count) {
  if (const char* seed = std::getenv("SEED")) return {std::strtoull(seed, nullptr, 10), 1};
  if (const char* seeds = std::getenv("SEEDS")) count = std::strtoull(seeds, nullptr, 10);
  return {1, count};
}

SeedInProgress::SeedInProgress(uint64_t seed) {
  install_once();
  seed_in_progress = seed;
  is_in_progress = true;
}

SeedInProgress::~SeedInProgress() { is_in_progress = false; }

}  // namespace aeon::internal
