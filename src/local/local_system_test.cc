// Making, opening and naming local systems, and their pool.
#include <sys/wait.h>
#include <fstream>

#include "client/key_value.h"
#include "local/offline.h"
#include "local_system_fixture_test.h"

namespace aeon::local {
namespace {

TEST_F(LocalSystemTest, WhatIsPutIsGotAfterClosingAndOpeningAgain) {
  open();
  client::ContainerSpec spec;
  spec.label = "results";
  ASSERT_TRUE(run(pool()->create_container(spec)).is_ok());
  {
    auto container = run(pool()->open_container("results", Access::kReadWrite));
    ASSERT_TRUE(container.is_ok()) << container.status().to_string();
    client::KeyValue values(*container, ObjectId{.hi = 0, .lo = 1});
    const Status put = run(values.put("key", as_bytes("value")));
    ASSERT_TRUE(put.is_ok()) << put.to_string();
  }
  const Status closed = system_->close();
  ASSERT_TRUE(closed.is_ok()) << closed.to_string();
  system_.reset();

  open(OpenOptions{});
  auto container = run(pool()->open_container("results", Access::kReadOnly));
  ASSERT_TRUE(container.is_ok()) << container.status().to_string();
  client::KeyValue values(*container, ObjectId{.hi = 0, .lo = 1});
  const Result<Bytes> value = run(values.get("key"));
  ASSERT_TRUE(value.is_ok()) << value.status().to_string();
  EXPECT_EQ(as_text(*value), "value");
}

// ---- Opening --------------------------------------------------------------------------------------------------------

Status open_status(const std::string& directory, OpenOptions options = {}) {
  return LocalSystem::open(directory, std::move(options)).status();
}
void write_file(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
}
std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

TEST_F(LocalSystemTest, AMemoryBudgetIsASizeOfAtLeast32MiB) {
  OpenOptions options = creating();
  options.memory_budget = 31 * kMiB;
  EXPECT_EQ(open_status(directory(), options).code(), Code::kInvalidArgument);
  options.memory_budget = 32 * kMiB;
  EXPECT_TRUE(open_status(directory(), options).is_ok());
  options.memory_budget = 0;
  for (const char* text : {"33554432", "32MiB", "1G", "64M", ""}) {
    ASSERT_EQ(setenv("AEON_MEMORY_BUDGET", text, 1), 0);
    EXPECT_TRUE(open_status(directory(), options).is_ok()) << text;
  }
  for (const char* text : {"lots", "32", "-1", "64 MiB", "64MB", "0", "99999999999G"}) {
    ASSERT_EQ(setenv("AEON_MEMORY_BUDGET", text, 1), 0);
    const Status status = open_status(directory(), options);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << text;
  }
  ASSERT_EQ(unsetenv("AEON_MEMORY_BUDGET"), 0);
}

TEST_F(LocalSystemTest, AMissingDirectoryIsNotFoundAndNamed) {
  const Status status = open_status(directory());
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_TRUE(mentions(status, directory()));
}

TEST_F(LocalSystemTest, ADirectoryWithoutASystemIsNotFoundAndLeftAlone) {
  fs::create_directory(directory());
  const Status status = open_status(directory());
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_TRUE(mentions(status, "holds no system"));
}

TEST_F(LocalSystemTest, ASystemIsntMadeAmongOtherFiles) {
  fs::create_directory(directory());
  write_file(directory() + "/letter.txt", "dear");
  const Status status = LocalSystem::create(directory(), small());
  EXPECT_EQ(status.code(), Code::kNotEmpty);
  EXPECT_TRUE(mentions(status, "letter.txt"));
  EXPECT_EQ(open_status(directory(), creating()).code(), Code::kNotEmpty);
  EXPECT_EQ(read_file(directory() + "/letter.txt"), "dear");
}

TEST_F(LocalSystemTest, ASecondSystemIsntMadeOverTheFirst) {
  ASSERT_TRUE(LocalSystem::create(directory(), small()).is_ok());
  EXPECT_EQ(LocalSystem::create(directory(), small()).code(), Code::kExists);
}

TEST_F(LocalSystemTest, ImpossibleOptionsAreRefused) {
  CreateOptions options = small();
  options.pool_label = "a/b";
  EXPECT_EQ(LocalSystem::create(directory(), options).code(), Code::kInvalidArgument);
  options = small();
  options.system_name = "sixteen letters!";
  EXPECT_EQ(LocalSystem::create(directory(), options).code(), Code::kInvalidArgument);
  options = small();
  options.log_size = 5;
  EXPECT_EQ(LocalSystem::create(directory(), options).code(), Code::kInvalidArgument);
  options = small();
  options.capacity = 4096;
  EXPECT_EQ(LocalSystem::create(directory(), options).code(), Code::kInvalidArgument);
  EXPECT_EQ(LocalSystem::create(directory() + std::string(1, '\0') + "x", small()).code(), Code::kInvalidArgument);
}

TEST_F(LocalSystemTest, ASecondOpenerInThisProcessIsToldWhoHoldsIt) {
  open();
  const Status status = open_status(directory());
  EXPECT_EQ(status.code(), Code::kBusy);
  EXPECT_TRUE(mentions(status, "process " + std::to_string(getpid()))) << status.message();
  EXPECT_TRUE(mentions(status, "local_test")) << status.message();
  ASSERT_TRUE(system_->close().is_ok());
  EXPECT_TRUE(open_status(directory()).is_ok());
}

TEST_F(LocalSystemTest, WhoLooksAtItsFilesIsToldWhoHoldsItAndKeepsOthersOut) {
  EXPECT_EQ(OfflineSystem::open(directory()).code(), Code::kNotFound);
  open();
  {
    const auto offline = OfflineSystem::open(directory());
    ASSERT_TRUE(offline.is_ok()) << offline.status().to_string();
    ASSERT_TRUE((*offline)->holder().has_value());
    EXPECT_NE((*offline)->holder()->find("process " + std::to_string(getpid())), std::string::npos);
  }
  ASSERT_TRUE(system_->close().is_ok());
  const auto first = OfflineSystem::open(directory());
  const auto second = OfflineSystem::open(directory());
  ASSERT_TRUE(first.is_ok() && second.is_ok());
  EXPECT_FALSE((*first)->holder().has_value());
  EXPECT_FALSE((*second)->holder().has_value());
  EXPECT_EQ((*first)->pool_label(), "default");
  EXPECT_TRUE(fs::exists((*first)->targets()[0].path));
  const Status status = open_status(directory());
  EXPECT_EQ(status.code(), Code::kBusy);
  EXPECT_TRUE(mentions(status, "looks at it")) << status.message();
}

TEST_F(LocalSystemTest, OpenForReadingOnlyChangesNothing) {
  OpenOptions reading;
  reading.read_only = true;
  EXPECT_EQ(open_status(directory(), reading).code(), Code::kNotFound);
  open();
  EXPECT_EQ(open_status(directory(), reading).code(), Code::kBusy);
  {
    const auto pool = this->pool();
    ASSERT_TRUE(run(pool->create_container({.label = "c"})).is_ok());
    const auto container = run(pool->open_container("c", Access::kReadWrite));
    ASSERT_TRUE(container.is_ok());
    client::KeyValue values(*container, ObjectId{.hi = 1, .lo = 1}, kEpochMax);
    ASSERT_TRUE(run(values.put("key", as_bytes("value"))).is_ok());
  }
  system_.reset();
  const auto content = [this] {
    std::map<std::string, std::pair<fs::file_time_type, uintmax_t>> found;
    for (const auto& entry : fs::directory_iterator(directory())) {
      found[entry.path()] = {fs::last_write_time(entry.path()), fs::file_size(entry.path())};
    }
    return found;
  };
  const auto before = content();
  for (const auto& entry : fs::directory_iterator(directory())) fs::permissions(entry.path(), fs::perms::owner_read);
  open(reading);
  EXPECT_TRUE(open_status(directory(), reading).is_ok());  // Several may.
  EXPECT_EQ(open_status(directory(), {}).code(), Code::kBusy);
  {
    const auto container = run(pool(Access::kReadOnly)->open_container("c", Access::kReadOnly));
    ASSERT_TRUE(container.is_ok()) << container.status().to_string();
    client::KeyValue values(*container, ObjectId{.hi = 1, .lo = 1}, kEpochMax);
    const auto value = run(values.get("key"));
    ASSERT_TRUE(value.is_ok()) << value.status().to_string();
    EXPECT_EQ(as_text(*value), "value");
    EXPECT_EQ(run(pool()->create_container({.label = "d"})).code(), Code::kReadOnly);
  }
  EXPECT_TRUE(system_->close().is_ok());
  EXPECT_EQ(content(), before);
}

TEST_F(LocalSystemTest, WithADamagedDescriptionItsFilesCanStillBeLookedAt) {
  open();
  ASSERT_TRUE(system_->close().is_ok());
  std::ofstream(directory() + "/system", std::ios::trunc) << "something else";
  const auto offline = OfflineSystem::open(directory());
  ASSERT_TRUE(offline.is_ok());
  EXPECT_FALSE((*offline)->description().is_ok());
  EXPECT_TRUE(fs::exists((*offline)->targets()[0].path));
}

TEST_F(LocalSystemTest, AnotherProcessIsToldWhoHoldsIt) {
  open();
  int report[2];
  ASSERT_EQ(pipe(report), 0);
  const std::string path = directory();
  const pid_t child = fork();
  if (child == 0) {
    const Status status = open_status(path);
    const std::string text = status.to_string();
    const bool is_written = write(report[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(is_written ? 0 : 1);
  }
  ::close(report[1]);
  std::string text(512, ' ');
  text.resize(static_cast<size_t>(std::max<ssize_t>(read(report[0], text.data(), text.size()), 0)));
  ::close(report[0]);
  int exit_status = 0;
  waitpid(child, &exit_status, 0);
  EXPECT_NE(text.find("busy"), std::string::npos) << text;
  EXPECT_NE(text.find("process " + std::to_string(getpid())), std::string::npos) << text;
}

TEST_F(LocalSystemTest, ADirectoryOfOtherThingsStaysAsItIs) {
  fs::create_directory(directory());
  write_file(directory() + "/precious", "data");
  EXPECT_EQ(open_status(directory()).code(), Code::kNotFound);
  EXPECT_EQ(open_status(directory(), creating()).code(), Code::kNotEmpty);
  EXPECT_EQ(LocalSystem::create(directory(), small()).code(), Code::kNotEmpty);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory()), fs::directory_iterator()), 1);
}

TEST_F(LocalSystemTest, AForeignSystemFileIsNamed) {
  fs::create_directory(directory());
  write_file(directory() + "/system", "this is no superblock");
  const Status status = open_status(directory(), creating());
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(status, directory() + "/system"));
}

