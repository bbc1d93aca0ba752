// What TLS costs: bytes through a pair of streams in memory on one core, against the cipher alone, and handshakes.

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "identities_test.h"
#include "runtime/gate.h"
#include "runtime/reactor.h"
#include "runtime/sync.h"
#include "tls_stream.h"

namespace aeon::tls {
namespace {

// One direction of a connection in memory.
struct Pipe {
  explicit Pipe(Executor& executor) : changed(executor) {}
  Signal changed;
  Bytes bytes;
  size_t taken = 0;
  bool is_shut = false;
};

class MemoryStream final : public Stream {
 public:
  MemoryStream(Pipe& in, Pipe& out) : in_(in), out_(out) {}
  Task<Result<size_t>> read(MutableBytes into) override {
    while (in_.taken == in_.bytes.size() && !in_.is_shut) co_await in_.changed.wait();
    const size_t count = std::min(into.size(), in_.bytes.size() - in_.taken);
    if (count != 0) std::memcpy(into.data(), in_.bytes.data() + in_.taken, count);
    in_.taken += count;
    if (in_.taken == in_.bytes.size()) {
      in_.bytes.clear();
      in_.taken = 0;
    }
    co_return count;
  }
  Task<Status> write(std::span<const ByteView> pieces) override {
    for (const ByteView piece : pieces) out_.bytes.insert(out_.bytes.end(), piece.begin(), piece.end());
    out_.changed.notify_all();
    co_return ok();
  }
  void shut() override {
    in_.is_shut = out_.is_shut = true;
    out_.changed.notify_all();
  }
  const std::string& peer() const override { return peer_; }

 private:
  Pipe& in_;
  Pipe& out_;
  const std::string peer_ = "memory";
};

struct Ends {
  Ends(Executor& on, const Identity& server_identity, const Identity& client_identity)
      : executor(on),
        up(on),
        down(on),
        server(std::make_unique<MemoryStream>(up, down), server_identity, Role::kServer, kTestNow_s, "client", 1 << 22),
        client(std::make_unique<MemoryStream>(down, up), client_identity, Role::kClient, kTestNow_s, "server",
               1 << 22) {}

  static Task<void> shake(TlsStream* stream, bool* is_good) { *is_good = (co_await stream->shake_hands()).is_ok(); }
  Task<bool> shake_both() {
    bool first = false, second = false;
    Gate gate(executor);
    gate.spawn(shake(&server, &first));
    gate.spawn(shake(&client, &second));
    co_await gate.close();
    co_return first&& second;
  }

  Executor& executor;
  Pipe up, down;
  TlsStream server, client;
};

Task<bool> carry(Stream* from, Stream* to, ByteView data, MutableBytes into) {
  const Status written = co_await from->write(std::span(&data, 1));
  bool is_good = written.is_ok();
  while (is_good && !into.empty()) {
    const Result<size_t> count = co_await to->read(into);
    is_good = count.is_ok() && *count != 0;
    if (is_good) into = into.subspan(*count);
  }
  co_return is_good;
}

void BM_TlsCarry(benchmark::State& state) {
  Reactor reactor;
  const Authority authority = make_authority();
  const Identity server = make_identity(authority, Role::kServer), client = make_identity(authority, Role::kClient);
  Ends ends(reactor, server, client);
  CHECK(reactor.run(ends.shake_both()));
  const auto size = static_cast<size_t>(state.range(0));
  const Bytes data(size, std::byte{7});
  Bytes into(size);
  for (auto _ : state) CHECK(reactor.run(carry(&ends.client, &ends.server, data, into)));
  CHECK(into == data);
  state.SetBytesProcessed(static_cast<int64_t>(size) * state.iterations());
}
BENCHMARK(BM_TlsCarry)->Arg(200)->Arg(4096)->Arg(16384)->Arg(1 << 20);

// Sealed and opened in records, without anything around it.
void BM_CipherAlone(benchmark::State& state) {
  const std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>> seal(EVP_CIPHER_CTX_new()),
      open(EVP_CIPHER_CTX_new());
  const std::array<unsigned char, 16> key{};
  std::array<unsigned char, 12> nonce{};
  CHECK(EVP_EncryptInit_ex(seal.get(), EVP_aes_128_gcm(), nullptr, key.data(), nullptr) == 1);
  CHECK(EVP_DecryptInit_ex(open.get(), EVP_aes_128_gcm(), nullptr, key.data(), nullptr) == 1);
  const auto size = static_cast<size_t>(state.range(0));
  const std::vector<unsigned char> data(size, 7);
  std::vector<unsigned char> sealed(size), into(size);
  for (auto _ : state) {
    for (size_t at = 0; at < size; at += 16384) {
      const int part = static_cast<int>(std::min<size_t>(16384, size - at));
      int count = 0;
      std::array<unsigned char, 16> tag{};
      ++nonce[0];
      CHECK(EVP_EncryptInit_ex(seal.get(), nullptr, nullptr, nullptr, nonce.data()) == 1);
      CHECK(EVP_EncryptUpdate(seal.get(), sealed.data() + at, &count, data.data() + at, part) == 1);
      CHECK(EVP_EncryptFinal_ex(seal.get(), sealed.data() + at + count, &count) == 1);
      CHECK(EVP_CIPHER_CTX_ctrl(seal.get(), EVP_CTRL_AEAD_GET_TAG, 16, tag.data()) == 1);
      CHECK(EVP_DecryptInit_ex(open.get(), nullptr, nullptr, nullptr, nonce.data()) == 1);
      CHECK(EVP_DecryptUpdate(open.get(), into.data() + at, &count, sealed.data() + at, part) == 1);
      CHECK(EVP_CIPHER_CTX_ctrl(open.get(), EVP_CTRL_AEAD_SET_TAG, 16, tag.data()) == 1);
      CHECK(EVP_DecryptFinal_ex(open.get(), into.data() + at + count, &count) == 1);
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(size) * state.iterations());
}
BENCHMARK(BM_CipherAlone)->Arg(200)->Arg(4096)->Arg(16384)->Arg(1 << 20);

// Both sides.
void BM_Handshake(benchmark::State& state) {
  Reactor reactor;
  const Authority authority = make_authority();
  const Identity server = make_identity(authority, Role::kServer), client = make_identity(authority, Role::kClient);
  for (auto _ : state) {
    Ends ends(reactor, server, client);
    CHECK(reactor.run(ends.shake_both()));
  }
}
BENCHMARK(BM_Handshake);

}  // namespace
}  // namespace aeon::tls

BENCHMARK_MAIN();
