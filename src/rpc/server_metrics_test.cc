#include "rpc/server_metrics.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "metrics/load.h"
#include "rpc/inproc_channel.h"
#include "rpc/network_channel.h"
#include "sim/sim_process.h"

namespace aeon::rpc {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kServerNode = 1, kClientNode = 2;
const std::string kServerAddress = SimNetwork::address(kServerNode, 1);

// Takes as long as it is asked to, and remembers the requests' headers.
class SlowService {
 public:
  explicit SlowService(Executor& executor) : executor_(executor) {}

  void add_to(Dispatcher& dispatcher) {
    dispatcher.serve<wire::HelloRequest>(*this, &SlowService::hello);
    dispatcher.serve<wire::SnapshotCreateRequest>(*this, &SlowService::take_ms);
    dispatcher.serve<wire::ObjectWriteRequest>(*this, &SlowService::write);
    dispatcher.serve<wire::ObjectFetchRequest>(*this, &SlowService::fetch);
  }

  std::vector<wire::Header> headers;

 private:
  Result<wire::HelloReply> hello(wire::HelloRequest, ServerCall&) { return wire::HelloReply{}; }
  // As many as the handle says.
  Task<Result<wire::EpochReply>> take_ms(wire::SnapshotCreateRequest request, ServerCall& call) {
    headers.push_back(call.header());
    co_await sleep_for(executor_, std::chrono::milliseconds(request.handle));
    if (request.name == "fail") co_return Status(Code::kConflict, "as asked");
    co_return wire::EpochReply();
  }
  Result<wire::EpochReply> write(wire::ObjectWriteRequest, ServerCall& call) {
    headers.push_back(call.header());
    return wire::EpochReply{};
  }
  Result<wire::ObjectFetchReply> fetch(wire::ObjectFetchRequest, ServerCall& call) {
    call.filled(0, call.room_size());
    return wire::ObjectFetchReply{};
  }

  Executor& executor_;
};

Task<Status> take_ms(Channel* channel, uint64_t ms, std::string name = "", uint64_t trace_id = 0) {
  wire::SnapshotCreateRequest request;
  request.handle = ms;
  request.name = std::move(name);
  const auto reply = co_await call(*channel, std::move(request), Bulk(), 1h, trace_id);
  co_return reply.status();
}
Task<void> take_ms_unseen(Channel* channel, uint64_t ms) { ignore(co_await take_ms(channel, ms), "the counts tell"); }

Task<Status> move_data(Channel* channel, Bytes* data) {
  const ByteView view = *data;
  const MutableBytes room = *data;
  const Bulk out{.send = std::span(&view, 1), .receive = {}};
  CO_TRY(co_await call(*channel, wire::ObjectWriteRequest(), out));
  const Bulk in{.send = {}, .receive = std::span(&room, 1)};
  CO_TRY(co_await call(*channel, wire::ObjectFetchRequest(), in));
  co_return ok();
}

class ServerMetricsTest : public ::testing::Test {
 protected:
  explicit ServerMetricsTest(Dispatcher::Options options = {})
      : service_(process_.executor()), dispatcher_(process_.executor(), 5, options) {
    service_.add_to(dispatcher_);
  }

  Status ask(uint64_t ms, std::string name = "", uint64_t trace_id = 0) {
    return process_.run(take_ms(&channel_, ms, std::move(name), trace_id));
  }
  wire::OperationStatus operation(wire::Opcode opcode) const {
    for (wire::OperationStatus& operation : operations_of(dispatcher_)) {
      if (operation.opcode == static_cast<uint16_t>(opcode)) return operation;
    }
    return {};
  }

