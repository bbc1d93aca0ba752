// Stores that are full of what nobody can see any more: writes wait until aggregation has made room, and fail only when
// there is none to be made.
#include "runtime/gate.h"
#include "runtime/random.h"
#include "store_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
constexpr ByteCount kCapacity = 24 * kMiB;

SimDiskOptions small_disk() {
  SimDiskOptions disk;  // With times, so that passes of aggregation take some.
  disk.capacity = kCapacity;
  return disk;
}

AggregationPolicy policy_with(Duration readable_for) {
  AggregationPolicy policy;
  policy.is_on = true;
  policy.written_min = kMiB;
  policy.readable_for = readable_for;
  return policy;
}

TEST(SpaceWait, HistoryThatMustStayReadableAWhileIsWaitedFor) {
  TestStore target(1, small_disk());
  target.store().set_aggregation_policy(policy_with(std::chrono::seconds(30)));  // Longer than it takes to fill it.
  for (uint64_t i = 0; i < 1000; ++i) {
    const Status put = target.put(kObject, text("d"), text("a"), random_bytes(i, 100'000)).status();
    ASSERT_TRUE(put.is_ok()) << "write " << i << ": " << put.to_string();
  }
}

TEST(SpaceWait, CommitsWaitToo) {
  TestStore target(1, small_disk());
  target.store().set_aggregation_policy(policy_with(std::chrono::seconds(30)));
  for (uint64_t i = 0; i < 500; ++i) {
    const Bytes data = random_bytes(i, 100'000);
    Transaction transaction;
    transaction.id.uuid = Uuid::from_random(i + 1, 7);
    transaction.writes.resize(1);
    transaction.writes[0].object = kObject;
    transaction.writes[0].dkey = text("d");
    transaction.writes[0].akeys.push_back(TestStore::single(text("a"), data));
    const auto committed =
        target.run(target.store().commit_transaction(target.container(), std::move(transaction), Durability::kSync));
    ASSERT_TRUE(committed.is_ok()) << "commit " << i << ": " << committed.status().to_string();
  }
}

// Found by measuring what random overwriting writes to the device: writers went faster than the pass that made room
// for them, and filled the store.
class Overwriting {
 public:
  explicit Overwriting(TestStore& target) : target_(target) {}

  Task<Status> load(uint64_t size) {
    for (uint64_t at = 0; at < size; at += kLoaded) CO_TRY(co_await write(at, kLoaded));
    size_ = size;
    co_return ok();
  }
  Task<Status> overwrite(int writers, unsigned count) {
    Gate gate(target_.process().executor());
    Status failed;
    for (int i = 0; i < writers; ++i) gate.spawn(writer(count, &failed));
    co_await gate.close();
    co_return failed;
  }

 private:
  static constexpr uint64_t kLoaded = 64 * kKiB;
  static constexpr uint64_t kPiece = 4 * kKiB;

  Task<Status> write(uint64_t at, uint64_t size) {
    const Bytes data(size, static_cast<std::byte>(at >> 12));
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = text("d");
    writes[0].akeys.push_back(TestStore::extent(text("a"), {at, size}, 1, data));
    const auto written =
        co_await target_.store().write(target_.container(), std::move(writes), kEpochZero, Durability::kSync);
    co_return written.status();
  }
  Task<void> writer(unsigned count, Status* failed) {
    for (unsigned i = 0; i < count && failed->is_ok(); ++i) {
      const Status written = co_await write(random_.below(size_ / kPiece) * kPiece, kPiece);
      if (!written.is_ok()) *failed = written;
    }
  }

  TestStore& target_;
  Random random_{3};
  uint64_t size_ = 0;
};

TEST(SpaceWait, ManyWritersGoAtThePaceOfAggregation) {
  TestStore target(1, small_disk());
  target.store().set_aggregation_policy(policy_with(Duration::zero()));
  Overwriting file(target);
  const ByteCount capacity = target.store().media().space().capacity;
  ASSERT_TRUE(target.run(file.load(round_down(capacity * 7 / 10, kMiB))).is_ok());
  const Status written = target.run(file.overwrite(64, 200));  // Four times over.
  ASSERT_TRUE(written.is_ok()) << written.to_string();
  // They waited rather than have everything copied to make room.
  EXPECT_LT(target.store().aggregation_counters().bytes_rewritten, capacity);
}

// Nothing may go: then it is said, the first time after what has just been written can't be called history any more.
TEST(SpaceWait, AStoreThatIsReallyFullSaysSo) {
  TestStore target(1, small_disk());
  target.store().set_aggregation_policy(policy_with(std::chrono::seconds(30)));
  Status put = ok();
  uint64_t count = 0;
  Instant before{};
  for (; put.is_ok() && count < 1000; ++count) {
    before = target.process().executor().now();
    put = target.put(kObject, text("d" + std::to_string(count)), text("a"), random_bytes(count, 100'000)).status();
  }
  ASSERT_EQ(put.code(), Code::kNoSpace) << put.to_string();
  EXPECT_GT(count, 100u);
  EXPECT_LT(target.process().executor().now() - before, std::chrono::seconds(11));
  before = target.process().executor().now();
  put = target.put(kObject, text("another"), text("a"), random_bytes(1, 100'000)).status();
  ASSERT_EQ(put.code(), Code::kNoSpace) << put.to_string();
  EXPECT_LT(target.process().executor().now() - before, std::chrono::milliseconds(100)) << "nothing is new";
}

// Writes until one fails.
Task<void> fill(TestStore* target, std::optional<Status>* ended) {
  Status written = ok();
  for (uint64_t i = 0; written.is_ok(); ++i) {
    const Bytes data = random_bytes(i, 100'000);
    std::vector<ObjectWrite> writes(1);
    writes[0].object = kObject;
    writes[0].dkey = text("d");
    writes[0].akeys.push_back(TestStore::single(text("a"), data));
    const auto done =
        co_await target->store().write(target->container(), std::move(writes), kEpochZero, Durability::kSync);
    written = done.status();
  }
  *ended = written;
}

TEST(SpaceWait, ClosingEndsIt) {
  TestStore target(1, small_disk());
  target.store().set_aggregation_policy(policy_with(std::chrono::hours(1)));
  std::optional<Status> waiting;
  const auto close = [](TestStore* store, std::optional<Status>* ended) -> Task<Status> {
    co_await sleep_for(store->process().executor(), std::chrono::seconds(5));
    EXPECT_FALSE(ended->has_value()) << "it didn't wait";
    co_return co_await store->store().close();
  };
  target.process().executor().spawn(fill(&target, &waiting));
  const Status closed = target.run(close(&target, &waiting));
  EXPECT_TRUE(closed.is_ok()) << closed.to_string();
  ASSERT_TRUE(waiting.has_value()) << "it went on waiting";
  EXPECT_EQ(waiting->code(), Code::kNoSpace) << waiting->to_string();
  target.crash();
}

TEST(SpaceWait, ManyWaitAndTheOthersAreToldAtOnce) {
  TestStore target(1, small_disk());
  target.store().set_aggregation_policy(policy_with(std::chrono::hours(1)));
  constexpr size_t kWriters = 140, kWaitersMax = 128;
  std::vector<std::optional<Status>> ended(kWriters);
  const auto look = [](TestStore* store) -> Task<Status> {
    co_await sleep_for(store->process().executor(), std::chrono::seconds(5));
    co_return ok();
  };
  for (std::optional<Status>& writer : ended) target.process().executor().spawn(fill(&target, &writer));
  ASSERT_TRUE(target.run(look(&target)).is_ok());
  const auto waiting = std::ranges::count_if(ended, [](const auto& writer) { return !writer.has_value(); });
  EXPECT_EQ(static_cast<size_t>(waiting), kWaitersMax);
  target.store().end_space_waits();
  ASSERT_TRUE(target.run(look(&target)).is_ok());
  for (const std::optional<Status>& writer : ended) {
    ASSERT_TRUE(writer.has_value());
    EXPECT_EQ(writer->code(), Code::kNoSpace) << writer->to_string();
  }
}

// As an engine does that stops: it hears its callers out first.
TEST(SpaceWait, EndsWhenItIsToldSo) {
  TestStore target(1, small_disk());
  target.store().set_aggregation_policy(policy_with(std::chrono::hours(1)));
  std::optional<Status> waiting;
  const auto end = [](TestStore* store) -> Task<Status> {
    co_await sleep_for(store->process().executor(), std::chrono::seconds(5));
    store->store().end_space_waits();
    co_await sleep_for(store->process().executor(), std::chrono::milliseconds(1));
    co_return ok();
  };
  target.process().executor().spawn(fill(&target, &waiting));
  ASSERT_TRUE(target.run(end(&target)).is_ok());
  ASSERT_TRUE(waiting.has_value()) << "it went on waiting";
  EXPECT_EQ(waiting->code(), Code::kNoSpace) << waiting->to_string();
  const Instant before = target.process().executor().now();
  EXPECT_EQ(target.put(kObject, text("d"), text("a"), random_bytes(1, 100'000)).status().code(), Code::kNoSpace);
  EXPECT_LT(target.process().executor().now() - before, std::chrono::milliseconds(100));
}

}  // namespace
}  // namespace aeon::vos
