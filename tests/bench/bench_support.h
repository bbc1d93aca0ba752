// What the measuring programs share: keys, latencies, and one JSON line for each measurement.
#pragma once

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace aeon::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Of this process, what the kernel did for it included.
inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
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

// 16 hexadecimal digits, on the stack: what is measured is the store.
class Key {
 public:
  explicit Key(uint64_t number) {
    uint64_t bits = scatter(number);
    for (char& digit : text_) {
      digit = "0123456789abcdef"[bits >> 60];
      bits <<= 4;
    }
  }
  std::string_view text() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 16> text_;
};

// One line: {"case": …, numbers}.
inline void print(std::string_view name, std::initializer_list<std::pair<const char*, double>> numbers) {
  fmt::print(R"({{"case": "{}")", name);
  for (const auto& [key, value] : numbers) fmt::print(R"(, "{}": {:.3f})", key, value);
  fmt::print("}}\n");
  std::fflush(stdout);
}

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
