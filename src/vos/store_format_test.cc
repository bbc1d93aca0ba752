// Stores made by earlier versions must open forever: a sample with every kind of record, kept in testdata/, and in
// words what is in it. AEON_UPDATE_GOLDEN=1 in the environment writes both anew.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "store_under_test.h"
#include "vos/inspector.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kPlain{.hi = 1, .lo = 2};
constexpr ObjectId kIntegerKeys{.hi = uint64_t{4} << 56 | 1, .lo = 3};  // Type 4: dkeys and akeys are integers.
constexpr ObjectId kPunched{.hi = 1, .lo = 4};
const Uuid kSecond = Uuid::from_random(5, 6);
const Uuid kExplicit = Uuid::from_random(7, 8);
const Uuid kClone = Uuid::from_random(9, 10);
const Uuid kPromises = Uuid::from_random(13, 14);
const Uuid kKept = Uuid::from_random(15, 16);

std::string testdata(const std::string& name) { return std::string(AEON_TESTDATA_DIR) + "/" + name; }

SimDiskOptions sample_disk() {
  SimDiskOptions options;
  options.latency = SimDiskLatency::none();
  options.capacity = 32 * kMiB;
  return options;
}

Bytes filled(size_t size, char with) { return Bytes(size, static_cast<std::byte>(with)); }

void must(const Status& status) { ASSERT_TRUE(status.is_ok()) << status.to_string(); }

