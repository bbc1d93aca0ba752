// Mounting, paths, and entries that come and go.
#include "file_system_fixture.h"

namespace aeon::dfs {
namespace {

using Names = std::vector<std::string>;

class PosixMount : public FileSystemTest {};
class PosixPath : public FileSystemTest {};
class PosixNamespace : public FileSystemTest {};

std::string bytes_name() {
  std::string name;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte != '/') name += static_cast<char>(byte);
  }
  return name;
}

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

}  // namespace
}  // namespace aeon::dfs
