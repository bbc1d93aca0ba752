// Transactions over two stores, each with a coordinator of its own, steps of many in any order, beside plain writes,
// snapshots of both and aggregation. Power goes between the steps and within them, at one store or the other, whose
// clocks differ; who is left asks the coordinator. Whatever committed must read as if all had run one by one in the
// order of their epochs, on both stores.
#include <algorithm>
#include <deque>

#include "store_model.h"
#include "transaction_under_test.h"

namespace aeon::vos {
namespace {

constexpr size_t kStoreCount = 2;
constexpr uint64_t kObjectCount = 4;
const Bytes kAkey = to_bytes("a");

ObjectId object_of(uint64_t number) { return {.hi = 1, .lo = 1 + number % kObjectCount}; }
size_t store_of(ObjectId object) { return object.lo % kStoreCount; }
Bytes dkey_of(uint64_t number) { return text("d" + std::to_string(number % 3)); }

struct SeenRead {
  TransactionRead read;
  Bytes value;
  std::vector<Bytes> keys;  // Of a listing.
};

// A transaction as its client and its coordinator see it.
struct Running {
  enum class Phase : uint8_t { kReads, kPrepares, kDecides, kTells, kEnded };
  Phase phase = Phase::kReads;
  TransactionId id;
  Epoch read_epoch;
  size_t coordinator = 0;
  size_t read_count = 0;
  std::vector<SeenRead> reads;
  Transaction parts[kStoreCount];
  bool is_prepared[kStoreCount] = {};
  bool is_committed = false;

  bool writes_at(size_t store) const { return !parts[store].writes.empty(); }
  bool is_at(size_t store) const { return writes_at(store) || !parts[store].reads.empty(); }
};

// Over all seeds: so that the test is known to test something.
struct Tested {
  uint64_t over_both = 0;
  uint64_t read_only = 0;
  uint64_t guarded_reads = 0;
  uint64_t told_after_a_crash = 0;
  uint64_t aborted_after_a_crash = 0;
  uint64_t cut_off = 0;
  uint64_t snapshots = 0;
};

Task<Status> keep_result(Task<Status> task, std::optional<Status>* result) {
  *result = co_await std::move(task);
  co_return ok();
}

template <typename T>
Task<Status> keep_value(Task<Result<T>> task, std::optional<T>* value) {
  Result<T> result = co_await std::move(task);
  if (!result) co_return result.status();
  *value = std::move(result).value();
  co_return ok();
}

class TwoStores {
 public:
  TwoStores(uint64_t seed, Tested& tested)
      : random_(seed), tested_(tested), first_(seed, SimDiskOptions{}), second_(seed + 1'000'000, SimDiskOptions{}) {}

  void run() {
    for (int step = 0; step < 400; ++step) {
      this->step();
      if (::testing::Test::HasFailure()) return;
    }
    crash(random_.below(kStoreCount));
    while (!running_.empty()) advance(running_.front());
    for (size_t store = 0; store < kStoreCount; ++store) {
      EXPECT_TRUE(undecided(at(store)).empty());
      EXPECT_TRUE(kept_decisions(at(store)).empty());
      const auto damages = at(store).run(at(store).store().media().verify());
      EXPECT_TRUE(damages.is_ok() && damages->empty());
    }
    expect_serial();
    expect_state(kEpochMax);
    for (const Epoch epoch : snapshots_) expect_state(epoch);
  }

 private:
  TestStore& at(size_t store) { return store == 0 ? first_ : second_; }
  Store& store(size_t number) { return at(number).store(); }
  Uuid container() { return first_.container(); }  // Of one name in both.

  void step() {
    switch (random_.below(16)) {
      case 0: write_plainly(kEpochZero); return;
      case 1: write_at_a_given_epoch(); return;
      case 2: aggregate(); return;
      case 3:
        if (random_.one_in(3)) take_snapshot();
        return;
      case 4:
        if (random_.one_in(4)) crash(random_.below(kStoreCount));
        return;
      case 5:  // The clocks drift apart.
        at(random_.below(kStoreCount)).scheduler().run_for(std::chrono::milliseconds(random_.below(30)));
        return;
      default: break;
    }
    if (running_.size() < 4) return begin();
    advance(running_[random_.below(running_.size())]);
  }

