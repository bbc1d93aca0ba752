#include "tls/tls_network.h"

#include <gtest/gtest.h>

#include <functional>

#include "identities_test.h"
#include "sim/for_each_seed.h"
#include "sim/sim_network.h"
#include "tls_stream.h"

namespace aeon::tls {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kClientNode = 1, kServerNode = 2;
const std::string kAddress = "tls:2:7";
const std::string kBelow = "sim:2:7";

const TlsNetwork::Options kOverSim{.below = "sim:"};

// Bytes of a connection, changed as they are read.
using Meddle = std::function<void(uint64_t at, std::byte& byte)>;
class MeddlingStream final : public Stream {
 public:
  MeddlingStream(std::unique_ptr<Stream> below, const Meddle& meddle) : below_(std::move(below)), meddle_(meddle) {}
  Task<Result<size_t>> read(MutableBytes into) override {
    CO_TRY_ASSIGN(const size_t count, co_await below_->read(into));
    for (size_t i = 0; i < count; ++i) meddle_(at_++, into[i]);
    co_return count;
  }
  Task<Status> write(std::span<const ByteView> pieces) override { co_return co_await below_->write(pieces); }
  void shut() override { below_->shut(); }
  void shut_after(ByteView last) override { below_->shut_after(last); }
  const std::string& peer() const override { return below_->peer(); }

 private:
  const std::unique_ptr<Stream> below_;
  const Meddle meddle_;
  uint64_t at_ = 0;
};
class MeddlingNetwork final : public Network {
 public:
  explicit MeddlingNetwork(Network& below) : below_(below) {}
  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, Duration timeout) override {
    CO_TRY_ASSIGN(std::unique_ptr<Stream> stream, co_await below_.connect(std::move(address), timeout));
    std::unique_ptr<Stream> meddled = std::make_unique<MeddlingStream>(std::move(stream), meddle);
    co_return meddled;
  }
  Result<std::unique_ptr<Listener>> listen(const std::string& address) override { return below_.listen(address); }

  Meddle meddle = [](uint64_t, std::byte&) {};

 private:
  Network& below_;
};

struct Notes {
  std::unique_ptr<Stream> stream;
  Status connected{Code::kInProgress};
  std::string read;
  Status ended{Code::kInProgress};
  Status written{Code::kInProgress};
};

Task<void> read_all(Notes* notes, size_t room = 1000) {
  Bytes buffer(room);
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
  ignore((co_await listener->accept()).status(), "only until it is shut");
}
Task<void> connect(Network* network, Notes* notes, Duration timeout = seconds(5), std::string address = kAddress) {
  Result<std::unique_ptr<Stream>> stream = co_await network->connect(address, timeout);
  notes->connected = stream.status();
  if (stream.is_ok()) notes->stream = std::move(*stream);
}
Task<void> write_pieces(Notes* notes, std::string text, size_t piece_size) {
  std::vector<ByteView> pieces;
  const ByteView whole = as_bytes(text);
  for (size_t at = 0; at < whole.size(); at += piece_size) {
    pieces.push_back(whole.subspan(at, std::min(piece_size, whole.size() - at)));
  }
  notes->written = co_await notes->stream->write(pieces);
}

std::string long_text(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 23 + i / 1000 % 3);
  return text;
}

// Who is who; the good ones are made once.
struct Identities {
  Identity server, client;
  static const Authority& authority() {
    static const Authority kAuthority = make_authority();
    return kAuthority;
  }
  static const Identities& good() {
    static const Identities kGood{make_identity(authority(), Role::kServer), make_identity(authority(), Role::kClient)};
    return kGood;
  }
};

// A client and a server, and TLS between them; the server reads whatever comes.
struct Pair {
  explicit Pair(uint64_t seed, const Identities& identities = Identities::good(),
                TlsNetwork::Options options = kOverSim)
      : scheduler(seed),
        network(scheduler),
        client(scheduler.new_process("client")),
        server(scheduler.new_process("server")),
        client_clock(scheduler),
        server_clock(scheduler),
        meddling(network.port(client, kClientNode)),
        client_tls(client, client_clock, meddling, options),
        server_tls(server, server_clock, network.port(server, kServerNode), options) {
    client_tls.use(identities.client);
    server_tls.use(identities.server);
    auto listening = server_tls.listen(kAddress);
    CHECK(listening.is_ok());
    listener = std::move(*listening);
    server.spawn(accept_and_read(listener.get(), &there));
  }
  ~Pair() {
    scheduler.kill(client);
    scheduler.kill(server);
  }
  void connect_now() {
    scheduler.run(client, connect(&client_tls, &here));
    scheduler.run_for(milliseconds(10));
  }
  void send(std::string text, size_t piece_size = 1'000'000) {
    client.spawn(write_pieces(&here, std::move(text), piece_size));
    scheduler.run_for(seconds(10));
  }
  void answer(std::string text) {
    server.spawn(write_pieces(&there, std::move(text), 1000));
    scheduler.run_for(seconds(10));
  }
  uint64_t faults(std::string_view name) { return scheduler.fault_counts().count(name); }

