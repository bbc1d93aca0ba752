// rpc_bench: what a call costs in one process, to one server and to many, over sockets and in shared memory, beside
// what a socket and a stream of the same kind cost by themselves. Prints JSON.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string_view>
#include <thread>

#include "echo_service.h"
#include "rpc/at_once.h"
#include "rpc/collectives.h"
#include "rpc/inproc_channel.h"
#include "rpc/network_channel.h"
#include "rpc/network_server.h"
#include "runtime/reactor.h"
#include "runtime/sockets.h"
#include "runtime/system.h"

namespace {

using namespace aeon;
using SteadyClock = std::chrono::steady_clock;

constexpr ByteCount kLarge = kMiB;
constexpr size_t kSmall = 160;  // About what a small request and its answer have.

double ns_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::nano>(SteadyClock::now() - start).count();
}

Task<Status> null_call(rpc::Channel* channel) {
  wire::PoolQueryRequest request;
  request.handle = 1;
  co_return (co_await rpc::call(*channel, request)).status();
}

Task<double> null_calls(rpc::Channel* channel, int count) {
  double best_ns = 1e18;
  for (int repeat = 0; repeat < 7; ++repeat) {
    const auto start = SteadyClock::now();
    for (int i = 0; i < count; ++i) CHECK((co_await null_call(channel)).is_ok());
    best_ns = std::min(best_ns, ns_since(start) / count);
  }
  co_return best_ns;
}

Task<void> some_null_calls(rpc::Channel* channel, int count) {
  for (int i = 0; i < count; ++i) CHECK((co_await null_call(channel)).is_ok());
}
Task<double> null_calls_at_once(Executor* executor, rpc::Channel* channel, int at_once, int count) {
  const auto start = SteadyClock::now();
  Gate gate(*executor);
  for (int i = 0; i < at_once; ++i) gate.spawn(some_null_calls(channel, count));
  co_await gate.close();
  co_return 1e9 * at_once* count / ns_since(start);
}

Task<Status> hello(rpc::Channel* channel) { co_return (co_await rpc::call(*channel, wire::HelloRequest())).status(); }

Task<double> updates(rpc::Channel* channel, int count) {
  const Bytes data(kLarge, std::byte{'d'});
  const ByteView view = data;
  const rpc::Bulk bulk{.send = std::span(&view, 1), .receive = {}};
  const auto start = SteadyClock::now();
  for (int i = 0; i < count; ++i) CHECK((co_await rpc::call(*channel, wire::ObjectWriteRequest(), bulk)).is_ok());
  co_return 1e9 * count / ns_since(start);
}
Task<double> fetches(rpc::Channel* channel, int count) {
  Bytes data(kLarge);
  const MutableBytes view = data;
  const rpc::Bulk bulk{.send = {}, .receive = std::span(&view, 1)};
  const auto start = SteadyClock::now();
  for (int i = 0; i < count; ++i) CHECK((co_await rpc::call(*channel, wire::ObjectFetchRequest(), bulk)).is_ok());
  co_return 1e9 * count / ns_since(start);
}

// A world on real sockets.
struct Place {
  explicit Place(bool shared_memory) : sockets(reactor, {.shared_memory = shared_memory}) {}
  Reactor reactor;
  Sockets sockets;
  SystemClock clock;
  Random random = system_random();
  Faults faults;
  World world{reactor, clock, sockets, random, faults};
};

// A server in a thread of its own.
class Server {
 public:
  Server(const std::string& address, bool shared_memory) : place_(shared_memory) {
    service_.add_to(dispatcher_);
    auto listening = rpc::NetworkServer::listen(place_.world, address, dispatcher_, {});
    CHECK(listening.is_ok());
    server_ = std::move(*listening);
    thread_ = std::thread([this] { place_.reactor.run(wait()); });
  }
  ~Server() {
    place_.reactor.submit(stop());
    thread_.join();
  }
  std::string address() const { return server_->address(); }

 private:
  Task<void> wait() {
    while (!is_stopped_) co_await stopped_.wait();
  }
  Task<void> stop() {
    co_await server_->stop();
    is_stopped_ = true;
    stopped_.notify_all();
  }

  Place place_;
  rpc::EchoService service_{place_.reactor};
  rpc::Dispatcher dispatcher_{place_.reactor, 1, {}};
  std::unique_ptr<rpc::NetworkServer> server_;
  Signal stopped_{place_.reactor};
  bool is_stopped_ = false;
  std::thread thread_;
};

// Answers each message of a stream by itself, in a thread of its own.
class EchoStreams {
 public:
  EchoStreams(const std::string& address, bool shared_memory)
      : place_(shared_memory), listener_(std::move(*place_.sockets.listen(address))) {
    thread_ = std::thread([this] { place_.reactor.run(echo()); });
  }
  ~EchoStreams() { thread_.join(); }  // When its peer has ended.
  std::string address() const { return listener_->address(); }

