#include "rpc/network_channel.h"

#include <gtest/gtest.h>

#include "echo_service.h"
#include "rpc/network_server.h"
#include "sim/for_each_seed.h"
#include "sim/sim_clock.h"
#include "sim/sim_network.h"
#include "sim/sim_scheduler.h"

namespace aeon::rpc {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kServerNode = 1, kClientNode = 2, kOtherNode = 3;
const std::string kServerAddress = SimNetwork::address(kServerNode, 1);

// What one process sees of the simulation.
struct Surroundings {
  Surroundings(SimScheduler& scheduler, SimNetwork& network, SimExecutor& process, uint64_t node)
      : clock(scheduler),
        random(scheduler.random().fork()),
        world{process, clock, network.port(process, node), random, faults} {}
  SimClock clock;
  Random random;
  Faults faults;
  World world;
};

struct ServerProcess {
  ServerProcess(SimScheduler& scheduler, SimNetwork& network, NetworkServer::Options options = {})
      : process(scheduler.new_process("server")),
        around(scheduler, network, process, kServerNode),
        service(process),
        dispatcher(process, around.random.next(), {}) {
    service.add_to(dispatcher);
    auto listening = NetworkServer::listen(around.world, kServerAddress, dispatcher, options);
    CHECK(listening.is_ok());
    server = std::move(listening).value();
  }
  SimExecutor& process;
  Surroundings around;
  EchoService service;
  Dispatcher dispatcher;
  std::unique_ptr<NetworkServer> server;
};

struct ClientProcess {
  ClientProcess(SimScheduler& scheduler, SimNetwork& network, uint64_t node = kClientNode)
      : process(scheduler.new_process("client")),
        around(scheduler, network, process, node),
        channel(std::make_unique<NetworkChannel>(around.world, kServerAddress, NetworkChannel::Options())) {}
  SimExecutor& process;
  Surroundings around;
  std::unique_ptr<NetworkChannel> channel;
};

Task<Status> hello(Channel* channel) {
  const auto reply = co_await call(*channel, wire::HelloRequest());
  co_return reply.status();
}

Task<void> say_hello(Channel* channel, Status* answer) { *answer = co_await hello(channel); }

Task<Result<wire::EpochReply>> ask(Channel* channel, std::string name, Duration timeout = kDefaultTimeout) {
  wire::SnapshotCreateRequest request;
  request.name = std::move(name);
  co_return co_await call(*channel, std::move(request), Bulk(), timeout);
}

Task<void> ask_and_check(Channel* channel, std::string name, int* wrong) {
  const auto reply = co_await ask(channel, std::move(name), 1h);
  if (!reply.is_ok() || reply->epoch.value != 1) ++*wrong;
}

Task<int> ask_many(Executor* executor, Channel* channel, int count) {
  int wrong = 0;
  ignore(co_await hello(channel), "the requests tell");
  Gate gate(*executor);
  for (int i = 0; i < count; ++i) gate.spawn(ask_and_check(channel, "request " + std::to_string(i), &wrong));
  co_await gate.close();
  co_return wrong;
}

Task<void> ask_and_keep(Channel* channel, std::string name, Status* answer) {
  const auto reply = co_await ask(channel, std::move(name));
  *answer = reply.status();
}

// Knows who may come, and this one mayn't.
class ClosedDoor final : public Network {
 public:
  Task<Result<std::unique_ptr<Stream>>> connect(std::string, Duration) override {
    ++attempts;
    co_return Status(Code::kPermission, "not you");
  }
  Result<std::unique_ptr<Listener>> listen(const std::string&) override { return Status(Code::kPermission, "not you"); }
  int attempts = 0;
};

TEST(NetworkChannel, WhoIsntLetInHearsSoAtOnceAndMayAskAgain) {
  SimScheduler scheduler(1);
  SimExecutor& process = scheduler.new_process("client");
  SimClock clock(scheduler);
  Random random = scheduler.random().fork();
  Faults faults;
  ClosedDoor network;
  World world{process, clock, network, random, faults};
  NetworkChannel channel(world, kServerAddress, NetworkChannel::Options());
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const Instant begin = scheduler.now();
    const Status answer = scheduler.run(process, hello(&channel));
    EXPECT_EQ(answer.code(), Code::kPermission) << answer.to_string();
    EXPECT_NE(answer.message().find("not you"), std::string_view::npos) << answer.to_string();
    EXPECT_LT(scheduler.now() - begin, 1s);
    EXPECT_EQ(network.attempts, attempt);
  }
  scheduler.run(process, channel.close());
}

