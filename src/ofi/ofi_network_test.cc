// Streams by libfabric keep the contract of streams. Both ends are in this process here, so the provider is TCP: shared
// memory is one that works between processes only (ofi_peers_test.cc).

#include "ofi/ofi_network.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "providers_test.h"
#include "runtime/gate.h"
#include "runtime/sockets.h"

namespace aeon::ofi {
namespace {

constexpr Duration kSoon = std::chrono::seconds(20);

// With the ring or without.
class OfiNetworkTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const std::string missing = why_missing(ProviderKind::kTcp);
    if (!missing.empty()) GTEST_SKIP() << missing;
  }
  static std::string place() { return place_of(ProviderKind::kTcp); }

  Reactor reactor_{Reactor::Options{.use_io_uring = GetParam()}};
  Sockets sockets_{reactor_};
  OfiNetwork network_{reactor_, sockets_};
};

Task<Status> write_text(Stream& stream, std::string text) {
  const ByteView piece = as_bytes(text);
  co_return co_await stream.write(std::span(&piece, 1));
}

Task<Result<std::string>> read_text(Stream& stream, size_t size) {
  std::string text(size, '\0');
  size_t done = 0;
  while (done < size) {
    const MutableBytes rest = std::as_writable_bytes(std::span(text)).subspan(done);
    CO_TRY_ASSIGN(const size_t count, co_await stream.read(rest));
    if (count == 0) break;
    done += count;
  }
  text.resize(done);
  co_return text;
}

// Sends everything back until the peer ends.
Task<void> echo(std::unique_ptr<Stream> stream) {
  Bytes buffer(200'000);
  while (true) {
    const Result<size_t> count = co_await stream->read(buffer);
    if (!count.is_ok() || *count == 0) co_return;
    const ByteView piece = ByteView(buffer).first(*count);
    const Status sent = co_await stream->write(std::span(&piece, 1));
    if (!sent.is_ok()) co_return;
  }
}
Task<void> echo_all(Listener& listener, Gate& gate) {
  while (true) {
    Result<std::unique_ptr<Stream>> stream = co_await listener.accept();
    if (!stream.is_ok()) co_return;
    gate.spawn(echo(std::move(*stream)));
  }
}

Task<Status> talk_to_echo(Reactor* reactor, Network* network, std::string place) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, network->listen(place));
  Gate gate(*reactor);
  gate.spawn(echo_all(*listener, gate));
  {
    CO_TRY_ASSIGN(const std::unique_ptr<Stream> first, co_await network->connect(listener->address(), kSoon));
    CO_TRY_ASSIGN(const std::unique_ptr<Stream> second, co_await network->connect(listener->address(), kSoon));
    CO_TRY(co_await write_text(*second, "second"));
    CO_TRY(co_await write_text(*first, "first"));
    CO_TRY_ASSIGN(const std::string from_first, co_await read_text(*first, 5));
    CO_TRY_ASSIGN(const std::string from_second, co_await read_text(*second, 6));
    EXPECT_EQ(from_first, "first");
    EXPECT_EQ(from_second, "second");
  }
  listener->shut();
  co_await gate.close();
  co_return ok();
}

TEST_P(OfiNetworkTest, CarriesBytesBothWays) {
  const Status status = reactor_.run(talk_to_echo(&reactor_, &network_, place()));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

char character_at(size_t i) { return static_cast<char>(i * 31 >> 4); }

// Pieces below and above what is offered for reading, more in all than may be on its way.
Task<void> write_much(Stream* stream, size_t size, Status* written) {
  std::string text(size, 'x');
  for (size_t i = 0; i < size; ++i) text[i] = character_at(i);
  std::vector<ByteView> pieces;
  const ByteView whole = as_bytes(text);
  for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece * 3 % 1'000'003) {
    pieces.push_back(whole.subspan(at, std::min<size_t>(piece, size - at)));
  }
  *written = co_await stream->write(pieces);
  std::fill(text.begin(), text.end(), '!');  // Nobody reads it any more.
  stream->shut();
}

