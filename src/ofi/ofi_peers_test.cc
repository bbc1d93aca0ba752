// Streams between processes by libfabric, over each provider that a machine without special hardware has; and what
// becomes of one when the other process is killed, or is no honest peer.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/crc32c.h"
#include "endpoint.h"
#include "flow.h"
#include "ofi/ofi_network.h"
#include "providers_test.h"
#include "runtime/gate.h"
#include "runtime/sockets.h"

namespace aeon::ofi {
namespace {

constexpr Duration kSoon = std::chrono::seconds(20);
constexpr Duration kSilenceMax = std::chrono::seconds(2);

struct Place {
  Reactor reactor;
  Sockets sockets{reactor};
  OfiNetwork network{reactor, sockets, {.silence_max = kSilenceMax}};
};

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

// Says where it listens, then answers until it is killed.
Task<void> serve_echo(Place* place, std::string at, int report) {
  Gate gate(place->reactor);
  const Result<std::unique_ptr<Listener>> listener = place->network.listen(at);
  std::string text = listener.is_ok() ? (*listener)->address() : "!" + listener.status().to_string();
  text += '\n';
  CHECK(::write(report, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  while (listener.is_ok()) {
    Result<std::unique_ptr<Stream>> stream = co_await (*listener)->accept();
    if (stream.is_ok()) gate.spawn(echo(std::move(*stream)));
  }
  co_await gate.close();
}

// A process that echoes; made before this one has threads.
class EchoProcess {
 public:
  explicit EchoProcess(const std::string& at) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      Place place;
      place.reactor.run(serve_echo(&place, at, ends[1]));
      _exit(0);
    }
    ::close(ends[1]);
    char character = 0;
    while (::read(ends[0], &character, 1) == 1 && character != '\n') address_ += character;
    ::close(ends[0]);
  }
  ~EchoProcess() { kill(); }
  const std::string& address() const { return address_; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    // The provider leaves the names of a killed process behind.
    const std::string listener = region_of(address_.substr(address_.find(':') + 1));
    const std::string others = std::to_string(pid_) + ":";
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", error)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(listener) || name.starts_with(others)) std::filesystem::remove(entry.path(), error);
    }
    pid_ = 0;
  }
  void stop() const { ::kill(pid_, SIGSTOP); }

 private:
  pid_t pid_ = 0;
  std::string address_;
};

class OfiPeersTest : public testing::TestWithParam<ProviderKind> {
 protected:
  void SetUp() override {
    const std::string missing = why_missing(GetParam());
    if (!missing.empty()) GTEST_SKIP() << missing;
    // A name for each: what a killed process leaves behind mustn't be what another finds.
    static int count = 0;
    const bool is_tcp = GetParam() == ProviderKind::kTcp;
    echo_.emplace(place_of(GetParam()) + (is_tcp ? "" : "-" + std::to_string(++count)));
    ASSERT_TRUE(echo_->address().starts_with("ofi+")) << echo_->address();
    place_.emplace();
  }
  Reactor& reactor() { return place_->reactor; }
  Network& network() { return place_->network; }

