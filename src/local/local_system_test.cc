#include "local/local_system.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "client/array.h"
#include "client/key_value.h"
#include "local/offline.h"

namespace aeon::local {
namespace {

namespace fs = std::filesystem;
using client::Access;

class LocalSystemTest : public ::testing::Test {
 protected:
  LocalSystemTest() {
    std::string pattern = (fs::temp_directory_path() / "aeon-local-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    scratch_ = pattern;
  }
  ~LocalSystemTest() override {
    system_.reset();
    fs::remove_all(scratch_);
  }

  static CreateOptions small() {
    CreateOptions options;
    options.log_size = kMiB;
    return options;
  }
  static OpenOptions creating() {
    OpenOptions options;
    options.create_if_missing = true;
    options.create = small();
    return options;
  }
  void open(OpenOptions options = creating()) {
    auto opened = LocalSystem::open(directory(), std::move(options));
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    system_ = std::move(*opened);
  }
  std::string directory() const { return scratch_ + "/store"; }

  template <typename T>
  T run(Task<T> task) {
    return system_->run(std::move(task));
  }
  std::shared_ptr<client::Pool> pool(Access access = Access::kReadWrite) {
    auto connected = run(system_->connect_pool("default", access));
    CHECK(connected.is_ok());
    return *connected;
  }

  std::string scratch_;
  std::shared_ptr<LocalSystem> system_;
};

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
bool mentions(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
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
  EXPECT_TRUE(fs::exists((*first)->target().path));
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
  EXPECT_TRUE(fs::exists((*offline)->target().path));
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
  for (const std::string name : {"", "local:", "tcp:somewhere", "/data"}) {
    const auto system = open_system(name, false);
    EXPECT_EQ(system.code(), Code::kInvalidArgument) << name;
    EXPECT_TRUE(mentions(system.status(), "AEON_SYSTEM=local:")) << name;
  }
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

// ---- Containers -----------------------------------------------------------------------------------------------------

class ContainerTest : public LocalSystemTest {
 protected:
  ContainerTest() {
    open();
    pool_ = pool();
  }
  ~ContainerTest() override { pool_.reset(); }

  Result<Uuid> create(std::string label, client::Properties properties = {}) {
    client::ContainerSpec spec;
    spec.label = std::move(label);
    spec.properties = std::move(properties);
    return run(pool_->create_container(spec));
  }
  std::shared_ptr<client::Container> opened(const std::string& name, Access access = Access::kReadWrite) {
    auto container = run(pool_->open_container(name, access));
    EXPECT_TRUE(container.is_ok()) << container.status().to_string();
    CHECK(container.is_ok());
    return *container;
  }
  void reopen() {
    pool_.reset();
    system_.reset();
    open(OpenOptions{});
    pool_ = pool();
  }

  std::shared_ptr<client::Pool> pool_;
};

TEST_F(ContainerTest, IsFoundByLabelAndUuidAndListed) {
  const Result<Uuid> id = create("results", {{client::kPropLayoutType, client::kLayoutPosix}});
  ASSERT_TRUE(id.is_ok()) << id.status().to_string();
  EXPECT_EQ(opened("results")->id(), *id);
  EXPECT_EQ(opened(id->to_string())->id(), *id);
  ASSERT_TRUE(create("").is_ok());
  const auto listed = run(pool_->list_containers());
  ASSERT_TRUE(listed.is_ok());
  ASSERT_EQ(listed->size(), 2u);
  const auto& info = (*listed)[0].id == *id ? (*listed)[0] : (*listed)[1];
  EXPECT_EQ(info.label, "results");
  EXPECT_EQ(info.layout_type, client::kLayoutPosix);
  EXPECT_EQ(info.handle_count, 0u);
  EXPECT_GT(info.opened_unix_ns, 0u);
  EXPECT_EQ(run(pool_->query())->container_count, 2u);
}

// What the key holds, or the name of the error.
std::string held(client::System& system, std::shared_ptr<client::Container> container, Epoch epoch = kEpochMax) {
  client::KeyValue values(std::move(container), ObjectId{.hi = 0, .lo = 1}, epoch);
  const auto got = system.run(values.get("key"));
  return std::string(got.is_ok() ? as_text(*got) : code_name(got.code()));
}

TEST_F(ContainerTest, ACloneStartsFromItsBaseAndOutlivesIt) {
  ASSERT_TRUE(create("base", {{client::kPropDurability, uint64_t{1}}}).is_ok());
  client::ContainerSpec spec;
  uint64_t number = 0;
  {
    const auto base = opened("base");
    client::KeyValue values(base, ObjectId{.hi = 0, .lo = 1});
    ASSERT_TRUE(run(values.put("key", as_bytes("old"))).is_ok());
    ASSERT_TRUE(run(base->change_attributes({{"color", to_bytes("red")}})).is_ok());
    number = *run(base->allocate_object_numbers(100));
    const auto snapshot = run(base->create_snapshot("before"));
    ASSERT_TRUE(snapshot.is_ok());
    ASSERT_TRUE(run(values.put("key", as_bytes("new"))).is_ok());
    spec.label = "of the snapshot";
    ASSERT_TRUE(run(pool_->clone_container("base", *snapshot, spec)).is_ok());
    spec.label = "of now";
    ASSERT_TRUE(run(pool_->clone_container("base", kEpochMax, spec)).is_ok());
    EXPECT_EQ(run(pool_->clone_container("base", kEpochMax, spec)).code(), Code::kExists);
    EXPECT_EQ(run(pool_->clone_container("nope", kEpochMax, {})).code(), Code::kNotFound);
    EXPECT_EQ(run(base->epochs())->clones.size(), 2u);
    ASSERT_TRUE(run(values.put("key", as_bytes("later"))).is_ok());
  }
  {
    client::KeyValue values(opened("of now"), ObjectId{.hi = 0, .lo = 1});
    EXPECT_EQ(held(*system_, opened("of now")), "new");
    ASSERT_TRUE(run(values.put("key", as_bytes("cloned"))).is_ok());
  }
  EXPECT_EQ(held(*system_, opened("base")), "later");
  ASSERT_TRUE(run(pool_->destroy_container("base", true)).is_ok());
  reopen();
  EXPECT_EQ(held(*system_, opened("of now")), "cloned");
  EXPECT_EQ(held(*system_, opened("of the snapshot")), "old");
  const auto clone = opened("of the snapshot");
  EXPECT_EQ(run(clone->properties())->at(client::kPropDurability), client::PropertyValue(uint64_t{1}));
  EXPECT_EQ(run(clone->attributes())->at("color"), to_bytes("red"));
  EXPECT_GE(*run(clone->allocate_object_numbers(1)), number + 100);
  EXPECT_TRUE(run(clone->snapshots())->empty());
  EXPECT_TRUE(run(clone->epochs())->base.has_value());
}

TEST_F(ContainerTest, ExplicitEpochsAreCommittedOrAborted) {
  EXPECT_EQ(create("files", {{client::kPropEpochs, uint64_t{1}}, {client::kPropLayoutType, uint64_t{1}}}).code(),
            Code::kInvalidArgument);
  ASSERT_TRUE(create("mine", {{client::kPropEpochs, uint64_t{1}}}).is_ok());
  const auto put = [&](std::string_view value, Epoch epoch) {
    const Bytes data = to_bytes(value);
    std::vector<ObjectWrite> writes(1);
    writes[0].object = {.hi = 0, .lo = 1};
    writes[0].dkey = to_bytes("key");
    AkeyUpdate& update = writes[0].akeys.emplace_back();
    update.akey = to_bytes("0");  // As KeyValue has it.
    update.record_size = data.size();
    update.data.push_back(data);
    return run(opened("mine")->write(writes, epoch)).code();
  };
  EXPECT_EQ(put("one", kEpochZero), Code::kInvalidArgument);
  ASSERT_EQ(put("one", Epoch{5}), Code::kOk);
  EXPECT_EQ(held(*system_, opened("mine")), "not_found");
  EXPECT_EQ(held(*system_, opened("mine"), Epoch{5}), "one");
  ASSERT_TRUE(run(opened("mine")->commit(Epoch{5})).is_ok());
  ASSERT_EQ(put("two", Epoch{7}), Code::kOk);
  reopen();
  EXPECT_EQ(held(*system_, opened("mine")), "one");
  auto epochs = run(opened("mine")->epochs());
  ASSERT_TRUE(epochs.is_ok());
  EXPECT_TRUE(epochs->are_explicit);
  EXPECT_EQ(epochs->highest_committed, Epoch{5});
  EXPECT_EQ(epochs->highest_written, Epoch{7});
  EXPECT_EQ(run(opened("mine")->discard(Epoch{5}, kEpochMax)).code(), Code::kInvalidArgument);
  ASSERT_TRUE(run(opened("mine")->discard(Epoch{6}, kEpochMax)).is_ok());
  EXPECT_EQ(held(*system_, opened("mine"), Epoch{9}), "one");
  ASSERT_TRUE(create("theirs").is_ok());
  EXPECT_EQ(run(opened("theirs")->commit(Epoch{5})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(opened("theirs")->discard(Epoch{5}, kEpochMax)).code(), Code::kInvalidArgument);
}

TEST_F(ContainerTest, AnUnknownOneIsNamedWithTheWayOut) {
  const auto unknown = run(pool_->open_container("nope", Access::kReadOnly));
  EXPECT_EQ(unknown.code(), Code::kNotFound);
  EXPECT_TRUE(mentions(unknown.status(), "'nope'"));
  EXPECT_TRUE(mentions(unknown.status(), "daos container list default"));
  EXPECT_EQ(run(pool_->destroy_container("nope", true)).code(), Code::kNotFound);
}

TEST_F(ContainerTest, LabelsAreUniqueAndByTheRules) {
  ASSERT_TRUE(create("one").is_ok());
  EXPECT_EQ(create("one").code(), Code::kExists);
  EXPECT_EQ(create(std::string(128, 'x')).code(), Code::kInvalidArgument);
  EXPECT_EQ(create("a/b").code(), Code::kInvalidArgument);
  EXPECT_EQ(create(std::string("a\0b", 3)).code(), Code::kInvalidArgument);
  EXPECT_EQ(create("6ba7b810-9dad-11d1-80b4-00c04fd430c8").code(), Code::kInvalidArgument);
  client::ContainerSpec spec;
  spec.id = Uuid::from_random(7, 7);
  ASSERT_TRUE(run(pool_->create_container(spec)).is_ok());
  EXPECT_EQ(run(pool_->create_container(spec)).code(), Code::kExists);
  EXPECT_EQ(create("two", {{0x9999, uint64_t{1}}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(pool_->list_containers())->size(), 2u);
}

TEST_F(ContainerTest, PropertiesSurviveAndRelabellingFreesTheOldLabel) {
  ASSERT_TRUE(create("old", {{client::kPropLayoutType, client::kLayoutPosix}}).is_ok());
  auto container = opened("old");
  EXPECT_EQ(run(container->set_properties({{client::kPropLayoutType, uint64_t{0}}})).code(), Code::kInvalidArgument);
  const Status changed = run(
      container->set_properties({{client::kPropLabel, std::string("new")}, {client::kPropDurability, uint64_t{1}}}));
  ASSERT_TRUE(changed.is_ok()) << changed.to_string();
  container.reset();
  ASSERT_TRUE(create("old").is_ok());
  reopen();
  const auto properties = run(opened("new")->properties());
  ASSERT_TRUE(properties.is_ok());
  EXPECT_EQ(properties->at(client::kPropLayoutType), client::PropertyValue(client::kLayoutPosix));
  EXPECT_EQ(properties->at(client::kPropDurability), client::PropertyValue(uint64_t{1}));
  EXPECT_EQ(properties->at(client::kPropChecksum), client::PropertyValue(uint64_t{2}));
  EXPECT_EQ(run(opened("old")->set_properties({{client::kPropLabel, std::string("new")}})).code(), Code::kExists);
}

TEST_F(ContainerTest, AnOpenOneIsDestroyedOnlyByForceAndItsHandlesGoStale) {
  ASSERT_TRUE(create("c").is_ok());
  auto container = opened("c");
  const Status busy = run(pool_->destroy_container("c", false));
  EXPECT_EQ(busy.code(), Code::kBusy);
  EXPECT_TRUE(mentions(busy, "force"));
  ASSERT_TRUE(run(pool_->destroy_container("c", true)).is_ok());
  EXPECT_EQ(run(container->query()).code(), Code::kStaleHandle);
  client::KeyValue values(container, ObjectId{.hi = 0, .lo = 1});
  EXPECT_EQ(run(values.put("k", as_bytes("v"))).code(), Code::kStaleHandle);
  container.reset();
  EXPECT_EQ(run(pool_->open_container("c", Access::kReadOnly)).code(), Code::kNotFound);
  ASSERT_TRUE(create("c").is_ok());
  container = opened("c");
  container.reset();
  EXPECT_TRUE(run(pool_->destroy_container("c", false)).is_ok());
  reopen();
  EXPECT_TRUE(run(pool_->list_containers())->empty());
}

TEST_F(ContainerTest, AnExclusiveHandleKeepsOthersOut) {
  ASSERT_TRUE(create("c").is_ok());
  auto first = opened("c", Access::kReadOnly);
  EXPECT_EQ(run(pool_->open_container("c", Access::kExclusive)).code(), Code::kBusy);
  first.reset();
  auto held = opened("c", Access::kExclusive);
  EXPECT_EQ(run(pool_->open_container("c", Access::kReadOnly)).code(), Code::kBusy);
  client::KeyValue values(held, ObjectId{.hi = 0, .lo = 1});
  EXPECT_TRUE(run(values.put("k", as_bytes("v"))).is_ok());
}

TEST_F(ContainerTest, AReadOnlyHandleWritesNothing) {
  ASSERT_TRUE(create("c").is_ok());
  auto reader = opened("c", Access::kReadOnly);
  client::KeyValue values(reader, ObjectId{.hi = 0, .lo = 1});
  const Status refused = run(values.put("k", as_bytes("v")));
  EXPECT_EQ(refused.code(), Code::kPermission);
  EXPECT_TRUE(mentions(refused, "read-only"));
  EXPECT_EQ(run(reader->create_snapshot("s")).code(), Code::kPermission);
  EXPECT_EQ(run(reader->allocate_object_numbers(1)).code(), Code::kPermission);
  EXPECT_EQ(run(reader->set_properties({})).code(), Code::kPermission);
  EXPECT_EQ(run(reader->aggregate(kEpochMax)).code(), Code::kPermission);
  EXPECT_EQ(run(values.get("k")).code(), Code::kNotFound);
}

TEST_F(ContainerTest, SnapshotsKeepWhatWasThere) {
  ASSERT_TRUE(create("c").is_ok());
  auto container = opened("c");
  const ObjectId object{.hi = 0, .lo = 1};
  client::KeyValue values(container, object);
  ASSERT_TRUE(run(values.put("k", as_bytes("before"))).is_ok());
  const auto epoch = run(container->create_snapshot("first"));
  ASSERT_TRUE(epoch.is_ok()) << epoch.status().to_string();
  EXPECT_EQ(run(container->create_snapshot("first")).code(), Code::kExists);
  ASSERT_TRUE(run(values.put("k", as_bytes("after"))).is_ok());
  ASSERT_TRUE(run(container->aggregate(kEpochMax)).is_ok());
  container.reset();
  values = client::KeyValue(nullptr, object);
  reopen();
  container = opened("c");
  const auto snapshots = run(container->snapshots());
  ASSERT_EQ(snapshots->size(), 1u);
  EXPECT_EQ((*snapshots)[0].name, "first");
  EXPECT_EQ((*snapshots)[0].epoch, *epoch);
  EXPECT_EQ(run(container->query())->last_snapshot, *epoch);
  EXPECT_EQ(as_text(*run(client::KeyValue(container, object, *epoch).get("k"))), "before");
  EXPECT_EQ(as_text(*run(client::KeyValue(container, object).get("k"))), "after");
  ASSERT_TRUE(run(container->destroy_snapshot(*epoch)).is_ok());
  EXPECT_EQ(run(container->destroy_snapshot(*epoch)).code(), Code::kNotFound);
  EXPECT_TRUE(run(container->snapshots())->empty());
}

TEST_F(ContainerTest, NumbersNeverRepeat) {
  ASSERT_TRUE(create("c").is_ok());
  uint64_t next = *run(opened("c")->allocate_object_numbers(10)) + 10;
  for (const uint64_t count : {uint64_t{1}, uint64_t{100'000}, uint64_t{5}}) {
    const auto first = run(opened("c")->allocate_object_numbers(count));
    ASSERT_TRUE(first.is_ok());
    EXPECT_GE(*first, next);
    next = *first + count;
  }
  reopen();
  EXPECT_EQ(*run(opened("c")->allocate_object_numbers(1)), next);  // Closed in order: not even a gap.
  EXPECT_EQ(run(opened("c")->allocate_object_numbers(0)).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(opened("c")->allocate_object_numbers(~uint64_t{0})).code(), Code::kTooBig);
}

// ---- Objects --------------------------------------------------------------------------------------------------------

class ObjectTest : public ContainerTest {
 protected:
  ObjectTest() {
    CHECK(create("c").is_ok());
    container_ = opened("c");
  }
  ~ObjectTest() override { container_.reset(); }
  std::shared_ptr<client::Container> container_;
  const ObjectId object_{.hi = 0, .lo = 1};
};

TEST_F(ObjectTest, KeysAreInsertedUpdatedListedAndRemoved) {
  client::KeyValue values(container_, object_);
  ASSERT_TRUE(run(values.put("a", as_bytes("1"), kDkeyInsert)).is_ok());
  EXPECT_EQ(run(values.put("a", as_bytes("2"), kDkeyInsert)).code(), Code::kExists);
  EXPECT_EQ(run(values.put("b", as_bytes("2"), kDkeyUpdate)).code(), Code::kNotFound);
  ASSERT_TRUE(run(values.put("b", as_bytes("2"))).is_ok());
  const auto page = run(values.list(Anchor()));
  ASSERT_TRUE(page.is_ok());
  ASSERT_EQ(page->keys.size(), 2u);
  EXPECT_EQ(as_text(page->keys[0]), "a");
  ASSERT_TRUE(run(values.remove("a")).is_ok());
  EXPECT_EQ(run(values.get("a")).code(), Code::kNotFound);
  EXPECT_EQ(run(values.remove("a", kPunchIfExists)).code(), Code::kNotFound);
  ASSERT_TRUE(run(values.destroy()).is_ok());
  EXPECT_TRUE(run(values.list(Anchor()))->keys.empty());
}

TEST_F(ObjectTest, ValuesOfAllSizesComeBack) {
  client::KeyValue values(container_, object_);
  for (const size_t size : {1, 64, 4095, 4096, 4097, 32'768, 100'000, 3'000'001}) {
    Bytes value(size);
    for (size_t i = 0; i < size; ++i) value[i] = static_cast<std::byte>(i * 31 + size);
    const std::string key = std::to_string(size);
    ASSERT_TRUE(run(values.put(key, value)).is_ok());
    const auto got = run(values.get(key));
    ASSERT_TRUE(got.is_ok()) << got.status().to_string();
    EXPECT_EQ(*got, value) << size;
    EXPECT_EQ(*run(values.get(key, MutableBytes())), size);
    Bytes small(size - 1);
    if (size > 1) {
      EXPECT_EQ(run(values.get(key, small)).code(), Code::kTooBig);
    }
  }
  EXPECT_EQ(run(values.put("empty", ByteView())).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(values.put("", as_bytes("v"))).code(), Code::kInvalidArgument);
  EXPECT_FALSE(run(values.put(std::string(3000, 'k'), as_bytes("v"))).is_ok());
}

TEST_F(ObjectTest, ATransactionReadsOneEpochAndCommitsAllOrNothing) {
  client::KeyValue values(container_, object_);
  const ObjectId other{.hi = 0, .lo = 2};
  ASSERT_TRUE(run(values.put("a", as_bytes("old"))).is_ok());
  const auto transaction = run(container_->begin_transaction());
  ASSERT_TRUE(transaction.is_ok()) << transaction.status().to_string();
  client::KeyValue inside((*transaction)->view(), object_);
  client::KeyValue inside_other((*transaction)->view(), other);
  ASSERT_TRUE(run(values.put("b", as_bytes("later"))).is_ok());
  EXPECT_EQ(*run(inside.get("a")), to_bytes("old"));
  EXPECT_EQ(run(inside.get("b")).code(), Code::kNotFound);
  {
    std::string memory = "new";
    ASSERT_TRUE(run(inside.put("c", as_bytes(memory))).is_ok());
    memory = "xxx";  // It has a copy.
  }
  ASSERT_TRUE(run(inside_other.put("c", as_bytes("new"))).is_ok());
  EXPECT_EQ(run(inside.get("c")).code(), Code::kNotFound);  // Not its own writes.
  EXPECT_EQ(run(values.get("c")).code(), Code::kNotFound);
  // Somebody gave "b", which it missed.
  EXPECT_EQ(run((*transaction)->commit()).code(), Code::kConflict);
  EXPECT_EQ(run(values.get("c")).code(), Code::kNotFound);
  EXPECT_EQ(run(inside.get("a")).code(), Code::kInvalidArgument);

  const Epoch before = (*transaction)->epoch();
  ASSERT_TRUE(run((*transaction)->restart()).is_ok());
  EXPECT_GT((*transaction)->epoch(), before);
  EXPECT_EQ(*run(inside.get("b")), to_bytes("later"));
  ASSERT_TRUE(run(inside.put("c", as_bytes("new"), kDkeyInsert)).is_ok());
  ASSERT_TRUE(run(inside_other.put("c", as_bytes("new"))).is_ok());
  const auto committed = run((*transaction)->commit());
  ASSERT_TRUE(committed.is_ok()) << committed.status().to_string();
  EXPECT_GT(*committed, (*transaction)->epoch());
  EXPECT_EQ(*run(values.get("c")), to_bytes("new"));
  EXPECT_EQ(*run(client::KeyValue(container_, other).get("c")), to_bytes("new"));
  EXPECT_EQ(run((*transaction)->commit()).code(), Code::kInvalidArgument);

  ASSERT_TRUE(run((*transaction)->restart()).is_ok());
  ASSERT_TRUE(run(inside.put("c", as_bytes("again"), kDkeyInsert)).is_ok());
  EXPECT_EQ(run((*transaction)->commit()).code(), Code::kExists);  // Conditions are looked at then.
  ASSERT_TRUE(run((*transaction)->restart()).is_ok());
  ASSERT_TRUE(run(inside.put("d", as_bytes("dropped"))).is_ok());
  ASSERT_TRUE(run((*transaction)->abort()).is_ok());
  EXPECT_EQ(run((*transaction)->commit()).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(values.get("d")).code(), Code::kNotFound);
}

TEST_F(ObjectTest, TransactionsListAndQueryAndAreArrays) {
  client::Array array(container_, object_, 1, 1024);
  ASSERT_TRUE(run(array.write({{0, 3}}, {as_bytes("abc")})).is_ok());
  const auto transaction = run(container_->begin_transaction());
  ASSERT_TRUE(transaction.is_ok());
  const std::shared_ptr<client::Container> view = (*transaction)->view();
  EXPECT_EQ(view->id(), container_->id());
  client::Array inside(view, object_, 1, 1024);
  EXPECT_EQ(*run(inside.size()), 3u);
  EXPECT_EQ(run(view->list_objects(Anchor()))->objects.size(), 1u);
  EXPECT_EQ(run(view->query_max_epoch(object_)).code(), Code::kOk);
  EXPECT_EQ(run(view->list_dkeys(object_, Anchor()))->keys.size(), 1u);
  EXPECT_EQ(run(view->list_dkeys(object_, Anchor(), {}, Epoch{5})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(view->begin_transaction()).code(), Code::kInvalidArgument);
  ASSERT_TRUE(run(inside.write({{3, 3}}, {as_bytes("def")})).is_ok());
  EXPECT_EQ(*run(inside.size()), 3u);
  ASSERT_TRUE(run((*transaction)->commit()).is_ok());
  EXPECT_EQ(*run(array.size()), 6u);
}

TEST_F(ObjectTest, WritesOfOneCallAreAllThereOrNone) {
  const Bytes data = to_bytes("data");
  std::vector<ObjectWrite> writes(2);
  for (size_t i = 0; i < 2; ++i) {
    writes[i].object = object_;
    writes[i].dkey = to_bytes(i == 0 ? "first" : "second");
    AkeyUpdate& update = writes[i].akeys.emplace_back();
    update.akey = to_bytes("a");
    update.record_size = data.size();
    update.data.push_back(data);
  }
  writes[1].conditions = kDkeyUpdate;
  EXPECT_EQ(run(container_->write(writes)).code(), Code::kNotFound);
  EXPECT_TRUE(run(container_->list_dkeys(object_, Anchor()))->keys.empty());
  writes[1].conditions = 0;
  EXPECT_TRUE(run(container_->write(writes)).is_ok());
  EXPECT_EQ(run(container_->list_dkeys(object_, Anchor()))->keys.size(), 2u);
  EXPECT_EQ(run(container_->list_objects(Anchor()))->objects, std::vector<ObjectId>({object_}));
  EXPECT_EQ(run(container_->list_akeys(object_, to_bytes("first"), Anchor()))->keys.size(), 1u);
  EXPECT_EQ(*run(container_->query_max_epoch(object_)), run(container_->query())->highest_committed);
}

TEST_F(ObjectTest, DataThatDoesntFitItsExtentsIsRefusedBeforeItIsSent) {
  const Bytes data(10);
  std::vector<ObjectWrite> writes(1);
  writes[0].object = object_;
  writes[0].dkey = to_bytes("d");
  AkeyUpdate& update = writes[0].akeys.emplace_back();
  update.akey = to_bytes("a");
  update.record_size = 11;
  update.data.push_back(data);
  EXPECT_EQ(run(container_->write(writes)).code(), Code::kInvalidArgument);
  writes[0].akeys[0].record_size = 10;
  EXPECT_EQ(run(container_->write(writes, Epoch{5})).code(), Code::kInvalidArgument);
  writes[0].akeys[0].checksums = {12345};
  EXPECT_EQ(run(container_->write(writes)).code(), Code::kCorrupt);
}

TEST_F(ObjectTest, RedundantClassesAreRefusedWithTheWayOut) {
  const ObjectId replicated{.hi = uint64_t{8} << 48 | uint64_t{1} << 32, .lo = 1};
  client::KeyValue values(container_, replicated);
  const Status refused = run(values.put("k", as_bytes("v")));
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(refused, "RP_2G1")) << refused.message();
}

TEST_F(ObjectTest, FlushedContainersTakeWritesAtOnce) {
  ASSERT_TRUE(create("lazy", {{client::kPropDurability, uint64_t{1}}}).is_ok());
  auto lazy = opened("lazy");
  client::KeyValue values(lazy, object_);
  ASSERT_TRUE(run(values.put("k", as_bytes("v"))).is_ok());
  EXPECT_TRUE(run(lazy->flush()).is_ok());
  EXPECT_EQ(as_text(*run(values.get("k"))), "v");
}

TEST_F(ObjectTest, ThreadsShareTheSystem) {
  constexpr int kThreads = 4;
  constexpr int kKeys = 200;
  ASSERT_TRUE(create("lazy", {{client::kPropDurability, uint64_t{1}}}).is_ok());
  auto lazy = opened("lazy");
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        client::KeyValue values(lazy, ObjectId{.hi = 0, .lo = 1});
        for (int i = 0; i < kKeys; ++i) {
          const std::string key = std::to_string(thread) + "/" + std::to_string(i);
          if (!run(values.put(key, as_bytes(key))).is_ok()) ++wrong;
          const auto got = run(values.get(key));
          if (!got.is_ok() || as_text(*got) != key) ++wrong;
          // Handles come and go on any thread.
          if (i % 50 == 0) opened("lazy", Access::kReadOnly);
        }
      });
    }
  }
  EXPECT_EQ(wrong.load(), 0);
  size_t count = 0;
  for (Anchor at; !at.is_end;) {
    auto page = run(lazy->list_dkeys(object_, at));
    ASSERT_TRUE(page.is_ok());
    count += page->keys.size();
    at = page->next;
  }
  EXPECT_EQ(count, size_t{kThreads * kKeys});
}

// ---- Arrays ---------------------------------------------------------------------------------------------------------

class ArrayTest : public ObjectTest {
 protected:
  static Bytes pattern(size_t size, uint64_t seed) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i + seed) * 131 + (i >> 8));
    return bytes;
  }
  const ObjectId array_id_{.hi = uint64_t{13} << 56, .lo = 7};
};

TEST_F(ArrayTest, RemembersItsShape) {
  EXPECT_EQ(run(client::Array::open(container_, array_id_)).code(), Code::kNotFound);
  ASSERT_TRUE(run(client::Array::create(container_, array_id_, 8, 1000)).is_ok());
  EXPECT_EQ(run(client::Array::create(container_, array_id_, 8, 1000)).code(), Code::kExists);
  auto array = run(client::Array::open(container_, array_id_));
  ASSERT_TRUE(array.is_ok()) << array.status().to_string();
  EXPECT_EQ(array->cell_size(), 8u);
  EXPECT_EQ(array->chunk_cells(), 1000u);
  EXPECT_EQ(*run(array->size()), 0u);
  EXPECT_EQ(run(client::Array::create(container_, object_, 0, 1)).code(), Code::kInvalidArgument);
  ASSERT_TRUE(run(array->destroy()).is_ok());
  EXPECT_EQ(run(client::Array::open(container_, array_id_)).code(), Code::kNotFound);
}

TEST_F(ArrayTest, AgreesWithAPlainVector) {
  client::Array array(container_, array_id_, 1, 4096);
  Bytes model;
  uint64_t state = 1;
  const auto random = [&state](uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  };
  for (int step = 0; step < 200; ++step) {
    const uint64_t begin = random(40'000);
    const uint64_t count = 1 + random(20'000);
    switch (random(5)) {
      case 0:
      case 1: {
        const Bytes data = pattern(count, random(1000));
        ASSERT_TRUE(run(array.write({{begin, count}}, {data})).is_ok());
        if (model.size() < begin + count) model.resize(begin + count);
        std::copy(data.begin(), data.end(), model.begin() + static_cast<std::ptrdiff_t>(begin));
        break;
      }
      case 2: {
        const Status resized = run(array.set_size(begin));
        ASSERT_TRUE(resized.is_ok()) << resized.to_string();
        model.resize(begin);
        break;
      }
      default: {
        Bytes out(count + 10, std::byte{0xee});
        const MutableBytes memory = out;
        const auto read =
            run(array.read({{begin, count}, {5, 10}}, {memory.first(7 % count), memory.subspan(7 % count)}));
        ASSERT_TRUE(read.is_ok()) << read.status().to_string();
        Bytes padded = model;
        padded.resize(std::max<size_t>(model.size(), 70'000));
        Bytes expected(padded.begin() + static_cast<std::ptrdiff_t>(begin),
                       padded.begin() + static_cast<std::ptrdiff_t>(begin + count));
        expected.insert(expected.end(), padded.begin() + 5, padded.begin() + 15);
        ASSERT_EQ(out, expected) << step;
        const auto overlap = [&](uint64_t from, uint64_t to) {
          return std::min<uint64_t>(to, model.size()) - std::min<uint64_t>(from, model.size());
        };
        ASSERT_EQ(read->bytes, overlap(begin, begin + count) + overlap(5, 15));
      }
    }
    ASSERT_EQ(*run(array.size()), model.size()) << step;
  }
}

TEST_F(ArrayTest, PunchingMakesHolesHoweverLongTheRange) {
  client::Array array(container_, array_id_, 4, 100);
  const Bytes data = pattern(4000, 3);
  ASSERT_TRUE(run(array.write({{0, 1000}}, {data})).is_ok());
  const Status punched = run(array.punch({{150, uint64_t{1} << 60}}));
  ASSERT_TRUE(punched.is_ok()) << punched.to_string();
  EXPECT_EQ(*run(array.size()), 150u);
  ASSERT_TRUE(run(array.punch({{10, 5}})).is_ok());
  Bytes out(80, std::byte{1});
  const auto read = run(array.read({{0, 20}}, {out}));
  ASSERT_TRUE(read.is_ok());
  EXPECT_EQ(read->bytes, 80u);
  EXPECT_EQ(read->bytes_present, 60u);
  EXPECT_EQ(Bytes(out.begin() + 40, out.begin() + 60), Bytes(20));
  EXPECT_EQ(Bytes(out.begin(), out.begin() + 40), Bytes(data.begin(), data.begin() + 40));
}

TEST_F(ArrayTest, MemoryOfAnotherLengthThanTheRangesIsInvalid) {
  client::Array array(container_, array_id_, 4, 100);
  Bytes memory(10);
  EXPECT_EQ(run(array.write({{0, 3}}, {memory})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(array.read({{0, 3}}, {memory})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(array.write({{~uint64_t{0}, 3}}, {memory})).code(), Code::kInvalidArgument);
  EXPECT_EQ(run(array.read({{0, uint64_t{1} << 63}}, {memory})).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace aeon::local
