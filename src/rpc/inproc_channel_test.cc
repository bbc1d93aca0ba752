#include "rpc/inproc_channel.h"

#include <gtest/gtest.h>

#include "echo_service.h"
#include "runtime/reactor.h"

namespace aeon::rpc {
namespace {

class InprocChannelTest : public ::testing::Test {
 protected:
  explicit InprocChannelTest(Dispatcher::Options options = {}) : dispatcher_(reactor_, 77, options) {
    service_.add_to(dispatcher_);
  }

  Result<wire::PoolQueryReply> query(uint64_t handle) {
    wire::PoolQueryRequest request;
    request.handle = handle;
    return reactor_.run(call(channel_, request));
  }

  Reactor reactor_;
  EchoService service_{reactor_};
  Dispatcher dispatcher_;
  InprocChannel channel_{reactor_, dispatcher_};
};

TEST_F(InprocChannelTest, BringsTheAnswer) {
  const auto reply = query(5);
  ASSERT_TRUE(reply.is_ok()) << reply.status().to_string();
  EXPECT_EQ(reply->pool.free, 5u);
}

TEST_F(InprocChannelTest, PassesTheServersCodeAndMessage) {
  const auto reply = query(0);
  EXPECT_EQ(reply.code(), Code::kStaleHandle);
  EXPECT_EQ(reply.status().message(), "no such handle");
}

TEST_F(InprocChannelTest, ARequestThatNobodyServesIsNamed) {
  const auto reply = reactor_.run(call(channel_, wire::PoolListRequest()));
  EXPECT_EQ(reply.code(), Code::kProtocolMismatch);
  EXPECT_NE(reply.status().message().find("pool_list"), std::string_view::npos);
}

TEST_F(InprocChannelTest, AnotherProtocolVersionIsRefusedNamingBoth) {
  channel_.set_version(9);
  const auto reply = query(5);
  EXPECT_EQ(reply.code(), Code::kProtocolMismatch);
  EXPECT_NE(reply.status().message().find("version 9"), std::string_view::npos);
  EXPECT_NE(reply.status().message().find("speaks " + std::to_string(wire::kProtocolVersionOldest) + " to " +
                                          std::to_string(wire::kProtocolVersion)),
            std::string_view::npos);
}

TEST_F(InprocChannelTest, TheServerReadsTheCallersMemoryInPlace) {
  const Bytes data = to_bytes("abcdef");
  const std::vector<ByteView> pieces{ByteView(data).first(2), ByteView(data).subspan(2)};
  const Bulk bulk{.send = pieces, .receive = {}};
  ASSERT_TRUE(reactor_.run(call(channel_, wire::ObjectWriteRequest(), bulk)).is_ok());
  EXPECT_EQ(service_.written(), data);
  EXPECT_EQ(service_.first_written(), data.data() + 2);
}

TEST_F(InprocChannelTest, TheServerWritesTheCallersMemoryInPlace) {
  Bytes room = to_bytes("......");
  const std::vector<MutableBytes> pieces{MutableBytes(room).first(2), MutableBytes(room).subspan(2)};
  const Bulk bulk{.send = {}, .receive = pieces};
  ASSERT_TRUE(reactor_.run(call(channel_, wire::ObjectFetchRequest(), bulk)).is_ok());
  EXPECT_EQ(as_text(room), ".xxxx.");
}

TEST_F(InprocChannelTest, AfterDisconnectCallsAreUnavailable) {
  channel_.disconnect();
  EXPECT_EQ(query(5).code(), Code::kUnavailable);
}

TEST_F(InprocChannelTest, AStoppedDispatcherAnswersUnavailable) {
  reactor_.run(dispatcher_.stop());
  EXPECT_EQ(query(5).code(), Code::kUnavailable);
}

TEST_F(InprocChannelTest, AMessageThatIsDamagedIsAnsweredCorrupt) {
  const Bytes garbage(200, std::byte{0x5a});
  wire::Buffer reply;
  ServerCall damaged(garbage, {}, {}, reply);
  reactor_.run(dispatcher_.handle(damaged));
  const Result<wire::Message> message = wire::open_message(reply.view());
  ASSERT_TRUE(message.is_ok());
  EXPECT_EQ(wire::decode_reply<wire::EmptyReply>(message->payload, 1).code(), Code::kCorrupt);
  EXPECT_EQ(dispatcher_.counters().refused, 1u);
}

TEST_F(InprocChannelTest, FieldsThatDontDecodeAreInvalid) {
  wire::Buffer request;
  wire::begin_message(request);
  request.append(as_bytes("abc"));
  wire::Header header;
  header.opcode = static_cast<uint16_t>(wire::Opcode::kPoolQuery);
  wire::seal_message(header, request);
  wire::Buffer reply;
  ServerCall malformed(request.view(), {}, {}, reply);
  reactor_.run(dispatcher_.handle(malformed));
  const Result<wire::Message> message = wire::open_message(reply.view());
  ASSERT_TRUE(message.is_ok());
  EXPECT_EQ(wire::decode_reply<wire::EmptyReply>(message->payload, 1).code(), Code::kInvalidArgument);
}

class BoundedDispatcherTest : public InprocChannelTest {
 protected:
  BoundedDispatcherTest() : InprocChannelTest({.in_flight_max = 2, .waiting_max = 3}) {}

  static Task<void> ask(Channel* channel, std::vector<Code>* codes) {
    wire::SnapshotCreateRequest request;
    request.name = "n";
    const auto reply = co_await call(*channel, request);
    codes->push_back(reply.code());
  }
  static Task<void> ask_all(Executor* executor, Channel* channel, size_t count, std::vector<Code>* codes) {
    Gate gate(*executor);
    for (size_t i = 0; i < count; ++i) gate.spawn(ask(channel, codes));
    co_await gate.close();
  }
};

TEST_F(BoundedDispatcherTest, RunsNoMoreThanItsBoundAndTellsTheRestToComeBack) {
  std::vector<Code> codes;
  reactor_.run(ask_all(&reactor_, &channel_, 9, &codes));
  ASSERT_EQ(codes.size(), 9u);
  EXPECT_EQ(std::count(codes.begin(), codes.end(), Code::kOk), 5);
  EXPECT_EQ(std::count(codes.begin(), codes.end(), Code::kBusy), 4);
  EXPECT_EQ(service_.running_max(), 2u);
}

}  // namespace
}  // namespace aeon::rpc
