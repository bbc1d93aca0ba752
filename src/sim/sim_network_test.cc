#include "sim/sim_network.h"

#include <gtest/gtest.h>

#include "sim/for_each_seed.h"
#include "sim/sim_process.h"

namespace aeon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kClient = 1, kServer = 2;
const std::string kAddress = SimNetwork::address(kServer, 7);

// What one side did with a stream.
struct Notes {
  std::unique_ptr<Stream> stream;
  Status connected{Code::kInProgress};
  std::string read;
  Status ended{Code::kInProgress};
  Status written{Code::kInProgress};
};

Task<void> read_all(Notes* notes) {
  std::byte buffer[1000];
  while (true) {
    const Result<size_t> count = co_await notes->stream->read(buffer);
    if (!count.is_ok() || *count == 0) {
      notes->ended = count.status();
      co_return;
    }
    notes->read += as_text(ByteView(buffer).first(*count));
  }
}
Task<void> accept_and_read(Listener* listener, Notes* notes) {
  Result<std::unique_ptr<Stream>> stream = co_await listener->accept();
  if (!stream.is_ok()) co_return;
  notes->stream = std::move(*stream);
  co_await read_all(notes);
}
Task<void> connect(Network* network, Notes* notes, Duration timeout = seconds(5)) {
  Result<std::unique_ptr<Stream>> stream = co_await network->connect(kAddress, timeout);
  notes->connected = stream.status();
  if (stream.is_ok()) notes->stream = std::move(*stream);
}
Task<void> write(Notes* notes, std::string text) {
  const ByteView piece = as_bytes(text);
  notes->written = co_await notes->stream->write(std::span(&piece, 1));
}

// Two processes and a connection between them; the server reads whatever comes.
struct Pair {
  explicit Pair(uint64_t seed)
      : scheduler(seed),
        network(scheduler),
        client(scheduler.new_process("client")),
        server(scheduler.new_process("server")) {
    auto listening = network.port(server, kServer).listen(kAddress);
    CHECK(listening.is_ok());
    listener = std::move(*listening);
    server.spawn(accept_and_read(listener.get(), &there));
    scheduler.run(client, connect(&network.port(client, kClient), &here));
    scheduler.run_for(milliseconds(10));
  }
  ~Pair() {
    scheduler.kill(client);
    scheduler.kill(server);
  }
  void send(std::string text) {
    client.spawn(write(&here, std::move(text)));
    scheduler.run_for(seconds(1));
  }
  uint64_t faults(std::string_view name) { return scheduler.fault_counts().count(name); }

  SimScheduler scheduler;
  SimNetwork network;
  SimExecutor& client;
  SimExecutor& server;
  std::unique_ptr<Listener> listener;
  Notes here, there;
};

std::string long_text(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 23);
  return text;
}

TEST(SimNetwork, CarriesBytesInOrderAndTellsTheEnd) {
  Pair pair(1);
  ASSERT_TRUE(pair.here.connected.is_ok());
  const std::string text = long_text(1'000'000);
  pair.send(text);
  pair.scheduler.run_for(seconds(100));
  EXPECT_TRUE(pair.here.written.is_ok());
  EXPECT_EQ(pair.there.read, text);
  EXPECT_EQ(pair.there.ended.code(), Code::kInProgress);
  pair.here.stream->shut();
  pair.scheduler.run_for(seconds(1));
  EXPECT_TRUE(pair.there.ended.is_ok());
  pair.send("more");
  EXPECT_EQ(pair.here.written.code(), Code::kUnavailable);
}

TEST(SimNetwork, AWriterWaitsForItsReader) {
  Pair pair(1);
  pair.scheduler.pause(pair.server, seconds(10));
  pair.send(long_text(1'000'000));
  EXPECT_EQ(pair.here.written.code(), Code::kInProgress);
  pair.scheduler.run_for(seconds(60));
  EXPECT_TRUE(pair.here.written.is_ok());
  EXPECT_EQ(pair.there.read.size(), 1'000'000u);
}

