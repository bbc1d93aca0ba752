// What an engine does per second, and how long that takes: from two of its StatusReplies, as `aeon top` shows it.
//
//   const Load load = load_between(&before, now);       // &before: null the first time, for all since the start.
//
// Engines only count; the interval is its asker's. A reply comes from a peer, so nothing in it is relied on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "metrics/histogram.h"
#include "wire/messages.h"

namespace aeon::metrics {

struct Traffic {
  uint64_t answered = 0;  // In the interval.
  uint64_t failed = 0;
  uint32_t in_progress = 0;  // Now.
  ByteCount bytes_received = 0;
  ByteCount bytes_sent = 0;
  double requests_per_second = 0;
  double failed_per_second = 0;
  double received_per_second = 0;  // Bytes.
  double sent_per_second = 0;
  // From the turn on until the answer, of what was answered in the interval: to within 1/16.
  Duration p50{}, p99{}, max{};
  Duration waited_p99{};  // For the turn, of those that had to wait.
  uint64_t waited = 0;    // How many had to.
};

struct OperationLoad {
  uint16_t opcode = 0;
  std::string_view name;  // "unknown": of a newer engine.
  Traffic traffic;
};
struct TargetLoad {
  uint32_t index = 0;
  Uuid pool;
  ByteCount capacity = 0, free = 0, reclaimable = 0;
  ByteCount memory_used = 0, memory_budget = 0;
  double log_per_second = 0;  // Bytes.
  uint32_t requests_waiting = 0;
  Traffic all;
  std::vector<OperationLoad> operations;  // Those that there were in the interval or are in progress.
};
// Of all targets of a pool.
struct PoolLoad {
  Uuid id;
  std::string label;
  ByteCount capacity = 0, free = 0;
  Traffic all;
};
struct ClientLoad {
  uint64_t id = 0;
  std::string peer;
  uint32_t in_progress = 0;
  double requests_per_second = 0;
  double received_per_second = 0;  // Bytes, as the engine sees it: what the client writes.
  double sent_per_second = 0;
  Duration silent{};
};

struct Load {
  Duration interval{};
  bool is_since_start = false;  // There was nothing before, or another life of the engine.
  std::vector<TargetLoad> targets;
  std::vector<PoolLoad> pools;
  std::vector<ClientLoad> clients;  // By requests per second, most first.
};

Load load_between(const wire::StatusReply* before, const wire::StatusReply& now);

// Between a histogram and what travels.
wire::Latencies to_wire(const Histogram& histogram);
Histogram from_wire(const wire::Latencies& latencies);

}  // namespace aeon::metrics