  // ---- Calls that a power loss may cut off: nothing then, and the store is open again ----

  std::optional<Status> call(size_t number, Task<Status> task) {
    TestStore& target = at(number);
    if (!random_.one_in(25)) return target.run(std::move(task));
    std::optional<Status> result;
    target.crash_at_write(1 + random_.below(3), keep_result(std::move(task), &result));
    target.open();
    ++tested_.cut_off;
    came_back_ = number;
    return result;
  }
  // What a crash within a call left is only looked at when whoever called has taken note of its result.
  void settle_after_call() {
    if (!came_back_.has_value()) return;
    const size_t number = *came_back_;
    came_back_.reset();
    recover(number);
  }

  void expect_usual(const char* what, const Status& status) {
    const Code code = status.code();
    EXPECT_TRUE(status.is_ok() || code == Code::kConflict || code == Code::kInProgress)
        << what << ": " << status.to_string();
  }

  // ---- Crashes ----

  void crash(size_t number) {
    at(number).crash();
    at(number).open();
    recover(number);
  }

  Running* find(Uuid uuid) {
    const auto found =
        std::find_if(running_.begin(), running_.end(), [&](const Running& one) { return one.id.uuid == uuid; });
    return found == running_.end() ? nullptr : &*found;
  }

  // As a store does that was opened: it aborts what it coordinates and didn't decide, tells what it decided, and asks
  // for what it prepared for others.
  void recover(size_t number) {
    for (const UndecidedTransaction& one : undecided(at(number))) {
      if (coordinator_of(one) != number) continue;
      EXPECT_TRUE(at(number).run(store(number).abort_prepared(container(), one.id)).is_ok());
      ++tested_.aborted_after_a_crash;
    }
    for (const TransactionId& id : kept_decisions(at(number))) {
      for (size_t other = 0; other < kStoreCount; ++other) {
        if (other == number) continue;
        const Status told = at(other).run(store(other).commit_prepared(container(), id));
        EXPECT_TRUE(told.is_ok()) << told.to_string();
        ++tested_.told_after_a_crash;
      }
      EXPECT_TRUE(at(number).run(store(number).release_decision(container(), id.uuid)).is_ok());
    }
    // Clients of what it coordinated hear nothing, and find out.
    for (Running& one : running_) {
      if (one.coordinator != number) continue;
      if (one.phase == Running::Phase::kDecides || one.phase == Running::Phase::kTells) {
        if (decision_of(at(number), one.id.uuid) == "committed") note_committed(one);
      }
      one.phase = Running::Phase::kEnded;
    }
    forget_ended();
    for (size_t other = 0; other < kStoreCount; ++other) ask_coordinators(other);
  }

  size_t coordinator_of(const UndecidedTransaction& one) {
    EXPECT_EQ(one.participants.size(), 1u);
    return std::to_integer<size_t>(one.participants.at(0));
  }

  void ask_coordinators(size_t number) {
    for (const UndecidedTransaction& one : undecided(at(number))) {
      const size_t coordinator = coordinator_of(one);
      const bool is_running = find(one.id.uuid) != nullptr;
      if (decision_of(at(coordinator), one.id.uuid) == "committed") {
        EXPECT_TRUE(at(number).run(store(number).commit_prepared(container(), one.id)).is_ok());
        ++tested_.told_after_a_crash;
      } else if (!is_running) {
        EXPECT_TRUE(at(number).run(store(number).abort_prepared(container(), one.id)).is_ok());
        ++tested_.aborted_after_a_crash;
      }
    }
  }

  // ---- Transactions ----

  void begin() {
    Running& one = running_.emplace_back();
    one.id.uuid = Uuid::from_random(next_number_++, 5);
    one.coordinator = random_.below(kStoreCount);
    one.read_count = random_.below(4);
    if (!random_.one_in(8)) exchange_epochs(one.coordinator);
    const auto begun = at(one.coordinator).run(store(one.coordinator).begin_transaction(container()));
    ASSERT_TRUE(begun.is_ok()) << begun.status().to_string();
    one.read_epoch = *begun;
  }

