#include "sim/sim_disk.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <set>

#include "sim/for_each_seed.h"

namespace aeon {
namespace {

using Script = SimDisk::Script;

Task<Status> await_op(Disk* disk, DiskOp::Kind kind, uint64_t offset, MutableBytes memory) {
  DiskOp op(*disk, kind, offset, memory.data(), memory.size());
  Status status = co_await op;
  co_return status;
}

// A disk and the process that uses it, one operation after another.
class Rig {
 public:
  explicit Rig(uint64_t seed, SimDiskOptions options = {}) : scheduler(seed), disk(scheduler, std::move(options)) {
    boot();
  }

  void boot() {
    process = &scheduler.new_process("p");
    disk.attach(*process);
  }
  void crash() {
    scheduler.crash(*process);
    boot();
  }
  Status run(DiskOp::Kind kind, uint64_t offset, MutableBytes memory) {
    return scheduler.run(*process, await_op(&disk, kind, offset, memory));
  }
  // Every sector of the block says `stamp`.
  Status write(uint64_t block, uint64_t stamp, DiskOp::Kind kind = DiskOp::Kind::kWrite) {
    DiskBuffer buffer(kDiskBlockSize);
    fill(buffer, stamp);
    return run(kind, block * kDiskBlockSize, buffer.bytes());
  }
  Status write_durable(uint64_t block, uint64_t stamp) { return write(block, stamp, DiskOp::Kind::kWriteDurable); }
  Status flush() { return run(DiskOp::Kind::kFlush, 0, {}); }
  Status discard(uint64_t block, uint64_t count) {
    DiskOp op(disk, DiskOp::Kind::kDiscard, block * kDiskBlockSize, nullptr, count * kDiskBlockSize);
    return scheduler.run(*process, await_existing(&op));
  }
  // The stamps of the block's sectors.
  std::vector<uint64_t> sectors(uint64_t block) {
    DiskBuffer buffer(kDiskBlockSize);
    EXPECT_TRUE(run(DiskOp::Kind::kRead, block * kDiskBlockSize, buffer.bytes()).is_ok());
    std::vector<uint64_t> stamps;
    for (size_t at = 0; at < kDiskBlockSize; at += kDiskSectorSize)
      stamps.push_back(load_le<uint64_t>(buffer.data() + at));
    return stamps;
  }
  bool holds(uint64_t block, uint64_t stamp) { return sectors(block) == std::vector<uint64_t>(8, stamp); }
  static void fill(DiskBuffer& buffer, uint64_t stamp) {
    for (size_t at = 0; at < buffer.size(); at += 8) store_le(buffer.data() + at, stamp);
  }
  static Task<Status> await_existing(DiskOp* op) {
    Status status = co_await *op;
    co_return status;
  }

  SimScheduler scheduler;
  SimDisk disk;
  SimExecutor* process = nullptr;
};

TEST(SimDisk, ReadsBackWhatWasWritten) {
  Rig rig(1);
  EXPECT_TRUE(rig.holds(7, 0));
  EXPECT_TRUE(rig.write(7, 1).is_ok());
  EXPECT_TRUE(rig.holds(7, 1));
  EXPECT_TRUE(rig.write(7, 2).is_ok());
  EXPECT_TRUE(rig.holds(7, 2));
  EXPECT_TRUE(rig.write_durable(7, 3).is_ok());
  EXPECT_TRUE(rig.holds(7, 3));
  EXPECT_EQ(rig.disk.write_event_count(), 3u);
}

TEST(SimDisk, RefusesUnalignedAndOutsideOperations) {
  Rig rig(1, {.capacity = 10 * kDiskBlockSize});
  DiskBuffer buffer(2 * kDiskBlockSize);
  const auto code = [&](uint64_t offset, MutableBytes memory) {
    return rig.run(DiskOp::Kind::kRead, offset, memory).code();
  };
  EXPECT_EQ(code(8 * kDiskBlockSize, buffer.bytes()), Code::kOk);
  EXPECT_EQ(code(9 * kDiskBlockSize, buffer.bytes()), Code::kInvalidArgument);
  EXPECT_EQ(code(~uint64_t{4095}, buffer.bytes()), Code::kInvalidArgument);
  EXPECT_EQ(code(512, buffer.bytes()), Code::kInvalidArgument);
  EXPECT_EQ(code(0, buffer.bytes().subspan(0, 512)), Code::kInvalidArgument);
  EXPECT_EQ(code(0, buffer.bytes().subspan(512, kDiskBlockSize)), Code::kInvalidArgument);
}

TEST(SimDisk, CompletesInsideSubmitWithoutLatency) {
  Rig rig(1, {.latency = SimDiskLatency::none()});
  const uint64_t steps = rig.scheduler.step_count();
  EXPECT_TRUE(rig.write(1, 1).is_ok());
  EXPECT_EQ(rig.scheduler.step_count(), steps + 1);
}

// Per sector, what a crash may leave: the newest promised stamp and everything written after it.
class SectorModel {
 public:
  void write(uint64_t block, uint64_t stamp, bool is_durable) {
    std::vector<uint64_t>& stamps = allowed_.try_emplace(block, 1, 0).first->second;
    if (is_durable) stamps.clear();
    stamps.push_back(stamp);
  }
  void flush() {
    for (auto& [block, stamps] : allowed_) stamps = {stamps.back()};
  }
  bool allows(uint64_t block, uint64_t stamp) const {
    const auto found = allowed_.find(block);
    if (found == allowed_.end()) return stamp == 0;
    return std::find(found->second.begin(), found->second.end(), stamp) != found->second.end();
  }
  uint64_t newest(uint64_t block) const {
    const auto found = allowed_.find(block);
    return found == allowed_.end() ? 0 : found->second.back();
  }
  bool is_settled(uint64_t block) const {
    const auto found = allowed_.find(block);
    return found == allowed_.end() || found->second.size() == 1;
  }

