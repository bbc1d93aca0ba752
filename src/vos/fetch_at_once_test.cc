// Fetches that find all in memory, beside the same ones made in full; and what the store remembers of punches.
#include <string>
#include <vector>

#include "runtime/random.h"
#include "store_under_test.h"
#include "transaction_under_test.h"

namespace aeon::vos {
namespace {

using Kind = ObjectWrite::Kind;

constexpr ObjectId kObject{.hi = 7, .lo = 1};
constexpr uint64_t kRecordSize = 700;  // Few of them are inline, more go to blocks.
constexpr ObjectId kOther{.hi = uint64_t{4} << 56, .lo = 2};  // Integer keys.

TEST(ObjectPunches, APunchIsSeenByWhoReadTheObjectBefore) {
  TestStore target;
  target.process().faults().set_probability("fetch_in_full", 0);
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("one"), Epoch{10}).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), text("one"));
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject, {}, {}, Epoch{20}).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("two"), Epoch{30}).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), text("two"));
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject, {}, {}, Epoch{40}).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());
  // And only from its epoch on.
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), Epoch{35}), text("two"));
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), Epoch{25}), Bytes());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a"), Epoch{15}), text("one"));
}

TEST(ObjectPunches, ADiscardedPunchHidesNothing) {
  TestStore target;
  target.process().faults().set_probability("fetch_in_full", 0);
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("one"), Epoch{10}).is_ok());
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject, {}, {}, Epoch{20}).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());
  ASSERT_TRUE(target.run(target.store().discard(target.container(), Epoch{20}, Epoch{20})).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), text("one"));
}

TEST(ObjectPunches, APreparedPunchHidesFromItsCommitOn) {
  for (const bool is_commit : {true, false}) {
    TestStore target;
    target.process().faults().set_probability("fetch_in_full", 0);
    ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("one")).is_ok());
    EXPECT_EQ(*target.get(kObject, text("d"), text("a")), text("one"));
    Transaction transaction;
    transaction.id = {.uuid = Uuid::from_random(5, 6), .epoch = target.store().next_epoch()};
    transaction.writes.push_back(punch_write(Kind::kPunchObject, kObject));
    ASSERT_TRUE(target.run(target.store().prepare(target.container(), transaction, {})).is_ok());
    EXPECT_EQ(target.get(kObject, text("d"), text("a")).code(), Code::kInProgress);
    const TransactionId id = transaction.id;
    const Status decided = is_commit ? target.run(target.store().commit_prepared(target.container(), id))
                                     : target.run(target.store().abort_prepared(target.container(), id));
    ASSERT_TRUE(decided.is_ok()) << decided.to_string();
    EXPECT_EQ(*target.get(kObject, text("d"), text("a")), is_commit ? Bytes() : text("one"));
  }
}

TEST(ObjectPunches, AreOfOneContainer) {
  TestStore target;
  target.process().faults().set_probability("fetch_in_full", 0);
  const Uuid first = target.container();
  const Uuid second = Uuid::from_random(8, 9);
  ASSERT_TRUE(target.run(target.store().create_container(second)).is_ok());
  for (const Uuid container : {first, second}) {
    target.use(container);
    ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("one")).is_ok());
    EXPECT_EQ(*target.get(kObject, text("d"), text("a")), text("one"));
  }
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject).is_ok());
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), Bytes());
  target.use(first);
  EXPECT_EQ(*target.get(kObject, text("d"), text("a")), text("one"));
}

Bytes records(uint64_t count, char fill) { return Bytes(count, static_cast<std::byte>(fill)); }

class KnownArray : public ::testing::Test {
 protected:
  KnownArray() { target_.process().faults().set_probability("fetch_in_full", 0); }

  void put(uint64_t index, uint64_t count, char fill) {
    const Bytes data = records(count, fill);
    const auto written = target_.put_extent(kObject, text("d"), text("b"), {.index = index, .count = count}, 1, data);
    ASSERT_TRUE(written.is_ok()) << written.status().to_string();
  }
  std::string get(uint64_t index, uint64_t count, Epoch epoch = kEpochMax) {
    Bytes found = *target_.get_extent(kObject, text("d"), text("b"), {.index = index, .count = count}, 1, epoch);
    std::replace(found.begin(), found.end(), std::byte{0}, static_cast<std::byte>('.'));
    return std::string(as_text(found));
  }

  TestStore target_;
};

