#include "file_system_fixture.h"

namespace aeon::dfs {
namespace {

using Names = std::vector<std::string>;

class PosixMount : public FileSystemTest {};
class PosixPath : public FileSystemTest {};
class PosixNamespace : public FileSystemTest {};
class PosixRename : public FileSystemTest {};
class PosixExchange : public FileSystemTest {};
class PosixLink : public FileSystemTest {};
class PosixAttributes : public FileSystemTest {};
class PosixXattr : public FileSystemTest {};
class PosixData : public FileSystemTest {};
class PosixListing : public FileSystemTest {};
class PosixAtomicity : public FileSystemTest {};

std::string bytes_name() {
  std::string name;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte != '/') name += static_cast<char>(byte);
  }
  return name;
}

// What a visitor of entries answers that has had enough at the `last`.
Task<Status> canceled_at(int last, int* seen) { co_return ++*seen == last ? Status(Code::kCanceled) : ok(); }

// --- Mounting.

TEST_F(PosixMount, OfAnUnformattedContainerIsNotFound) {
  auto empty = std::make_shared<MemoryContainer>(reactor);
  EXPECT_CODE(Code::kNotFound, run(FileSystem::mount(empty)));
}

TEST_F(PosixMount, FormatsAMissingFileSystemOnlyIfAsked) {
  auto empty = std::make_shared<MemoryContainer>(reactor);
  EXPECT_CODE(Code::kNotFound,
              run(FileSystem::mount(empty, {.read_only = true, .format_if_missing = true, .format = {}})));
  ASSERT_OK(run(FileSystem::mount(empty, {.format_if_missing = true, .format = {.chunk_size = 4096, .hints = {}}})));
  auto again = run(FileSystem::mount(empty));
  ASSERT_OK(again);
  EXPECT_EQ((*again)->info().chunk_size, 4096u);
}

TEST_F(PosixMount, ASecondFormatIsRefused) { EXPECT_CODE(Code::kExists, run(FileSystem::format(container))); }

TEST_F(PosixMount, HintsChooseClasses) {
  auto empty = std::make_shared<MemoryContainer>(reactor);
  ASSERT_OK(run(FileSystem::format(empty, {.hints = "file:max,dir:single"})));
  auto mounted = run(FileSystem::mount(empty));
  ASSERT_OK(mounted);
  EXPECT_EQ((*mounted)->info().file_class, 16842751u);
  EXPECT_EQ((*mounted)->info().directory_class, 16777217u);
  EXPECT_CODE(Code::kInvalidArgument, run(FileSystem::format(empty, {.hints = "file:huge"})));
  EXPECT_EQ(*FileSystem::suggest_class("file:single"), 16777217u);
  EXPECT_CODE(Code::kInvalidArgument, FileSystem::suggest_class("single"));
}

TEST_F(PosixMount, ForReadingRefusesEveryChange) {
  create("/file", "text");
  mkdir("/dir");
  mount({.read_only = true, .format = {}});
  const NodePointer file = node("/file");
  EXPECT_EQ(read(file), "text");
  EXPECT_CODE(Code::kReadOnly, run(fs->mkdir(nullptr, "x", {})));
  EXPECT_CODE(Code::kReadOnly, run(fs->open(nullptr, "x", {.creation = Creation::kIfMissing, .create = {}})));
  EXPECT_CODE(Code::kReadOnly, run(fs->open(nullptr, "file", {.mode = OpenMode::kReadWrite, .create = {}})));
  EXPECT_CODE(Code::kReadOnly, run(fs->remove(nullptr, "file")));
  EXPECT_CODE(Code::kReadOnly, run(fs->remove_all(nullptr, "dir")));
  EXPECT_CODE(Code::kReadOnly, run(fs->move(nullptr, "file", nullptr, "x")));
  EXPECT_CODE(Code::kReadOnly, run(fs->exchange(nullptr, "file", nullptr, "dir")));
  EXPECT_CODE(Code::kReadOnly, run(fs->link(file, nullptr, "x")));
  EXPECT_CODE(Code::kReadOnly, run(fs->set_attributes(file, {.mode = 0600})));
  EXPECT_CODE(Code::kReadOnly, run(fs->set_xattr(file, "user.a", {})));
  EXPECT_CODE(Code::kReadOnly, run(fs->lookup("/file", OpenMode::kReadWrite)));
  EXPECT_EQ(count([&] { EXPECT_CODE(Code::kReadOnly, run(fs->write(file, 0, {as_bytes("x")}))); }).writes, 0u);
}

TEST_F(PosixMount, OfAReadOnlyContainerMustBeReadOnly) {
  container->opened_for = client::Access::kReadOnly;
  EXPECT_CODE(Code::kReadOnly, run(FileSystem::mount(container)));
  ASSERT_OK(run(FileSystem::mount(container, {.read_only = true, .format = {}})));
}

TEST_F(PosixMount, AtASnapshotSeesTheOldTree) {
  mkdir("/dir");
  create("/dir/kept", "old");
  create("/dir/gone", "gone");
  ASSERT_OK(symlink("/link", "dir/gone"));
  const auto snapshot = run(container->create_snapshot("before"));
  ASSERT_OK(snapshot);
  create("/dir/kept", "a newer text");
  ASSERT_OK(remove("/dir/gone"));
  ASSERT_OK(move("/dir", "/moved"));
  create("/new");

  mount({.epoch = *snapshot, .format = {}});
  EXPECT_TRUE(fs->is_read_only());
  EXPECT_EQ(names("/"), (Names{"dir", "link"}));
  EXPECT_EQ(names("/dir"), (Names{"gone", "kept"}));
  EXPECT_EQ(read("/dir/kept"), "old");
  EXPECT_EQ(read("/link"), "gone");
  EXPECT_EQ(stat("/dir/kept")->size, 3u);
  EXPECT_CODE(Code::kReadOnly, run(fs->mkdir(nullptr, "x", {})));
}

