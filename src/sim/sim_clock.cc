#include "sim/sim_clock.h"

#include <algorithm>

namespace aeon {

uint64_t SimClock::wall_ns() const {
  const int64_t elapsed_ns = scheduler_.elapsed().count();
  const int64_t drift_ns = elapsed_ns / 1'000'000 * drift_ppm_;
  const int64_t wall_ns = static_cast<int64_t>(kOriginUnixNs) + elapsed_ns + drift_ns + skew_.count();
  return static_cast<uint64_t>(std::max<int64_t>(wall_ns, 0));
}

}  // namespace aeon
