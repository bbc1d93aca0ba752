// A process that writes to a local system is killed at any moment; the next one opens it and finds all that was
// acknowledged.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "client/array.h"
#include "client/key_value.h"
#include "local/local_system.h"

namespace aeon {
namespace {

namespace fs = std::filesystem;
using client::Access;

constexpr ObjectId kValues{.hi = 0, .lo = 1};
constexpr ObjectId kArray{.hi = 0, .lo = 2};
constexpr size_t kCellsPerWrite = 10'000;

local::OpenOptions options() {
  local::OpenOptions open;
  open.create_if_missing = true;
  open.create.log_size = kMiB;  // Small, so that checkpoints are among what is interrupted.
  return open;
}

Bytes cells_of(uint64_t number) {
  Bytes cells(kCellsPerWrite);
  for (size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<std::byte>(number * 7 + i);
  return cells;
}

struct Opened {
  std::shared_ptr<local::LocalSystem> system;
  std::shared_ptr<client::Pool> pool;
  std::shared_ptr<client::Container> container;
};

Status open_all(const std::string& directory, Opened& opened) {
  TRY_ASSIGN(opened.system, local::LocalSystem::open(directory, options()));
  TRY_ASSIGN(opened.pool, opened.system->run(opened.system->connect_pool("default", Access::kReadWrite)));
  client::ContainerSpec spec;
  spec.label = "c";
  const auto created = opened.system->run(opened.pool->create_container(spec));
  if (!created.is_ok() && created.code() != Code::kExists) return created.status();
  TRY_ASSIGN(opened.container, opened.system->run(opened.pool->open_container("c", Access::kReadWrite)));
  return ok();
}

// Writes value, cells and a number from `first` on, for ever; reports each on `report` once it is acknowledged.
[[noreturn]] void write_until_killed(const std::string& directory, uint64_t first, int report) {
  Opened opened;
  if (!open_all(directory, opened).is_ok()) _exit(2);
  client::KeyValue values(opened.container, kValues);
  client::Array array(opened.container, kArray, 1, 4096);
  for (uint64_t number = first;; ++number) {
    const std::string text = std::to_string(number);
    if (!opened.system->run(values.put(text, as_bytes("value " + text))).is_ok()) _exit(3);
    const Bytes cells = cells_of(number);
    const client::CellRange range{.index = number * kCellsPerWrite, .count = kCellsPerWrite};
    if (!opened.system->run(array.write({range}, {cells})).is_ok()) _exit(4);
    const auto object = opened.system->run(opened.container->allocate_object_numbers(1));
    if (!object.is_ok()) _exit(5);
    const uint64_t done[2] = {number, *object};
    if (write(report, done, sizeof done) != sizeof done) _exit(6);
  }
}

class KillTest : public ::testing::Test {
 protected:
  KillTest() {
    std::string pattern = (fs::temp_directory_path() / "aeon-kill-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) scratch_ = pattern;
  }
  ~KillTest() override { fs::remove_all(scratch_); }

  // One writer's life. Updates what was acknowledged in all.
  void write_and_kill(std::chrono::milliseconds life) {
    int report[2];
    ASSERT_EQ(pipe(report), 0);
    const pid_t writer = fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) {
      close(report[0]);
      write_until_killed(scratch_ + "/store", acknowledged_, report[1]);
    }
    close(report[1]);
    std::this_thread::sleep_for(life);
    kill(writer, SIGKILL);
    int status = 0;
    waitpid(writer, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer failed with exit code " << WEXITSTATUS(status);
    uint64_t done[2];
    while (read(report[0], done, sizeof done) == sizeof done) {
      acknowledged_ = done[0] + 1;
      EXPECT_GT(done[1], newest_number_) << "an object number was given out twice";
      newest_number_ = std::max(newest_number_, done[1]);
    }
    close(report[0]);
  }

  void verify() {
    Opened opened;
    const Status status = open_all(scratch_ + "/store", opened);
    ASSERT_TRUE(status.is_ok()) << status.to_string();
    client::KeyValue values(opened.container, kValues);
    client::Array array(opened.container, kArray, 1, 4096);
    for (uint64_t number = 0; number < acknowledged_; ++number) {
      const std::string text = std::to_string(number);
      const auto value = opened.system->run(values.get(text));
      ASSERT_TRUE(value.is_ok()) << text << ": " << value.status().to_string();
      ASSERT_EQ(as_text(*value), "value " + text);
      Bytes cells(kCellsPerWrite);
      const client::CellRange range{.index = number * kCellsPerWrite, .count = kCellsPerWrite};
      const auto read = opened.system->run(array.read({range}, {cells}));
      ASSERT_TRUE(read.is_ok()) << text << ": " << read.status().to_string();
      ASSERT_EQ(cells, cells_of(number)) << text;
    }
  }

  std::string scratch_;
  uint64_t acknowledged_ = 0;
  uint64_t newest_number_ = 0;
};

TEST_F(KillTest, WhatWasAcknowledgedIsThereAfterEachKill) {
  for (const int life_ms : {3, 40, 150, 7, 300, 90, 20, 250}) {
    write_and_kill(std::chrono::milliseconds(life_ms));
    verify();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(acknowledged_, 10u) << "hardly anything was written, so that this showed nothing";
}

}  // namespace
}  // namespace aeon