// --- Paths.

TEST_F(PosixPath, FollowsDotsAndSymlinks) {
  mkdir("/a");
  mkdir("/a/b");
  create("/a/b/file", "here");
  ASSERT_OK(symlink("/a/absolute", "/a/b"));
  ASSERT_OK(symlink("/a/relative", "b/../b/file"));
  EXPECT_EQ(read("/a/b/../b/./file"), "here");
  EXPECT_EQ(read("//a///b//file"), "here");
  EXPECT_EQ(read("/a/absolute/file"), "here");
  EXPECT_EQ(read("/a/relative"), "here");
  EXPECT_EQ(node("/../..")->object(), fs->root()->object());
  EXPECT_EQ(node("")->object(), fs->root()->object());
  EXPECT_EQ(read(*run(fs->lookup("../b/file", OpenMode::kReadOnly, true, node("/a/b")))), "here");
  EXPECT_EQ(node("/a/relative")->type(), NodeType::kSymlink);
  EXPECT_EQ(node("/a/relative")->symlink_target(), "b/../b/file");
}

TEST_F(PosixPath, ErrorsNameThePath) {
  create("/file");
  const Status missing = run(fs->lookup("/no/such")).status();
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_NE(missing.message().find("'/no'"), std::string::npos) << missing.to_string();
  EXPECT_CODE(Code::kNotDirectory, run(fs->lookup("/file/x")));
  EXPECT_CODE(Code::kNotDirectory, run(fs->lookup("/file/")));
  EXPECT_CODE(Code::kTooBig, run(fs->lookup(std::string(5000, 'x'))));
  EXPECT_CODE(Code::kTooBig, run(fs->lookup("/" + std::string(256, 'x'))));
  EXPECT_CODE(Code::kInvalidArgument, run(fs->lookup(std::string("/a\0b", 4))));
  EXPECT_CODE(Code::kInvalidArgument, place("/"));
  EXPECT_CODE(Code::kInvalidArgument, place("/a/.."));
}

TEST_F(PosixPath, SymlinksInACircleAreALoop) {
  ASSERT_OK(symlink("/a", "b"));
  ASSERT_OK(symlink("/b", "a"));
  EXPECT_CODE(Code::kLoop, run(fs->lookup("/a")));
  EXPECT_EQ(node("/a")->type(), NodeType::kSymlink);
}

TEST_F(PosixPath, LongSymlinkTargetsAreKeptWhole) {
  for (const size_t size : {1u, 120u, 121u, 4095u}) {
    const std::string target(size, 't');
    const std::string name = "/l" + std::to_string(size);
    ASSERT_OK(symlink(name, target));
    EXPECT_EQ(node(name)->symlink_target(), target);
    EXPECT_EQ(stat(name)->size, size);
    ASSERT_OK(move(name, name + "-moved"));
    EXPECT_EQ(node(name + "-moved")->symlink_target(), target);
  }
  EXPECT_CODE(Code::kTooBig, symlink("/toolong", std::string(4096, 't')));
  EXPECT_CODE(Code::kInvalidArgument, symlink("/empty", ""));
}

TEST_F(PosixPath, DirectoriesKnowTheirPath) {
  mkdir("/a");
  const NodePointer deep = mkdir("/a/b");
  EXPECT_EQ(*run(fs->path_of(deep)), "/a/b");
  EXPECT_EQ(*run(fs->path_of(nullptr)), "/");
  ASSERT_OK(move("/a", "/z"));
  EXPECT_EQ(*run(fs->path_of(deep)), "/z/b");
}

TEST_F(PosixPath, AHandleTravelsAsBytes) {
  create("/file", "text");
  const NodePointer file = node("/file", OpenMode::kReadWrite);
  const Bytes encoded = fs->encode(*file);
  const auto decoded = fs->decode(encoded, OpenMode::kReadWrite);
  ASSERT_OK(decoded);
  EXPECT_EQ(read(*decoded), "text");
  EXPECT_CODE(Code::kInvalidArgument, fs->decode(fs->encode(*node("/file")), OpenMode::kReadWrite));
  for (size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_CODE(Code::kInvalidArgument, fs->decode(ByteView(encoded).first(size), OpenMode::kReadOnly));
  }
}

// --- Entries.

TEST_F(PosixNamespace, NamesAreAnyBytes) {
  const std::string odd = bytes_name();
  ASSERT_EQ(odd.size(), 254u);
  create("/" + odd, "odd");
  create("/\xff\xfe", "bad utf-8");
  create("/...", "dots");
  create("/ ", "blank");
  EXPECT_EQ(read("/" + odd), "odd");
  EXPECT_EQ(names("/"), (Names{odd, " ", "...", "\xff\xfe"}));
  EXPECT_CODE(Code::kTooBig, run(fs->mkdir(nullptr, std::string(256, 'n'), {})));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a\0b", 3)}) {
    EXPECT_CODE(Code::kInvalidArgument, run(fs->mkdir(nullptr, bad, {})));
    EXPECT_CODE(Code::kInvalidArgument, run(fs->remove(nullptr, bad)));
    EXPECT_CODE(Code::kInvalidArgument, run(fs->move(nullptr, "...", nullptr, bad)));
  }
}

