#include "vos/store.h"

#include <algorithm>

#include "anchor.h"
#include "key_codec.h"
#include "runtime/gate.h"
#include "runtime/random.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
using Kind = ObjectWrite::Kind;

Bytes pattern(size_t size, uint64_t seed = 1) { return random_bytes(seed, size); }

TEST(Store, ALaterCallAtOneEpochWins) {
  TestStore target;
  const Epoch epoch{100};
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("first"), epoch).is_ok());
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("second"), epoch).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), epoch), text("second"));
  ASSERT_TRUE(target.punch(Kind::kPunchDkey, kObject, text("d"), {}, epoch).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), epoch), Bytes());
  target.reopen();
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("third"), epoch).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), epoch), text("third"));
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject, {}, {}, epoch).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), epoch), Bytes());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), Epoch{99}), Bytes());
}

TEST(Store, OperationsOfOneCallApplyInOrder) {
  TestStore target;
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("old")).is_ok());
  std::vector<ObjectWrite> writes(3);
  writes[0].kind = Kind::kPunchObject;
  writes[0].object = kObject;
  writes[1].object = kObject;
  writes[1].dkey = text("d");
  const Bytes value = text("new");
  writes[1].akeys.push_back(TestStore::single(text("b"), value));
  writes[1].akeys.push_back(TestStore::single(text("c"), value));
  writes[2].kind = Kind::kPunchAkeys;
  writes[2].object = kObject;
  writes[2].dkey = text("d");
  writes[2].punched_akeys = {text("c")};
  ASSERT_TRUE(target.write(writes).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());
  EXPECT_EQ(*target.get(kObject, text("d"), text("b")), value);
  EXPECT_EQ(*target.get(kObject, text("d"), text("c")), Bytes());
}

TEST(Store, ACallThatFailsChangesNothing) {
  TestStore target;
  std::vector<ObjectWrite> writes(2);
  const Bytes value = text("value");
  writes[0].object = kObject;
  writes[0].dkey = text("d");
  writes[0].akeys.push_back(TestStore::single(text("a"), value));
  writes[1] = writes[0];
  writes[1].dkey = text("e");
  writes[1].conditions = kDkeyUpdate;
  EXPECT_EQ(target.write(writes).code(), Code::kNotFound);
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());
}

TEST(Store, AnAkeyKeepsItsShapeUntilItIsPunched) {
  TestStore target;
  const Bytes data = pattern(12);
  ASSERT_TRUE(target.put(kObject, text("d"), text("s"), data).is_ok());
  EXPECT_EQ(target.put_extent(kObject, text("d"), text("s"), {0, 12}, 1, data).code(), Code::kInvalidArgument);
  ASSERT_TRUE(target.put_extent(kObject, text("d"), text("a"), {0, 4}, 3, data).is_ok());
  EXPECT_EQ(target.put_extent(kObject, text("d"), text("a"), {9, 3}, 4, data).code(), Code::kInvalidArgument);
  EXPECT_EQ(target.put(kObject, text("d"), text("a"), data).code(), Code::kInvalidArgument);

  ASSERT_TRUE(target.punch(Kind::kPunchDkey, kObject, text("d")).is_ok());
  ASSERT_TRUE(target.put_extent(kObject, text("d"), text("s"), {0, 12}, 1, data).is_ok());
  ASSERT_TRUE(target.put_extent(kObject, text("d"), text("a"), {9, 3}, 4, data).is_ok());
  EXPECT_EQ(*target.get_extent(kObject, text("d"), text("a"), {9, 3}, 4), data);
  EXPECT_EQ(target.put_extent(kObject, text("d"), text("a"), {0, 4}, 3, data).code(), Code::kInvalidArgument);
  EXPECT_EQ(target.put(kObject, text("d"), text("s"), data).code(), Code::kInvalidArgument);

  // And back again, in one call.
  std::vector<ObjectWrite> writes(2);
  writes[0].kind = Kind::kPunchDkey;
  writes[0].object = kObject;
  writes[0].dkey = text("d");
  writes[1].object = kObject;
  writes[1].dkey = text("d");
  writes[1].akeys.push_back(TestStore::single(text("s"), data));
  ASSERT_TRUE(target.write(writes).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("s")), data);
  EXPECT_EQ(target.put_extent(kObject, text("d"), text("s"), {0, 12}, 1, data).code(), Code::kInvalidArgument);
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject).is_ok());
  ASSERT_TRUE(target.run(target.store().aggregate(target.container(), kEpochMax)).is_ok());
  EXPECT_EQ(target.run(target.store().aggregate(target.container(), kEpochMax))->entries_seen, 0u);
}