 private:
  Task<void> echo() {
    const Result<std::unique_ptr<Stream>> stream = co_await listener_->accept();
    CHECK(stream.is_ok());
    std::array<std::byte, kSmall> buffer;
    while (true) {
      const Result<size_t> count = co_await (*stream)->read(buffer);
      if (!count.is_ok() || *count == 0) co_return;
      const ByteView piece = ByteView(buffer).first(*count);
      CHECK((co_await (*stream)->write(std::span(&piece, 1))).is_ok());
    }
  }

  Place place_;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

Task<double> stream_round_trips(Sockets* sockets, std::string address, int count) {
  const Result<std::unique_ptr<Stream>> stream = co_await sockets->connect(address, std::chrono::seconds(5));
  CHECK(stream.is_ok());
  std::array<std::byte, kSmall> buffer{};
  const ByteView piece = buffer;
  double best_ns = 1e18;
  for (int repeat = 0; repeat < 7; ++repeat) {
    const auto start = SteadyClock::now();
    for (int i = 0; i < count; ++i) {
      CHECK((co_await (*stream)->write(std::span(&piece, 1))).is_ok());
      for (size_t done = 0; done < kSmall;) {
        const Result<size_t> got = co_await (*stream)->read(MutableBytes(buffer).subspan(done));
        CHECK(got.is_ok() && *got != 0);
        done += *got;
      }
    }
    best_ns = std::min(best_ns, ns_since(start) / count);
  }
  co_return best_ns;
}

double stream_round_trip_ns(const std::string& address, bool shared_memory) {
  EchoStreams echo(address, shared_memory);
  Place place(shared_memory);
  return place.reactor.run(stream_round_trips(&place.sockets, echo.address(), 5000));
}

void connect_pair(int family, int (&ends)[2]) {
  if (family == AF_UNIX) {
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    return;
  }
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* const name = reinterpret_cast<sockaddr*>(&at);
  CHECK(bind(listener, name, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, name, &size) == 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(ends[0], name, size) == 0);
  ends[1] = accept(listener, nullptr, nullptr);
  close(listener);
  const int on = 1;
  for (const int end : ends) CHECK(setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
}

// Round trips of blocking sockets between two threads; and a stream of large pieces.
void raw_sockets(int family, double* round_trip_ns, double* per_second) {
  int ends[2];
  connect_pair(family, ends);
  const int count = 20'000;
  std::thread echo([&] {
    char buffer[kSmall];
    for (int i = 0; i < count; ++i) {
      CHECK(recv(ends[1], buffer, kSmall, MSG_WAITALL) == ssize_t{kSmall});
      CHECK(send(ends[1], buffer, kSmall, 0) == ssize_t{kSmall});
    }
    std::vector<char> large(kLarge);
    for (int i = 0; i < 2000; ++i) CHECK(recv(ends[1], large.data(), kLarge, MSG_WAITALL) == ssize_t{kLarge});
  });
  char buffer[kSmall] = {};
  auto start = SteadyClock::now();
  for (int i = 0; i < count; ++i) {
    CHECK(send(ends[0], buffer, kSmall, 0) == ssize_t{kSmall});
    CHECK(recv(ends[0], buffer, kSmall, MSG_WAITALL) == ssize_t{kSmall});
  }
  *round_trip_ns = ns_since(start) / count;
  std::vector<char> large(kLarge);
  start = SteadyClock::now();
  for (int i = 0; i < 2000; ++i) CHECK(send(ends[0], large.data(), kLarge, 0) == ssize_t{kLarge});
  echo.join();
  *per_second = 2000e9 / ns_since(start);
  close(ends[0]);
  close(ends[1]);
}

// Many targets on one reactor, so that what they all compute for one question is what it takes.
class ManyTargets {
 public:
  ManyTargets(Reactor& reactor, uint32_t count) : reactor_(reactor) {
    for (uint32_t i = 0; i < count; ++i) {
      dispatchers_.push_back(std::make_unique<rpc::Dispatcher>(reactor, i + 1, rpc::Dispatcher::Options()));
      dispatchers_.back()->serve<wire::TargetClockRequest>(*this, [](ManyTargets&, wire::TargetClockRequest, auto&) {
        return Result<wire::EpochReply>(wire::EpochReply{.epoch = Epoch{7}});
      });
      collectives_.push_back(
          std::make_unique<rpc::Collectives>(reactor, *dispatchers_.back(), rpc::CollectiveOptions()));
    }
    for (uint32_t from = 0; from < count; ++from) {
      std::vector<std::shared_ptr<rpc::Channel>> channels(count);
      for (uint32_t to = 0; to < count; ++to) {
        if (to != from) channels[to] = std::make_shared<rpc::InprocChannel>(reactor, *dispatchers_[to]);
      }
      if (from == 0) channels_ = channels;
      collectives_[from]->join(from, std::move(channels), [this] { return Epoch{++number_}; });
      if (from != 0) others_.push_back(from);
    }
  }

  // Nanoseconds for each target, by one of them or over a tree of them.
  Task<double> ask(bool over_tree, int count) {
    double best_ns = 1e18;
    for (int repeat = 0; repeat < 7; ++repeat) {
      const auto start = SteadyClock::now();
      for (int i = 0; i < count; ++i) {
        if (over_tree) {
          wire::InnerRequest inner = rpc::inner_of(wire::TargetClockRequest(), wire::kProtocolVersion, true);
          const wire::CollectiveReply reply =
              co_await collectives_[0]->ask(std::move(inner), others_, std::chrono::seconds(20));
          CHECK(reply.answers.size() == 1 && reply.answers[0].code == Code::kOk);
        } else {
          std::vector<Task<Result<wire::EpochReply>>> asking;
          for (const uint32_t other : others_) {
            asking.push_back(rpc::call(*channels_[other], wire::TargetClockRequest()));
          }
          const std::vector<Result<wire::EpochReply>> replies = co_await rpc::at_once(reactor_, std::move(asking));
          for (const Result<wire::EpochReply>& reply : replies) CHECK(reply.is_ok());
        }
      }
      best_ns = std::min(best_ns, ns_since(start) / count / static_cast<double>(others_.size()));
    }
    co_return best_ns;
  }

 private:
  Reactor& reactor_;
  std::vector<std::unique_ptr<rpc::Dispatcher>> dispatchers_;
  std::vector<std::unique_ptr<rpc::Collectives>> collectives_;
  std::vector<std::shared_ptr<rpc::Channel>> channels_;  // Of the first.
  std::vector<uint32_t> others_;
  uint64_t number_ = 0;
};

}  // namespace

int main() {
  {
    Reactor reactor;
    ManyTargets targets(reactor, 64);
    const double apart_ns = reactor.run(targets.ask(false, 2000));
    const double over_tree_ns = reactor.run(targets.ask(true, 2000));
    std::printf(
        "{\"bench\":\"rpc\",\"transport\":\"inproc\",\"asked_apart_ns_per_target\":%.0f,"
        "\"asked_over_tree_ns_per_target\":%.0f}\n",
        apart_ns, over_tree_ns);
  }
  {
    Reactor reactor;
    rpc::EchoService service(reactor);
    rpc::Dispatcher dispatcher(reactor, 1, {});
    service.add_to(dispatcher);
    rpc::InprocChannel channel(reactor, dispatcher);
    std::printf("{\"bench\":\"rpc\",\"transport\":\"inproc\",\"null_call_ns\":%.1f}\n",
                reactor.run(null_calls(&channel, 200'000)));
  }
  const std::string path = "/tmp/rpc_bench_" + std::to_string(getpid());
  for (const std::string_view transport : {"tcp", "unix", "shm"}) {
    const bool is_tcp = transport == "tcp", is_shared = transport == "shm";
    const std::string address = is_tcp ? "tcp:127.0.0.1:0" : "unix:" + path;
    double round_trip_ns = 0, stream_per_second = 0;
    raw_sockets(is_tcp ? AF_INET : AF_UNIX, &round_trip_ns, &stream_per_second);
    const double stream_ns = stream_round_trip_ns(address, is_shared);
    Server server(address, is_shared);
    Place place(is_shared);
    rpc::NetworkChannel channel(place.world, server.address(), {});
    CHECK(place.reactor.run(hello(&channel)).is_ok());
    const double inside_ns = place.reactor.run(null_calls(&channel, 5000));
    const auto start = SteadyClock::now();
    for (int i = 0; i < 20'000; ++i) CHECK(place.reactor.run(null_call(&channel)).is_ok());
    const double outside_ns = ns_since(start) / 20'000;
    const double at_once = place.reactor.run(null_calls_at_once(&place.reactor, &channel, 16, 5000));
    const double updated = place.reactor.run(updates(&channel, 1000));
    const double fetched = place.reactor.run(fetches(&channel, 1000));
    place.reactor.run(channel.close());
    std::printf(
        "{\"bench\":\"rpc\",\"transport\":\"%s\",\"raw_round_trip_ns\":%.0f,\"stream_round_trip_ns\":%.0f,"
        "\"null_call_ns\":%.0f,\"null_call_per_stream_round_trip\":%.2f,"
        "\"null_call_from_thread_ns\":%.0f,\"null_calls_per_second_16\":%.0f,\"raw_mib_per_second\":%.0f,"
        "\"update_mib_per_second\":%.0f,\"fetch_mib_per_second\":%.0f}\n",
        std::string(transport).c_str(), round_trip_ns, stream_ns, inside_ns, inside_ns / stream_ns, outside_ns, at_once,
        stream_per_second, updated, fetched);
  }
  return 0;
}
