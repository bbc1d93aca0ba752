#include "sim/sim_network.h"

#include <gtest/gtest.h>

#include "sim/for_each_seed.h"
#include "sim/sim_process.h"

namespace aeon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Address kClient{1, 0};
constexpr Address kServer{2, 7};

// Two processes; the second one notes what it hears.
struct Pair {
  explicit Pair(uint64_t seed)
      : scheduler(seed),
        network(scheduler),
        client(scheduler.new_process("client")),
        server(scheduler.new_process("server")) {
    listen(server);
  }
  void listen(SimExecutor& process) {
    EXPECT_TRUE(network.port(process)
                    .listen(kServer,
                            [this](Address from, Bytes message) {
                              EXPECT_EQ(from, kClient);
                              heard.push_back(load_le<uint32_t>(message.data()));
                            })
                    .is_ok());
  }
  void send(uint32_t number, Address to = kServer) {
    Bytes message(sizeof number);
    store_le(message.data(), number);
    network.port(client).send(kClient, to, std::move(message));
  }
  void send_many(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) send(i);
    scheduler.run_for(seconds(10));
  }
  uint64_t faults(std::string_view name) { return scheduler.fault_counts().count(name); }

  SimScheduler scheduler;
  SimNetwork network;
  SimExecutor& client;
  SimExecutor& server;
  std::vector<uint32_t> heard;
};

TEST(SimNetwork, DeliversEachMessageOnce) {
  Pair pair(1);
  pair.send_many(100);
  std::sort(pair.heard.begin(), pair.heard.end());
  ASSERT_EQ(pair.heard.size(), 100u);
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(pair.heard[i], i);
}

TEST(SimNetwork, MessagesOvertakeUnlessTheLinkIsInOrder) {
  Pair pair(1);
  pair.send_many(100);
  EXPECT_FALSE(std::is_sorted(pair.heard.begin(), pair.heard.end()));
  EXPECT_GT(pair.faults("network_reordered"), 0u);
  Pair ordered(1);
  SimLink link;
  link.in_order = true;
  ordered.network.set_link(link);
  ordered.send_many(100);
  EXPECT_EQ(ordered.heard.size(), 100u);
  EXPECT_TRUE(std::is_sorted(ordered.heard.begin(), ordered.heard.end()));
  EXPECT_EQ(ordered.faults("network_reordered"), 0u);
}

TEST(SimNetwork, LosesAndRepeatsAsOftenAsTheLinkSays) {
  Pair pair(1);
  SimLink link;
  link.loss = 0.3;
  link.duplication = 0.2;
  link.long_delay = 0.1;
  pair.network.set_link(link);
  pair.send_many(1000);
  EXPECT_NEAR(static_cast<double>(pair.faults("network_lost")), 300, 60);
  EXPECT_NEAR(static_cast<double>(pair.faults("network_duplicated")), 140, 50);
  EXPECT_GT(pair.faults("network_delayed"), 40u);
  EXPECT_EQ(pair.heard.size(), 1000 - pair.faults("network_lost") + pair.faults("network_duplicated"));
}

TEST(SimNetwork, ALinkOfItsOwnLeavesTheOthersAlone) {
  Pair pair(1);
  SimLink deaf;
  deaf.loss = 1;
  pair.network.set_link(2, 1, deaf);
  pair.send_many(5);
  EXPECT_EQ(pair.heard.size(), 5u);
  pair.network.set_link(1, 2, deaf);
  pair.send_many(5);
  EXPECT_EQ(pair.heard.size(), 5u);
}

TEST(SimNetwork, ACutIsOneWayAndHeals) {
  Pair pair(1);
  int answers = 0;
  ASSERT_TRUE(pair.network.port(pair.client).listen(kClient, [&](Address, Bytes) { ++answers; }).is_ok());
  pair.network.cut(1, 2);
  pair.send_many(3);
  pair.network.port(pair.server).send(kServer, kClient, Bytes(4));
  pair.scheduler.run_for(seconds(1));
  EXPECT_EQ(pair.heard.size(), 0u);
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(pair.faults("network_cut"), 3u);
  pair.network.heal(1, 2);
  pair.send_many(3);
  EXPECT_EQ(pair.heard.size(), 3u);
}

TEST(SimNetwork, IsolatedNodesHearEachOtherOnly) {
  SimScheduler scheduler(1);
  SimNetwork network(scheduler);
  network.isolate({1, 2});
  EXPECT_TRUE(network.is_cut(1, 3));
  EXPECT_TRUE(network.is_cut(3, 2));
  EXPECT_FALSE(network.is_cut(1, 2));
  EXPECT_FALSE(network.is_cut(3, 4));
  network.heal_all();
  EXPECT_FALSE(network.is_cut(1, 3));
}

