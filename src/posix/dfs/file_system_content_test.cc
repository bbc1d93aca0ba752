// What files and directories hold: attributes, extended attributes, data.
#include "file_system_fixture.h"

namespace aeon::dfs {
namespace {

using Names = std::vector<std::string>;

class PosixAttributes : public FileSystemTest {};
class PosixXattr : public FileSystemTest {};
class PosixData : public FileSystemTest {};

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

}  // namespace
}  // namespace aeon::dfs