  // Messages carry epochs.
  void exchange_epochs(size_t to) {
    for (size_t from = 0; from < kStoreCount; ++from) {
      EXPECT_TRUE(store(to).observe(store(from).next_epoch()).is_ok());
    }
  }

  void advance(Running& one) {
    switch (one.phase) {
      case Running::Phase::kReads:
        if (one.reads.size() < one.read_count)
          read(one);
        else
          choose_writes(one);
        break;
      case Running::Phase::kPrepares: prepare(one); break;
      case Running::Phase::kDecides: decide(one); break;
      case Running::Phase::kTells: tell(one); break;
      case Running::Phase::kEnded: break;
    }
    settle_after_call();
    forget_ended();
  }

  void forget_ended() {
    std::erase_if(running_, [](const Running& one) { return one.phase == Running::Phase::kEnded; });
  }

  void read(Running& one) {
    SeenRead seen;
    const ObjectId object = object_of(random_.below(kObjectCount));
    const size_t number = store_of(object);
    Status status;
    if (random_.one_in(4)) {
      seen.read = object_read(object);
      const auto page = at(number).run(
          store(number).list_dkeys(container(), object, one.read_epoch, {}, {}, ReadIntent::kTransaction));
      status = page.status();
      if (page) seen.keys = page->keys;
    } else {
      seen.read = value_read(object, dkey_of(random_.below(3)), kAkey);
      std::vector<AkeyFetch> fetches(1);
      Bytes out(6000);
      fetches[0].akey = kAkey;
      fetches[0].out.push_back(out);
      const auto fetched = at(number).run(store(number).fetch(container(), object, seen.read.dkey, std::move(fetches),
                                                              0, one.read_epoch, ReadIntent::kTransaction));
      status = fetched.status();
      if (fetched) out.resize(fetched->front().record_size);
      seen.value = out;
    }
    expect_usual("read", status);
    if (!status.is_ok()) {
      one.phase = Running::Phase::kEnded;
      return;
    }
    one.parts[number].reads.push_back(seen.read);
    one.reads.push_back(std::move(seen));
  }

  void choose_writes(Running& one) {
    if (random_.one_in(6)) {
      ++tested_.read_only;
      note_committed(one);
      one.phase = Running::Phase::kEnded;
      return;
    }
    for (uint64_t count = 1 + random_.below(3); count-- > 0;) {
      ObjectWrite write = random_write();
      one.parts[store_of(write.object)].writes.push_back(std::move(write));
    }
    while (!one.writes_at(one.coordinator)) one.coordinator = (one.coordinator + 1) % kStoreCount;
    for (Transaction& part : one.parts) {
      part.read_epoch = one.read_epoch;
      part.id.uuid = one.id.uuid;
    }
    const size_t other = 1 - one.coordinator;
    if (!one.is_at(other) && random_.one_in(2)) return commit_alone(one);
    if (!random_.one_in(8)) exchange_epochs(one.coordinator);
    EXPECT_TRUE(store(one.coordinator).observe(one.read_epoch).is_ok());  // Another may have given it.
    one.id.epoch = store(one.coordinator).next_epoch();
    for (Transaction& part : one.parts) part.id.epoch = one.id.epoch;
    one.phase = Running::Phase::kPrepares;
  }

  void commit_alone(Running& one) {
    std::optional<Epoch> committed;
    Task<Status> task = keep_value(
        store(one.coordinator).commit_transaction(container(), one.parts[one.coordinator], Durability::kSync),
        &committed);
    const std::optional<Status> status = call(one.coordinator, std::move(task));
    one.phase = Running::Phase::kEnded;
    if (status.has_value()) {
      expect_usual("commit of one store", *status);
    } else {  // Its uuid tells what became of it.
      const auto found = at(one.coordinator).run(store(one.coordinator).find_decision(container(), one.id.uuid));
      ASSERT_TRUE(found.is_ok());
      committed.reset();
      if (found->has_value()) committed = (*found)->id.epoch;
    }
    if (!committed.has_value()) return;
    one.id.epoch = *committed;
    note_committed(one);
  }

