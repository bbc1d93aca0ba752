#include "runtime/sockets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#include "runtime/gate.h"

namespace aeon {
namespace {

constexpr Duration kSoon = std::chrono::seconds(20);

enum class Kind { kTcp, kUnix, kSharedMemory };

// By TCP, by Unix sockets or in memory that was agreed on over them; with the ring or without.
class SocketsTest : public testing::TestWithParam<std::tuple<Kind, bool>> {
 protected:
  static bool is_tcp() { return std::get<0>(GetParam()) == Kind::kTcp; }
  static std::string place() {
    if (is_tcp()) return "tcp:127.0.0.1:0";
    return "unix:" + testing::TempDir() + "sockets_test_" + std::to_string(getpid());
  }

  Reactor reactor_{Reactor::Options{.use_io_uring = std::get<1>(GetParam())}};
  Sockets sockets_{reactor_, {.shared_memory = std::get<0>(GetParam()) == Kind::kSharedMemory}};
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
  std::array<std::byte, 65536> buffer;
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

Task<Status> talk_to_echo(Reactor* reactor, Sockets* sockets, std::string place) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, sockets->listen(place));
  Gate gate(*reactor);
  gate.spawn(echo_all(*listener, gate));
  {
    CO_TRY_ASSIGN(const std::unique_ptr<Stream> first, co_await sockets->connect(listener->address(), kSoon));
    CO_TRY_ASSIGN(const std::unique_ptr<Stream> second, co_await sockets->connect(listener->address(), kSoon));
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

TEST_P(SocketsTest, CarriesBytesBothWays) {
  const Status status = reactor_.run(talk_to_echo(&reactor_, &sockets_, place()));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

// More than any buffer between them holds, so that the writer has to wait for the reader.
Task<void> write_much(Stream* stream, size_t size, Status* written) {
  std::string text(size, 'x');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 >> 4);
  std::vector<ByteView> pieces;
  const ByteView whole = as_bytes(text);
  for (size_t at = 0; at < size; at += 10'007) pieces.push_back(whole.subspan(at, std::min<size_t>(10'007, size - at)));
  *written = co_await stream->write(pieces);
}

Task<Status> send_much(Reactor* reactor, Sockets* sockets, std::string place) {
  constexpr size_t kSize = 32'000'000;
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, sockets->listen(place));
  CO_TRY_ASSIGN(const std::unique_ptr<Stream> to, co_await sockets->connect(listener->address(), kSoon));
  CO_TRY_ASSIGN(const std::unique_ptr<Stream> from, co_await listener->accept());
  Gate gate(*reactor);
  Status written(Code::kCanceled);
  gate.spawn(write_much(to.get(), kSize, &written));
  co_await sleep_for(*reactor, std::chrono::milliseconds(20));
  EXPECT_EQ(written.code(), Code::kCanceled) << "it must wait for the reader";
  CO_TRY_ASSIGN(const std::string text, co_await read_text(*from, kSize));
  co_await gate.close();
  CO_TRY(written);
  size_t wrong = 0;
  for (size_t i = 0; i < kSize; ++i) wrong += text[i] != static_cast<char>(i * 31 >> 4);
  EXPECT_EQ(wrong, 0u);
  co_return ok();
}

TEST_P(SocketsTest, AWriterWaitsForASlowReader) {
  const Status status = reactor_.run(send_much(&reactor_, &sockets_, place()));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

Task<void> read_one(Stream* stream, Result<size_t>* answer) {
  std::byte one{};
  *answer = co_await stream->read(std::span(&one, 1));
}
Task<void> accept_one(Listener* listener, Status* answer) { *answer = (co_await listener->accept()).status(); }

Task<Status> shut_what_waits(Reactor* reactor, Sockets* sockets, std::string place) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, sockets->listen(place));
  CO_TRY_ASSIGN(const std::unique_ptr<Stream> here, co_await sockets->connect(listener->address(), kSoon));
  CO_TRY_ASSIGN(const std::unique_ptr<Stream> there, co_await listener->accept());
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

