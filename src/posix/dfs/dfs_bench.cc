// dfs_bench [DIRECTORY] [FILES]: creates, stats and unlinks of a DFS in an embedded store (durable at flush), and of
// the host's file system below the same directory, one call after the other on one thread. Prints JSON.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "dfs/file_system.h"
#include "local/local_system.h"

namespace {

using namespace aeon;

void must(const Status& status) {
  if (status.is_ok()) return;
  std::fprintf(stderr, "dfs_bench: %s\n", status.to_string().c_str());
  std::exit(1);
}
template <typename T>
T must(Result<T> result) {
  must(result.status());
  return std::move(*result);
}
void must_be(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::exit(1);
}

template <typename Body>
double per_second(int count, Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) body(i);
  return count / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string name_of(int i) { return "file" + std::to_string(i); }

}  // namespace

int main(int argument_count, char** arguments) {
  std::string base = argument_count > 1 ? arguments[1] : "";
  const int count = argument_count > 2 ? std::atoi(arguments[2]) : 20'000;
  const bool is_scratch = base.empty();
  if (is_scratch) {
    base = (std::filesystem::temp_directory_path() / "dfs-bench-XXXXXX").string();
    must_be(mkdtemp(base.data()) != nullptr, "mkdtemp");
  }
  {
    const auto system = must(local::LocalSystem::open(base + "/store", {.create_if_missing = true, .create = {}}));
    {
      const auto pool = must(system->run(system->connect_pool("default", client::Access::kReadWrite)));
      client::ContainerSpec spec;
      spec.properties[client::kPropDurability] = client::PropertyValue(uint64_t{1});
      const Uuid id = must(system->run(dfs::FileSystem::create_container(pool, spec)));
      const auto container = must(system->run(pool->open_container(id.to_string(), client::Access::kReadWrite)));
      const auto fs = must(system->run(dfs::FileSystem::mount(container)));
      const auto dir = must(system->run(fs->mkdir(nullptr, "dir", {})));
      const auto read_dir = must(system->run(fs->lookup("/dir")));

      const dfs::OpenOptions create{
          .mode = dfs::OpenMode::kReadWrite, .creation = dfs::Creation::kMustCreate, .create = {}};
      const double creates =
          per_second(count, [&](int i) { must(system->run(fs->open(dir, name_of(i), create)).status()); });
      const double stats = per_second(count, [&](int i) { must(system->run(fs->stat(dir, name_of(i))).status()); });
      const double lookups =
          per_second(count, [&](int i) { must(system->run(fs->lookup("/dir/" + name_of(i))).status()); });
      const Bytes data(4096, std::byte{'x'});
      const double writes = per_second(count, [&](int i) {
        const auto file = must(system->run(fs->lookup_in(dir, name_of(i), dfs::OpenMode::kReadWrite)));
        must(system->run(fs->write(file, 0, {ByteView(data)})));
      });
      const double stats_written =
          per_second(count, [&](int i) { must(system->run(fs->stat(dir, name_of(i))).status()); });
      const double unlinks = per_second(count, [&](int i) { must(system->run(fs->remove(dir, name_of(i)))); });

      const int batch = 64;
      const double whole_creates = batch * per_second(count / batch, [&](int i) {
                                     std::vector<dfs::NewNode> nodes(batch);
                                     for (int j = 0; j < batch; ++j) {
                                       nodes[j].name = name_of(i * batch + j);
                                       nodes[j].content.push_back({.offset = 0, .data = data});
                                     }
                                     must(system->run(fs->create_nodes(dir, std::move(nodes))));
                                   });
      const double whole_stats =
          per_second(count / batch * batch, [&](int i) { must(system->run(fs->stat(dir, name_of(i))).status()); });
      must(system->run(fs->sync()));

      const std::string host = base + "/host";
      std::filesystem::create_directory(host);
      const double host_creates = per_second(count, [&](int i) {
        const int fd = ::open((host + "/" + name_of(i)).c_str(), O_CREAT | O_EXCL | O_RDWR, 0644);
        must_be(fd >= 0, "open");
        ::close(fd);
      });
      struct stat status;
      const double host_stats =
          per_second(count, [&](int i) { must_be(::stat((host + "/" + name_of(i)).c_str(), &status) == 0, "stat"); });
      const double host_unlinks =
          per_second(count, [&](int i) { must_be(::unlink((host + "/" + name_of(i)).c_str()) == 0, "unlink"); });
      std::printf(
          "{\"bench\":\"dfs\",\"files\":%d,\"create_per_s\":%.0f,\"stat_per_s\":%.0f,\"lookup_per_s\":%.0f,"
          "\"open_write_4k_per_s\":%.0f,\"stat_written_per_s\":%.0f,\"unlink_per_s\":%.0f,"
          "\"create_whole_4k_batch64_per_s\":%.0f,\"stat_whole_per_s\":%.0f,"
          "\"host_create_per_s\":%.0f,\"host_stat_per_s\":%.0f,\"host_unlink_per_s\":%.0f}\n",
          count, creates, stats, lookups, writes, stats_written, unlinks, whole_creates, whole_stats, host_creates,
          host_stats, host_unlinks);
    }
    must(system->close());
  }
  if (is_scratch) std::filesystem::remove_all(base);
  return 0;
}