TEST(Store, OneCallCannotGiveAnAkeyTwoShapes) {
  TestStore target;
  const Bytes data = pattern(12);
  ObjectWrite write;
  write.object = kObject;
  write.dkey = text("d");
  write.akeys.push_back(TestStore::single(text("a"), data));
  write.akeys.push_back(TestStore::extent(text("a"), {0, 12}, 1, data));
  EXPECT_EQ(target.write({write}).code(), Code::kInvalidArgument);
}

TEST(Store, ValuesOfEverySizeComeBack) {
  TestStore target;
  for (const size_t size : {size_t{1}, size_t{4096}, size_t{4097}, size_t{32 * kKiB}, size_t{100'000}, size_t{kMiB},
                            size_t{kMiB + 1}, size_t{5 * kMiB + 12'345}}) {
    DiskBuffer memory(size + 1);
    const Bytes data = pattern(size);
    for (const size_t shift : {0, 1}) {  // In memory that can go to the disk as it is, and in memory that can't.
      std::copy(data.begin(), data.end(), memory.data() + shift);
      const Bytes akey = text(std::to_string(size));
      ASSERT_TRUE(target.put(kObject, text("d"), akey, memory.bytes().subspan(shift, size)).is_ok());
      const auto got = target.get(kObject, text("d"), akey);
      ASSERT_TRUE(got.is_ok()) << got.status().to_string();
      ASSERT_EQ(*got, data) << size;
    }
  }
}

TEST(Store, LargeExtentsOfAnyRecordSizeComeBack) {
  TestStore target;
  for (const uint64_t record_size : {1, 8, 1000, 4096, 5'000'001}) {
    const uint64_t count = 6'000'000 / record_size;
    const Bytes data = pattern(count * record_size, record_size);
    const Bytes akey = text(std::to_string(record_size));
    ASSERT_TRUE(target.put_extent(kObject, text("d"), akey, {77, count}, record_size, data).is_ok());
    const auto got = target.get_extent(kObject, text("d"), akey, {77, count}, record_size);
    ASSERT_TRUE(got.is_ok()) << got.status().to_string();
    ASSERT_EQ(*got, data) << record_size;
    auto page = target.run(target.store().list_recxs(target.container(), kObject, text("d"), akey, kEpochMax, {}, {}));
    ASSERT_TRUE(page.is_ok());
    ASSERT_EQ(page->recxs.size(), 1u);  // However it is stored, it is one extent.
    EXPECT_EQ(page->recxs[0].recx, (Recx{77, count}));
  }
}

TEST(Store, DataThatArrivesDamagedIsRefused) {
  TestStore target;
  const Bytes data = pattern(100'000);
  ObjectWrite write;
  write.object = kObject;
  write.dkey = text("d");
  write.akeys.push_back(TestStore::single(text("a"), data));
  write.akeys[0].checksums[2] ^= 1;
  EXPECT_EQ(target.write({write}).code(), Code::kCorrupt);
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());
}

TEST(Store, DamagedBlocksAreNamedAndTheRestIsReadable) {
  TestStore target;
  const Bytes bad = pattern(200'000, 1);
  const Bytes good = pattern(200'000, 2);
  ASSERT_TRUE(target.put_extent(kObject, text("d"), text("bad"), {0, 200'000}, 1, bad).is_ok());
  ASSERT_TRUE(target.put(kObject, text("d"), text("good"), good).is_ok());
  target.disk().script(SimDisk::Script::kBitRot);
  const auto got = target.get_extent(kObject, text("d"), text("bad"), {0, 200'000}, 1);
  ASSERT_EQ(got.code(), Code::kCorrupt);
  const std::string message(got.status().message());
  for (const char* part : {"object 1.2", "dkey 'd'", "akey 'bad'", "extent from record 0", "block"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  EXPECT_EQ(*target.get(kObject, text("d"), text("good")), good);
  int chunks_read = 0;
  for (uint64_t at = 0; at < 200'000; at += kChecksumChunk) {
    const Recx chunk{at, std::min<uint64_t>(kChecksumChunk, 200'000 - at)};
    const auto part = target.get_extent(kObject, text("d"), text("bad"), chunk, 1);
    if (!part) continue;
    ++chunks_read;
    EXPECT_TRUE(equal_bytes(*part, ByteView(bad).subspan(at, chunk.count)));
  }
  EXPECT_EQ(chunks_read, 48);  // All but one.
}

TEST(Store, AFetchSaysHowMuchMemoryItNeeds) {
  TestStore target;
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), pattern(100)).is_ok());
  Bytes out(99);
  AkeyFetch fetch;
  fetch.akey = text("a");
  auto sizes = target.run(target.store().fetch(target.container(), kObject, text("d"), {fetch}, 0, kEpochMax));
  ASSERT_TRUE(sizes.is_ok());
  EXPECT_EQ(sizes->at(0).record_size, 100u);
  fetch.out.push_back(out);
  EXPECT_EQ(target.run(target.store().fetch(target.container(), kObject, text("d"), {fetch}, 0, kEpochMax)).code(),
            Code::kTooBig);
}

TEST(Store, FetchConditionsNeedWhatTheyName) {
  TestStore target;
  EXPECT_EQ(target.get(kObject, text("d"), text("a"), kEpochMax, kDkeyFetch).code(), Code::kNotFound);
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), pattern(3)).is_ok());
  EXPECT_TRUE(target.get(kObject, text("d"), text("a"), kEpochMax, kDkeyFetch | kAkeyFetch).is_ok());
  EXPECT_TRUE(target.get(kObject, text("d"), text("b"), kEpochMax, kDkeyFetch).is_ok());
  EXPECT_EQ(target.get(kObject, text("d"), text("b"), kEpochMax, kAkeyFetch).code(), Code::kNotFound);
}

TEST(Store, EpochsGoOnWhenTheWallClockGoesBack) {
  for (const bool crashes : {false, true}) {
    TestStore target;
    Epoch last = *target.put(kObject, text("d"), text("a"), text("before"));
    if (crashes)
      target.crash();
    else
      target.close();
    target.process().clock().jump(-std::chrono::hours(1));
    target.open();
    EXPECT_GT(target.store().next_epoch(), last);
    const auto next = target.put(kObject, text("d"), text("a"), text("after"));
    ASSERT_TRUE(next.is_ok());
    EXPECT_GT(*next, last);
    EXPECT_EQ(*target.get(kObject, text("d"), text("a")), text("after"));
  }
}

TEST(Store, ContainersComeAndGo) {
  TestStore target;
  Store& store = target.store();
  const Uuid other = Uuid::from_random(8, 9);
  EXPECT_EQ(target.run(store.create_container(target.container())).code(), Code::kExists);
  EXPECT_EQ(target.run(store.destroy_container(other)).code(), Code::kNotFound);
  ASSERT_TRUE(target.run(store.create_container(other)).is_ok());
  EXPECT_EQ(target.run(store.list_containers())->size(), 2u);
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), pattern(10)).is_ok());
  ASSERT_TRUE(target.run(store.destroy_container(target.container())).is_ok());
  EXPECT_EQ(target.put(kObject, text("d"), text("a"), pattern(10)).code(), Code::kNotFound);
  EXPECT_EQ(target.get(kObject, text("d"), text("a")).code(), Code::kNotFound);
  EXPECT_EQ(target.run(store.query_container(target.container())).code(), Code::kNotFound);
  // The same name is a new, empty container.
  ASSERT_TRUE(target.run(store.create_container(target.container())).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());
}

TEST(Store, AContainerDestroyedBeforeARestartIsErasedAfterIt) {
  TestStore target;
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE(target.put(kObject, text(std::to_string(i)), text("a"), pattern(i % 50 == 0 ? 10'000 : 10)).is_ok());
  }
  ASSERT_TRUE(target.run(target.store().destroy_container(target.container())).is_ok());
  target.crash();
  target.open();
  target.scheduler().run_for(std::chrono::seconds(1));
  const auto cursor_is_beyond = [](media::KeyBlockStore& media) -> Task<bool> {
    media::Cursor cursor(media);
    const Bytes first = container_prefix(1);
    const Status status = co_await cursor.seek(first);
    co_return status.is_ok() && !cursor.valid();
  };
  EXPECT_TRUE(target.run(cursor_is_beyond(target.store().media())));
  EXPECT_EQ(target.store().media().space().blocks_used, 0u);
}

TEST(Store, SnapshotsAndWritesStayBehindWhatWasAggregated) {
  TestStore target;
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("1"), Epoch{10}).is_ok());
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("2"), Epoch{20}).is_ok());
  auto progress = target.run(target.store().aggregate(target.container(), Epoch{20}));
  ASSERT_TRUE(progress.is_ok());
  EXPECT_EQ(progress->entries_dropped, 1u);
  EXPECT_EQ(target.run(target.store().query_container(target.container()))->aggregated_through, Epoch{20});
  EXPECT_EQ(target.put(kObject, text("d"), text("a"), text("3"), Epoch{20}).code(), Code::kInvalidArgument);
  EXPECT_EQ(target.run(target.store().create_snapshot(target.container(), Epoch{19})).code(), Code::kInvalidArgument);
  ASSERT_TRUE(target.run(target.store().create_snapshot(target.container(), Epoch{20})).is_ok());
  target.reopen();
  EXPECT_EQ(target.put(kObject, text("d"), text("a"), text("3"), Epoch{15}).code(), Code::kInvalidArgument);
  EXPECT_TRUE(target.put(kObject, text("d"), text("a"), text("3"), Epoch{21}).is_ok());
}

TEST(Store, AggregationFreesWhatWasOverwrittenAndKeepsWhatSnapshotsSee) {
  TestStore target;
  const Bytes value = pattern(100'000);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(target.put(kObject, text("d"), text("a"), value).is_ok());
  const Epoch snapshot = *target.run(target.store().create_snapshot(target.container(), kEpochZero));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(target.put(kObject, text("d"), text("a"), pattern(50, 2)).is_ok());
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject).is_ok());
  auto progress = target.run(target.store().aggregate(target.container(), kEpochMax));
  ASSERT_TRUE(progress.is_ok());
  EXPECT_EQ(progress->entries_dropped, 9u);
  EXPECT_EQ(progress->bytes_freed, 4u * 100'000 + 5 * 50);
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), snapshot), value);
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());

  ASSERT_TRUE(target.run(target.store().destroy_snapshot(target.container(), snapshot)).is_ok());
  progress = target.run(target.store().aggregate(target.container(), kEpochMax));
  ASSERT_TRUE(progress.is_ok());
  EXPECT_EQ(progress->entries_dropped, 2u);  // The value, and the punch that hid it.
  EXPECT_EQ(target.run(target.store().aggregate(target.container(), kEpochMax))->entries_seen, 0u);
  EXPECT_EQ(target.store().media().space().blocks_used, 0u);
}