  SimScheduler scheduler;
  SimNetwork network;
  SimExecutor& client;
  SimExecutor& server;
  SimClock client_clock, server_clock;
  MeddlingNetwork meddling;
  TlsNetwork client_tls, server_tls;
  std::unique_ptr<Listener> listener;
  Notes here, there;
};

TEST(TlsNetwork, CarriesBytesBothWaysAndTellsTheEnd) {
  for (const size_t piece_size : {1, 100, 16'000, 16'384, 100'000}) {
    Pair pair(1);
    pair.connect_now();
    ASSERT_TRUE(pair.here.connected.is_ok()) << pair.here.connected.to_string();
    const std::string text = long_text(piece_size == 1 ? 50'000 : 1'000'000);
    pair.client.spawn(read_all(&pair.here));
    pair.send(text, piece_size);
    pair.answer(text);
    EXPECT_TRUE(pair.here.written.is_ok());
    EXPECT_TRUE(pair.there.read == text) << piece_size;
    EXPECT_TRUE(pair.here.read == text) << piece_size;
    EXPECT_EQ(pair.there.ended.code(), Code::kInProgress);
    pair.here.stream->shut();
    pair.scheduler.run_for(seconds(1));
    EXPECT_TRUE(pair.there.ended.is_ok()) << pair.there.ended.to_string();
    EXPECT_EQ(pair.here.ended.code(), Code::kUnavailable);
    pair.send("more");
    EXPECT_EQ(pair.here.written.code(), Code::kUnavailable);
  }
}

TEST(TlsNetwork, OtherAddressesGoByTheNetworkBelow) {
  Pair pair(1);
  auto plain = pair.server_tls.listen("sim:2:8");
  ASSERT_TRUE(plain.is_ok());
  EXPECT_EQ((*plain)->address(), "sim:2:8");
  EXPECT_EQ(pair.listener->address(), kAddress);
  Notes notes;
  pair.scheduler.run(pair.client, connect(&pair.client_tls, &notes, seconds(5), "sim:2:8"));
  EXPECT_TRUE(notes.connected.is_ok()) << notes.connected.to_string();
  notes.stream.reset();
}

TEST(TlsNetwork, WithoutCertificatesSaysWhatToDo) {
  Pair pair(1);
  TlsNetwork bare(pair.client, pair.client_clock, pair.meddling, kOverSim);
  pair.scheduler.run(pair.client, connect(&bare, &pair.here));
  EXPECT_EQ(pair.here.connected.code(), Code::kPermission);
  EXPECT_NE(pair.here.connected.message().find("AEON_CERTS"), std::string_view::npos);
  EXPECT_EQ(pair.client_tls.listen("tls:1:9").code(), Code::kPermission);
}

TEST(TlsNetwork, AnEndThatNobodyAnnouncedIsABreak) {
  Pair pair(1);
  pair.connect_now();
  pair.send("text");
  // The process is gone without a word, as far as TLS is concerned.
  pair.here.stream.reset();
  pair.scheduler.run_for(seconds(1));
  EXPECT_EQ(pair.there.read, "text");
  EXPECT_EQ(pair.there.ended.code(), Code::kUnavailable);
  EXPECT_NE(pair.there.ended.message().find("cut off"), std::string_view::npos) << pair.there.ended.to_string();
}

TEST(TlsNetwork, KeysAreRenewedOnTheWay) {
  TlsNetwork::Options options = kOverSim;
  options.records_per_key = 3;
  Pair pair(1, Identities::good(), options);
  pair.connect_now();
  const std::string text = long_text(1'000'000);
  pair.client.spawn(read_all(&pair.here));
  pair.send(text, 10'000);
  pair.answer(text);
  EXPECT_TRUE(pair.there.read == text) << pair.there.ended.to_string();
  EXPECT_TRUE(pair.here.read == text) << pair.here.ended.to_string();
}

// Whatever bit of whatever byte is changed: what is read is the beginning of what was written, and then it is broken.
TEST(TlsNetwork, ChangedBytesBreakItAndNeverArrive) {
  const std::string text = long_text(2'000);
  uint64_t total = 0;
  {
    Pair pair(1);
    pair.meddling.meddle = [&total](uint64_t at, std::byte&) { total = at + 1; };
    pair.connect_now();
    pair.client.spawn(read_all(&pair.here));
    pair.answer(text);
    ASSERT_EQ(pair.here.read, text);
  }
  int connected = 0, refused = 0;
  for (uint64_t changed = 0; changed < total; changed += 7 * kCaseStep) {
    Pair pair(1);
    pair.meddling.meddle = [changed](uint64_t at, std::byte& byte) {
      if (at == changed) byte ^= std::byte{1} << (at % 8);
    };
    pair.scheduler.run(pair.client, connect(&pair.client_tls, &pair.here));
    if (!pair.here.connected.is_ok()) {
      ++refused;
      continue;
    }
    ++connected;
    pair.client.spawn(read_all(&pair.here));
    pair.answer(text);
    EXPECT_TRUE(text.starts_with(pair.here.read)) << changed;
    EXPECT_LT(pair.here.read.size(), text.size()) << changed;
    EXPECT_EQ(pair.here.ended.code(), Code::kUnavailable) << changed;
  }
  EXPECT_GT(connected, 20);
  EXPECT_GT(refused, 5);
}

TEST(TlsNetwork, OverAnUnreliableNetworkItIsRightOrBroken) {
  uint64_t whole = 0, broken = 0, unconnected = 0;
  for_each_seed([&](uint64_t seed) {
    Pair pair(seed);
    SimLink link = SimLink::random(pair.scheduler.random(), 0.1);
    pair.network.set_link(link);
    pair.connect_now();
    if (!pair.here.connected.is_ok()) {
      ++unconnected;
      return;
    }
    const std::string text = long_text(300'000);
    pair.client.spawn(read_all(&pair.here, 50'000));
    pair.send(text, 1 + pair.scheduler.random().below(40'000));
    if (pair.there.stream != nullptr && !pair.there.ended.is_ok()) pair.answer(text);
    pair.scheduler.run_for(seconds(100));
    ASSERT_TRUE(text.starts_with(pair.there.read));
    ASSERT_TRUE(text.starts_with(pair.here.read));
    if (pair.there.read == text && pair.here.read == text) {
      ++whole;
    } else {
      ASSERT_GT(pair.faults("network_reset"), 0u);
      ++broken;
    }
  });
  if (whole + broken + unconnected < 50) return;  // One seed again.
  EXPECT_GT(whole, 5u);
  EXPECT_GT(broken, 5u);
  EXPECT_GT(unconnected, 0u);
}

TEST(TlsNetwork, ASilentPeerDoesntHoldUpAnotherAndIsGivenUpInTime) {
  Pair pair(1);
  Notes silent;
  pair.scheduler.run(pair.client, connect(&pair.meddling, &silent, seconds(5), kBelow));
  pair.connect_now();
  EXPECT_TRUE(pair.here.connected.is_ok()) << pair.here.connected.to_string();
  pair.client.spawn(read_all(&silent));
  pair.scheduler.run_for(seconds(9));
  EXPECT_EQ(silent.ended.code(), Code::kInProgress);
  pair.scheduler.run_for(seconds(2));
  EXPECT_NE(silent.ended.code(), Code::kInProgress);
  pair.send("text");
  EXPECT_EQ(pair.there.read, "text");
}

// It begins like a client, and stops after so many bytes.
TEST(TlsNetwork, APeerThatStopsHalfwayIsGivenUpInTime) {
  for (const uint64_t stop_at : {1, 5, 100}) {
    Pair pair(1);
    Notes half;
    pair.scheduler.run(pair.client, connect(&pair.meddling, &half, seconds(5), kBelow));
    std::string begin("\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03", 11);
    begin.resize(stop_at, 'x');
    pair.client.spawn(write_pieces(&half, begin, 1000));
    pair.client.spawn(read_all(&half));
    pair.scheduler.run_for(seconds(9));
    EXPECT_EQ(half.ended.code(), Code::kInProgress) << stop_at;
    pair.scheduler.run_for(seconds(2));
    EXPECT_NE(half.ended.code(), Code::kInProgress) << stop_at;
  }
}

TEST(TlsNetwork, OfTooManyHandshakesTheOldestGivesWay) {
  TlsNetwork::Options options = kOverSim;
  options.handshakes_max = 3;
  Pair pair(1, Identities::good(), options);
  std::vector<Notes> silent(4);
  for (Notes& one : silent) {
    pair.scheduler.run(pair.client, connect(&pair.meddling, &one, seconds(5), kBelow));
    pair.client.spawn(read_all(&one));
    pair.scheduler.run_for(milliseconds(100));
  }
  EXPECT_NE(silent[0].ended.code(), Code::kInProgress);
  EXPECT_EQ(silent[1].ended.code(), Code::kInProgress);
  pair.connect_now();
  EXPECT_TRUE(pair.here.connected.is_ok()) << pair.here.connected.to_string();
}

TEST(TlsNetwork, GarbageIsClosedAtOnce) {
  Pair pair(1);
  Notes stranger;
  pair.scheduler.run(pair.client, connect(&pair.meddling, &stranger, seconds(5), kBelow));
  pair.client.spawn(write_pieces(&stranger, "GET / HTTP/1.1\r\n\r\n", 1000));
  pair.client.spawn(read_all(&stranger));
  pair.scheduler.run_for(seconds(1));
  EXPECT_NE(stranger.ended.code(), Code::kInProgress);
}

Task<void> accept_and_send_garbage(Listener* listener, Notes* notes) {
  Result<std::unique_ptr<Stream>> stream = co_await listener->accept();
  if (!stream.is_ok()) co_return;
  notes->stream = std::move(*stream);
  co_await write_pieces(notes, "220 mail ready\r\n", 1000);
}
TEST(TlsNetwork, AServerThatSpeaksSomethingElseIsNamed) {
  Pair pair(1);
  auto plain = pair.server_tls.listen("sim:2:8");
  ASSERT_TRUE(plain.is_ok());
  pair.server.spawn(accept_and_send_garbage(plain->get(), &pair.there));
  pair.scheduler.run(pair.client, connect(&pair.client_tls, &pair.here, seconds(5), "tls:2:8"));
  EXPECT_EQ(pair.here.connected.code(), Code::kUnavailable);
  EXPECT_NE(pair.here.connected.message().find("tls:2:8"), std::string_view::npos);
  EXPECT_NE(pair.here.connected.message().find("no TLS with"), std::string_view::npos);
}

TEST(TlsNetwork, AServerThatSaysNothingIsGivenUpInTime) {
  Pair pair(1);
  auto plain = pair.server_tls.listen("sim:2:8");
  ASSERT_TRUE(plain.is_ok());
  const Instant begin = pair.scheduler.now();
  pair.scheduler.run(pair.client, connect(&pair.client_tls, &pair.here, seconds(3), "tls:2:8"));
  EXPECT_EQ(pair.here.connected.code(), Code::kUnavailable);
  EXPECT_NE(pair.here.connected.message().find("in time"), std::string_view::npos);
  EXPECT_LT(pair.scheduler.now() - begin, milliseconds(3010));
}

TEST(TlsNetwork, AcceptEndsWithTheLastHandshake) {
  Pair pair(1);
  Notes silent;
  pair.scheduler.run(pair.client, connect(&pair.meddling, &silent, seconds(5), kBelow));
  pair.connect_now();
  pair.here.stream->shut();
  pair.scheduler.run_for(seconds(1));
  pair.listener->shut();
  pair.scheduler.run_for(seconds(1));
  EXPECT_EQ(pair.server.coroutine_count(), 0u);
}

// What each side says when a certificate isn't good; `refuser` is the side that finds out.
struct BadCertificate {
  const char* name;
  std::function<Identities()> identities;
  std::string said_by_client;
  Duration client_skew{}, server_skew{};
};
void PrintTo(const BadCertificate& bad, std::ostream* out) { *out << bad.name; }

constexpr Period kDay{.from_unix_s = kTestNow_s - kTestDay_s, .until_unix_s = kTestNow_s + kTestDay_s};
const Duration kTwoDays = std::chrono::hours(48);

Identities short_lived() {
  const Authority& authority = Identities::authority();
  return {make_identity(authority, Role::kServer, kDay), make_identity(authority, Role::kClient, kDay)};
}
Identities with_server(const Identity& server) { return {server, Identities::good().client}; }
Identities with_client(const Identity& client) { return {Identities::good().server, client}; }

class TlsRefusal : public testing::TestWithParam<BadCertificate> {};

TEST_P(TlsRefusal, IsToldToTheClientWhenItConnects) {
  const BadCertificate& bad = GetParam();
  Pair pair(1, bad.identities());
  pair.client_clock.set_skew(bad.client_skew);
  pair.server_clock.set_skew(bad.server_skew);
  pair.connect_now();
  EXPECT_EQ(pair.here.connected.code(), Code::kPermission) << pair.here.connected.to_string();
  EXPECT_NE(pair.here.connected.message().find(bad.said_by_client), std::string_view::npos)
      << pair.here.connected.to_string();
  EXPECT_EQ(pair.there.stream, nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    , TlsRefusal,
    testing::Values(
        BadCertificate{"ExpiredServer", [] { return short_lived(); }, "its certificate expired", kTwoDays, {}},
        BadCertificate{"ExpiredClient", [] { return short_lived(); }, "our certificate expired", {}, kTwoDays},
        BadCertificate{"FutureServer", [] { return short_lived(); }, "isn't valid yet", -kTwoDays, {}},
        BadCertificate{"FutureClient", [] { return short_lived(); }, "may not be valid yet", {}, -kTwoDays},
        BadCertificate{"ServerOfAnotherCa", [] { return with_server(make_identity(make_authority(), Role::kServer)); },
                       "its certificate is of another CA"},
        BadCertificate{"ClientOfAnotherCa",
                       [] {
                         // It trusts the server, which doesn't trust it.
                         const Authority other = make_authority();
                         const Result<CertificateAndKey> own = other.issue(Role::kClient, kWholeYear);
                         const FixedClock clock(kTestNow_s);
                         return with_client(
                             *Identity::of(Identities::authority().pem().certificate + other.pem().certificate, *own,
                                           Role::kClient, clock, "certs"));
                       },
                       "our certificate is of another CA"}),
    [](const auto& tested) { return std::string(tested.param.name); });

// Somebody with a client's certificate serves with it, whatever our own code would say to that.
Task<void> accept_as_a_client(Listener* listener, std::unique_ptr<TlsStream>* stream, Status* status) {
  Result<std::unique_ptr<Stream>> below = co_await listener->accept();
  if (!below.is_ok()) co_return;
  *stream = std::make_unique<TlsStream>(std::move(*below), Identities::good().client, Role::kServer, kTestNow_s,
                                        "somebody", 1000);
  *status = co_await (*stream)->shake_hands();
}
TEST(TlsNetwork, NobodyBelievesAServerWithAClientsCertificate) {
  Pair pair(1);
  auto plain = pair.server_tls.listen("sim:2:8");
  ASSERT_TRUE(plain.is_ok());
  std::unique_ptr<TlsStream> impostor;
  Status told;
  pair.server.spawn(accept_as_a_client(plain->get(), &impostor, &told));
  pair.scheduler.run(pair.client, connect(&pair.client_tls, &pair.here, seconds(5), "tls:2:8"));
  pair.scheduler.run_for(seconds(1));
  EXPECT_EQ(pair.here.connected.code(), Code::kPermission);
  EXPECT_NE(pair.here.connected.message().find("another role"), std::string_view::npos)
      << pair.here.connected.to_string();
  EXPECT_EQ(told.code(), Code::kPermission);
  EXPECT_NE(told.message().find("for another role"), std::string_view::npos) << told.to_string();
}

// A server may call another.
TEST(TlsNetwork, AServersCertificateCallsToo) {
  Pair pair(1, Identities{Identities::good().server, Identities::good().server});
  pair.connect_now();
  EXPECT_TRUE(pair.here.connected.is_ok()) << pair.here.connected.to_string();
  EXPECT_TRUE(pair.there.stream->may_be_server());
}

TEST(TlsNetwork, BothKnowWhoIsAServer) {
  Pair pair(1);
  pair.connect_now();
  ASSERT_TRUE(pair.here.connected.is_ok()) << pair.here.connected.to_string();
  EXPECT_TRUE(pair.here.stream->may_be_server());
  EXPECT_FALSE(pair.there.stream->may_be_server());
}

uint64_t hash_of_a_run(uint64_t seed) {
  Pair pair(seed);
  pair.network.set_link(SimLink::random(pair.scheduler.random(), 0.1));
  pair.connect_now();
  if (pair.here.connected.is_ok()) pair.send(long_text(300'000));
  return pair.scheduler.trace_hash();
}
TEST(TlsNetwork, RunsRepeatFromTheSeed) {
  for (uint64_t seed = 1; seed <= 10; ++seed) EXPECT_EQ(hash_of_a_run(seed), hash_of_a_run(seed)) << seed;
}

}  // namespace
}  // namespace aeon::tls
