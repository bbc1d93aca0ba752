// Stores that aren't as they were written: each fault is named or harmless.
#include "base/crc32c.h"
#include "log_frame.h"
#include "store_workload_test.h"
#include "superblock.h"

namespace aeon::media {
namespace {

// A store with some hundred keys on a few pages, closed or crashed.
struct Sample {
  explicit Sample(uint64_t seed, bool closes, SimDiskOptions options = small_disk())
      : machine(seed, std::move(options)) {
    EXPECT_TRUE(machine.format().is_ok());
    OpenOptions open_options = small_pages();
    open_options.checkpoint_log_bytes = kGiB;  // Only when asked to.
    const Result<KeyBlockStore*> store = machine.open(open_options);
    EXPECT_TRUE(store.is_ok());
    for (int i = 0; i < 60; ++i) {
      const std::string key = "key " + std::to_string(i);
      model[key] = std::string(static_cast<size_t>(i), 'v');
      EXPECT_TRUE(machine.run(put_durable(*store, key, model[key])).is_ok());
      if (i == 40) {
        EXPECT_TRUE(machine.run((*store)->checkpoint()).is_ok());
      }
    }
    if (closes) {
      EXPECT_TRUE(machine.run((*store)->close()).is_ok());
      machine.boot();
    } else {
      machine.crash();
    }
  }
  static SimDiskOptions small_disk() {
    SimDiskOptions options;
    options.capacity = 4 * kMiB;
    return options;
  }
  void change_block(uint64_t block, std::function<void(MutableBytes)> change) {
    DiskImage image = machine.disk.image();
    Bytes bytes(kBlockSize);
    image.read(block * kBlockSize, bytes);
    change(bytes);
    image.write(block * kBlockSize, bytes);
    machine.disk.load(image);
  }
  void flip(uint64_t offset) {
    DiskImage image = machine.disk.image();
    image.flip_bit(offset, 3);
    machine.disk.load(image);
  }

