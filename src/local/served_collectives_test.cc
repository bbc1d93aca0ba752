// A served system of so many targets that what goes to all of them goes over trees.
#include <algorithm>
#include <thread>

#include "client/key_value.h"
#include "client/network_system.h"
#include "local/directory_server.h"
#include "local_system_fixture_test.h"
#include "placement/object_class.h"

namespace aeon::local {
namespace {

constexpr uint32_t kTargetCount = 20;
constexpr int kKeyCount = 200;

class ServedCollectives : public LocalSystemTest {
 protected:
  void SetUp() override {
    CreateOptions options = small();
    options.log_size = 256 * kKiB;
    options.target_count = kTargetCount;
    ASSERT_TRUE(LocalSystem::create(directory(), options).is_ok());
    ServeOptions serve;
    serve.open.memory_budget = 640 * kMiB;  // The least there may be; it isn't used.
    auto opened = DirectoryServer::open(directory(), serve);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    server_ = std::move(*opened);
    serving_ = std::thread([this] { served_ = server_->run(); });
    auto connected = client::NetworkSystem::connect(server_->addresses().front(), {});
    ASSERT_TRUE(connected.is_ok()) << connected.status().to_string();
    client_ = *connected;
    auto pool = client_->run(client_->connect_pool("default", Access::kReadWrite));
    ASSERT_TRUE(pool.is_ok()) << pool.status().to_string();
    pool_ = *pool;
  }
  void TearDown() override {
    pool_.reset();
    client_.reset();
    if (!serving_.joinable()) return;
    server_->stop();
    serving_.join();
    EXPECT_TRUE(served_.is_ok()) << served_.to_string();
  }

  std::shared_ptr<client::Container> make(const std::string& label, client::Properties properties = {}) {
    client::ContainerSpec spec;
    spec.label = label;
    spec.properties = std::move(properties);
    const auto created = client_->run(pool_->create_container(std::move(spec)));
    EXPECT_TRUE(created.is_ok()) << created.status().to_string();
    const auto opened = client_->run(pool_->open_container(label, Access::kReadWrite));
    CHECK(opened.is_ok());
    return *opened;
  }
  std::string key_at(const std::shared_ptr<client::Container>& container, uint32_t flag) {
    const auto found = client_->run(container->query_key(kObject, flag | kGetDkey, Bytes(), Bytes()));
    return found.is_ok() ? std::string(as_text(found->dkey)) : std::string(code_name(found.code()));
  }
  static uint64_t answered(const wire::TargetStatus& target, wire::Opcode opcode) {
    const auto found =
        std::ranges::find(target.operations, static_cast<uint16_t>(opcode), &wire::OperationStatus::opcode);
    return found == target.operations.end() ? 0 : found->answered;
  }

  const ObjectId kObject = placement::make_object_id({.hi = 0, .lo = 1}, 0, placement::kSX);
  std::unique_ptr<DirectoryServer> server_;
  std::thread serving_;
  Status served_;
  std::shared_ptr<client::System> client_;
  std::shared_ptr<client::Pool> pool_;
};

TEST_F(ServedCollectives, DoWhatOneByOneDoes) {
  const auto container = make("c", {{client::kPropDurability, uint64_t{1}}});
  client::KeyValue keys(container, kObject);
  EXPECT_EQ(key_at(container, kGetMax), "not_found");
  for (int i = 0; i < kKeyCount; ++i) {
    ASSERT_TRUE(client_->run(keys.put(std::to_string(1000 + i), as_bytes("value"))).is_ok()) << i;
  }
  EXPECT_EQ(key_at(container, kGetMin), "1000");
  EXPECT_EQ(key_at(container, kGetMax), std::to_string(1000 + kKeyCount - 1));
  const Status flushed = client_->run(container->flush());
  EXPECT_TRUE(flushed.is_ok()) << flushed.to_string();

  const auto snapshot = client_->run(container->create_snapshot(""));
  ASSERT_TRUE(snapshot.is_ok()) << snapshot.status().to_string();
  const auto newest = client_->run(container->query_max_epoch(kObject));
  ASSERT_TRUE(newest.is_ok());
  EXPECT_LE(*newest, *snapshot);
  EXPECT_GT(*newest, kEpochZero);

  const Status punched = client_->run(keys.destroy());
  EXPECT_TRUE(punched.is_ok()) << punched.to_string();
  EXPECT_EQ(key_at(container, kGetMax), "not_found");
  client::KeyValue before(container, kObject, *snapshot);
  EXPECT_TRUE(client_->run(before.get("1000")).is_ok());

  auto asking = client::EngineStatus::connect(server_->addresses().front());
  ASSERT_TRUE(asking.is_ok());
  const auto told = (*asking)->ask(10);
  ASSERT_TRUE(told.is_ok()) << told.status().to_string();
  EXPECT_TRUE(told->is_healthy) << told->trouble;
  ASSERT_EQ(told->targets.size(), kTargetCount);
  uint64_t of_clients = 0;
  for (const wire::TargetStatus& target : told->targets) {
    of_clients += answered(target, wire::Opcode::kCollective);
    EXPECT_EQ(answered(target, wire::Opcode::kPoolQuery), 0u);
    if (target.index != 0) {
      EXPECT_GT(answered(target, wire::Opcode::kTargetCollective), 0u) << target.index;
      EXPECT_GT(answered(target, wire::Opcode::kTargetPrepare), 0u) << target.index;
    }
  }
  EXPECT_GE(of_clients, 6u) << "the queries, and the flush";
}

TEST_F(ServedCollectives, ContainersAreMadeAndDestroyedOnAllTargets) {
  for (int round = 0; round < 3; ++round) {
    const std::string label = "c" + std::to_string(round);
    const auto container = make(label);
    const auto info = client_->run(container->query());
    ASSERT_TRUE(info.is_ok()) << info.status().to_string();
    client::KeyValue keys(container, kObject);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(client_->run(keys.put(std::to_string(i), as_bytes("v"))).is_ok());
    const Status destroyed = client_->run(pool_->destroy_container(label, true));
    ASSERT_TRUE(destroyed.is_ok()) << destroyed.to_string();
    EXPECT_EQ(client_->run(keys.get("1")).code(), Code::kStaleHandle);
  }
  const auto pools = client_->run(client_->list_pools());
  ASSERT_TRUE(pools.is_ok());
  EXPECT_EQ(pools->front().target_count, kTargetCount);
  EXPECT_EQ(pools->front().container_count, 0u);
}

}  // namespace
}  // namespace aeon::local
