// TLS over real sockets.

#include <gtest/gtest.h>

#include <array>

#include "identities_test.h"
#include "runtime/gate.h"
#include "runtime/sockets.h"
#include "runtime/system.h"
#include "tls/tls_network.h"

namespace aeon::tls {
namespace {

constexpr Duration kSoon = std::chrono::seconds(20);

Task<void> write_much(Stream* stream, size_t size, Status* written) {
  std::string text(size, 'x');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 >> 4);
  std::vector<ByteView> pieces;
  const ByteView whole = as_bytes(text);
  for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece * 3 % 100'003) {
    pieces.push_back(whole.subspan(at, std::min<size_t>(piece, size - at)));
  }
  *written = co_await stream->write(pieces);
  stream->shut();
}

Task<Status> send_much(Reactor* reactor, TlsNetwork* network) {
  constexpr size_t kSize = 32'000'000;
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, network->listen("tls:127.0.0.1:0"));
  EXPECT_TRUE(listener->address().starts_with("tls:127.0.0.1:")) << listener->address();
  Gate gate(*reactor);
  Status written(Code::kCanceled);
  Task<Result<std::unique_ptr<Stream>>> accepting = listener->accept();
  Result<std::unique_ptr<Stream>> to = Status(Code::kCanceled);
  const auto connect = [](TlsNetwork* by, std::string address, Result<std::unique_ptr<Stream>>* result,
                          Status* status) -> Task<void> {
    *result = co_await by->connect(std::move(address), kSoon);
    if (result->is_ok()) co_await write_much((*result)->get(), kSize, status);
  };
  gate.spawn(connect(network, listener->address(), &to, &written));
  CO_TRY_ASSIGN(const std::unique_ptr<Stream> from, co_await accepting);
  co_await sleep_for(*reactor, std::chrono::milliseconds(20));
  EXPECT_EQ(written.code(), Code::kCanceled) << "it must wait for the reader";
  std::array<std::byte, 50'000> buffer{};
  size_t size = 0, wrong = 0;
  while (true) {
    CO_TRY_ASSIGN(const size_t count, co_await from->read(buffer));
    if (count == 0) break;
    for (size_t i = 0; i < count; ++i, ++size) wrong += buffer[i] != static_cast<std::byte>(size * 31 >> 4);
  }
  EXPECT_EQ(size, kSize);
  EXPECT_EQ(wrong, 0u);
  co_await gate.close();
  listener->shut();
  const Status over = (co_await listener->accept()).status();
  EXPECT_EQ(over.code(), Code::kUnavailable);
  co_return written;
}

TEST(TlsSockets, CarryMuchInOrderAndTellTheEnd) {
  for (const bool use_io_uring : {true, false}) {
    Reactor reactor(Reactor::Options{.use_io_uring = use_io_uring});
    Sockets sockets(reactor);
    const FixedClock clock(kTestNow_s);
    TlsNetwork network(reactor, clock, sockets);
    network.use(make_identity(make_authority(), Role::kServer));  // A server may call servers.
    const Status status = reactor.run(send_much(&reactor, &network));
    EXPECT_TRUE(status.is_ok()) << status.to_string();
  }
}

TEST(TlsSockets, OnlyWhatStaysOnTheHostIsPlainUnlessSaidSo) {
  for (const char* const inside : {"tcp:127.0.0.1:1", "tcp:127.9.9.9:1", "tcp:[::1]:1", "tcp:localhost:1", "unix:/x",
                                   "tls:10.0.0.1:1", "tcp:[::ffff:127.0.0.1]:1"}) {
    EXPECT_TRUE(check_is_private(inside, false, "do").is_ok()) << inside;
  }
  for (const char* const outside : {"tcp:0.0.0.0:1", "tcp:10.0.0.1:1", "tcp:[::]:1", "tcp:[::ffff:10.0.0.1]:1"}) {
    const Status refused = check_is_private(outside, false, "set A=1");
    EXPECT_EQ(refused.code(), Code::kPermission) << outside;
    EXPECT_NE(refused.message().find("set A=1"), std::string_view::npos);
    EXPECT_TRUE(check_is_private(outside, true, "set A=1").is_ok()) << outside;
  }
  EXPECT_EQ(check_is_private("tcp:nothing", false, "").code(), Code::kInvalidArgument);
}

TEST(TlsSockets, AddressesAreChecked) {
  EXPECT_TRUE(check_address("tls:127.0.0.1:1").is_ok());
  EXPECT_EQ(check_address("tls:127.0.0.1").code(), Code::kInvalidArgument);
  EXPECT_EQ(check_address("udp:127.0.0.1:1").code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace aeon::tls
