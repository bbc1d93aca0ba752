// Transactions, plain writes and aggregation at the same time, in many orders: whatever committed must read as if all
// had run one by one in the order of their epochs. So each read must be what a list of all writes says.
#include <algorithm>
#include <deque>

#include "runtime/gate.h"
#include "runtime/random.h"
#include "store_model.h"
#include "transaction_under_test.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObjects[] = {{.hi = 1, .lo = 1}, {.hi = 1, .lo = 2}};
constexpr uint64_t kArraySize = 8;

Bytes dkey_of(uint64_t number) { return text("d" + std::to_string(number)); }
const Bytes kAkeys[] = {to_bytes("a"), to_bytes("b")};
const Bytes kArray = to_bytes("array");

struct SeenRead {
  TransactionRead read;
  Bytes value;                                     // kAkey: the value, or the array's records and which there are.
  std::vector<Bytes> keys;                         // kObject, kDkey.
  std::vector<ObjectId> objects;                   // kContainer.
};

struct Committed {
  Epoch epoch;       // Of its writes; of its reads if it wrote nothing.
  bool has_writes = false;
  std::vector<SeenRead> reads;
};

struct Shared {
  Store& store;
  World& world;
  Uuid container;
  Gate gate;
  StoreModel model;
  std::vector<Committed> committed;
  std::deque<Bytes> memory;                        // What writes point to.
  std::vector<std::pair<TransactionId, Committed>> left;  // Prepared and not decided.
  std::vector<std::vector<ObjectWrite>> left_writes;
  uint64_t next_number = 1;
  int busy = 0;
  std::vector<std::string> failures;

  // kConflict and kInProgress are what others may cause; conditions look at what is there.
  void expect_usual(const char* what, const Status& status) {
    const Code code = status.code();
    if (status.is_ok() || code == Code::kConflict || code == Code::kInProgress) return;
    if (code == Code::kExists || code == Code::kNotFound) return;
    failures.push_back(std::string(what) + ": " + status.to_string());
  }
};

ObjectWrite random_write(Shared& shared) {
  Random& random = shared.world.random;
  ObjectWrite write;
  write.object = kObjects[random.below(2)];
  write.dkey = dkey_of(random.below(3));
  switch (random.below(10)) {
    case 0: write.kind = ObjectWrite::Kind::kPunchObject; return write;
    case 1: write.kind = ObjectWrite::Kind::kPunchDkey; return write;
    case 2:
      write.kind = ObjectWrite::Kind::kPunchAkeys;
      write.punched_akeys.push_back(kAkeys[random.below(2)]);
      return write;
    default: break;
  }
  const size_t size = random.one_in(8) ? 5000 : 8;
  Bytes& data = shared.memory.emplace_back(size);
  store_le(data.data(), shared.next_number++);
  if (random.one_in(3)) {
    const uint64_t begin = random.below(kArraySize);
    const uint64_t count = 1 + random.below(kArraySize - begin);
    write.akeys.push_back(TestStore::extent(kArray, {begin, count}, 1, ByteView(data).first(count)));
  } else {
    write.akeys.push_back(TestStore::single(kAkeys[random.below(2)], data));
    if (random.one_in(4)) write.conditions = random.one_in(2) ? kAkeyInsert : kDkeyUpdate;
  }
  return write;
}

std::vector<ObjectWrite> random_writes(Shared& shared) {
  std::vector<ObjectWrite> writes;
  for (uint64_t count = 1 + shared.world.random.below(3); count-- > 0;) writes.push_back(random_write(shared));
  return writes;
}

// The records that there are, and a mark for each.
Bytes array_image(const std::map<uint64_t, StoreModel::Record>& records) {
  Bytes image(2 * kArraySize);
  for (const auto& [index, record] : records) {
    image[index] = record.data.at(0);
    image[kArraySize + index] = std::byte{1};
  }
  return image;
}

