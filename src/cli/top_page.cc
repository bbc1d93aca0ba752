#include "top_page.h"

#include <cmath>

namespace aeon::cli {
namespace {

constexpr size_t kClientsShown = 20;

// "12,345", "0.5": as many digits as one can tell at a glance.
std::string rate_text(double per_second) {
  if (per_second > 0 && per_second < 9.95) return fmt::format("{:.1f}", per_second);
  std::string text = count_text(static_cast<uint64_t>(std::llround(per_second)), "", "");
  text.pop_back();  // The blank before the word that isn't there.
  return text;
}

std::string bytes_text(double per_second) { return size_text(static_cast<ByteCount>(std::llround(per_second))); }

// "12 µs", "1.5 ms".
std::string latency_text(Duration duration) {
  const double us = std::chrono::duration<double, std::micro>(duration).count();
  if (us == 0) return "-";
  if (us < 9.95) return fmt::format("{:.1f} µs", us);
  if (us < 999.5) return fmt::format("{:.0f} µs", us);
  if (us < 9'950) return fmt::format("{:.1f} ms", us / 1e3);
  if (us < 999'500) return fmt::format("{:.0f} ms", us / 1e3);
  return fmt::format("{:.1f} s", us / 1e6);
}

std::string traffic_head() {
  return fmt::format("{:>10} {:>9} {:>11} {:>11} {:>8} {:>8} {:>8}\n", "req/s", "failed/s", "in/s", "out/s", "p50",
                     "p99", "max");
}
// fmt counts code points, so µ is one column.
std::string traffic_row(const metrics::Traffic& traffic) {
  return fmt::format("{:>10} {:>9} {:>11} {:>11} {:>8} {:>8} {:>8}\n", rate_text(traffic.requests_per_second),
                     rate_text(traffic.failed_per_second), bytes_text(traffic.received_per_second),
                     bytes_text(traffic.sent_per_second), latency_text(traffic.p50), latency_text(traffic.p99),
                     latency_text(traffic.max));
}

std::string pool_name(const metrics::Load& load, const Uuid& id) {
  for (const metrics::PoolLoad& pool : load.pools) {
    if (pool.id == id && !pool.label.empty()) return printable(pool.label);
  }
  return id.to_string();
}

double microseconds(Duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

Json traffic_json(const metrics::Traffic& traffic) {
  Json object;
  object["answered"] = traffic.answered;
  object["failed"] = traffic.failed;
  object["in_progress"] = traffic.in_progress;
  object["requests_per_second"] = traffic.requests_per_second;
  object["received_bytes_per_second"] = traffic.received_per_second;
  object["sent_bytes_per_second"] = traffic.sent_per_second;
  object["p50_us"] = microseconds(traffic.p50);
  object["p99_us"] = microseconds(traffic.p99);
  object["max_us"] = microseconds(traffic.max);
  object["waited"] = traffic.waited;
  object["waited_p99_us"] = microseconds(traffic.waited_p99);
  return object;
}

}  // namespace

std::string top_page(const wire::StatusReply& status, const metrics::Load& load) {
  std::string page =
      fmt::format("system {}, release {}, up {}, {}; {}\n\n", printable(status.system), printable(status.release),
                  duration_text(Duration(static_cast<int64_t>(status.uptime_ns))),
                  status.is_healthy ? "healthy" : "not healthy: " + printable(status.trouble),
                  count_text(status.client_count, "client", "clients"));
  page += fmt::format("{:<22}", "target") + traffic_head();
  for (const metrics::TargetLoad& target : load.targets) {
    page += fmt::format("{:<22}", fmt::format("{} of {:.16}", target.index, pool_name(load, target.pool)));
    page += traffic_row(target.all);
    page +=
        fmt::format("  {} of {} free, memory {} of {}, log {}/s, {} in progress, {} waiting\n", size_text(target.free),
                    size_text(target.capacity), size_text(target.memory_used), size_text(target.memory_budget),
                    bytes_text(target.log_per_second), target.all.in_progress, target.requests_waiting);
    for (const metrics::OperationLoad& operation : target.operations) {
      page += fmt::format("  {:<20}", operation.name) + traffic_row(operation.traffic);
    }
  }
  if (load.clients.empty()) return page;
  page += fmt::format("\n{:<40}{:>10} {:>13} {:>13} {:>12}\n", "client", "req/s", "writes/s", "reads/s", "in progress");
  size_t shown = 0;
  for (const metrics::ClientLoad& client : load.clients) {
    if (++shown > kClientsShown) break;
    page += fmt::format("{:<40}{:>10} {:>13} {:>13} {:>12}\n",
                        fmt::format("{:016x} {:.22}", client.id, printable(client.peer)),
                        rate_text(client.requests_per_second), bytes_text(client.received_per_second),
                        bytes_text(client.sent_per_second), client.in_progress);
  }
  if (status.client_count > kClientsShown) {
    page += fmt::format("and {} more\n", status.client_count - std::min<uint64_t>(status.client_count, kClientsShown));
  }
  return page;
}

Json top_json(const wire::StatusReply& status, const metrics::Load& load) {
  Json object;
  object["system"] = status.system;
  object["release"] = status.release;
  object["uptime_s"] = static_cast<double>(status.uptime_ns) / 1e9;
  object["healthy"] = status.is_healthy;
  object["trouble"] = status.trouble;
  object["interval_s"] = std::chrono::duration<double>(load.interval).count();
  object["since_start"] = load.is_since_start;
  object["targets"] = Json::array();
  for (const metrics::TargetLoad& target : load.targets) {
    Json& one = object["targets"].emplace_back();
    one["index"] = target.index;
    one["pool"] = target.pool.to_string();
    one["capacity"] = target.capacity;
    one["free"] = target.free;
    one["reclaimable"] = target.reclaimable;
    one["memory_used"] = target.memory_used;
    one["memory_budget"] = target.memory_budget;
    one["log_bytes_per_second"] = target.log_per_second;
    one["waiting"] = target.requests_waiting;
    one["all"] = traffic_json(target.all);
    one["operations"] = Json::object();
    for (const metrics::OperationLoad& operation : target.operations) {
      one["operations"][std::string(operation.name)] = traffic_json(operation.traffic);
    }
  }
  object["client_count"] = status.client_count;
  object["clients"] = Json::array();
  for (const metrics::ClientLoad& client : load.clients) {
    Json& one = object["clients"].emplace_back();
    one["id"] = fmt::format("{:016x}", client.id);
    one["peer"] = client.peer;
    one["in_progress"] = client.in_progress;
    one["requests_per_second"] = client.requests_per_second;
    one["written_bytes_per_second"] = client.received_per_second;
    one["read_bytes_per_second"] = client.sent_per_second;
    one["silent_s"] = std::chrono::duration<double>(client.silent).count();
  }
  return object;
}

}  // namespace aeon::cli