TEST(SimNetwork, StallsAndBreaksAsOftenAsTheLinkSays) {
  uint64_t stalled = 0, reset = 0, whole = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Pair pair(seed);
    SimLink link;
    link.stall = 0.2;
    link.reset = 0.1;
    pair.network.set_link(link);
    pair.send("text");
    pair.scheduler.run_for(seconds(10));
    stalled += pair.faults("network_stalled") != 0;
    reset += pair.faults("network_reset");
    whole += pair.there.read == "text";
    if (pair.faults("network_reset") == 0) continue;
    pair.send("later");
    EXPECT_EQ(pair.here.written.code(), Code::kUnavailable);
    EXPECT_EQ(pair.there.ended.code(), Code::kUnavailable);
  }
  EXPECT_NEAR(static_cast<double>(reset), 20, 15);
  EXPECT_GT(stalled, 20u);
  EXPECT_EQ(whole, 200 - reset);
}

TEST(SimNetwork, ACutHoldsUpUntilItHeals) {
  Pair pair(1);
  pair.network.cut(kClient, kServer);
  pair.send("text");
  EXPECT_EQ(pair.there.read, "");
  EXPECT_GT(pair.faults("network_cut"), 0u);
  pair.network.heal(kClient, kServer);
  pair.scheduler.run_for(seconds(5));
  EXPECT_EQ(pair.there.read, "text");
}

TEST(SimNetwork, AConnectionDoesntOutlastALongCut) {
  Pair pair(1);
  pair.network.cut(kClient, kServer);
  pair.send("text");
  pair.scheduler.run_for(seconds(60));
  pair.network.heal_all();
  pair.send("more");
  EXPECT_EQ(pair.here.written.code(), Code::kUnavailable);
  EXPECT_EQ(pair.there.read, "");
  EXPECT_EQ(pair.faults("network_abandoned"), 1u);
}

TEST(SimNetwork, ConnectingThroughACutEndsInTime) {
  Pair pair(1);
  pair.network.isolate({kServer});
  Notes notes;
  const Instant begin = pair.scheduler.now();
  pair.scheduler.run(pair.client, connect(&pair.network.port(pair.client, kClient), &notes, seconds(3)));
  EXPECT_EQ(notes.connected.code(), Code::kUnavailable);
  EXPECT_GE(pair.scheduler.now() - begin, seconds(3));
  EXPECT_LT(pair.scheduler.now() - begin, milliseconds(3001));
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

TEST(SimNetwork, AnAddressHasOneListenerOnItsNode) {
  Pair pair(1);
  EXPECT_EQ(pair.network.port(pair.server, kServer).listen(kAddress).code(), Code::kExists);
  EXPECT_EQ(pair.network.port(pair.client, kClient).listen(kAddress).code(), Code::kInvalidArgument);
  pair.listener->shut();
  Notes notes;
  pair.scheduler.run(pair.client, connect(&pair.network.port(pair.client, kClient), &notes));
  EXPECT_EQ(notes.connected.code(), Code::kUnavailable);
  EXPECT_NE(notes.connected.message().find("nobody listens"), std::string_view::npos);
  EXPECT_TRUE(pair.network.port(pair.server, kServer).listen(kAddress).is_ok());
}

TEST(SimNetwork, PeersOfAKilledProcessAreToldAndThoseOfADarkNodeAreNot) {
  for (const bool power_lost : {false, true}) {
    Pair pair(1);
    pair.client.spawn(read_all(&pair.here));
    if (power_lost) {
      pair.scheduler.crash(pair.server);
    } else {
      pair.scheduler.kill(pair.server);
    }
    pair.scheduler.run_for(seconds(60));
    EXPECT_EQ(pair.here.ended.code(), power_lost ? Code::kInProgress : Code::kUnavailable);
    if (!power_lost) continue;
    // The node runs again, and hears of a connection that it doesn't know.
    SimExecutor& again = pair.scheduler.new_process("server again");
    pair.network.port(again, kServer);
    pair.send("text");
    EXPECT_EQ(pair.here.ended.code(), Code::kUnavailable);
    pair.scheduler.kill(again);
  }
}

uint64_t hash_of_a_run(uint64_t seed) {
  Pair pair(seed);
  pair.network.set_link(SimLink::random(pair.scheduler.random(), 0.2));
  pair.send(long_text(300'000));
  pair.scheduler.run_for(seconds(10));
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
  SimProcess process(scheduler, network, "engine", kServer);
  SimDisk& disk = process.add_disk({});
  for (uint64_t life = 1; life <= 3; ++life) {
    EXPECT_TRUE(process.run(write_and_flush(&disk, life)).is_ok());
    const auto listener = process.world().network.listen(kAddress);
    EXPECT_TRUE(listener.is_ok());
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
