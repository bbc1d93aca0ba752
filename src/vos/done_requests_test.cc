// Writes that are asked for again.
#include "done_requests.h"

#include "key_codec.h"
#include "store_under_test.h"
#include "vos/inspector.h"

namespace aeon::vos {
namespace {

using namespace std::chrono_literals;

constexpr ObjectId kObject{.hi = 1, .lo = 2};

std::vector<ObjectWrite> write_of(std::string_view dkey, ByteView value) {
  std::vector<ObjectWrite> writes(1);
  writes[0].object = kObject;
  writes[0].dkey = text(dkey);
  writes[0].akeys.push_back(TestStore::single(text("a"), value));
  return writes;
}

Task<Result<uint64_t>> count_records(media::KeyBlockStore* media) {
  uint64_t count = 0;
  media::Cursor cursor(*media);
  const Bytes all = store_prefix(StoreRecord::kDoneRequest);
  CO_TRY(co_await cursor.seek(all));
  while (cursor.valid() && starts_with(cursor.key(), all)) {
    ++count;
    CO_TRY(co_await cursor.next());
  }
  co_return count;
}

class DoneRequestsTest : public testing::Test {
 protected:
  Result<Epoch> write(RequestId id, std::string_view dkey = "dkey", uint32_t conditions = 0,
                      Durability durability = Durability::kSync) {
    const Bytes value = text("value " + std::to_string(id.number));
    std::vector<ObjectWrite> writes = write_of(dkey, value);
    writes[0].conditions = conditions;
    return target_.run(target_.store().write(target_.container(), std::move(writes), kEpochZero, durability, id));
  }
  // Zero if it isn't known.
  Epoch find(RequestId id) {
    const Result<std::optional<DoneRequest>> found = target_.run(target_.store().find_request(id));
    EXPECT_TRUE(found.is_ok()) << found.status().to_string();
    return found.is_ok() && found->has_value() ? (*found)->epoch : kEpochZero;
  }
  uint64_t remembered() {
    const Result<uint64_t> count = target_.run(count_records(&target_.store().media()));
    EXPECT_TRUE(count.is_ok()) << count.status().to_string();
    return count.is_ok() ? *count : 0;
  }
  void pass(Duration time) { target_.scheduler().run_for(time); }