TEST_F(LocalSystemTest, ADamagedSystemFileIsCorruptAndTheRestIsLeftAlone) {
  ASSERT_TRUE(LocalSystem::create(directory(), small()).is_ok());
  const std::string good = read_file(directory() + "/system");
  std::string bad = good;
  bad[good.size() / 2] = static_cast<char>(bad[good.size() / 2] ^ 1);
  write_file(directory() + "/system", bad);
  EXPECT_EQ(open_status(directory(), creating()).code(), Code::kCorrupt);
  write_file(directory() + "/system", good);
  EXPECT_TRUE(open_status(directory()).is_ok());
}

TEST_F(LocalSystemTest, AMissingSystemFileBesideDataIsCorruptAndNothingIsMadeAnew) {
  ASSERT_TRUE(LocalSystem::create(directory(), small()).is_ok());
  const std::string good = read_file(directory() + "/system");
  fs::remove(directory() + "/system");
  EXPECT_EQ(open_status(directory()).code(), Code::kCorrupt);
  EXPECT_EQ(open_status(directory(), creating()).code(), Code::kCorrupt);
  write_file(directory() + "/system", good);
  EXPECT_TRUE(open_status(directory()).is_ok());
}

TEST_F(LocalSystemTest, TheDataOfAnotherSystemIsRefused) {
  ASSERT_TRUE(LocalSystem::create(directory(), small()).is_ok());
  ASSERT_TRUE(LocalSystem::create(scratch_ + "/other", small()).is_ok());
  fs::copy_file(scratch_ + "/other/target-0", directory() + "/target-0", fs::copy_options::overwrite_existing);
  const Status status = open_status(directory());
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(status, "another system")) << status.message();
}