// Nobody answers until somebody accepts.
Task<void> accept_into(Listener* listener, Result<std::unique_ptr<Stream>>* stream) {
  *stream = co_await listener->accept();
}

Task<Status> make_pair(Reactor* reactor, Network* network, Listener* listener, std::unique_ptr<Stream>* here,
                       std::unique_ptr<Stream>* there) {
  Gate gate(*reactor);
  Result<std::unique_ptr<Stream>> accepted = Status(Code::kCanceled);
  gate.spawn(accept_into(listener, &accepted));
  CO_TRY_ASSIGN(*here, co_await network->connect(listener->address(), kSoon));
  co_await gate.close();
  CO_TRY_ASSIGN(*there, std::move(accepted));
  co_return ok();
}

Task<Status> send_much(Reactor* reactor, Network* network, std::string place, size_t at_once) {
  constexpr size_t kSize = 20'000'000;
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, network->listen(place));
  std::unique_ptr<Stream> to, from;
  CO_TRY(co_await make_pair(reactor, network, listener.get(), &to, &from));
  Gate gate(*reactor);
  Status written(Code::kCanceled);
  gate.spawn(write_much(to.get(), kSize, &written));
  co_await sleep_for(*reactor, std::chrono::milliseconds(20));
  EXPECT_EQ(written.code(), Code::kCanceled) << "it must wait for the reader";
  Bytes buffer(at_once);
  size_t size = 0, wrong = 0;
  while (true) {
    const Result<size_t> count = co_await from->read(buffer);
    if (!count.is_ok()) {
      from->shut();
      co_await gate.close();
      co_return count.status();
    }
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i, ++size) wrong += static_cast<char>(buffer[i]) != character_at(size);
  }
  EXPECT_EQ(size, kSize);
  EXPECT_EQ(wrong, 0u);
  co_await gate.close();
  co_return written;
}

TEST_P(OfiNetworkTest, CarriesMuchInOrderAndTellsTheEnd) {
  for (const size_t at_once : {size_t{3'000'000}, size_t{50'000}, size_t{777}}) {
    const Status status = reactor_.run(send_much(&reactor_, &network_, place(), at_once));
    EXPECT_TRUE(status.is_ok()) << at_once << ": " << status.to_string();
  }
}

Task<void> read_one(Stream* stream, Result<size_t>* answer) {
  std::byte one{};
  *answer = co_await stream->read(std::span(&one, 1));
}
Task<void> accept_one(Listener* listener, Status* answer) { *answer = (co_await listener->accept()).status(); }

Task<Status> shut_what_waits(Reactor* reactor, Network* network, std::string place) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, network->listen(place));
  std::unique_ptr<Stream> here, there;
  CO_TRY(co_await make_pair(reactor, network, listener.get(), &here, &there));
  Gate gate(*reactor);
  Result<size_t> here_read{0}, there_read{7};
  Status accepted;
  gate.spawn(read_one(here.get(), &here_read));
  gate.spawn(read_one(there.get(), &there_read));
  gate.spawn(accept_one(listener.get(), &accepted));
  co_await sleep_for(*reactor, std::chrono::milliseconds(5));
  here->shut();
  listener->shut();
  co_await gate.close();
  EXPECT_EQ(here_read.code(), Code::kUnavailable);
  EXPECT_TRUE(there_read.is_ok() && *there_read == 0) << "the peer has ended in order";
  EXPECT_EQ(accepted.code(), Code::kUnavailable);
  EXPECT_EQ((co_await write_text(*here, "more")).code(), Code::kUnavailable);
  EXPECT_EQ((co_await listener->accept()).code(), Code::kUnavailable);
  co_return ok();
}

