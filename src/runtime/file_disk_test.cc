#include "runtime/file_disk.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "runtime/directory.h"
#include "runtime/sync.h"

namespace aeon {
namespace {

class FileDiskTest : public testing::TestWithParam<bool> {
 protected:
  FileDiskTest() : reactor_(Reactor::Options{.use_io_uring = GetParam()}) {
    folder_ = testing::TempDir() + "file_disk_test_" +
              std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + (GetParam() ? "u" : "p");
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FileDiskTest() override { std::filesystem::remove_all(folder_); }

  Reactor reactor_;
  std::string folder_;
};

Task<Status> write_and_read(Disk* disk, DiskBuffer* written, DiskBuffer* read) {
  CO_TRY(co_await disk->write(8192, written->bytes()));
  CO_TRY(co_await disk->write_durable(0, written->bytes().first(4096)));
  CO_TRY(co_await disk->flush());
  CO_TRY(co_await disk->read(8192, read->bytes()));
  co_return ok();
}
Task<Status> read_at(Disk* disk, uint64_t offset, MutableBytes out) { co_return co_await disk->read(offset, out); }
Task<Status> write_at(Disk* disk, uint64_t offset, ByteView data) { co_return co_await disk->write(offset, data); }
Task<Status> discard_at(Disk* disk, uint64_t offset, ByteCount size) { co_return co_await disk->discard(offset, size); }

TEST_P(FileDiskTest, ReadsBackWhatItWroteAndZerosElsewhere) {
  Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, folder_ + "/disk", {.create = true});
  ASSERT_TRUE(disk.is_ok()) << disk.status().to_string();
  DiskBuffer written(64 * kKiB);
  for (size_t i = 0; i < written.size(); ++i) written.data()[i] = static_cast<std::byte>(i * 7);
  DiskBuffer read(64 * kKiB);
  const Status status = reactor_.run(write_and_read(disk->get(), &written, &read));
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_TRUE(equal_bytes(written.bytes(), read.bytes()));
  ASSERT_TRUE(reactor_.run(read_at(disk->get(), 512 * kMiB, read.bytes())).is_ok());
  EXPECT_TRUE(std::all_of(read.bytes().begin(), read.bytes().end(), [](std::byte b) { return b == std::byte{0}; }));
  ASSERT_TRUE(reactor_.run(discard_at(disk->get(), 8192, 64 * kKiB)).is_ok());
  ASSERT_TRUE(reactor_.run(read_at(disk->get(), 8192, read.bytes())).is_ok());
  EXPECT_EQ(read.data()[1], std::byte{0});
}

TEST_P(FileDiskTest, AFileInMemoryIsReadAndWrittenAtOnce) {
  const std::string path = "/dev/shm/" + std::filesystem::path(folder_).filename().string();
  std::filesystem::remove(path);
  Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, path, {.create = true});
  ASSERT_TRUE(disk.is_ok()) << disk.status().to_string();
  DiskBuffer written(64 * kKiB);
  DiskBuffer read(64 * kKiB);
  std::memset(written.data(), 7, written.size());
  const Task<Status> work = write_and_read(disk->get(), &written, &read);
  work.handle().resume();
  EXPECT_TRUE(work.handle().done());
  EXPECT_EQ(std::memcmp(written.data(), read.data(), read.size()), 0);
  std::filesystem::remove(path);
}

TEST_P(FileDiskTest, RefusesWhatIsNotAlignedOrBehindTheCapacity) {
  Result<std::unique_ptr<FileDisk>> disk =
      FileDisk::open(reactor_, folder_ + "/disk", {.create = true, .capacity = 64 * kKiB});
  ASSERT_TRUE(disk.is_ok());
  DiskBuffer buffer(8192);
  EXPECT_EQ(reactor_.run(write_at(disk->get(), 100, buffer.bytes())).code(), Code::kInvalidArgument);
  EXPECT_EQ(reactor_.run(write_at(disk->get(), 60 * kKiB, buffer.bytes())).code(), Code::kNoSpace);
  EXPECT_EQ(reactor_.run(read_at(disk->get(), 64 * kKiB, buffer.bytes())).code(), Code::kInvalidArgument);
}

Task<void> read_and_tell(Disk* disk, MutableBytes out, bool* is_read, Signal* told) {
  ignore(co_await disk->read(0, out), "only that it ends matters");
  *is_read = true;
  told->notify_all();
}
Task<void> wait_until(const bool* is_read, Signal* told) {
  while (!*is_read) co_await told->wait();
}
Task<void> nothing() { co_return; }

// The other thread often takes the read's completion off just before the waiting one falls asleep in the ring.
TEST_P(FileDiskTest, AWaiterIsWokenWhateverOthersTakeOffTheRing) {
  Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, folder_ + "/disk", {.create = true});
  ASSERT_TRUE(disk.is_ok());
  DiskBuffer buffer(4096);
  ASSERT_TRUE(reactor_.run(write_at(disk->get(), 0, buffer.bytes())).is_ok());
  Signal told(reactor_);
  std::atomic<bool> stop = false;
  std::thread other([&] {
    while (!stop) reactor_.run(nothing());
  });
  for (int i = 0; i < 2000; ++i) {
    bool is_read = false;
    reactor_.submit(read_and_tell(disk->get(), buffer.bytes(), &is_read, &told));
    reactor_.run(wait_until(&is_read, &told));
  }
  stop = true;
  other.join();
}

