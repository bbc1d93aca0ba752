// The file system on a real store in a directory.
#include <gtest/gtest.h>

#include <filesystem>

#include "dfs/file_system.h"
#include "local/local_system.h"

namespace aeon::dfs {
namespace {

class PosixOnAStore : public ::testing::Test {
 protected:
  void SetUp() override {
    directory = std::filesystem::temp_directory_path() / ("aeon-dfs-test-" + std::to_string(::getpid()));
    std::filesystem::remove_all(directory);
    open(true);
    auto id = system->run(FileSystem::create_container(pool, {.label = "files", .id = {}, .properties = {}}));
    ASSERT_TRUE(id.is_ok()) << id.status().to_string();
    mount();
  }
  void TearDown() override {
    close();
    std::filesystem::remove_all(directory);
  }
  void open(bool create) {
    auto opened = local::LocalSystem::open(
        directory,
        {.create_if_missing = create, .create = {.system_name = "local", .pool_label = "default", .capacity = 0}});
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    system = *opened;
    auto connected = system->run(system->connect_pool("default", client::Access::kReadWrite));
    ASSERT_TRUE(connected.is_ok()) << connected.status().to_string();
    pool = *connected;
  }
  void mount(MountOptions options = {}) {
    auto container = system->run(pool->open_container("files", client::Access::kReadWrite));
    ASSERT_TRUE(container.is_ok()) << container.status().to_string();
    auto mounted = system->run(FileSystem::mount(*container, std::move(options)));
    ASSERT_TRUE(mounted.is_ok()) << mounted.status().to_string();
    fs = *mounted;
  }
  void close() {
    fs.reset();
    pool.reset();
    if (system != nullptr) {
      const Status closed = system->close();
      EXPECT_TRUE(closed.is_ok()) << closed.to_string();
    }
    system.reset();
  }
  NodePointer create(NodePointer at, const std::string& name, const std::string& content) {
    auto file =
        system->run(fs->open(at, name, {.mode = OpenMode::kReadWrite, .creation = Creation::kIfMissing, .create = {}}));
    EXPECT_TRUE(file.is_ok()) << file.status().to_string();
    if (!file.is_ok()) return nullptr;
    const Status written = system->run(fs->write(*file, 0, {as_bytes(content)}));
    EXPECT_TRUE(written.is_ok()) << written.to_string();
    return *file;
  }
  std::string read(const std::string& path) {
    auto file = system->run(fs->lookup(path));
    EXPECT_TRUE(file.is_ok()) << file.status().to_string();
    if (!file.is_ok()) return "(missing)";
    std::string text(8 << 20, '?');
    auto bytes =
        system->run(fs->read(*file, 0, {MutableBytes(reinterpret_cast<std::byte*>(text.data()), text.size())}));
    EXPECT_TRUE(bytes.is_ok()) << bytes.status().to_string();
    text.resize(bytes.is_ok() ? *bytes : 0);
    return text;
  }

  std::filesystem::path directory;
  std::shared_ptr<local::LocalSystem> system;
  std::shared_ptr<client::Pool> pool;
  std::shared_ptr<FileSystem> fs;
};

TEST_F(PosixOnAStore, ATreeIsThereAfterReopening) {
  auto dir = system->run(fs->mkdir(nullptr, "dir", {}));
  ASSERT_TRUE(dir.is_ok()) << dir.status().to_string();
  std::string big;
  while (big.size() < 3'000'000) big += std::to_string(big.size());
  create(*dir, "big", big);
  create(*dir, "small", "small");
  create(nullptr, "gone", "gone");
  ASSERT_TRUE(system->run(fs->symlink(nullptr, "link", "dir/small")).is_ok());
  auto small = system->run(fs->lookup("/dir/small"));
  ASSERT_TRUE(small.is_ok());
  ASSERT_TRUE(system->run(fs->link(*small, nullptr, "hard")).is_ok());
  ASSERT_TRUE(system->run(fs->set_xattr(*small, "user.a", to_bytes("b"))).is_ok());
  ASSERT_TRUE(system->run(fs->move(nullptr, "hard", *dir, "harder")).is_ok());
  ASSERT_TRUE(system->run(fs->remove(nullptr, "gone")).is_ok());
  ASSERT_TRUE(system->run(fs->sync()).is_ok());
  close();
  open(false);
  mount();
  EXPECT_EQ(read("/dir/big"), big);
  EXPECT_EQ(read("/link"), "small");
  EXPECT_EQ(read("/dir/harder"), "small");
  auto stat = system->run(fs->stat(*system->run(fs->lookup("/dir")), "harder"));
  ASSERT_TRUE(stat.is_ok()) << stat.status().to_string();
  EXPECT_EQ(stat->link_count, 2u);
  EXPECT_EQ(stat->size, 5u);
  auto page = system->run(fs->read_directory(nullptr, {}, 10));
  ASSERT_TRUE(page.is_ok());
  ASSERT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(page->entries[0].name, "dir");
  EXPECT_EQ(page->entries[1].name, "link");
}

TEST_F(PosixOnAStore, ASnapshotKeepsTheOldTree) {
  create(nullptr, "file", "old");
  auto snapshot = system->run(fs->container()->create_snapshot("s"));
  ASSERT_TRUE(snapshot.is_ok()) << snapshot.status().to_string();
  create(nullptr, "file", "newer");
  create(nullptr, "more", "more");
  ASSERT_TRUE(system->run(fs->move(nullptr, "file", nullptr, "moved")).is_ok());
  MountOptions options;
  options.epoch = *snapshot;
  mount(options);
  EXPECT_EQ(read("/file"), "old");
  auto page = system->run(fs->read_directory(nullptr, {}, 10));
  ASSERT_TRUE(page.is_ok());
  EXPECT_EQ(page->entries.size(), 1u);
}

TEST_F(PosixOnAStore, SizesFollowCutsHolesAndDirectWrites) {
  const NodePointer file = create(nullptr, "file", std::string(2'500'000, 'x'));
  for (const uint64_t size : {2'097'153u, 2'097'152u, 1'000u, 5'000'000u, 0u, 7u}) {
    ASSERT_TRUE(system->run(fs->truncate(file, size)).is_ok());
    EXPECT_EQ(*system->run(fs->size(file)), size);
    EXPECT_EQ(system->run(fs->stat(file))->size, size);
  }
  ASSERT_TRUE(system->run(fs->write(file, 3'000'000, {as_bytes("end")})).is_ok());
  auto extents = system->run(fs->data_extents(file, 100, 10));
  ASSERT_TRUE(extents.is_ok()) << extents.status().to_string();
  ASSERT_EQ(extents->size(), 1u);
  EXPECT_EQ(extents->front().offset, 3'000'000u);

  auto array = system->run(fs->array(file));
  ASSERT_TRUE(array.is_ok());
  EXPECT_EQ(*system->run(array->size()), 3'000'003u);
  ASSERT_TRUE(system->run(array->write({{4'000'000, 3}}, {as_bytes("raw")})).is_ok());
  EXPECT_EQ(system->run(fs->stat(file))->size, 4'000'003u);
  EXPECT_EQ(read("/file").substr(4'000'000), "raw");
  ASSERT_TRUE(system->run(array->set_size(4'500'000)).is_ok());
  EXPECT_EQ(*system->run(fs->size(file)), 4'500'000u);
}

}  // namespace
}  // namespace aeon::dfs
