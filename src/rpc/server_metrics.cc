#include "rpc/server_metrics.h"

#include "metrics/load.h"

namespace aeon::rpc {
namespace {

metrics::Labels with(metrics::Labels labels, std::string_view name, std::string_view value) {
  labels.push_back({.name = name, .value = std::string(value)});
  return labels;
}

void collect_operation(const OperationStats& stats, const metrics::Labels& labels, metrics::Collection& into) {
  for (size_t code = 0; code < kCodeCount; ++code) {
    if (stats.answered_by_code[code] == 0 && code != 0) continue;
    into.counter("aeon_requests_total", "Requests answered, by kind and by how it went.",
                 with(labels, "code", code_name(static_cast<Code>(code))), stats.answered_by_code[code]);
  }
  into.gauge("aeon_requests_in_progress", "Requests that are being worked on.", labels, stats.in_progress);
  into.counter("aeon_request_received_bytes_total", "Bytes of requests and of the data that came with them.", labels,
               stats.bytes_received);
  into.counter("aeon_request_sent_bytes_total", "Bytes of answers and of the data in them.", labels, stats.bytes_sent);
  into.seconds("aeon_request_duration_seconds", "From when a request got its turn until it was answered.", labels,
               stats.service);
  metrics::Histogram waited = stats.waited;
  const uint64_t all = stats.service.count() + stats.answered_by_code[static_cast<size_t>(Code::kTimedOut)];
  if (all > waited.count()) waited.record_zeros(all - waited.count());
  into.seconds("aeon_request_wait_seconds", "From when a request came until it got its turn.", labels, waited);
}

}  // namespace

void collect(const Dispatcher& dispatcher, const metrics::Labels& labels, metrics::Collection& into) {
  dispatcher.for_each_operation([&](uint16_t opcode, const OperationStats& stats) {
    collect_operation(stats, with(labels, "operation", wire::opcode_name(opcode)), into);
  });
  into.gauge("aeon_requests_waiting", "Requests that wait for their turn.", labels, dispatcher.waiting());
  into.counter("aeon_requests_refused_total",
               "Requests that weren't begun: damaged, unknown, of another version, too late or too many.", labels,
               dispatcher.counters().refused);
  into.counter("aeon_requests_slow_total", "Requests that took longer than the limit of the log.", labels,
               dispatcher.slow_count());
}

void collect(const NetworkServer& server, const metrics::Labels& labels, metrics::Collection& into) {
  const NetworkServer::Counters& counters = server.counters();
  into.gauge("aeon_connections", "Connections that are open.", labels, static_cast<double>(server.connection_count()));
  into.counter("aeon_connections_opened_total", "Connections that were accepted.", labels, counters.connections);
  into.counter("aeon_connections_dropped_total", "Connections ended for what came over them, or didn't.", labels,
               counters.dropped);
  into.counter("aeon_connections_evicted_total", "Connections ended to make room for others.", labels,
               counters.evicted);
  into.counter("aeon_messages_received_total", "Messages that came over connections.", labels, counters.received);
  into.counter("aeon_requests_repeated_total", "Requests that came again, and weren't done again.", labels,
               counters.repeated);
}

std::vector<wire::OperationStatus> operations_of(const Dispatcher& dispatcher) {
  std::vector<wire::OperationStatus> operations;
  dispatcher.for_each_operation([&](uint16_t opcode, const OperationStats& stats) {
    wire::OperationStatus operation;
    operation.opcode = opcode;
    operation.answered = stats.answered();
    operation.failed = stats.failed();
    operation.in_progress = stats.in_progress;
    operation.bytes_received = stats.bytes_received;
    operation.bytes_sent = stats.bytes_sent;
    operation.service = metrics::to_wire(stats.service);
    operation.waited = metrics::to_wire(stats.waited);
    operations.push_back(std::move(operation));
  });
  return operations;
}

}  // namespace aeon::rpc