 private:
  std::map<uint64_t, std::vector<uint64_t>> allowed_;
};

constexpr uint64_t kBlocks = 12;

SIMULATION(SimDiskProperty, ACrashLeavesOnlyWhatTheContractAllows) {
  Rig rig(seed);
  Random random(seed * 7919);
  SectorModel model;
  uint64_t stamp = 0;
  for (int round = 0; round < 5; ++round) {
    const uint64_t op_count = random.below(60);
    for (uint64_t i = 0; i < op_count; ++i) {
      const uint64_t block = random.below(kBlocks);
      if (random.one_in(12)) {
        ASSERT_TRUE(rig.flush().is_ok());
        model.flush();
      } else {
        const bool is_durable = random.one_in(4);
        ASSERT_TRUE(rig.write(block, ++stamp, is_durable ? DiskOp::Kind::kWriteDurable : DiskOp::Kind::kWrite).is_ok());
        model.write(block, stamp, is_durable);
      }
      ASSERT_TRUE(rig.holds(block, model.newest(block)));
    }
    const DiskImage possible = rig.disk.image_after_crash(random);
    rig.crash();
    SectorModel after;
    for (uint64_t block = 0; block < kBlocks; ++block) {
      const std::vector<uint64_t> sectors = rig.sectors(block);
      for (size_t sector = 0; sector < sectors.size(); ++sector) {
        ASSERT_TRUE(model.allows(block, sectors[sector])) << "block " << block << " sector " << sector;
        std::array<std::byte, 8> found{};
        possible.read(block * kDiskBlockSize + sector * kDiskSectorSize, found);
        ASSERT_TRUE(model.allows(block, load_le<uint64_t>(found.data())));
      }
      // What the crash left stays: write it again, so that the model knows.
      ASSERT_TRUE(rig.write_durable(block, ++stamp).is_ok());
      after.write(block, stamp, true);
    }
    model = after;
  }
}

TEST(SimDisk, ACrashLosesKeepsAndTearsEachUnflushedWrite) {
  bool lost = false, kept = false, torn = false, later_without_earlier = false, earlier_without_later = false;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rig rig(seed);
    ASSERT_TRUE(rig.write(1, 11).is_ok());
    ASSERT_TRUE(rig.write(2, 22).is_ok());
    rig.crash();
    const bool first = rig.holds(1, 11), second = rig.holds(2, 22);
    lost |= rig.holds(1, 0);
    kept |= first;
    torn |= !first && !rig.holds(1, 0);
    later_without_earlier |= second && rig.holds(1, 0);
    earlier_without_later |= first && rig.holds(2, 0);
  }
  EXPECT_TRUE(lost && kept && torn && later_without_earlier && earlier_without_later);
}

TEST(SimDisk, ADurableWriteIsNotUndoneByAnOlderCachedOne) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rig rig(seed);
    ASSERT_TRUE(rig.write(1, 1).is_ok());
    ASSERT_TRUE(rig.write_durable(1, 2).is_ok());
    if (seed % 2 == 0) {
      ASSERT_TRUE(rig.flush().is_ok());
    }
    rig.crash();
    ASSERT_TRUE(rig.holds(1, 2)) << seed;
  }
}

