// What a dispatcher counts of one kind of request, since it began.
#pragma once

#include <array>

#include "base/status.h"
#include "metrics/histogram.h"

namespace aeon::rpc {

inline constexpr size_t kCodeCount = static_cast<size_t>(Code::kInProgress) + 1;

struct OperationStats {
  std::array<uint64_t, kCodeCount> answered_by_code{};
  uint32_t in_progress = 0;  // Have their turn.
  ByteCount bytes_received = 0;
  ByteCount bytes_sent = 0;
  metrics::Histogram service;  // Nanoseconds from its turn on until it was answered.
  metrics::Histogram waited;   // Nanoseconds for the turn; only of those that had to wait.

  uint64_t answered() const {
    uint64_t sum = 0;
    for (const uint64_t count : answered_by_code) sum += count;
    return sum;
  }
  uint64_t failed() const { return answered() - answered_by_code[0]; }
};

}  // namespace aeon::rpc