  TestMachine machine;
  StoreModel model;
};

TEST(StoreDamage, ADiskWithoutAStoreIsNamedSo) {
  TestMachine machine(1, Sample::small_disk());
  const Result<KeyBlockStore*> opened = machine.open();
  EXPECT_EQ(opened.code(), Code::kInvalidArgument);
  EXPECT_NE(opened.status().to_string().find("not an Aeon store"), std::string::npos);
}

TEST(StoreDamage, ANewerFormatIsRefusedNamingBothVersions) {
  Sample sample(1, true);
  for (const uint64_t place : kSuperblockPlaces) {
    sample.change_block(place, [](MutableBytes block) {
      store_le(block.data() + 8, uint32_t{77});
      store_le(block.data() + 12, uint32_t{0});
      const uint32_t crc = crc32c(block);
      store_le(block.data() + 12, crc);
    });
  }
  const Result<KeyBlockStore*> opened = sample.machine.open();
  EXPECT_EQ(opened.code(), Code::kVersionUnsupported);
  EXPECT_NE(opened.status().to_string().find("format 77"), std::string::npos);
  EXPECT_NE(opened.status().to_string().find("format 1"), std::string::npos);
}

TEST(StoreDamage, OneSuperblockIsEnough) {
  for (const bool closes : {true, false}) {
    for (const uint64_t place : kSuperblockPlaces) {
      Sample sample(1, closes);
      sample.flip(place * kBlockSize + 100);
      const Result<KeyBlockStore*> opened = sample.machine.open();
      // The older one may need frames that are still there, or else says that they are gone.
      if (!opened.is_ok()) {
        EXPECT_EQ(opened.code(), Code::kCorrupt) << opened.status().to_string();
        continue;
      }
      const Result<StoreModel> found = sample.machine.run(read_all(*opened));
      ASSERT_TRUE(found.is_ok()) << found.status().to_string();
      EXPECT_EQ(*found, sample.model);
    }
  }
}

// Or a write of one that goes wrong would leave only one from long ago.
TEST(StoreDamage, ASuperblockGoesOverTheOlderCopy) {
  TestMachine machine(1, Sample::small_disk());
  ASSERT_TRUE(machine.format().is_ok());
  const Result<KeyBlockStore*> store = machine.open(small_pages());
  ASSERT_TRUE(store.is_ok());
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(machine.run(put_durable(*store, "key", std::to_string(round))).is_ok());
    ASSERT_TRUE(machine.run((*store)->checkpoint()).is_ok());
    uint64_t generations[2] = {};
    for (int copy = 0; copy < 2; ++copy) {
      Bytes block(kBlockSize);
      machine.disk.image().read(kSuperblockPlaces[copy] * kBlockSize, block);
      const Result<Superblock> superblock = decode_superblock(block, copy);
      ASSERT_TRUE(superblock.is_ok()) << superblock.status().to_string();
      generations[copy] = superblock->generation;
    }
    EXPECT_EQ(std::max(generations[0], generations[1]) - std::min(generations[0], generations[1]), 1u) << round;
  }
}

TEST(StoreDamage, WithoutAGoodSuperblockItSaysWhatToDo) {
  Sample sample(1, true);
  for (const uint64_t place : kSuperblockPlaces) sample.flip(place * kBlockSize + 100);
  const Result<KeyBlockStore*> opened = sample.machine.open();
  EXPECT_EQ(opened.code(), Code::kCorrupt);
  EXPECT_NE(opened.status().to_string().find("restore"), std::string::npos);
}

TEST(StoreDamage, AnOldFrameThatRottedIsReportedNotCut) {
  Sample sample(1, false);
  // Of the 60 frames the checkpoint made the first 41 needless; of the others, the last few can't be told from
  // frames that a crash tore.
  int reported = 0;
  const DiskImage good = sample.machine.disk.image();
  for (uint64_t frame = 41; frame < 60; ++frame) {
    sample.flip((kLogFirstBlock + frame) * kBlockSize + 80);
    const Result<KeyBlockStore*> opened = sample.machine.open();
    if (frame < 58) {
      EXPECT_EQ(opened.code(), Code::kCorrupt) << frame;
      const std::string name =
          "log frame " + std::to_string(frame + 1) + " at block " + std::to_string(kLogFirstBlock + frame);
      EXPECT_NE(opened.status().to_string().find(name), std::string::npos) << opened.status().to_string();
      ++reported;
    }
    sample.machine.crash();
    sample.machine.disk.load(good);
  }
  EXPECT_EQ(reported, 17);
}

TEST(StoreDamage, AFrameThatCannotBeReadIsReported) {
  Sample sample(1, false);
  sample.machine.disk.break_sector((kLogFirstBlock + 59) * kBlockSize);
  const Result<KeyBlockStore*> opened = sample.machine.open();
  EXPECT_EQ(opened.code(), Code::kIo) << opened.status().to_string();
}

TEST(StoreDamage, ADiskThatShrankIsRefused) {
  Sample sample(1, true);
  sample.machine.disk.options().capacity = 3 * kMiB;
  const Result<KeyBlockStore*> opened = sample.machine.open();
  EXPECT_EQ(opened.code(), Code::kInvalidArgument) << opened.status().to_string();
}

TEST(StoreDamage, ADiskThatGrewIsUsed) {
  Sample sample(1, true);
  sample.machine.disk.options().capacity = 6 * kMiB;
  const Result<KeyBlockStore*> opened = sample.machine.open();
  ASSERT_TRUE(opened.is_ok());
  EXPECT_GT((*opened)->space().free, 4 * kMiB);
  ASSERT_TRUE(sample.machine.run((*opened)->close()).is_ok());
  sample.machine.boot();
  const Result<KeyBlockStore*> again = sample.machine.open();
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  EXPECT_EQ(*sample.machine.run(read_all(*again)), sample.model);
}

// Wherever a bit flips: the data is right, or the store or the reader says that it is damaged.
TEST(StoreDamageProperty, AFlippedBitIsHarmlessOrReported) {
  for_each_seed(
      [](uint64_t seed) {
        const bool closes = seed % 2 == 0;
        Sample sample(seed, closes);
        const DiskImage good = sample.machine.disk.image();
        for (int i = 0; i < 30; ++i) {
          DiskImage image = good;
          const uint64_t offset = image.flip_random_bit(sample.machine.random);
          SCOPED_TRACE("offset " + std::to_string(offset));
          sample.machine.disk.load(image);
          const Result<KeyBlockStore*> opened = sample.machine.open(small_pages());
          if (opened.is_ok()) {
            const Result<StoreModel> found = sample.machine.run(read_all(*opened));
            // The last frames can't be told from torn ones.
            const bool may_be_cut =
                !closes && offset >= (kLogFirstBlock + 58) * kBlockSize && offset < (kLogFirstBlock + 60) * kBlockSize;
            if (found.is_ok()) {
              ASSERT_TRUE(may_be_cut || *found == sample.model);
            } else {
              ASSERT_EQ(found.code(), Code::kCorrupt);
              const auto damage = sample.machine.run((*opened)->verify());
              ASSERT_TRUE(damage.is_ok());
              ASSERT_FALSE((*damage).empty());
            }
          } else {
            ASSERT_EQ(opened.code(), Code::kCorrupt) << opened.status().to_string();
          }
          sample.machine.crash();
        }
      },
      20);
}

// Disks that lie: what comes back is what was stored, or an error. Losing writes silently can lose batches, but never
// mixes them.
TEST(StoreDamageProperty, LyingDisksNeverMakeWrongData) {
  for_each_seed(
      [](uint64_t seed) {
        SimDiskOptions options;
        options.capacity = 8 * kMiB;
        TestMachine machine(seed, options);
        ASSERT_TRUE(machine.format().is_ok());
        History history;
        Result<KeyBlockStore*> opened = machine.open(small_pages());
        ASSERT_TRUE(opened.is_ok());
        Random random = machine.random.fork();
        Workload workload;
        workload.with_blocks = false;
        machine.disk.set_faults(SimDiskFaults::random(random, 0.05));
        ignore(machine.run(work(machine.world.get(), *opened, &random, &history, workload)), "faults may end it");
        machine.crash();
        opened = machine.open(small_pages());
        if (!opened.is_ok()) return;
        const Result<StoreModel> found = machine.run(read_all(*opened));
        if (!found.is_ok()) return;
        ASSERT_NE(std::find(history.states.begin(), history.states.end(), *found), history.states.end());
      },
      200);
}

Task<void> wait_for(KeyBlockStore* store, LogPosition position) {
  const Status status = co_await store->wait_durable(position);
  EXPECT_TRUE(status.is_ok());
}

// Two frames that are on their way at the same time.
Task<Status> put_two_at_once(World* world, KeyBlockStore* store, std::string first, std::string second) {
  Batch one;
  one.put(as_bytes(first), as_bytes("value"));
  CO_TRY_ASSIGN(const LogPosition first_end, co_await store->apply(std::move(one)));
  world->executor.spawn(wait_for(store, first_end));
  co_await sleep_for(world->executor, std::chrono::microseconds(10));
  Batch two;
  two.put(as_bytes(second), as_bytes("value"));
  CO_TRY_ASSIGN(const LogPosition second_end, co_await store->apply(std::move(two)));
  co_return co_await store->wait_durable(second_end);
}

// The frame with this sequence: where it lies on the disk, and what it says.
std::pair<uint64_t, FrameHeader> find_frame(const DiskImage& image, uint64_t sequence) {
  for (uint64_t block = kLogFirstBlock; block < kLogFirstBlock + 64; ++block) {
    Bytes bytes(kBlockSize);
    image.read(block * kBlockSize, bytes);
    const Result<FrameHeader> frame = decode_frame(bytes, store_hash(kTestStore));
    if (frame.is_ok() && (*frame).sequence == sequence) return {block, *frame};
  }
  ADD_FAILURE() << "no frame " << sequence;
  return {};
}

TEST(StoreDamage, AFrameLeftBehindACutIsNotTakenForOneBehindALaterCheckpoint) {
  SimDiskOptions options = Sample::small_disk();
  options.latency = {.write_min = std::chrono::milliseconds(1), .write_max = std::chrono::milliseconds(1)};
  options.latency.inline_probability = 0;
  TestMachine machine(1, options);
  ASSERT_TRUE(machine.format().is_ok());
  Result<KeyBlockStore*> store = machine.open();
  ASSERT_TRUE(store.is_ok());
  ASSERT_TRUE(machine.run(put_two_at_once(machine.world.get(), *store, "lost", "left")).is_ok());
  machine.crash();

  // The crash lost the first of them, and so both, though the second is there.
  DiskImage image = machine.disk.image();
  ASSERT_EQ(find_frame(image, 2).second.durable_through, 0u);
  image.write(find_frame(image, 1).first * kBlockSize, Bytes(kBlockSize));
  machine.disk.load(image);
  store = machine.open();
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  ASSERT_EQ(*machine.run(read_all(*store)), StoreModel());

  // Now a frame of the same size is in the place of the lost one, and a checkpoint ends right there.
  ASSERT_TRUE(machine.run(put_durable(*store, "kept", "value")).is_ok());
  ASSERT_TRUE(machine.run((*store)->checkpoint()).is_ok());
  machine.crash();
  const StoreModel kept = {{"kept", "value"}};
  for (int opening = 0; opening < 3; ++opening) {
    store = machine.open();
    ASSERT_TRUE(store.is_ok()) << store.status().to_string();
    EXPECT_EQ(*machine.run(read_all(*store)), kept);
    machine.crash();
  }
}

}  // namespace
}  // namespace aeon::media