Task<void> note_flush(SimDisk* disk, bool* flushed) {
  const Status status = co_await disk->flush();
  *flushed = status.is_ok();
}

Task<void> write_during_a_flush(SimDisk* disk, SimExecutor* executor, bool* flushed) {
  executor->spawn(note_flush(disk, flushed));
  co_await sleep_for(*executor, std::chrono::milliseconds(1));
  DiskBuffer buffer(kDiskBlockSize);
  Rig::fill(buffer, 5);
  const Status status = co_await disk->write(kDiskBlockSize, buffer.bytes());
  EXPECT_TRUE(status.is_ok());
  EXPECT_FALSE(*flushed);
  co_await sleep_for(*executor, std::chrono::milliseconds(20));
  EXPECT_TRUE(*flushed);
}

TEST(SimDisk, AFlushPromisesNothingAboutAWriteThatCompletedWhileItRan) {
  SimDiskLatency latency;
  latency.write_min = latency.write_max = std::chrono::microseconds(1);
  latency.flush_min = latency.flush_max = std::chrono::milliseconds(10);
  latency.inline_probability = 0;
  bool lost = false;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rig rig(seed, {.latency = latency});
    bool flushed = false;
    rig.scheduler.run(*rig.process, write_during_a_flush(&rig.disk, rig.process, &flushed));
    rig.crash();
    lost |= rig.holds(1, 0);
  }
  EXPECT_TRUE(lost);
}

TEST(SimDisk, AKillKeepsCompletedWrites) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rig rig(seed);
    ASSERT_TRUE(rig.write(1, 1).is_ok());
    rig.scheduler.kill(*rig.process);
    rig.boot();
    ASSERT_TRUE(rig.holds(1, 1));
  }
}

Task<void> write_ten(SimDisk* disk, uint64_t* acknowledged) {
  DiskBuffer buffer(kDiskBlockSize);
  for (uint64_t i = 0; i < 10; ++i) {
    Rig::fill(buffer, i + 1);
    const Status status = co_await disk->write_durable(i * kDiskBlockSize, buffer.bytes());
    EXPECT_TRUE(status.is_ok());
    ++*acknowledged;
  }
}

TEST(SimDisk, StopsTheWorldAtAnyWrite) {
  std::set<bool> last_survived;
  for (uint64_t cut = 1; cut <= 11; ++cut) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      Rig rig(seed);
      rig.disk.stop_at_write(cut);
      uint64_t acknowledged = 0;
      const bool ended = rig.scheduler.run_until_crash(*rig.process, write_ten(&rig.disk, &acknowledged));
      ASSERT_EQ(ended, cut == 11);
      ASSERT_EQ(acknowledged, cut - 1);
      if (ended) rig.scheduler.crash(*rig.process);
      rig.boot();
      for (uint64_t i = 0; i < acknowledged; ++i) ASSERT_TRUE(rig.holds(i, i + 1));
      for (uint64_t i = cut; i < 10; ++i) ASSERT_TRUE(rig.holds(i, 0));
      if (cut < 11) last_survived.insert(rig.holds(cut - 1, cut));
    }
  }
  EXPECT_EQ(last_survived.size(), 2u);
}

TEST(SimDisk, MayStopTheWorldByAKillThatKeepsWhatHadCompleted) {
  Rig rig(1);
  ASSERT_TRUE(rig.write(20, 7).is_ok());  // Never flushed.
  rig.disk.stop_at_write(3, SimScheduler::End::kKill);
  uint64_t acknowledged = 0;
  ASSERT_FALSE(rig.scheduler.run_until_crash(*rig.process, write_ten(&rig.disk, &acknowledged)));
  rig.boot();
  EXPECT_EQ(acknowledged, 2u);
  EXPECT_TRUE(rig.holds(20, 7));
  EXPECT_EQ(rig.disk.unflushed_count(), 1u + (rig.holds(2, 0) ? 0 : 1));
}