TEST_F(PosixNamespace, ExclusiveCreationFailsIfTheNameIsTaken) {
  create("/file", "kept");
  const OpenOptions exclusive{.mode = OpenMode::kReadWrite, .creation = Creation::kMustCreate, .create = {}};
  EXPECT_CODE(Code::kExists, run(fs->open(nullptr, "file", exclusive)));
  EXPECT_EQ(read("/file"), "kept");
  ASSERT_OK(run(fs->open(nullptr, "other", exclusive)));
  EXPECT_CODE(Code::kExists, run(fs->mkdir(nullptr, "file", {})));
  EXPECT_CODE(Code::kExists, symlink("/file", "x"));
}

TEST_F(PosixNamespace, OpenSaysWhatIsWrong) {
  mkdir("/dir");
  ASSERT_OK(symlink("/link", "dir"));
  EXPECT_CODE(Code::kNotFound, run(fs->open(nullptr, "missing")));
  EXPECT_CODE(Code::kIsDirectory, run(fs->open(nullptr, "dir")));
  EXPECT_CODE(Code::kInvalidArgument, run(fs->open(nullptr, "link")));
  EXPECT_CODE(Code::kNotDirectory, run(fs->open(create("/file"), "x")));
}

TEST_F(PosixNamespace, RemovingADirectoryNeedsItEmpty) {
  mkdir("/dir");
  create("/dir/file");
  EXPECT_CODE(Code::kNotEmpty, remove("/dir"));
  ASSERT_OK(remove("/dir/file"));
  ASSERT_OK(remove("/dir"));
  EXPECT_CODE(Code::kNotFound, remove("/dir"));
  EXPECT_TRUE(*run(fs->is_empty(nullptr)));
}

TEST_F(PosixNamespace, ARemovedDirectoryTakesNoMoreEntries) {
  const NodePointer dir = mkdir("/dir");
  ASSERT_OK(remove("/dir"));
  EXPECT_CODE(Code::kNotFound, run(fs->mkdir(dir, "x", {})));
  EXPECT_CODE(Code::kNotFound, run(fs->open(dir, "x", {.creation = Creation::kIfMissing, .create = {}})));
  create("/file");
  EXPECT_CODE(Code::kStaleHandle, run(fs->move(nullptr, "file", dir, "x")));
  EXPECT_EQ(names("/"), Names{"file"});
}

TEST_F(PosixNamespace, RemoveAllTakesTheTreeAndNothingElse) {
  create("/beside", "kept");
  mkdir("/tree");
  mkdir("/tree/deep");
  mkdir("/tree/deep/deeper");
  for (int i = 0; i < 600; ++i) create("/tree/deep/f" + std::to_string(i));
  create("/tree/deep/deeper/x", "x");
  ASSERT_OK(link("/tree/deep/deeper/x", "/outside"));
  ASSERT_OK(link("/tree/deep/deeper/x", "/tree/twice"));
  ASSERT_OK(symlink("/tree/link", "/beside"));
  const size_t before = container->object_count();
  EXPECT_GT(before, 5u);
  ASSERT_OK(run(fs->remove_all(nullptr, "tree")));
  EXPECT_EQ(names("/"), (Names{"beside", "outside"}));
  EXPECT_EQ(read("/outside"), "x");
  EXPECT_EQ(stat("/outside")->link_count, 1u);
  // Superblock, root, the two files' data, the shared inode.
  EXPECT_EQ(container->object_count(), 5u);
}

TEST_F(PosixNamespace, RemovingFreesTheObjects) {
  const size_t before = container->object_count();
  create("/file", "text");
  mkdir("/dir");
  EXPECT_GT(container->object_count(), before);
  ASSERT_OK(remove("/file"));
  ASSERT_OK(remove("/dir"));
  EXPECT_EQ(container->object_count(), before);
}

TEST_F(PosixNamespace, SpecialFilesKeepTheirDevice) {
  ASSERT_OK(run(fs->make_node(nullptr, "fifo", NodeType::kFifo, 0, {.mode = 0640, .user = {}, .group = {}})));
  ASSERT_OK(run(fs->make_node(nullptr, "null", NodeType::kCharacterDevice, 259, {})));
  EXPECT_EQ(stat("/fifo")->mode, S_IFIFO | 0640u);
  EXPECT_EQ(stat("/null")->device, 259u);
  EXPECT_CODE(Code::kInvalidArgument, run(fs->read(node("/fifo"), 0, {})));
  EXPECT_CODE(Code::kInvalidArgument, run(fs->make_node(nullptr, "d", NodeType::kDirectory, 0, {})));
}