TEST(Store, AnchorsOfOthersAreRefused) {
  TestStore target;
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), pattern(3)).is_ok());
  Store& store = target.store();
  for (const Bytes& position :
       {Bytes(1), text("x"), text("some text"), anchor_at(Listing::kDkeys, {}).position,
        anchor_at(Listing::kObjects, text("short")).position, anchor_at(Listing::kAkeys, Bytes(5000)).position}) {
    const Anchor anchor{.position = position, .is_end = false};
    EXPECT_EQ(target.run(store.list_objects(target.container(), kEpochMax, anchor, {})).code(), Code::kInvalidArgument);
    EXPECT_EQ(target.run(store.list_dkeys(target.container(), kObject, kEpochMax, anchor, {})).code(),
              Code::kInvalidArgument);
    EXPECT_EQ(target.run(store.list_akeys(target.container(), kObject, text("d"), kEpochMax, anchor, {})).code(),
              Code::kInvalidArgument);
    EXPECT_EQ(
        target.run(store.list_recxs(target.container(), kObject, text("d"), text("a"), kEpochMax, anchor, {})).code(),
        Code::kInvalidArgument);
  }
}

TEST(Store, AKeyLargerThanAPageIsSaidToBe) {
  TestStore target;
  ASSERT_TRUE(target.put(kObject, Bytes(1000, std::byte{7}), text("a"), pattern(3)).is_ok());
  ListLimits limits;
  limits.bytes_max = 999;
  EXPECT_EQ(target.run(target.store().list_dkeys(target.container(), kObject, kEpochMax, {}, limits)).code(),
            Code::kTooBig);
}