  SimScheduler scheduler_{3};
  SimNetwork network_{scheduler_};
  SimProcess process_{scheduler_, network_, "server", kServerNode};
  SlowService service_;
  Dispatcher dispatcher_;
  InprocChannel channel_{process_.executor(), dispatcher_};
};

TEST_F(ServerMetricsTest, CountsByKindAndByHowItWent) {
  EXPECT_TRUE(ask(1).is_ok());
  EXPECT_TRUE(ask(1).is_ok());
  EXPECT_EQ(ask(1, "fail").code(), Code::kConflict);
  const wire::OperationStatus asked = operation(wire::Opcode::kSnapshotCreate);
  EXPECT_EQ(asked.answered, 3u);
  EXPECT_EQ(asked.failed, 1u);
  EXPECT_EQ(asked.in_progress, 0u);
  EXPECT_EQ(operation(wire::Opcode::kObjectFetch).answered, 0u);
  EXPECT_EQ(operations_of(dispatcher_).size(), 1u) << "only kinds that there were";
  metrics::Collection found;
  collect(dispatcher_, {{"target", "0"}}, found);
  const std::string text = found.text();
  const std::string ok_line = "aeon_requests_total{target=\"0\",operation=\"snapshot_create\",code=\"ok\"} 2\n";
  const std::string failed_line =
      "aeon_requests_total{target=\"0\",operation=\"snapshot_create\",code=\"conflict\"} 1\n";
  EXPECT_NE(text.find(ok_line), std::string::npos) << text;
  EXPECT_NE(text.find(failed_line), std::string::npos) << text;
}

TEST_F(ServerMetricsTest, MeasuresHowLongItTook) {
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ask(i == 0 ? 400 : 8).is_ok());
  const metrics::Histogram service = metrics::from_wire(operation(wire::Opcode::kSnapshotCreate).service);
  EXPECT_EQ(service.count(), 20u);
  EXPECT_NEAR(static_cast<double>(service.percentile(0.5)), 8e6, 8e6 / 16);
  EXPECT_NEAR(static_cast<double>(service.max()), 400e6, 1e6);
}