TEST_F(PosixNamespace, SeveralNodesComeIntoBeingAtOnce) {
  std::vector<NewNode> nodes(3);
  nodes[0] = {.name = "a",
              .options = {.mode = 0600, .user = 7, .group = 8},
              .access_ns = 5,
              .modify_ns = -6,
              .symlink_target = {},
              .xattrs = {{"user.x", to_bytes("value")}},
              .content = {{.offset = 0, .data = as_bytes("start")}, {.offset = 3 << 20, .data = as_bytes("end")}}};
  nodes[1] = {.name = "b",
              .type = NodeType::kSymlink,
              .options = {},
              .access_ns = {},
              .modify_ns = 9,
              .symlink_target = "a",
              .xattrs = {},
              .content = {}};
  nodes[2] = {.name = "c",
              .options = {},
              .access_ns = {},
              .modify_ns = {},
              .symlink_target = {},
              .xattrs = {},
              .content = {},
              .size = 10'000'000};
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->create_nodes(nullptr, nodes))); }).writes, 1u);
  const Attributes a = *stat("/a");
  EXPECT_EQ(a.mode, S_IFREG | 0600u);
  EXPECT_EQ(a.user, 7u);
  EXPECT_EQ(a.group, 8u);
  EXPECT_EQ(a.size, (3u << 20) + 3);
  EXPECT_EQ(a.access_ns, 5);
  EXPECT_EQ(a.modify_ns, -6);
  EXPECT_EQ(to_bytes("value"), *run(fs->get_xattr(node("/a"), "user.x")));
  EXPECT_EQ(read(node("/a"), 0, 8), std::string("start\0\0\0", 8));
  EXPECT_EQ(read(node("/a"), 3 << 20, 8), "end");
  EXPECT_EQ(node("/b")->symlink_target(), "a");
  EXPECT_EQ(stat("/c")->size, 10'000'000u);
  EXPECT_EQ(*run(fs->size(node("/c"))), 10'000'000u);
  EXPECT_EQ(read(node("/c"), 9'999'998, 8), std::string(2, '\0'));

  nodes.resize(2);
  nodes[1].name = "d";
  EXPECT_CODE(Code::kExists, run(fs->create_nodes(nullptr, nodes)));
  EXPECT_EQ(names("/"), (Names{"a", "b", "c"}));
  nodes[0].name = "d";
  EXPECT_CODE(Code::kInvalidArgument, run(fs->create_nodes(nullptr, nodes)));
}

TEST_F(PosixNamespace, ReplacingNodesFreesWhatWasThere) {
  create("/plain", "old");
  create("/linked", "shared");
  ASSERT_OK(link("/linked", "/linked2"));
  ASSERT_OK(link("/linked", "/kept"));
  mkdir("/dir");
  std::vector<NewNode> nodes(3);
  nodes[0].name = "plain";
  nodes[0].content.push_back({.offset = 0, .data = as_bytes("new")});
  nodes[1].name = "linked";
  nodes[2].name = "linked2";
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->create_nodes(nullptr, nodes, true))); }).writes, 1u);
  EXPECT_EQ(read("/plain"), "new");
  EXPECT_EQ(read("/linked"), "");
  EXPECT_EQ(read("/kept"), "shared");
  EXPECT_EQ(stat("/kept")->link_count, 1u);
  nodes.resize(1);
  nodes[0].name = "dir";
  EXPECT_CODE(Code::kExists, run(fs->create_nodes(nullptr, nodes, true)));
}

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

// --- Attributes.

TEST_F(PosixAttributes, TimesFollowFromWrites) {
  const auto created_ns = static_cast<int64_t>(container->next_write_ns());
  const NodePointer file = create("/file");
  const Attributes fresh = *stat("/file");
  EXPECT_EQ(fresh.modify_ns, created_ns);
  EXPECT_EQ(fresh.change_ns, created_ns);
  EXPECT_EQ(fresh.birth_ns, created_ns);

  const auto written_ns = static_cast<int64_t>(container->next_write_ns());
  ASSERT_OK(run(fs->write(file, 0, {as_bytes("x")})));
  EXPECT_EQ(stat("/file")->modify_ns, written_ns);

  const auto changed_ns = static_cast<int64_t>(container->next_write_ns());
  ASSERT_OK(run(fs->set_attributes(file, {.mode = 0600})));
  EXPECT_EQ(stat("/file")->modify_ns, written_ns);
  EXPECT_EQ(stat("/file")->change_ns, changed_ns);
  EXPECT_EQ(stat("/file")->birth_ns, created_ns);

  ASSERT_OK(run(fs->set_attributes(file, {.modify_ns = 123})));
  EXPECT_EQ(stat("/file")->modify_ns, 123);
  ASSERT_OK(run(fs->set_attributes(file, {.access_ns = -5})));
  EXPECT_EQ(stat("/file")->modify_ns, 123);
  EXPECT_EQ(stat("/file")->access_ns, -5);
  ASSERT_OK(move("/file", "/moved"));
  EXPECT_EQ(stat("/moved")->modify_ns, 123);

  const auto again_ns = static_cast<int64_t>(container->next_write_ns());
  ASSERT_OK(run(fs->write(file, 0, {as_bytes("y")})));
  EXPECT_EQ(stat("/moved")->modify_ns, again_ns);
  const auto now_ns = static_cast<int64_t>(container->next_write_ns());
  ASSERT_OK(run(fs->set_attributes(nullptr, "moved", {.access_ns = kTimeNow, .modify_ns = kTimeNow})));
  EXPECT_EQ(stat("/moved")->modify_ns, now_ns);
  EXPECT_EQ(stat("/moved")->access_ns, now_ns);
  ASSERT_OK(link("/moved", "/linked"));
  EXPECT_EQ(stat("/linked")->modify_ns, now_ns);
}

TEST_F(PosixAttributes, ADirectorysModifyTimeIsThatOfItsEntries) {
  mkdir("/dir");
  create("/dir/file");
  ASSERT_OK(run(fs->set_attributes(node("/dir"), {.modify_ns = 1})));
  EXPECT_EQ(stat("/dir")->modify_ns, 1);
  ASSERT_OK(run(fs->set_attributes(node("/dir/file"), {.mode = 0600})));
  ASSERT_OK(run(fs->write(node("/dir/file", OpenMode::kReadWrite), 0, {as_bytes("x")})));
  EXPECT_EQ(stat("/dir")->modify_ns, 1);
  const auto removed_ns = static_cast<int64_t>(container->next_write_ns());
  ASSERT_OK(remove("/dir/file"));
  EXPECT_EQ(stat("/dir")->modify_ns, removed_ns);
}

