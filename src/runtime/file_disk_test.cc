#include "runtime/file_disk.h"

#include <gtest/gtest.h>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "runtime/directory.h"
#include "runtime/random.h"
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

// In /dev/shm, gone when the test is.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& folder)
      : path_("/dev/shm/" + std::filesystem::path(folder).filename().string()) {
    std::filesystem::remove(path_);
  }
  ~MemoryFile() { std::filesystem::remove(path_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

DiskBuffer filled(size_t size, int with) {
  DiskBuffer buffer(size);
  std::memset(buffer.data(), with, size);
  return buffer;
}

TEST_P(FileDiskTest, AFileInMemoryIsSeenWhereItLies) {
  const MemoryFile file(folder_);
  const DiskBuffer old_bytes = filled(64 * kKiB, 7), new_bytes = filled(4096, 8);
  {
    Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, file.path(), {.create = true});
    ASSERT_TRUE(disk.is_ok()) << disk.status().to_string();
    EXPECT_TRUE((*disk)->is_memory());
    EXPECT_TRUE((*disk)->view(0, 4096).empty());  // There is nothing of the file yet.
    ASSERT_TRUE(reactor_.run(write_at(disk->get(), 8192, old_bytes.bytes())).is_ok());
    EXPECT_TRUE(equal_bytes((*disk)->view(8192, 64 * kKiB), old_bytes.bytes()));
    ASSERT_TRUE(reactor_.run(write_at(disk->get(), 12288, new_bytes.bytes())).is_ok());
    EXPECT_TRUE(equal_bytes((*disk)->view(12288, 4096), new_bytes.bytes()));
    EXPECT_TRUE(equal_bytes((*disk)->view(16384, 4096), old_bytes.bytes().first(4096)));
    EXPECT_TRUE((*disk)->view(8192, 1000).empty());
    EXPECT_TRUE((*disk)->view(100, 4096).empty());
    EXPECT_TRUE((*disk)->view(0, kGiB).empty());
    EXPECT_TRUE((*disk)->view(~uint64_t{4095}, 8192).empty());
  }
  const auto again = FileDisk::open(reactor_, file.path(), {.read_only = true});
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  EXPECT_TRUE(equal_bytes((*again)->view(12288, 4096), new_bytes.bytes()));
  EXPECT_TRUE(equal_bytes((*again)->view(16384, 8192), old_bytes.bytes().first(8192)));
}

TEST_P(FileDiskTest, AFileInMemoryIsSeenHoweverFarItGrows) {
  constexpr uint64_t kStep = 8 * kMiB;
  constexpr int kSteps = 20;  // More than was mapped at first.
  const MemoryFile file(folder_);
  Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, file.path(), {.create = true});
  ASSERT_TRUE(disk.is_ok());
  for (int i = 0; i < kSteps; ++i) {
    ASSERT_TRUE(reactor_.run(write_at(disk->get(), i * kStep, filled(4096, i + 1).bytes())).is_ok());
    for (int j = 0; j <= i; ++j) {
      ASSERT_TRUE(equal_bytes((*disk)->view(j * kStep, 4096), filled(4096, j + 1).bytes())) << i << " " << j;
    }
  }
}

