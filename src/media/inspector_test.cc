// An Inspector shows what opening would, writes nothing, and goes on around damage.
#include "media/inspector.h"

#include "base/crc32c.h"
#include "log_frame.h"
#include "store_workload_test.h"
#include "superblock.h"

namespace aeon::media {
namespace {

SimDiskOptions small_disk() {
  SimDiskOptions options;
  options.capacity = 8 * kMiB;
  options.latency = SimDiskLatency::none();
  return options;
}

struct Inspected {
  StoreModel entries;
  std::vector<PageReport> damage;
};

Task<Inspected> walk(Inspector* inspector, std::string from) {
  Inspected found;
  Inspector::EntryWalk walk(*inspector, to_bytes(from));
  while (true) {
    const Inspector::EntryWalk::Step step = co_await walk.next();
    if (step == Inspector::EntryWalk::Step::kEnd) break;
    if (step == Inspector::EntryWalk::Step::kDamage) {
      found.damage.push_back(walk.damage());
    } else {
      found.entries.emplace(std::string(as_text(walk.key())), std::string(as_text(walk.value())));
    }
  }
  co_return found;
}

Task<std::vector<PageReport>> pages(Inspector* inspector) {
  std::vector<PageReport> found;
  Inspector::PageWalk walk(*inspector);
  while (true) {
    const std::optional<PageReport> page = co_await walk.next();
    if (!page.has_value()) break;
    found.push_back(*page);
  }
  co_return found;
}

// A store after a crash, with keys in pages, in the log and in both.
struct Sample {
  explicit Sample(uint64_t seed = 1) : machine(seed, small_disk()) {
    EXPECT_TRUE(machine.format().is_ok());
    const Result<KeyBlockStore*> store = machine.open(small_pages());
    EXPECT_TRUE(store.is_ok());
    Random random(seed);
    Workload workload;
    workload.steps = 200;
    workload.closes = false;
    EXPECT_TRUE(machine.run(work(machine.world.get(), *store, &random, &history, workload)).is_ok());
    machine.crash();
  }
  const StoreModel& model() const { return history.states.back(); }
  std::unique_ptr<Inspector> inspect() {
    Result<std::unique_ptr<Inspector>> opened = machine.run(Inspector::open(machine.disk));
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return opened.is_ok() ? std::move(opened).value() : nullptr;
  }
  void flip(uint64_t offset) {
    DiskImage image = machine.disk.image();
    image.flip_bit(offset, 3);
    machine.disk.load(image);
  }

