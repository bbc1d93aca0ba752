#include "engine/engine.h"

#include <gtest/gtest.h>

#include "client/connection.h"
#include "client/key_value.h"
#include "rpc/inproc_channel.h"
#include "rpc/network_channel.h"
#include "rpc/network_server.h"
#include "sim/for_each_seed.h"
#include "sim/sim_network.h"
#include "sim/sim_process.h"

namespace aeon::engine {
namespace {

constexpr uint64_t kEngineNode = 1, kClientNode = 2;
constexpr ObjectId kObject{.hi = 0, .lo = 1};

// An engine that listens, in one life of its process.
struct Served {
  explicit Served(std::unique_ptr<Engine> started) : engine(std::move(started)) {}
  std::unique_ptr<Engine> engine;
  std::unique_ptr<rpc::NetworkServer> server;
};

Task<Result<std::unique_ptr<vos::Store>>> open_store(World* world, Disk* disk) {
  media::OpenOptions options;
  CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media,
                co_await media::KeyBlockStore::open(*world, *disk, options));
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
  auto server =
      rpc::NetworkServer::listen(process.world(), SimNetwork::address(kEngineNode, 1), served.engine->dispatcher(), {});
  EXPECT_TRUE(server.is_ok());
  served.server = std::move(*server);
  return &served;
}

Task<Result<std::shared_ptr<client::Container>>> open_container(std::shared_ptr<client::Connection> connection,
                                                                bool create, bool is_flushed_later = false) {
  CO_TRY(co_await connection->hello());
  CO_TRY_ASSIGN(const auto pool, co_await connection->connect_pool("pool", client::Access::kReadWrite));
  if (create) {
    client::ContainerSpec spec;
    spec.label = "c";
    if (is_flushed_later) spec.properties[client::kPropDurability] = uint64_t{1};
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
  const std::shared_ptr<rpc::Channel> channel = std::make_shared<rpc::NetworkChannel>(
      process.world(), SimNetwork::address(kEngineNode, 1), rpc::NetworkChannel::Options());
  Executor& executor = process.executor();
  return std::make_shared<client::Connection>(
      channel, [&executor](Task<void> task) { executor.spawn(std::move(task)); }, nullptr);
}

SIMULATION(Engine, AcknowledgedWritesSurviveALossyNetworkAndPowerLoss) {
  SimScheduler scheduler(seed);
  SimNetwork network(scheduler);
  SimProcess engine_process(scheduler, network, "engine", kEngineNode);
  engine_process.add_disk({.name = "disk 0"});
  const Status formatted = engine_process.run(format(&engine_process.world(), &engine_process.disk(0)));
  ASSERT_TRUE(formatted.is_ok()) << formatted.to_string();
  ASSERT_NE(serve(engine_process), nullptr);
  network.set_link(SimLink::random(scheduler.random(), 0.1));

  SimProcess client_process(scheduler, network, "client", kClientNode);
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
    // The handle is opened anew by itself, and what was under way is done.
    EXPECT_EQ(acknowledged, 1000);
    EXPECT_EQ(client_process.run(count_missing(*container, acknowledged)), 0);
    connection->close();
    client_process.kill();
  }
  client_process.start();
  const auto connection = connect(client_process);
  auto container = client_process.run(open_container(connection, false));
  ASSERT_TRUE(container.is_ok()) << container.status().to_string();
  EXPECT_GE(acknowledged, 20);
  EXPECT_EQ(client_process.run(count_missing(*container, acknowledged)), 0);
  connection->close();
  client_process.kill();
}

Task<Status> put_one(std::shared_ptr<client::Container> container, std::string key) {
  client::KeyValue values(container, kObject);
  co_return co_await values.put(key, as_bytes(key));
}

// An engine that is yet to be served, and who will use it.
struct Both {
  Both()
      : network(scheduler),
        engine(scheduler, network, "engine", kEngineNode),
        client(scheduler, network, "client", kClientNode) {
    engine.add_disk({.name = "disk 0"});
    CHECK(engine.run(format(&engine.world(), &engine.disk(0))).is_ok());
  }
  SimScheduler scheduler{1};
  SimNetwork network;
  SimProcess engine;
  SimProcess client;
};

TEST(Engine, AFlushTellsWhatARestartMayHaveLost) {
  Both both;
  ASSERT_NE(serve(both.engine), nullptr);
  SimProcess &engine_process = both.engine, &client_process = both.client;
  const auto connection = connect(client_process);
  {
    auto container = client_process.run(open_container(connection, true, true));
    ASSERT_TRUE(container.is_ok()) << container.status().to_string();
    const auto put = [&](const char* key) { return client_process.run(put_one(*container, key)); };
    const auto flush = [&] { return client_process.run((*container)->flush()); };
    const auto restart = [&] {
      engine_process.crash();
      both.scheduler.run_for(std::chrono::seconds(10));
      engine_process.start();
      ASSERT_NE(serve(engine_process), nullptr);
      ASSERT_TRUE(client_process.run((*container)->query()).is_ok());  // Notices; may be repeated, unlike a put.
    };
    ASSERT_TRUE(put("kept").is_ok());
    ASSERT_TRUE(flush().is_ok());
    restart();
    EXPECT_TRUE(flush().is_ok()) << "nothing was written since the flush before";
    ASSERT_TRUE(put("lost").is_ok());
    restart();
    EXPECT_EQ(put("behind a gap").code(), Code::kIo);
    const Status told = flush();
    EXPECT_EQ(told.code(), Code::kIo) << told.to_string();
    EXPECT_TRUE(flush().is_ok()) << "it is told once";
    ASSERT_TRUE(put("again").is_ok());
    EXPECT_TRUE(flush().is_ok());
    const auto closed = client_process.run((*container)->query());
    EXPECT_TRUE(closed.is_ok()) << closed.status().to_string();
    connection->close();
  }
  client_process.kill();
}

Task<Result<Epoch>> snapshot_by_the_store(World* world, Disk* disk) {
  CO_TRY_ASSIGN(const std::unique_ptr<vos::Store> store, co_await open_store(world, disk));
  CO_TRY_ASSIGN(const std::vector<Uuid> containers, co_await store->list_containers());
  CO_TRY_ASSIGN(const Epoch epoch, co_await store->create_snapshot(containers.front(), kEpochZero));
  CO_TRY(co_await store->close());
  co_return epoch;
}

Task<Result<std::vector<Epoch>>> snapshots_of_the_store(World* world, Disk* disk) {
  CO_TRY_ASSIGN(const std::unique_ptr<vos::Store> store, co_await open_store(world, disk));
  CO_TRY_ASSIGN(const std::vector<Uuid> containers, co_await store->list_containers());
  CO_TRY_ASSIGN(const vos::ContainerInfo info, co_await store->query_container(containers.front()));
  CO_TRY(co_await store->close());
  co_return info.snapshots;
}

// As a crash leaves one that was made, and not recorded yet; whoever asked for it asks again.
TEST(Engine, ASnapshotWithoutARecordGoesAtTheStart) {
  Both both;
  ASSERT_NE(serve(both.engine), nullptr);
  SimProcess &engine_process = both.engine, &client_process = both.client;
  const auto connection = connect(client_process);
  {
    auto container = client_process.run(open_container(connection, true));
    ASSERT_TRUE(container.is_ok());
    const Result<Epoch> recorded = client_process.run((*container)->create_snapshot(""));
    ASSERT_TRUE(recorded.is_ok());
    engine_process.kill();
    engine_process.start();
    ASSERT_TRUE(engine_process.run(snapshot_by_the_store(&engine_process.world(), &engine_process.disk(0))).is_ok());
    ASSERT_NE(serve(engine_process), nullptr);
    const auto snapshots = client_process.run((*container)->snapshots());
    ASSERT_TRUE(snapshots.is_ok()) << snapshots.status().to_string();
    ASSERT_EQ(snapshots->size(), 1u);
    EXPECT_EQ(snapshots->front().epoch, *recorded);
    engine_process.kill();
    engine_process.start();
    const auto stored = engine_process.run(snapshots_of_the_store(&engine_process.world(), &engine_process.disk(0)));
    ASSERT_TRUE(stored.is_ok());
    EXPECT_EQ(*stored, std::vector<Epoch>{*recorded});
    connection->close();
  }
  client_process.kill();
}

// ---- Requests that no client of ours would send ---------------------------------------------------------------------

class HostileRequestTest : public ::testing::Test {
 protected:
  HostileRequestTest() {
    process_.add_disk({.name = "disk 0"});
    CHECK(process_.run(format(&process_.world(), &process_.disk(0))).is_ok());
    Served* const served = serve(process_);
    CHECK(served != nullptr);
    channel_ = std::make_unique<rpc::InprocChannel>(process_.executor(), served->engine->dispatcher());
    wire::PoolConnectRequest connect_pool;
    connect_pool.pool = "pool";
    connect_pool.access = wire::Access::kReadWrite;
    pool_ = ask(connect_pool)->handle;
    wire::ContainerCreateRequest create;
    create.pool = pool_;
    create.label = "c";
    CHECK(ask(create).is_ok());
    wire::ContainerOpenRequest open;
    open.pool = pool_;
    open.container = "c";
    open.access = wire::Access::kReadWrite;
    container_ = ask(open)->handle;
  }