TEST_P(SocketsTest, ShuttingEndsWhateverWaits) {
  const Status status = reactor_.run(shut_what_waits(&reactor_, &sockets_, place()));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

Task<Status> connect_to(Sockets* sockets, std::string address, Duration timeout) {
  co_return (co_await sockets->connect(std::move(address), timeout)).status();
}

TEST_P(SocketsTest, SaysWhyThereIsNoConnection) {
  Result<std::unique_ptr<Listener>> listener = sockets_.listen(place());
  ASSERT_TRUE(listener.is_ok()) << listener.status().to_string();
  const std::string address = (*listener)->address();
  EXPECT_EQ(sockets_.listen(address).code(), Code::kExists);
  listener->reset();
  const Status refused = reactor_.run(connect_to(&sockets_, address, kSoon));
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_NE(refused.message().find("nobody listens"), std::string_view::npos) << refused.to_string();
  for (const char* wrong :
       {"", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:", "tcp::1", "unix:", "udp:1.2.3.4:5", "tcp:1.2.3.4:port"}) {
    EXPECT_EQ(reactor_.run(connect_to(&sockets_, wrong, kSoon)).code(), Code::kInvalidArgument) << wrong;
    EXPECT_EQ(sockets_.listen(wrong).code(), Code::kInvalidArgument) << wrong;
  }
}

// A listener that doesn't take connections, with a full queue: attempts neither succeed nor fail.
TEST_P(SocketsTest, AnAttemptToConnectEndsInTime) {
  if (!is_tcp()) return;  // The kernel answers at once there.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size), 0);
  const std::string address = "tcp:127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  Status last;
  for (int i = 0; i < 4 && last.is_ok(); ++i) {
    last = reactor_.run(connect_to(&sockets_, address, std::chrono::milliseconds(30)));
  }
  EXPECT_EQ(last.code(), Code::kUnavailable);
  EXPECT_NE(last.message().find("in time"), std::string_view::npos) << last.to_string();
  ::close(listener);
}

TEST_P(SocketsTest, ASocketFileWithoutAListenerIsReplaced) {
  if (is_tcp()) return;
  const std::string path = testing::TempDir() + "sockets_test_left_over";
  std::filesystem::remove(path);
  const pid_t child = fork();
  if (child == 0) {
    Sockets sockets(reactor_);
    const auto listener = sockets.listen("unix:" + path);
    raise(SIGKILL);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(std::filesystem::exists(path));
  {
    const auto listener = sockets_.listen("unix:" + path);
    EXPECT_TRUE(listener.is_ok()) << listener.status().to_string();
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  // What isn't a socket is nobody's to remove.
  {
    const int file = ::creat(path.c_str(), 0600);
    ::close(file);
  }
  EXPECT_EQ(sockets_.listen("unix:" + path).code(), Code::kExists);
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove(path);
}

// The thread that had asked the ring to wait ends, and the kernel cancels what it asked for.
Task<Result<std::string>> read_later(Stream* stream) { co_return co_await read_text(*stream, 4); }

Task<Status> make_pair(Sockets* sockets, std::string place, std::unique_ptr<Stream>* here,
                       std::unique_ptr<Stream>* there) {
  CO_TRY_ASSIGN(const std::unique_ptr<Listener> listener, sockets->listen(place));
  CO_TRY_ASSIGN(*here, co_await sockets->connect(listener->address(), kSoon));
  CO_TRY_ASSIGN(*there, co_await listener->accept());
  co_return ok();
}

TEST_P(SocketsTest, AReaderOutlivesTheThreadThatBeganIt) {
  std::unique_ptr<Stream> here, there;
  const Status paired = reactor_.run(make_pair(&sockets_, place(), &here, &there));
  ASSERT_TRUE(paired.is_ok()) << paired.to_string();
  std::string got;
  Status status(Code::kInProgress);
  std::atomic<bool> has_ended{false};
  auto read = [](Stream* stream, std::string* text, Status* done, std::atomic<bool>* ended) -> Task<void> {
    Result<std::string> read_back = co_await read_later(stream);
    *done = read_back.status();
    if (read_back.is_ok()) *text = *read_back;
    ended->store(true);
  };
  std::thread([&] { reactor_.submit(read(there.get(), &got, &status, &has_ended)); }).join();
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(reactor_.run(write_text(*here, "late")).is_ok());
  while (!has_ended.load() || reactor_.tasks_alive() != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_EQ(got, "late");
  here.reset();
  there.reset();
}

Task<void> busy_until(Reactor* reactor, Stream* stream, std::atomic<bool>* flag, bool* was_set) {
  const Instant deadline = reactor->now() + kSoon;
  EXPECT_TRUE((co_await write_text(*stream, "wake")).is_ok());
  while (!flag->load() && std::chrono::steady_clock::now() < deadline) co_await yield(*reactor);
  *was_set = flag->load();
}

// One caller waits in the kernel for its answer, and another, who never stops running, gets it for him.
TEST_P(SocketsTest, ACallerWhoseCallIsDoneLeavesWhateverAnotherIsBusyWith) {
  std::unique_ptr<Stream> here, there;
  const Status paired = reactor_.run(make_pair(&sockets_, place(), &here, &there));
  ASSERT_TRUE(paired.is_ok()) << paired.to_string();
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> has_left{false};
    std::thread waiting([&] {
      EXPECT_EQ(*reactor_.run(read_later(there.get())), "wake");
      has_left.store(true);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    bool was_set = false;
    reactor_.run(busy_until(&reactor_, here.get(), &has_left, &was_set));
    waiting.join();
    ASSERT_TRUE(was_set);
  }
  here.reset();
  there.reset();
}

std::string name_of(const testing::TestParamInfo<std::tuple<Kind, bool>>& parameters) {
  const char* const names[] = {"Tcp", "Unix", "SharedMemory"};
  const auto& [kind, has_ring] = parameters.param;
  return std::string(names[static_cast<size_t>(kind)]) + (has_ring ? "WithRing" : "WithoutRing");
}
INSTANTIATE_TEST_SUITE_P(Kinds, SocketsTest,
                         testing::Combine(testing::Values(Kind::kTcp, Kind::kUnix, Kind::kSharedMemory),
                                          testing::Bool()),
                         name_of);

}  // namespace
}  // namespace aeon
