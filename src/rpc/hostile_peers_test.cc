// Peers that mean harm, or know no better, over real sockets: whatever they do, others are served and memory has
// bounds.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "echo_service.h"
#include "rpc/network_channel.h"
#include "rpc/network_server.h"
#include "runtime/reactor.h"
#include "runtime/sockets.h"
#include "runtime/system.h"

namespace aeon::rpc {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kLife = 5;

struct Place {
  Reactor reactor;
  SystemClock clock;
  Sockets sockets{reactor};
  Random random = system_random();
  Faults faults;
  World world{reactor, clock, sockets, random, faults};
};

// In a thread of its own.
class Server {
 public:
  explicit Server(NetworkServer::Options options) {
    service_.add_to(dispatcher_);
    auto listening = NetworkServer::listen(place_.world, "tcp:127.0.0.1:0", dispatcher_, options);
    CHECK(listening.is_ok());
    server_ = std::move(*listening);
    thread_ = std::thread([this] { place_.reactor.run(wait()); });
  }
  ~Server() {
    place_.reactor.submit(stop());
    thread_.join();
  }
  std::string address() const { return server_->address(); }
  uint16_t port() const { return static_cast<uint16_t>(std::stoi(address().substr(address().rfind(':') + 1))); }

  struct Seen {
    size_t connections = 0, clients = 0;
    ByteCount remembered = 0;
    NetworkServer::Counters counters;
  };
  Seen look() { return place_.reactor.run(look_inside()); }

 private:
  Task<Seen> look_inside() {
    Seen seen;
    seen.connections = server_->connection_count();
    seen.clients = server_->client_count();
    seen.remembered = server_->remembered_size();
    seen.counters = server_->counters();
    co_return seen;
  }
  Task<void> wait() {
    while (!is_stopped_) co_await stopped_.wait();
  }
  Task<void> stop() {
    co_await server_->stop();
    is_stopped_ = true;
    stopped_.notify_all();
  }

  Place place_;
  EchoService service_{place_.reactor};
  Dispatcher dispatcher_{place_.reactor, kLife, {}};
  std::unique_ptr<NetworkServer> server_;
  Signal stopped_{place_.reactor};
  bool is_stopped_ = false;
  std::thread thread_;
};

Task<Status> fetch(Channel* channel, Bytes* room) {
  const auto hello = co_await call(*channel, wire::HelloRequest(), Bulk(), 60s);
  CO_TRY(hello.status());
  const MutableBytes view = *room;
  const Bulk in{.send = {}, .receive = std::span(&view, 1)};
  const auto fetched = co_await call(*channel, wire::ObjectFetchRequest(), in, 60s);
  co_return fetched.status();
}

// One that behaves.
class GoodClient {
 public:
  explicit GoodClient(const Server& server) : channel_(place_.world, server.address(), {}) {}
  ~GoodClient() { place_.reactor.run(channel_.close()); }
  Status ask() {
    Bytes room(kMiB);
    TRY(place_.reactor.run(fetch(&channel_, &room)));
    return room[1] == std::byte{'x'} ? ok() : Status(Code::kCorrupt, "not what was there");
  }