  template <typename Request>
  Result<typename Request::Reply> ask(Request request, rpc::Bulk bulk = {}) {
    return process_.run(rpc::call(*channel_, std::move(request), bulk));
  }
  wire::ObjectWriteRequest array_write(uint64_t record_size, std::vector<Recx> recxs) const {
    wire::ObjectWriteRequest request;
    request.handle = container_;
    ObjectWrite& write = request.writes.emplace_back();
    write.object = kObject;
    write.dkey = to_bytes("d");
    AkeyUpdate& update = write.akeys.emplace_back();
    update.akey = to_bytes("a");
    update.kind = ValueKind::kArray;
    update.record_size = record_size;
    update.recxs = std::move(recxs);
    return request;
  }
  Code write_code(const wire::ObjectWriteRequest& request) {
    const ByteView view = data_;
    const rpc::Bulk bulk{.send = std::span(&view, 1), .receive = {}};
    return ask(request, bulk).code();
  }

  SimScheduler scheduler_{1};
  SimNetwork network_{scheduler_};
  SimProcess process_{scheduler_, network_, "engine"};
  std::unique_ptr<rpc::InprocChannel> channel_;
  uint64_t pool_ = 0;
  uint64_t container_ = 0;
  Bytes data_ = Bytes(100);
};

TEST_F(HostileRequestTest, DataThatIsntAsLongAsItsExtentsIsInvalid) {
  EXPECT_EQ(write_code(array_write(1, {{.index = 0, .count = 100}})), Code::kOk);
  EXPECT_EQ(write_code(array_write(1, {{.index = 0, .count = 99}})), Code::kInvalidArgument);
  EXPECT_EQ(write_code(array_write(1, {{.index = 0, .count = 101}})), Code::kInvalidArgument);
  EXPECT_EQ(write_code(array_write(uint64_t{1} << 62, {{.index = 0, .count = 4}})), Code::kInvalidArgument);
  EXPECT_EQ(write_code(array_write(1, {{.index = 0, .count = ~uint64_t{0}}, {.index = 0, .count = 101}})),
            Code::kInvalidArgument);
  EXPECT_EQ(write_code(array_write(1, {{.index = ~uint64_t{0} - 5, .count = 100}})), Code::kInvalidArgument);
}

TEST_F(HostileRequestTest, RoomThatIsntWhatTheFetchSaysIsInvalid) {
  wire::ObjectFetchRequest request;
  request.handle = container_;
  request.object = kObject;
  request.dkey = to_bytes("d");
  request.epoch = kEpochMax;
  wire::FetchAkey& akey = request.akeys.emplace_back();
  akey.akey = to_bytes("a");
  akey.kind = ValueKind::kArray;
  akey.recxs = {{.index = 0, .count = 100}};
  const MutableBytes room = data_;
  const rpc::Bulk bulk{.send = {}, .receive = std::span(&room, 1)};
  for (const uint64_t said : {uint64_t{0}, uint64_t{99}, uint64_t{101}, ~uint64_t{0}}) {
    request.akeys[0].out_size = said;
    EXPECT_EQ(ask(request, bulk).code(), Code::kInvalidArgument) << said;
  }
  request.akeys[0].out_size = 100;
  EXPECT_EQ(ask(request, bulk).code(), Code::kOk);
}

TEST_F(HostileRequestTest, HandlesThatArentOpenAreStale) {
  for (const uint64_t handle : {uint64_t{0}, pool_, container_ + 1}) {
    wire::ContainerQueryRequest query;
    query.handle = handle;
    EXPECT_EQ(ask(query).code(), Code::kStaleHandle);
    wire::ContainerCloseRequest close;
    close.handle = handle;
    EXPECT_EQ(ask(close).code(), Code::kStaleHandle);
    wire::FlushRequest flush;
    flush.handle = handle;
    EXPECT_EQ(ask(flush).code(), Code::kStaleHandle);
  }
  wire::PoolQueryRequest query;
  query.handle = container_;
  EXPECT_EQ(ask(query).code(), Code::kStaleHandle);
}

TEST_F(HostileRequestTest, DisconnectingAPoolClosesItsContainers) {
  wire::PoolDisconnectRequest disconnect;
  disconnect.handle = pool_;
  ASSERT_TRUE(ask(disconnect).is_ok());
  wire::ContainerQueryRequest query;
  query.handle = container_;
  EXPECT_EQ(ask(query).code(), Code::kStaleHandle);
}

TEST_F(HostileRequestTest, VersionsThatDontMeetAreNamed) {
  wire::HelloRequest hello;
  hello.version_oldest = 7;
  hello.version_newest = 9;
  hello.release = "9.9";
  const auto reply = ask(hello);
  EXPECT_EQ(reply.code(), Code::kProtocolMismatch);
  EXPECT_NE(reply.status().message().find("7 to 9"), std::string_view::npos);
  EXPECT_NE(reply.status().message().find(std::to_string(wire::kProtocolVersionOldest) + " to " +
                                          std::to_string(wire::kProtocolVersion)),
            std::string_view::npos);
}

}  // namespace
}  // namespace aeon::engine
