// client_bench [DIRECTORY]: synchronous embedded calls, each through client, wire, rpc and the services, on one thread.
// Prints JSON: a null round trip (the attributes of a pool that has none), and 64-byte key-value puts and gets, durable
// at once and at a flush.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "client/key_value.h"
#include "local/local_system.h"

namespace {

using namespace aeon;
using Clock = std::chrono::steady_clock;

template <typename Body>
double ns_each(int repeat_count, int count, Body&& body) {
  double best_ns = 1e18;
  for (int repeat = 0; repeat < repeat_count; ++repeat) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) body(i);
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count;
    best_ns = std::min(best_ns, ns);
  }
  return best_ns;
}

template <typename T>
T must(Result<T> result) {
  if (result.is_ok()) return std::move(*result);
  std::fprintf(stderr, "client_bench: %s\n", result.status().to_string().c_str());
  std::exit(1);
}
void must(const Status& status) {
  if (status.is_ok()) return;
  std::fprintf(stderr, "client_bench: %s\n", status.to_string().c_str());
  std::exit(1);
}

std::shared_ptr<client::Container> make_container(client::System& system, client::Pool& pool, uint64_t durability) {
  client::ContainerSpec spec;
  spec.properties[client::kPropDurability] = durability;
  const Uuid id = must(system.run(pool.create_container(spec)));
  return must(system.run(pool.open_container(id.to_string(), client::Access::kReadWrite)));
}

}  // namespace

int main(int argument_count, char** arguments) {
  std::string directory = argument_count > 1 ? arguments[1] : "";
  std::string scratch;
  if (directory.empty()) {
    scratch = (std::filesystem::temp_directory_path() / "client-bench-XXXXXX").string();
    if (mkdtemp(scratch.data()) == nullptr) return 1;
    directory = scratch + "/store";
  }
  local::OpenOptions options;
  options.create_if_missing = true;
  {
    const auto system = must(local::LocalSystem::open(directory, options));
    const auto pool = must(system->run(system->connect_pool("default", client::Access::kReadWrite)));
    const double null_ns = ns_each(7, 100'000, [&](int) { must(system->run(pool->attributes()).status()); });

    const Bytes value(64, std::byte{'v'});
    const ObjectId object{.hi = 0, .lo = 1};
    client::KeyValue lazy(make_container(*system, *pool, 1), object);
    const double put_flush_ns =
        ns_each(3, 20'000, [&](int i) { must(system->run(lazy.put("key " + std::to_string(i), value))); });
    const double get_ns = ns_each(5, 20'000, [&](int i) {
      Bytes out(64);
      must(system->run(lazy.get("key " + std::to_string(i), out)).status());
    });
    client::KeyValue durable(make_container(*system, *pool, 0), object);
    const double put_sync_ns =
        ns_each(3, 300, [&](int i) { must(system->run(durable.put("key " + std::to_string(i), value))); });
    std::printf(
        "{\"bench\":\"client\",\"null_call_ns\":%.0f,\"kv_put_64_flush_ns\":%.0f,\"kv_get_64_ns\":%.0f,"
        "\"kv_put_64_sync_ns\":%.0f}\n",
        null_ns, put_flush_ns, get_ns, put_sync_ns);
    must(system->close());
  }
  if (!scratch.empty()) std::filesystem::remove_all(scratch);
  return 0;
}
