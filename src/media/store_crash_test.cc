// Stops the world at every write of a mixed workload, loses what a power loss may lose, and opens the store again.
#include "store_workload_test.h"

namespace aeon::media {
namespace {

constexpr ByteCount kHardlyAnyMemory = 64 * kKiB;  // The log's buffers alone take more.

// Where the crash happens: at a write of this one of the machine's disks.
struct CrashedDisk {
  size_t index = 0;
  size_t data_disk_count = 0;
  bool is_memory = false;
};

void crash_at_write(uint64_t seed, uint64_t write, ByteCount memory_budget, CrashedDisk crashed, bool& reached_end) {
  SimDiskOptions disk;
  disk.capacity = 8 * kMiB;
  disk.unwritten_is_garbage = seed % 2 == 0;
  disk.is_memory = crashed.is_memory;
  TestMachine machine(seed, disk, crashed.data_disk_count);
  SimDisk& stopping = *machine.all_disks()[crashed.index];
  ASSERT_TRUE(machine.format().is_ok());
  History history;
  // Several lives: the last of them crashes at the write in question, the ones before at random ones.
  for (int life = 0; life < 3; ++life) {
    const Result<KeyBlockStore*> opened = machine.open(small_pages(memory_budget));
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    ASSERT_NO_FATAL_FAILURE(expect_recovered(machine, *opened, history));
    const bool is_last = life == 2;
    stopping.stop_at_write(is_last ? write : machine.random.between(1, 60));
    Random random = machine.random.fork();
    const std::optional<Status> ended = machine.scheduler.run_until_crash(
        *machine.process, work(machine.world.get(), *opened, &random, &history, Workload()));
    stopping.never_stop();
    if (ended) {
      ASSERT_TRUE(ended->is_ok()) << ended->to_string();
      if (is_last) reached_end = true;
      machine.crash();
    } else {
      machine.boot();
    }
  }
  // Opening writes too, and may crash as well.
  for (uint64_t at = 1; at <= 2; ++at) {
    const Result<Disk*> on = machine.store_disk();
    ASSERT_TRUE(on.is_ok()) << on.status().to_string();
    stopping.stop_at_write(at);
    machine.scheduler.run_until_crash(*machine.process,
                                      KeyBlockStore::open(*machine.world, **on, small_pages(memory_budget)));
    stopping.never_stop();
    if (machine.process->is_alive())
      machine.crash();
    else
      machine.boot();
  }
  const Result<KeyBlockStore*> opened = machine.open(small_pages(memory_budget));
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  ASSERT_NO_FATAL_FAILURE(expect_recovered(machine, *opened, history));
  Random random = machine.random.fork();
  const Status more = machine.run(work(machine.world.get(), *opened, &random, &history, Workload()));
  ASSERT_TRUE(more.is_ok()) << more.to_string();
  machine.boot();
  const Result<KeyBlockStore*> again = machine.open(small_pages(memory_budget));
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  ASSERT_NO_FATAL_FAILURE(expect_recovered(machine, *again, history));
}

// A fault of the disk ends the workload with an error at most; what was acknowledged survives, and what is in memory
// stays readable until then.
void fault_at_operation(uint64_t seed, SimDisk::Script fault, uint64_t operation, bool& was_hit) {
  const ByteCount memory_budget = seed % 2 == 0 ? 0 : kHardlyAnyMemory;
  SimDiskOptions disk;
  disk.capacity = 8 * kMiB;
  disk.is_memory = seed % 3 == 0;
  TestMachine machine(seed, disk);
  ASSERT_TRUE(machine.format().is_ok());
  const Result<KeyBlockStore*> opened = machine.open(small_pages(memory_budget));
  ASSERT_TRUE(opened.is_ok());
  History history;
  Random random = machine.random.fork();
  machine.disk.script(fault, operation);
  Workload workload;
  workload.closes = false;
  const Status ended = machine.run(work(machine.world.get(), *opened, &random, &history, workload));
  uint64_t hits = 0;
  for (const auto& [name, count] : machine.scheduler.fault_counts().all()) hits += count;
  was_hit = hits != 0;
  if (!was_hit) return;  // The workload has fewer operations.
  if (ended.is_ok()) {
    const Result<StoreModel> found = machine.run(read_all(*opened));
    ASSERT_TRUE(found.is_ok());
    ASSERT_EQ(*found, history.states.back());
  } else {
    ASSERT_TRUE(ended.code() == Code::kReadOnly || ended.code() == Code::kNoSpace || ended.code() == Code::kIo)
        << ended.to_string();
    ASSERT_FALSE(ended.message().empty());
  }
  machine.crash();
  const Result<KeyBlockStore*> again = machine.open(small_pages(memory_budget));
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  ASSERT_NO_FATAL_FAILURE(expect_recovered(machine, *again, history));
}

void fault_everywhere(SimDisk::Script fault) {
  for_each_seed(
      [fault](uint64_t seed) {
        bool was_hit = true;
        uint64_t operation = 0;
        for (; was_hit && !::testing::Test::HasFailure(); operation += kCaseStep) {
          SCOPED_TRACE("operation " + std::to_string(operation));
          fault_at_operation(seed, fault, operation, was_hit);
        }
        EXPECT_GT(operation, 3u);
      },
      3);
}

TEST(StoreFault, NoSpaceAtEveryWriteLosesNothing) { fault_everywhere(SimDisk::Script::kNoSpace); }
TEST(StoreFault, AnErrorOfEveryWriteLosesNothing) { fault_everywhere(SimDisk::Script::kWriteError); }
TEST(StoreFault, AnErrorOfEveryFlushLosesNothing) { fault_everywhere(SimDisk::Script::kFlushError); }

TEST(StoreCrash, AtEveryWriteKeepsWhatWasAcknowledgedAndNothingHalf) {
  for_each_seed(
      [](uint64_t seed) {
        bool reached_end = false;
        for (uint64_t write = 1; !reached_end && !::testing::Test::HasFailure(); write += kCaseStep) {
          SCOPED_TRACE("write " + std::to_string(write));
          crash_at_write(seed, write, 0, {}, reached_end);
        }
      },
      3);
}

// One for the log, two for data: each loses what it may lose for itself.
TEST(StoreCrash, AtEveryWriteOfEachOfThreeDevicesKeepsWhatWasAcknowledged) {
  for_each_seed(
      [](uint64_t seed) {
        for (size_t index = 0; index < 3; ++index) {
          bool reached_end = false;
          for (uint64_t write = 1; !reached_end && !::testing::Test::HasFailure(); write += kCaseStep) {
            SCOPED_TRACE("disk " + std::to_string(index) + ", write " + std::to_string(write));
            crash_at_write(seed, write, seed % 2 == 0 ? 0 : kHardlyAnyMemory, {index, 2}, reached_end);
          }
        }
      },
      1);
}

// Frames are written where somebody waits for them, and nothing completes later.
TEST(StoreCrash, AtEveryWriteInMemoryKeepsWhatWasAcknowledged) {
  for_each_seed(
      [](uint64_t seed) {
        for (const size_t data_disk_count : {0, 2}) {
          bool reached_end = false;
          for (uint64_t write = 1; !reached_end && !::testing::Test::HasFailure(); write += kCaseStep) {
            SCOPED_TRACE("write " + std::to_string(write) + ", data disks " + std::to_string(data_disk_count));
            crash_at_write(seed, write, 0, {write % (data_disk_count + 1), data_disk_count, true}, reached_end);
          }
        }
      },
      2);
}

// Every page goes as soon as it can, and every few batches a checkpoint runs.
TEST(StoreCrash, AtEveryWriteWithHardlyAnyMemoryKeepsWhatWasAcknowledged) {
  for_each_seed(
      [](uint64_t seed) {
        bool reached_end = false;
        for (uint64_t write = 1; !reached_end && !::testing::Test::HasFailure(); write += kCaseStep) {
          SCOPED_TRACE("write " + std::to_string(write));
          crash_at_write(seed, write, kHardlyAnyMemory, {}, reached_end);
        }
      },
      1);
}

}  // namespace
}  // namespace aeon::media
