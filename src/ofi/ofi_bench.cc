// ofi_bench: what streams by libfabric cost beside TCP's, between two reactors in threads of their own. Prints JSON.
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "ofi/ofi_network.h"
#include "runtime/sockets.h"

namespace {

using namespace aeon;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kSmall = 160;  // About what a small request and its answer have.
constexpr Duration kSoon = std::chrono::seconds(10);

double ns_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::nano>(SteadyClock::now() - start).count();
}

struct Place {
  Reactor reactor;
  Sockets sockets{reactor};
  ofi::OfiNetwork network{reactor, sockets};
};

// Answers each message.
class Peer {
 public:
  explicit Peer(const std::string& address) {
    place_.reactor.run(listen(address));
    thread_ = std::thread([this] { place_.reactor.run(serve()); });
  }
  ~Peer() { thread_.join(); }  // When its peer has ended.
  std::string address() const { return address_; }

 private:
  Task<void> listen(std::string address) {
    Result<std::unique_ptr<Listener>> listener = place_.network.listen(address);
    CHECK(listener.is_ok());
    listener_ = std::move(*listener);
    address_ = listener_->address();
    co_return;
  }
  // The first four bytes say how long a message is; its first is sent back.
  Task<void> serve() {
    Result<std::unique_ptr<Stream>> stream = co_await listener_->accept();
    CHECK(stream.is_ok());
    Bytes buffer(4 * kMiB);
    while (true) {
      uint32_t size = 0;
      const bool has_more = co_await fill(**stream, std::as_writable_bytes(std::span(&size, 1)));
      if (!has_more) break;
      const bool is_whole = co_await fill(**stream, MutableBytes(buffer).first(size));
      CHECK(is_whole);
      const size_t answer_size = size > kSmall ? 1 : size;
      const ByteView answer = ByteView(buffer).first(answer_size);
      const Status answered = co_await (*stream)->write(std::span(&answer, 1));
      CHECK(answered.is_ok());
    }
    stream->reset();
    listener_.reset();
  }

 public:
  static Task<bool> fill(Stream& stream, MutableBytes into) {
    while (!into.empty()) {
      const Result<size_t> count = co_await stream.read(into);
      if (!count.is_ok() || *count == 0) co_return false;
      into = into.subspan(*count);
    }
    co_return true;
  }

 private:
  Place place_;
  std::string address_;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

Task<double> exchange(Stream* stream, size_t size, int count) {
  const Bytes data(size, std::byte{1});
  Bytes answer(kSmall);
  const auto length = static_cast<uint32_t>(size);
  const std::array<ByteView, 2> pieces = {std::as_bytes(std::span(&length, 1)), ByteView(data)};
  double best_ns = 1e18;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = SteadyClock::now();
    for (int i = 0; i < count; ++i) {
      const Status written = co_await stream->write(pieces);
      const bool is_whole = co_await Peer::fill(*stream, MutableBytes(answer).first(size > kSmall ? 1 : size));
      CHECK(written.is_ok() && is_whole);
    }
    best_ns = std::min(best_ns, ns_since(start) / count);
  }
  co_return best_ns;
}

Task<void> measure(Network* network, std::string address, const char* name) {
  Result<std::unique_ptr<Stream>> stream = co_await network->connect(address, kSoon);
  CHECK(stream.is_ok());
  const double echo_ns = co_await exchange(stream->get(), kSmall, 4000);
  const double block_ns = co_await exchange(stream->get(), 4096, 4000);
  const double large_ns = co_await exchange(stream->get(), kMiB, 200);
  std::printf(
      "{\"bench\":\"ofi\",\"transport\":\"%s\",\"echo_round_trip_ns\":%.0f,\"write_4_kib_ns\":%.0f,"
      "\"write_1_mib_mib_per_second\":%.0f}\n",
      name, echo_ns, block_ns, 1e9 / large_ns);
}

}  // namespace

int main() {
  for (const char* const at : {"tcp:127.0.0.1:0", "ofi+tcp:127.0.0.1:0"}) {
    Peer peer(at);
    Place place;
    place.reactor.run(measure(&place.network, peer.address(), at[0] == 't' ? "tcp" : "ofi+tcp"));
  }
  return 0;
}
