// copy_bench SOURCE [SCRATCH]: copies a tree into a DFS in an embedded store (durable at flush), checks it, copies it
// out, and does `cp -a` and `sync` of the same tree on the same device. Prints JSON.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "local/local_system.h"
#include "transfer/copy.h"

namespace {

using namespace aeon;

template <typename T>
T must(Result<T> result) {
  if (result.is_ok()) return std::move(*result);
  std::fprintf(stderr, "copy_bench: %s\n", result.status().to_string().c_str());
  std::exit(1);
}

template <typename Body>
double seconds(Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count < 2) {
    std::fprintf(stderr, "usage: copy_bench SOURCE [SCRATCH]\n");
    return 2;
  }
  std::string base = argument_count > 2 ? arguments[2] : "/tmp";
  base += "/copy-bench-XXXXXX";
  if (mkdtemp(base.data()) == nullptr) return 1;
  const std::string source = arguments[1];
  {
    const auto system = must(local::LocalSystem::open(base + "/store", {.create_if_missing = true, .create = {}}));
    {
      const auto pool = must(system->run(system->connect_pool("default", client::Access::kReadWrite)));
      client::ContainerSpec spec;
      spec.properties[client::kPropDurability] = client::PropertyValue(uint64_t{1});
      const Uuid id = must(system->run(dfs::FileSystem::create_container(pool, spec)));
      const auto container = must(system->run(pool->open_container(id.to_string(), client::Access::kReadWrite)));
      const auto fs = must(system->run(dfs::FileSystem::mount(container)));
      const transfer::Place host{.path = source, .file_system = nullptr};
      const transfer::Place stored{.path = "/tree", .file_system = fs, .system = system.get()};
      const transfer::Place back{.path = base + "/back", .file_system = nullptr};

      const auto warm_up = must(transfer::verify_tree(host, host));  // The source is in the page cache for all.
      const std::string cp = "cp -a '" + source + "' '" + base + "/cp' && sync -f '" + base + "/cp'";
      const double cp_s = seconds([&] {
        if (std::system(cp.c_str()) != 0) std::fprintf(stderr, "copy_bench: cp failed\n");
      });
      transfer::Summary summary;
      const double in_s = seconds([&] { summary = must(transfer::copy_tree(host, stored)); });
      transfer::Verification verification;
      const double verify_s = seconds([&] { verification = must(transfer::verify_tree(host, stored)); });
      for (const auto& error : summary.errors) std::fprintf(stderr, "%s: %s\n", error.path.c_str(), error.what.c_str());
      for (const auto& d : verification.differences) std::fprintf(stderr, "%s: %s\n", d.path.c_str(), d.what.c_str());
      const double out_s = seconds([&] { must(transfer::copy_tree(stored, back)); });
      std::printf(
          "{\"bench\":\"copy\",\"nodes\":%lu,\"mb\":%.1f,\"in_s\":%.2f,\"cp_s\":%.2f,\"in_over_cp\":%.2f,"
          "\"verify_s\":%.2f,\"differences\":%lu,\"errors\":%lu,\"out_s\":%.2f}\n",
          static_cast<unsigned long>(warm_up.nodes), warm_up.bytes / 1e6, in_s, cp_s, cp_s / in_s, verify_s,
          static_cast<unsigned long>(verification.difference_count), static_cast<unsigned long>(summary.error_count),
          out_s);
    }
    const Status closed = system->close();
    if (!closed.is_ok()) std::fprintf(stderr, "copy_bench: %s\n", closed.to_string().c_str());
  }
  std::filesystem::remove_all(base);
  return 0;
}