TEST(Store, BadWritesAreRefusedAndChangeNothing) {
  TestStore target;
  const Bytes data = pattern(8);
  ObjectWrite good;
  good.object = kObject;
  good.dkey = text("d");
  good.akeys.push_back(TestStore::extent(text("a"), {0, 8}, 1, data));
  std::vector<std::pair<ObjectWrite, Code>> bad;
  const auto add = [&](Code code, auto change) {
    ObjectWrite write = good;
    change(write);
    bad.emplace_back(std::move(write), code);
  };
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.dkey.clear(); });
  add(Code::kTooBig, [](ObjectWrite& w) { w.dkey.resize(kUserKeySizeMax + 1); });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys.clear(); });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys[0].akey.clear(); });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys[0].recxs[0].count = 9; });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys[0].recxs[0].count = 0; });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys[0].recxs[0].index = ~uint64_t{0} - 7; });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys[0].checksums.push_back(1); });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys[0].recxs.clear(); });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys[0].kind = static_cast<ValueKind>(9); });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.kind = static_cast<Kind>(9); });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.kind = Kind::kPunchAkeys; });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.conditions = kAkeyFetch; });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.akeys[0].conditions = kDkeyInsert; });
  add(Code::kTooBig, [](ObjectWrite& w) { w.akeys[0].record_size = ~uint64_t{0}; });
  add(Code::kTooBig, [](ObjectWrite& w) { w.akeys[0].recxs[0].count = ~uint64_t{0} / 2; });
  add(Code::kInvalidArgument, [](ObjectWrite& w) { w.object.hi = uint64_t{2} << 56; });  // Integer dkeys have 8 bytes.
  for (size_t i = 0; i < bad.size(); ++i) EXPECT_EQ(target.write({bad[i].first}).code(), bad[i].second) << i;
  EXPECT_EQ(target.write({}).code(), Code::kInvalidArgument);
  EXPECT_EQ(target.write({good}, kEpochMax).code(), Code::kInvalidArgument);
  EXPECT_TRUE(target.run(target.store().list_objects(target.container(), kEpochMax, {}, {}))->objects.empty());
}