TEST(NetworkChannel, ASilentServerIsNoticedAndTheNextOneAsked) {
  SimScheduler scheduler(7);
  SimNetwork network(scheduler);
  auto first = std::make_unique<ServerProcess>(scheduler, network);
  ClientProcess client(scheduler, network);
  ASSERT_TRUE(scheduler.run(client.process, hello(client.channel.get())).is_ok());
  // Its node loses power with the request in it: nobody tells the client.
  network.cut(kServerNode, kClientNode);
  Status answer(Code::kInProgress);
  client.process.spawn(say_hello(client.channel.get(), &answer));
  scheduler.run_for(1ms);
  scheduler.crash(first->process);
  scheduler.run_for(1s);  // What it had sent isn't sent again.
  network.heal_all();
  scheduler.run_for(3s);
  ServerProcess second(scheduler, network);
  scheduler.run_for(20s);
  EXPECT_TRUE(answer.is_ok()) << answer.to_string();
  EXPECT_EQ(client.channel->counters().connections, 2u);
  scheduler.kill(client.process);
  scheduler.kill(second.process);
}

TEST(NetworkChannel, ALongRequestOutlastsTheSilence) {
  SimScheduler scheduler(8);
  SimNetwork network(scheduler);
  ServerProcess server(scheduler, network);
  ClientProcess client(scheduler, network);
  ASSERT_TRUE(scheduler.run(client.process, hello(client.channel.get())).is_ok());
  server.service.pause = 40s;
  EXPECT_TRUE(scheduler.run(client.process, ask(client.channel.get(), "slow")).is_ok());
  EXPECT_EQ(client.channel->counters().connections, 1u);
  scheduler.kill(client.process);
  scheduler.kill(server.process);
}

TEST(NetworkChannel, StoppingAnswersWhatIsInProgress) {
  SimScheduler scheduler(9);
  SimNetwork network(scheduler);
  ServerProcess server(scheduler, network);
  ClientProcess client(scheduler, network);
  ASSERT_TRUE(scheduler.run(client.process, hello(client.channel.get())).is_ok());
  server.service.pause = 5s;
  Status answer(Code::kInProgress);
  client.process.spawn(ask_and_keep(client.channel.get(), "last", &answer));
  scheduler.run_for(1s);
  scheduler.run(server.process, server.server->stop());
  EXPECT_EQ(server.server->connection_count(), 0u);
  scheduler.run_for(1s);
  EXPECT_TRUE(answer.is_ok()) << answer.to_string();
  scheduler.run(client.process, client.channel->close());
}

// A request, whose answer is never read.
Task<Status> ask_and_turn_away(Network* network, std::unique_ptr<Stream>* stream, uint64_t life) {
  CO_TRY_ASSIGN(*stream, co_await network->connect(kServerAddress, 5s));
  for (uint64_t id = 1; id <= 32; ++id) {
    wire::Buffer message;
    wire::begin_message(message);
    wire::Encoder encoder(message, wire::kProtocolVersion);
    encoder(wire::ObjectFetchRequest());
    wire::Header header;
    header.opcode = static_cast<uint16_t>(wire::Opcode::kObjectFetch);
    header.flags = wire::kFlagMayRepeat;
    header.client_id = 77;
    header.server_life = life;
    header.request_id = id;
    header.acknowledged_below = 1;
    header.reply_bulk_room = kMiB;
    wire::seal_message(header, message);
    const ByteView piece = message.view();
    CO_TRY(co_await (*stream)->write(std::span(&piece, 1)));
  }
  co_return ok();
}