TEST_P(OfiNetworkTest, ShuttingEndsWhateverWaits) {
  const Status status = reactor_.run(shut_what_waits(&reactor_, &network_, place()));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

Task<void> write_large(Stream* stream, Bytes* data, Status* written) {
  const ByteView piece = *data;
  *written = co_await stream->write(std::span(&piece, 1));
}

// One side's memory is being read, or written to, when it is shut: both calls end at once, and their memory is free.
Task<Status> shut_within_large(Reactor* reactor, Network* network, std::string place, bool by_writer) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, network->listen(place));
  std::unique_ptr<Stream> here, there;
  CO_TRY(co_await make_pair(reactor, network, listener.get(), &here, &there));
  Gate gate(*reactor);
  Status written(Code::kInProgress);
  {
    Bytes data(8 * kMiB, std::byte{5});
    gate.spawn(write_large(here.get(), &data, &written));
    Bytes some(100'000);
    CO_TRY_ASSIGN(const size_t count, co_await there->read(some));
    EXPECT_GT(count, 0u);
    EXPECT_EQ(written.code(), Code::kInProgress);
    if (by_writer) {
      here->shut();
    } else {
      there->shut();
    }
    const Instant begin = reactor->now();
    co_await gate.close();
    EXPECT_LT(reactor->now() - begin, kSoon);
  }
  EXPECT_EQ(written.code(), Code::kUnavailable);
  std::byte one{};
  const Result<size_t> read = co_await there->read(std::span(&one, 1));
  EXPECT_EQ(read.code(), Code::kUnavailable) << "in the middle isn't the end";
  co_return ok();
}

TEST_P(OfiNetworkTest, ShuttingInTheMiddleOfMuchFreesTheMemory) {
  for (const bool by_writer : {true, false}) {
    const Status status = reactor_.run(shut_within_large(&reactor_, &network_, place(), by_writer));
    EXPECT_TRUE(status.is_ok()) << status.to_string();
  }
}

Task<Status> write_then_go(Reactor* reactor, Network* network, std::string place) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, network->listen(place));
  std::unique_ptr<Stream> here, there;
  CO_TRY(co_await make_pair(reactor, network, listener.get(), &here, &there));
  CO_TRY(co_await write_text(*here, "all that"));
  here->shut_after(as_bytes(" and this"));
  here.reset();
  CO_TRY_ASSIGN(const std::string text, co_await read_text(*there, 100));
  EXPECT_EQ(text, "all that and this");
  co_return ok();
}

TEST_P(OfiNetworkTest, WhatWasWrittenBeforeTheEndArrives) {
  const Status status = reactor_.run(write_then_go(&reactor_, &network_, place()));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

Task<Status> connect_to(Network* network, std::string address, Duration timeout) {
  co_return (co_await network->connect(std::move(address), timeout)).status();
}
Task<Status> listen_twice(Network* network, std::string place, std::string* address) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, network->listen(place));
  *address = listener->address();
  co_return network->listen(*address).status();
}

TEST_P(OfiNetworkTest, SaysWhyThereIsNoConnection) {
  std::string address;
  const Status again = reactor_.run(listen_twice(&network_, place(), &address));
  EXPECT_EQ(again.code(), Code::kExists) << again.to_string();
  const Status refused = reactor_.run(connect_to(&network_, address, std::chrono::milliseconds(300)));
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_NE(refused.message().find("listen"), std::string_view::npos) << refused.to_string();
  EXPECT_EQ(reactor_.run(connect_to(&network_, "ofi+tcp:nothing", kSoon)).code(), Code::kInvalidArgument);
}

Task<void> echo_once(Network* network, std::string address, size_t size, size_t* good) {
  const Result<std::unique_ptr<Stream>> stream = co_await network->connect(std::move(address), kSoon);
  if (!stream.is_ok()) {
    ADD_FAILURE() << stream.status().to_string();
    co_return;
  }
  const std::string text(size, static_cast<char>('a' + size % 26));
  const Status written = co_await write_text(**stream, text);
  const Result<std::string> back = co_await read_text(**stream, size);
  EXPECT_TRUE(written.is_ok() && back.is_ok())
      << size << " bytes: " << written.to_string() << ", " << back.status().to_string();
  *good += written.is_ok() && back.is_ok() && *back == text ? 1 : 0;
}

