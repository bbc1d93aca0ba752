// Quantities whose unit matters where they cross a function.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace aeon {

using ByteCount = uint64_t;  // A size in bytes.

inline constexpr ByteCount kKiB = 1024;
inline constexpr ByteCount kMiB = 1024 * kKiB;
inline constexpr ByteCount kGiB = 1024 * kMiB;

using Duration = std::chrono::nanoseconds;
// Nanoseconds since an origin that a World's Clock defines (real: boot; simulated: the start of the run).
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// The version of a write, and the one version number of the system (DESIGN, principle 4).
//
// In ordinary containers a hybrid logical clock gives it: nanoseconds/16 since 2021-01-01 with a logical part
// below (runtime/hybrid_clock.h). In explicit-epoch containers the application gives it.
struct Epoch {
  uint64_t value = 0;
  friend auto operator<=>(const Epoch&, const Epoch&) = default;
};

inline constexpr Epoch kEpochZero{0};
inline constexpr Epoch kEpochMax{~uint64_t{0}};  // "The newest": reads see everything applied.

}  // namespace aeon