TEST(NetworkChannel, StoppingDoesntWaitForAClientThatTakesNoAnswer) {
  SimScheduler scheduler(11);
  SimNetwork network(scheduler);
  ServerProcess server(scheduler, network);
  ClientProcess client(scheduler, network);
  ASSERT_TRUE(scheduler.run(client.process, hello(client.channel.get())).is_ok());
  std::unique_ptr<Stream> stream;
  const Status asked =
      scheduler.run(client.process, ask_and_turn_away(&client.around.world.network, &stream, server.dispatcher.life()));
  ASSERT_TRUE(asked.is_ok()) << asked.to_string();
  scheduler.run_for(1s);
  const Instant begin = scheduler.now();
  scheduler.run(server.process, server.server->stop());
  EXPECT_GE(scheduler.now() - begin, 4s) << "it waited for the answers to be taken";
  EXPECT_LE(scheduler.now() - begin, 6s);
  EXPECT_EQ(server.server->connection_count(), 0u);
  stream.reset();
  scheduler.run(client.process, client.channel->close());
}

// What a peer that isn't ours may send, byte by byte.
Task<Status> send_bytes(Network* network, Bytes bytes, bool* was_closed) {
  CO_TRY_ASSIGN(const std::unique_ptr<Stream> stream, co_await network->connect(kServerAddress, 5s));
  const ByteView piece = bytes;
  CO_TRY(co_await stream->write(std::span(&piece, 1)));
  std::byte one{};
  const Result<size_t> read = co_await stream->read(std::span(&one, 1));
  *was_closed = !read.is_ok() || *read == 0;
  co_return ok();
}

TEST(NetworkChannel, AConnectionThatSendsNonsenseOrStopsHalfwayIsClosed) {
  wire::Buffer good;
  wire::begin_message(good);
  wire::Header header;
  header.flags = wire::kFlagPing;
  wire::seal_message(header, good);
  Bytes damaged = good.to_bytes();
  damaged[40] ^= std::byte{1};
  Bytes half = good.to_bytes();
  half.resize(50);
  Bytes huge = good.to_bytes();
  store_le(huge.data() + 12, uint32_t{60 * kMiB});  // It says how much follows, and then nothing does.
  for (const Bytes& bytes : {Bytes(200, std::byte{'x'}), damaged, half, huge}) {
    SimScheduler scheduler(10);
    SimNetwork network(scheduler);
    ServerProcess server(scheduler, network);
    ClientProcess client(scheduler, network);
    bool was_closed = false;
    EXPECT_TRUE(scheduler.run(client.process, send_bytes(&client.around.world.network, bytes, &was_closed)).is_ok());
    EXPECT_TRUE(was_closed);
    EXPECT_TRUE(scheduler.run(client.process, hello(client.channel.get())).is_ok()) << "others go on";
    scheduler.kill(client.process);
    scheduler.kill(server.process);
  }
}

SIMULATION(NetworkChannel, EachRequestIsDoneOnceWhateverTheNetworkDoes) {
  SimScheduler scheduler(seed);
  SimNetwork network(scheduler);
  network.set_link(SimLink::random(scheduler.random(), 0.3));
  ServerProcess server(scheduler, network);
  ClientProcess client(scheduler, network);
  EXPECT_EQ(scheduler.run(client.process, ask_many(&client.process, client.channel.get(), 100)), 0);
  EXPECT_EQ(server.service.asked().size(), 100u);
  for (const auto& [name, count] : server.service.asked()) EXPECT_EQ(count, 1u) << name;
  scheduler.kill(client.process);
  scheduler.kill(server.process);
}

TEST(NetworkChannel, TheSeedsAboveBreakConnections) {
  SimScheduler scheduler(1);
  SimNetwork network(scheduler);
  network.set_link(SimLink::flaky());
  ServerProcess server(scheduler, network);
  ClientProcess client(scheduler, network);
  EXPECT_EQ(scheduler.run(client.process, ask_many(&client.process, client.channel.get(), 500)), 0);
  EXPECT_GT(client.channel->counters().resent, 0u);
  EXPECT_GT(client.channel->counters().connections, 1u);
  EXPECT_GT(server.server->counters().repeated, 0u);
  scheduler.kill(client.process);
  scheduler.kill(server.process);
}

