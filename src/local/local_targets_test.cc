// Systems with several targets: making them, opening them, and what can be wrong with their files.
#include <fstream>

#include "client/key_value.h"
#include "local/offline.h"
#include "local_system_fixture_test.h"
#include "superblock.h"

namespace aeon::local {
namespace {

constexpr int kObjectCount = 40;

class LocalTargets : public LocalSystemTest {
 protected:
  static CreateOptions with_targets(uint32_t count) {
    CreateOptions options = small();
    options.log_size = 256 * kKiB;
    options.target_count = count;
    return options;
  }
  void make(uint32_t count) {
    const Status created = LocalSystem::create(directory(), with_targets(count));
    ASSERT_TRUE(created.is_ok()) << created.to_string();
  }
  Status open_status(OpenOptions options = {}) { return LocalSystem::open(directory(), std::move(options)).status(); }
  std::string file(uint32_t index) const { return directory() + "/target-" + std::to_string(index); }

  Superblock superblock() {
    std::ifstream file(directory() + "/system", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    auto decoded = decode_superblock(as_bytes(bytes), "system");
    CHECK(decoded.is_ok());
    return *decoded;
  }
  void set_superblock(const Superblock& superblock) {
    const Bytes bytes = encode_superblock(superblock);
    std::ofstream(directory() + "/system", std::ios::binary) << as_text(bytes);
  }

  // Many objects, so that placement has something to spread.
  void put_values(const std::string& text) {
    const auto container = run(pool()->open_container("c", Access::kReadWrite));
    ASSERT_TRUE(container.is_ok()) << container.status().to_string();
    for (int i = 0; i < kObjectCount; ++i) {
      client::KeyValue values(*container, ObjectId{.hi = 0, .lo = static_cast<uint64_t>(i) + 1});
      const Status put = run(values.put("key " + std::to_string(i), as_bytes(text + std::to_string(i))));
      ASSERT_TRUE(put.is_ok()) << put.to_string();
    }
  }
  int count_values(const std::string& text) {
    const auto container = run(pool()->open_container("c", Access::kReadOnly));
    CHECK(container.is_ok());
    int found = 0;
    for (int i = 0; i < kObjectCount; ++i) {
      client::KeyValue values(*container, ObjectId{.hi = 0, .lo = static_cast<uint64_t>(i) + 1});
      const Result<Bytes> value = run(values.get("key " + std::to_string(i)));
      EXPECT_TRUE(value.is_ok()) << value.status().to_string();
      if (value.is_ok() && as_text(*value) == text + std::to_string(i)) ++found;
    }
    return found;
  }
};

TEST_F(LocalTargets, ASystemHasAsManyAsWereAskedForAndAFileForEach) {
  make(3);
  EXPECT_TRUE(fs::exists(file(0)) && fs::exists(file(1)) && fs::exists(file(2)));
  EXPECT_FALSE(fs::exists(file(3)));
  {
    const auto offline = OfflineSystem::open(directory());
    ASSERT_TRUE(offline.is_ok());
    const auto& targets = (*offline)->targets();
    ASSERT_EQ(targets.size(), 3u);
    for (uint32_t index = 0; index < 3; ++index) EXPECT_EQ(targets[index].path, file(index));
    EXPECT_NE(targets[0].store, targets[1].store);
    EXPECT_NE(targets[1].store, targets[2].store);
  }
  open(OpenOptions{});
  const auto pools = run(system_->list_pools());
  ASSERT_TRUE(pools.is_ok());
  EXPECT_EQ((*pools)[0].target_count, 3u);
}

TEST_F(LocalTargets, TheMostIsMadeAndOpened) {
  make(kTargetCountMax);
  open(OpenOptions{});
  EXPECT_EQ((*run(system_->list_pools()))[0].target_count, kTargetCountMax);
}

TEST_F(LocalTargets, WhatIsPutIsGotAfterOpeningAgain) {
  make(3);
  open(OpenOptions{});
  ASSERT_TRUE(run(pool()->create_container({.label = "c"})).is_ok());
  put_values("first ");
  ASSERT_TRUE(system_->close().is_ok());
  open(OpenOptions{});
  EXPECT_EQ(count_values("first "), kObjectCount);
  put_values("second ");
  system_.reset();
  OpenOptions reading;
  reading.read_only = true;
  open(reading);
  EXPECT_EQ(count_values("second "), kObjectCount);
}

TEST_F(LocalTargets, AnImpossibleNumberIsRefusedAndNothingIsMade) {
  for (const uint32_t count : {0u, kTargetCountMax + 1, ~0u}) {
    const Status status = LocalSystem::create(directory(), with_targets(count));
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << count;
    EXPECT_TRUE(mentions(status, "1 to 64 targets")) << status.message();
  }
  EXPECT_FALSE(fs::exists(file(0)));
}

TEST_F(LocalTargets, OnDevicesOfItsOwnASystemHasOne) {
  CreateOptions options = with_targets(2);
  options.data_devices = {scratch_ + "/device"};
  const Status data = LocalSystem::create(directory(), options);
  EXPECT_EQ(data.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(data, "has one target")) << data.message();
  options.data_devices.clear();
  options.log_device = scratch_ + "/device";
  EXPECT_EQ(LocalSystem::create(directory(), options).code(), Code::kInvalidArgument);
  EXPECT_FALSE(fs::exists(scratch_ + "/device"));
}

TEST_F(LocalTargets, EachGetsAnEvenPartOfTheCapacity) {
  CreateOptions options = with_targets(3);
  options.log_size = kMiB;
  options.capacity = 6 * kMiB - 1;
  const Status small = LocalSystem::create(directory(), options);
  EXPECT_EQ(small.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(small, "each of 3 targets")) << small.message();
  options.capacity = 100 * kMiB;
  ASSERT_TRUE(LocalSystem::create(directory(), options).is_ok());
  {
    const auto offline = OfflineSystem::open(directory());
    ASSERT_TRUE(offline.is_ok());
    for (const auto& target : (*offline)->targets()) EXPECT_EQ(target.capacity, 100 * kMiB / 3 / 4096 * 4096);
  }
  open(OpenOptions{});
  const ByteCount capacity = (*run(system_->list_pools()))[0].capacity;
  EXPECT_LE(capacity, 100 * kMiB);
  EXPECT_GT(capacity, 80 * kMiB);
}

TEST_F(LocalTargets, AMemoryBudgetIsEnoughForAll) {
  OpenOptions options = creating();
  options.create = with_targets(3);
  options.memory_budget = 95 * kMiB;
  const Status making = open_status(options);
  EXPECT_EQ(making.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(making, "96MiB")) << making.message();
  EXPECT_FALSE(fs::exists(directory() + "/system"));
  options.memory_budget = 96 * kMiB;
  EXPECT_TRUE(open_status(options).is_ok());

  options = {};
  options.memory_budget = 64 * kMiB;
  EXPECT_EQ(open_status(options).code(), Code::kInvalidArgument);
  options.memory_budget = 0;
  ASSERT_EQ(setenv("AEON_MEMORY_BUDGET", "64MiB", 1), 0);
  EXPECT_EQ(open_status(options).code(), Code::kInvalidArgument);
  ASSERT_EQ(setenv("AEON_MEMORY_BUDGET", "96MiB", 1), 0);
  EXPECT_TRUE(open_status(options).is_ok());
  ASSERT_EQ(unsetenv("AEON_MEMORY_BUDGET"), 0);
  // Nobody asked for one: then a small machine is no reason.
  EXPECT_TRUE(open_status(options).is_ok());
}

TEST_F(LocalTargets, AHalfMadeSystemIsBegunAgainWithAnotherNumber) {
  fs::create_directory(directory());
  std::ofstream(directory() + "/creating") << "a system is being made here\n";
  for (const uint32_t index : {0u, 1u, 5u}) std::ofstream(file(index)) << std::string(10'000, 'x');
  EXPECT_EQ(open_status().code(), Code::kNotFound);
  make(2);
  EXPECT_FALSE(fs::exists(file(5)));
  EXPECT_FALSE(fs::exists(directory() + "/creating"));
  EXPECT_TRUE(open_status().is_ok());
}

TEST_F(LocalTargets, AMissingFileIsNamedAndOnceItIsBackAllIsThere) {
  make(3);
  open(OpenOptions{});
  ASSERT_TRUE(run(pool()->create_container({.label = "c"})).is_ok());
  put_values("value ");
  system_.reset();
  for (uint32_t index = 0; index < 3; ++index) {
    fs::rename(file(index), scratch_ + "/away");
    const Status status = open_status();
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_TRUE(mentions(status, "target-" + std::to_string(index))) << status.message();
    fs::rename(scratch_ + "/away", file(index));
  }
  open(OpenOptions{});
  EXPECT_EQ(count_values("value "), kObjectCount);
}

TEST_F(LocalTargets, FilesInEachOthersPlaceAreRefused) {
  make(3);
  fs::rename(file(1), scratch_ + "/away");
  fs::rename(file(2), file(1));
  fs::rename(scratch_ + "/away", file(2));
  const Status swapped = open_status();
  EXPECT_EQ(swapped.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(swapped, "target-1 belongs to another target")) << swapped.message();
  ASSERT_TRUE(LocalSystem::create(scratch_ + "/other", with_targets(2)).is_ok());
  fs::rename(file(1), file(2));
  fs::copy_file(scratch_ + "/other/target-1", file(1));
  const Status foreign = open_status();
  EXPECT_EQ(foreign.code(), Code::kInvalidArgument);
  EXPECT_TRUE(mentions(foreign, "target-1 belongs to another system")) << foreign.message();
}

TEST_F(LocalTargets, ADamagedOneIsNamedAndTheOthersAreLetGoOf) {
  make(3);
  std::fstream damaged(file(2), std::ios::binary | std::ios::in | std::ios::out);
  for (const int offset : {0, 16 * 4096}) damaged.seekp(offset).write("damaged!", 8);
  damaged.close();
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Status status = open_status();
    EXPECT_FALSE(status.is_ok());
    EXPECT_TRUE(mentions(status, "target-2")) << status.message();
  }
}

TEST_F(LocalTargets, WithoutTheSystemFileAnyTargetIsData) {
  make(2);
  fs::rename(directory() + "/system", scratch_ + "/system");
  fs::remove(file(0));
  EXPECT_EQ(open_status().code(), Code::kCorrupt);
  EXPECT_EQ(open_status(creating()).code(), Code::kCorrupt);
  EXPECT_EQ(LocalSystem::create(directory(), with_targets(2)).code(), Code::kCorrupt);
  EXPECT_TRUE(fs::exists(file(1)));
}

TEST_F(LocalTargets, WithADamagedDescriptionAllFilesAreLookedAt) {
  make(4);
  fs::remove(file(1));
  std::ofstream(directory() + "/system", std::ios::trunc) << "something else";
  const auto offline = OfflineSystem::open(directory());
  ASSERT_TRUE(offline.is_ok());
  EXPECT_FALSE((*offline)->description().is_ok());
  const auto& targets = (*offline)->targets();
  ASSERT_EQ(targets.size(), 4u);
  for (uint32_t index = 0; index < 4; ++index) EXPECT_EQ(targets[index].path, file(index));
}

TEST_F(LocalTargets, ADescriptionThatContradictsItselfIsCorrupt) {
  make(3);
  const Superblock good = superblock();
  Superblock bad = good;
  bad.targets[2].file = bad.targets[1].file;
  set_superblock(bad);
  EXPECT_EQ(open_status().code(), Code::kCorrupt);
  bad = good;
  bad.targets[2].store = bad.targets[0].store;
  set_superblock(bad);
  EXPECT_EQ(open_status().code(), Code::kCorrupt);
  bad = good;
  std::swap(bad.targets[0], bad.targets[1]);
  set_superblock(bad);
  EXPECT_EQ(open_status().code(), Code::kCorrupt);
  bad = good;
  bad.targets[1].file = "../target-1";
  set_superblock(bad);
  EXPECT_EQ(open_status().code(), Code::kCorrupt);
  set_superblock(good);
  EXPECT_TRUE(open_status().is_ok());
}

TEST_F(LocalTargets, WhatOnlyANewerProgramCanHaveMadeIsSaidToBe) {
  make(2);
  const Superblock good = superblock();
  Superblock newer = good;
  newer.targets[1].devices = {"/dev/some"};
  set_superblock(newer);
  Status status = open_status();
  EXPECT_EQ(status.code(), Code::kVersionUnsupported);
  EXPECT_TRUE(mentions(status, "newer release")) << status.message();
  newer = good;
  newer.targets.resize(kTargetCountMax + 1);
  set_superblock(newer);
  status = open_status();
  EXPECT_EQ(status.code(), Code::kVersionUnsupported);
  EXPECT_TRUE(mentions(status, "65 targets")) << status.message();
}

}  // namespace
}  // namespace aeon::local
