#include "shared_memory_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <thread>

#include "runtime/gate.h"
#include "runtime/random.h"
#include "runtime/sockets.h"
#include "unix_stream.h"

namespace aeon {
namespace {

using namespace std::chrono_literals;
using StreamPointer = std::unique_ptr<Stream>;

std::string test_path() { return testing::TempDir() + "shared_memory_stream_" + std::to_string(getpid()); }

bool is_shared(const StreamPointer& stream) {
  const auto* const unix_stream = dynamic_cast<const UnixStream*>(stream.get());
  return unix_stream != nullptr && unix_stream->is_in_shared_memory();
}

Task<Status> write_all(Stream* stream, ByteView bytes) { co_return co_await stream->write(std::span(&bytes, 1)); }
Task<Status> write_string(Stream* stream, std::string text) { co_return co_await write_all(stream, as_bytes(text)); }
Task<Result<std::string>> read_string(Stream* stream, size_t size) {
  std::string text(size, '\0');
  size_t done = 0;
  while (done < size) {
    const MutableBytes rest = std::as_writable_bytes(std::span(text)).subspan(done);
    CO_TRY_ASSIGN(const size_t count, co_await stream->read(rest));
    if (count == 0) break;
    done += count;
  }
  text.resize(done);
  co_return text;
}
Task<Result<size_t>> read_some(Stream* stream) {
  std::array<std::byte, 4096> buffer;
  co_return co_await stream->read(buffer);
}

// One end: a reactor and its sockets.
struct End {
  explicit End(bool use_io_uring, Sockets::Options options = {}, Duration spin = 50us)
      : reactor(Reactor::Options{.spin = spin, .use_io_uring = use_io_uring}), sockets(reactor, options) {}

  StreamPointer connect(const std::string& path) {
    Result<StreamPointer> stream = reactor.run(sockets.connect("unix:" + path, 20s));
    for (int i = 0; i < 20'000 && !stream.is_ok(); ++i) {  // The other process may still be on its way.
      std::this_thread::sleep_for(1ms);
      stream = reactor.run(sockets.connect("unix:" + path, 20s));
    }
    EXPECT_TRUE(stream.is_ok()) << stream.status().to_string();
    return stream.is_ok() ? std::move(*stream) : nullptr;
  }
  // Streams go where they live.
  void drop(StreamPointer stream) {
    reactor.run([](StreamPointer gone) -> Task<void> {
      gone.reset();
      co_return;
    }(std::move(stream)));
  }

  Reactor reactor;
  Sockets sockets;
};

Task<void> echo_back(StreamPointer stream, std::atomic<int>* shared_count) {
  std::array<std::byte, 30'000> buffer;
  while (true) {
    const Result<size_t> count = co_await stream->read(buffer);
    if (!count.is_ok() || *count == 0) break;
    if (is_shared(stream)) shared_count->store(1);
    const Status sent = co_await write_all(stream.get(), ByteView(buffer).first(*count));
    if (!sent.is_ok()) break;
  }
}
Task<void> echo_whoever_comes(Listener* listener, Gate* gate, std::atomic<int>* shared_count) {
  while (true) {
    Result<StreamPointer> stream = co_await listener->accept();
    if (!stream.is_ok()) co_return;
    gate->spawn(echo_back(std::move(*stream), shared_count));
  }
}

// Echoes in a thread of its own.
class EchoServer {
 public:
  explicit EchoServer(bool use_io_uring, Sockets::Options options = {}, Duration spin = 50us)
      : end_(use_io_uring, options, spin), listener_(std::move(*end_.sockets.listen("unix:" + test_path()))) {
    thread_ = std::thread([this] { end_.reactor.run(serve()); });
  }
  ~EchoServer() {
    end_.reactor.submit(stop(listener_.get()));
    thread_.join();
    while (end_.reactor.tasks_alive() != 0) std::this_thread::sleep_for(1ms);
  }
  bool has_shared() const { return shared_.load() != 0; }

 private:
  static Task<void> stop(Listener* listener) {
    listener->shut();
    co_return;
  }
  Task<void> serve() {
    Gate gate(end_.reactor);
    co_await echo_whoever_comes(listener_.get(), &gate, &shared_);
    co_await gate.close();
  }

