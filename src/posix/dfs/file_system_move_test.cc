// Names that move: renames, exchanges, hard links.
#include "file_system_fixture.h"

namespace aeon::dfs {
namespace {

using Names = std::vector<std::string>;

class PosixRename : public FileSystemTest {};
class PosixExchange : public FileSystemTest {};
class PosixLink : public FileSystemTest {};

// --- Renames.

TEST_F(PosixRename, KeepsEverythingButTheName) {
  create("/file", "text");
  ASSERT_OK(
      run(fs->set_attributes(node("/file"), {.mode = 0640, .user = 1, .group = 2, .access_ns = 3, .modify_ns = 4})));
  ASSERT_OK(run(fs->set_xattr(node("/file"), "user.a", to_bytes("b"))));
  const Attributes before = *stat("/file");
  mkdir("/dir");
  ASSERT_OK(move("/file", "/dir/renamed"));
  EXPECT_CODE(Code::kNotFound, stat("/file"));
  const Attributes after = *stat("/dir/renamed");
  EXPECT_EQ(after.object, before.object);
  EXPECT_EQ(after.mode, before.mode);
  EXPECT_EQ(after.user, before.user);
  EXPECT_EQ(after.access_ns, 3);
  EXPECT_EQ(after.modify_ns, 4);
  EXPECT_EQ(after.birth_ns, before.birth_ns);
  EXPECT_GT(after.change_ns, before.change_ns);
  EXPECT_EQ(read("/dir/renamed"), "text");
  EXPECT_EQ(to_bytes("b"), *run(fs->get_xattr(node("/dir/renamed"), "user.a")));
}

TEST_F(PosixRename, OntoAFileReplacesIt) {
  create("/a", "new");
  create("/b", "old");
  const size_t before = container->object_count();
  ASSERT_OK(move("/a", "/b"));
  EXPECT_EQ(names("/"), Names{"b"});
  EXPECT_EQ(read("/b"), "new");
  EXPECT_EQ(container->object_count(), before - 1);
}

TEST_F(PosixRename, ObeysKinds) {
  mkdir("/dir");
  mkdir("/full");
  create("/full/x");
  create("/file");
  EXPECT_CODE(Code::kIsDirectory, move("/file", "/dir"));
  EXPECT_CODE(Code::kNotDirectory, move("/dir", "/file"));
  EXPECT_CODE(Code::kNotEmpty, move("/dir", "/full"));
  EXPECT_CODE(Code::kIsDirectory, move("/full/x", "/full"));
  EXPECT_CODE(Code::kNotFound, move("/missing", "/x"));
  ASSERT_OK(move("/full", "/dir"));
  EXPECT_EQ(names("/"), (Names{"dir", "file"}));
  EXPECT_EQ(names("/dir"), Names{"x"});
  ASSERT_OK(move("/file", "/file"));
  EXPECT_CODE(Code::kExists, run(fs->move_no_replace(nullptr, "file", nullptr, "dir")));
}

TEST_F(PosixRename, OfADirectoryIntoItselfIsRefused) {
  mkdir("/a");
  mkdir("/a/b");
  EXPECT_CODE(Code::kInvalidArgument, move("/a", "/a/c"));
  EXPECT_CODE(Code::kInvalidArgument, move("/a", "/a/b/c"));
  ASSERT_OK(move("/a/b", "/b"));
  ASSERT_OK(move("/a", "/b/a"));
  EXPECT_EQ(node("/b/a/..")->object(), node("/b")->object());
}

TEST_F(PosixRename, OntoAnOpenFileKeepsTheMovedOneReadable) {
  const NodePointer file = create("/a", "text");
  ASSERT_OK(run(fs->move(nullptr, "a", nullptr, "b", file)));
  EXPECT_EQ(file->name(), "b");
  ASSERT_OK(run(fs->write(file, 4, {as_bytes(" more")})));
  EXPECT_EQ(read("/b"), "text more");
  EXPECT_EQ(run(fs->stat(file))->size, 9u);
}

TEST_F(PosixRename, MakesOtherHandlesOfAFileStaleButNotOfADirectory) {
  const NodePointer file = create("/file", "text");
  const NodePointer dir = mkdir("/dir");
  ASSERT_OK(move("/file", "/file2"));
  ASSERT_OK(move("/dir", "/dir2"));
  EXPECT_CODE(Code::kStaleHandle, run(fs->stat(file)));
  EXPECT_EQ(read(file), "text");
  ASSERT_OK(run(fs->update_parent(file, nullptr, "file2")));
  EXPECT_EQ(run(fs->stat(file))->size, 4u);
  ASSERT_OK(run(fs->stat(dir)));
  ASSERT_OK(run(fs->set_attributes(dir, {.mode = 0700})));
  EXPECT_EQ(stat("/dir2")->mode, S_IFDIR | 0700u);
  EXPECT_CODE(Code::kStaleHandle, run(fs->update_parent(dir, nullptr, "file2")));
}

TEST_F(PosixExchange, SwapsAnyKinds) {
  create("/file", "text");
  mkdir("/dir");
  create("/dir/inside", "inside");
  ASSERT_OK(exchange("/file", "/dir"));
  EXPECT_EQ(read("/dir"), "text");
  EXPECT_EQ(read("/file/inside"), "inside");
  EXPECT_EQ(*run(fs->path_of(node("/file"))), "/file");
  EXPECT_CODE(Code::kNotFound, exchange("/file", "/missing"));
  EXPECT_CODE(Code::kInvalidArgument, exchange("/file", "/file/inside"));
  ASSERT_OK(exchange("/dir", "/file/inside"));
  EXPECT_EQ(read("/dir"), "inside");
}

// --- Hard links.

TEST_F(PosixLink, NamesShareEverything) {
  create("/a", "text");
  ASSERT_OK(run(fs->set_xattr(node("/a"), "user.x", to_bytes("1"))));
  mkdir("/dir");
  ASSERT_OK(link("/a", "/dir/b"));
  ASSERT_OK(link("/dir/b", "/c"));
  EXPECT_EQ(stat("/a")->link_count, 3u);
  EXPECT_EQ(stat("/a")->object, stat("/dir/b")->object);
  ASSERT_OK(run(fs->write(node("/c", OpenMode::kReadWrite), 4, {as_bytes("!")})));
  ASSERT_OK(run(fs->set_attributes(node("/dir/b"), {.mode = 0611, .modify_ns = 77})));
  ASSERT_OK(run(fs->set_xattr(node("/c"), "user.y", to_bytes("2"))));
  for (const char* path : {"/a", "/dir/b", "/c"}) {
    EXPECT_EQ(read(path), "text!");
    EXPECT_EQ(stat(path)->mode, S_IFREG | 0611u);
    EXPECT_EQ(stat(path)->modify_ns, 77);
    EXPECT_EQ(*run(fs->list_xattrs(node(path))), (Names{"user.x", "user.y"}));
  }
}

TEST_F(PosixLink, TheLastNameFreesTheData) {
  const size_t before = container->object_count();
  create("/a", "text");
  ASSERT_OK(link("/a", "/b"));
  ASSERT_OK(remove("/a"));
  EXPECT_EQ(read("/b"), "text");
  EXPECT_EQ(stat("/b")->link_count, 1u);
  ASSERT_OK(link("/b", "/c"));
  create("/other", "x");
  ASSERT_OK(move("/other", "/b"));
  EXPECT_EQ(stat("/c")->link_count, 1u);
  ASSERT_OK(remove("/b"));
  ASSERT_OK(remove("/c"));
  EXPECT_EQ(container->object_count(), before);
}

TEST_F(PosixLink, RenamingOneNameOntoAnotherDoesNothing) {
  create("/a", "text");
  ASSERT_OK(link("/a", "/b"));
  ASSERT_OK(move("/a", "/b"));
  EXPECT_EQ(names("/"), (Names{"a", "b"}));
  ASSERT_OK(move("/a", "/c"));
  EXPECT_EQ(stat("/c")->link_count, 2u);
}

TEST_F(PosixLink, SymlinksAndFifosHaveThemButNotDirectories) {
  ASSERT_OK(symlink("/link", std::string(500, 'x')));
  ASSERT_OK(link("/link", "/link2"));
  EXPECT_EQ(node("/link2")->symlink_target(), std::string(500, 'x'));
  ASSERT_OK(run(fs->make_node(nullptr, "fifo", NodeType::kFifo, 0, {})));
  ASSERT_OK(link("/fifo", "/fifo2"));
  EXPECT_EQ(stat("/fifo2")->link_count, 2u);
  mkdir("/dir");
  EXPECT_CODE(Code::kIsDirectory, link("/dir", "/dir2"));
  EXPECT_CODE(Code::kExists, link("/link", "/fifo"));
  const NodePointer removed = create("/gone");
  ASSERT_OK(remove("/gone"));
  EXPECT_CODE(Code::kStaleHandle, run(fs->link(removed, nullptr, "back")));
}

TEST_F(PosixLink, AnotherMountsLinkMeanwhileIsNotLost) {
  create("/a", "text");
  ASSERT_OK(link("/a", "/b"));
  auto other = run(FileSystem::mount(container));
  ASSERT_OK(other);
  // Just before this mount's write that removes a name, the other mount adds two and removes one.
  bool is_done = false;
  std::shared_ptr<FileSystem> others = *other;
  container->before_write = [&]() -> Status {
    if (is_done) return ok();
    is_done = true;
    Reactor aside;  // The container answers at once; what runs here only must not block.
    auto file = aside.run(others->lookup("/b"));
    TRY(file.status());
    TRY(aside.run(others->link(*file, nullptr, "c")));
    TRY(aside.run(others->link(*file, nullptr, "d")));
    return aside.run(others->remove(nullptr, "b"));
  };
  container->yields = false;
  ASSERT_OK(remove("/a"));
  EXPECT_TRUE(is_done);
  EXPECT_EQ(names("/"), (Names{"c", "d"}));
  EXPECT_EQ(stat("/c")->link_count, 2u);
  EXPECT_EQ(read("/d"), "text");
}

}  // namespace
}  // namespace aeon::dfs
