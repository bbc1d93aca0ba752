// Writes numbered values to an engine for as long as it is told to, whatever becomes of that meanwhile, and says
// whether all that was acknowledged is there. Some are written to two objects at once, mostly at two targets: both have
// the same then.
//
//   verifying_client ADDRESS
//
// A line "verify" on standard input is answered by "verified acknowledged=N unknown=N refused=N", or by "wrong: …" and
// the end. At the end of the input it looks a last time.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <set>
#include <string>

#include "client/key_value.h"
#include "client/network_system.h"
#include "runtime/gate.h"

namespace aeon {
namespace {

constexpr uint64_t kKeyCount = 256;
constexpr uint64_t kWriters = 8;
constexpr uint64_t kPairEvery = 4;
constexpr const char* kPairKey = "pair";
constexpr int kWritesInARound = 4;
constexpr int kExitWrong = 1, kExitFailed = 2;

// What may be read of a key.
struct Key {
  uint64_t acknowledged = 0;  // The newest; 0: none.
  std::set<uint64_t> unknown;  // Perhaps written, perhaps not, perhaps later.
};

// The number, and bytes that follow from it. Small ones, blocks, and some that are large.
Bytes value_of(uint64_t number) {
  const size_t size = number % 32 == 0 ? 300'000 : number % 4 == 0 ? 10'000 + number % 1000 : 8 + number % 200;
  Bytes value(size);
  store_le(value.data(), number);
  for (size_t i = 8; i < size; ++i) value[i] = static_cast<std::byte>(number * 31 + i * 7);
  return value;
}

class Client {
 public:
  Status open(const std::string& address) {
    client::ConnectOptions options;
    options.timeout = std::chrono::seconds(60);
    options.allow_insecure = true;
    TRY_ASSIGN(system_, client::NetworkSystem::connect(address, options));
    TRY_ASSIGN(pool_, system_->run(system_->connect_pool("default", client::Access::kReadWrite)));
    client::ContainerSpec spec;
    spec.label = "verified";
    spec.properties[client::kPropDurability] = uint64_t{0};
    const auto created = system_->run(pool_->create_container(spec));
    if (!created.is_ok() && created.code() != Code::kExists) return created.status();
    TRY_ASSIGN(container_, system_->run(pool_->open_container("verified", client::Access::kReadWrite)));
    return ok();
  }

  // False if something failed as it mustn't.
  bool write_some() { return system_->run(write_round()); }
  bool verify() { return system_->run(verify_all()); }
  void report() const {
    std::printf("verified acknowledged=%llu unknown=%llu refused=%llu\n",
                static_cast<unsigned long long>(acknowledged_), static_cast<unsigned long long>(unknown_),
                static_cast<unsigned long long>(refused_));
    std::fflush(stdout);
  }

 private:
  Task<bool> write_round() {
    bool is_fine = true;
    Gate gate(system_->executor());
    for (uint64_t writer = 0; writer < kWriters; ++writer) gate.spawn(write_in_turn(writer, &is_fine));
    co_await gate.close();
    co_return is_fine;
  }

  // No two writers share a key, so that its values come in order.
  Task<void> write_in_turn(uint64_t writer, bool* is_fine) {
    client::KeyValue values(container_, object_of(writer));
    for (int i = 0; i < kWritesInARound; ++i) {
      const uint64_t number = next_[writer]++ * kWriters + writer + 1;
      const std::string name = std::to_string(number % kKeyCount);
      const bool is_pair = number / kWriters % kPairEvery == 0;
      Key& key = is_pair ? pairs_[writer] : keys_[number % kKeyCount];
      const Bytes value = value_of(number);
      Status put;
      if (is_pair) {
        put = co_await write_pair(writer, value);
      } else {
        put = co_await values.put(name, value);
      }
      if (put.is_ok()) {
        ++acknowledged_;
        key.acknowledged = number;
      } else if (put.code() == Code::kNoSpace || put.code() == Code::kBusy) {
        ++refused_;
      } else if (put.code() == Code::kTimedOut || put.code() == Code::kUnavailable) {
        ++unknown_;
        key.unknown.insert(number);
      } else {
        std::printf("wrong: a write failed: %s\n", put.to_string().c_str());
        *is_fine = false;
      }
    }
  }