TEST(Store, MetadataIsKeptByName) {
  TestStore target;
  std::vector<Store::MetadataChange> changes;
  changes.push_back({"pool/label", text("tank")});
  changes.push_back({"pool/owner", text("me")});
  changes.push_back({"poolish", text("x")});
  ASSERT_TRUE(target.run(target.store().change_metadata(changes)).is_ok());
  target.crash();
  target.open();
  EXPECT_EQ(target.run(target.store().get_metadata("pool/label"))->value(), text("tank"));
  EXPECT_EQ(target.run(target.store().list_metadata("pool/"))->size(), 2u);
  changes.clear();
  changes.push_back({"pool/label", std::nullopt});
  ASSERT_TRUE(target.run(target.store().change_metadata(changes)).is_ok());
  EXPECT_FALSE(target.run(target.store().get_metadata("pool/label"))->has_value());
  EXPECT_EQ(target.run(target.store().get_metadata("")).code(), Code::kInvalidArgument);
  EXPECT_EQ(target.run(target.store().get_metadata(std::string(201, 'x'))).code(), Code::kInvalidArgument);
  changes[0] = {"large", Bytes(8 * kKiB + 1)};
  EXPECT_EQ(target.run(target.store().change_metadata(changes)).code(), Code::kTooBig);
}