TEST_F(PosixAttributes, ModesAndOwnersAreKept) {
  mount({.user = 10, .group = 20, .format = {}});
  mkdir("/dir", 0711);
  EXPECT_EQ(stat("/dir")->mode, S_IFDIR | 0711u);
  EXPECT_EQ(stat("/dir")->user, 10u);
  EXPECT_EQ(stat("/dir")->group, 20u);
  ASSERT_OK(run(fs->set_attributes(node("/dir"), {.mode = S_IFREG | 07777, .user = 1, .group = 2})));
  EXPECT_EQ(stat("/dir")->mode, S_IFDIR | 07777u);
  ASSERT_OK(run(fs->set_attributes(nullptr, "", {.mode = 0700})));
  EXPECT_EQ(stat("/")->mode, S_IFDIR | 0700u);
  mount();
  EXPECT_EQ(stat("/dir")->user, 1u);
  EXPECT_EQ(stat("/")->mode, S_IFDIR | 0700u);
}

TEST_F(PosixAttributes, AccessGoesByTheModeBits) {
  create("/file");
  ASSERT_OK(run(fs->set_attributes(node("/file"), {.mode = 0640, .user = 100, .group = 200})));
  ASSERT_OK(symlink("/link", "file"));
  const auto ask = [&](Caller caller, uint32_t mask) { return run(fs->access(nullptr, "link", caller, mask)).code(); };
  EXPECT_EQ(ask({.user = 100, .groups = {}}, kMayRead | kMayWrite), Code::kOk);
  EXPECT_EQ(ask({.user = 100, .groups = {}}, kMayExecute), Code::kPermission);
  EXPECT_EQ(ask({.user = 1, .group = 200, .groups = {}}, kMayRead), Code::kOk);
  EXPECT_EQ(ask({.user = 1, .group = 2, .groups = {200}}, kMayRead), Code::kOk);
  EXPECT_EQ(ask({.user = 1, .group = 200, .groups = {}}, kMayWrite), Code::kPermission);
  EXPECT_EQ(ask({.user = 1, .group = 1, .groups = {}}, kMayRead), Code::kPermission);
  EXPECT_EQ(ask({.user = 1, .group = 1, .groups = {}}, 0), Code::kOk);
  EXPECT_EQ(ask({.groups = {}}, kMayRead | kMayWrite), Code::kOk);
  EXPECT_EQ(ask({.groups = {}}, kMayExecute), Code::kPermission);
  EXPECT_CODE(Code::kNotFound, run(fs->access(nullptr, "missing", {}, 0)));
}

TEST_F(PosixAttributes, DirectoriesGiveChunkSizeAndClassToWhatIsMadeInThem) {
  const NodePointer dir = mkdir("/dir");
  ASSERT_OK(run(fs->set_chunk_size(dir, 8192)));
  ASSERT_OK(run(fs->set_object_class(dir, 16777218)));
  create("/dir/file", std::string(20'000, 'x'));
  mkdir("/dir/sub");
  create("/dir/sub/file");
  for (const char* path : {"/dir/file", "/dir/sub/file"}) {
    const NodeInfo info = *run(fs->node_info(node(path)));
    EXPECT_EQ(info.chunk_size, 8192u);
    EXPECT_EQ(info.object_class, 16777218u);
  }
  EXPECT_EQ(run(fs->node_info(node("/dir/sub")))->file_class, 16777218u);
  EXPECT_EQ(read("/dir/file"), std::string(20'000, 'x'));
  EXPECT_CODE(Code::kInvalidArgument, run(fs->set_object_class(dir, 134217729)));
  EXPECT_CODE(Code::kInvalidArgument, run(fs->set_chunk_size(dir, kChunkSizeMax + 1)));
  EXPECT_CODE(Code::kNotDirectory, run(fs->set_chunk_size(node("/dir/file"), 1)));
}

// --- Extended attributes.

TEST_F(PosixXattr, AreSetReadListedAndRemoved) {
  create("/file");
  mkdir("/dir");
  ASSERT_OK(symlink("/link", "file"));
  for (const char* path : {"/file", "/dir", "/link", "/"}) {
    const NodePointer at = node(path);
    ASSERT_OK(run(fs->set_xattr(at, "user.a", to_bytes("1"))));
    ASSERT_OK(run(fs->set_xattr(at, "user.empty", {})));
    ASSERT_OK(run(fs->set_xattr(at, "user.a", to_bytes("22"))));
    EXPECT_EQ(*run(fs->list_xattrs(at)), (Names{"user.a", "user.empty"}));
    EXPECT_EQ(*run(fs->get_xattr(at, "user.a")), to_bytes("22"));
    EXPECT_EQ(*run(fs->get_xattr(at, "user.empty")), Bytes());
    ASSERT_OK(run(fs->remove_xattr(at, "user.a")));
    EXPECT_CODE(Code::kNotFound, run(fs->get_xattr(at, "user.a")));
    EXPECT_CODE(Code::kNotFound, run(fs->remove_xattr(at, "user.a")));
  }
}

TEST_F(PosixXattr, CreateAndReplaceAreConditions) {
  const NodePointer file = create("/file");
  EXPECT_CODE(Code::kNotFound, run(fs->set_xattr(file, "user.a", {}, XattrSet::kMustReplace)));
  ASSERT_OK(run(fs->set_xattr(file, "user.a", {}, XattrSet::kMustCreate)));
  EXPECT_CODE(Code::kExists, run(fs->set_xattr(file, "user.a", {}, XattrSet::kMustCreate)));
  ASSERT_OK(run(fs->set_xattr(file, "user.a", {}, XattrSet::kMustReplace)));
}

TEST_F(PosixXattr, LimitsAreKept) {
  const NodePointer file = create("/file");
  ASSERT_OK(run(fs->set_xattr(file, std::string(255, 'n'), Bytes(65536, std::byte{7}))));
  EXPECT_EQ(*run(fs->get_xattr(file, std::string(255, 'n'))), Bytes(65536, std::byte{7}));
  EXPECT_CODE(Code::kTooBig, run(fs->set_xattr(file, std::string(256, 'n'), {})));
  EXPECT_CODE(Code::kTooBig, run(fs->set_xattr(file, "n", Bytes(65537))));
  EXPECT_CODE(Code::kInvalidArgument, run(fs->set_xattr(file, "", {})));
  ASSERT_OK(move("/file", "/moved"));
  EXPECT_EQ(run(fs->get_xattr(node("/moved"), std::string(255, 'n')))->size(), 65536u);
}

// --- Data.

TEST_F(PosixData, CrossesChunksAndPieces) {
  std::string text;
  for (int i = 0; text.size() < 3'500'000; ++i) text += std::to_string(i) + ",";
  const NodePointer file = create("/file");
  const size_t third = text.size() / 3;
  std::vector<ByteView> pieces = {as_bytes(text).first(third), ByteView(), as_bytes(text).subspan(third)};
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->write(file, 7, pieces))); }).writes, 1u);
  EXPECT_EQ(*run(fs->size(file)), text.size() + 7);
  EXPECT_EQ(read(file, 7, 5'000'000), text);
  EXPECT_EQ(read(file, 1'048'570, 12), text.substr(1'048'563, 12));
  EXPECT_EQ(read(file, text.size() + 7, 10), "");
  EXPECT_EQ(read(file, text.size() + 100, 10), "");
}