  Task<Status> write_pair(uint64_t writer, ByteView value) {
    std::vector<ObjectWrite> writes(2);
    for (uint64_t half = 0; half < 2; ++half) {
      writes[half].object = pair_object(writer, half);
      writes[half].dkey = to_bytes(kPairKey);
      AkeyUpdate& update = writes[half].akeys.emplace_back();
      update.akey = to_bytes("0");  // As KeyValue reads it.
      update.record_size = value.size();
      update.data.push_back(value);
    }
    const Result<Epoch> written = co_await container_->write(std::move(writes));
    co_return written.status();
  }

  Task<bool> verify_pair(uint64_t writer, const Key& key) {
    client::KeyValue first(container_, pair_object(writer, 0)), second(container_, pair_object(writer, 1));
    const Result<Bytes> one = co_await first.get(kPairKey);
    const Result<Bytes> other = co_await second.get(kPairKey);
    if (!is_right(writer, key, one) || !is_right(writer, key, other)) co_return false;
    const bool is_same = one.code() == other.code() && (!one.is_ok() || *one == *other);
    if (!is_same) std::printf("wrong: half of pair %llu was written\n", static_cast<unsigned long long>(writer));
    co_return is_same;
  }

  Task<bool> verify_all() {
    for (const auto& [writer, key] : pairs_) {
      const bool is_fine = co_await verify_pair(writer, key);
      if (!is_fine) co_return false;
    }
    for (const auto& [name, key] : keys_) {
      client::KeyValue values(container_, object_of((name + kWriters - 1) % kWriters));
      const Result<Bytes> value = co_await values.get(std::to_string(name));
      if (!is_right(name, key, value)) co_return false;
    }
    co_return true;
  }

  static bool is_right(uint64_t name, const Key& key, const Result<Bytes>& value) {
    const auto n = static_cast<unsigned long long>(name);
    const auto newest = static_cast<unsigned long long>(key.acknowledged);
    if (value.code() == Code::kNotFound && key.acknowledged == 0) return true;
    if (!value.is_ok()) {
      std::printf("wrong: key %llu (acknowledged %llu): %s\n", n, newest, value.status().to_string().c_str());
      return false;
    }
    const uint64_t number = value->size() < 8 ? 0 : load_le<uint64_t>(value->data());
    if (*value != value_of(number)) {
      std::printf("wrong: key %llu has bytes that nobody wrote\n", n);
      return false;
    }
    if (number == key.acknowledged || key.unknown.contains(number)) return true;
    std::printf("wrong: key %llu has value %llu, and %llu was acknowledged\n", n,
                static_cast<unsigned long long>(number), newest);
    return false;
  }

  std::shared_ptr<client::System> system_;
  std::shared_ptr<client::Pool> pool_;
  std::shared_ptr<client::Container> container_;
  // Several clients may run at once; a writer's values are in an object of its own, so that all targets have some.
  static ObjectId pair_object(uint64_t writer, uint64_t half) {
    return ObjectId{.hi = 1, .lo = (static_cast<uint64_t>(getpid()) * kWriters + writer) * 2 + half};
  }
  static ObjectId object_of(uint64_t writer) {
    return ObjectId{.hi = 0, .lo = static_cast<uint64_t>(getpid()) * kWriters + writer};
  }
  std::map<uint64_t, Key> keys_;
  std::map<uint64_t, Key> pairs_;  // By writer.
  uint64_t next_[kWriters] = {};
  uint64_t acknowledged_ = 0, unknown_ = 0, refused_ = 0;
};

int run(const std::string& address) {
  Client client;
  const Status opened = client.open(address);
  if (!opened.is_ok()) {
    std::printf("failed: %s\n", opened.to_string().c_str());
    return kExitFailed;
  }
  std::printf("ready\n");
  std::fflush(stdout);
  while (true) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (poll(&input, 1, 0) > 0) {
      char line[64];
      const ssize_t count = read(STDIN_FILENO, line, sizeof line);
      if (!client.verify()) return kExitWrong;
      client.report();
      if (count <= 0) return 0;
    }
    if (!client.write_some()) return kExitWrong;
  }
}

}  // namespace
}  // namespace aeon

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "verifying_client ADDRESS\n");
    return 2;
  }
  return aeon::run(argv[1]);
}