// Some in pages, some in the log only.
void fill(TestStore& test) {
  must(test.put(kPlain, text("inline"), text("a"), text("first"), Epoch{10}).status());
  must(test.put(kPlain, text("inline"), text("a"), text("second"), Epoch{20}).status());
  must(test.put(kPlain, text("blocks"), text("a"), filled(9'000, 'b'), Epoch{21}).status());
  must(test.put(kPlain, text("parts"), text("a"), filled(2 * kMiB + 5, '\0'), Epoch{22}).status());
  must(test.put(kPlain, text(std::string_view("zero\0key\0", 9)), text("a"), text("escaped"), Epoch{23}).status());
  must(test.put_extent(kPlain, text("array"), text("a"), {0, 1'000}, 8, filled(8'000, 'c'), Epoch{24}).status());
  must(test.put_extent(kPlain, text("array"), text("a"), {500, 3}, 8, filled(24, 'd'), Epoch{25}).status());
  must(test.put_extent(kPlain, text("array"), text("a"), {10, 5}, 0, {}, Epoch{26}).status());
  must(test.put(kPlain, text("shapes"), text("a"), text("single"), Epoch{27}).status());
  must(test.punch(ObjectWrite::Kind::kPunchAkeys, kPlain, text("shapes"), text("a"), Epoch{28}).status());
  must(test.put_extent(kPlain, text("shapes"), text("a"), {0, 2}, 3, text("array!"), Epoch{29}).status());
  must(test.put(kPlain, text("replaced"), text("a"), text("same epoch"), Epoch{30}).status());
  must(test.put(kPlain, text("replaced"), text("a"), text("later call"), Epoch{30}).status());
  must(test.put(kPlain, text("single punch"), text("a"), text("gone"), Epoch{31}).status());
  must(test.put(kPlain, text("single punch"), text("a"), {}, Epoch{32}).status());
  must(test.put(kIntegerKeys, integer_key(7), integer_key(8), text("integers"), Epoch{33}).status());
  must(test.run(test.store().media().checkpoint()));
  must(test.run(test.store().create_snapshot(test.container(), Epoch{33})).status());
  must(test.put(kPunched, text("d"), text("a"), text("below a punch"), Epoch{40}).status());
  must(test.punch(ObjectWrite::Kind::kPunchDkey, kPunched, text("d"), {}, Epoch{41}).status());
  must(test.punch(ObjectWrite::Kind::kPunchObject, kPunched, {}, {}, Epoch{42}).status());
  must(test.run(test.store().create_container(kSecond)));
  std::vector<Store::MetadataChange> changes;
  changes.push_back({.name = "service/record", .value = text("metadata")});
  must(test.run(test.store().change_metadata(changes)));
}

// What format 2 adds: explicit epochs with what isn't committed, a clone, and a hidden base.
void fill_options(TestStore& test) {
  const auto put = [&](Uuid container, std::string_view dkey, std::string_view value, Epoch epoch) {
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kPlain;
    writes[0].dkey = text(dkey);
    const Bytes bytes = text(value);
    writes[0].akeys.push_back(TestStore::single(text("a"), bytes));
    must(test.run(test.store().write(container, std::move(writes), epoch, Durability::kSync)).status());
  };
  ContainerOptions options;
  options.epochs = EpochMode::kExplicit;
  must(test.run(test.store().create_container(kExplicit, options)));
  put(kExplicit, "first", "committed", Epoch{5});
  must(test.run(test.store().commit(kExplicit, Epoch{5})));
  put(kExplicit, "second", "not committed", Epoch{6});
  const Uuid hidden = Uuid::from_random(11, 12);
  must(test.run(test.store().create_container(hidden)));
  put(hidden, "shared", "of the base", Epoch{50});
  ContainerOptions clone;
  clone.base = CloneBase{.container = hidden};
  must(test.run(test.store().create_container(kClone, clone)));
  put(kClone, "own", "of the clone", kEpochZero);
  must(test.run(test.store().destroy_container(hidden)));
}

// What format 3 adds: a decision that is kept, and guarded reads.
void fill_promises(TestStore& test) {
  Store& store = test.store();
  must(test.run(store.create_container(kPromises)));
  ObjectWrite write;
  write.object = kPlain;
  write.dkey = text("prepared");
  const Bytes value = text("committed");
  write.akeys.push_back(TestStore::single(text("a"), value));
  Transaction writer;
  writer.id = {.uuid = kKept, .epoch = store.next_epoch()};
  writer.writes.push_back(std::move(write));
  const TransactionId id = writer.id;
  must(test.run(store.prepare(kPromises, std::move(writer), {})));
  must(test.run(store.commit_prepared(kPromises, id, Remember::kUntilReleased)));
  Transaction reader;
  const auto begun = test.run(store.begin_transaction(kPromises));
  must(begun.status());
  reader.read_epoch = *begun;
  reader.reads.push_back({.of = TransactionRead::Of::kObject, .object = kPlain, .dkey = {}, .akey = {}});
  reader.id = {.uuid = Uuid::from_random(17, 18), .epoch = store.next_epoch()};
  must(test.run(store.prepare(kPromises, std::move(reader), {})));
}

void make_sample(int format, const std::string& path) {
  TestStore test(1, sample_disk());
  fill(test);
  if (format >= 2) fill_options(test);
  if (format >= 3) fill_promises(test);
  test.crash();
  must(test.disk().image().save_sample(path));
}

std::string words_of(TestStore& test) {
  std::ostringstream words;
  const auto inspector = test.run(Inspector::open(test.disk()));
  EXPECT_TRUE(inspector.is_ok()) << inspector.status().to_string();
  if (!inspector.is_ok()) return {};
  const auto overview = test.run((*inspector)->overview(false));
  EXPECT_TRUE(overview.is_ok());
  words << "format " << (*overview).format_version << "\n";
  for (const StoredContainer& container : (*overview).containers) {
    words << "container " << container.number << " " << container.id.to_string();
    if (container.epochs == EpochMode::kExplicit) words << " explicit, committed " << container.committed.value;
    if (container.base_number != 0) words << " clone of " << container.base_number;
    if (container.is_hidden) words << " hidden";
    if (container.guards_reads) words << " guards reads";
    for (const StoredDecision& decision : container.decisions) {
      if (decision.is_kept) words << " keeps " << decision.transaction.to_string();
    }
    words << " snapshots";
    for (const Epoch epoch : container.snapshots) words << " " << epoch.value;
    words << "\n";
    Inspector::RecordWalk walk(**inspector, Inspector::prefix_of(container.number));
    while (test.run(walk.next()) == Inspector::RecordWalk::Step::kRecord) {
      const StoredRecord& record = walk.record();
      const Status checked = test.run((*inspector)->check(record, nullptr));
      words << "  " << describe_index_key(record.key) << ": " << name_of(record.kind) << ", " << record.bytes
            << " bytes, " << (record.page_block == 0 ? "log" : "page") << ", "
            << (checked.is_ok() ? "good" : checked.to_string()) << "\n";
    }
  }
  for (const auto& [name, value] : (*overview).metadata) words << "metadata " << name << " " << as_text(value) << "\n";
  return words.str();
}

void expect_value(TestStore& test, Uuid container, std::string_view dkey, Epoch epoch, std::string_view value) {
  Bytes out(value.size());
  std::vector<AkeyFetch> fetches(1);
  fetches[0].akey = text("a");
  fetches[0].out.emplace_back(out);
  const auto fetched = test.run(test.store().fetch(container, kPlain, text(dkey), std::move(fetches), 0, epoch));
  ASSERT_TRUE(fetched.is_ok()) << fetched.status().to_string();
  EXPECT_EQ((*fetched)[0].record_size, value.size());
  EXPECT_EQ(as_text(out), value);
}

class VosFormat : public ::testing::TestWithParam<int> {};

TEST_P(VosFormat, OpensForever) {
  const std::string name = "vos_format_" + std::to_string(GetParam());
  const std::string path = testdata(name + ".blocks");
  if (std::getenv("AEON_UPDATE_GOLDEN") != nullptr) make_sample(GetParam(), path);
  TestStore test(1, sample_disk());
  const Result<DiskImage> image = DiskImage::load_sample(path);
  ASSERT_TRUE(image.is_ok()) << image.status().to_string();
  ASSERT_FALSE(image->empty()) << path;
  test.close();
  test.disk().load(*image);

  const std::string words = words_of(test);
  const std::string words_path = testdata(name + ".txt");
  if (std::getenv("AEON_UPDATE_GOLDEN") != nullptr) std::ofstream(words_path, std::ios::binary) << words;
  std::ifstream in(words_path, std::ios::binary);
  const std::string expected((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(words, expected);

  must(test.try_open());
  EXPECT_EQ(*test.get(kPlain, text("inline"), text("a")), text("second"));
  EXPECT_EQ(*test.get(kPlain, text("inline"), text("a"), Epoch{19}), text("first"));
  EXPECT_EQ(*test.get(kPlain, text("blocks"), text("a")), filled(9'000, 'b'));
  EXPECT_EQ(*test.get(kPlain, text("parts"), text("a")), filled(2 * kMiB + 5, '\0'));
  EXPECT_EQ(*test.get(kPlain, text(std::string_view("zero\0key\0", 9)), text("a")), text("escaped"));
  Bytes array = filled(8'000, 'c');
  std::fill(array.begin() + 4'000, array.begin() + 4'024, std::byte{'d'});
  std::fill(array.begin() + 80, array.begin() + 120, std::byte{0});
  EXPECT_EQ(*test.get_extent(kPlain, text("array"), text("a"), {0, 1'000}, 8), array);
  EXPECT_EQ(*test.get_extent(kPlain, text("shapes"), text("a"), {0, 2}, 3), text("array!"));
  EXPECT_EQ(*test.get(kPlain, text("shapes"), text("a"), Epoch{27}), text("single"));
  EXPECT_EQ(*test.get(kPlain, text("replaced"), text("a")), text("later call"));
  EXPECT_EQ(*test.get(kPlain, text("single punch"), text("a")), Bytes());
  EXPECT_EQ(*test.get(kPlain, text("single punch"), text("a"), Epoch{31}), text("gone"));
  EXPECT_EQ(*test.get(kIntegerKeys, integer_key(7), integer_key(8)), text("integers"));
  EXPECT_EQ(*test.get(kPunched, text("d"), text("a")), Bytes());
  EXPECT_EQ(*test.get(kPunched, text("d"), text("a"), Epoch{40}), text("below a punch"));
  EXPECT_EQ(test.run(test.store().query_container(test.container()))->snapshots, std::vector<Epoch>{Epoch{33}});
  EXPECT_TRUE(test.run(test.store().query_container(kSecond)).is_ok());
  EXPECT_EQ(*test.run(test.store().get_metadata("service/record")), text("metadata"));
  if (GetParam() >= 2) {
    expect_value(test, kExplicit, "first", kEpochMax, "committed");
    expect_value(test, kExplicit, "second", Epoch{6}, "not committed");
    expect_value(test, kExplicit, "second", kEpochMax, "");
    expect_value(test, kClone, "shared", kEpochMax, "of the base");
    expect_value(test, kClone, "own", kEpochMax, "of the clone");
  }
  if (GetParam() >= 3) {
    expect_value(test, kPromises, "prepared", kEpochMax, "committed");
    const auto kept = test.run(test.store().list_kept_decisions(kPromises));
    ASSERT_TRUE(kept.is_ok());
    ASSERT_EQ(kept->size(), 1u);
    EXPECT_EQ((*kept)[0].uuid, kKept);
    ObjectWrite punch;
    punch.kind = ObjectWrite::Kind::kPunchObject;
    punch.object = kPlain;
    const auto late = test.run(test.store().write(kPromises, {punch}, (*kept)[0].epoch, Durability::kSync));
    EXPECT_EQ(late.code(), Code::kConflict);
  }
  // And can be written to.
  EXPECT_TRUE(test.put(kPlain, text("new"), text("a"), text("value")).is_ok());
  test.reopen();
  EXPECT_EQ(*test.get(kPlain, text("new"), text("a")), text("value"));
}

INSTANTIATE_TEST_SUITE_P(EachVersion, VosFormat, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace aeon::vos