TEST_F(PosixData, HolesReadAsZerosAndTakeNoSpace) {
  const NodePointer file = create("/file");
  const uint64_t far = uint64_t{5} << 40;
  ASSERT_OK(run(fs->write(file, far, {as_bytes("end")})));
  ASSERT_OK(run(fs->write(file, 10, {as_bytes("start")})));
  EXPECT_EQ(stat("/file")->size, far + 3);
  EXPECT_EQ(read(file, 0, 20), std::string(10, '\0') + "start" + std::string(5, '\0'));
  EXPECT_EQ(read(file, far - 2, 100), std::string("\0\0end", 5));
  const auto extents = run(fs->data_extents(file, 0, 100));
  ASSERT_OK(extents);
  ASSERT_EQ(extents->size(), 2u);
  EXPECT_EQ((*extents)[0].offset, 10u);
  EXPECT_EQ((*extents)[0].size, 5u);
  EXPECT_EQ((*extents)[1].offset, far);
  EXPECT_EQ(run(fs->data_extents(file, 12, 1))->front().size, 3u);
}

TEST_F(PosixData, ManyExtentsGoInOneCall) {
  const NodePointer file = create("/file");
  ASSERT_OK(run(fs->write_extents(file, {{2, 3}, {10, 2}, {1 << 20, 1}}, {as_bytes("abcd"), as_bytes("ef")})));
  std::string out(8, '?');
  const MutableBytes memory(reinterpret_cast<std::byte*>(out.data()), out.size());
  const auto bytes = run(fs->read_extents(file, {{1, 4}, {10, 2}, {1 << 20, 2}}, {memory}));
  ASSERT_OK(bytes);
  EXPECT_EQ(*bytes, 7u);
  EXPECT_EQ(out.substr(0, 7), std::string("\0abcdef", 7));
  EXPECT_CODE(Code::kInvalidArgument, run(fs->write_extents(file, {{0, 3}}, {as_bytes("ab")})));
  EXPECT_CODE(Code::kInvalidArgument, run(fs->read_extents(file, {{0, 3}}, {memory})));
  EXPECT_CODE(Code::kTooBig, run(fs->write(file, ~uint64_t{0}, {as_bytes("ab")})));
}

TEST_F(PosixData, CuttingAndExtendingMoveTheEnd) {
  const NodePointer file = create("/file", std::string(3'000'000, 'x'));
  for (const uint64_t size : {2'999'999u, 2'097'152u, 2'097'151u, 1'500'000u, 1'500'001u, 4'000'000u, 1u, 0u, 5u}) {
    ASSERT_OK(run(fs->truncate(file, size)));
    EXPECT_EQ(*run(fs->size(file)), size);
    EXPECT_EQ(stat("/file")->size, size);
  }
  EXPECT_EQ(read(file), std::string(5, '\0'));
  ASSERT_OK(run(fs->write(file, 0, {as_bytes("abcdef")})));
  ASSERT_OK(run(fs->truncate(file, 3)));
  ASSERT_OK(run(fs->truncate(file, 6)));
  EXPECT_EQ(read(file), std::string("abc\0\0\0", 6));
}

TEST_F(PosixData, CuttingIntoAHoleKeepsTheSize) {
  const NodePointer file = create("/file", "start");
  ASSERT_OK(run(fs->write(file, 5'000'000, {as_bytes("end")})));
  ASSERT_OK(run(fs->truncate(file, 2'000'000)));
  EXPECT_EQ(*run(fs->size(file)), 2'000'000u);
  EXPECT_EQ(read(file, 1'999'990, 100), std::string(10, '\0'));
}

