// Creating, asking for and removing empty files, in DFS on an embedded system and on the host's file system.
//
//   dfs_ops dfs|host DIRECTORY COUNT
//
// Prints a JSON line {"op": …, "per_second": …} for each kind. Making and removing include making it durable at the
// end.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>

#include "bench_support.h"
#include "dfs/file_system.h"
#include "local/local_system.h"

namespace aeon::bench {
namespace {

template <typename T>
T must(Result<T> result) {
  if (!result.is_ok()) fail(result.status().to_string());
  return std::move(result).value();
}
void must(const Status& status) {
  if (!status.is_ok()) fail(status.to_string());
}
void must_host(int result) {
  if (result < 0) fail(std::strerror(errno));
}

std::string name_of(uint64_t number) { return fmt::format("file-{:08}", number); }

void measure(const char* op, uint64_t count, const std::function<void(uint64_t)>& step,
             const std::function<void()>& make_durable) {
  const auto start = Clock::now();
  for (uint64_t i = 0; i < count; ++i) step(i);
  make_durable();
  fmt::print(R"({{"op": "{}", "per_second": {:.1f}}})"
             "\n",
             op, static_cast<double>(count) / seconds_since(start));
  std::fflush(stdout);
}

void run_dfs(const std::string& directory, uint64_t count) {
  std::filesystem::remove_all(directory);
  local::OpenOptions open_options;
  open_options.create_if_missing = true;
  const auto system = must(local::LocalSystem::open(directory, open_options));
  {
    const auto pool = must(system->run(system->connect_pool("default", client::Access::kReadWrite)));
    client::ContainerSpec spec;
    spec.label = "files";
    spec.properties[client::kPropDurability] = uint64_t{1};
    must(system->run(dfs::FileSystem::create_container(pool, spec)));
    const auto container = must(system->run(pool->open_container("files", client::Access::kReadWrite)));
    const auto files = must(system->run(dfs::FileSystem::mount(container)));
    const dfs::NodePointer root = files->root();
    dfs::OpenOptions creating;
    creating.mode = dfs::OpenMode::kReadWrite;
    creating.creation = dfs::Creation::kMustCreate;
    const auto sync = [&] { must(system->run(files->sync())); };
    const auto nothing = [] {};
    // Asked for in another order than made.
    const auto scattered = [&](uint64_t i) { return name_of(scatter(i) % count); };
    measure("create", count, [&](uint64_t i) { must(system->run(files->open(root, name_of(i), creating))); }, sync);
    measure("stat", count, [&](uint64_t i) { must(system->run(files->stat(root, scattered(i)))); }, nothing);
    measure("unlink", count, [&](uint64_t i) { must(system->run(files->remove(root, name_of(i)))); }, sync);
  }
  must(system->close());
  std::filesystem::remove_all(directory);
}

void run_host(const std::string& directory, uint64_t count) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const int root = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY);
  must_host(root);
  const auto sync = [&] { must_host(::syncfs(root)); };
  sync();  // What others have written is not ours to wait for.
  measure(
      "create", count,
      [&](uint64_t i) {
        const int file = ::openat(root, name_of(i).c_str(), O_CREAT | O_EXCL | O_RDWR, 0644);
        must_host(file);
        ::close(file);
      },
      sync);
  measure(
      "stat", count,
      [&](uint64_t i) {
        struct stat attributes{};
        must_host(::fstatat(root, name_of(scatter(i) % count).c_str(), &attributes, AT_SYMLINK_NOFOLLOW));
      },
      [] {});
  measure("unlink", count, [&](uint64_t i) { must_host(::unlinkat(root, name_of(i).c_str(), 0)); }, sync);
  ::close(root);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace aeon::bench

int main(int argc, char** argv) {
  if (argc != 4) aeon::bench::fail("usage: dfs_ops dfs|host DIRECTORY COUNT");
  const uint64_t count = std::strtoull(argv[3], nullptr, 10);
  if (std::string_view(argv[1]) == "dfs") {
    aeon::bench::run_dfs(argv[2], count);
  } else {
    aeon::bench::run_host(argv[2], count);
  }
}