TEST(SimDisk, ShowsEachWriteEventToAnObserver) {
  Rig rig(1);
  std::vector<uint64_t> events;
  std::vector<size_t> blocks;
  rig.disk.on_write_event([&](uint64_t event) {
    events.push_back(event);
    blocks.push_back(rig.disk.image().block_count());
  });
  ASSERT_TRUE(rig.write(1, 1).is_ok());
  ASSERT_TRUE(rig.flush().is_ok());
  EXPECT_TRUE(rig.holds(1, 1));
  EXPECT_EQ(events, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(blocks, (std::vector<size_t>{0, 1}));
}

// --- Faults, one by one ---

uint64_t count(const Rig& rig, std::string_view name) {
  return const_cast<Rig&>(rig).scheduler.fault_counts().count(name);
}

TEST(SimDiskFaults, BitRotStays) {
  Rig rig(1);
  ASSERT_TRUE(rig.write_durable(1, 9).is_ok());
  rig.disk.script(Script::kBitRot);
  const DiskImage before = rig.disk.image();
  DiskBuffer first(kDiskBlockSize), second(kDiskBlockSize);
  ASSERT_TRUE(rig.run(DiskOp::Kind::kRead, kDiskBlockSize, first.bytes()).is_ok());
  ASSERT_TRUE(rig.run(DiskOp::Kind::kRead, kDiskBlockSize, second.bytes()).is_ok());
  EXPECT_FALSE(rig.disk.image() == before);
  EXPECT_TRUE(equal_bytes(first.bytes(), second.bytes()));
  EXPECT_EQ(count(rig, "disk_bit_rot"), 1u);
}

TEST(SimDiskFaults, ATransientFlipIsGoneAtTheNextRead) {
  Rig rig(1);
  ASSERT_TRUE(rig.write_durable(1, 9).is_ok());
  rig.disk.script(Script::kTransientFlip);
  DiskBuffer buffer(kDiskBlockSize), expected(kDiskBlockSize);
  Rig::fill(expected, 9);
  ASSERT_TRUE(rig.run(DiskOp::Kind::kRead, kDiskBlockSize, buffer.bytes()).is_ok());
  EXPECT_FALSE(equal_bytes(buffer.bytes(), expected.bytes()));
  ASSERT_TRUE(rig.run(DiskOp::Kind::kRead, kDiskBlockSize, buffer.bytes()).is_ok());
  EXPECT_TRUE(equal_bytes(buffer.bytes(), expected.bytes()));
}

TEST(SimDiskFaults, AStaleReadMissesTheLastWriteOnce) {
  Rig rig(1);
  ASSERT_TRUE(rig.write(1, 1).is_ok());
  rig.disk.script(Script::kStaleRead);
  ASSERT_TRUE(rig.write(1, 2).is_ok());
  EXPECT_TRUE(rig.holds(1, 1));
  EXPECT_TRUE(rig.holds(1, 2));
  EXPECT_EQ(count(rig, "disk_stale_read"), 1u);
}

TEST(SimDiskFaults, ALostWriteIsAcknowledged) {
  Rig rig(1);
  ASSERT_TRUE(rig.write(1, 1).is_ok());
  rig.disk.script(Script::kLostWrite, 1);
  ASSERT_TRUE(rig.write(2, 2).is_ok());
  ASSERT_TRUE(rig.write(1, 3).is_ok());
  EXPECT_TRUE(rig.holds(2, 2));
  EXPECT_TRUE(rig.holds(1, 1));
}

TEST(SimDiskFaults, AMisdirectedWriteLandsElsewhere) {
  Rig rig(1);
  for (uint64_t block = 0; block < 4; ++block) ASSERT_TRUE(rig.write_durable(block, 1).is_ok());
  bool elsewhere = false;
  for (int i = 0; i < 10 && !elsewhere; ++i) {
    rig.disk.script(Script::kMisdirectedWrite);
    ASSERT_TRUE(rig.write(2, 100).is_ok());
    elsewhere = !rig.holds(2, 100);
  }
  EXPECT_TRUE(elsewhere);
  EXPECT_TRUE(rig.holds(0, 100) || rig.holds(1, 100) || rig.holds(3, 100));
}

TEST(SimDiskFaults, ATornWriteIsAcknowledged) {
  bool torn = false;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Rig rig(seed);
    rig.disk.script(Script::kTornWrite);
    ASSERT_TRUE(rig.write_durable(1, 1).is_ok());
    torn |= !rig.holds(1, 1) && !rig.holds(1, 0);
  }
  EXPECT_TRUE(torn);
}