TEST_F(PosixData, PunchingLeavesTheSize) {
  const NodePointer file = create("/file", std::string(3'000'000, 'x'));
  ASSERT_OK(run(fs->punch(file, 100, 2'500'000)));
  EXPECT_EQ(read(file, 99, 2), std::string("x\0", 2));
  EXPECT_EQ(read(file, 2'500'099, 2), std::string("\0x", 2));
  ASSERT_OK(run(fs->punch(file, 2'900'000, ~uint64_t{0})));
  EXPECT_EQ(*run(fs->size(file)), 3'000'000u);
  EXPECT_EQ(read(file, 2'899'999, 3), std::string("x\0\0", 3));
  ASSERT_OK(run(fs->punch(file, 4'000'000, 5)));
  EXPECT_EQ(*run(fs->size(file)), 3'000'000u);
}

TEST_F(PosixData, NeedsAFileOpenForWriting) {
  create("/file", "text");
  EXPECT_CODE(Code::kReadOnly, run(fs->write(node("/file"), 0, {as_bytes("x")})));
  EXPECT_CODE(Code::kReadOnly, run(fs->truncate(node("/file"), 0)));
  EXPECT_CODE(Code::kIsDirectory, run(fs->read(fs->root(), 0, {})));
  EXPECT_CODE(Code::kIsDirectory, run(fs->write(nullptr, 0, {})));
}

TEST_F(PosixData, TheSizeOfAWholeFileIsNeverWrong) {
  std::vector<NewNode> nodes(1);
  nodes[0].name = "file";
  nodes[0].content.push_back({.offset = 0, .data = as_bytes("whole")});
  ASSERT_OK(run(fs->create_nodes(nullptr, nodes)));
  EXPECT_EQ(count([&] { EXPECT_EQ(stat("/file")->size, 5u); }).all(), 1u);

  // Opened by one mount while another moves it: the size must follow what is written.
  auto other = run(FileSystem::mount(container));
  ASSERT_OK(other);
  NodePointer writable = *run((*other)->lookup("/file", OpenMode::kReadWrite));
  ASSERT_OK(move("/file", "/moved"));
  ASSERT_OK(run((*other)->write(writable, 5, {as_bytes(" and more")})));
  EXPECT_EQ(stat("/moved")->size, 14u);
  ASSERT_OK(run(fs->set_attributes(nullptr, "moved", {.size = 2})));
  EXPECT_EQ(stat("/moved")->size, 2u);
}

TEST_F(PosixData, OpeningAWholeFileForWritingKeepsItsSize) {
  std::vector<NewNode> nodes(1);
  nodes[0].name = "file";
  nodes[0].content.push_back({.offset = 0, .data = as_bytes("whole")});
  ASSERT_OK(run(fs->create_nodes(nullptr, nodes)));
  const Attributes before = *stat("/file");
  const NodePointer writable = node("/file", OpenMode::kReadWrite);
  EXPECT_EQ(stat("/file")->size, 5u);
  EXPECT_EQ(stat("/file")->modify_ns, before.modify_ns);
  ASSERT_OK(run(fs->truncate(writable, 0)));
  EXPECT_EQ(stat("/file")->size, 0u);
}

TEST_F(PosixData, OpeningForWritingWhileItMovesDropsTheKeptSize) {
  std::vector<NewNode> nodes(1);
  nodes[0].name = "file";
  nodes[0].content.push_back({.offset = 0, .data = as_bytes("whole")});
  ASSERT_OK(run(fs->create_nodes(nullptr, nodes)));
  auto other = run(FileSystem::mount(container));
  ASSERT_OK(other);
  std::shared_ptr<FileSystem> others = *other;
  // The other mount opens it for writing between this one's look at the entry and its move.
  bool is_done = false;
  NodePointer writable;
  container->before_write = [&]() -> Status {
    if (is_done) return ok();
    is_done = true;
    Reactor aside;
    auto opened = aside.run(others->lookup("/file", OpenMode::kReadWrite));
    TRY(opened.status());
    writable = *opened;
    return ok();
  };
  container->yields = false;
  ASSERT_OK(move("/file", "/moved"));
  ASSERT_NE(writable, nullptr);
  ASSERT_OK(run(others->write(writable, 5, {as_bytes("!")})));
  EXPECT_EQ(stat("/moved")->size, 6u);
}

TEST_F(PosixData, DirectWritesToTheArrayShowInTheSize) {
  const NodePointer file = create("/file", "text");
  ASSERT_OK(run(fs->array(file)));
  EXPECT_EQ(*run(fs->size_of_object(file->object(), file->chunk_size())), 4u);
}

// --- Listing.