// Against the plainest model there is: bytes.
TEST_P(FileDiskTest, AFileInMemoryHasWhatWasWrittenLast) {
  constexpr uint64_t kBlocks = 200;
  constexpr uint64_t kBlocksMax = 90;  // More than the bits of a word.
  const MemoryFile file(folder_);
  std::vector<uint8_t> model(kBlocks, 0);  // One for all bytes of a block.
  Random random(GetParam() ? 1 : 2);
  Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, file.path(), {.create = true});
  ASSERT_TRUE(disk.is_ok());
  for (int step = 0; step < 4000; ++step) {
    const uint64_t first = random.below(kBlocks);
    const uint64_t count = std::min(kBlocks - first, 1 + random.below(random.one_in(4) ? kBlocksMax : 3));
    const auto fill = static_cast<uint8_t>(step);
    switch (random.below(8)) {
      case 0:
        ASSERT_TRUE(reactor_.run(discard_at(disk->get(), first * 4096, count * 4096)).is_ok());
        std::fill_n(model.begin() + static_cast<ptrdiff_t>(first), count, uint8_t{0});
        continue;
      case 1:
      case 2:
        ASSERT_TRUE(reactor_.run(write_at(disk->get(), first * 4096, filled(count * 4096, fill).bytes())).is_ok());
        std::fill_n(model.begin() + static_cast<ptrdiff_t>(first), count, fill);
        continue;
      case 3:
        if (!random.one_in(40)) break;
        disk->reset();
        disk = FileDisk::open(reactor_, file.path(), {.capacity = kGiB});
        ASSERT_TRUE(disk.is_ok());
        break;
      default: break;
    }
    DiskBuffer read(count * 4096);
    ByteView seen = (*disk)->view(first * 4096, count * 4096);
    if (seen.empty() || random.one_in(2)) {
      ASSERT_TRUE(reactor_.run(read_at(disk->get(), first * 4096, read.bytes())).is_ok());
      seen = read.bytes();
    }
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(seen[i * 4096], std::byte{model[first + i]}) << step;
      ASSERT_EQ(seen[i * 4096 + 4095], std::byte{model[first + i]}) << step;
    }
  }
}

// To touch a page that memory has no room for would end the process.
TEST_P(FileDiskTest, AHoleThatMemoryHasNoRoomForIsReadAsZerosAndNotSeen) {
  const std::string mounted = folder_ + "/mounted";
  std::filesystem::create_directories(mounted);
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=256k") != 0) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    GTEST_SKIP() << "may not mount";
  }
  {
    const DiskBuffer data = filled(64 * kKiB, 5);
    std::FILE* const sparse = std::fopen((mounted + "/disk").c_str(), "w");
    ASSERT_NE(sparse, nullptr);
    EXPECT_EQ(::ftruncate(::fileno(sparse), 1 << 20), 0);
    EXPECT_EQ(std::fclose(sparse), 0);
    Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(reactor_, mounted + "/disk", {});
    ASSERT_TRUE(disk.is_ok()) << disk.status().to_string();
    ASSERT_TRUE(reactor_.run(write_at(disk->get(), 0, data.bytes())).is_ok());
    Result<std::unique_ptr<FileDisk>> rest = FileDisk::open(reactor_, mounted + "/rest", {.create = true});
    ASSERT_TRUE(rest.is_ok());
    uint64_t offset = 0;
    while (reactor_.run(write_at(rest->get(), offset, data.bytes().first(4096))).is_ok()) offset += 4096;
    EXPECT_GT(offset, 0u);

    EXPECT_TRUE(equal_bytes((*disk)->view(0, 64 * kKiB), data.bytes()));
    EXPECT_TRUE((*disk)->view(512 * kKiB, 4096).empty());
    DiskBuffer read = filled(64 * kKiB, 9);
    ASSERT_TRUE(reactor_.run(read_at(disk->get(), 512 * kKiB, read.bytes())).is_ok());
    EXPECT_TRUE(equal_bytes(read.bytes(), DiskBuffer(64 * kKiB).bytes()));
    EXPECT_EQ(reactor_.run(write_at(disk->get(), 512 * kKiB, data.bytes())).code(), Code::kNoSpace);
    // What is there may be overwritten, and what was discarded isn't there any more.
    EXPECT_TRUE(reactor_.run(write_at(disk->get(), 0, read.bytes())).is_ok());
    ASSERT_TRUE(reactor_.run(discard_at(disk->get(), 0, 4096)).is_ok());
    ASSERT_TRUE(reactor_.run(write_at(rest->get(), offset, data.bytes().first(4096))).is_ok());
    EXPECT_TRUE((*disk)->view(0, 8192).empty());
    EXPECT_EQ((*disk)->view(4096, 4096).size(), 4096u);
  }
  EXPECT_EQ(::umount(mounted.c_str()), 0);
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