Task<Status> read_once(Shared& shared, Epoch epoch, SeenRead& seen) {
  Random& random = shared.world.random;
  TransactionRead& read = seen.read;
  const uint64_t which = random.below(8);
  read.of = which == 0   ? TransactionRead::Of::kContainer
            : which == 1 ? TransactionRead::Of::kObject
            : which == 2 ? TransactionRead::Of::kDkey
                         : TransactionRead::Of::kAkey;
  if (read.of == TransactionRead::Of::kContainer) {
    auto page = co_await shared.store.list_objects(shared.container, epoch, {}, {}, ReadIntent::kTransaction);
    CO_TRY(page.status());
    seen.objects = page->objects;
    co_return ok();
  }
  read.object = kObjects[random.below(2)];
  if (read.of == TransactionRead::Of::kObject) {
    auto page =
        co_await shared.store.list_dkeys(shared.container, read.object, epoch, {}, {}, ReadIntent::kTransaction);
    CO_TRY(page.status());
    seen.keys = page->keys;
    co_return ok();
  }
  read.dkey = dkey_of(random.below(3));
  if (read.of == TransactionRead::Of::kDkey) {
    auto page = co_await shared.store.list_akeys(shared.container, read.object, read.dkey, epoch, {}, {},
                                                 ReadIntent::kTransaction);
    CO_TRY(page.status());
    seen.keys = page->keys;
    co_return ok();
  }
  std::vector<AkeyFetch> fetches(1);
  Bytes out(6000);
  const bool is_array = random.one_in(3);
  read.akey = is_array ? kArray : kAkeys[random.below(2)];
  fetches[0].akey = read.akey;
  if (is_array) {
    fetches[0].kind = ValueKind::kArray;
    fetches[0].recxs.push_back({0, kArraySize});
  }
  fetches[0].out.push_back(out);
  auto fetched = co_await shared.store.fetch(shared.container, read.object, read.dkey, std::move(fetches), 0, epoch,
                                             ReadIntent::kTransaction);
  CO_TRY(fetched.status());
  if (!is_array) {
    out.resize(fetched->front().record_size);
    seen.value = out;
    co_return ok();
  }
  seen.value.resize(2 * kArraySize);
  for (const FetchedSegment& segment : fetched->front().segments) {
    for (uint64_t i = segment.recx.index; i < segment.recx.end(); ++i) {
      seen.value[i] = out[i];
      seen.value[kArraySize + i] = std::byte{1};
    }
  }
  co_return ok();
}

Task<void> pause(World& world) {
  if (world.random.one_in(2)) co_await sleep_for(world.executor, std::chrono::microseconds(world.random.below(400)));
}

Task<void> run_transaction(Shared& shared) {
  World& world = shared.world;
  const auto begun = co_await shared.store.begin_transaction(shared.container);
  shared.expect_usual("begin", begun.status());
  if (!begun) co_return;
  Transaction transaction;
  transaction.read_epoch = *begun;
  transaction.id.uuid = Uuid::from_random(shared.next_number++, 5);
  Committed committed;
  for (uint64_t count = world.random.below(4); count-- > 0;) {
    SeenRead seen;
    const Status status = co_await read_once(shared, *begun, seen);
    shared.expect_usual("read", status);
    if (!status.is_ok()) co_return;
    transaction.reads.push_back(seen.read);
    committed.reads.push_back(std::move(seen));
    co_await pause(world);
  }
  if (world.random.one_in(6)) {
    committed.epoch = *begun;
    shared.committed.push_back(std::move(committed));
    co_return;
  }
  committed.has_writes = true;
  transaction.writes = random_writes(shared);
  const std::vector<ObjectWrite> writes = transaction.writes;
  if (world.random.one_in(2)) {
    const auto done =
        co_await shared.store.commit_transaction(shared.container, std::move(transaction), Durability::kSync);
    shared.expect_usual("commit", done.status());
    if (!done) co_return;
    committed.epoch = *done;
  } else {
    transaction.id.epoch = committed.epoch = shared.store.next_epoch();
    const TransactionId id = transaction.id;
    co_await pause(world);  // Others may get ahead of it.
    const Status prepared = co_await shared.store.prepare(shared.container, std::move(transaction), {});
    shared.expect_usual("prepare", prepared);
    if (!prepared.is_ok()) co_return;
    if (world.random.one_in(12)) {
      shared.left.emplace_back(id, std::move(committed));
      shared.left_writes.push_back(writes);
      co_return;
    }
    co_await pause(world);
    const bool commits = !world.random.one_in(4);
    Status decided;
    if (commits) {
      decided = co_await shared.store.commit_prepared(shared.container, id);
    } else {
      decided = co_await shared.store.abort_prepared(shared.container, id);
    }
    if (!decided.is_ok()) shared.failures.push_back("decision: " + decided.to_string());
    if (!commits) co_return;
  }
  for (const ObjectWrite& write : writes) shared.model.apply(write, committed.epoch);
  shared.committed.push_back(std::move(committed));
}

Task<void> run_transactions(Shared& shared, int count) {
  while (count-- > 0) co_await run_transaction(shared);
  --shared.busy;
}

Task<void> write_plainly(Shared& shared, int count) {
  while (count-- > 0) {
    const std::vector<ObjectWrite> writes = random_writes(shared);
    Epoch epoch;
    if (shared.world.random.one_in(2)) {
      epoch = shared.store.next_epoch();
      co_await pause(shared.world);
    }
    std::vector<ObjectWrite> given = writes;
    const bool is_given = epoch != kEpochZero;
    const auto written = co_await shared.store.write(shared.container, std::move(given), epoch, Durability::kSync);
    const bool is_aggregated = is_given && written.code() == Code::kInvalidArgument;
    if (!is_aggregated) shared.expect_usual("write", written.status());
    if (written) {
      for (const ObjectWrite& write : writes) shared.model.apply(write, *written);
    }
    co_await pause(shared.world);
  }
  --shared.busy;
}