TEST_F(PosixListing, AHundredThousandEntriesInSmallPages) {
  constexpr int kCount = 100'000;
  const NodePointer dir = mkdir("/dir");
  for (int i = 0; i < kCount; i += 500) {
    std::vector<NewNode> nodes(500);
    for (int j = 0; j < 500; ++j) nodes[j].name = "entry" + std::to_string(i + j);
    ASSERT_OK(run(fs->create_nodes(dir, std::move(nodes))));
  }
  const Names all = names("/dir", 37);
  ASSERT_EQ(all.size(), static_cast<size_t>(kCount));
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST_F(PosixListing, GoesOnWhileEntriesComeAndGo) {
  for (char c = 'a'; c <= 'z'; ++c) create(std::string("/") + c);
  auto page = run(fs->read_directory(nullptr, {}, 5, EntryDetail::kTypes));
  ASSERT_OK(page);
  ASSERT_OK(remove("/c"));
  ASSERT_OK(remove("/g"));
  create("/A");
  create("/hh");
  Names rest;
  Anchor from = page->next;
  while (!from.is_end) {
    auto next = run(fs->read_directory(nullptr, from, 5));
    ASSERT_OK(next);
    for (const DirectoryEntry& entry : next->entries) rest.push_back(entry.name);
    from = next->next;
  }
  Names expected;  // The first page had "a" to "d".
  for (char c = 'e'; c <= 'z'; ++c) {
    if (c != 'g') expected.emplace_back(1, c);
    if (c == 'h') expected.emplace_back("hh");
  }
  EXPECT_EQ(rest, expected);
}

TEST_F(PosixListing, TellsAttributesAndStopsWhenAsked) {
  create("/a", "12345");
  mkdir("/b");
  create("/c");
  ASSERT_OK(link("/c", "/d"));
  auto page = run(fs->read_directory(nullptr, {}, 10, EntryDetail::kAttributes));
  ASSERT_OK(page);
  ASSERT_EQ(page->entries.size(), 4u);
  EXPECT_EQ(page->entries[0].attributes->size, 5u);
  EXPECT_EQ(page->entries[1].type, NodeType::kDirectory);
  EXPECT_EQ(page->entries[3].attributes->link_count, 2u);
  int seen = 0;
  const auto visit = [&seen](const DirectoryEntry&) { return canceled_at(2, &seen); };
  EXPECT_CODE(Code::kCanceled, run(fs->for_each_entry(nullptr, EntryDetail::kNames, visit)));
  EXPECT_EQ(seen, 2);
  EXPECT_CODE(Code::kInvalidArgument, run(fs->read_directory(nullptr, {}, 0)));
  EXPECT_CODE(Code::kNotDirectory, run(fs->read_directory(node("/a"), {}, 1)));
}

// --- One write an operation: since the store applies a write whole or not at all, nothing is ever half done.

TEST_F(PosixAtomicity, EveryChangeIsOneWrite) {
  mkdir("/dir");
  mkdir("/empty");
  create("/file", "text");
  create("/linked");
  ASSERT_OK(link("/linked", "/linked2"));
  const NodePointer file = node("/file", OpenMode::kReadWrite);
  const auto writes = [&](auto action) { return count([&] { ASSERT_OK(action()); }).writes; };
  EXPECT_EQ(writes([&] { return run(fs->mkdir(nullptr, "d", {})); }), 1u);
  EXPECT_EQ(writes([&] { return run(fs->open(nullptr, "f", {.creation = Creation::kMustCreate, .create = {}})); }), 1u);
  EXPECT_EQ(writes([&] { return symlink("/s", std::string(1000, 'x')); }), 1u);
  EXPECT_EQ(writes([&] { return link("/file", "/file2"); }), 1u);
  EXPECT_EQ(writes([&] { return link("/file", "/file3"); }), 1u);
  EXPECT_EQ(writes([&] { return move("/f", "/dir/f"); }), 1u);
  EXPECT_EQ(writes([&] { return move("/file3", "/linked"); }), 1u);
  EXPECT_EQ(writes([&] { return move("/dir", "/empty"); }), 1u);
  EXPECT_EQ(writes([&] { return exchange("/empty", "/file2"); }), 1u);
  EXPECT_EQ(writes([&] { return run(fs->set_attributes(file, {.mode = 1, .user = 2, .modify_ns = 3, .size = 9})); }),
            1u);
  EXPECT_EQ(writes([&] { return run(fs->set_xattr(file, "user.a", {})); }), 1u);
  EXPECT_EQ(writes([&] { return run(fs->truncate(file, 100)); }), 1u);
  EXPECT_EQ(writes([&] { return run(fs->write(file, 1'048'000, {as_bytes(std::string(2'000'000, 'x'))})); }), 1u);
  EXPECT_EQ(writes([&] { return remove("/linked2"); }), 1u);
  EXPECT_EQ(writes([&] { return remove("/file"); }), 1u);
  EXPECT_EQ(writes([&] { return remove("/d"); }), 1u);
}

TEST_F(PosixAtomicity, AFailedWriteChangesNothing) {
  mkdir("/dir");
  create("/dir/a", "a");
  create("/b", "b");
  container->before_write = [] { return Status(Code::kNoSpace, "the device is full"); };
  EXPECT_CODE(Code::kNoSpace, move("/dir/a", "/b"));
  EXPECT_CODE(Code::kNoSpace, exchange("/dir", "/b"));
  EXPECT_CODE(Code::kNoSpace, remove("/b"));
  EXPECT_CODE(Code::kNoSpace, link("/b", "/c"));
  EXPECT_CODE(Code::kNoSpace, run(fs->open(nullptr, "c", {.creation = Creation::kIfMissing, .create = {}})));
  container->before_write = {};
  EXPECT_EQ(names("/"), (Names{"b", "dir"}));
  EXPECT_EQ(read("/dir/a"), "a");
  EXPECT_EQ(read("/b"), "b");
}

TEST_F(PosixAtomicity, CostsAsDocumented) {
  create("/file", "text");
  std::vector<NewNode> nodes(1);
  nodes[0].name = "whole";
  nodes[0].content.push_back({.offset = 0, .data = as_bytes("text")});
  ASSERT_OK(run(fs->create_nodes(nullptr, std::move(nodes))));
  const OpenOptions exclusive{.mode = OpenMode::kReadWrite, .creation = Creation::kMustCreate, .create = {}};
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->open(nullptr, "new", exclusive))); }).all(), 1u);
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->stat(nullptr, "whole"))); }).all(), 1u);
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->stat(nullptr, "new"))); }).all(), 2u);
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->stat(nullptr, "file"))); }).all(), 3u);
  EXPECT_EQ(count([&] { ASSERT_OK(run(fs->remove(nullptr, "file"))); }).all(), 2u);
}

}  // namespace
}  // namespace aeon::dfs