TEST_P(FileDiskTest, NamesThePathItCannotOpen) {
  const Status missing = FileDisk::open(reactor_, folder_ + "/none", {}).status();
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_NE(missing.message().find(folder_ + "/none"), std::string::npos);
  EXPECT_EQ(FileDisk::open(reactor_, folder_, {}).status().is_ok(), false);
}

TEST_P(FileDiskTest, ManyThreadsShareOneDisk) {
  Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, folder_ + "/disk", {.create = true});
  ASSERT_TRUE(disk.is_ok());
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      DiskBuffer buffer(4096);
      for (uint64_t i = 0; i < 50; ++i) {
        const uint64_t offset = (t * 50 + i) * 4096;
        std::memset(buffer.data(), static_cast<int>(t + i + 1), buffer.size());
        if (!reactor_.run(write_at(disk->get(), offset, buffer.bytes())).is_ok()) ++failures;
        DiskBuffer read(4096);
        if (!reactor_.run(read_at(disk->get(), offset, read.bytes())).is_ok()) ++failures;
        if (!equal_bytes(buffer.bytes(), read.bytes())) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
}

TEST_P(FileDiskTest, AFileHeldByOneIsRefusedToOthersButReadersShare) {
  ASSERT_TRUE(FileDisk::open(reactor_, folder_ + "/disk", {.create = true}).is_ok());
  {
    const auto holder = FileDisk::open(reactor_, folder_ + "/disk", {.exclusive = true});
    ASSERT_TRUE(holder.is_ok());
    const Status second = FileDisk::open(reactor_, folder_ + "/disk", {.exclusive = true}).status();
    EXPECT_EQ(second.code(), Code::kBusy);
    EXPECT_NE(second.message().find("in use"), std::string::npos);
    EXPECT_EQ(FileDisk::open(reactor_, folder_ + "/disk", {.read_only = true, .exclusive = true}).code(), Code::kBusy);
  }
  const auto reader = FileDisk::open(reactor_, folder_ + "/disk", {.read_only = true, .exclusive = true});
  EXPECT_TRUE(reader.is_ok());
  EXPECT_TRUE(FileDisk::open(reactor_, folder_ + "/disk", {.read_only = true, .exclusive = true}).is_ok());
  EXPECT_EQ(FileDisk::open(reactor_, folder_ + "/disk", {.exclusive = true}).code(), Code::kBusy);
}

