#include "engine/observer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "client/connection.h"
#include "client/key_value.h"
#include "engine/engine.h"
#include "metrics/load.h"
#include "rpc/network_channel.h"
#include "sim/sim_process.h"

namespace aeon::engine {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kEngineNode = 1, kClientNode = 2;
constexpr ObjectId kObject{.hi = 0, .lo = 1};
const std::string kRequests = SimNetwork::address(kEngineNode, 1);
const std::string kPages = SimNetwork::address(kEngineNode, 80);

Task<Result<std::unique_ptr<vos::Store>>> make_store(World* world, Disk* disk) {
  media::FormatOptions format;
  format.store = world->random.uuid();
  format.log_size = kMiB;
  CO_TRY(co_await media::KeyBlockStore::format(*world, *disk, format));
  const media::OpenOptions open;
  CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media, co_await media::KeyBlockStore::open(*world, *disk, open));
  CO_TRY_ASSIGN(std::unique_ptr<vos::Store> store, co_await vos::Store::open(*world, std::move(media)));
  pool::PoolSpec spec;
  spec.id = world->random.uuid();
  spec.label = "pool";
  CO_TRY(co_await Engine::create_pool(*world, *store, std::move(spec)));
  co_return std::move(store);
}

Task<Result<std::shared_ptr<client::Container>>> open_container(std::shared_ptr<client::Connection> connection) {
  CO_TRY(co_await connection->hello());
  CO_TRY_ASSIGN(const auto pool, co_await connection->connect_pool("pool", client::Access::kReadWrite));
  client::ContainerSpec spec;
  spec.label = "c";
  CO_TRY(co_await pool->create_container(std::move(spec)));
  co_return co_await pool->open_container("c", client::Access::kReadWrite);
}

Task<Status> put_and_get(std::shared_ptr<client::Container> container, int count) {
  client::KeyValue values(container, kObject);
  for (int i = 0; i < count; ++i) {
    const std::string key = std::to_string(i);
    CO_TRY(co_await values.put(key, as_bytes("value")));
    CO_TRY(co_await values.get(key));
  }
  co_return ok();
}

Task<std::string> get_page(Network* network, std::string path) {
  std::string answer;
  const Result<std::unique_ptr<Stream>> stream = co_await network->connect(kPages, 5s);
  if (!stream.is_ok()) co_return answer;
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
  const ByteView piece = as_bytes(request);
  const Status written = co_await (*stream)->write(std::span(&piece, 1));
  std::string buffer(4096, '\0');
  while (written.is_ok()) {
    const Result<size_t> read = co_await (*stream)->read(std::as_writable_bytes(std::span(buffer)));
    if (!read.is_ok() || *read == 0) break;
    answer.append(buffer, 0, *read);
  }
  co_return answer;
}

// What Prometheus' own checker finds wrong; empty also where it isn't installed.
std::string promtool_complaints(const std::string& text) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) return "";
  const std::string path = ::testing::TempDir() + "/metrics_" + std::to_string(getpid());
  std::ofstream(path, std::ios::binary) << text;
  FILE* const pipe = popen(("promtool check metrics <" + path + " 2>&1").c_str(), "r");
  std::string said;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
  const int result = pclose(pipe);
  std::remove(path.c_str());
  if (result != 0 && said.empty()) said = "promtool failed";
  return said;
}

// An engine with pages and a client, in simulation.
class ObserverTest : public ::testing::Test {
 protected:
  ObserverTest() {
    engine_process_.add_disk({.name = "disk 0"});
    World& world = engine_process_.world();
    auto store = engine_process_.run(make_store(&world, &engine_process_.disk(0)));
    CHECK(store.is_ok());
    std::vector<std::unique_ptr<vos::Store>> stores;
    stores.push_back(std::move(*store));
    Engine::Options options;
    options.system_name = "sys";
    engine_ = &engine_process_.own(std::make_unique<Engine>(world, std::move(stores), std::move(options)));
    auto pages = metrics::HttpServer::listen(world, kPages, {});
    CHECK(pages.is_ok());
    engine_->observer().add_pages(engine_process_.own(std::move(*pages)));
  }
  ~ObserverTest() override {
    if (connection_ != nullptr) connection_->close();
    client_process_.kill();
    container_.reset();
    connection_.reset();
    engine_process_.kill();
  }

  void start() {
    ASSERT_TRUE(engine_process_.run(engine_->start()).is_ok());
    auto server = rpc::NetworkServer::listen(engine_process_.world(), kRequests, engine_->dispatcher(), {});
    ASSERT_TRUE(server.is_ok());
    engine_->observer().add(engine_process_.own(std::move(*server)));
    channel_ =
        std::make_shared<rpc::NetworkChannel>(client_process_.world(), kRequests, rpc::NetworkChannel::Options());
    Executor& executor = client_process_.executor();
    connection_ = std::make_shared<client::Connection>(
        channel_, [&executor](Task<void> task) { executor.spawn(std::move(task)); }, nullptr);
    auto container = client_process_.run(open_container(connection_));
    ASSERT_TRUE(container.is_ok()) << container.status().to_string();
    container_ = *container;
  }
  Status work(int count) { return client_process_.run(put_and_get(container_, count)); }
  std::string page(const std::string& path) {
    const std::string answer = client_process_.run(get_page(&client_process_.world().network, path));
    const size_t body = answer.find("\r\n\r\n");
    if (body == std::string::npos) return answer;
    return answer.substr(9, 4) + answer.substr(body + 4);
  }
  Result<wire::StatusReply> status(uint32_t clients_max = 10) {
    wire::StatusRequest request;
    request.clients_max = clients_max;
    return client_process_.run(rpc::call(*channel_, request));
  }

