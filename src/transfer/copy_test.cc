#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "local/local_system.h"
#include "transfer/copy.h"

namespace aeon::transfer {
namespace {

namespace stdfs = std::filesystem;

#define ASSERT_OK(expression)                                                       \
  do {                                                                              \
    const auto ok_status = ::aeon::status_of(expression);                           \
    ASSERT_TRUE(ok_status.is_ok()) << #expression << ": " << ok_status.to_string(); \
  } while (false)

// clang-tidy takes a long literal size for swapped arguments.
std::string long_text(size_t size, char fill) { return std::string(size, fill); }

class Copy : public ::testing::Test {
 protected:
  void SetUp() override {
    base = stdfs::temp_directory_path() / ("aeon-copy-test-" + std::to_string(::getpid()));
    stdfs::remove_all(base);
    stdfs::create_directories(base / "src");
    auto opened = local::LocalSystem::open(
        (base / "store").string(),
        {.create_if_missing = true, .create = {.system_name = "local", .pool_label = "default", .capacity = 0}});
    ASSERT_OK(opened);
    system = *opened;
    auto pool = system->run(system->connect_pool("default", client::Access::kReadWrite));
    ASSERT_OK(pool);
    client::ContainerSpec spec;
    spec.properties[client::kPropDurability] = client::PropertyValue(uint64_t{1});
    auto id = system->run(dfs::FileSystem::create_container(*pool, spec));
    ASSERT_OK(id);
    auto container = system->run((*pool)->open_container(id->to_string(), client::Access::kReadWrite));
    ASSERT_OK(container);
    auto mounted = system->run(dfs::FileSystem::mount(*container));
    ASSERT_OK(mounted);
    fs = *mounted;
  }
  void TearDown() override {
    fs.reset();
    if (system != nullptr) {
      const Status closed = system->close();
      EXPECT_TRUE(closed.is_ok()) << closed.to_string();
    }
    system.reset();
    stdfs::remove_all(base);
  }

  Place host(const std::string& name) const { return {.path = (base / name).string(), .file_system = nullptr}; }
  Place stored(const std::string& path) const { return {.path = path, .file_system = fs, .system = system.get()}; }