TEST(SimDiskFaults, ABadSectorFailsReadsUntilItIsWritten) {
  Rig rig(1);
  ASSERT_TRUE(rig.write(1, 1).is_ok());
  DiskBuffer buffer(kDiskBlockSize);
  rig.disk.script(Script::kSectorError);
  const auto read = [&] { return rig.run(DiskOp::Kind::kRead, kDiskBlockSize, buffer.bytes()).code(); };
  EXPECT_EQ(read(), Code::kIo);
  EXPECT_EQ(read(), Code::kIo);
  ASSERT_TRUE(rig.write(1, 2).is_ok());
  EXPECT_EQ(read(), Code::kOk);
  rig.disk.break_sector(kDiskBlockSize + kDiskSectorSize);
  EXPECT_EQ(read(), Code::kIo);
}

TEST(SimDiskFaults, ErrorsComeOnceEach) {
  Rig rig(1);
  rig.disk.script(Script::kReadError);
  rig.disk.script(Script::kWriteError);
  rig.disk.script(Script::kFlushError);
  rig.disk.script(Script::kNoSpace, 1);
  DiskBuffer buffer(kDiskBlockSize);
  EXPECT_EQ(rig.run(DiskOp::Kind::kRead, 0, buffer.bytes()).code(), Code::kIo);
  EXPECT_EQ(rig.run(DiskOp::Kind::kRead, 0, buffer.bytes()).code(), Code::kOk);
  EXPECT_EQ(rig.write(1, 1).code(), Code::kIo);
  EXPECT_EQ(rig.write(1, 1).code(), Code::kNoSpace);
  EXPECT_EQ(rig.write(1, 1).code(), Code::kOk);
  EXPECT_EQ(rig.flush().code(), Code::kIo);
  EXPECT_EQ(rig.flush().code(), Code::kOk);
  for (const char* name : {"disk_read_error", "disk_write_error", "disk_flush_error", "disk_full"}) {
    EXPECT_EQ(count(rig, name), 1u) << name;
  }
}

TEST(SimDiskFaults, AfterAFailedFlushCachedWritesMayBeGoneForGood) {
  bool gone = false;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rig rig(seed);
    ASSERT_TRUE(rig.write(1, 1).is_ok());
    rig.disk.script(Script::kFlushError);
    ASSERT_EQ(rig.flush().code(), Code::kIo);
    ASSERT_TRUE(rig.flush().is_ok());
    gone |= rig.holds(1, 0);
  }
  EXPECT_TRUE(gone);
}

TEST(SimDiskFaults, SlowOperationsTakeLong) {
  Rig rig(1, {.latency = {.write_min = std::chrono::milliseconds(1), .write_max = std::chrono::milliseconds(1)}});
  rig.disk.script(Script::kSlow);
  ASSERT_TRUE(rig.write(1, 1).is_ok());
  EXPECT_GE(rig.scheduler.elapsed(), std::chrono::milliseconds(100));
}

TEST(SimDiskFaults, AFullDiskTakesOverwritesAndHasRoomAfterADiscard) {
  Rig rig(1, {.space = 2 * kDiskBlockSize});
  ASSERT_TRUE(rig.write(1, 1).is_ok());
  ASSERT_TRUE(rig.write(5, 1).is_ok());
  EXPECT_EQ(rig.write(6, 1).code(), Code::kNoSpace);
  EXPECT_TRUE(rig.write(5, 2).is_ok());
  EXPECT_TRUE(rig.discard(1, 1).is_ok());
  EXPECT_TRUE(rig.write(6, 1).is_ok());
}

TEST(SimDiskFaults, ADiscardGivesZerosGarbageOrTheOldData) {
  bool zeros = false, garbage = false, old = false;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rig rig(seed);
    ASSERT_TRUE(rig.write(1, 1).is_ok());
    ASSERT_TRUE(rig.write(3, 3).is_ok());
    ASSERT_TRUE(rig.discard(0, 3).is_ok());
    EXPECT_TRUE(rig.holds(3, 3));
    if (rig.holds(1, 0))
      zeros = true;
    else if (rig.holds(1, 1))
      old = true;
    else
      garbage = true;
  }
  EXPECT_TRUE(zeros && garbage && old);
}