  End end_;
  std::unique_ptr<Listener> listener_;
  std::atomic<int> shared_{0};
  std::thread thread_;
};

Task<Status> talk(Stream* stream, std::string text) {
  CO_TRY(co_await write_string(stream, text));
  CO_TRY_ASSIGN(const std::string back, co_await read_string(stream, text.size()));
  EXPECT_EQ(back, text);
  co_return ok();
}

class SharedMemoryStreamTest : public testing::TestWithParam<bool> {
 protected:
  static bool ring() { return GetParam(); }
};

TEST_P(SharedMemoryStreamTest, IsChosenWhereBothSidesWantIt) {
  for (const bool client_wants : {true, false}) {
    for (const bool server_wants : {true, false}) {
      EchoServer server(ring(), {.shared_memory = server_wants});
      End client(ring(), {.shared_memory = client_wants});
      StreamPointer stream = client.connect(test_path());
      for (int i = 0; i < 3; ++i) {
        const Status status = client.reactor.run(talk(stream.get(), std::string(50'000, 'a')));
        EXPECT_TRUE(status.is_ok()) << status.to_string();
      }
      EXPECT_EQ(is_shared(stream), client_wants && server_wants);
      EXPECT_EQ(server.has_shared(), client_wants && server_wants);
      client.drop(std::move(stream));
    }
  }
}

TEST_P(SharedMemoryStreamTest, IsDeclinedByTheEnvironment) {
  setenv("AEON_SHARED_MEMORY", "0", 1);
  EchoServer server(ring());
  unsetenv("AEON_SHARED_MEMORY");
  End client(ring());
  StreamPointer stream = client.connect(test_path());
  EXPECT_TRUE(client.reactor.run(talk(stream.get(), "text")).is_ok());
  EXPECT_FALSE(is_shared(stream));
  client.drop(std::move(stream));
}

std::byte sent_byte(size_t position) { return static_cast<std::byte>(position * 31 >> 3 ^ position >> 11); }

Task<void> send_random_pieces(Stream* stream, size_t size, uint64_t seed, Status* status) {
  Random random(seed);
  Bytes memory(100'000);
  for (size_t at = 0; at < size && status->is_ok();) {
    const size_t whole = std::min<size_t>(size - at, 1 + random.below(random.one_in(4) ? memory.size() : 300));
    for (size_t i = 0; i < whole; ++i) memory[i] = sent_byte(at + i);
    std::vector<ByteView> pieces;
    for (size_t from = 0; from < whole;) {
      const size_t count = std::min<size_t>(whole - from, random.below(whole + 1));
      pieces.push_back(ByteView(memory).subspan(from, count));
      from += count;
    }
    *status = co_await stream->write(pieces);
    at += whole;
  }
}
Task<void> receive_random_pieces(Executor* executor, Stream* stream, size_t size, uint64_t seed, Status* status) {
  Random random(seed);
  Bytes memory(70'000);
  for (size_t at = 0; at < size;) {
    const size_t wanted = 1 + random.below(random.one_in(3) ? memory.size() : 500);
    const Result<size_t> count = co_await stream->read(MutableBytes(memory).first(std::min(wanted, size - at)));
    if (!count.is_ok() || *count == 0) {
      *status = count.is_ok() ? Status(Code::kCorrupt, "ended early") : count.status();
      co_return;
    }
    for (size_t i = 0; i < *count; ++i) {
      if (memory[i] != sent_byte(at + i)) {
        *status = Status(Code::kCorrupt, "another byte at " + std::to_string(at + i));
        co_return;
      }
    }
    at += *count;
    if (random.one_in(200)) co_await sleep_for(*executor, Duration(random.below(200'000)));
  }
}
Task<Status> send_and_receive(Executor* executor, Stream* stream, size_t size, uint64_t seed) {
  Gate gate(*executor);
  Status sent, received;
  gate.spawn(send_random_pieces(stream, size, seed, &sent));
  gate.spawn(receive_random_pieces(executor, stream, size, seed + 1, &received));
  co_await gate.close();
  CO_TRY(sent);
  co_return received;
}
Task<Status> accept_and_exchange(End* end, Listener* listener, size_t size, uint64_t seed) {
  CO_TRY_ASSIGN(const StreamPointer stream, co_await listener->accept());
  CO_TRY(co_await send_and_receive(&end->reactor, stream.get(), size, seed));
  EXPECT_TRUE(is_shared(stream));
  co_return ok();
}
Task<Status> connect_and_exchange(End* end, size_t size, uint64_t seed) {
  CO_TRY_ASSIGN(const StreamPointer stream, co_await end->sockets.connect("unix:" + test_path(), 20s));
  co_return co_await send_and_receive(&end->reactor, stream.get(), size, seed);
}

TEST_P(SharedMemoryStreamTest, BytesOfRandomSizesArriveBothWaysAtOnce) {
  constexpr size_t kSize = 8'000'000;
  for (const ByteCount ring_size : {64 * kKiB, 4 * kKiB}) {
    End here(ring(), {.shared_memory_ring_size = ring_size}), there(ring());
    const auto listener = there.sockets.listen("unix:" + test_path());
    ASSERT_TRUE(listener.is_ok());
    Status accepted;
    std::thread other([&] { accepted = there.reactor.run(accept_and_exchange(&there, listener->get(), kSize, 3)); });
    const Status connected = here.reactor.run(connect_and_exchange(&here, kSize, 5));
    other.join();
    EXPECT_TRUE(connected.is_ok()) << connected.to_string();
    EXPECT_TRUE(accepted.is_ok()) << accepted.to_string();
  }
}

// Round trips with pauses about as long as the spinning before sleep, so that messages come while the other side is
// just going to sleep.
Task<Status> talk_with_pauses(Executor* executor, Stream* stream, int count) {
  Random random(7);
  for (int i = 0; i < count; ++i) {
    CO_TRY(co_await talk(stream, std::to_string(i)));
    const Instant until = executor->now() + Duration(random.below(120'000));
    if (random.one_in(2)) {
      co_await sleep_until(*executor, until);
    } else {
      while (std::chrono::steady_clock::now() < until) {}
    }
  }
  co_return ok();
}

TEST_P(SharedMemoryStreamTest, ASleepingSideIsWokenWheneverTheMessageComes) {
  for (const Duration spin : {Duration(50us), Duration(2us), Duration(0)}) {
    EchoServer server(ring(), {}, spin);
    End client(ring(), {}, spin);
    StreamPointer stream = client.connect(test_path());
    const Status status = client.reactor.run(talk_with_pauses(&client.reactor, stream.get(), 2000));
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(client.reactor.run(talk(stream.get(), "each by itself")).is_ok());
    client.drop(std::move(stream));
  }
}

// The next message comes just when the other side, which never spins, goes to sleep.
Task<Status> talk_at_once(Stream* stream, int count) {
  Random random(9);
  for (int i = 0; i < count; ++i) {
    CO_TRY(co_await talk(stream, "x"));
    for (const auto until = std::chrono::steady_clock::now() + Duration(random.below(1500));
         std::chrono::steady_clock::now() < until;) {}
  }
  co_return ok();
}

TEST_P(SharedMemoryStreamTest, ASideThatIsGoingToSleepLooksOnceMore) {
  EchoServer server(ring(), {}, Duration(0));
  End client(ring());
  StreamPointer stream = client.connect(test_path());
  const Status status = client.reactor.run(talk_at_once(stream.get(), 20'000));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  client.drop(std::move(stream));
}

Task<void> talk_often(Stream* stream, int count, Status* status) {
  for (int i = 0; i < count && status->is_ok(); ++i) *status = co_await talk(stream, std::string(100, 'x'));
}
Task<void> talk_on_all(Reactor* reactor, std::vector<StreamPointer>* streams, Status* status) {
  Gate gate(*reactor);
  for (const StreamPointer& stream : *streams) gate.spawn(talk_often(stream.get(), 30, status));
  co_await gate.close();
  streams->clear();
}

TEST_P(SharedMemoryStreamTest, ManyMoreStreamsThanAreLookedAtAtOnce) {
  EchoServer server(ring());
  End client(ring());
  std::vector<StreamPointer> streams;
  for (int i = 0; i < 200; ++i) streams.push_back(client.connect(test_path()));
  Status status;
  client.reactor.run(talk_on_all(&client.reactor, &streams, &status));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

// Many threads call over one connection each, of one reactor.
TEST_P(SharedMemoryStreamTest, ManyThreadsShareAReactor) {
  EchoServer server(ring());
  End client(ring());
  std::vector<StreamPointer> streams;
  for (int i = 0; i < 4; ++i) streams.push_back(client.connect(test_path()));
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (StreamPointer& stream : streams) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) failed += client.reactor.run(talk(stream.get(), "from a thread")).is_ok() ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed.load(), 0);
  for (StreamPointer& stream : streams) client.drop(std::move(stream));
}

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

TEST_P(SharedMemoryStreamTest, AnIdleConnectionUsesNoProcessorTime) {
  EchoServer server(ring());
  End client(ring());
  StreamPointer stream = client.connect(test_path());
  ASSERT_TRUE(client.reactor.run(talk(stream.get(), "hello")).is_ok());
  client.reactor.submit([](Stream* waiting) -> Task<void> {
    const Result<size_t> count = co_await read_some(waiting);
    EXPECT_EQ(count.code(), Code::kUnavailable);
  }(stream.get()));
  std::this_thread::sleep_for(50ms);
  const double before = cpu_seconds();
  std::this_thread::sleep_for(500ms);
  EXPECT_LT(cpu_seconds() - before, 0.005);
  client.reactor.run([](Stream* open) -> Task<void> {
    open->shut();
    co_return;
  }(stream.get()));
  while (client.reactor.tasks_alive() != 0) std::this_thread::sleep_for(1ms);
  client.drop(std::move(stream));
}

// ---- The end of the peer --------------------------------------------------------------------------------------------

// What processes share by our streams, of this one.
int mapping_count() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("memfd:aeon-connection") != std::string::npos;
  return count;
}

// A peer in a process of its own: takes one connection and some bytes, and then waits to be killed.
class DoomedPeer {
 public:
  explicit DoomedPeer(bool use_io_uring) {
    unlink(test_path().c_str());
    const std::string path = test_path();
    child_ = fork();
    if (child_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    End end(use_io_uring);
    const auto listener = end.sockets.listen("unix:" + path);
    CHECK(listener.is_ok());
    end.reactor.run(take_a_little(listener->get()));
    while (true) pause();
  }
  ~DoomedPeer() { unlink(test_path().c_str()); }
  void die() {
    ASSERT_EQ(kill(child_, SIGKILL), 0);
    ASSERT_EQ(waitpid(child_, nullptr, 0), child_);
  }

 private:
  static Task<void> take_a_little(Listener* listener) {
    Result<StreamPointer> stream = co_await listener->accept();
    CHECK(stream.is_ok());
    const Result<std::string> text = co_await read_string(stream->get(), 5);
    CHECK(text.is_ok());
    CHECK((co_await write_string(stream->get(), "taken")).is_ok());
    stream->release();  // Stays open, and isn't read.
  }
  pid_t child_;
};

Task<void> kill_soon(Executor* executor, DoomedPeer* peer) {
  co_await sleep_for(*executor, 5ms);
  peer->die();
}

TEST_P(SharedMemoryStreamTest, APeerThatIsKilledEndsWhoReads) {
  const int mapped_before = mapping_count();
  DoomedPeer peer(ring());
  {
    End client(ring());
    StreamPointer stream = client.connect(test_path());
    ASSERT_TRUE(client.reactor.run(write_string(stream.get(), "hello")).is_ok());
    EXPECT_EQ(*client.reactor.run(read_string(stream.get(), 5)), "taken");
    EXPECT_TRUE(is_shared(stream));
    EXPECT_EQ(mapping_count(), mapped_before + 1);
    client.reactor.submit(kill_soon(&client.reactor, &peer));
    const Result<size_t> count = client.reactor.run(read_some(stream.get()));
    EXPECT_EQ(count.code(), Code::kUnavailable);
    EXPECT_NE(count.status().message().find("gone"), std::string_view::npos) << count.status().to_string();
    EXPECT_EQ(client.reactor.run(write_string(stream.get(), "x")).code(), Code::kUnavailable);
    client.drop(std::move(stream));
  }
  EXPECT_EQ(mapping_count(), mapped_before);
}

TEST_P(SharedMemoryStreamTest, APeerThatIsKilledEndsWhoWrites) {
  const int mapped_before = mapping_count();
  DoomedPeer peer(ring());
  {
    End client(ring());
    StreamPointer stream = client.connect(test_path());
    ASSERT_TRUE(client.reactor.run(write_string(stream.get(), "hello")).is_ok());
    client.reactor.submit(kill_soon(&client.reactor, &peer));
    EXPECT_EQ(client.reactor.run(write_string(stream.get(), std::string(1'000'000, 'x'))).code(), Code::kUnavailable);
    EXPECT_EQ(client.reactor.run(read_some(stream.get())).code(), Code::kUnavailable);
    client.drop(std::move(stream));
  }
  EXPECT_EQ(mapping_count(), mapped_before);
}

TEST_P(SharedMemoryStreamTest, WhatWasWrittenBeforeTheEndIsRead) {
  End end(ring());
  const auto run = [](End* both) -> Task<Status> {
    CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, both->sockets.listen("unix:" + test_path()));
    CO_TRY_ASSIGN(StreamPointer here, co_await both->sockets.connect(listener->address(), 20s));
    CO_TRY_ASSIGN(const StreamPointer there, co_await listener->accept());
    Gate gate(both->reactor);
    gate.spawn([](Stream* stream) -> Task<void> {
      EXPECT_TRUE((co_await write_string(stream, "last words")).is_ok());
    }(here.get()));
    CO_TRY_ASSIGN(const std::string first, co_await read_string(there.get(), 4));
    EXPECT_EQ(first, "last");
    co_await gate.close();
    EXPECT_TRUE(is_shared(there));
    here.reset();
    CO_TRY_ASSIGN(const std::string rest, co_await read_string(there.get(), 100));
    EXPECT_EQ(rest, " words");
    EXPECT_EQ((co_await write_string(there.get(), "too late")).code(), Code::kUnavailable);
    co_return ok();
  };
  const Status status = end.reactor.run(run(&end));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

// ---- Peers that do it wrong -----------------------------------------------------------------------------------------

// A client by hand.
class RawClient {
 public:
  RawClient() : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    test_path().copy(to.sun_path, sizeof to.sun_path - 1);
    EXPECT_EQ(::connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawClient() { ::close(descriptor_); }
  int descriptor() const { return descriptor_; }

  void send(ByteView bytes, int passed = -1) {
    iovec vector{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (passed >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* const part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(part), &passed, sizeof passed);
    }
    EXPECT_EQ(::sendmsg(descriptor_, &message, MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  void send(std::string_view text) { send(as_bytes(text)); }
  // To a peer that may have hung up.
  void wake() {
    const char byte = 0;
    [[maybe_unused]] const ssize_t sent = ::send(descriptor_, &byte, 1, MSG_NOSIGNAL);
  }
  std::string receive(size_t size) {
    std::string text(size, '\0');
    ssize_t got = -1;
    do {
      got = ::recv(descriptor_, text.data(), size, MSG_WAITALL);
    } while (got < 0 && errno == EINTR);  // The kernel interrupts threads that have used a ring.
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return text;
  }
  SharedMemoryHello::Kind answer() {
    const std::string text = receive(SharedMemoryHello::kSize);
    const Result<SharedMemoryHello> hello = SharedMemoryHello::decode(as_bytes(text));
    EXPECT_TRUE(hello.is_ok()) << text.size();
    return hello.is_ok() ? hello->kind : SharedMemoryHello::Kind::kNoOffer;
  }

 private:
  int descriptor_;
};

SharedMemoryHello offer_of(uint32_t ring_size) {
  SharedMemoryHello hello;
  hello.kind = SharedMemoryHello::Kind::kOffer;
  hello.ring_size = ring_size;
  return hello;
}

void expect_good_service(bool use_io_uring) {
  End client(use_io_uring);
  StreamPointer stream = client.connect(test_path());
  EXPECT_TRUE(client.reactor.run(talk(stream.get(), "still good")).is_ok());
  EXPECT_TRUE(is_shared(stream));
  client.drop(std::move(stream));
}

TEST_P(SharedMemoryStreamTest, APeerThatNeverHeardOfItIsServed) {
  EchoServer server(ring());
  for (const std::string_view text : {"GET / HTTP/1.1", "x", "\xae", "\xaeon-shX"}) {
    RawClient client;
    client.send(text);
    if (text == "\xae") client.send("lso other bytes");
    const std::string expected = text == "\xae" ? "\xaelso other bytes" : std::string(text);
    EXPECT_EQ(client.receive(expected.size()), expected);
  }
  expect_good_service(ring());
}

TEST_P(SharedMemoryStreamTest, OffersThatCantBeTakenAreDeclined) {
  EchoServer server(ring());
  const int unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(ftruncate(unsealed, static_cast<off_t>(SharedMemory::total_size(64 * kKiB))), 0);
  const Result<std::unique_ptr<SharedMemory>> good = SharedMemory::create(64 * kKiB);
  ASSERT_TRUE(good.is_ok());
  SharedMemoryHello of_tomorrow = offer_of(64 * kKiB);
  of_tomorrow.version = 2;
  SharedMemoryHello impossible = offer_of(64 * kKiB);
  impossible.kind = static_cast<SharedMemoryHello::Kind>(77);
  const std::pair<SharedMemoryHello, int> offers[] = {
      {offer_of(64 * kKiB), -1},
      {offer_of(64 * kKiB), unsealed},
      {offer_of(128 * kKiB), (*good)->descriptor()},
      {offer_of(12345), (*good)->descriptor()},
      {of_tomorrow, (*good)->descriptor()},
      {impossible, (*good)->descriptor()},
  };
  for (const auto& [hello, descriptor] : offers) {
    RawClient client;
    client.send(hello.encode(), descriptor);
    EXPECT_EQ(client.answer(), SharedMemoryHello::Kind::kDeclined);
    client.send("by the socket then");
    EXPECT_EQ(client.receive(18), "by the socket then");
  }
  close(unsealed);
  expect_good_service(ring());
}

TEST_P(SharedMemoryStreamTest, ADamagedOrHalfOfferOnlyBreaksItsOwnConnection) {
  EchoServer server(ring());
  SharedMemoryHello::Encoded damaged = offer_of(64 * kKiB).encode();
  damaged[13] ^= std::byte{1};
  RawClient nonsense;
  nonsense.send(damaged);
  EXPECT_EQ(nonsense.receive(1), "");
  RawClient half;
  half.send(ByteView(damaged).first(20));
  expect_good_service(ring());
  EXPECT_EQ(half.receive(1), "") << "it has a second";
}

TEST_P(SharedMemoryStreamTest, AnAnswerThatIsNoneBreaksTheConnection) {
  const std::string path = test_path();
  unlink(path.c_str());
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(listener, 5), 0);
  End client(ring());
  StreamPointer stream = client.connect(path);
  const int accepted = ::accept(listener, nullptr, nullptr);
  ASSERT_EQ(::send(accepted, "I am another program, sorry for that.", 37, 0), 37);
  EXPECT_EQ(client.reactor.run(read_some(stream.get())).code(), Code::kUnavailable);
  EXPECT_EQ(client.reactor.run(write_string(stream.get(), "x")).code(), Code::kUnavailable);
  client.drop(std::move(stream));
  ::close(accepted);
  ::close(listener);
  unlink(path.c_str());
}

TEST_P(SharedMemoryStreamTest, APeerThatCorruptsTheMemoryOnlyBreaksItsOwnStream) {
  EchoServer server(ring());
  for (const uint64_t nonsense : {uint64_t{1} << 40, ~uint64_t{0}, uint64_t{64 * 1024 + 1}}) {
    for (const bool is_position_taken : {false, true}) {
      RawClient client;
      const Result<std::unique_ptr<SharedMemory>> memory = SharedMemory::create(64 * kKiB);
      ASSERT_TRUE(memory.is_ok());
      client.send(offer_of(64 * kKiB).encode(), (*memory)->descriptor());
      ASSERT_EQ(client.answer(), SharedMemoryHello::Kind::kAccepted);
      SharedRingProducer producer((*memory)->control(0), (*memory)->ring(0));
      if (is_position_taken) (*memory)->control(1).taken.store(nonsense);
      if (!is_position_taken) (*memory)->control(0).written.store(nonsense);
      client.wake();
      // It looks for room when it has more to answer than it knows to have room for.
      for (int i = 0; i < 20'000 && (*memory)->control(1).has_ended.load() == 0; ++i) {
        if (is_position_taken) {
          producer.append(Bytes(*producer.room(1)));
          producer.publish();
          client.wake();
        }
        std::this_thread::sleep_for(1ms);
      }
      while (!client.receive(1).empty()) {}  // Until it hangs up.
      EXPECT_NE((*memory)->control(1).has_ended.load(), 0u);
    }
  }
  expect_good_service(ring());
}

TEST_P(SharedMemoryStreamTest, WakingForNothingIsHarmless) {
  EchoServer server(ring());
  RawClient client;
  const Result<std::unique_ptr<SharedMemory>> memory = SharedMemory::create(64 * kKiB);
  ASSERT_TRUE(memory.is_ok());
  client.send(offer_of(64 * kKiB).encode(), (*memory)->descriptor());
  ASSERT_EQ(client.answer(), SharedMemoryHello::Kind::kAccepted);
  for (int i = 0; i < 500; ++i) client.send("and nothing has come, again and again");
  SharedRingProducer producer((*memory)->control(0), (*memory)->ring(0));
  SharedRingConsumer consumer((*memory)->control(1), (*memory)->ring(1));
  producer.append(as_bytes("echo"));
  producer.publish();
  client.send("!");
  std::array<std::byte, 16> into;
  for (int i = 0; i < 20'000 && !consumer.has_news(); ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(*consumer.take(into), 4u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SharedMemoryStreamTest, testing::Bool(),
                         [](const auto& kind) { return std::string(kind.param ? "WithRing" : "WithoutRing"); });

}  // namespace
}  // namespace aeon