// A loop device over a file; "" where none may be made.
std::string make_loop_device(const std::string& file) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      ::popen(("PATH=$PATH:/sbin:/usr/sbin losetup --find --show " + file + " 2>/dev/null").c_str(), "r"), ::pclose);
  char line[64] = "";
  if (pipe == nullptr || std::fgets(line, sizeof line, pipe.get()) == nullptr) return {};
  line[std::strcspn(line, "\n")] = '\0';
  return line;
}

TEST_P(FileDiskTest, ABlockDeviceHasItsOwnSizeIsHeldAloneAndTakesDiscards) {
  const std::string file = folder_ + "/backing";
  ASSERT_TRUE(FileDisk::open(reactor_, file, {.create = true}).is_ok());
  std::filesystem::resize_file(file, 8 * kMiB);
  const std::string path = make_loop_device(file);
  if (path.empty()) {
    if (::geteuid() == 0 && ::access("/dev/loop-control", R_OK | W_OK) == 0) FAIL() << "no loop device";
    GTEST_SKIP() << "needs root and /dev/loop-control";
  }
  {
    Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, path, {.exclusive = true});
    ASSERT_TRUE(disk.is_ok()) << disk.status().to_string();
    EXPECT_TRUE((*disk)->is_block_device());
    EXPECT_EQ((*disk)->capacity(), 8 * kMiB);
    EXPECT_EQ(FileDisk::open(reactor_, path, {.exclusive = true}).code(), Code::kBusy);
    DiskBuffer written(kMiB), read(kMiB);
    std::memset(written.data(), 0x77, written.size());
    const Status status = reactor_.run(write_and_read(disk->get(), &written, &read));
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    EXPECT_TRUE(equal_bytes(written.bytes(), read.bytes()));
    EXPECT_EQ(reactor_.run(write_at(disk->get(), 8 * kMiB, written.bytes())).code(), Code::kNoSpace);
    struct stat before{}, after{};
    ASSERT_EQ(::stat(file.c_str(), &before), 0);
    ASSERT_TRUE(reactor_.run(discard_at(disk->get(), 8192, kMiB)).is_ok());
    ASSERT_EQ(::stat(file.c_str(), &after), 0);
    EXPECT_LT(after.st_blocks, before.st_blocks);
  }
  EXPECT_EQ(std::system(("PATH=$PATH:/sbin:/usr/sbin losetup --detach " + path).c_str()), 0);
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutIoUring, FileDiskTest, testing::Bool());

TEST(Directory, TellsASecondOpenerWhoHoldsIt) {
  const std::string path = testing::TempDir() + "directory_test_lock";
  std::filesystem::remove_all(path);
  Result<Directory> first = Directory::open(path, true);
  ASSERT_TRUE(first.is_ok());
  ASSERT_TRUE(first->lock("process 12 (daos)").is_ok());
  {
    Result<Directory> second = Directory::open(path, false);
    ASSERT_TRUE(second.is_ok());
    const Status status = second->lock("process 13");
    EXPECT_EQ(status.code(), Code::kBusy);
    EXPECT_NE(status.message().find("in use by process 12 (daos)"), std::string::npos) << status.message();
  }
  first = Directory::open(path, false);
  ASSERT_TRUE(first->lock("process 14").is_ok());
  std::filesystem::remove_all(path);
}

TEST(Directory, ReplacesAFileWhole) {
  const std::string path = testing::TempDir() + "directory_test_replace";
  std::filesystem::remove_all(path);
  Result<Directory> directory = Directory::open(path, true);
  ASSERT_TRUE(directory.is_ok());
  EXPECT_EQ(directory->read_file("a").code(), Code::kNotFound);
  ASSERT_TRUE(directory->replace_file("a", as_bytes("first")).is_ok());
  ASSERT_TRUE(directory->replace_file("a", as_bytes("second")).is_ok());
  const Result<Bytes> content = directory->read_file("a");
  ASSERT_TRUE(content.is_ok());
  EXPECT_EQ(as_text(*content), "second");
  const Result<std::vector<std::string>> names = directory->list();
  ASSERT_TRUE(names.is_ok());
  EXPECT_EQ(*names, std::vector<std::string>{"a"});
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace aeon