  void prepare(Running& one) {
    const size_t first = random_.below(kStoreCount);
    for (size_t i = 0; i < kStoreCount; ++i) {
      const size_t number = (first + i) % kStoreCount;
      if (!one.is_at(number) || one.is_prepared[number]) continue;
      const Bytes participants{static_cast<std::byte>(one.coordinator)};
      const std::optional<Status> status =
          call(number, store(number).prepare(container(), one.parts[number], participants));
      if (status.has_value()) expect_usual("prepare", *status);
      if (!status.has_value() || !status->is_ok()) return abort(one);
      one.is_prepared[number] = true;
      if (!one.writes_at(number)) ++tested_.guarded_reads;
      return;
    }
    one.phase = Running::Phase::kDecides;
  }

  void abort(Running& one) {
    one.phase = Running::Phase::kEnded;
    for (size_t number = 0; number < kStoreCount; ++number) {
      if (!one.writes_at(number)) continue;
      EXPECT_TRUE(at(number).run(store(number).abort_prepared(container(), one.id)).is_ok());
    }
  }

  void decide(Running& one) {
    if (random_.one_in(6)) return abort(one);
    const bool is_over_both = one.writes_at(0) && one.writes_at(1);
    const Remember remember = is_over_both ? Remember::kUntilReleased : Remember::kAWhile;
    const std::optional<Status> status =
        call(one.coordinator, store(one.coordinator).commit_prepared(container(), one.id, remember));
    if (!status.has_value()) return;  // Recovering finds out.
    EXPECT_TRUE(status->is_ok()) << status->to_string();
    note_committed(one);
    one.phase = is_over_both ? Running::Phase::kTells : Running::Phase::kEnded;
    if (is_over_both) ++tested_.over_both;
  }

  void tell(Running& one) {
    const size_t other = 1 - one.coordinator;
    const std::optional<Status> told = call(other, store(other).commit_prepared(container(), one.id));
    if (!told.has_value()) return;  // Again.
    EXPECT_TRUE(told->is_ok()) << told->to_string();
    const std::optional<Status> released =
        call(one.coordinator, store(one.coordinator).release_decision(container(), one.id.uuid));
    if (released.has_value()) {
      EXPECT_TRUE(released->is_ok()) << released->to_string();
    }
    one.phase = Running::Phase::kEnded;
  }

  void note_committed(Running& one) {
    if (std::exchange(one.is_committed, true)) return;
    for (const Transaction& part : one.parts) {
      for (const ObjectWrite& write : part.writes) model_.apply(write, one.id.epoch);
    }
    committed_.push_back(one);
  }

  // ---- What goes on beside them ----

  ObjectWrite random_write() {
    const ObjectId object = object_of(random_.below(kObjectCount));
    const Bytes dkey = dkey_of(random_.below(3));
    if (random_.one_in(8)) return punch_write(ObjectWrite::Kind::kPunchDkey, object, dkey);
    Bytes& data = memory_.emplace_back(random_.one_in(8) ? 5000 : 8);
    store_le(data.data(), next_number_++);
    return value_write(object, dkey, kAkey, data);
  }

  void write_plainly(Epoch epoch) {
    ObjectWrite write = random_write();
    const size_t number = store_of(write.object);
    if (epoch != kEpochZero && given_at_ != number) return;
    std::vector<ObjectWrite> writes{write};
    const auto written = at(number).write(std::move(writes), epoch);
    // The epoch may be aggregated by now.
    if (epoch == kEpochZero || written.code() != Code::kInvalidArgument) expect_usual("write", written.status());
    if (written) model_.apply(write, *written);
  }