TEST_F(ServerMetricsTest, CountsTheBytesOfMessagesAndData) {
  Bytes data(100'000, std::byte{'d'});
  ASSERT_TRUE(process_.run(move_data(&channel_, &data)).is_ok());
  const wire::OperationStatus write = operation(wire::Opcode::kObjectWrite);
  EXPECT_GE(write.bytes_received, 100'000 + wire::kHeaderSize);
  EXPECT_LT(write.bytes_received, 101'000u);
  EXPECT_LT(write.bytes_sent, 1'000u);
  const wire::OperationStatus fetch = operation(wire::Opcode::kObjectFetch);
  EXPECT_LT(fetch.bytes_received, 1'000u);
  EXPECT_GE(fetch.bytes_sent, 100'000 + wire::kHeaderSize);
}

TEST_F(ServerMetricsTest, ARequestThatIsntUnderstoodIsAFailure) {
  wire::Buffer request;
  wire::begin_message(request);
  request.append(as_bytes("abc"));
  wire::Header header;
  header.opcode = static_cast<uint16_t>(wire::Opcode::kSnapshotCreate);
  wire::seal_message(header, request);
  wire::Buffer reply;
  ServerCall malformed(request.view(), {}, {}, reply);
  process_.run(dispatcher_.handle(malformed));
  EXPECT_EQ(operation(wire::Opcode::kSnapshotCreate).failed, 1u);
}

TEST_F(ServerMetricsTest, EachRequestHasATraceIdUnlessItsCallerGaveOne) {
  EXPECT_TRUE(ask(1).is_ok());
  EXPECT_TRUE(ask(1).is_ok());
  EXPECT_TRUE(ask(1, "", 0x77).is_ok());
  ASSERT_EQ(service_.headers.size(), 3u);
  EXPECT_NE(service_.headers[0].trace_id, 0u);
  EXPECT_NE(service_.headers[0].trace_id, service_.headers[1].trace_id);
  EXPECT_EQ(service_.headers[2].trace_id, 0x77u);
}

TEST_F(ServerMetricsTest, ASlowRequestIsLoggedWithItsTraceId) {
  log::set_level(log::Level::kWarn);
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(ask(999, "", 0x1).is_ok());
  EXPECT_TRUE(ask(1500, "", 0xfeed).is_ok());
  const std::string logged = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(logged.find("slow_request operation=\"snapshot_create\" trace=\"000000000000feed\""), std::string::npos)
      << logged;
  EXPECT_EQ(logged.find("trace=\"0000000000000001\""), std::string::npos) << logged;
  EXPECT_EQ(dispatcher_.slow_count(), 1u);
}

class OneAtATimeTest : public ServerMetricsTest {
 protected:
  OneAtATimeTest() : ServerMetricsTest({.in_flight_max = 1, .waiting_max = 2}) {}
};

TEST_F(OneAtATimeTest, WaitingForATurnIsMeasuredApart) {
  for (int i = 0; i < 4; ++i) process_.executor().spawn(take_ms_unseen(&channel_, 100));
  scheduler_.run_for(50ms);
  EXPECT_EQ(dispatcher_.waiting(), 2u);
  EXPECT_EQ(operation(wire::Opcode::kSnapshotCreate).in_progress, 1u);
  scheduler_.run_for(1s);
  const wire::OperationStatus asked = operation(wire::Opcode::kSnapshotCreate);
  EXPECT_EQ(asked.answered, 4u);
  EXPECT_EQ(asked.failed, 1u) << "one too many";
  const metrics::Histogram service = metrics::from_wire(asked.service), waited = metrics::from_wire(asked.waited);
  EXPECT_EQ(service.count(), 3u);
  EXPECT_NEAR(static_cast<double>(service.max()), 100e6, 1e6);
  EXPECT_EQ(waited.count(), 2u);
  EXPECT_NEAR(static_cast<double>(waited.max()), 200e6, 1e6);
  metrics::Collection found;
  collect(dispatcher_, {}, found);
  const std::string wait_count = "aeon_request_wait_seconds_count{operation=\"snapshot_create\"} 3\n";
  EXPECT_NE(found.text().find(wait_count), std::string::npos) << "who didn't wait counts as zero";
}

Task<Status> talk(Channel* channel, int count) {
  const auto hello = co_await call(*channel, wire::HelloRequest());
  CO_TRY(hello.status());
  for (int i = 0; i < count; ++i) CO_TRY(co_await take_ms(channel, 1));
  co_return ok();
}

TEST_F(ServerMetricsTest, ClientsAreListedByTheirRequests) {
  NetworkServer::Options options;
  auto listening = NetworkServer::listen(process_.world(), kServerAddress, dispatcher_, options);
  ASSERT_TRUE(listening.is_ok());
  const std::unique_ptr<NetworkServer> server = std::move(*listening);
  SimProcess clients(scheduler_, network_, "clients", kClientNode);
  NetworkChannel quiet(clients.world(), kServerAddress, {}), busy(clients.world(), kServerAddress, {});
  ASSERT_TRUE(clients.run(talk(&quiet, 2)).is_ok());
  ASSERT_TRUE(clients.run(talk(&busy, 9)).is_ok());
  scheduler_.run_for(3s);
  const std::vector<wire::ClientStatus> all = server->clients(100);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].requests, 10u);
  EXPECT_EQ(all[1].requests, 3u);
  EXPECT_GT(all[0].bytes_received, 10 * wire::kHeaderSize);
  EXPECT_GT(all[0].bytes_sent, 10 * wire::kHeaderSize);
  EXPECT_NE(all[0].peer, "");
  EXPECT_GE(all[0].silent_ns, 2'900'000'000u);
  EXPECT_EQ(server->clients(1).size(), 1u);
  EXPECT_EQ(server->clients(1)[0].id, all[0].id);
  clients.run(busy.close());
  scheduler_.run_for(1s);
  ASSERT_EQ(server->clients(100).size(), 1u) << "only those with a connection";
  EXPECT_EQ(server->clients(100)[0].requests, 3u);
  clients.run(quiet.close());
  process_.run(server->stop());
}

TEST_F(ServerMetricsTest, ATraceIdStaysTheSameWhenARequestIsSentAgain) {
  auto listening = NetworkServer::listen(process_.world(), kServerAddress, dispatcher_, {});
  ASSERT_TRUE(listening.is_ok());
  const std::unique_ptr<NetworkServer> server = std::move(*listening);
  SimProcess client(scheduler_, network_, "client", kClientNode);
  NetworkChannel channel(client.world(), kServerAddress, {});
  ASSERT_TRUE(client.run(talk(&channel, 0)).is_ok());
  network_.cut_both(kServerNode, kClientNode);
  client.executor().spawn(take_ms_unseen(&channel, 1));
  scheduler_.run_for(30s);
  network_.heal_all();
  scheduler_.run_for(30s);
  EXPECT_GE(channel.counters().resent, 1u);
  ASSERT_EQ(service_.headers.size(), 1u);
  const uint64_t expected = make_trace_id(service_.headers[0].client_id, service_.headers[0].request_id);
  EXPECT_EQ(service_.headers[0].trace_id, expected);
  client.run(channel.close());
  process_.run(server->stop());
}

}  // namespace
}  // namespace aeon::rpc