  std::optional<EchoProcess> echo_;
  std::optional<Place> place_;
};

char character_at(size_t i) { return static_cast<char>(i * 31 >> 4); }

Task<void> write_all(Stream* stream, ByteView data, size_t piece_size, Status* written) {
  std::vector<ByteView> pieces;
  for (size_t at = 0; at < data.size(); at += piece_size) {
    pieces.push_back(data.subspan(at, std::min(piece_size, data.size() - at)));
  }
  *written = co_await stream->write(pieces);
}

// All of it goes out and comes back at the same time.
Task<Status> send_round(Reactor* reactor, Network* network, std::string address, size_t size, size_t piece_size) {
  CO_TRY_ASSIGN(const std::unique_ptr<Stream> stream, co_await network->connect(address, kSoon));
  Bytes data(size), back(size);
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(character_at(i));
  Status written(Code::kCanceled), fault;
  Gate gate(*reactor);
  gate.spawn(write_all(stream.get(), data, piece_size, &written));
  size_t done = 0;
  while (done < size && fault.is_ok()) {
    const Result<size_t> count = co_await stream->read(MutableBytes(back).subspan(done));
    if (!count.is_ok()) {
      fault = count.status();
    } else if (*count == 0) {
      fault = Status(Code::kUnavailable, "it ended");
    } else {
      done += *count;
    }
  }
  if (!fault.is_ok()) stream->shut();
  co_await gate.close();
  CO_TRY(fault);
  CO_TRY(written);
  EXPECT_TRUE(back == data);
  co_return ok();
}

TEST_P(OfiPeersTest, CarriesLittleAndMuchToAnotherProcess) {
  for (const size_t size : {size_t{1}, size_t{5}, size_t{4096}, size_t{100'000}, size_t{12'000'000}}) {
    const Status status = reactor().run(send_round(&reactor(), &network(), echo_->address(), size, 1 + size / 7));
    EXPECT_TRUE(status.is_ok()) << size << ": " << status.to_string();
  }
}

Task<void> send_one(Reactor* reactor, Network* network, std::string address, size_t size, size_t* good) {
  const Status status = co_await send_round(reactor, network, std::move(address), size, 1000);
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  *good += status.is_ok() ? 1 : 0;
}
Task<void> send_many(Reactor* reactor, Network* network, std::string address, size_t count, size_t* good) {
  Gate gate(*reactor);
  for (size_t i = 0; i < count; ++i) gate.spawn(send_one(reactor, network, address, 1 + i * 1777, good));
  co_await gate.close();
}

TEST_P(OfiPeersTest, ManyStreamsAtOnceAndOneAfterTheOther) {
  for (int round = 0; round < 3; ++round) {
    size_t good = 0;
    reactor().run(send_many(&reactor(), &network(), echo_->address(), 16, &good));
    EXPECT_EQ(good, 16u);
  }
}

Task<Status> open_and_ask(Network* network, std::string address, std::unique_ptr<Stream>* stream) {
  CO_TRY_ASSIGN(*stream, co_await network->connect(std::move(address), kSoon));
  const ByteView piece = as_bytes("x");
  CO_TRY(co_await (*stream)->write(std::span(&piece, 1)));
  std::byte one{};
  CO_TRY_ASSIGN(const size_t count, co_await (*stream)->read(std::span(&one, 1)));
  EXPECT_EQ(count, 1u);
  co_return ok();
}
Task<Status> read_until_it_breaks(std::unique_ptr<Stream>* stream) {
  std::byte one{};
  const Result<size_t> count = co_await (*stream)->read(std::span(&one, 1));
  stream->reset();
  co_return count.status();
}

TEST_P(OfiPeersTest, AKilledPeerIsNoticedByWhoReads) {
  std::unique_ptr<Stream> stream;
  const Status asked = reactor().run(open_and_ask(&network(), echo_->address(), &stream));
  ASSERT_TRUE(asked.is_ok()) << asked.to_string();
  echo_->kill();
  const auto begin = std::chrono::steady_clock::now();
  const Status status = reactor().run(read_until_it_breaks(&stream));
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.to_string();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

Task<Status> write_until_it_breaks(std::unique_ptr<Stream>* stream) {
  const Bytes data(kMiB, std::byte{3});
  const ByteView piece = data;
  Status status;
  for (int i = 0; i < 64 && status.is_ok(); ++i) status = co_await (*stream)->write(std::span(&piece, 1));
  stream->reset();
  co_return status;
}

TEST_P(OfiPeersTest, AKilledPeerIsNoticedByWhoWritesMuch) {
  std::unique_ptr<Stream> stream;
  const Status asked = reactor().run(open_and_ask(&network(), echo_->address(), &stream));
  ASSERT_TRUE(asked.is_ok()) << asked.to_string();
  std::thread killer([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    echo_->kill();
  });
  const Status status = reactor().run(write_until_it_breaks(&stream));
  killer.join();
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.to_string();
}

TEST_P(OfiPeersTest, AStoppedPeerCountsAsGoneAfterAWhile) {
  std::unique_ptr<Stream> stream;
  const Status asked = reactor().run(open_and_ask(&network(), echo_->address(), &stream));
  ASSERT_TRUE(asked.is_ok()) << asked.to_string();
  echo_->stop();
  const auto begin = std::chrono::steady_clock::now();
  const Status status = reactor().run(read_until_it_breaks(&stream));
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.to_string();
  EXPECT_GT(std::chrono::steady_clock::now() - begin, kSilenceMax) << "a pause is no death";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kSoon);
}

Task<void> hold_for(Reactor* reactor, std::unique_ptr<Stream>* stream, Duration duration) {
  co_await sleep_for(*reactor, duration);
  static_cast<void>(stream);
}
Task<void> drop(std::unique_ptr<Stream>* stream) {
  stream->reset();
  co_return;
}

TEST_P(OfiPeersTest, AnIdleStreamCostsLittle) {
  std::unique_ptr<Stream> stream;
  const Status asked = reactor().run(open_and_ask(&network(), echo_->address(), &stream));
  ASSERT_TRUE(asked.is_ok()) << asked.to_string();
  const auto used = [] {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const auto before = used();
  reactor().run(hold_for(&reactor(), &stream, std::chrono::seconds(1)));
  EXPECT_LT(used() - before, std::chrono::milliseconds(100));
  reactor().run(drop(&stream));
}

// ---- Those who mean harm --------------------------------------------------------------------------------------------

// Speaks the protocol by hand, wrongly.
class Stranger final : private Endpoint::Handler {
 public:
  Status open(Reactor& reactor, const std::string& text) {
    background_.emplace(reactor);
    TRY_ASSIGN(const Address address, parse_address(text));
    TRY_ASSIGN(info_, find_info(address, false));
    TRY_ASSIGN(fabric_, Fabric::open(reactor, *background_, *address.provider, *info_, kSilenceMax));
    TRY_ASSIGN(listener_, fabric_->find_peer({static_cast<const std::byte*>(info_->dest_addr), info_->dest_addrlen}));
    Endpoint::Handler& handler = *this;
    TRY_ASSIGN(endpoint_, Endpoint::open(fabric_, *info_, false, {}, handler));
    return ok();
  }
  Task<void> close() {
    peer_.reset();
    endpoint_.reset();
    listener_.reset();
    fabric_.reset();
    co_return;
  }
  const Bytes& name() const { return endpoint_->name(); }
  const std::shared_ptr<Peer>& listener() const { return listener_; }
  const std::shared_ptr<Peer>& peer() const { return peer_; }
  uint64_t peer_token() const { return peer_token_; }
  std::string refusal() const { return refusal_; }

  void send(const std::shared_ptr<Peer>& to, ByteView bytes) {
    if (endpoint_->free_slots() == 0) return;
    const uint32_t slot = endpoint_->take_slot();
    std::copy(bytes.begin(), bytes.end(), endpoint_->slot(slot).begin());
    endpoint_->send(slot, bytes.size(), to);
  }
  void send(const std::shared_ptr<Peer>& to, const Message& message) {
    Bytes bytes(kHeaderSize + message.payload.size());
    std::copy(message.payload.begin(), message.payload.end(), bytes.begin() + kHeaderSize);
    encode_header(message, std::span(bytes).first<kHeaderSize>());
    send(to, bytes);
  }
  Message hello() const {
    Message message;
    message.kind = Kind::kHello;
    message.sequence = 4711;
    message.payload = name();
    return message;
  }

 private:
  void on_message(uint32_t buffer, ByteView bytes) override {
    const Result<Message> message = decode(bytes);
    if (message.is_ok() && message->kind == Kind::kWelcome) {
      peer_ = *fabric_->find_peer(message->payload);
      peer_token_ = message->sequence;
    }
    if (message.is_ok() && message->kind == Kind::kRefusal) refusal_ = as_text(message->payload);
    endpoint_->give_back(buffer);
  }
  void on_sent() override {}
  void on_read(const Status&) override {}
  void on_failure(const Status&) override {}

  std::optional<Gate> background_;
  Info info_;
  std::shared_ptr<Fabric> fabric_;
  std::shared_ptr<Peer> listener_, peer_;
  std::unique_ptr<Endpoint> endpoint_;
  uint64_t peer_token_ = 0;
  std::string refusal_;
};

Task<Status> open_stranger(Reactor* reactor, std::string address, Stranger* stranger) {
  co_return stranger->open(*reactor, address);
}

Task<Status> talk_nonsense(Reactor* reactor, Network* network, std::string address, Stranger* stranger) {
  uint64_t noise = 1;
  for (int i = 0; i < 300; ++i) {
    Bytes bytes(1 + (i * 37) % 3000);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>((noise = noise * 6364136223846793005u + 1) >> 56);
    stranger->send(stranger->listener(), bytes);
    if (i % 10 == 0) co_await sleep_for(*reactor, std::chrono::milliseconds(1));
  }
  Message wrong = stranger->hello();
  const Bytes no_name(16, std::byte{7});
  wrong.payload = no_name;
  stranger->send(stranger->listener(), wrong);
  Message data;
  data.kind = Kind::kData;
  data.payload = as_bytes("for nobody");
  stranger->send(stranger->listener(), data);

  // One of another version is told.
  Message foreign = stranger->hello();
  Bytes bytes(kHeaderSize + foreign.payload.size());
  std::copy(foreign.payload.begin(), foreign.payload.end(), bytes.begin() + kHeaderSize);
  encode_header(foreign, std::span(bytes).first<kHeaderSize>());
  bytes[4] = std::byte{7};
  store_le(bytes.data() + 60, crc32c(ByteView(bytes).first(60)));
  stranger->send(stranger->listener(), bytes);
  const Instant deadline = reactor->now() + kSoon;
  while (stranger->refusal().empty() && reactor->now() < deadline) {
    co_await sleep_for(*reactor, std::chrono::milliseconds(5));
  }
  EXPECT_NE(stranger->refusal().find("version 7"), std::string::npos) << stranger->refusal();
  std::unique_ptr<Stream> stream;
  const Status asked = co_await open_and_ask(network, std::move(address), &stream);
  co_return asked;
}

TEST_P(OfiPeersTest, NonsenseDisturbsNobody) {
  Stranger stranger;
  const Status opened = reactor().run(open_stranger(&reactor(), echo_->address(), &stranger));
  ASSERT_TRUE(opened.is_ok()) << opened.to_string();
  const Status status = reactor().run(talk_nonsense(&reactor(), &network(), echo_->address(), &stranger));
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  reactor().run(stranger.close());
}

enum class Wrong { kOutsideOfWindow, kTwice, kReadTooMuch, kEndsBefore, kFalseOffer };

Task<Status> greet_and_do(Reactor* reactor, Network* network, std::string address, Stranger* stranger, Wrong wrong) {
  stranger->send(stranger->listener(), stranger->hello());
  const Instant deadline = reactor->now() + kSoon;
  while (stranger->peer() == nullptr && reactor->now() < deadline) {
    co_await sleep_for(*reactor, std::chrono::milliseconds(2));
  }
  if (stranger->peer() == nullptr) co_return Status(Code::kUnavailable, "no welcome");
  Message message;
  message.kind = Kind::kData;
  message.token = stranger->peer_token() ^ 1;
  message.payload = as_bytes("a guess");
  stranger->send(stranger->peer(), message);  // Changes nothing.
  message.token ^= 1;
  switch (wrong) {
    case Wrong::kOutsideOfWindow: message.sequence = kWindow; break;
    case Wrong::kTwice:
      message.sequence = 3;
      stranger->send(stranger->peer(), message);
      break;
    case Wrong::kReadTooMuch: message.consumed = 1; break;
    case Wrong::kEndsBefore:
      message.sequence = 5;
      stranger->send(stranger->peer(), message);
      message.kind = Kind::kControl;
      message.flags = kEnd;
      message.payload = {};
      message.sequence = 2;
      break;
    case Wrong::kFalseOffer:
      message.flags = kOffer;
      message.offer = {.address = 0xdead0000, .key = 12345, .size = 1 << 20};
      break;
  }
  stranger->send(stranger->peer(), message);
  co_await sleep_for(*reactor, std::chrono::milliseconds(50));
  std::unique_ptr<Stream> stream;
  const Status asked = co_await open_and_ask(network, std::move(address), &stream);
  co_return asked;
}

TEST_P(OfiPeersTest, ADishonestPeerEndsItsOwnStreamOnly) {
  for (const Wrong wrong :
       {Wrong::kOutsideOfWindow, Wrong::kTwice, Wrong::kReadTooMuch, Wrong::kEndsBefore, Wrong::kFalseOffer}) {
    Stranger stranger;
    const Status opened = reactor().run(open_stranger(&reactor(), echo_->address(), &stranger));
    ASSERT_TRUE(opened.is_ok()) << opened.to_string();
    const Status status = reactor().run(greet_and_do(&reactor(), &network(), echo_->address(), &stranger, wrong));
    EXPECT_TRUE(status.is_ok()) << static_cast<int>(wrong) << ": " << status.to_string();
    reactor().run(stranger.close());
  }
}

INSTANTIATE_TEST_SUITE_P(Providers, OfiPeersTest, testing::Values(ProviderKind::kTcp, ProviderKind::kSharedMemory),
                         [](const testing::TestParamInfo<ProviderKind>& kind) {
                           return kind.param == ProviderKind::kTcp ? "Tcp" : "SharedMemory";
                         });

}  // namespace
}  // namespace aeon::ofi