TEST(Store, AFullStoreStaysReadableAndTakesDeletes) {
  SimDiskOptions options;
  options.latency = SimDiskLatency::none();
  options.capacity = 16 * kMiB;
  TestStore target(1, options);
  const Uuid other = Uuid::from_random(5, 6);
  ASSERT_TRUE(target.run(target.store().create_container(other)).is_ok());
  int large = 0;
  Result<Epoch> written = Epoch{};
  for (; written.is_ok(); ++large)
    written = target.put(kObject, integer_key(static_cast<uint64_t>(large) + 1), text("large"),
                         pattern(300'000, static_cast<uint64_t>(large)));
  EXPECT_EQ(written.code(), Code::kNoSpace) << written.status().to_string();
  int small = 0;
  for (written = Epoch{}; written.is_ok(); ++small)
    written = target.put(kObject, integer_key(static_cast<uint64_t>(small) + 1), text("small"),
                         pattern(4000, static_cast<uint64_t>(small)));
  EXPECT_EQ(written.code(), Code::kNoSpace) << written.status().to_string();
  ASSERT_GT(large, 10);
  ASSERT_GT(small, 10);
  for (const bool is_reopened : {false, true}) {
    if (is_reopened) target.reopen();
    for (int i = 0; i + 1 < large; ++i) {
      ASSERT_EQ(*target.get(kObject, integer_key(static_cast<uint64_t>(i) + 1), text("large")),
                pattern(300'000, static_cast<uint64_t>(i)));
    }
    for (int i = 0; i + 1 < small; ++i) {
      ASSERT_EQ(*target.get(kObject, integer_key(static_cast<uint64_t>(i) + 1), text("small")),
                pattern(4000, static_cast<uint64_t>(i)));
    }
  }
  for (uint64_t i = 1; i < 6; ++i) EXPECT_TRUE(target.punch(Kind::kPunchDkey, kObject, integer_key(i)).is_ok());
  EXPECT_TRUE(target.run(target.store().aggregate(target.container(), kEpochMax)).is_ok());
  EXPECT_TRUE(target.put(kObject, integer_key(1), text("large"), pattern(200'000)).is_ok());
  EXPECT_TRUE(target.run(target.store().destroy_container(target.container())).is_ok());
  target.scheduler().run_for(std::chrono::seconds(1));
  ASSERT_TRUE(target.run(target.store().create_container(target.container())).is_ok());
  written = target.put(kObject, text("d"), text("a"), pattern(8'000'000));
  EXPECT_TRUE(written.is_ok()) << written.status().to_string();
}

TEST(Store, DiscardDropsOneRangeOfEpochs) {
  TestStore target;
  for (const uint64_t epoch : {10, 20, 30}) {
    ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text(std::to_string(epoch)), Epoch{epoch}).is_ok());
  }
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject, {}, {}, Epoch{25}).is_ok());
  ASSERT_TRUE(target.run(target.store().discard(target.container(), Epoch{25}, Epoch{30})).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), text("20"));
  EXPECT_EQ(target.run(target.store().discard(target.container(), Epoch{3}, Epoch{2})).code(), Code::kInvalidArgument);
}

TEST(Store, AggregationDropsAnyNumberOfPunches) {
  TestStore target;
  const Bytes dkey(kUserKeySizeMax, std::byte{'d'});
  Epoch last;
  for (int call = 0; call < 20; ++call) {
    std::vector<ObjectWrite> writes(1);
    writes[0].kind = Kind::kPunchAkeys;
    writes[0].object = kObject;
    writes[0].dkey = dkey;
    writes[0].punched_akeys.assign(100, text("a"));
    const auto written = target.write(std::move(writes));
    ASSERT_TRUE(written.is_ok()) << written.status().to_string();
    last = *written;
  }
  const auto aggregated = target.run(target.store().aggregate(target.container(), kEpochMax));
  ASSERT_TRUE(aggregated.is_ok()) << aggregated.status().to_string();
  EXPECT_EQ(aggregated->entries_dropped, 2000u);
}

TEST(Store, SnapshotsAreTakenAlsoBehindTheLargestEpochGiven) {
  TestStore target;
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("one"), Epoch{(uint64_t{1} << 63) - 1}).is_ok());
  const auto taken = target.run(target.store().create_snapshot(target.container(), kEpochZero));
  ASSERT_TRUE(taken.is_ok()) << taken.status().to_string();
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("two")).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), *taken), text("one"));
  EXPECT_TRUE(target.run(target.store().destroy_snapshot(target.container(), *taken)).is_ok());
}

