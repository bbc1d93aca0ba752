#include "metrics/load.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace aeon::metrics {
namespace {

// Counts only grow; if one didn't, it began anew.
uint64_t grown(uint64_t before, uint64_t now) { return now >= before ? now - before : now; }

double per_second(uint64_t count, Duration interval) {
  if (interval <= Duration::zero()) return 0;
  return static_cast<double>(count) * 1e9 / static_cast<double>(interval.count());
}

Duration to_duration(uint64_t ns) { return Duration(static_cast<int64_t>(std::min<uint64_t>(ns, uint64_t{1} << 62))); }

// Counts of an interval while they are added up.
struct Sums {
  Histogram service;
  Histogram waited;
  Traffic traffic;

  void add(const Sums& other) {
    service.merge(other.service);
    waited.merge(other.waited);
    traffic.answered += other.traffic.answered;
    traffic.failed += other.traffic.failed;
    traffic.in_progress += other.traffic.in_progress;
    traffic.bytes_received += other.traffic.bytes_received;
    traffic.bytes_sent += other.traffic.bytes_sent;
  }

  Traffic over(Duration interval) const {
    Traffic result = traffic;
    result.requests_per_second = per_second(result.answered, interval);
    result.failed_per_second = per_second(result.failed, interval);
    result.received_per_second = per_second(result.bytes_received, interval);
    result.sent_per_second = per_second(result.bytes_sent, interval);
    result.p50 = to_duration(service.percentile(0.5));
    result.p99 = to_duration(service.percentile(0.99));
    result.max = to_duration(service.max());
    result.waited_p99 = to_duration(waited.percentile(0.99));
    result.waited = waited.count();
    return result;
  }
};

Sums sums_between(const wire::OperationStatus* before, const wire::OperationStatus& now) {
  const wire::OperationStatus nothing;
  if (before == nullptr) before = &nothing;
  Sums sums;
  sums.service = from_wire(now.service).since(from_wire(before->service));
  sums.waited = from_wire(now.waited).since(from_wire(before->waited));
  sums.traffic.answered = grown(before->answered, now.answered);
  sums.traffic.failed = grown(before->failed, now.failed);
  sums.traffic.in_progress = now.in_progress;
  sums.traffic.bytes_received = grown(before->bytes_received, now.bytes_received);
  sums.traffic.bytes_sent = grown(before->bytes_sent, now.bytes_sent);
  return sums;
}

const wire::OperationStatus* find_operation(const wire::TargetStatus* target, uint16_t opcode) {
  if (target == nullptr) return nullptr;
  const auto found = std::ranges::find(target->operations, opcode, &wire::OperationStatus::opcode);
  return found == target->operations.end() ? nullptr : &*found;
}

const wire::TargetStatus* find_target(const wire::StatusReply* reply, uint32_t index) {
  if (reply == nullptr) return nullptr;
  const auto found = std::ranges::find(reply->targets, index, &wire::TargetStatus::index);
  return found == reply->targets.end() ? nullptr : &*found;
}

Sums add_target(const wire::TargetStatus* before, const wire::TargetStatus& now, Load& load) {
  TargetLoad target;
  target.index = now.index;
  target.pool = now.pool;
  target.capacity = now.capacity;
  target.free = now.free;
  target.reclaimable = now.reclaimable;
  target.memory_used = now.memory_used;
  target.memory_budget = now.memory_budget;
  target.requests_waiting = now.requests_waiting;
  target.log_per_second = per_second(grown(before != nullptr ? before->log_bytes : 0, now.log_bytes), load.interval);
  Sums all;
  for (const wire::OperationStatus& operation : now.operations) {
    const Sums sums = sums_between(find_operation(before, operation.opcode), operation);
    all.add(sums);
    if (sums.traffic.answered == 0 && sums.traffic.in_progress == 0) continue;
    OperationLoad part;
    part.opcode = operation.opcode;
    part.name = wire::opcode_name(operation.opcode);
    part.traffic = sums.over(load.interval);
    target.operations.push_back(part);
  }
  target.all = all.over(load.interval);
  load.targets.push_back(std::move(target));
  return all;
}

void add_clients(const wire::StatusReply* before, const wire::StatusReply& now, Load& load) {
  std::map<uint64_t, const wire::ClientStatus*> earlier;
  if (before != nullptr) {
    for (const wire::ClientStatus& client : before->clients) earlier[client.id] = &client;
  }
  // One that isn't there may be new, or was cut off: then it isn't known what it has done since.
  const bool was_cut = before != nullptr && before->client_count > before->clients.size();
  const wire::ClientStatus nothing;
  for (const wire::ClientStatus& client : now.clients) {
    const auto found = earlier.find(client.id);
    const wire::ClientStatus& was = found != earlier.end() ? *found->second : was_cut ? client : nothing;
    ClientLoad part;
    part.id = client.id;
    part.peer = client.peer;
    part.in_progress = client.in_progress;
    part.requests_per_second = per_second(grown(was.requests, client.requests), load.interval);
    part.received_per_second = per_second(grown(was.bytes_received, client.bytes_received), load.interval);
    part.sent_per_second = per_second(grown(was.bytes_sent, client.bytes_sent), load.interval);
    part.silent = to_duration(client.silent_ns);
    load.clients.push_back(std::move(part));
  }
  std::ranges::sort(load.clients, [](const ClientLoad& a, const ClientLoad& b) {
    return std::tuple(b.requests_per_second, a.id) < std::tuple(a.requests_per_second, b.id);
  });
}

}  // namespace

Load load_between(const wire::StatusReply* before, const wire::StatusReply& now) {
  if (before != nullptr && (before->server_life != now.server_life || before->uptime_ns > now.uptime_ns)) {
    before = nullptr;
  }
  Load load;
  load.is_since_start = before == nullptr;
  load.interval = to_duration(now.uptime_ns - (before != nullptr ? before->uptime_ns : 0));
  std::map<Uuid, Sums> by_pool;
  for (const wire::TargetStatus& target : now.targets) {
    const Sums sums = add_target(find_target(before, target.index), target, load);
    by_pool[target.pool].add(sums);
  }
  for (const wire::PoolInfo& info : now.pools) {
    PoolLoad pool;
    pool.id = info.id;
    pool.label = info.label;
    pool.capacity = info.capacity;
    pool.free = info.free;
    pool.all = by_pool[info.id].over(load.interval);
    load.pools.push_back(std::move(pool));
  }
  add_clients(before, now, load);
  return load;
}

wire::Latencies to_wire(const Histogram& histogram) {
  wire::Latencies latencies;
  for (const Histogram::Bucket& bucket : histogram.buckets()) {
    latencies.buckets.push_back({.index = bucket.index, .count = bucket.count});
  }
  latencies.sum_ns = histogram.sum();
  latencies.max_ns = histogram.max();
  return latencies;
}

Histogram from_wire(const wire::Latencies& latencies) {
  std::vector<Histogram::Bucket> buckets;
  for (const wire::LatencyBucket& bucket : latencies.buckets) {
    buckets.push_back({.index = bucket.index, .count = bucket.count});
  }
  return Histogram::from_buckets(buckets, latencies.sum_ns, latencies.max_ns);
}

}  // namespace aeon::metrics
