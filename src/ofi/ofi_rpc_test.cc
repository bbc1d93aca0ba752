// Requests with data over libfabric: a server in a thread of its own, and a client.

#include <gtest/gtest.h>

#include <thread>

#include "ofi/ofi_network.h"
#include "providers_test.h"
#include "rpc/channel.h"
#include "rpc/network_channel.h"
#include "rpc/network_server.h"
#include "runtime/sockets.h"
#include "runtime/system.h"

namespace aeon::ofi {
namespace {

// Keeps what was written, and gives it back.
class KeepingService {
 public:
  void add_to(rpc::Dispatcher& dispatcher) {
    dispatcher.serve<wire::HelloRequest>(*this, &KeepingService::hello);
    dispatcher.serve<wire::ObjectWriteRequest>(*this, &KeepingService::write);
    dispatcher.serve<wire::ObjectFetchRequest>(*this, &KeepingService::fetch);
  }
  Result<wire::HelloReply> hello(wire::HelloRequest, rpc::ServerCall&) { return wire::HelloReply{}; }
  Result<wire::EpochReply> write(wire::ObjectWriteRequest, rpc::ServerCall& call) {
    kept_.clear();
    for (const ByteView& piece : call.sent()) kept_.insert(kept_.end(), piece.begin(), piece.end());
    return wire::EpochReply{};
  }
  Result<wire::ObjectFetchReply> fetch(wire::ObjectFetchRequest, rpc::ServerCall& call) {
    const size_t count = std::min<size_t>(kept_.size(), call.room_size());
    rpc::copy_into(call.room(), 0, ByteView(kept_).first(count));
    call.filled(0, count);
    return wire::ObjectFetchReply{};
  }

 private:
  Bytes kept_;
};

struct Place {
  Reactor reactor;
  Sockets sockets{reactor};
  OfiNetwork network{reactor, sockets};
  SystemClock clock;
  Random random = system_random();
  Faults faults;
  World world{reactor, clock, network, random, faults};
};

class Server {
 public:
  explicit Server(const std::string& address) {
    service_.add_to(dispatcher_);
    const Status started = place_.reactor.run(start(address));
    CHECK(started.is_ok());
    thread_ = std::thread([this] { place_.reactor.run(wait()); });
  }
  ~Server() {
    place_.reactor.submit(stop());
    thread_.join();
  }
  std::string address() const { return address_; }

 private:
  Task<Status> start(std::string address) {
    CO_TRY_ASSIGN(server_, rpc::NetworkServer::listen(place_.world, address, dispatcher_, {}));
    address_ = server_->address();
    co_return ok();
  }
  Task<void> wait() {
    while (!is_stopped_) co_await stopped_.wait();
  }
  Task<void> stop() {
    co_await server_->stop();
    server_.reset();
    is_stopped_ = true;
    stopped_.notify_all();
  }

  Place place_;
  KeepingService service_;
  rpc::Dispatcher dispatcher_{place_.reactor, 1, {}};
  std::unique_ptr<rpc::NetworkServer> server_;
  std::string address_;
  Signal stopped_{place_.reactor};
  bool is_stopped_ = false;
  std::thread thread_;
};

Task<Status> write_and_fetch(rpc::Channel* channel, size_t size) {
  Bytes data(size);
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i * 7 >> 3);
  const ByteView view = data;
  const rpc::Bulk written{.send = std::span(&view, 1), .receive = {}};
  const Result<wire::EpochReply> write = co_await rpc::call(*channel, wire::ObjectWriteRequest(), written);
  if (!write.is_ok()) co_return write.status();
  Bytes back(size);
  const MutableBytes room = back;
  const rpc::Bulk fetched{.send = {}, .receive = std::span(&room, 1)};
  const Result<wire::ObjectFetchReply> fetch = co_await rpc::call(*channel, wire::ObjectFetchRequest(), fetched);
  if (!fetch.is_ok()) co_return fetch.status();
  EXPECT_TRUE(back == data) << size;
  co_return ok();
}

Task<Status> greet(rpc::Channel* channel) {
  const Result<wire::HelloReply> hello = co_await rpc::call(*channel, wire::HelloRequest());
  co_return hello.status();
}

TEST(OfiRpc, RequestsAndTheirDataCross) {
  const std::string missing = why_missing(ProviderKind::kTcp);
  if (!missing.empty()) GTEST_SKIP() << missing;
  Server server(place_of(ProviderKind::kTcp));
  Place place;
  rpc::NetworkChannel channel(place.world, server.address(), {});
  const Status hello = place.reactor.run(greet(&channel));
  ASSERT_TRUE(hello.is_ok()) << hello.to_string();
  for (const size_t size : {size_t{10}, size_t{4096}, size_t{40'000}, size_t{1} << 20, size_t{9} << 20}) {
    const Status status = place.reactor.run(write_and_fetch(&channel, size));
    EXPECT_TRUE(status.is_ok()) << status.to_string();
  }
  place.reactor.run(channel.close());
}

}  // namespace
}  // namespace aeon::ofi