 private:
  Place place_;
  NetworkChannel channel_;
};

// A socket, and what is written to it by hand.
class RawPeer {
 public:
  RawPeer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    CHECK(socket_ >= 0);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    CHECK(setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
  }
  explicit RawPeer(const Server& server) : RawPeer() { connect(server); }
  RawPeer(RawPeer&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  ~RawPeer() {
    if (socket_ >= 0) ::close(socket_);
  }

  void connect(const Server& server) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(server.port());
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::connect(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  }
  // False once the server has closed.
  bool send(ByteView bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;  // This thread's rings have news.
      if (count <= 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return true;
  }
  // What can be sent until nobody takes any more for a while, the server closes, or it is `most`.
  ByteCount send_again_and_again(ByteView bytes, ByteCount most) {
    ByteCount sent = 0;
    auto taken_at = std::chrono::steady_clock::now();
    while (sent < most && std::chrono::steady_clock::now() - taken_at < 1s) {
      const size_t from = sent % bytes.size();
      const ssize_t count = ::send(socket_, bytes.data() + from, bytes.size() - from, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) {
        sent += static_cast<ByteCount>(count);
        taken_at = std::chrono::steady_clock::now();
      } else if (errno != EAGAIN && errno != EINTR) {
        break;
      } else {
        std::this_thread::sleep_for(1ms);
      }
    }
    return sent;
  }
  bool receive(MutableBytes into) {
    while (!into.empty()) {
      const ssize_t count = ::recv(socket_, into.data(), into.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      into = into.subspan(static_cast<size_t>(count));
    }
    return true;
  }
  // The next answer, and what data comes with it.
  std::optional<wire::Header> receive_answer() {
    Bytes message(wire::kHeaderSize);
    if (!receive(message)) return {};
    const Result<wire::FrameSizes> sizes = wire::frame_sizes(message);
    if (!sizes.is_ok()) return {};
    message.resize(wire::kHeaderSize + sizes->payload);
    Bytes bulk(sizes->bulk);
    if (!receive(MutableBytes(message).subspan(wire::kHeaderSize)) || !receive(bulk)) return {};
    const Result<wire::Message> opened = wire::open_message(message);
    if (!opened.is_ok()) return {};
    return opened->header;
  }
  bool is_closed_by_server() {
    std::byte one{};
    ssize_t count = ::recv(socket_, &one, 1, 0);
    while (count < 0 && errno == EINTR) count = ::recv(socket_, &one, 1, 0);
    return count == 0 || (count < 0 && errno != EAGAIN);
  }

 private:
  int socket_;
};

template <typename Request>
Bytes message(wire::Header header, const Request& request) {
  wire::Buffer buffer;
  wire::begin_message(buffer);
  wire::encode(request, wire::kProtocolVersion, buffer);
  header.opcode = static_cast<uint16_t>(Request::kOpcode);
  wire::seal_message(header, buffer);
  return buffer.to_bytes();
}

wire::Header header_of(uint64_t client, uint64_t request, uint32_t flags = wire::kFlagMayRepeat) {
  wire::Header header;
  header.client_id = client;
  header.request_id = request;
  header.acknowledged_below = 1;
  header.server_life = kLife;
  header.flags = flags;
  return header;
}
Bytes hello(uint64_t client, uint64_t request = 1) { return message(header_of(client, request), wire::HelloRequest()); }
Bytes ping() {
  wire::Header header = header_of(1, 0, wire::kFlagPing);
  return message(header, wire::HelloRequest());
}
Bytes ask_for(ByteCount size, uint64_t client, uint64_t request, uint32_t flags = wire::kFlagMayRepeat) {
  wire::Header header = header_of(client, request, flags);
  header.reply_bulk_room = size;
  return message(header, wire::ObjectFetchRequest());
}
// Says that data follows.
Bytes announce(ByteCount size, uint64_t client, uint64_t request) {
  wire::Header header = header_of(client, request, wire::kFlagBulkFollows);
  header.bulk_size = size;
  return message(header, wire::ObjectWriteRequest());
}

// Little of everything, so that bounds are met.
NetworkServer::Options small() {
  NetworkServer::Options options;
  options.memory_max = 16 * kMiB;
  options.request_memory_max = 8 * kMiB;
  options.hurry_max = 200ms;
  options.stall_max = 4s;
  return options;
}

void expect_served(GoodClient& client) {
  const Status status = client.ask();
  EXPECT_TRUE(status.is_ok()) << status.to_string();
}

TEST(HostilePeers, NonsenseEndsTheConnectionItCameByAndNoOther) {
  Server server(small());
  GoodClient good(server);
  expect_served(good);
  Bytes long_payload = hello(7), long_data = announce(kMiB, 7, 1), damaged = hello(7);
  store_le(long_payload.data() + 12, uint32_t{65 * kMiB});
  store_le(long_data.data() + 80, uint64_t{2 * kGiB});
  damaged[50] ^= std::byte{1};
  Bytes wrong_data = announce(1000, 7, 1);
  wrong_data.resize(wrong_data.size() + 1000);  // With a checksum that isn't zero's.
  store_le(wrong_data.data() + 88, uint32_t{99});
  const Bytes answer = message(header_of(7, 1, wire::kFlagReply), wire::HelloRequest());
  Bytes two_clients = hello(7);
  const Bytes second = hello(8);
  two_clients.insert(two_clients.end(), second.begin(), second.end());
  const Bytes far_ahead = hello(7, 1'000'000);
  const Bytes web = to_bytes("GET / HTTP/1.1\r\nHost: here\r\n\r\n" + std::string(200, 'x'));
  int number = 0;
  for (const Bytes& bytes : {long_payload, long_data, damaged, wrong_data, answer, two_clients, far_ahead, web}) {
    RawPeer peer(server);
    EXPECT_TRUE(peer.send(bytes));
    bool is_closed = false;
    for (int i = 0; i < 2 && !is_closed; ++i) is_closed = !peer.receive_answer().has_value();
    EXPECT_TRUE(is_closed) << number;
    ++number;
  }
  EXPECT_EQ(server.look().counters.dropped, 8u);
  expect_served(good);
  EXPECT_EQ(server.look().counters.connections, 9u) << "the good one kept its connection";
}

TEST(HostilePeers, WhatCantBeServedIsAnsweredAndTheConnectionStays) {
  Server server(small());
  RawPeer peer(server);
  wire::Header unknown = header_of(7, 1);
  wire::Buffer buffer;
  wire::begin_message(buffer);
  unknown.opcode = 4711;
  wire::seal_message(unknown, buffer);
  EXPECT_TRUE(peer.send(buffer.view()));
  EXPECT_EQ(peer.receive_answer().value().request_id, 1u);
  wire::Header elsewhere = header_of(7, 2);
  elsewhere.server_life = 99;
  EXPECT_TRUE(peer.send(message(elsewhere, wire::HelloRequest())));
  EXPECT_TRUE((peer.receive_answer().value().flags & wire::kFlagOtherLife) != 0);
  EXPECT_TRUE(peer.send(ask_for(kGiB, 7, 3)));
  EXPECT_EQ(peer.receive_answer().value().request_id, 3u);
  EXPECT_TRUE(peer.send(ask_for(~uint64_t{0}, 7, 4)));
  EXPECT_EQ(peer.receive_answer().value().request_id, 4u);
}

TEST(HostilePeers, WhoNeverReadsAnswersIsNotReadAnyMore) {
  NetworkServer::Options options = small();
  options.stall_max = 60s;
  Server server(options);
  constexpr ByteCount kMost = 100 * kMiB;
  for (const Bytes& bytes : {ping(), hello(7)}) {
    RawPeer peer(server);
    EXPECT_LT(peer.send_again_and_again(bytes, kMost), kMost) << "each has an answer, which takes memory";
  }
  GoodClient good(server);
  expect_served(good);
}

TEST(HostilePeers, SlowReadersDontKeepTheMemoryFromOthers) {
  Server server(small());
  std::vector<RawPeer> peers;
  for (uint64_t client = 1; client <= 12; ++client) {
    peers.emplace_back(server);
    for (uint64_t request = 1; request <= 20; ++request) peers.back().send(ask_for(kMiB - kKiB, client, request));
  }
  GoodClient good(server);
  for (int i = 0; i < 5; ++i) expect_served(good);
  EXPECT_GT(server.look().counters.dropped, 0u) << "all of the memory was theirs";
}

TEST(HostilePeers, SlowWritersDontKeepTheMemoryFromOthers) {
  Server server(small());
  std::vector<RawPeer> peers;
  for (uint64_t client = 1; client <= 12; ++client) {
    peers.emplace_back(server);
    peers.back().send(announce(client % 4 == 0 ? 8 * kMiB : kMiB, client, 1));
  }
  std::atomic<bool> is_over = false;
  std::thread dripping([&] {
    const std::byte one{};
    while (!is_over) {
      for (RawPeer& peer : peers) peer.send(ByteView(&one, 1));
      std::this_thread::sleep_for(50ms);
    }
  });
  GoodClient good(server);
  for (int i = 0; i < 5; ++i) expect_served(good);
  EXPECT_GT(server.look().counters.dropped, 0u);
  is_over = true;
  dripping.join();
}

TEST(HostilePeers, PayloadsThatAreSentSlowlyDontTakeMemoryWithoutEnd) {
  Server server(small());
  Bytes begun = hello(7);
  store_le(begun.data() + 12, uint32_t{64 * kMiB});
  begun.resize(24 * kMiB);
  std::vector<RawPeer> peers;
  ByteCount sent = 0;
  for (int i = 0; i < 3; ++i) {
    peers.emplace_back(server);
    sent += peers.back().send_again_and_again(begun, begun.size());
  }
  EXPECT_LT(sent, 3 * begun.size()) << "there is memory for one of them";
  GoodClient good(server);
  for (int i = 0; i < 3; ++i) expect_served(good);
}

TEST(HostilePeers, WhoStopsInTheMiddleOfAMessageIsClosed) {
  NetworkServer::Options options = small();
  options.stall_max = 400ms;
  options.idle_max = 60s;
  Server server(options);
  GoodClient good(server);
  expect_served(good);
  RawPeer half(server), quiet(server);
  const Bytes bytes = hello(7);
  EXPECT_TRUE(half.send(ByteView(bytes).first(50)));
  EXPECT_TRUE(half.is_closed_by_server());
  EXPECT_TRUE(quiet.send(bytes)) << "who has said nothing yet isn't late";
  EXPECT_TRUE(quiet.receive_answer().has_value());
  expect_served(good);
}

TEST(HostilePeers, ConnectionsThatSayNothingMakeRoomForOthers) {
  NetworkServer::Options options = small();
  options.connections_max = 40;
  Server server(options);
  GoodClient good(server);
  expect_served(good);
  std::vector<RawPeer> peers;
  for (int i = 0; i < 400; ++i) peers.emplace_back(server);
  expect_served(good);
  GoodClient late(server);
  expect_served(late);
  const Server::Seen seen = server.look();
  EXPECT_LE(seen.connections, 41u);
  EXPECT_GE(seen.counters.evicted, 350u);
  EXPECT_EQ(seen.counters.connections, 402u) << "those that had said something were spared";
}

TEST(HostilePeers, WhenDescriptorsRunOutTheQuietestGoAndNewOnesAreServed) {
  Server server(small());
  std::vector<RawPeer> peers(400);
  RawPeer late;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  const int next = dup(0);
  ::close(next);
  tight.rlim_cur = static_cast<rlim_t>(next) + 30;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  for (RawPeer& peer : peers) peer.connect(server);
  late.connect(server);
  const bool was_sent = late.send(hello(7));
  const bool was_served = late.receive_answer().has_value();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(was_sent && was_served);
  EXPECT_GT(server.look().counters.evicted, 300u);
  peers.clear();
  GoodClient good(server);
  expect_served(good);
}

TEST(HostilePeers, AnswersWithDataArentKeptForWhoNeverAcknowledgesThem) {
  Server server(small());
  RawPeer peer(server);
  for (uint64_t request = 1; request <= 40; ++request) {  // More than there is memory.
    ASSERT_TRUE(peer.send(ask_for(kMiB - kKiB, 7, request, 0)));
    ASSERT_TRUE(peer.receive_answer().has_value()) << request;
  }
}

TEST(HostilePeers, ClientsThatCameAndWentAreForgotten) {
  NetworkServer::Options options = small();
  options.clients_max = 20;
  options.remembered_max = 2000;
  Server server(options);
  RawPeer staying(server);
  wire::SnapshotCreateRequest once;
  once.name = "staying";
  EXPECT_TRUE(staying.send(message(header_of(99, 1, 0), once)));
  EXPECT_TRUE(staying.receive_answer().has_value());
  for (uint64_t client = 100; client < 200; ++client) {
    RawPeer peer(server);
    for (uint64_t request = 1; request <= 3; ++request) {
      EXPECT_TRUE(peer.send(message(header_of(client, request, 0), once)));
      EXPECT_TRUE(peer.receive_answer().has_value()) << client;
    }
  }
  Server::Seen seen = server.look();
  for (int i = 0; i < 2000 && seen.connections > 1; ++i) {
    std::this_thread::sleep_for(5ms);
    seen = server.look();
  }
  EXPECT_LE(seen.clients, 20u);
  EXPECT_LE(seen.remembered, 2000u);
  const uint64_t repeated = seen.counters.repeated;
  EXPECT_TRUE(staying.send(message(header_of(99, 1, 0), once)));
  EXPECT_TRUE(staying.receive_answer().has_value());
  EXPECT_EQ(server.look().counters.repeated, repeated + 1) << "who is connected is remembered";
}

}  // namespace
}  // namespace aeon::rpc