Task<Status> write_and_fetch(Channel* channel, const Bytes* data, Bytes* room) {
  CO_TRY(co_await hello(channel));
  const ByteView view = *data;
  const MutableBytes room_view = *room;
  const Bulk out{.send = std::span(&view, 1), .receive = {}};
  CO_TRY(co_await call(*channel, wire::ObjectWriteRequest(), out));
  const Bulk in{.send = {}, .receive = std::span(&room_view, 1)};
  CO_TRY(co_await call(*channel, wire::ObjectFetchRequest(), in));
  co_return ok();
}

TEST(NetworkChannel, DataTravelsInTheMessagesAndHolesStayAsTheyWere) {
  SimScheduler scheduler(3);
  SimNetwork network(scheduler);
  ServerProcess server(scheduler, network);
  ClientProcess client(scheduler, network);
  const Bytes data(100'000, std::byte{'d'});
  Bytes room(100'000, std::byte{'.'});
  const Status status = scheduler.run(client.process, write_and_fetch(client.channel.get(), &data, &room));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_EQ(server.service.written(), data);
  EXPECT_EQ(as_text(room), "." + std::string(99'998, 'x') + ".");
  scheduler.kill(client.process);
  scheduler.kill(server.process);
}

TEST(NetworkChannel, DataBeyondWhatTheServerHasMemoryForIsTooBig) {
  SimScheduler scheduler(3);
  SimNetwork network(scheduler);
  NetworkServer::Options options;
  options.request_memory_max = 64 * kKiB;
  ServerProcess server(scheduler, network, options);
  ClientProcess client(scheduler, network);
  const Bytes data(100'000);
  Bytes room;
  EXPECT_EQ(scheduler.run(client.process, write_and_fetch(client.channel.get(), &data, &room)).code(), Code::kTooBig);
  // The connection goes on behind the data that nobody took.
  const Bytes small(1000, std::byte{'s'});
  EXPECT_TRUE(scheduler.run(client.process, write_and_fetch(client.channel.get(), &small, &room)).is_ok());
  EXPECT_EQ(client.channel->counters().connections, 1u);
  scheduler.kill(client.process);
  scheduler.kill(server.process);
}

TEST(NetworkChannel, AnUnreachableServerTimesOutAtTheDeadline) {
  SimScheduler scheduler(4);
  SimNetwork network(scheduler);
  network.cut_both(kServerNode, kClientNode);
  ServerProcess server(scheduler, network);
  ClientProcess client(scheduler, network);
  const Instant begin = scheduler.now();
  const auto reply = scheduler.run(client.process, ask(client.channel.get(), "x", 3s));
  EXPECT_EQ(reply.code(), Code::kUnavailable);
  EXPECT_NE(reply.status().message().find("wasn't sent"), std::string_view::npos) << reply.status().to_string();
  EXPECT_GE(scheduler.now() - begin, 3s);
  EXPECT_LT(scheduler.now() - begin, 4s);
  scheduler.kill(client.process);
  scheduler.kill(server.process);
}

TEST(NetworkChannel, AfterARestartARequestThatNobodyHasSeenIsDoneByTheNewLife) {
  SimScheduler scheduler(5);
  SimNetwork network(scheduler);
  auto server = std::make_unique<ServerProcess>(scheduler, network);
  ClientProcess client(scheduler, network);
  ASSERT_EQ(scheduler.run(client.process, ask_many(&client.process, client.channel.get(), 1)), 0);
  scheduler.kill(server->process);
  scheduler.run_for(1s);  // The client notices.
  ServerProcess second(scheduler, network);

  const uint64_t first_life = client.channel->server_life();
  EXPECT_TRUE(scheduler.run(client.process, ask(client.channel.get(), "not repeatable")).is_ok());
  EXPECT_EQ(second.service.asked().at("not repeatable"), 1u);
  EXPECT_NE(client.channel->server_life(), first_life);
  scheduler.kill(client.process);
  scheduler.kill(second.process);
}

// Found by the scenario `system`, seed 54: a write was done and then refused as if it hadn't been.
TEST(NetworkChannel, ARequestIsntDoneAgainByANewLifeThatAnotherRequestHeardOf) {
  SimScheduler scheduler(6);
  SimNetwork network(scheduler);
  auto first = std::make_unique<ServerProcess>(scheduler, network);
  ClientProcess client(scheduler, network);
  ASSERT_EQ(scheduler.run(client.process, ask_many(&client.process, client.channel.get(), 1)), 0);

  network.cut(kServerNode, kClientNode);
  Status answer;
  client.channel->set_version(wire::kProtocolVersionOldest);  // From when servers didn't know again what they did.
  client.process.spawn(ask_and_keep(client.channel.get(), "done before", &answer));
  scheduler.run_for(20ms);
  ASSERT_EQ(first->service.asked().count("done before"), 1u);
  scheduler.kill(first->process);
  ServerProcess second(scheduler, network);
  network.heal_all();

  ASSERT_TRUE(scheduler.run(client.process, hello(client.channel.get())).is_ok());
  scheduler.run_for(10s);
  EXPECT_EQ(answer.code(), Code::kTimedOut);
  EXPECT_NE(answer.message().find("restarted"), std::string_view::npos) << answer.to_string();
  EXPECT_TRUE(second.service.asked().empty());
  scheduler.kill(client.process);
  scheduler.kill(second.process);
}

// A network on which whoever connects has shown to be a client.
class ClientStream final : public Stream {
 public:
  explicit ClientStream(std::unique_ptr<Stream> below) : below_(std::move(below)) {}
  Task<Result<size_t>> read(MutableBytes into) override { return below_->read(into); }
  Task<Status> write(std::span<const ByteView> pieces) override { return below_->write(pieces); }
  void shut() override { below_->shut(); }
  bool may_be_server() const override { return false; }
  const std::string& peer() const override { return below_->peer(); }

 private:
  const std::unique_ptr<Stream> below_;
};
class ClientListener final : public Listener {
 public:
  explicit ClientListener(std::unique_ptr<Listener> below) : below_(std::move(below)) {}
  Task<Result<std::unique_ptr<Stream>>> accept() override {
    CO_TRY_ASSIGN(std::unique_ptr<Stream> stream, co_await below_->accept());
    co_return std::unique_ptr<Stream>(std::make_unique<ClientStream>(std::move(stream)));
  }
  void shut() override { below_->shut(); }
  const std::string& address() const override { return below_->address(); }

 private:
  const std::unique_ptr<Listener> below_;
};
class ClientNetwork final : public Network {
 public:
  explicit ClientNetwork(Network& below) : below_(below) {}
  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, Duration timeout) override {
    return below_.connect(std::move(address), timeout);
  }
  Result<std::unique_ptr<Listener>> listen(const std::string& address) override {
    TRY_ASSIGN(std::unique_ptr<Listener> listener, below_.listen(address));
    return std::unique_ptr<Listener>(std::make_unique<ClientListener>(std::move(listener)));
  }

 private:
  Network& below_;
};

Task<Status> ask_as_a_target(Channel* channel) {
  const auto reply = co_await call(*channel, wire::TargetClockRequest());
  co_return reply.status();
}

TEST(NetworkChannel, AClientCantAskWhatOnlyTargetsMay) {
  SimScheduler scheduler(10);
  SimNetwork network(scheduler);
  SimExecutor& process = scheduler.new_process("server");
  Surroundings around(scheduler, network, process, kServerNode);
  ClientNetwork clients(around.world.network);
  World world{process, around.clock, clients, around.random, around.faults};
  EchoService service(process);
  Dispatcher dispatcher(process, 1, {});
  service.add_to(dispatcher);
  auto server = NetworkServer::listen(world, kServerAddress, dispatcher, {});
  ASSERT_TRUE(server.is_ok());
  ClientProcess client(scheduler, network);
  EXPECT_TRUE(scheduler.run(client.process, hello(client.channel.get())).is_ok());
  EXPECT_EQ(scheduler.run(client.process, ask_as_a_target(client.channel.get())).code(), Code::kPermission);
  EXPECT_TRUE(scheduler.run(client.process, ask(client.channel.get(), "else")).is_ok());
  scheduler.kill(client.process);
  scheduler.kill(process);

  ServerProcess open(scheduler, network);  // Where nobody shows what it is, it is looked at, and not known here.
  ClientProcess other(scheduler, network);
  EXPECT_TRUE(scheduler.run(other.process, hello(other.channel.get())).is_ok());
  EXPECT_EQ(scheduler.run(other.process, ask_as_a_target(other.channel.get())).code(), Code::kProtocolMismatch);
  scheduler.kill(other.process);
  scheduler.kill(open.process);
}

Task<void> write_and_keep(Channel* channel, Duration timeout, Result<Epoch>* answer) {
  wire::ObjectWriteRequest request;
  request.writes.emplace_back();
  const auto reply = co_await call(*channel, std::move(request), Bulk(), timeout);
  *answer = reply.is_ok() ? Result<Epoch>(reply->epoch) : Result<Epoch>(reply.status());
}

// What a store would remember: one request, if any.
struct OneDone final : DoneRequests {
  Task<Result<std::optional<DoneRequest>>> find(RequestId id) override {
    asked.push_back(id.number);
    if (!status.is_ok()) co_return status;
    if (id.number != number) co_return std::optional<DoneRequest>();
    co_return std::optional<DoneRequest>(done);
  }
  uint64_t number = 0;
  DoneRequest done{.epoch = Epoch{77}, .made = {}};
  Status status;
  std::vector<uint64_t> asked;
};

// A write whose answer was lost with the server that made it.
struct LostAnswer {
  explicit LostAnswer(uint64_t seed, Duration timeout = kDefaultTimeout) : scheduler(seed), network(scheduler) {
    first = std::make_unique<ServerProcess>(scheduler, network);
    client = std::make_unique<ClientProcess>(scheduler, network);
    EXPECT_EQ(scheduler.run(client->process, ask_many(&client->process, client->channel.get(), 1)), 0);
    network.cut(kServerNode, kClientNode);
    client->process.spawn(write_and_keep(client->channel.get(), timeout, &answer));
    scheduler.run_for(20ms);
    EXPECT_EQ(first->service.write_count(), 1u);
    scheduler.kill(first->process);
  }
  ~LostAnswer() {
    scheduler.kill(client->process);
    if (second != nullptr) scheduler.kill(second->process);
  }
  uint64_t number() const { return first->service.last_write(); }
  void start_again() {
    start_unreachable();
    network.heal_all();
    scheduler.run_for(10s);
  }
  void start_unreachable(NetworkServer::Options options = {}) {
    second = std::make_unique<ServerProcess>(scheduler, network, options);
    second->dispatcher.use(memory);
  }
  // Until the client has given the old connection up; what is on its way there would still come.
  void stay_unreachable() { scheduler.run_for(30s); }

  SimScheduler scheduler;
  SimNetwork network;
  std::unique_ptr<ServerProcess> first, second;
  std::unique_ptr<ClientProcess> client;
  OneDone memory;
  Result<Epoch> answer{Status(Code::kInProgress)};
};

TEST(NetworkChannel, WhatWasDoneIsAnsweredByTheNewLifeAndNotDoneAgain) {
  LostAnswer lost(7);
  lost.memory.number = lost.number();
  lost.start_again();
  ASSERT_TRUE(lost.answer.is_ok()) << lost.answer.status().to_string();
  EXPECT_EQ(lost.answer->value, 77u);
  EXPECT_EQ(lost.memory.asked, std::vector<uint64_t>{lost.number()});
  EXPECT_EQ(lost.second->service.write_count(), 0u);
  EXPECT_TRUE(lost.first->service.sent_before().empty());
}

TEST(NetworkChannel, WhatWasntDoneIsDoneByTheNewLife) {
  LostAnswer lost(8);
  lost.start_again();
  ASSERT_TRUE(lost.answer.is_ok()) << lost.answer.status().to_string();
  EXPECT_EQ(lost.memory.asked, std::vector<uint64_t>{lost.number()});
  EXPECT_EQ(lost.second->service.sent_before(), std::vector<uint64_t>{lost.number()});
}

TEST(NetworkChannel, WhatCantBeFoundOutIsTheAnswer) {
  LostAnswer lost(9);
  lost.memory.status = Status(Code::kCorrupt, "the record is damaged");
  lost.start_again();
  EXPECT_EQ(lost.answer.code(), Code::kCorrupt);
  EXPECT_EQ(lost.second->service.write_count(), 0u);
}

// That it is full or stopping would mean that the write wasn't done.
TEST(NetworkChannel, WhereItCantBeLookedUpForWantOfRoomItWaits) {
  LostAnswer lost(11, 4min);
  lost.memory.number = lost.number();
  lost.start_unreachable({.clients_max = 1});
  ClientProcess other(lost.scheduler, lost.network, kOtherNode);
  ASSERT_TRUE(lost.scheduler.run(other.process, hello(other.channel.get())).is_ok());
  lost.stay_unreachable();
  lost.network.heal_all();
  lost.scheduler.run_for(10s);
  EXPECT_EQ(lost.answer.code(), Code::kInProgress) << lost.answer.status().to_string();
  EXPECT_TRUE(lost.memory.asked.empty());
  lost.scheduler.kill(other.process);
  lost.scheduler.run_for(30s);
  ASSERT_TRUE(lost.answer.is_ok()) << lost.answer.status().to_string();
  EXPECT_EQ(lost.answer->value, 77u);
  EXPECT_EQ(lost.second->service.write_count(), 0u);
}

TEST(NetworkChannel, WhereTheServerIsStoppingTheLifeBehindItIsAsked) {
  LostAnswer lost(12, 4min);
  lost.memory.number = lost.number();
  lost.start_unreachable();
  lost.second->service.pause = 50s;
  ClientProcess other(lost.scheduler, lost.network, kOtherNode);
  Status slow(Code::kInProgress);
  other.process.spawn(ask_and_keep(other.channel.get(), "slow", &slow));
  lost.stay_unreachable();
  lost.second->process.spawn(lost.second->server->stop());
  lost.network.heal_all();
  lost.scheduler.run_for(10s);
  EXPECT_EQ(lost.answer.code(), Code::kInProgress) << lost.answer.status().to_string();
  EXPECT_EQ(slow.code(), Code::kInProgress) << "it is still stopping";
  EXPECT_TRUE(lost.memory.asked.empty());
  lost.scheduler.run_for(30s);
  EXPECT_TRUE(slow.is_ok()) << slow.to_string();
  lost.scheduler.kill(other.process);
  lost.scheduler.kill(lost.second->process);
  lost.start_again();
  ASSERT_TRUE(lost.answer.is_ok()) << lost.answer.status().to_string();
  EXPECT_EQ(lost.answer->value, 77u);
  EXPECT_EQ(lost.second->service.write_count(), 0u);
}

TEST(NetworkChannel, WhatWasSentTooLongAgoToBeKnownIsntAsked) {
  LostAnswer lost(10, 1h);
  lost.scheduler.run_for(6min);
  lost.start_again();
  EXPECT_EQ(lost.answer.code(), Code::kTimedOut) << lost.answer.status().to_string();
  EXPECT_TRUE(lost.memory.asked.empty());
  EXPECT_EQ(lost.second->service.write_count(), 0u);
}

TEST(NetworkChannel, AnOlderProtocolKnowsNothingAgain) {
  SimScheduler scheduler(9);
  SimNetwork network(scheduler);
  ServerProcess server(scheduler, network);
  ClientProcess client(scheduler, network);
  client.channel->set_version(wire::kProtocolVersionOldest);
  Exchange exchange;
  ASSERT_TRUE(prepare(exchange, *client.channel, wire::ObjectWriteRequest()).is_ok());
  EXPECT_FALSE(exchange.is_known_again);
  client.channel->set_version(wire::kProtocolVersion);
  Exchange newer;
  ASSERT_TRUE(prepare(newer, *client.channel, wire::ObjectWriteRequest()).is_ok());
  EXPECT_TRUE(newer.is_known_again);
  scheduler.kill(client.process);
  scheduler.kill(server.process);
}

}  // namespace
}  // namespace aeon::rpc