Task<void> fetch_large(Store& store, Uuid container, MutableBytes out, Result<std::vector<FetchedAkey>>& result) {
  std::vector<AkeyFetch> akeys(1);
  akeys[0].akey = text("a");
  akeys[0].out.push_back(out);
  result = co_await store.fetch(container, kObject, text("d"), std::move(akeys), 0, kEpochMax);
}

Task<Status> discard_beside(World& world, Store& store, Uuid container, MutableBytes out, Duration pause, Epoch begin,
                            Result<std::vector<FetchedAkey>>& result) {
  Gate readers(world.executor);
  readers.spawn(fetch_large(store, container, out, result));
  co_await sleep_for(world.executor, pause);
  const Status discarded = co_await store.discard(container, begin, kEpochMax);
  co_await readers.close();
  co_return discarded;
}

TEST(Store, AReaderOfAValueThatIsDiscardedSeesTheOneBeforeOrIt) {
  for (int pause_us = 0; pause_us < 1500; pause_us += 150) {
    TestStore target(1, SimDiskOptions{});
    const Bytes before = pattern(3 * kMiB, 1);
    const Bytes discarded = pattern(4 * kMiB, 2);
    ASSERT_TRUE(target.put(kObject, text("d"), text("a"), before).is_ok());
    const auto epoch = target.put(kObject, text("d"), text("a"), discarded);
    ASSERT_TRUE(epoch.is_ok());
    Bytes out(4 * kMiB);
    Result<std::vector<FetchedAkey>> result(std::vector<FetchedAkey>{});
    World& world = target.process().world();
    ASSERT_TRUE(target
                    .run(discard_beside(world, target.store(), target.container(), out,
                                        std::chrono::microseconds(pause_us), *epoch, result))
                    .is_ok());
    ASSERT_TRUE(result.is_ok()) << result.status().to_string();
    out.resize(result->at(0).record_size);
    ASSERT_TRUE(out == before || out == discarded);
  }
}

TEST(Store, ALateWriteKeepsTheShapeOfItsOwnTime) {
  TestStore target;
  const Bytes data = pattern(400);
  ASSERT_TRUE(
      target.put_extent(kObject, text("d"), text("a"), {100, 100}, 1, ByteView(data).first(100), Epoch{10}).is_ok());
  ASSERT_TRUE(target.punch(Kind::kPunchAkeys, kObject, text("d"), text("a"), Epoch{20}).is_ok());
  ASSERT_TRUE(target.put_extent(kObject, text("d"), text("a"), {0, 100}, 4, data, Epoch{30}).is_ok());
  const auto late = target.put_extent(kObject, text("d"), text("a"), {0, 100}, 4, data, Epoch{15});
  EXPECT_EQ(late.code(), Code::kInvalidArgument);
  const auto seen = target.get_extent(kObject, text("d"), text("a"), {0, 200}, 1, Epoch{15});
  EXPECT_TRUE(seen.is_ok()) << seen.status().to_string();
}

}  // namespace
}  // namespace aeon::vos
