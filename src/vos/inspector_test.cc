// Looking at a store that isn't open: all versions, what damage hides, and where everything lies.
#include "vos/inspector.h"

#include <array>
#include <functional>
#include <map>

#include "key_codec.h"
#include "space_accounting.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr ObjectId kOther{.hi = 1, .lo = 3};

// Values inline and in blocks, arrays with history, punches at every level; closed, so that all is in pages.
struct Sample {
  enum class Ends : uint8_t { kClosed, kCrashed, kStaysOpen };
  explicit Sample(Ends ends = Ends::kClosed) {
    big = random_bytes(1, 100'000);
    small = random_bytes(2, 100);
    must(test.put(kObject, text("big"), text("a"), big, Epoch{10}));
    must(test.put(kObject, text("small"), text("a"), small, Epoch{11}));
    must(test.put(kObject, text("small"), text("a"), random_bytes(3, 50), Epoch{12}));
    must(test.put_extent(kObject, text("array"), text("a"), {0, 100}, 100, random_bytes(4, 10'000), Epoch{13}));
    must(test.put_extent(kObject, text("array"), text("a"), {50, 10}, 100, random_bytes(5, 1'000), Epoch{14}));
    must(test.put(kObject, text("gone"), text("a"), small, Epoch{15}));
    must(test.punch(ObjectWrite::Kind::kPunchDkey, kObject, text("gone"), {}, Epoch{16}));
    must(test.put(kOther, text("d"), text("a"), random_bytes(6, 5'000), Epoch{17}));
    if (ends == Ends::kClosed) test.close();
    if (ends == Ends::kCrashed) test.crash();
  }
  static void must(const Result<Epoch>& written) { ASSERT_TRUE(written.is_ok()) << written.status().to_string(); }

  std::unique_ptr<Inspector> inspect() {
    Result<std::unique_ptr<Inspector>> opened = test.run(Inspector::open(test.disk()));
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return opened.is_ok() ? std::move(opened).value() : nullptr;
  }
  std::vector<StoredRecord> records(Inspector& inspector, Bytes prefix) {
    std::vector<StoredRecord> found;
    Inspector::RecordWalk walk(inspector, std::move(prefix));
    while (true) {
      const Inspector::RecordWalk::Step step = test.run(walk.next());
      if (step == Inspector::RecordWalk::Step::kEnd) return found;
      if (step == Inspector::RecordWalk::Step::kRecord) found.push_back(walk.record());
    }
  }
  void flip(uint64_t offset) {
    DiskImage image = test.disk().image();
    image.flip_bit(offset, 2);
    test.disk().load(image);
  }
  std::vector<DamagedPlace> verify(Inspector& inspector) {
    std::vector<DamagedPlace> damage;
    Inspector::VerifyListener listener;
    listener.on_damage = [&](const DamagedPlace& place) { damage.push_back(place); };
    const Result<VerifyCounts> counts = test.run(inspector.verify(listener));
    EXPECT_TRUE(counts.is_ok()) << counts.status().to_string();
    if (counts.is_ok()) {
      EXPECT_EQ((*counts).damage, damage.size());
      if (damage.empty()) {
        EXPECT_EQ((*counts).unowned_blocks, 0u);
      }
    }
    return damage;
  }

  TestStore test;
  Bytes big;
  Bytes small;
};

TEST(VosInspector, ListsEveryVersionWithItsPlace) {
  for (const bool closes : {true, false}) {
    Sample sample(closes ? Sample::Ends::kClosed : Sample::Ends::kCrashed);
    const auto inspector = sample.inspect();
    const Result<StoreOverview> overview = sample.test.run(inspector->overview(true));
    ASSERT_TRUE(overview.is_ok());
    ASSERT_EQ((*overview).containers.size(), 1u);
    const StoredContainer& container = (*overview).containers[0];
    EXPECT_EQ(container.id, sample.test.container());
    EXPECT_EQ(container.space.objects, 2u);
    EXPECT_EQ(container.space.values, 7u);
    EXPECT_EQ(container.space.punches, 1u);
    EXPECT_EQ(container.space.inline_bytes, 100u + 50u + 1'000u + 100u);
    EXPECT_EQ(container.space.block_bytes, (25u + 3u + 2u) * media::kBlockSize);
    EXPECT_TRUE((*overview).damage.empty());

    const uint32_t number = container.number;
    const Result<Bytes> prefix = Inspector::prefix_of(number, kObject, text("small"));
    ASSERT_TRUE(prefix.is_ok());
    const std::vector<StoredRecord> small = sample.records(*inspector, *prefix);
    ASSERT_EQ(small.size(), 2u);
    EXPECT_EQ(small[0].epoch, Epoch{12});
    EXPECT_EQ(small[1].epoch, Epoch{11});
    EXPECT_EQ(small[1].inline_bytes, sample.small);
    EXPECT_EQ(small[0].page_block == 0, !closes);
    Bytes content;
    EXPECT_TRUE(sample.test.run(inspector->check(small[1], &content)).is_ok());
    EXPECT_EQ(content, sample.small);
    EXPECT_EQ(sample.records(*inspector, Inspector::prefix_of(number)).size(), 8u);
    EXPECT_TRUE(sample.verify(*inspector).empty());
  }
}

// A prepared transaction with a value in blocks, and three decided ones.
struct Transactions {
  Transactions() {
    value = random_bytes(20, 50'000);
    prepare(1, text("undecided"));
    prepare(2, text("committed"));
    prepare(3, text("aborted"));
    EXPECT_TRUE(store().run(store().store().commit_prepared(store().container(), id_of(2))).is_ok());
    EXPECT_TRUE(store().run(store().store().abort_prepared(store().container(), id_of(3))).is_ok());
    Transaction alone;
    alone.id.uuid = id_of(4).uuid;
    alone.writes = write(text("alone"));
    EXPECT_TRUE(store().run(store().store().commit_transaction(store().container(), alone, Durability::kSync)).is_ok());
    store().close();
  }
  TestStore& store() { return sample.test; }
  TransactionId id_of(uint64_t which) { return {.uuid = Uuid::from_random(30, which), .epoch = epochs[which]}; }
  std::vector<ObjectWrite> write(Bytes dkey) {
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = std::move(dkey);
    writes[0].akeys.push_back(TestStore::single(text("a"), value));
    return writes;
  }
  void prepare(uint64_t which, Bytes dkey) {
    epochs[which] = store().store().next_epoch();
    Transaction transaction;
    transaction.id = id_of(which);
    transaction.writes = write(std::move(dkey));
    const Status prepared =
        store().run(store().store().prepare(store().container(), transaction, Bytes(9000 / 4, std::byte{7})));
    EXPECT_TRUE(prepared.is_ok()) << prepared.to_string();
  }

  Sample sample{Sample::Ends::kStaysOpen};
  std::map<uint64_t, Epoch> epochs;
  Bytes value;
};

TEST(VosInspector, ShowsTransactionsAndOwnsTheirBlocks) {
  Transactions test;
  const auto inspector = test.sample.inspect();
  const Result<StoreOverview> overview = test.store().run(inspector->overview(true));
  ASSERT_TRUE(overview.is_ok());
  ASSERT_EQ((*overview).containers.size(), 1u);
  const StoredContainer& container = (*overview).containers[0];
  ASSERT_EQ(container.undecided.size(), 1u);
  const StoredIntent& intent = container.undecided[0];
  EXPECT_TRUE(intent.status.is_ok());
  EXPECT_EQ(intent.transaction, test.id_of(1).uuid);
  EXPECT_EQ(intent.epoch, test.id_of(1).epoch);
  EXPECT_EQ(intent.participants.size(), 9000u / 4);
  ASSERT_EQ(intent.records.size(), 1u);
  EXPECT_EQ(intent.records[0].dkey, text("undecided"));
  Bytes content;
  EXPECT_TRUE(test.store().run(inspector->check(intent.records[0], &content)).is_ok());
  EXPECT_EQ(content, test.value);

  ASSERT_EQ(container.decisions.size(), 3u);
  EXPECT_EQ(container.decisions[0].transaction, test.id_of(2).uuid);
  EXPECT_TRUE(container.decisions[0].is_commit && container.decisions[0].was_prepared);
  EXPECT_EQ(container.decisions[1].epoch, test.id_of(3).epoch);
  EXPECT_FALSE(container.decisions[1].is_commit);
  EXPECT_TRUE(container.decisions[2].is_commit && !container.decisions[2].was_prepared);
  EXPECT_TRUE(test.sample.verify(*inspector).empty()) << "also: no block without an owner";
}

TEST(VosInspector, FindsADamagedValueOfAPreparedTransaction) {
  Transactions test;
  const Result<StoreOverview> overview = test.store().run(test.sample.inspect()->overview(false));
  ASSERT_TRUE(overview.is_ok());
  const uint64_t block = (*overview).containers.at(0).undecided.at(0).records.at(0).blocks.at(0).first;
  test.sample.flip(block * media::kBlockSize + 100);
  const std::vector<DamagedPlace> damage = test.sample.verify(*test.sample.inspect());
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].dkey, text("undecided"));
  EXPECT_NE(damage[0].place.find("prepared transaction " + test.id_of(1).uuid.to_string()), std::string::npos);
}

TEST(VosInspector, FindsSpaceCountersThatAreNotWhatTheRecordsTake) {
  Sample sample(Sample::Ends::kStaysOpen);
  media::Batch batch;
  const std::array<int64_t, 4> change{0, 0, 1, 0};
  batch.add(space_key(1), change);
  ASSERT_TRUE(sample.test.run(sample.test.store().media().apply(std::move(batch))).is_ok());
  sample.test.close();
  const std::vector<DamagedPlace> damage = sample.verify(*sample.inspect());
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].what, DamagedPlace::What::kStore);
  EXPECT_EQ(damage[0].place, "space of container number 1");
}

TEST(VosInspector, SeesWhatAReaderSees) {
  Sample sample;
  const auto inspector = sample.inspect();
  const auto see = [&](const char* dkey, uint64_t epoch) {
    auto seen = sample.test.run(inspector->see(1, kObject, text(dkey), text("a"), Epoch{epoch}));
    EXPECT_TRUE(seen.is_ok());
    return *seen;
  };
  EXPECT_EQ(see("small", 11).record_size, 100u);
  EXPECT_EQ(see("small", 12).record_size, 50u);
  EXPECT_TRUE(see("small", 10).pieces.empty());
  EXPECT_EQ(see("gone", 15).pieces.size(), 1u);
  EXPECT_TRUE(see("gone", 16).pieces.empty());
  EXPECT_EQ(see("gone", 16).versions.size(), 2u);
  const Inspector::SeenValue array = see("array", 20);
  ASSERT_EQ(array.pieces.size(), 3u);
  EXPECT_EQ(array.pieces[1].recx, (Recx{50, 10}));
  EXPECT_EQ(array.pieces[2].recx, (Recx{60, 40}));
  EXPECT_EQ(array.pieces[2].offset, 6'000u);
  EXPECT_EQ(see("array", 13).pieces.size(), 1u);
}

TEST(VosInspector, SeesThroughAClone) {
  Sample sample;
  sample.test.open();
  const Uuid clone = Uuid::from_random(9, 9);
  ContainerOptions options;
  options.base = CloneBase{.container = sample.test.container(), .epoch = Epoch{100}};
  ASSERT_TRUE(sample.test.run(sample.test.store().create_container(clone, options)).is_ok());
  std::vector<ObjectWrite> writes(1);
  writes[0].object = kObject;
  writes[0].dkey = text("small");
  const Bytes own = text("the clone's own");
  writes[0].akeys.push_back(TestStore::single(text("a"), own));
  ASSERT_TRUE(sample.test.run(sample.test.store().write(clone, writes, Epoch{101}, Durability::kSync)).is_ok());
  sample.test.close();
  const auto inspector = sample.inspect();
  const auto size_at = [&](const char* dkey, uint64_t epoch) {
    const auto seen = sample.test.run(inspector->see(2, kObject, text(dkey), text("a"), Epoch{epoch}));
    EXPECT_TRUE(seen.is_ok());
    return (*seen).record_size;
  };
  EXPECT_EQ(size_at("big", 200), 100'000u);
  EXPECT_EQ(size_at("small", 200), own.size());
  EXPECT_EQ(size_at("small", 100), 50u);
  EXPECT_EQ(size_at("gone", 200), 0u);
  EXPECT_TRUE(sample.verify(*inspector).empty());
}

TEST(VosInspector, NamesADamagedValueToTheByteAndTheEpoch) {
  Sample sample;
  auto inspector = sample.inspect();
  const Result<Bytes> prefix = Inspector::prefix_of(1, kObject, text("big"));
  const std::vector<StoredRecord> big = sample.records(*inspector, *prefix);
  ASSERT_EQ(big.size(), 1u);
  ASSERT_FALSE(big[0].blocks.empty());
  sample.flip(big[0].blocks[0].first * media::kBlockSize + 40'000);
  const std::vector<DamagedPlace> damage = sample.verify(*inspector);
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].what, DamagedPlace::What::kValue);
  EXPECT_EQ(damage[0].container, sample.test.container());
  EXPECT_EQ(damage[0].object, kObject);
  EXPECT_EQ(damage[0].dkey, text("big"));
  EXPECT_EQ(damage[0].akey, text("a"));
  EXPECT_EQ(damage[0].epoch, Epoch{10});
  EXPECT_NE(damage[0].to_string().find("bytes [36864, 40960)"), std::string::npos) << damage[0].to_string();
}

TEST(VosInspector, ABlockThatBelongsToTwoIsDamage) {
  Sample sample;
  auto inspector = sample.inspect();
  const Result<media::AllocatorReport> allocator = sample.test.run(inspector->media().allocator());
  ASSERT_TRUE(allocator.is_ok());
  // A record that names blocks of another, which only a fault of the program could write.
  sample.test.open();
  const StoredRecord big = sample.records(*inspector, *Inspector::prefix_of(1, kObject, text("big")))[0];
  const StoredRecord other = sample.records(*inspector, Inspector::prefix_of(1, kOther))[0];
  {
    media::KeyBlockStore& media = sample.test.store().media();
    media::Cursor cursor(media);
    const auto look = [&](Bytes key) -> Bytes {
      struct Look {
        static Task<Result<Bytes>> at(media::Cursor* where, Bytes wanted) {
          CO_TRY(co_await where->seek(wanted));
          co_return to_bytes(where->value());
        }
      };
      return *sample.test.run(Look::at(&cursor, std::move(key)));
    };
    Bytes key = big.key;
    key[key.size() - 4] ^= std::byte{1};  // Another epoch.
    const Bytes value = look(big.key);
    media::Batch batch;
    batch.put(key, value);
    const auto planted = decode_record_key(key);
    ASSERT_TRUE(planted.is_ok());
    add_space(batch, 1, space_of_record(*planted, key, value));
    ASSERT_TRUE(sample.test.run(media.apply(std::move(batch))).is_ok());
  }
  sample.test.close();
  inspector = sample.inspect();
  const std::vector<DamagedPlace> damage = sample.verify(*inspector);
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_NE(damage[0].to_string().find("belongs to something else too"), std::string::npos);
  EXPECT_EQ(other.blocks.size(), 1u);
}

TEST(VosInspector, ANewerFormatIsShownAndRefusedByName) {
  Sample sample;
  sample.test.open();
  {
    media::Batch batch;
    Bytes info(24);
    store_le(info.data(), uint32_t{77});
    const Bytes key{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
    batch.put(key, info);
    media::KeyBlockStore& media = sample.test.store().media();
    ASSERT_TRUE(sample.test.run(media.apply(std::move(batch))).is_ok());
    ASSERT_TRUE(sample.test.run(media.flush()).is_ok());
  }
  sample.test.crash();
  const Status opened = sample.test.try_open();
  EXPECT_EQ(opened.code(), Code::kVersionUnsupported);
  EXPECT_NE(opened.to_string().find("format 77"), std::string::npos);
  EXPECT_NE(opened.to_string().find("knows format 3"), std::string::npos);
  const Result<StoreOverview> overview = sample.test.run(sample.inspect()->overview(false));
  ASSERT_TRUE(overview.is_ok());
  EXPECT_EQ((*overview).format_version, 77u);
  EXPECT_EQ((*overview).status.code(), Code::kVersionUnsupported);
}

TEST(VosInspector, AReadOnlyStoreReadsAndRefusesToChange) {
  Sample sample(Sample::Ends::kCrashed);
  const DiskImage before = sample.test.disk().image();
  {
    media::OpenOptions options;
    options.read_only = true;
    auto media =
        sample.test.run(media::KeyBlockStore::open(sample.test.process().world(), sample.test.disk(), options));
    ASSERT_TRUE(media.is_ok()) << media.status().to_string();
    auto store = sample.test.run(Store::open(sample.test.process().world(), std::move(media).value()));
    ASSERT_TRUE(store.is_ok()) << store.status().to_string();
    const auto page = sample.test.run((*store)->list_objects(sample.test.container(), kEpochMax, {}, {}));
    ASSERT_TRUE(page.is_ok());
    EXPECT_EQ((*page).objects.size(), 2u);
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = text("d");
    writes[0].akeys.push_back(TestStore::single(text("a"), sample.small));
    EXPECT_EQ(sample.test.run((*store)->write(sample.test.container(), writes, kEpochZero, Durability::kSync)).code(),
              Code::kReadOnly);
    EXPECT_TRUE(sample.test.run((*store)->close()).is_ok());
  }
  EXPECT_TRUE(sample.test.disk().image() == before);
}

// Every bit of a small image in turn would take hours; so one in each piece of what is in use, at random.
TEST(VosInspector, FlippedBitsAnywhereAreNamedAndSpareTheRest) {
  Sample sample;
  const DiskImage whole = sample.test.disk().image();
  const auto inspector = sample.inspect();
  std::map<std::string, Bytes> contents;
  std::map<std::string, StoredRecord> records;
  for (const StoredRecord& record : sample.records(*inspector, Inspector::prefix_of(1))) {
    Bytes content;
    ASSERT_TRUE(sample.test.run(inspector->check(record, &content)).is_ok());
    contents[std::string(as_text(record.key))] = content;
  }
  Random random(7);
  for (const auto& [number, block] : whole.blocks()) {
    for (uint64_t i = 0; i < 3 / kSeedPart; ++i) {
      sample.flip(number * media::kBlockSize + random.below(media::kBlockSize));
      auto opened = sample.test.run(Inspector::open(sample.test.disk()));
      if (opened.is_ok() && (*opened)->media().usable().is_ok()) {
        Inspector& damaged = **opened;
        const std::vector<DamagedPlace> damage = sample.verify(damaged);
        size_t good = 0;
        for (const StoredRecord& record : sample.records(damaged, Inspector::prefix_of(1))) {
          const auto known = contents.find(std::string(as_text(record.key)));
          ASSERT_NE(known, contents.end());
          Bytes content;
          const Status checked = sample.test.run(damaged.check(record, &content));
          if (!checked.is_ok()) {
            EXPECT_FALSE(damage.empty());
            continue;
          }
          EXPECT_EQ(content, known->second);
          ++good;
        }
        if (damage.empty()) {
          EXPECT_EQ(good, contents.size()) << "block " << number;
        }
      }
      sample.test.disk().load(whole);
    }
  }
}

TEST(VosInspector, WithFlippedBitsAnywhereAnOpenStoreReadsTheRestAndNeverWrongData) {
  Sample sample;
  const DiskImage whole = sample.test.disk().image();
  Random random(8);
  struct Wanted {
    ObjectId object;
    Bytes dkey;
    uint64_t epoch;
    Bytes value;
  };
  const std::vector<Wanted> all = {{kObject, text("big"), 20, sample.big},
                                   {kObject, text("small"), 11, sample.small},
                                   {kObject, text("small"), 20, random_bytes(3, 50)},
                                   {kObject, text("gone"), 15, sample.small},
                                   {kOther, text("d"), 20, random_bytes(6, 5'000)}};
  size_t opened_count = 0, failed_count = 0, read_count = 0;
  for (const auto& [number, block] : whole.blocks()) {
    sample.flip(number * media::kBlockSize + random.below(media::kBlockSize));
    const Status opened = sample.test.try_open();
    if (opened.is_ok()) {
      ++opened_count;
      for (const Wanted& wanted : all) {
        const Result<Bytes> read = sample.test.get(wanted.object, wanted.dkey, text("a"), Epoch{wanted.epoch});
        if (read.is_ok()) {
          ++read_count;
          EXPECT_EQ(*read, wanted.value) << "block " << number;
        } else {
          ++failed_count;
          EXPECT_EQ(read.code(), Code::kCorrupt) << read.status().to_string();
        }
      }
    } else {
      EXPECT_EQ(opened.code(), Code::kCorrupt) << opened.to_string();
    }
    sample.test.crash();
    sample.test.disk().load(whole);
  }
  // Most blocks hold values, and one flipped bit there costs one value.
  EXPECT_GT(opened_count, 25u);
  EXPECT_GT(failed_count, 0u);
  EXPECT_GT(read_count, failed_count * 4);
}

}  // namespace
}  // namespace aeon::vos