  SimScheduler scheduler_{1};
  SimNetwork network_{scheduler_};
  SimProcess engine_process_{scheduler_, network_, "engine", kEngineNode};
  SimProcess client_process_{scheduler_, network_, "client", kClientNode};
  Engine* engine_ = nullptr;
  std::shared_ptr<rpc::Channel> channel_;
  std::shared_ptr<client::Connection> connection_;
  std::shared_ptr<client::Container> container_;
};

TEST_F(ObserverTest, MetricsTellOfRequestsSpaceAndConnections) {
  start();
  ASSERT_TRUE(work(20).is_ok());
  const std::string text = page("/metrics");
  for (const std::string line :
       {"aeon_build_info{release=\"0.1.0\",system=\"sys\"} 1",
        "aeon_requests_total{target=\"0\",pool=\"pool\",operation=\"object_write\",code=\"ok\"} 20",
        "aeon_requests_total{target=\"0\",pool=\"pool\",operation=\"object_fetch\",code=\"ok\"} 20",
        "aeon_request_duration_seconds_count{target=\"0\",pool=\"pool\",operation=\"object_fetch\"} 20",
        "aeon_pool_containers{pool=\"pool\"} 1", "aeon_healthy 1", "aeon_target_writable{target=\"0\",pool=\"pool\"} 1",
        "aeon_connections{address=\"sim:1:1\"} 1", "aeon_metrics_left_out 0"}) {
    EXPECT_NE(text.find("\n" + line + "\n"), std::string::npos) << line << "\nisn't in\n" << text;
  }
  EXPECT_EQ(promtool_complaints(text.substr(4)), "");
}

TEST_F(ObserverTest, MetricsTellWhatAggregationDropped) {
  start();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(work(10).is_ok());
  const std::string labels = "{target=\"0\",pool=\"pool\"} ";
  EXPECT_NE(page("/metrics").find("\naeon_aggregation_passes_total" + labels + "0\n"), std::string::npos);
  const Status aggregated = client_process_.run(container_->aggregate(kEpochMax));
  ASSERT_TRUE(aggregated.is_ok()) << aggregated.to_string();
  const std::string text = page("/metrics");
  EXPECT_NE(text.find("\naeon_aggregation_passes_total" + labels + "1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\naeon_aggregation_dropped_records_total" + labels + "20\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\naeon_aggregation_dropped_bytes_total" + labels + "100\n"), std::string::npos) << text;
}

TEST_F(ObserverTest, HealthFollowsTheEngine) {
  EXPECT_EQ(page("/healthz"), "503 unavailable: the engine is starting\n");
  start();
  EXPECT_EQ(page("/healthz"), "200 ok\n");
  ASSERT_TRUE(engine_process_.run(engine_->stop()).is_ok());
  EXPECT_EQ(page("/healthz"), "503 unavailable: the engine is stopping\n");
}

TEST_F(ObserverTest, ATargetWhoseLogFailedIsUnhealthy) {
  start();
  SimDiskFaults faults;
  faults.write_error = 1;
  engine_process_.disk(0).set_faults(faults);
  EXPECT_FALSE(work(1).is_ok());
  const std::string health = page("/healthz");
  EXPECT_TRUE(health.starts_with("503 read_only: target 0: ")) << health;
  EXPECT_NE(page("/metrics").find("\naeon_target_writable{target=\"0\",pool=\"pool\"} 0\n"), std::string::npos);
  const auto reply = status();
  ASSERT_TRUE(reply.is_ok());
  EXPECT_FALSE(reply->is_healthy);
  EXPECT_NE(reply->trouble, "");
}

TEST_F(ObserverTest, StatusTellsWhatHappenedBetween) {
  start();
  ASSERT_TRUE(work(5).is_ok());
  const auto before = status();
  ASSERT_TRUE(before.is_ok()) << before.status().to_string();
  ASSERT_TRUE(work(40).is_ok());
  scheduler_.run_for(2s);
  const auto now = status();
  ASSERT_TRUE(now.is_ok());
  EXPECT_EQ(now->system, "sys");
  EXPECT_TRUE(now->is_healthy);
  EXPECT_GE(now->uptime_ns - before->uptime_ns, 2'000'000'000u);
  const metrics::Load load = metrics::load_between(&*before, *now);
  ASSERT_EQ(load.targets.size(), 1u);
  uint64_t writes = 0;
  for (const metrics::OperationLoad& operation : load.targets[0].operations) {
    if (operation.name != "object_write") continue;
    writes = operation.traffic.answered;
    EXPECT_GT(operation.traffic.p50, Duration::zero()) << "each waits for the disk";
  }
  EXPECT_EQ(writes, 40u);
  ASSERT_EQ(load.pools.size(), 1u);
  EXPECT_EQ(load.pools[0].label, "pool");
  EXPECT_EQ(load.pools[0].all.answered, 81u) << "one of them asked for the status before";
  ASSERT_EQ(load.clients.size(), 1u);
  EXPECT_GT(load.clients[0].requests_per_second, 0);
  EXPECT_GT(load.targets[0].capacity, load.targets[0].free);
}

TEST_F(ObserverTest, StatusTellsOfNoMoreClientsThanAskedFor) {
  start();
  const auto none = status(0);
  ASSERT_TRUE(none.is_ok());
  EXPECT_EQ(none->clients.size(), 0u);
  EXPECT_EQ(none->client_count, 1u);
}

}  // namespace
}  // namespace aeon::engine
