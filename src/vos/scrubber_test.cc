// The background check: finds what is damaged and names it, keeps to its rate, gives way, and goes on after a restart.
#include "store_under_test.h"
#include "vos/inspector.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};

Task<void> sleep(Executor* executor, Duration duration) { co_await sleep_for(*executor, duration); }

struct Scrubbed {
  explicit Scrubbed(int values = 40) {
    for (int i = 0; i < values; ++i) {
      const Bytes dkey = text("dkey " + std::to_string(i));
      EXPECT_TRUE(test.put(kObject, dkey, text("blocks"), random_bytes(static_cast<uint64_t>(i), 40'000)).is_ok());
      EXPECT_TRUE(test.put(kObject, dkey, text("inline"), random_bytes(static_cast<uint64_t>(i), 500)).is_ok());
    }
    test.close();
  }
  void open(ByteCount rate, Duration interval = std::chrono::hours(1)) {
    auto media = test.run(media::KeyBlockStore::open(test.process().world(), test.disk(), {}));
    ASSERT_TRUE(media.is_ok()) << media.status().to_string();
    StoreOptions options;
    options.scrub.bytes_per_second = rate;
    options.scrub.cycle_interval = interval;
    auto opened = test.run(Store::open(test.process().world(), std::move(media).value(), options));
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    store = &test.process().own(std::move(opened).value());
  }
  void close() {
    EXPECT_TRUE(test.run(store->close()).is_ok());
    test.process().kill();
    test.process().start();
  }
  void wait(Duration duration) { test.run(sleep(&test.process().world().executor, duration)); }
  Result<Epoch> put(Bytes dkey, Bytes akey, ByteView value) {
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = std::move(dkey);
    writes[0].akeys.push_back(TestStore::single(std::move(akey), value));
    return test.run(store->write(test.container(), std::move(writes), kEpochZero, Durability::kSync));
  }
  StoredRecord record(const std::string& dkey, const char* akey) {
    auto inspector = test.run(Inspector::open(test.disk()));
    EXPECT_TRUE(inspector.is_ok());
    Inspector::RecordWalk walk(**inspector, *Inspector::prefix_of(1, kObject, text(dkey), text(akey)));
    EXPECT_EQ(test.run(walk.next()), Inspector::RecordWalk::Step::kRecord);
    return walk.record();
  }
  void flip(uint64_t offset) {
    DiskImage image = test.disk().image();
    image.flip_bit(offset, 5);
    test.disk().load(image);
  }

  TestStore test;
  Store* store = nullptr;
};

TEST(Scrubber, GoesThroughAWholeStoreAndStartsAgain) {
  Scrubbed scrubbed;
  scrubbed.open(100 * kMiB, std::chrono::seconds(10));
  scrubbed.wait(std::chrono::seconds(5));
  const ScrubProgress progress = scrubbed.store->scrub_progress();
  EXPECT_TRUE(progress.is_on);
  EXPECT_EQ(progress.cycles_done, 1u);
  EXPECT_GT(progress.last_cycle_bytes, 40u * 40'000);
  EXPECT_EQ(progress.places_damaged, 0u);
  scrubbed.wait(std::chrono::seconds(10));
  EXPECT_EQ(scrubbed.store->scrub_progress().cycles_done, 2u);
  scrubbed.close();
}

TEST(Scrubber, IsOffUnlessAsked) {
  Scrubbed scrubbed(1);
  scrubbed.open(0);
  scrubbed.wait(std::chrono::seconds(5));
  EXPECT_FALSE(scrubbed.store->scrub_progress().is_on);
  EXPECT_EQ(scrubbed.store->scrub_progress().cycle, 0u);
  scrubbed.close();
}

TEST(Scrubber, NamesADamagedValueAndForgetsItWhenItIsReplaced) {
  Scrubbed scrubbed;
  const StoredRecord damaged = scrubbed.record("dkey 17", "blocks");
  scrubbed.flip(damaged.blocks[0].first * media::kBlockSize + 35'000);
  scrubbed.open(100 * kMiB, std::chrono::seconds(10));
  scrubbed.wait(std::chrono::seconds(5));
  const std::vector<DamagedPlace> places = scrubbed.store->damaged_places();
  ASSERT_EQ(places.size(), 1u);
  EXPECT_EQ(places[0].what, DamagedPlace::What::kValue);
  EXPECT_EQ(places[0].container, scrubbed.test.container());
  EXPECT_EQ(places[0].object, kObject);
  EXPECT_EQ(places[0].dkey, text("dkey 17"));
  EXPECT_EQ(places[0].akey, text("blocks"));
  EXPECT_EQ(places[0].epoch, damaged.epoch);
  EXPECT_EQ(places[0].status.code(), Code::kCorrupt);
  EXPECT_NE(places[0].to_string().find("bytes [32768, 36864)"), std::string::npos) << places[0].to_string();

  // The new value hides the damaged one, and aggregation drops that.
  const Result<Epoch> replaced = scrubbed.put(text("dkey 17"), text("blocks"), random_bytes(1, 100));
  ASSERT_TRUE(replaced.is_ok());
  ASSERT_TRUE(scrubbed.test.run(scrubbed.store->aggregate(scrubbed.test.container(), *replaced)).is_ok());
  scrubbed.wait(std::chrono::seconds(10));
  EXPECT_EQ(scrubbed.store->scrub_progress().cycles_done, 2u);
  EXPECT_TRUE(scrubbed.store->damaged_places().empty());
  scrubbed.close();
}

TEST(Scrubber, NamesADamagedPageAndGoesOnAroundIt) {
  Scrubbed scrubbed(200);
  const auto inspector = scrubbed.test.run(Inspector::open(scrubbed.test.disk()));
  ASSERT_TRUE(inspector.is_ok());
  std::vector<media::PageReport> leaves;
  media::Inspector::PageWalk walk((*inspector)->media());
  while (const std::optional<media::PageReport> page = scrubbed.test.run(walk.next())) {
    if (page->level == 0) leaves.push_back(*page);
  }
  ASSERT_GT(leaves.size(), 4u);
  const media::PageReport& leaf = leaves[leaves.size() / 2];
  const uint64_t values = leaf.entry_count;
  scrubbed.open(100 * kMiB);
  scrubbed.flip(leaf.block * media::kBlockSize + 200);  // While it is open: it isn't read again otherwise.
  scrubbed.wait(std::chrono::seconds(30));
  EXPECT_EQ(scrubbed.store->scrub_progress().cycles_done, 1u);
  const std::vector<DamagedPlace> places = scrubbed.store->damaged_places();
  ASSERT_EQ(places.size(), 1u);
  EXPECT_EQ(places[0].what, DamagedPlace::What::kPage);
  EXPECT_NE(places[0].to_string().find("index page at block " + std::to_string(leaf.block)), std::string::npos);
  EXPECT_NE(places[0].first_hidden.find("dkey"), std::string::npos) << places[0].first_hidden;
  EXPECT_GT(values, 0u);
  // Reads elsewhere go on.
  AkeyFetch fetch;
  fetch.akey = text("inline");
  const auto fetched = scrubbed.test.run(
      scrubbed.store->fetch(scrubbed.test.container(), kObject, text("dkey 0"), {fetch}, 0, kEpochMax));
  EXPECT_TRUE(fetched.is_ok());
}

TEST(Scrubber, KeepsToItsRate) {
  Scrubbed scrubbed(40);  // About 1.7 MB.
  scrubbed.open(100'000);
  scrubbed.wait(std::chrono::seconds(5));
  const ScrubProgress progress = scrubbed.store->scrub_progress();
  EXPECT_EQ(progress.cycles_done, 0u);
  // A piece at a time, and the pause behind each.
  EXPECT_LE(progress.bytes_checked, 500'000u + kMiB + 256 * kKiB);
  EXPECT_GT(progress.bytes_checked, 0u);
  scrubbed.wait(std::chrono::seconds(30));
  EXPECT_EQ(scrubbed.store->scrub_progress().cycles_done, 1u);
  scrubbed.close();
}

TEST(Scrubber, GivesWayButGetsOnWhileOthersAreAtWork) {
  Scrubbed scrubbed(100);
  scrubbed.open(10 * kMiB);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(scrubbed.put(text("busy"), text("a"), text("value")).is_ok());
    scrubbed.wait(std::chrono::milliseconds(5));
  }
  // 2.5 s at a tenth of the rate would be 2.6 MB of 4.2; at the full rate all of it.
  const ScrubProgress progress = scrubbed.store->scrub_progress();
  EXPECT_GT(progress.pauses, 5u);
  EXPECT_EQ(progress.cycles_done, 0u);
  EXPECT_GT(progress.bytes_checked, 500'000u);
  scrubbed.wait(std::chrono::seconds(5));
  EXPECT_EQ(scrubbed.store->scrub_progress().cycles_done, 1u);
  scrubbed.close();
}

TEST(Scrubber, GoesOnAfterARestartAndStillKnowsWhatIsDamaged) {
  Scrubbed scrubbed(100);
  scrubbed.flip(scrubbed.record("dkey 0", "blocks").blocks[0].first * media::kBlockSize);
  scrubbed.open(200'000);
  scrubbed.wait(std::chrono::seconds(12));
  const ScrubProgress before = scrubbed.store->scrub_progress();
  EXPECT_GT(before.bytes_checked, kMiB);
  EXPECT_EQ(before.places_damaged, 1u);
  scrubbed.close();
  scrubbed.open(200'000);
  scrubbed.wait(std::chrono::milliseconds(1));
  const ScrubProgress after = scrubbed.store->scrub_progress();
  EXPECT_GE(after.bytes_checked, before.bytes_checked);
  EXPECT_EQ(after.cycle, 1u);
  ASSERT_EQ(scrubbed.store->damaged_places().size(), 1u);
  EXPECT_EQ(scrubbed.store->damaged_places()[0].dkey, text("dkey 0"));
  scrubbed.wait(std::chrono::seconds(30));
  const ScrubProgress done = scrubbed.store->scrub_progress();
  EXPECT_EQ(done.cycles_done, 1u);
  EXPECT_LT(done.last_cycle_bytes, 6u * kMiB);  // Not everything once more.
  scrubbed.close();
}

TEST(Scrubber, WritesAndAggregationMeanwhileAreNoDamage) {
  for_each_seed([](Random& random) {
    Scrubbed scrubbed(20);
    scrubbed.open(200 * kMiB, std::chrono::milliseconds(1));
    for (int i = 0; i < 200; ++i) {
      const Bytes dkey = text("dkey " + std::to_string(random.below(30)));
      const auto written = scrubbed.put(dkey, text("blocks"), random_bytes(random.next(), 1 + random.below(60'000)));
      ASSERT_TRUE(written.is_ok());
      if (random.one_in(20)) {
        ASSERT_TRUE(scrubbed.test.run(scrubbed.store->aggregate(scrubbed.test.container(), *written)).is_ok());
      }
      if (random.one_in(30)) {
        ASSERT_TRUE(scrubbed.test.run(scrubbed.store->media().checkpoint()).is_ok());
      }
      if (random.one_in(2)) scrubbed.wait(std::chrono::microseconds(random.below(3000)));
    }
    EXPECT_GT(scrubbed.store->scrub_progress().bytes_checked + scrubbed.store->scrub_progress().last_cycle_bytes, 0u);
    EXPECT_TRUE(scrubbed.store->damaged_places().empty()) << scrubbed.store->damaged_places()[0].to_string();
    scrubbed.close();
  });
}

}  // namespace
}  // namespace aeon::vos