  TestMachine machine;
  History history;
};

std::map<uint64_t, Bytes> content_of(const DiskImage& image) {
  std::map<uint64_t, Bytes> blocks;
  for (const auto& [number, block] : image.blocks()) blocks[number] = to_bytes(ByteView(*block));
  return blocks;
}

TEST(Inspector, ShowsWhatOpeningShows) {
  for_each_seed([](Random& random) {
    Sample sample(random.next());
    const auto inspector = sample.inspect();
    ASSERT_NE(inspector, nullptr);
    const Inspected found = sample.machine.run(walk(inspector.get(), ""));
    EXPECT_TRUE(found.damage.empty());
    EXPECT_EQ(found.entries, sample.model());
    const Inspected part = sample.machine.run(walk(inspector.get(), "k3"));
    EXPECT_EQ(part.entries, StoreModel(sample.model().lower_bound("k3"), sample.model().end()));
  });
}

TEST(Inspector, CountsBlocksAsTheOpenStoreDoes) {
  Sample sample;
  const auto inspector = sample.inspect();
  const Result<AllocatorReport> allocator = sample.machine.run(inspector->allocator());
  ASSERT_TRUE(allocator.is_ok()) << allocator.status().to_string();
  uint64_t page_blocks = 0;
  for (const PageReport& page : sample.machine.run(pages(inspector.get()))) page_blocks += page.block_count;
  EXPECT_EQ((*allocator).page_block_count, page_blocks);
  const Result<KeyBlockStore*> store = sample.machine.open();
  ASSERT_TRUE(store.is_ok());
  EXPECT_EQ((*allocator).adopted_count * kBlockSize, (*store)->space().blocks_used);
  EXPECT_EQ(inspector->log().record_count, (*store)->counters().replayed_batches);
}

TEST(Inspector, AndAReadOnlyStoreWriteNothing) {
  Sample sample;
  const std::map<uint64_t, Bytes> before = content_of(sample.machine.disk.image());
  {
    const auto inspector = sample.inspect();
    sample.machine.run(walk(inspector.get(), ""));
  }
  OpenOptions options = small_pages();
  options.read_only = true;
  const Result<KeyBlockStore*> store = sample.machine.open(options);
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  EXPECT_EQ(*sample.machine.run(read_all(*store)), sample.model());
  EXPECT_TRUE(sample.machine.run(check_blocks(*store, sample.model())).is_ok());
  EXPECT_EQ(sample.machine.run(put_durable(*store, "a", "b")).code(), Code::kReadOnly);
  EXPECT_EQ((*store)->reserve(1).code(), Code::kReadOnly);
  EXPECT_EQ(sample.machine.run((*store)->checkpoint()).code(), Code::kReadOnly);
  const auto damage = sample.machine.run((*store)->verify());
  ASSERT_TRUE(damage.is_ok());
  EXPECT_TRUE((*damage).empty());
  EXPECT_TRUE(sample.machine.run((*store)->close()).is_ok());
  EXPECT_EQ(content_of(sample.machine.disk.image()), before);
}

TEST(Inspector, AReadOnlyStoreNeedsNoAllocator) {
  Sample sample;
  const auto inspector = sample.inspect();
  const Result<AllocatorReport> allocator = sample.machine.run(inspector->allocator());
  ASSERT_TRUE(allocator.is_ok());
  sample.flip((*allocator).segments[0].first * kBlockSize + 70);
  EXPECT_EQ(sample.machine.open().code(), Code::kCorrupt);
  OpenOptions options;
  options.read_only = true;
  const Result<KeyBlockStore*> store = sample.machine.open(options);
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  EXPECT_EQ(*sample.machine.run(read_all(*store)), sample.model());
  EXPECT_EQ(sample.machine.run(sample.inspect()->allocator()).code(), Code::kCorrupt);
}

TEST(Inspector, ShowsBothSuperblocks) {
  Sample sample;
  auto inspector = sample.inspect();
  EXPECT_TRUE(inspector->superblocks()[0].status.is_ok());
  EXPECT_TRUE(inspector->superblocks()[1].status.is_ok());
  EXPECT_NE(inspector->superblocks()[0].is_newest, inspector->superblocks()[1].is_newest);
  const size_t newest = inspector->superblocks()[0].is_newest ? 0 : 1;
  sample.flip(inspector->superblocks()[newest].block * kBlockSize + 40);
  inspector = sample.inspect();
  EXPECT_FALSE(inspector->superblocks()[newest].status.is_ok());
  EXPECT_FALSE(inspector->superblocks()[newest].is_checksum_good);
  EXPECT_FALSE(inspector->superblocks()[newest].fields.empty());
  EXPECT_TRUE(inspector->superblocks()[1 - newest].is_newest);
  sample.flip(inspector->superblocks()[1 - newest].block * kBlockSize + 40);
  inspector = sample.inspect();
  EXPECT_EQ(inspector->usable().code(), Code::kCorrupt);
  EXPECT_EQ(inspector->superblocks()[0].store, kTestStore);
}

TEST(Inspector, ADamagedPageHidesOnlyItsKeys) {
  Sample sample;
  const std::vector<PageReport> all = sample.machine.run(pages(sample.inspect().get()));
  ASSERT_GT(all.size(), 5u);
  const DiskImage whole = sample.machine.disk.image();
  for (const PageReport& page : all) {
    sample.flip(page.block * kBlockSize + 100);
    const auto inspector = sample.inspect();
    const Inspected found = sample.machine.run(walk(inspector.get(), ""));
    ASSERT_EQ(found.damage.size(), 1u);
    EXPECT_EQ(found.damage[0].block, page.block);
    for (const auto& [key, value] : sample.model()) {
      const bool is_hidden = compare_bytes(as_bytes(key), page.first_key) >= 0 &&
                             (!page.has_end || compare_bytes(as_bytes(key), page.end_key) < 0);
      const auto shown = found.entries.find(key);
      if (shown != found.entries.end()) {
        EXPECT_EQ(shown->second, value);
      } else {
        EXPECT_TRUE(is_hidden) << key;
      }
    }
    sample.machine.disk.load(whole);
  }
}

TEST(Inspector, ListsFramesAndWhereReplayEnds) {
  Sample sample;
  const Result<KeyBlockStore*> store = sample.machine.open();
  ASSERT_TRUE(store.is_ok());
  ASSERT_TRUE(sample.machine.run((*store)->checkpoint()).is_ok());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(sample.machine.run(put_durable(*store, "frame " + std::to_string(i), "v")).is_ok());
  }
  sample.machine.crash();
  auto inspector = sample.inspect();
  const LogReport log = inspector->log();
  EXPECT_TRUE(log.fault.is_ok()) << log.fault.to_string();
  uint64_t replayed = 0;
  for (const LogFrameReport& frame : log.frames) replayed += frame.state == LogFrameReport::State::kReplayed ? 1 : 0;
  EXPECT_EQ(replayed, 20u);
  EXPECT_EQ(log.replay_end.sequence, log.replay_begin.sequence + 20);
  EXPECT_GT(log.frames.size(), 20u);  // The workload's are still there.
  ASSERT_EQ(log.record_count, 20u);
  const Result<std::vector<LogEntryReport>> record = inspector->record(7);
  ASSERT_TRUE(record.is_ok());
  ASSERT_EQ((*record).size(), 1u);
  EXPECT_EQ((*record)[0].kind, LogEntryReport::Kind::kPut);
  EXPECT_EQ(as_text((*record)[0].key), "frame 7");
  // An early frame that rots: later ones prove that it had been durable.
  sample.flip(log.replay_begin.block * kBlockSize + 80);
  inspector = sample.inspect();
  EXPECT_EQ(inspector->log().fault.code(), Code::kCorrupt);
  EXPECT_EQ(inspector->log().replay_end.block, log.replay_begin.block);
  EXPECT_EQ(inspector->log().record_count, 0u);
}

TEST(Inspector, AddsWhatTheLogAddsToCounters) {
  TestMachine machine(1, small_disk());
  ASSERT_TRUE(machine.format().is_ok());
  const Result<KeyBlockStore*> store = machine.open();
  ASSERT_TRUE(store.is_ok());
  const auto add = [&](const char* key, int64_t change) {
    Batch batch;
    const int64_t changes[] = {change, 1};
    batch.add(as_bytes(key), changes);
    const Result<LogPosition> position = machine.run((*store)->apply(std::move(batch)));
    ASSERT_TRUE(position.is_ok());
    ASSERT_TRUE(machine.run((*store)->wait_durable(*position)).is_ok());
  };
  add("both", 100);
  add("erased", 100);
  ASSERT_TRUE(machine.run((*store)->checkpoint()).is_ok());
  add("both", -30);
  add("log", 7);
  add("log", 8);
  Batch batch;
  batch.erase(as_bytes("erased"));
  ASSERT_TRUE(machine.run((*store)->apply(std::move(batch))).is_ok());
  add("erased", 5);
  const StoreModel expected = *machine.run(read_all(*store));
  machine.crash();
  auto inspector = machine.run(Inspector::open(machine.disk));
  ASSERT_TRUE(inspector.is_ok());
  const Inspected found = machine.run(walk(inspector->get(), ""));
  EXPECT_EQ(found.entries, expected);
  ASSERT_EQ(found.entries.size(), 3u);
  EXPECT_EQ(load_le<uint64_t>(as_bytes(found.entries.at("both")).data()), 70u);
  // What is added to can't be known when its page is damaged.
  DiskImage image = machine.disk.image();
  image.flip_bit(machine.run(pages(inspector->get()))[0].block * kBlockSize + 70, 1);
  machine.disk.load(image);
  inspector = machine.run(Inspector::open(machine.disk));
  ASSERT_TRUE(inspector.is_ok());
  const Inspected damaged = machine.run(walk(inspector->get(), ""));
  EXPECT_EQ(damaged.damage.size(), 1u);
  EXPECT_FALSE(damaged.entries.contains("both"));
  EXPECT_TRUE(damaged.entries.contains("erased"));
}

TEST(Inspector, ADiskWithoutAStoreIsNamedSo) {
  TestMachine machine(1, small_disk());
  const auto opened = machine.run(Inspector::open(machine.disk));
  EXPECT_EQ(opened.code(), Code::kInvalidArgument);
}

TEST(Inspector, TakesAnyDamageWithoutFalling) {
  for_each_seed([](Random& random) {
    Sample sample(random.next());
    const DiskImage whole = sample.machine.disk.image();
    std::vector<uint64_t> used;
    for (const auto& [number, block] : whole.blocks()) used.push_back(number);
    for (int round = 0; round < 10; ++round) {
      DiskImage image = whole;
      for (int i = 0; i < 20; ++i) {
        image.flip_bit(used[random.below(used.size())] * kBlockSize + random.below(kBlockSize),
                       static_cast<unsigned>(random.below(8)));
      }
      sample.machine.disk.load(image);
      const auto opened = sample.machine.run(Inspector::open(sample.machine.disk));
      if (!opened.is_ok()) continue;
      Inspector& inspector = **opened;
      ignore(sample.machine.run(inspector.allocator()).status(), "any");
      for (size_t i = 0; i < inspector.log().record_count; ++i) ignore(inspector.record(i).status(), "any");
      if (!inspector.usable().is_ok()) continue;
      for (const PageReport& page : sample.machine.run(pages(&inspector))) {
        ignore(sample.machine.run(inspector.page(page.block)).status(), "any");
      }
      for (const auto& [key, value] : sample.machine.run(walk(&inspector, "")).entries) {
        bool is_known = false;  // Of some state: the log may end early.
        for (const StoreModel& state : sample.history.states) {
          const auto found = state.find(key);
          is_known = is_known || (found != state.end() && found->second == value);
        }
        EXPECT_TRUE(is_known) << key;
      }
    }
  });
}

TEST(CheckPages, GoesThroughTheTreeInStepsAndNamesDamage) {
  Sample sample;
  const std::vector<PageReport> all = sample.machine.run(pages(sample.inspect().get()));
  for (const bool is_damaged : {false, true}) {
    const PageReport* leaf = nullptr;
    for (const PageReport& page : all) {
      if (page.level == 0 && page.has_end) leaf = &page;
    }
    ASSERT_NE(leaf, nullptr);
    OpenOptions options;
    options.read_only = true;
    const Result<KeyBlockStore*> store = sample.machine.open(options);
    ASSERT_TRUE(store.is_ok());
    if (is_damaged) sample.flip(leaf->block * kBlockSize + 100);
    std::vector<KeyBlockStore::Damage> damage;
    Bytes from;
    int steps = 0;
    while (true) {
      const auto step = sample.machine.run((*store)->check_pages(from, 1));
      ASSERT_TRUE(step.is_ok());
      EXPECT_GT((*step).bytes_read, 0u);
      damage.insert(damage.end(), (*step).damage.begin(), (*step).damage.end());
      ++steps;
      if ((*step).is_end) break;
      ASSERT_TRUE(compare_bytes(from, (*step).next) < 0);
      from = (*step).next;
    }
    EXPECT_GT(steps, 3);
    ASSERT_EQ(damage.size(), is_damaged ? 1u : 0u);
    if (is_damaged) {
      EXPECT_EQ(damage[0].first_key, leaf->first_key);
      EXPECT_EQ(damage[0].end_key, leaf->end_key);
    }
  }
}

}  // namespace
}  // namespace aeon::media