Task<void> aggregate(Shared& shared) {
  while (shared.busy != 0) {
    co_await sleep_for(shared.world.executor, std::chrono::microseconds(shared.world.random.below(4000)));
    const auto info = co_await shared.store.query_container(shared.container);
    if (!info) continue;
    const uint64_t behind = uint64_t{16} * 1000 * shared.world.random.below(2000);
    const Epoch through{info->highest_committed.value - std::min(info->highest_committed.value, behind)};
    const auto aggregated = co_await shared.store.aggregate(shared.container, through);
    shared.expect_usual("aggregation", aggregated.status());
  }
}

void expect_serial(const Shared& shared) {
  const StoreModel& model = shared.model;
  for (const Committed& one : shared.committed) {
    // Its reads are what all before it wrote.
    const Epoch epoch = one.has_writes ? Epoch{one.epoch.value - 1} : one.epoch;
    for (const SeenRead& seen : one.reads) {
      const TransactionRead& read = seen.read;
      SCOPED_TRACE("transaction at " + std::to_string(one.epoch.value) + " read " + read.object.to_string() + " " +
                   std::string(as_text(read.dkey)) + " " + std::string(as_text(read.akey)));
      switch (read.of) {
        case TransactionRead::Of::kContainer: ASSERT_EQ(seen.objects, model.objects(epoch)); break;
        case TransactionRead::Of::kObject: ASSERT_EQ(seen.keys, model.dkeys(read.object, epoch)); break;
        case TransactionRead::Of::kDkey: ASSERT_EQ(seen.keys, model.akeys(read.object, read.dkey, epoch)); break;
        case TransactionRead::Of::kAkey:
          if (read.akey == kArray) {
            ASSERT_EQ(seen.value, array_image(model.array(read.object, read.dkey, kArray, epoch)));
          } else {
            const auto value = model.single(read.object, read.dkey, read.akey, epoch);
            ASSERT_EQ(seen.value, value ? value->data : Bytes());
          }
          break;
      }
    }
  }
}

// Over all seeds: so that the test is known to test something.
struct Tested {
  uint64_t committed_count = 0;
  uint64_t read_count = 0;
};

void compare_with_one_by_one(uint64_t seed, Tested& tested) {
  TestStore target(seed, SimDiskOptions{});
  Shared* shared = nullptr;
  std::unique_ptr<Shared> lives[3];
  for (auto& life : lives) {
    World& world = target.process().world();
    Shared* before = shared;
    life.reset(new Shared{
        .store = target.store(), .world = world, .container = target.container(), .gate = Gate(world.executor)});
    shared = life.get();
    if (before != nullptr) {  // Decides what was left before the crash.
      shared->model = before->model;
      shared->next_number = before->next_number;
      ASSERT_EQ(undecided(target).size(), before->left.size());
      for (size_t i = 0; i < before->left.size(); ++i) {
        auto& [id, committed] = before->left[i];
        const bool commits = world.random.one_in(2);
        const Status decided = commits ? target.run(target.store().commit_prepared(target.container(), id))
                                       : target.run(target.store().abort_prepared(target.container(), id));
        ASSERT_TRUE(decided.is_ok()) << decided.to_string();
        if (!commits) continue;
        for (const ObjectWrite& write : before->left_writes[i]) shared->model.apply(write, committed.epoch);
        shared->committed.push_back(std::move(committed));
      }
    }
    shared->busy = 6;
    for (int i = 0; i < 4; ++i) shared->gate.spawn(run_transactions(*shared, 8));
    for (int i = 0; i < 2; ++i) shared->gate.spawn(write_plainly(*shared, 8));
    shared->gate.spawn(aggregate(*shared));
    target.run([](Gate& gate) -> Task<bool> {
      co_await gate.close();
      co_return true;
    }(shared->gate));
    for (const std::string& failure : shared->failures) ADD_FAILURE() << failure;
    expect_serial(*shared);
    if (::testing::Test::HasFatalFailure()) return;
    tested.committed_count += shared->committed.size();
    for (const Committed& one : shared->committed) tested.read_count += one.has_writes ? one.reads.size() : 0;
    target.crash();
    target.open();
  }
  // What is left is what the list of writes says.
  for (const auto& [id, committed] : shared->left) {
    ASSERT_TRUE(target.run(target.store().abort_prepared(target.container(), id)).is_ok());
  }
  for (const ObjectId object : kObjects) {
    for (uint64_t number = 0; number < 3; ++number) {
      const Bytes dkey = dkey_of(number);
      const auto value = shared->model.single(object, dkey, kAkeys[0], kEpochMax);
      ASSERT_EQ(*target.get(object, dkey, kAkeys[0]), value ? value->data : Bytes());
    }
  }
  const auto damages = target.run(target.store().media().verify());
  ASSERT_TRUE(damages.is_ok() && damages->empty());
}

TEST(TransactionProperty, CommittedOnesAreAsIfTheyRanOneByOne) {
  Tested tested;
  for_each_seed([&tested](uint64_t seed) { compare_with_one_by_one(seed, tested); }, 50);
  EXPECT_GT(tested.committed_count, 10u);
  EXPECT_GT(tested.read_count, 10u);
}

}  // namespace
}  // namespace aeon::vos
