// What the measuring programs share: keys, latencies, and one JSON line for each measurement.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace aeon::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] inline void fail(std::string_view what) {
  fmt::print(stderr, "{}\n", what);
  std::exit(1);
}

// A permutation of 64-bit numbers: distinct numbers make distinct, scattered keys (splitmix64's finisher).
inline uint64_t scatter(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

inline std::string key_of(uint64_t number) { return fmt::format("{:016x}", scatter(number)); }

struct Case {
  const char* op;           // "update", "fetch"
  uint64_t size;            // Bytes of a value.
  const char* durability;   // "sync", "flush"; "none" for fetches.
  uint32_t outstanding;
  const char* with;         // "calls" that block, "tasks" on one thread, "threads".
};

// One line: {"op": …, "per_second": …, "p50_us": …, "p99_us": …}.
inline void report(const Case& measured, uint64_t count, double seconds, std::vector<float> latencies_us) {
  std::sort(latencies_us.begin(), latencies_us.end());
  const auto at = [&](double part) {
    return latencies_us.empty()
               ? 0.0f
               : latencies_us[static_cast<size_t>(part * static_cast<double>(latencies_us.size() - 1))];
  };
  fmt::print(R"({{"op": "{}", "size": {}, "durability": "{}", "outstanding": {}, "with": "{}", "per_second": {:.1f}, )"
             R"("p50_us": {:.2f}, "p99_us": {:.2f}}})"
             "\n",
             measured.op, measured.size, measured.durability, measured.outstanding, measured.with,
             static_cast<double>(count) / seconds, at(0.5), at(0.99));
  std::fflush(stdout);
}

}  // namespace aeon::bench