TEST_F(KnownArray, ExtentsOfOtherSizesAreSeen) {
  put(4, 1, 'a');
  EXPECT_EQ(get(0, 8), "....a...");
  put(0, 8, 'b');
  EXPECT_EQ(get(0, 8), "bbbbbbbb");
  put(2, 3, 'c');
  EXPECT_EQ(get(0, 8), "bbcccbbb");
  put(3, 1, 'd');
  EXPECT_EQ(get(3, 1), "d");
  EXPECT_EQ(get(0, 8), "bbcdcbbb");
}

TEST_F(KnownArray, PunchesOfItsKeysAreSeenFromTheirEpochOn) {
  put(0, 4, 'a');
  EXPECT_EQ(get(0, 4), "aaaa");
  const Epoch first = *target_.punch(Kind::kPunchDkey, kObject, text("d"));
  EXPECT_EQ(get(0, 4), "....");
  put(1, 2, 'b');
  EXPECT_EQ(get(0, 4), ".bb.");
  const Epoch second = *target_.punch(Kind::kPunchAkeys, kObject, text("d"), text("b"));
  EXPECT_EQ(get(0, 4), "....");
  EXPECT_EQ(get(0, 4, Epoch{second.value - 1}), ".bb.");
  EXPECT_EQ(get(0, 4, first), "....");
  EXPECT_EQ(get(0, 4, Epoch{first.value - 1}), "aaaa");
}

TEST_F(KnownArray, MergedExtentsAreSeen) {
  for (uint64_t index = 0; index < 64; ++index) put(index, 1, static_cast<char>('a' + index % 26));
  const std::string before = get(0, 64);
  const auto merged = target_.run(target_.store().aggregate(target_.container(), kEpochMax));
  ASSERT_TRUE(merged.is_ok() && merged->extents_merged > 0);
  EXPECT_EQ(get(0, 64), before);
  EXPECT_EQ(get(17, 1), before.substr(17, 1));
}

TEST(FetchAtOnce, DamagedBytesAreNoData) {
  TestStore target;
  target.process().faults().set_probability("fetch_in_full", 0);
  // Checksums that the store trusts can't be wrong, so the index is given a record whose bytes are others.
  ASSERT_TRUE(target.put(kObject, text("d"), text("a"), text("the bytes that were written")).is_ok());
  media::Cursor cursor(target.store().media());
  ASSERT_TRUE(cursor.seek_now({}));
  const std::string wanted = "the bytes that were written";
  Bytes key, value;
  while (cursor.valid()) {
    const std::string_view found = as_text(cursor.value());
    if (found.find(wanted) != std::string_view::npos) {
      key = to_bytes(cursor.key());
      value = to_bytes(cursor.value());
    }
    ASSERT_TRUE(cursor.next_now());
  }
  ASSERT_FALSE(key.empty());
  value.back() ^= std::byte{1};
  media::Batch batch;
  batch.put(key, value);
  ASSERT_TRUE(target.run(target.store().media().apply(std::move(batch))).is_ok());
  EXPECT_EQ(target.get(kObject, text("d"), text("a")).code(), Code::kCorrupt);
}

SimDiskOptions memory_disk() {
  SimDiskOptions options;
  options.is_memory = true;
  return options;
}

class FetchFromMemory : public ::testing::Test {
 protected:
  FetchFromMemory() : target_(1, memory_disk()) { target_.process().faults().set_probability("fetch_in_full", 0); }

  // Parts of an array that lies in blocks, with its checksums; nothing if that isn't what was put.
  void expect_part(uint64_t record_size, Recx recx, ByteView data) {
    const auto found = target_.get_extent(kObject, text("d"), text("b"), recx, record_size);
    ASSERT_TRUE(found.is_ok()) << found.status().to_string();
    EXPECT_TRUE(equal_bytes(*found, data.subspan(recx.index * record_size, recx.count * record_size)))
        << recx.index << " " << recx.count;
  }

  TestStore target_;
};

Task<Status> fetch_parts(TestStore* target, Bytes* out) {
  std::vector<AkeyFetch> fetches(2);
  for (uint64_t i = 0; i < 2; ++i) {
    fetches[i].akey = text("b");
    fetches[i].kind = ValueKind::kArray;
    fetches[i].recxs.push_back({.index = 5000 + i * 4096, .count = 4096});
    fetches[i].out.push_back(MutableBytes(*out).subspan(i * 4096, 4096));
  }
  const auto fetched =
      co_await target->store().fetch(target->container(), kObject, text("d"), std::move(fetches), 0, kEpochMax);
  co_return fetched.status();
}

