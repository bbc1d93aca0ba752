#include "rpc/dispatcher.h"

#include <gtest/gtest.h>

#include "sim/sim_process.h"

namespace aeon::rpc {
namespace {

using namespace std::chrono_literals;

// Stands for any request between targets.
struct TargetRequest {
  static constexpr wire::Opcode kOpcode{wire::kTargetOpcodesFrom};
  using Reply = wire::EmptyReply;
  static void io(auto&, auto&) {}
};

// Each request takes a while; whose they were is noted as they begin.
class SlowService {
 public:
  explicit SlowService(Executor& executor) : executor_(executor) {}
  void add_to(Dispatcher& dispatcher) {
    dispatcher.serve<wire::FlushRequest>(*this, &SlowService::flush);
    dispatcher.serve<TargetRequest>(*this, &SlowService::ask_target);
  }
  std::vector<uint64_t> begun;

 private:
  Task<Result<wire::FlushReply>> flush(wire::FlushRequest, ServerCall& call) {
    begun.push_back(call.header().client_id);
    co_await sleep_for(executor_, 1s);
    co_return wire::FlushReply();
  }
  Task<Result<wire::EmptyReply>> ask_target(TargetRequest, ServerCall&) {
    co_await sleep_for(executor_, 1s);
    co_return wire::EmptyReply();
  }
  Executor& executor_;
};

struct Tally {
  std::map<uint64_t, int> done, busy, late;  // By client.
};

template <typename Request>
Task<void> ask(Dispatcher* dispatcher, uint64_t client, uint64_t deadline_ns, Tally* tally) {
  wire::Buffer message, reply;
  wire::begin_message(message);
  wire::encode(Request(), wire::kProtocolVersion, message);
  wire::Header header;
  header.opcode = static_cast<uint16_t>(Request::kOpcode);
  header.client_id = client;
  header.deadline_ns = deadline_ns;
  wire::seal_message(header, message);
  ServerCall call(message.view(), {}, {}, reply);
  co_await dispatcher->handle(call);
  const Result<wire::Message> answer = wire::open_message(reply.view());
  CHECK(answer.is_ok());
  const auto opened = wire::decode_reply<typename Request::Reply>(answer->payload, wire::kProtocolVersion);
  if (opened.is_ok()) ++tally->done[client];
  if (opened.code() == Code::kBusy) ++tally->busy[client];
  if (opened.code() == Code::kTimedOut) ++tally->late[client];
}

class DispatcherTest : public ::testing::Test {
 protected:
  explicit DispatcherTest(Dispatcher::Options options = {.in_flight_max = 2,
                                                         .waiting_max = 100,
                                                         .between_targets_max = 8})
      : service_(process_.executor()), dispatcher_(process_.executor(), 5, options) {
    service_.add_to(dispatcher_);
  }

  template <typename Request = wire::FlushRequest>
  void begin(uint64_t client, int count, uint64_t deadline_ns = 0) {
    for (int i = 0; i < count; ++i) process_.executor().spawn(ask<Request>(&dispatcher_, client, deadline_ns, &tally_));
    scheduler_.run_for(100us);  // What begins at once begins in any order.
  }

  SimScheduler scheduler_{3};
  SimNetwork network_{scheduler_};
  SimProcess process_{scheduler_, network_, "server"};
  SlowService service_;
  Dispatcher dispatcher_;
  Tally tally_;
};

TEST_F(DispatcherTest, TurnsGoAroundTheClientsHoweverManyRequestsOneHas) {
  begin(1, 60);
  begin(2, 3);
  begin(3, 3);
  scheduler_.run_for(1ms);
  EXPECT_EQ(dispatcher_.waiting(), 64u);
  scheduler_.run_for(300s);
  ASSERT_EQ(service_.begun.size(), 66u);
  const std::vector<uint64_t> first(service_.begun.begin(), service_.begun.begin() + 12);
  EXPECT_EQ(first, (std::vector<uint64_t>{1, 1, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1}));
  EXPECT_EQ(tally_.done[1], 60);
}

TEST_F(DispatcherTest, OneClientDoesntFillTheWaitingRoomForOthers) {
  begin(1, 500);
  scheduler_.run_for(1ms);
  EXPECT_EQ(dispatcher_.waiting(), 100u) << "while nobody else comes it may have all of it";
  EXPECT_EQ(tally_.busy[1], 398);
  begin(2, 30);
  begin(3, 30);
  scheduler_.run_for(1ms);
  EXPECT_EQ(dispatcher_.waiting(), 100u);
  EXPECT_EQ(tally_.busy[1], 458) << "its newest made room";
  scheduler_.run_for(300s);
  EXPECT_EQ(tally_.done[2], 30);
  EXPECT_EQ(tally_.done[3], 30);
  EXPECT_EQ(tally_.done[1], 42);
}

TEST_F(DispatcherTest, WhoHasNoFewerWaitingThanOthersIsToldToComeLater) {
  begin(9, 2);
  for (uint64_t client = 10; client < 110; ++client) begin(client, 1);
  begin(7, 5);
  begin(10, 5);
  scheduler_.run_for(300s);
  EXPECT_EQ(tally_.busy[7], 5);
  EXPECT_EQ(tally_.busy[10], 5);
  for (uint64_t client = 10; client < 110; ++client) EXPECT_EQ(tally_.done[client], 1) << client;
}

TEST_F(DispatcherTest, RequestsBetweenTargetsNeedNoTurn) {
  begin(1, 50);
  scheduler_.run_for(1ms);
  begin<TargetRequest>(2, 8);
  scheduler_.run_for(1100ms);
  EXPECT_EQ(tally_.done[2], 8) << "though all turns are taken and others wait";
  begin<TargetRequest>(2, 20);
  scheduler_.run_for(1ms);
  EXPECT_EQ(tally_.busy[2], 12) << "beyond their own bound";
  scheduler_.run_for(300s);
  EXPECT_EQ(tally_.done[1], 50);
  EXPECT_EQ(tally_.done[2], 16);
}

TEST_F(DispatcherTest, ADeadlineThatPassesInTheQueueIsToldAndAnImpossibleOneIsFar) {
  begin(1, 2);
  begin(1, 1, 1'000'000);
  begin(2, 1, ~uint64_t{0});
  begin(3, 1, ~uint64_t{0} >> 1);
  scheduler_.run_for(300s);
  EXPECT_EQ(tally_.late[1], 1);
  EXPECT_EQ(tally_.done[2], 1);
  EXPECT_EQ(tally_.done[3], 1);
}

TEST_F(DispatcherTest, ACrashWhileRequestsWaitIsHarmless) {
  begin(1, 20);
  begin(2, 20);
  scheduler_.run_for(1ms);
  process_.crash();
  EXPECT_EQ(tally_.done[1], 0);
}

}  // namespace
}  // namespace aeon::rpc