  void put(const std::string& path, const std::string& content) {
    stdfs::create_directories((base / path).parent_path());
    std::ofstream(base / path, std::ios::binary) << content;
  }
  std::string get(const std::string& path) const {
    std::ifstream file(base / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void set_time(const std::string& path, int64_t seconds, long ns) {
    const timespec times[2] = {{.tv_sec = seconds - 5, .tv_nsec = 1}, {.tv_sec = seconds, .tv_nsec = ns}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (base / path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  // A bit of everything; times last, deepest first.
  void make_tree() {
    put("src/file", "text");
    put("src/empty", "");
    put("src/dir/deep/file", "deep");
    put("src/dir/\xff odd\nname", "odd");
    put("src/big", long_text(9'000'001, 'b') + "end");
    stdfs::create_directory(base / "src/hollow");
    stdfs::create_symlink("dir/deep", base / "src/link");
    stdfs::create_symlink("no/where", base / "src/dir/dangling");
    stdfs::create_hard_link(base / "src/file", base / "src/dir/hard");
    stdfs::create_hard_link(base / "src/big", base / "src/dir/zbig");
    ASSERT_EQ(::mkfifo((base / "src/fifo").c_str(), 0640), 0);
    const int fd = ::open((base / "src/sparse").c_str(), O_CREAT | O_WRONLY, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::pwrite(fd, "x", 1, 1'000'000), 1);
    ASSERT_EQ(::pwrite(fd, "y", 1, 300'000'000), 1);
    ASSERT_EQ(::ftruncate(fd, 400'000'000), 0);
    ::close(fd);
    ASSERT_EQ(::chmod((base / "src/file").c_str(), 04751), 0);
    ASSERT_EQ(::chmod((base / "src/dir").c_str(), 01750), 0);
    has_xattrs = ::setxattr((base / "src/file").c_str(), "user.note", "value", 5, 0) == 0;
    int64_t seconds = 1'000'000'000;
    for (const char* path : {"src/file", "src/empty", "src/dir/deep/file", "src/big", "src/link", "src/fifo",
                             "src/sparse", "src/dir/deep", "src/dir", "src/hollow", "src"}) {
      set_time(path, ++seconds, 123'456'789);
    }
  }
  void expect_same(const Place& a, const Place& b) {
    const auto verified = verify_tree(a, b);
    ASSERT_OK(verified);
    for (const Issue& difference : verified->differences) ADD_FAILURE() << difference.path << ": " << difference.what;
    EXPECT_TRUE(verified->is_same());
    EXPECT_GT(verified->nodes, 1u);
  }

  stdfs::path base;
  std::shared_ptr<local::LocalSystem> system;
  std::shared_ptr<dfs::FileSystem> fs;
  bool has_xattrs = false;
};

TEST_F(Copy, ThereAndBackKeepsEverything) {
  make_tree();
  const auto in = copy_tree(host("src"), stored("/tree"));
  ASSERT_OK(in);
  for (const Issue& error : in->errors) ADD_FAILURE() << error.path << ": " << error.what;
  EXPECT_EQ(in->error_count, 0u);
  EXPECT_EQ(in->directories, 4u);
  EXPECT_EQ(in->symlinks, 2u);
  EXPECT_EQ(in->hard_links, 2u);
  EXPECT_EQ(in->special_files, 1u);
  EXPECT_EQ(in->files, 6u);
  EXPECT_EQ(in->not_kept_count, 0u);
  expect_same(host("src"), stored("/tree"));
  EXPECT_EQ(system->run(fs->stat(*system->run(fs->lookup("/tree/dir")), "hard"))->link_count, 2u);
  if (has_xattrs) {
    EXPECT_EQ(*system->run(fs->get_xattr(*system->run(fs->lookup("/tree/file")), "user.note")), to_bytes("value"));
  }
  // The source's holes took no space.
  const auto sparse = system->run(fs->lookup("/tree/sparse"));
  ASSERT_OK(sparse);
  EXPECT_LE(system->run(fs->data_extents(*sparse, 0, 100))->size(), 3u);

  const auto out = copy_tree(stored("/tree"), host("back"));
  ASSERT_OK(out);
  EXPECT_EQ(out->error_count, 0u);
  expect_same(host("src"), host("back"));
  struct stat status;
  ASSERT_EQ(::stat((base / "back/sparse").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 400'000'000);
  EXPECT_LT(status.st_blocks * 512, 3'000'000);
  ASSERT_EQ(::stat((base / "back/dir/hard").c_str(), &status), 0);
  EXPECT_EQ(status.st_nlink, 2u);
}

TEST_F(Copy, ASecondCopyOnlyTakesWhatChanged) {
  make_tree();
  ASSERT_OK(copy_tree(host("src"), stored("/tree")));
  const auto again = copy_tree(host("src"), stored("/tree"));
  ASSERT_OK(again);
  EXPECT_EQ(again->files + again->symlinks + again->special_files, 0u);
  EXPECT_EQ(again->skipped, 9u);
  put("src/dir/deep/file", "DEEP");
  put("src/new", "new");
  stdfs::remove(base / "src/empty");
  stdfs::create_symlink("now a link", base / "src/empty");
  const auto third = copy_tree(host("src"), stored("/tree"));
  ASSERT_OK(third);
  EXPECT_EQ(third->files, 2u);
  EXPECT_EQ(third->symlinks, 1u);
  expect_same(host("src"), stored("/tree"));
}

TEST_F(Copy, GoesOnAfterBeingStopped) {
  for (int i = 0; i < 60; ++i)
    put("src/d" + std::to_string(i % 6) + "/f" + std::to_string(i), std::string(300'000, 'x'));
  put("src/large", long_text(200'000'000, 'l'));
  const auto stopped = copy_tree(host("src"), stored("/tree"), {.into_existing = false},
                                 [&](const Progress& progress) { return progress.nodes_done == 0; });
  EXPECT_EQ(stopped.code(), Code::kCanceled);
  const auto resumed = copy_tree(host("src"), stored("/tree"), {.into_existing = false});
  ASSERT_OK(resumed);
  EXPECT_EQ(resumed->error_count, 0u);
  expect_same(host("src"), stored("/tree"));
  // Done: now it is an existing tree.
  EXPECT_EQ(copy_tree(host("src"), stored("/tree"), {.into_existing = false}).code(), Code::kNotEmpty);
}

// A copy that was killed may have requests at the server, which are done after the next one has read the directory.
TEST_F(Copy, WhatAppearsMeanwhileIsReplaced) {
  put("src/a", "a");
  ASSERT_OK(copy_tree(host("src"), stored("/tree")));
  put("src/b", "b");
  put("src/c", "c");
  const auto tree = system->run(fs->lookup("/tree"));
  ASSERT_OK(tree);
  bool appeared = false;
  const auto again = copy_tree(host("src"), stored("/tree"), {}, [&](const Progress& progress) {
    if (progress.current.ends_with("/a") && progress.nodes_done != 0 && !appeared) {
      const auto made = system->run(fs->make_node(*tree, "b", dfs::NodeType::kFile, 0, {}));
      EXPECT_TRUE(made.is_ok()) << made.status().to_string();
      appeared = true;
    }
    ::usleep(60'000);  // Progress is told every 50 ms.
    return true;
  });
  ASSERT_OK(again);
  EXPECT_TRUE(appeared);
  EXPECT_EQ(again->skipped, 1u);
  EXPECT_EQ(again->files, 2u);
  EXPECT_EQ(again->error_count, 0u);
  expect_same(host("src"), stored("/tree"));
}

TEST_F(Copy, LeftoversOfLargeFilesGoAway) {
  put("src/file", "text");
  ASSERT_OK(copy_tree(host("src"), stored("/tree")));
  const auto tree = system->run(fs->lookup("/tree"));
  ASSERT_OK(system->run(fs->make_node(*tree, ".large.aeon-copy", dfs::NodeType::kFile, 0, {})));
  ASSERT_OK(copy_tree(host("src"), stored("/tree")));
  expect_same(host("src"), stored("/tree"));
}

TEST_F(Copy, FaultsOfEntriesAreNamedAndTheRestGoesOn) {
  put("src/a", "a");
  put("src/b", "b");
  put("src/c/d", "d");
  ASSERT_OK(system->run(fs->mkdir(nullptr, "tree", {})));
  const auto tree = system->run(fs->lookup("/tree"));
  ASSERT_OK(system->run(fs->mkdir(*tree, "a", {})));
  ASSERT_OK(system->run(fs->make_node(*tree, "c", dfs::NodeType::kFile, 0, {})));
  const auto copied = copy_tree(host("src"), stored("/tree"));
  ASSERT_OK(copied);
  EXPECT_EQ(copied->error_count, 2u);
  ASSERT_EQ(copied->errors.size(), 2u);
  EXPECT_NE(copied->errors[0].what.find("is a directory"), std::string::npos) << copied->errors[0].what;
  EXPECT_EQ(copied->files, 1u);
  const auto verified = verify_tree(host("src"), stored("/tree"), {.compare_owner = false, .compare_times = false});
  ASSERT_OK(verified);
  EXPECT_FALSE(verified->is_same());
}

TEST_F(Copy, OfOneFileAndOfNothing) {
  put("src/file", "text");
  ASSERT_OK(copy_tree(host("src/file"), stored("/renamed")));
  expect_same(host("src"), host("src"));
  const auto same = verify_tree(host("src/file"), stored("/renamed"));
  ASSERT_OK(same);
  EXPECT_TRUE(same->is_same());
  ASSERT_OK(copy_tree(stored("/renamed"), host("back")));
  EXPECT_EQ(get("back"), "text");
  EXPECT_EQ(copy_tree(host("missing"), stored("/x")).code(), Code::kNotFound);
  EXPECT_EQ(copy_tree(host("src/file"), stored("/")).code(), Code::kIsDirectory);
  EXPECT_EQ(copy_tree(host("src"), stored("/no/such/place")).code(), Code::kNotFound);
  EXPECT_EQ(copy_tree(host("src"), host("src/inside")).code(), Code::kInvalidArgument);
  EXPECT_EQ(copy_tree(host("src"), Place()).code(), Code::kInvalidArgument);
}

TEST_F(Copy, WithinADfsAndAtASnapshot) {
  make_tree();
  ASSERT_OK(copy_tree(host("src"), stored("/tree")));
  ASSERT_OK(copy_tree(stored("/tree"), stored("/twin")));
  expect_same(stored("/tree"), stored("/twin"));
  const auto snapshot = system->run(fs->container()->create_snapshot("s"));
  ASSERT_OK(snapshot);
  ASSERT_OK(system->run(fs->remove_all(nullptr, "tree")));
  dfs::MountOptions options;
  options.epoch = *snapshot;
  auto old = system->run(dfs::FileSystem::mount(fs->container(), options));
  ASSERT_OK(old);
  expect_same(host("src"), {.path = "/tree", .file_system = *old, .system = system.get()});
  EXPECT_EQ(copy_tree(host("src"), {.path = "/x", .file_system = *old, .system = system.get()}).code(),
            Code::kReadOnly);
}

TEST_F(Copy, VerifyFindsEachKindOfDifference) {
  make_tree();
  ASSERT_OK(copy_tree(host("src"), host("other")));
  const auto differences = [&] {
    const auto verified = verify_tree(host("src"), host("other"), {.compare_times = false});
    return verified.is_ok() ? verified->difference_count : 1000;
  };
  ASSERT_EQ(differences(), 0u);
  ASSERT_EQ(::chmod((base / "other/empty").c_str(), 0611), 0);
  EXPECT_EQ(differences(), 1u);
  stdfs::remove(base / "other/link");
  stdfs::create_symlink("dir/peed", base / "other/link");
  EXPECT_EQ(differences(), 2u);
  std::fstream(base / "other/big", std::ios::in | std::ios::out | std::ios::binary).seekp(5'000'000).put('!');
  EXPECT_EQ(differences(), 3u);
  stdfs::remove(base / "other/dir/hard");
  stdfs::copy_file(base / "src/file", base / "other/dir/hard");
  EXPECT_GE(differences(), 4u);
  put("other/extra", "");
  stdfs::remove(base / "other/fifo");
  EXPECT_GE(differences(), 6u);
}

TEST_F(Copy, ProgressReachesTheTotals) {
  make_tree();
  Progress last;
  const auto copied = copy_tree(host("src"), stored("/tree"), {}, [&](const Progress& progress) {
    last = progress;
    return true;
  });
  ASSERT_OK(copied);
  EXPECT_EQ(last.nodes_done, last.nodes_total);
  EXPECT_EQ(last.bytes_done, last.bytes_total);
  EXPECT_EQ(last.nodes_total, 15u);
}

}  // namespace
}  // namespace aeon::transfer
