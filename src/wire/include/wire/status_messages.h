// How an engine is and what it has done: for people's tools.
#pragma once

#include "wire/message_parts.h"

namespace aeon::wire {

// How long requests took, as counts that aren't zero by bucket of metrics::Histogram, in order.
struct LatencyBucket {
  uint16_t index = 0;
  uint64_t count = 0;
  static void io(auto& archive, auto& self) { archive(self.index, self.count); }
};
struct Latencies {
  std::vector<LatencyBucket> buckets;
  uint64_t sum_ns = 0;
  uint64_t max_ns = 0;
  static void io(auto& archive, auto& self) { archive(self.buckets, self.sum_ns, self.max_ns); }
};

// One kind of request at one target, since the server started.
struct OperationStatus {
  uint16_t opcode = 0;
  uint64_t answered = 0;
  uint64_t failed = 0;  // Of these, with another code than ok.
  uint32_t in_progress = 0;
  ByteCount bytes_received = 0;
  ByteCount bytes_sent = 0;
  Latencies service;  // From its turn on until it was answered.
  Latencies waited;  // For the turn; only of those that had to.
  static void io(auto& archive, auto& self) {
    archive(self.opcode, self.answered, self.failed, self.in_progress, self.bytes_received, self.bytes_sent,
            self.service, self.waited);
  }
};

struct TargetStatus {
  uint32_t index = 0;
  Uuid pool;
  ByteCount capacity = 0;
  ByteCount free = 0;
  ByteCount reclaimable = 0;  // Freed already, and soon free to be used.
  ByteCount memory_used = 0;
  ByteCount memory_budget = 0;
  uint64_t log_bytes = 0;  // Written to the log, since the store was opened.
  uint64_t checkpoints = 0;
  uint32_t requests_waiting = 0;  // For their turn, now.
  std::vector<OperationStatus> operations;  // By opcode; only those that there were.
  static void io(auto& archive, auto& self) {
    archive(self.index, self.pool, self.capacity, self.free, self.reclaimable, self.memory_used, self.memory_budget,
            self.log_bytes, self.checkpoints, self.requests_waiting, self.operations);
  }
};

// A client with a connection, since it first came.
struct ClientStatus {
  uint64_t id = 0;
  std::string peer;  // Its end of the connection.
  uint64_t requests = 0;
  ByteCount bytes_received = 0;
  ByteCount bytes_sent = 0;
  uint32_t in_progress = 0;
  uint64_t silent_ns = 0;  // Since its last message.
  static void io(auto& archive, auto& self) {
    archive(self.id, self.peer, self.requests, self.bytes_received, self.bytes_sent, self.in_progress, self.silent_ns);
  }
};

// How an engine is and what it has done, all since it started: who asks twice sees what happened between
// (metrics/load.h), however many others ask too.
struct StatusReply {
  std::string system;
  std::string release;
  uint64_t server_life = 0;  // Counts begin anew with another one.
  uint64_t uptime_ns = 0;
  bool is_healthy = false;
  std::string trouble;  // Unless it is healthy: why.
  std::vector<PoolInfo> pools;
  std::vector<TargetStatus> targets;
  std::vector<ClientStatus> clients;  // By their requests, most first; at most what was asked for.
  uint64_t client_count = 0;
  static void io(auto& archive, auto& self) {
    archive(self.system, self.release, self.server_life, self.uptime_ns, self.is_healthy, self.trouble, self.pools,
            self.targets, self.clients, self.client_count);
  }
};
struct StatusRequest {
  static constexpr Opcode kOpcode = Opcode::kStatus;
  static constexpr uint16_t kSince = 2;
  static constexpr bool kMayRepeat = true;
  using Reply = StatusReply;
  uint32_t clients_max = 1000;
  static void io(auto& archive, auto& self) { archive(self.clients_max); }
};
// Between targets: what those of the one that is asked are and have done, without asking others.
struct TargetStatusRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetStatus;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = StatusReply;
  uint32_t clients_max = 1000;
  static void io(auto& archive, auto& self) { archive(self.clients_max); }
};

}  // namespace aeon::wire