  TestStore target_;
};

TEST_F(DoneRequestsTest, WhatWasDoneIsKnownBeforeAndAfterACrash) {
  const Result<Epoch> epoch = write({.client = 7, .number = 5});
  ASSERT_TRUE(epoch.is_ok());
  EXPECT_EQ(find({.client = 7, .number = 5}), *epoch);
  target_.crash();
  target_.open();
  EXPECT_EQ(find({.client = 7, .number = 5}), *epoch);
  EXPECT_EQ(find({.client = 7, .number = 4}), kEpochZero);
  EXPECT_EQ(find({.client = 7, .number = 5 + kRequestsKept}), kEpochZero);
  EXPECT_EQ(find({.client = 8, .number = 5}), kEpochZero);
}

TEST_F(DoneRequestsTest, WhatWasRefusedIsntKnown) {
  ASSERT_TRUE(write({.client = 7, .number = 1}).is_ok());
  EXPECT_EQ(write({.client = 7, .number = 2}, "dkey", kDkeyInsert).code(), Code::kExists);
  EXPECT_EQ(find({.client = 7, .number = 2}), kEpochZero);
}

TEST_F(DoneRequestsTest, WhatTheCrashTookIsntKnown) {
  ASSERT_TRUE(write({.client = 7, .number = 1}).is_ok());
  ASSERT_TRUE(write({.client = 7, .number = 2}, "lost", 0, Durability::kFlush).is_ok());
  target_.crash();
  target_.open();
  const bool is_there = target_.get(kObject, text("lost"), text("a"))->size() != 0;
  EXPECT_EQ(find({.client = 7, .number = 2}) != kEpochZero, is_there);
  EXPECT_NE(find({.client = 7, .number = 1}), kEpochZero);
}

TEST_F(DoneRequestsTest, OfAClientTheNewestAreKept) {
  for (uint64_t number = 1; number <= kRequestsKept + 10; ++number) {
    ASSERT_TRUE(write({.client = 7, .number = number}).is_ok());
  }
  EXPECT_EQ(remembered(), kRequestsKept);
  EXPECT_EQ(find({.client = 7, .number = 10}), kEpochZero);
  EXPECT_NE(find({.client = 7, .number = 11}), kEpochZero);
  EXPECT_NE(find({.client = 7, .number = kRequestsKept + 10}), kEpochZero);
}

TEST_F(DoneRequestsTest, WritesWithoutAnIdLeaveNothing) {
  ASSERT_TRUE(write({}).is_ok());
  EXPECT_EQ(remembered(), 0u);
}

TEST_F(DoneRequestsTest, ThoseOfClientsThatAreSilentGo) {
  ASSERT_TRUE(write({.client = 7, .number = 1}).is_ok());
  pass(kRequestsKeptFor / 2);
  ASSERT_TRUE(write({.client = 8, .number = 1}).is_ok());
  ASSERT_TRUE(write({.client = 9, .number = 1}).is_ok());
  pass(kRequestsKeptFor / 4);
  ASSERT_TRUE(write({.client = 8, .number = 2}).is_ok());
  EXPECT_NE(find({.client = 7, .number = 1}), kEpochZero);
  pass(kRequestsKeptFor / 2 - 1min);
  EXPECT_EQ(find({.client = 7, .number = 1}), kEpochZero);
  EXPECT_EQ(remembered(), 3u);
  // By now 9 would have gone; but for all the time counts from the opening again.
  target_.reopen();
  pass(kRequestsKeptFor - 1min);
  EXPECT_EQ(remembered(), 3u);
  pass(2min);
  EXPECT_EQ(remembered(), 0u);
  ASSERT_TRUE(write({.client = 9, .number = 2}).is_ok());
  EXPECT_NE(find({.client = 9, .number = 2}), kEpochZero);
}

TEST_F(DoneRequestsTest, ChangesOfMetadataAreKnownToo) {
  const RequestId id{.client = 7, .number = 3};
  const DoneRequest done{.epoch = Epoch{99}, .made = Uuid::from_random(4, 5)};
  std::vector<Store::MetadataChange> changes(1);
  changes[0].name = "name";
  changes[0].value = text("value");
  ASSERT_TRUE(target_.run(target_.store().change_metadata(changes, id, done)).is_ok());
  target_.crash();
  target_.open();
  const auto found = target_.run(target_.store().find_request(id));
  ASSERT_TRUE(found.is_ok() && found->has_value());
  EXPECT_EQ((*found)->epoch, done.epoch);
  EXPECT_EQ((*found)->made, done.made);
  EXPECT_EQ(*target_.run(target_.store().get_metadata("name")), text("value"));
  // Also if nothing else changes.
  ASSERT_TRUE(target_.run(target_.store().change_metadata({}, {.client = 7, .number = 4}, done)).is_ok());
  target_.crash();
  target_.open();
  EXPECT_EQ(find({.client = 7, .number = 4}), done.epoch);
}

TEST_F(DoneRequestsTest, CommitsAreKnownToo) {
  const Bytes value = text("value");
  Transaction alone;
  alone.read_epoch = target_.store().next_epoch();
  alone.writes = write_of("alone", value);
  const auto committed = target_.run(
      target_.store().commit_transaction(target_.container(), alone, Durability::kSync, {.client = 7, .number = 1}));
  ASSERT_TRUE(committed.is_ok()) << committed.status().to_string();
  Transaction prepared;
  prepared.id = {.uuid = Uuid::from_random(1, 1), .epoch = target_.store().next_epoch()};
  prepared.writes = write_of("prepared", value);
  ASSERT_TRUE(target_.run(target_.store().prepare(target_.container(), prepared, {})).is_ok());
  EXPECT_EQ(find({.client = 7, .number = 2}), kEpochZero);
  const RequestId request{.client = 7, .number = 2};
  ASSERT_TRUE(target_.run(target_.store().commit_prepared(target_.container(), prepared.id, Remember::kAWhile, request))
                  .is_ok());
  target_.crash();
  target_.open();
  EXPECT_EQ(find({.client = 7, .number = 1}), *committed);
  EXPECT_EQ(find(request), prepared.id.epoch);
}

// One that is done when its client has long given it up.
TEST_F(DoneRequestsTest, ALateOneDoesntTakeThePlaceOfANewerOne) {
  const uint64_t late = 3;
  ASSERT_TRUE(write({.client = 7, .number = late + kRequestsKept}).is_ok());
  ASSERT_TRUE(write({.client = 7, .number = late}).is_ok());
  EXPECT_NE(find({.client = 7, .number = late + kRequestsKept}), kEpochZero);
  EXPECT_EQ(find({.client = 7, .number = late}), kEpochZero);
}

// As the store has it, with room for three clients.
Task<Status> ask_for_six(World* world, media::KeyBlockStore* media) {
  Semaphore turn(world->executor, 1);
  Gate background(world->executor);
  Cancellation closing(world->executor);
  DoneRequests done(*world, *media, turn, background, closing, 3);
  for (uint64_t client = 1; client <= 6; ++client) {
    co_await turn.acquire();
    const Permit permit(turn, 1);
    const RequestId id{.client = client, .number = 1};
    media::Batch batch;
    done.put(id, {.epoch = Epoch{client}, .made = {}}, batch);
    const auto applied = co_await media->apply(std::move(batch));
    CO_TRY(applied.status());
    done.note(id);
  }
  co_await sleep_for(world->executor, 1s);
  closing.cancel();
  co_await background.close();
  co_return ok();
}

TEST_F(DoneRequestsTest, OfTooManyClientsTheLongestSilentGo) {
  ASSERT_TRUE(target_.run(ask_for_six(&target_.process().world(), &target_.store().media())).is_ok());
  EXPECT_EQ(remembered(), 3u);
  for (uint64_t client = 1; client <= 6; ++client) {
    EXPECT_EQ(find({.client = client, .number = 1}) != kEpochZero, client > 3) << client;
  }
}

TEST_F(DoneRequestsTest, AreCountedByTheInspector) {
  ASSERT_TRUE(write({.client = 7, .number = 1}).is_ok());
  ASSERT_TRUE(write({.client = 8, .number = 1}).is_ok());
  target_.close();
  Result<std::unique_ptr<Inspector>> inspector = target_.run(Inspector::open(target_.disk()));
  ASSERT_TRUE(inspector.is_ok());
  const Result<StoreOverview> overview = target_.run((*inspector)->overview(false));
  ASSERT_TRUE(overview.is_ok());
  EXPECT_EQ(overview->remembered_requests, 2u);
  EXPECT_TRUE(overview->damage.empty());
}

TEST_F(DoneRequestsTest, ADamagedRecordIsSaidToWhoAsks) {
  ASSERT_TRUE(write({.client = 7, .number = 1}).is_ok());
  media::Batch batch;
  batch.put(done_request_key(7, 1), text("short"));
  ASSERT_TRUE(target_.run(target_.store().media().apply(std::move(batch))).is_ok());
  const auto found = target_.run(target_.store().find_request({.client = 7, .number = 1}));
  EXPECT_EQ(found.code(), Code::kCorrupt);
  target_.reopen();
  EXPECT_TRUE(write({.client = 7, .number = 1}).is_ok());
}

}  // namespace
}  // namespace aeon::vos
