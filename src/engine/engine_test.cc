#include "engine/engine.h"

#include <gtest/gtest.h>

#include "client/connection.h"
#include "client/key_value.h"
#include "rpc/network_channel.h"
#include "rpc/network_server.h"
#include "sim/for_each_seed.h"
#include "sim/sim_network.h"
#include "sim/sim_process.h"

namespace aeon::engine {
namespace {

constexpr Address kEngineAddress{.node = 1, .port = 1};
constexpr Address kClientAddress{.node = 2, .port = 1};
constexpr ObjectId kObject{.hi = 0, .lo = 1};

// An engine that listens, in one life of its process.
struct Served {
  explicit Served(std::unique_ptr<Engine> started) : engine(std::move(started)) {}
  std::unique_ptr<Engine> engine;
  std::unique_ptr<rpc::NetworkServer> server;
};

Task<Result<std::unique_ptr<vos::Store>>> open_store(World* world, Disk* disk) {
  media::OpenOptions options;
  CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media, co_await media::KeyBlockStore::open(*world, *disk, options));
  co_return co_await vos::Store::open(*world, std::move(media));
}

Task<Status> format(World* world, Disk* disk) {
  media::FormatOptions options;
  options.store = world->random.uuid();
  options.log_size = kMiB;
  CO_TRY(co_await media::KeyBlockStore::format(*world, *disk, options));
  CO_TRY_ASSIGN(const std::unique_ptr<vos::Store> store, co_await open_store(world, disk));
  pool::PoolSpec spec;
  spec.id = world->random.uuid();
  spec.label = "pool";
  CO_TRY(co_await Engine::create_pool(*world, *store, std::move(spec)));
  co_return co_await store->close();
}

Task<Result<std::unique_ptr<Engine>>> start_engine(World* world, Disk* disk) {
  std::vector<std::unique_ptr<vos::Store>> stores(1);
  CO_TRY_ASSIGN(stores[0], co_await open_store(world, disk));
  Engine::Options options;
  auto engine = std::make_unique<Engine>(*world, std::move(stores), std::move(options));
  CO_TRY(co_await engine->start());
  co_return std::move(engine);
}

// Owned by the process's life, so that a crash takes it away.
Served* serve(SimProcess& process) {
  auto engine = process.run(start_engine(&process.world(), &process.disk(0)));
  EXPECT_TRUE(engine.is_ok()) << engine.status().to_string();
  if (!engine.is_ok()) return nullptr;
  Served& served = process.own(std::make_unique<Served>(std::move(*engine)));
  auto server = rpc::NetworkServer::listen(process.world(), kEngineAddress, served.engine->dispatcher(), {});
  EXPECT_TRUE(server.is_ok());
  served.server = std::move(*server);
  return &served;
}

Task<Result<std::shared_ptr<client::Container>>> open_container(std::shared_ptr<client::Connection> connection,
                                                                bool create) {
  CO_TRY(co_await connection->hello());
  CO_TRY_ASSIGN(const auto pool, co_await connection->connect_pool("pool", client::Access::kReadWrite));
  if (create) {
    client::ContainerSpec spec;
    spec.label = "c";
    CO_TRY(co_await pool->create_container(std::move(spec)));
  }
  co_return co_await pool->open_container("c", client::Access::kReadWrite);
}

// Counts how many puts, in order, were acknowledged; the first failure ends it.
Task<void> put_many(std::shared_ptr<client::Container> container, int first, int end, int* acknowledged) {
  client::KeyValue values(container, kObject);
  for (int i = first; i < end; ++i) {
    const std::string text = std::to_string(i);
    const Status put = co_await values.put(text, as_bytes(text));
    if (!put.is_ok()) co_return;
    *acknowledged = i + 1;
  }
}

Task<int> count_missing(std::shared_ptr<client::Container> container, int end) {
  client::KeyValue values(container, kObject);
  int missing = 0;
  for (int i = 0; i < end; ++i) {
    const Result<Bytes> value = co_await values.get(std::to_string(i));
    if (!value.is_ok() || as_text(*value) != std::to_string(i)) ++missing;
  }
  co_return missing;
}

std::shared_ptr<client::Connection> connect(SimProcess& process) {
  auto channel = rpc::NetworkChannel::connect(process.world(), kClientAddress, kEngineAddress, {});
  CHECK(channel.is_ok());
  std::shared_ptr<rpc::Channel> shared = std::move(*channel);
  Executor& executor = process.executor();
  return std::make_shared<client::Connection>(
      shared, [&executor](Task<void> task) { executor.spawn(std::move(task)); }, nullptr);
}

SIMULATION(Engine, AcknowledgedWritesSurviveALossyNetworkAndPowerLoss) {
  SimScheduler scheduler(seed);
  SimNetwork network(scheduler);
  SimProcess engine_process(scheduler, network, "engine");
  engine_process.add_disk({.name = "disk 0"});
  const Status formatted = engine_process.run(format(&engine_process.world(), &engine_process.disk(0)));
  ASSERT_TRUE(formatted.is_ok()) << formatted.to_string();
  ASSERT_NE(serve(engine_process), nullptr);
  network.set_link(SimLink::random(scheduler.random(), 0.1));

  SimProcess client_process(scheduler, network, "client");
  int acknowledged = 0;
  {
    const auto connection = connect(client_process);
    auto container = client_process.run(open_container(connection, true));
    ASSERT_TRUE(container.is_ok()) << container.status().to_string();
    // The power goes while puts are under way.
    client_process.executor().spawn(put_many(*container, 0, 1000, &acknowledged));
    scheduler.run_until([&] { return acknowledged >= 20; }, std::chrono::hours(1));
    engine_process.crash();
    engine_process.start();
    ASSERT_NE(serve(engine_process), nullptr);
    scheduler.run_for(std::chrono::minutes(5));
    const auto stale = client_process.run((*container)->query());
    EXPECT_EQ(stale.code(), Code::kStaleHandle);
    connection->close();
  }
  client_process.kill();
  client_process.start();
  const auto connection = connect(client_process);
  auto container = client_process.run(open_container(connection, false));
  ASSERT_TRUE(container.is_ok()) << container.status().to_string();
  EXPECT_GE(acknowledged, 20);
  EXPECT_EQ(client_process.run(count_missing(*container, acknowledged)), 0);
  connection->close();
}

}  // namespace
}  // namespace aeon::engine