TEST_F(FetchFromMemory, TakesWhatLiesInBlocksAtOnce) {
  const Bytes data = random_bytes(7, 100'000);
  ASSERT_TRUE(target_.put_extent(kObject, text("d"), text("b"), {.index = 0, .count = data.size()}, 1, data).is_ok());
  Bytes out(8192);
  Task<Status> fetch = fetch_parts(&target_, &out);
  fetch.start();
  ASSERT_TRUE(fetch.done());
  ASSERT_TRUE(fetch.take().is_ok());
  EXPECT_TRUE(equal_bytes(out, ByteView(data).subspan(5000, 8192)));
}

TEST_F(FetchFromMemory, TakesAnyPartWithItsChecksums) {
  const Bytes data = random_bytes(8, 50'000);
  ASSERT_TRUE(target_.put_extent(kObject, text("d"), text("b"), {.index = 0, .count = data.size()}, 1, data).is_ok());
  Random random(9);
  for (int i = 0; i < 200; ++i) {
    const uint64_t index = random.one_in(3) ? random.below(12) * 4096 : random.below(data.size());
    const uint64_t count = random.one_in(3) ? data.size() - index : 1 + random.below(data.size() - index);
    ASSERT_NO_FATAL_FAILURE(expect_part(1, {.index = index, .count = count}, data));
  }
}

TEST_F(FetchFromMemory, TakesLargeRecordsWithTheirCoarserChecksums) {
  constexpr uint64_t kSize = 3 * kMiB / 2 + 100;
  const Bytes data = random_bytes(10, 2 * kSize);
  ASSERT_TRUE(target_.put_extent(kObject, text("d"), text("b"), {.index = 0, .count = 2}, kSize, data).is_ok());
  for (const Recx recx : {Recx{0, 1}, Recx{1, 1}, Recx{0, 2}}) {
    ASSERT_NO_FATAL_FAILURE(expect_part(kSize, recx, data));
  }
}

TEST_F(FetchFromMemory, FindsDecayedBytesAndPassesOverMomentaryFaults) {
  const Bytes data = random_bytes(11, 20'000);
  ASSERT_TRUE(target_.put(kObject, text("d"), text("a"), data).is_ok());
  target_.disk().script(SimDisk::Script::kTransientFlip);
  EXPECT_EQ(*target_.get(kObject, text("d"), text("a")), data);
  target_.disk().script(SimDisk::Script::kReadError);
  EXPECT_EQ(*target_.get(kObject, text("d"), text("a")), data);
  target_.disk().script(SimDisk::Script::kBitRot);
  const auto found = target_.get(kObject, text("d"), text("a"));
  EXPECT_EQ(found.code(), Code::kCorrupt);
  EXPECT_NE(found.status().message().find("aren't what was written"), std::string::npos) << found.status().to_string();
}

// The same fetch at once and in full.
class BothWays {
 public:
  BothWays(TestStore& target, Random& random) : target_(target), random_(random) {}

  void compare(ObjectId object, Bytes dkey, std::vector<AkeyFetch> fetches, Epoch epoch) {
    std::vector<Bytes> memory[2];
    Result<std::vector<FetchedAkey>> found[2] = {Status(Code::kCanceled), Status(Code::kCanceled)};
    for (const int way : {0, 1}) {
      target_.process().faults().set_probability("fetch_in_full", way);
      std::vector<AkeyFetch> given = fetches;
      memory[way].reserve(fetches.size());
      for (size_t i = 0; i < fetches.size(); ++i) {
        memory[way].emplace_back(sizes_[i]);
        if (sizes_[i] != 0) given[i].out = pieces(memory[way][i]);
      }
      found[way] = target_.run(target_.store().fetch(target_.container(), object, dkey, given, 0, epoch));
    }
    ASSERT_EQ(found[0].code(), found[1].code()) << found[0].status().to_string() << found[1].status().to_string();
    if (!found[0].is_ok()) return;
    ASSERT_EQ(found[0]->size(), found[1]->size());
    for (size_t i = 0; i < found[0]->size(); ++i) {
      const FetchedAkey& a = (*found[0])[i];
      const FetchedAkey& b = (*found[1])[i];
      ASSERT_EQ(a.record_size, b.record_size);
      ASSERT_EQ(a.object_changed, b.object_changed);
      ASSERT_EQ(a.segments.size(), b.segments.size());
      for (size_t part = 0; part < a.segments.size(); ++part) {
        ASSERT_TRUE(a.segments[part].recx == b.segments[part].recx);
        ASSERT_EQ(a.segments[part].epoch, b.segments[part].epoch);
        ASSERT_EQ(a.segments[part].checksums, b.segments[part].checksums);
      }
      ASSERT_EQ(memory[0][i], memory[1][i]);
    }
  }
  void set_sizes(std::vector<size_t> sizes) { sizes_ = std::move(sizes); }

 private:
  // In one to three pieces, the same each time.
  std::vector<MutableBytes> pieces(Bytes& memory) {
    const MutableBytes all = memory;
    const size_t first = all.size() / 3;
    if (random_cut_) return {all.first(first), all.subspan(first, 0), all.subspan(first)};
    return {all};
  }

  TestStore& target_;
  Random& random_;
  std::vector<size_t> sizes_;
  const bool random_cut_ = random_.one_in(3);
};

class Interleaving {
 public:
  explicit Interleaving(Random& random)
      : random_(random),
        target_(random.next(), {.latency = SimDiskLatency::none(), .is_memory = random.one_in(2)}),
        both_(target_, random),
        is_explicit_(random.one_in(3)) {
    if (!is_explicit_) return;
    const Uuid container = Uuid::from_random(random.next(), random.next());
    const Status made = target_.run(target_.store().create_container(container, {.epochs = EpochMode::kExplicit}));
    if (!made.is_ok()) throw SimFailure("no container with explicit epochs: " + made.to_string());
    target_.use(container);
  }

  void run() {
    for (int step = 0; step < 120 && !::testing::Test::HasFailure(); ++step) {
      change();
      for (int read = 0; read < 3; ++read) look();
    }
  }

 private:
  ObjectId object() { return random_.one_in(2) ? kObject : kOther; }
  Bytes dkey_of(ObjectId object) {
    const uint64_t number = random_.below(2);
    return object == kOther ? integer_key(number) : text(number == 0 ? "d" : "da");
  }
  Bytes akey() { return text(random_.one_in(2) ? "a" : "b"); }  // "b" is an array.
  Epoch write_epoch() {
    if (is_explicit_ && (epochs_.empty() || random_.one_in(2))) return Epoch{++last_epoch_};
    if (!is_explicit_ && (!random_.one_in(3) || epochs_.empty())) return kEpochZero;
    return epochs_[random_.below(epochs_.size())];
  }

  void change() {
    const ObjectId object = this->object();
    const Bytes dkey = dkey_of(object);
    const Epoch epoch = write_epoch();
    Result<Epoch> written = Status(Code::kCanceled);
    switch (random_.below(16)) {
      case 0: written = target_.punch(Kind::kPunchObject, object, {}, {}, epoch); break;
      case 1: written = target_.punch(Kind::kPunchDkey, object, dkey, {}, epoch); break;
      case 2: written = target_.punch(Kind::kPunchAkeys, object, dkey, akey(), epoch); break;
      case 3: written = target_.punch(Kind::kPunchObject, object, {}, {}, epoch, kPunchIfExists); break;
      case 4:
        ignore(target_.run(target_.store().aggregate(target_.container(), random_epoch())).status(), "by chance");
        return;
      case 5:
        if (epochs_.size() < 4) return;
        {
          const Epoch from = epochs_[epochs_.size() - 1 - random_.below(3)];
          ignore(target_.run(target_.store().discard(target_.container(), from, from)), "by chance");
        }
        return;
      case 6:
        ignore(target_.run(target_.store().create_snapshot(target_.container(), kEpochZero)).status(), "by chance");
        return;
      case 7: target_.reopen(); return;
      case 8:
        if (is_explicit_) {
          ignore(target_.run(target_.store().commit(target_.container(), epoch)), "by chance");
        } else {
          transact(object, dkey);
        }
        return;
      case 9:
      case 10:
      case 11: {
        const uint64_t first = random_.below(24);
        const uint64_t count = 1 + random_.below(random_.one_in(4) ? 24 : 4);
        const bool is_punch = random_.one_in(5);
        const Bytes data = random_bytes(is_punch ? 0 : kRecordSize * count);
        written = target_.put_extent(object, dkey, text("b"), {.index = first, .count = count},
                                     is_punch ? 0 : kRecordSize, data, epoch);
        break;
      }
      default:
        const uint32_t condition = random_.one_in(4) ? uint32_t{random_.one_in(2) ? kDkeyInsert : kAkeyUpdate} : 0;
        const size_t size = random_.one_in(8) ? 6000 : random_.one_in(6) ? 0 : 1 + random_.below(200);
        written = target_.put(object, dkey, text("a"), random_bytes(size), epoch, condition);
        break;
    }
    if (written.is_ok()) epochs_.push_back(*written);
  }

  // Prepares a punch or a value, reads, and decides.
  void transact(ObjectId object, const Bytes& dkey) {
    Transaction transaction;
    transaction.id = {.uuid = Uuid::from_random(random_.next(), 1), .epoch = target_.store().next_epoch()};
    const Bytes value = random_bytes(30);
    transaction.writes.push_back(random_.one_in(2) ? punch_write(Kind::kPunchObject, object)
                                                   : value_write(object, dkey, text("a"), value));
    const TransactionId id = transaction.id;
    if (!target_.run(target_.store().prepare(target_.container(), std::move(transaction), {})).is_ok()) return;
    look();
    const Status decided = random_.one_in(3) ? target_.run(target_.store().abort_prepared(target_.container(), id))
                                             : target_.run(target_.store().commit_prepared(target_.container(), id));
    ASSERT_TRUE(decided.is_ok()) << decided.to_string();
  }

  Bytes random_bytes(size_t size) {
    Bytes bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_.below(256));
    return bytes;
  }
  Epoch random_epoch() {
    if (epochs_.empty() || random_.one_in(2)) return kEpochMax;
    return Epoch{epochs_[random_.below(epochs_.size())].value - random_.below(2)};
  }

  void look() {
    std::vector<AkeyFetch> fetches;
    std::vector<size_t> sizes;
    for (const char* akey : {"a", "b", "c"}) {
      if (random_.one_in(3)) continue;
      AkeyFetch& fetch = fetches.emplace_back();
      fetch.akey = text(akey);
      size_t size = random_.one_in(6) ? 50 : 6000;
      if (*akey == 'b') {
        fetch.kind = ValueKind::kArray;
        const uint64_t count = 1 + random_.below(random_.one_in(3) ? 40 : 3);
        fetch.recxs.push_back({.index = random_.below(24), .count = count});
        if (random_.one_in(4)) fetch.recxs.push_back({.index = random_.below(24), .count = 2});
        size = kRecordSize * (count + (fetch.recxs.size() - 1) * 2);
      }
      sizes.push_back(random_.one_in(6) ? 0 : size);
    }
    if (random_.one_in(2)) {
      std::reverse(fetches.begin(), fetches.end());
      std::reverse(sizes.begin(), sizes.end());
    }
    if (fetches.empty()) return;
    both_.set_sizes(sizes);
    const ObjectId object = this->object();
    both_.compare(object, dkey_of(object), std::move(fetches), random_epoch());
  }

  Random& random_;
  TestStore target_;
  BothWays both_;
  const bool is_explicit_;
  uint64_t last_epoch_ = 0;
  std::vector<Epoch> epochs_;
};

TEST(FetchAtOnceProperty, FindsWhatIsFoundInFull) {
  for_each_seed([](Random& random) { Interleaving(random).run(); });
}

struct Fetching {
  Bytes memory = Bytes(200'000);
  Result<std::vector<FetchedAkey>> fetched{Status(Code::kInProgress)};
};
Task<void> fetch_both(TestStore* target, Fetching* fetching) {
  std::vector<AkeyFetch> fetches(2);
  for (uint64_t i = 0; i < 2; ++i) {
    fetches[i].akey = text(i == 0 ? "inline" : "blocks");
    fetches[i].kind = ValueKind::kArray;
    fetches[i].recxs.push_back({.index = 0, .count = 100'000});
    fetches[i].out.push_back(MutableBytes(fetching->memory).subspan(i * 100'000, 100'000));
  }
  fetching->fetched =
      co_await target->store().fetch(target->container(), kObject, text("d"), std::move(fetches), 0, kEpochMax);
}

// Found by the scenario vos_store, seed 17: after an error of the disk the fetch was made again, at a later epoch, and
// what was a hole by then had the bytes of before.
TEST(FetchAtOnce, AfterAnErrorOfTheDiskOneEpochIsRead) {
  TestStore target;
  target.process().faults().set_probability("fetch_in_full", 0);
  const auto put = [&target](const char* akey, uint64_t count) {
    return target.put_extent(kObject, text("d"), text(akey), {.index = 0, .count = count}, 1, records(count, 'x'));
  };
  ASSERT_TRUE(put("inline", 100).is_ok() && put("blocks", 100'000).is_ok());
  target.disk().script(SimDisk::Script::kReadError);
  Fetching fetching;
  target.process().executor().spawn(fetch_both(&target, &fetching));
  ASSERT_TRUE(target.punch(Kind::kPunchDkey, kObject, text("d")).is_ok());
  target.scheduler().run_for(std::chrono::seconds(1));
  ASSERT_TRUE(fetching.fetched.is_ok()) << fetching.fetched.status().to_string();
  for (const size_t akey : {0, 1}) {
    const std::vector<FetchedSegment>& segments = fetching.fetched->at(akey).segments;
    const bool is_filled = fetching.memory[akey * 100'000] != std::byte{0};
    EXPECT_EQ(is_filled, !segments.empty()) << akey;
  }
}

}  // namespace
}  // namespace aeon::vos