TEST_F(LocalSystemTest, AMissingDataFileIsNotFoundAndNamed) {
  ASSERT_TRUE(LocalSystem::create(directory(), small()).is_ok());
  fs::remove(directory() + "/target-0");
  const Status status = open_status(directory());
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_TRUE(mentions(status, "target-0")) << status.message();
}

TEST_F(LocalSystemTest, AHalfMadeSystemIsBegunAgain) {
  fs::create_directory(directory());
  write_file(directory() + "/creating", "a system is being made here\n");
  write_file(directory() + "/target-0", std::string(10'000, 'x'));
  EXPECT_EQ(open_status(directory()).code(), Code::kNotFound);
  open();
  EXPECT_FALSE(fs::exists(directory() + "/creating"));
  EXPECT_EQ(run(system_->list_pools())->size(), 1u);
}

TEST_F(LocalSystemTest, AFileInPlaceOfTheDirectoryIsAnError) {
  write_file(directory(), "file");
  EXPECT_EQ(open_status(directory()).code(), Code::kNotDirectory);
}

// /proc is read-only for everyone, root too.
TEST_F(LocalSystemTest, ADirectoryThatCantBeWrittenIsAnError) {
  const Status status = LocalSystem::create("/proc/self", small());
  EXPECT_FALSE(status.is_ok());
  EXPECT_TRUE(mentions(status, "/proc/self")) << status.message();
  EXPECT_FALSE(open_status("/proc/nowhere/store", creating()).is_ok());
}

TEST(OpenSystem, SaysHowToNameOne) {
  unsetenv("AEON_SYSTEM");
  for (const std::string name : {"", "local:", "/data"}) {
    const auto system = open_system(name, false);
    EXPECT_EQ(system.code(), Code::kInvalidArgument) << name;
    EXPECT_TRUE(mentions(system.status(), "AEON_SYSTEM=local:")) << name;
  }
}

TEST(OpenSystem, SaysWhatIsWrongWithAnAddressAndThatNobodyListens) {
  const auto wrong = open_system("tcp:somewhere", false);
  EXPECT_EQ(wrong.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(wrong.status(), "tcp:HOST:PORT")) << wrong.status().to_string();
  const auto absent = open_system("unix:/nowhere/at/all", false);
  EXPECT_EQ(absent.code(), Code::kUnavailable);
  EXPECT_TRUE(mentions(absent.status(), "nobody listens")) << absent.status().to_string();
}

TEST_F(LocalSystemTest, TheEnvironmentNamesTheSystem) {
  ASSERT_TRUE(LocalSystem::create(directory(), small()).is_ok());
  setenv("AEON_SYSTEM", ("local:" + directory()).c_str(), 1);
  const auto system = open_system("", false);
  unsetenv("AEON_SYSTEM");
  ASSERT_TRUE(system.is_ok()) << system.status().to_string();
  EXPECT_EQ((*system)->name(), "local");
}

// ---- Pools ----------------------------------------------------------------------------------------------------------

TEST_F(LocalSystemTest, ThePoolIsFoundByLabelAndUuid) {
  open();
  const auto pools = run(system_->list_pools());
  ASSERT_TRUE(pools.is_ok());
  ASSERT_EQ(pools->size(), 1u);
  const client::PoolInfo info = (*pools)[0];
  EXPECT_EQ(info.label, "default");
  EXPECT_EQ(info.target_count, 1u);
  EXPECT_GT(info.free, 0u);
  EXPECT_LE(info.free, info.capacity);
  EXPECT_LE(info.free, fs::space(directory()).available + 64 * kMiB);
  EXPECT_TRUE(run(system_->connect_pool(info.id.to_string(), Access::kReadOnly)).is_ok());
  const auto unknown = run(system_->connect_pool("nope", Access::kReadOnly));
  EXPECT_EQ(unknown.code(), Code::kNotFound);
  EXPECT_TRUE(mentions(unknown.status(), "'nope'"));
  EXPECT_TRUE(mentions(unknown.status(), "'default'"));
}

TEST_F(LocalSystemTest, AnExclusivePoolHandleKeepsOthersOutUntilItIsDropped) {
  open();
  auto held = run(system_->connect_pool("default", Access::kExclusive));
  ASSERT_TRUE(held.is_ok());
  EXPECT_EQ(run(system_->connect_pool("default", Access::kReadOnly)).code(), Code::kBusy);
  held = Status(Code::kCanceled);
  EXPECT_TRUE(run(system_->connect_pool("default", Access::kReadOnly)).is_ok());
}

TEST_F(LocalSystemTest, AReadOnlyPoolHandleChangesNothing) {
  open();
  const auto reader = pool(Access::kReadOnly);
  client::ContainerSpec spec;
  spec.label = "c";
  EXPECT_EQ(run(reader->create_container(spec)).code(), Code::kPermission);
  ASSERT_TRUE(run(pool()->create_container(spec)).is_ok());
  EXPECT_EQ(run(reader->open_container("c", Access::kReadWrite)).code(), Code::kPermission);
  EXPECT_EQ(run(reader->destroy_container("c", true)).code(), Code::kPermission);
  EXPECT_EQ(run(reader->change_attributes({{"a", Bytes(1)}})).code(), Code::kPermission);
  EXPECT_TRUE(run(reader->open_container("c", Access::kReadOnly)).is_ok());
}

TEST_F(LocalSystemTest, PoolAttributesSurviveAndAreBounded) {
  open();
  ASSERT_TRUE(run(pool()->change_attributes({{"a", to_bytes("1")}, {std::string(511, 'n'), to_bytes("2")}})).is_ok());
  ASSERT_TRUE(run(pool()->change_attributes({{"a", std::nullopt}, {"b", to_bytes("3")}})).is_ok());
  EXPECT_TRUE(run(pool()->change_attributes({{"missing", std::nullopt}})).is_ok());
  EXPECT_EQ(run(pool()->change_attributes({{"", Bytes(1)}})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(pool()->change_attributes({{std::string(512, 'n'), Bytes(1)}})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(pool()->change_attributes({{std::string("a\0b", 3), Bytes(1)}})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(pool()->change_attributes({{"ok", Bytes(1)}, {"big", Bytes(4097)}})).code(), Code::kTooBig);
  system_.reset();
  open(OpenOptions{});
  const std::map<std::string, Bytes> expected{{"b", to_bytes("3")}, {std::string(511, 'n'), to_bytes("2")}};
  EXPECT_EQ(*run(pool()->attributes()), expected);
}

}  // namespace
}  // namespace aeon::local
