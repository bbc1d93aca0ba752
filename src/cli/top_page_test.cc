#include "top_page.h"

#include <gtest/gtest.h>

namespace aeon::cli {
namespace {

// An engine that did 1,000 puts of 2 ms in two seconds, one of which failed.
struct TwoSeconds {
  TwoSeconds() {
    before.system = now.system = "local";
    before.release = now.release = "0.1.0";
    before.server_life = now.server_life = 7;
    before.is_healthy = now.is_healthy = true;
    before.uptime_ns = 60'000'000'000;
    now.uptime_ns = 62'000'000'000;
    wire::PoolInfo pool;
    pool.id = Uuid::from_random(1, 2);
    pool.label = "default";
    now.pools.push_back(pool);
    wire::TargetStatus target;
    target.pool = pool.id;
    target.capacity = 100 * kGiB;
    target.free = 25 * kGiB;
    target.memory_budget = kGiB;
    before.targets.push_back(target);
    wire::OperationStatus operation;
    operation.opcode = static_cast<uint16_t>(wire::Opcode::kObjectWrite);
    operation.answered = 1000;
    operation.failed = 1;
    operation.bytes_received = 64 * kMiB;
    metrics::Histogram times;
    for (int i = 0; i < 1000; ++i) times.record(std::chrono::milliseconds(2));
    operation.service = metrics::to_wire(times);
    target.operations.push_back(operation);
    target.requests_waiting = 3;
    now.targets.push_back(target);
    wire::ClientStatus client;
    client.id = 0xabc;
    client.peer = "tcp:127.0.0.1:5";
    client.requests = 1000;
    client.bytes_received = 64 * kMiB;
    now.clients.push_back(client);
    now.client_count = 30;
  }
  wire::StatusReply before, now;
};

TEST(TopPage, ShowsTargetsOperationsAndClients) {
  const TwoSeconds told;
  const std::string page = top_page(told.now, metrics::load_between(&told.before, told.now));
  for (const char* part :
       {"system local", "up 1 min 2 s", "healthy", "30 clients", "0 of default", "25.0 GiB of 100.0 GiB free",
        "3 waiting", "object_write", "500", "0.5", "32.0 MiB", "0000000000000abc tcp:127.0.0.1:5", "and 10 more"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part << " in\n" << page;
  }
  EXPECT_NE(page.find("2.0 ms"), std::string::npos) << page;
  for (size_t at = 0; at < page.size();) {
    const size_t end = page.find('\n', at);
    EXPECT_LE(end - at, 120u) << page.substr(at, end - at);
    at = end + 1;
  }
}

TEST(TopPage, SaysWhatIsWrongWithAnEngine) {
  TwoSeconds told;
  told.now.is_healthy = false;
  told.now.trouble = "target 0: the log can't be written";
  EXPECT_NE(top_page(told.now, metrics::load_between(&told.before, told.now)).find("not healthy: target 0: the log"),
            std::string::npos);
}

TEST(TopPage, ShowsEachTargetWithItsOwnNumbers) {
  TwoSeconds told;
  wire::TargetStatus idle = told.before.targets[0];
  idle.index = 1;
  idle.free = 50 * kGiB;
  told.before.targets.push_back(idle);
  told.now.targets.push_back(idle);
  const metrics::Load load = metrics::load_between(&told.before, told.now);
  const std::string page = top_page(told.now, load);
  for (const char* part :
       {"0 of default", "25.0 GiB of 100.0 GiB free", "1 of default", "50.0 GiB of 100.0 GiB free"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part << " in\n" << page;
  }
  const Json targets = top_json(told.now, load)["targets"];
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_EQ(targets[0]["all"]["requests_per_second"], 500.0);
  EXPECT_EQ(targets[1]["index"], 1);
  EXPECT_EQ(targets[1]["all"]["requests_per_second"], 0.0);
}

TEST(TopPage, IsTheSameInJson) {
  const TwoSeconds told;
  const Json object = top_json(told.now, metrics::load_between(&told.before, told.now));
  EXPECT_EQ(object["interval_s"], 2.0);
  EXPECT_EQ(object["targets"][0]["operations"]["object_write"]["requests_per_second"], 500.0);
  EXPECT_EQ(object["targets"][0]["operations"]["object_write"]["failed"], 1);
  EXPECT_NEAR(object["targets"][0]["operations"]["object_write"]["p50_us"].get<double>(), 2000, 130);
  EXPECT_EQ(object["clients"][0]["requests_per_second"], 500.0);
  EXPECT_EQ(object["client_count"], 30);
}

}  // namespace
}  // namespace aeon::cli