TEST(SimDiskFaults, UnwrittenBlocksMayHoldGarbageThatStays) {
  Rig rig(1, {.unwritten_is_garbage = true});
  const std::vector<uint64_t> sectors = rig.sectors(3);
  EXPECT_NE(sectors, std::vector<uint64_t>(8, 0));
  EXPECT_EQ(rig.sectors(3), sectors);
  ASSERT_TRUE(rig.write(3, 0).is_ok());
  EXPECT_TRUE(rig.holds(3, 0));
}

Task<Status> change_memory_in_flight(SimDisk* disk, SimExecutor* executor) {
  DiskBuffer buffer(kDiskBlockSize);
  executor->spawn([](std::byte* memory) -> Task<void> {
    *memory = std::byte{1};
    co_return;
  }(buffer.data()));
  Status status = co_await disk->write(0, buffer.bytes());
  co_return status;
}

TEST(SimDiskFaults, ChangingMemoryUnderAWriteFailsTheRun) {
  Rig rig(1, {.latency = {.inline_probability = 0}});
  EXPECT_THROW(static_cast<void>(rig.scheduler.run(*rig.process, change_memory_in_flight(&rig.disk, rig.process))),
               SimFailure);
}

TEST(SimDiskFaults, EveryKindIsReachedByChance) {
  SimFaultCounts counts;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Rig rig(seed);
    rig.disk.set_faults(SimDiskFaults::random(rig.scheduler.random(), 0.1));
    DiskBuffer buffer(kDiskBlockSize);
    for (uint64_t i = 0; i < 60; ++i) {
      ignore(rig.write(i % 7, i), "may fail");
      ignore(rig.run(DiskOp::Kind::kRead, i % 5 * kDiskBlockSize, buffer.bytes()), "may fail");
      if (i % 5 == 0) ignore(rig.flush(), "may fail");
    }
    rig.crash();
    counts.add_all(rig.scheduler.fault_counts());
  }
  for (const char* name :
       {"disk_bit_rot", "disk_transient_flip", "disk_stale_read", "disk_lost_write", "disk_misdirected_write",
        "disk_torn_write", "disk_sector_error", "disk_read_error", "disk_write_error", "disk_flush_error", "disk_slow",
        "disk_crash_lost_write", "disk_crash_torn_write", "disk_crash_kept_write"}) {
    EXPECT_GT(counts.count(name), 0u) << name;
  }
}

// --- Images ---

TEST(DiskImage, CopiesDontShareLaterChanges) {
  DiskImage image;
  image.write(0, Bytes(10'000, std::byte{7}));
  const DiskImage copy = image;
  image.flip_bit(5'000, 0);
  EXPECT_FALSE(image == copy);
  image.flip_bit(5'000, 0);
  EXPECT_TRUE(image == copy);
  EXPECT_EQ(image.block_count(), 3u);
}

TEST(DiskImage, GoesToBytesAndFilesAndBack) {
  DiskImage image;
  image.write(3 * kDiskBlockSize + 17, as_bytes("hello"));
  image.write(100 * kDiskBlockSize, as_bytes("far"));
  EXPECT_TRUE(DiskImage::from_bytes(image.to_bytes()) == image);
  EXPECT_EQ(image.to_bytes().size(), 101 * kDiskBlockSize);
  const std::string path = (std::filesystem::temp_directory_path() / "aeon_disk_image_test").string();
  ASSERT_TRUE(image.save(path).is_ok());
  Result<DiskImage> loaded = DiskImage::load(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(loaded.is_ok());
  EXPECT_TRUE(*loaded == image);
  EXPECT_EQ(DiskImage::load(path).code(), Code::kNotFound);
}

TEST(DiskImage, AMutatedImageIsWhatTheDiskReads) {
  Rig rig(1);
  ASSERT_TRUE(rig.write_durable(1, 1).is_ok());
  DiskImage image = rig.disk.image();
  Random random(3);
  const uint64_t damaged = image.flip_random_bit(random);
  EXPECT_EQ(damaged / kDiskBlockSize, 1u);
  rig.disk.load(image);
  EXPECT_TRUE(rig.disk.image() == image);
  DiskBuffer buffer(kDiskBlockSize), expected(kDiskBlockSize);
  Rig::fill(expected, 1);
  ASSERT_TRUE(rig.run(DiskOp::Kind::kRead, kDiskBlockSize, buffer.bytes()).is_ok());
  EXPECT_FALSE(equal_bytes(buffer.bytes(), expected.bytes()));
}

}  // namespace
}  // namespace aeon