Task<Status> talk_on_many(Reactor* reactor, Network* network, std::string place, size_t* good, size_t count) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, network->listen(place));
  Gate server(*reactor), clients(*reactor);
  server.spawn(echo_all(*listener, server));
  for (size_t i = 0; i < count; ++i) clients.spawn(echo_once(network, listener->address(), 1 + i * 997, good));
  co_await clients.close();
  listener->shut();
  co_await server.close();
  co_return ok();
}

TEST_P(OfiNetworkTest, ManyStreamsDoNotDisturbEachOther) {
  constexpr size_t kCount = 40;
  size_t good = 0;
  const Status status = reactor_.run(talk_on_many(&reactor_, &network_, place(), &good, kCount));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_EQ(good, kCount);
}

// Each on a reactor of its own, which sleeps between messages: what wakes it is the provider, or a timer.
TEST_P(OfiNetworkTest, ASleepingSideIsWoken) {
  Reactor other{Reactor::Options{.use_io_uring = GetParam()}};
  Sockets other_sockets(other);
  std::string address = place();
  std::unique_ptr<Stream> here, there;
  std::unique_ptr<Listener> listener;
  {
    OfiNetwork other_network(other, other_sockets);
    const auto listen = [](Network* by, std::string at, std::unique_ptr<Listener>* result) -> Task<Status> {
      CO_TRY_ASSIGN(*result, by->listen(at));
      co_return ok();
    };
    const Status listening = other.run(listen(&other_network, address, &listener));
    ASSERT_TRUE(listening.is_ok()) << listening.to_string();
    address = listener->address();
    const auto serve = [](Listener* at, std::unique_ptr<Stream>* result) -> Task<Status> {
      CO_TRY_ASSIGN(*result, co_await at->accept());
      for (int i = 0; i < 20; ++i) {
        CO_TRY_ASSIGN(const std::string text, co_await read_text(**result, 5));
        CO_TRY(co_await write_text(**result, text));
      }
      co_return ok();
    };
    Status served;
    std::thread server([&] { served = other.run(serve(listener.get(), &there)); });
    const auto ask = [](Reactor* reactor, Network* by, std::string at,
                        std::unique_ptr<Stream>* result) -> Task<Status> {
      CO_TRY_ASSIGN(*result, co_await by->connect(at, kSoon));
      for (int i = 0; i < 20; ++i) {
        co_await sleep_for(*reactor, std::chrono::milliseconds(i));
        CO_TRY(co_await write_text(**result, "hello"));
        CO_TRY_ASSIGN(const std::string back, co_await read_text(**result, 5));
        EXPECT_EQ(back, "hello");
      }
      co_return ok();
    };
    const Status asked = reactor_.run(ask(&reactor_, &network_, address, &here));
    EXPECT_TRUE(asked.is_ok()) << asked.to_string();
    server.join();
    EXPECT_TRUE(served.is_ok()) << served.to_string();

    // Both sides are idle now, with a stream between them.
    const auto read_some = [](Stream* stream, Result<size_t>* answer) -> Task<void> {
      std::byte one{};
      *answer = co_await stream->read(std::span(&one, 1));
    };
    Result<size_t> answer = Status(Code::kInProgress);
    other.submit(read_some(there.get(), &answer));
    const auto used = [] {
      timespec time{};
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
      return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    };
    const auto before = used();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    EXPECT_LT(used() - before, std::chrono::milliseconds(150)) << "nobody polls without a pause";
    const auto drop = [](std::unique_ptr<Stream>* stream) -> Task<void> {
      stream->reset();
      co_return;
    };
    reactor_.run(drop(&here));
    while (other.tasks_alive() != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    other.run(drop(&there));
    EXPECT_TRUE(answer.is_ok() && *answer == 0);
    const auto stop = [](std::unique_ptr<Listener>* at) -> Task<void> {
      at->reset();
      co_return;
    };
    other.run(stop(&listener));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, OfiNetworkTest, testing::Bool(), [](const testing::TestParamInfo<bool>& with_ring) {
  return with_ring.param ? "WithRing" : "WithoutRing";
});

}  // namespace
}  // namespace aeon::ofi