  // Taken from the store's clock, and used later, if it didn't crash meanwhile.
  void write_at_a_given_epoch() {
    const size_t number = random_.below(kStoreCount);
    const bool is_good = given_ != kEpochZero && given_life_ == at(given_at_).process().life_count();
    if (is_good) return write_plainly(std::exchange(given_, kEpochZero));
    given_at_ = number;
    given_life_ = at(number).process().life_count();
    given_ = store(number).next_epoch();
  }

  void aggregate() {
    const size_t number = random_.below(kStoreCount);
    const auto info = at(number).run(store(number).query_container(container()));
    ASSERT_TRUE(info.is_ok());
    const uint64_t behind = uint64_t{16} * 1000 * 1000 * random_.below(50);
    const Epoch through{info->highest_committed.value - std::min(info->highest_committed.value, behind)};
    expect_usual("aggregation", at(number).run(store(number).aggregate(container(), through)).status());
  }

  // One store gives the epoch, both take it.
  void take_snapshot() {
    const size_t giver = random_.below(kStoreCount);
    exchange_epochs(giver);
    const Epoch epoch = store(giver).next_epoch();
    for (size_t number = 0; number < kStoreCount; ++number) {
      const auto taken = at(number).run(store(number).create_snapshot(container(), epoch));
      expect_usual("snapshot", taken.status());
      if (!taken) return;
    }
    snapshots_.push_back(epoch);
    ++tested_.snapshots;
  }

  // ---- What must be so ----

  void expect_serial() {
    for (const Running& one : committed_) {
      const bool has_writes = one.id.epoch != kEpochZero;
      // Its reads are what all before it wrote.
      const Epoch epoch = has_writes ? Epoch{one.id.epoch.value - 1} : one.read_epoch;
      for (const SeenRead& seen : one.reads) {
        SCOPED_TRACE("transaction at " + std::to_string(epoch.value) + " read " + seen.read.object.to_string() + " " +
                     std::string(as_text(seen.read.dkey)));
        if (seen.read.of == TransactionRead::Of::kObject) {
          ASSERT_EQ(seen.keys, model_.dkeys(seen.read.object, epoch));
          continue;
        }
        const auto value = model_.single(seen.read.object, seen.read.dkey, kAkey, epoch);
        ASSERT_EQ(seen.value, value ? value->data : Bytes());
      }
    }
  }

  void expect_state(Epoch epoch) {
    SCOPED_TRACE("at epoch " + std::to_string(epoch.value));
    for (uint64_t number = 0; number < kObjectCount; ++number) {
      const ObjectId object = object_of(number);
      for (uint64_t dkey = 0; dkey < 3; ++dkey) {
        const auto got = at(store_of(object)).get(object, dkey_of(dkey), kAkey, epoch);
        ASSERT_TRUE(got.is_ok()) << got.status().to_string();
        const auto value = model_.single(object, dkey_of(dkey), kAkey, epoch);
        ASSERT_EQ(*got, value ? value->data : Bytes());
      }
    }
  }

  Random random_;
  Tested& tested_;
  TestStore first_;
  TestStore second_;
  std::deque<Running> running_;
  std::vector<Running> committed_;
  StoreModel model_;
  std::deque<Bytes> memory_;  // What writes point to.
  std::vector<Epoch> snapshots_;
  uint64_t next_number_ = 1;
  std::optional<size_t> came_back_;
  Epoch given_;
  size_t given_at_ = 0;
  size_t given_life_ = 0;
};

TEST(StoresTogetherProperty, TransactionsOverTwoStoresAreAsIfTheyRanOneByOne) {
  Tested tested;
  for_each_seed([&tested](uint64_t seed) { TwoStores(seed, tested).run(); }, 50);
  EXPECT_GT(tested.over_both, 10u);
  EXPECT_GT(tested.read_only, 10u);
  EXPECT_GT(tested.guarded_reads, 10u);
  EXPECT_GT(tested.told_after_a_crash, 3u);
  EXPECT_GT(tested.aborted_after_a_crash, 3u);
  EXPECT_GT(tested.cut_off, 10u);
  EXPECT_GT(tested.snapshots, 10u);
}

}  // namespace
}  // namespace aeon::vos