TEST(SimNetwork, AnAddressHasOneListener) {
  Pair pair(1);
  EXPECT_EQ(pair.network.port(pair.client).listen(kServer, [](Address, Bytes) {}).code(), Code::kExists);
  pair.network.port(pair.client).unlisten(kServer);  // Not its own: no effect.
  pair.send_many(1);
  EXPECT_EQ(pair.heard.size(), 1u);
  pair.network.port(pair.server).unlisten(kServer);
  pair.send_many(1);
  EXPECT_EQ(pair.heard.size(), 1u);
  EXPECT_TRUE(pair.network.port(pair.client).listen(kServer, [](Address, Bytes) {}).is_ok());
}

TEST(SimNetwork, ACrashFreesTheAddressAndWhatIsUnderWayMayReachTheNextListener) {
  Pair pair(1);
  pair.send(1);
  pair.scheduler.crash(pair.server);
  SimExecutor& again = pair.scheduler.new_process("server again");
  pair.listen(again);
  pair.scheduler.run_for(seconds(1));
  EXPECT_EQ(pair.heard, std::vector<uint32_t>{1});
  pair.scheduler.crash(again);
  pair.send_many(1);
  EXPECT_EQ(pair.heard.size(), 1u);
}

TEST(SimNetwork, ACrashedProcessSendsNothing) {
  Pair pair(1);
  Network& port = pair.network.port(pair.client);
  pair.scheduler.crash(pair.client);
  port.send(kClient, kServer, Bytes(4));
  pair.scheduler.run_for(seconds(1));
  EXPECT_TRUE(pair.heard.empty());
  EXPECT_EQ(port.listen(kClient, [](Address, Bytes) {}).code(), Code::kUnavailable);
}

TEST(SimNetwork, APausedProcessHearsLater) {
  Pair pair(1);
  pair.scheduler.pause(pair.server, seconds(5));
  pair.send(1);
  pair.scheduler.run_for(seconds(4));
  EXPECT_TRUE(pair.heard.empty());
  pair.scheduler.run_for(seconds(2));
  EXPECT_EQ(pair.heard.size(), 1u);
}

TEST(SimNetwork, AReceiverMayUnlistenItself) {
  SimScheduler scheduler(1);
  SimNetwork network(scheduler);
  SimExecutor& process = scheduler.new_process("p");
  Network& port = network.port(process);
  int heard = 0;
  ASSERT_TRUE(port.listen(kServer,
                          [&heard, &port](Address, Bytes) {
                            port.unlisten(kServer);
                            ++heard;
                          })
                  .is_ok());
  for (int i = 0; i < 3; ++i) port.send(kClient, kServer, Bytes(1));
  scheduler.run_for(seconds(1));
  EXPECT_EQ(heard, 1);
}

uint64_t hash_of_a_run(uint64_t seed) {
  Pair pair(seed);
  pair.network.set_link(SimLink::random(pair.scheduler.random(), 0.2));
  pair.send_many(50);
  return pair.scheduler.trace_hash();
}

TEST(SimNetwork, RepeatsFromTheSeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(hash_of_a_run(seed), hash_of_a_run(seed));
  EXPECT_NE(hash_of_a_run(1), hash_of_a_run(2));
}

Task<Status> write_and_flush(Disk* disk, uint64_t value) {
  DiskBuffer buffer(kDiskBlockSize);
  store_le(buffer.data(), value);
  CO_TRY(co_await disk->write(0, buffer.bytes()));
  Status status = co_await disk->flush();
  co_return status;
}

Task<uint64_t> read_value(Disk* disk) {
  DiskBuffer buffer(kDiskBlockSize);
  const Status status = co_await disk->read(0, buffer.bytes());
  EXPECT_TRUE(status.is_ok());
  co_return load_le<uint64_t>(buffer.data());
}

TEST(SimProcess, StartsAgainOnItsDisks) {
  SimScheduler scheduler(1);
  SimNetwork network(scheduler);
  SimProcess process(scheduler, network, "engine");
  SimDisk& disk = process.add_disk({});
  for (uint64_t life = 1; life <= 3; ++life) {
    EXPECT_TRUE(process.run(write_and_flush(&disk, life)).is_ok());
    EXPECT_TRUE(process.world().network.listen(kServer, [](Address, Bytes) {}).is_ok());
    if (life == 2)
      process.kill();
    else
      process.crash();
    EXPECT_FALSE(process.is_alive());
    process.start();
    EXPECT_EQ(process.run(read_value(&disk)), life);
  }
  EXPECT_EQ(process.life_count(), 4u);
}

}  // namespace
}  // namespace aeon
