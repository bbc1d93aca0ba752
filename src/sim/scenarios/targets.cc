// Targets in processes of their own, which crash and are cut off one by one, and clients that change several at once.
//
// Transfers between accounts keep their sum: in every transaction that reads all of them, and in every snapshot. Pairs
// of values at different targets are written together by one writer: who reads both at once sees one version of both,
// and none before the last that was acknowledged. Spread objects are punched as a whole. Where writes are durable at
// the next flush, rounds of them at several targets that were flushed stay, and none is made behind one that was lost.
// When the faults stop every commit is decided everywhere, and everybody gets done. What goes to all goes over trees of
// two or three, mostly, so that those in the middle are struck too; in the end one target is gone for good, and all
// others are still heard of, also by who destroys a snapshot.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/key_value.h"
#include "placement/object_class.h"
#include "scenario.h"
#include "sim/sim_nemesis.h"
#include "sim_system.h"

namespace aeon {

namespace {

using client::Access;
using client::Container;
using client::Pool;

constexpr const char* kPlaceLabel = "place";
constexpr const char* kLoosePlaceLabel = "flushed later";
constexpr uint64_t kAccountCount = 8;
constexpr uint64_t kAccountStart = 100;
constexpr uint64_t kSpreadKeys = 6;
constexpr uint64_t kRoundKeys = 5;

ObjectId accounts_object() { return placement::make_object_id({.hi = 0, .lo = 1}, 0, placement::kSX); }
ObjectId spread_object(uint64_t number) {
  return placement::make_object_id({.hi = 0, .lo = 1000 + number}, 0, placement::kSX);
}
ObjectId pair_object(uint64_t number, uint64_t half) {
  return placement::make_object_id({.hi = 0, .lo = 2000 + 2 * number + half}, 0, placement::kS1);
}

ObjectId round_object(uint64_t number, uint64_t half) {
  return placement::make_object_id({.hi = 0, .lo = 3000 + 2 * number + half}, 0, placement::kS1);
}

std::string account_name(uint64_t number) { return "account " + std::to_string(number); }

std::optional<uint64_t> number_in(const Result<Bytes>& value) {
  if (!value.is_ok() || value->size() != sizeof(uint64_t)) return std::nullopt;
  return load_le<uint64_t>(value->data());
}
Bytes bytes_of(uint64_t number) {
  Bytes bytes(sizeof number);
  store_le(bytes.data(), number);
  return bytes;
}

// Two values, written together.
struct Pair {
  uint64_t number = 0;
  uint64_t begun = 0;
  uint64_t acknowledged = 0;
};

// A few values at two targets, written one after the other and flushed together.
struct Rounds {
  uint64_t number = 0;
  uint64_t begun = 0;
  uint64_t flushed = 0;
};

struct KnownTargets {
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<std::unique_ptr<Rounds>> rounds;
  uint64_t spread_count = 0;
  bool is_stopping = false;
  std::string fault;
  void blame(std::string why) {
    if (fault.empty()) fault = std::move(why);
  }
};

bool is_outage(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kStaleHandle || status.code() == Code::kBusy ||
         status.code() == Code::kConflict || status.code() == Code::kInProgress;
}

class TargetsSession {
 public:
  TargetsSession(SimSystem& system, SimSystem::Client& client, Random random, KnownTargets& known)
      : system_(system), client_(client), executor_(client.process.executor()), random_(random), known_(known) {}

  bool is_done() const { return is_done_; }

  Task<void> work() {
    pair_ = known_.pairs.emplace_back(std::make_unique<Pair>()).get();
    pair_->number = known_.pairs.size();
    rounds_ = known_.rounds.emplace_back(std::make_unique<Rounds>()).get();
    rounds_->number = known_.rounds.size();
    spread_ = known_.spread_count++;
    connection_ = system_.connect(client_);
    while (!known_.is_stopping && known_.fault.empty()) {
      co_await sleep_for(executor_, std::chrono::microseconds(random_.below(3'000)));
      const Status opened = co_await open();
      if (opened.is_ok()) {
        co_await act();
      } else {
        handle(opened, "open");
      }
    }
    co_await end();
  }

  // With nobody else at work.
  Task<void> check_all() {
    is_calm_ = true;
    connection_ = system_.connect(client_);
    const Status opened = co_await open();
    handle(opened, "open in the end");
    if (opened.is_ok()) {
      co_await audit();
      for (size_t i = 0; i < known_.pairs.size() && known_.fault.empty(); ++i) co_await read_pair(*known_.pairs[i]);
      for (size_t i = 0; i < known_.rounds.size() && known_.fault.empty(); ++i) co_await read_round(*known_.rounds[i]);
      co_await audit_snapshot();
    }
    co_await end();
  }

  static Task<Status> fill(std::shared_ptr<client::Connection> connection) {
    CO_TRY(co_await connection->hello());
    CO_TRY_ASSIGN(const std::shared_ptr<Pool> pool,
                  co_await connection->connect_pool(SimSystem::kPoolLabel, Access::kReadWrite));
    client::ContainerSpec spec;
    spec.label = kPlaceLabel;
    CO_TRY(co_await pool->create_container(std::move(spec)));
    client::ContainerSpec loose;
    loose.label = kLoosePlaceLabel;
    loose.properties[client::kPropDurability] = uint64_t{1};
    CO_TRY(co_await pool->create_container(std::move(loose)));
    CO_TRY_ASSIGN(const std::shared_ptr<Container> place,
                  co_await pool->open_container(kPlaceLabel, Access::kReadWrite));
    client::KeyValue accounts(place, accounts_object());
    for (uint64_t i = 0; i < kAccountCount; ++i) {
      const Bytes start = bytes_of(kAccountStart);
      CO_TRY(co_await accounts.put(account_name(i), start));
    }
    co_return ok();
  }

 private:
  Task<Status> open() {
    if (!greeted_) CO_TRY(co_await connection_->hello());
    greeted_ = true;
    if (pool_ == nullptr) {
      CO_TRY_ASSIGN(pool_, co_await connection_->connect_pool(SimSystem::kPoolLabel, Access::kReadWrite));
    }
    const std::shared_ptr<Pool> pool = pool_;
    if (place_ == nullptr) {
      CO_TRY_ASSIGN(place_, co_await pool->open_container(kPlaceLabel, Access::kReadWrite));
    }
    if (loose_place_ == nullptr) {
      CO_TRY_ASSIGN(loose_place_, co_await pool->open_container(kLoosePlaceLabel, Access::kReadWrite));
    }
    co_return ok();
  }
  Task<void> end() {
    place_.reset();
    loose_place_.reset();
    pool_.reset();
    co_await connection_->settle();
    is_done_ = true;
  }

  void handle(const Status& status, const std::string& what) {
    if (status.is_ok()) return;
    if (is_calm_ || !is_outage(status)) known_.blame(what + ": " + status.to_string());
    if (status.code() == Code::kStaleHandle) {
      place_.reset();
      loose_place_.reset();
      pool_.reset();
    }
  }

  Task<void> act() {
    const uint64_t kind = random_.below(100);
    if (kind < 28)
      co_await transfer();
    else if (kind < 45)
      co_await write_pair();
    else if (kind < 57)
      co_await read_pair(*known_.pairs[random_.below(known_.pairs.size())]);
    else if (kind < 67)
      co_await audit();
    else if (kind < 83)
      co_await write_round();
    else if (kind < 85)
      co_await read_round(*rounds_);
    else if (kind < 91)
      co_await use_spread();
    else if (kind < 94)
      co_await query_newest();
    else if (kind < 96)
      co_await use_container();
    else
      co_await audit_snapshot();
  }

  // --- Accounts ---

  Task<void> transfer() {
    auto begun = co_await place_->begin_transaction();
    handle(begun.status(), "begin");
    if (!begun.is_ok()) co_return;
    const std::shared_ptr<client::Transaction> transaction = *begun;
    client::KeyValue accounts(transaction->view(), accounts_object());
    const std::string from = account_name(random_.below(kAccountCount));
    const std::string to = account_name(random_.below(kAccountCount));
    if (from == to) co_return;
    const Result<Bytes> found_from = co_await accounts.get(from);
    const Result<Bytes> found_to = co_await accounts.get(to);
    if (!found_from.is_ok() || !found_to.is_ok()) {
      handle(found_from.status(), "read of an account");
      handle(found_to.status(), "read of an account");
      co_return;
    }
    const uint64_t there = number_in(found_from).value_or(0);
    const uint64_t amount = std::min<uint64_t>(there, random_.below(20));
    const Bytes less = bytes_of(there - amount);
    const Bytes more = bytes_of(number_in(found_to).value_or(0) + amount);
    Status put = co_await accounts.put(from, less);
    if (put.is_ok()) put = co_await accounts.put(to, more);
    handle(put, "put into a transaction");
    if (!put.is_ok()) co_return;
    const Result<Epoch> committed = co_await transaction->commit();
    handle(committed.status(), "commit");
    if (committed.is_ok()) newest_ = std::max(newest_, *committed);
  }

  // Of all targets; the newest change can't be older than one of ours.
  Task<void> query_newest() {
    const Epoch known = newest_;
    const Result<Epoch> newest = co_await place_->query_max_epoch(accounts_object());
    handle(newest.status(), "query of the newest epoch");
    if (newest.is_ok() && *newest < known)
      known_.blame("the newest epoch of the accounts is before a commit of theirs");
    if (place_ == nullptr) co_return;
    const Status flushed = co_await place_->flush();
    handle(flushed, "flush");
  }

  // On all targets or on none.
  Task<void> use_container() {
    const std::shared_ptr<Pool> pool = pool_;
    client::ContainerSpec spec;
    spec.label = "own " + std::to_string(spread_) + "-" + std::to_string(container_count_++);
    const std::string label = spec.label;
    const Result<Uuid> created = co_await pool->create_container(std::move(spec));
    handle(created.status(), "create_container");
    if (!created.is_ok()) co_return;
    {
      const Result<std::shared_ptr<Container>> opened = co_await pool->open_container(label, Access::kReadWrite);
      handle(opened.status(), "open_container");
      if (!opened.is_ok()) co_return;
      client::KeyValue keys(*opened, accounts_object());
      for (uint64_t i = 0; i < kSpreadKeys; ++i) {
        const Bytes value = bytes_of(i);
        const Status put = co_await keys.put("key " + std::to_string(i), value);
        handle(put, "put into a new container");
      }
    }
    const Status destroyed = co_await pool->destroy_container(label, true);
    handle(destroyed, "destroy_container");
  }

  void check_sum(const std::vector<uint64_t>& amounts, const std::string& where) {
    uint64_t sum = 0;
    for (const uint64_t amount : amounts) sum += amount;
    if (sum != kAccountCount * kAccountStart) {
      known_.blame("the accounts have " + std::to_string(sum) + " together " + where);
    }
  }

  Task<void> audit() {
    auto begun = co_await place_->begin_transaction();
    handle(begun.status(), "begin");
    if (!begun.is_ok()) co_return;
    co_await add_up((*begun)->view(), kEpochMax, "in a transaction");
  }

  Task<void> audit_snapshot() {
    const Result<Epoch> epoch = co_await place_->create_snapshot("");
    handle(epoch.status(), "create_snapshot");
    if (!epoch.is_ok()) co_return;
    const std::shared_ptr<Container> place = place_;
    co_await add_up(place, *epoch, "in a snapshot");
    const Status destroyed = co_await place->destroy_snapshot(*epoch);
    handle(destroyed, "destroy_snapshot");
  }

  Task<void> add_up(std::shared_ptr<Container> view, Epoch epoch, std::string where) {
    client::KeyValue accounts(view, accounts_object(), epoch);
    std::vector<uint64_t> amounts;
    for (uint64_t i = 0; i < kAccountCount; ++i) {
      const Result<Bytes> found = co_await accounts.get(account_name(i));
      if (!found.is_ok()) {
        handle(found.status(), "read of an account " + where);
        co_return;
      }
      amounts.push_back(number_in(found).value_or(0));
    }
    check_sum(amounts, where);
  }

  // --- Pairs ---

  ObjectWrite half_of(uint64_t half, ByteView value) {
    ObjectWrite write;
    write.object = pair_object(pair_->number, half);
    write.dkey = to_bytes("pair");
    AkeyUpdate& update = write.akeys.emplace_back();
    update.akey = to_bytes("half");
    update.record_size = value.size();
    update.data.push_back(value);
    return write;
  }

  Task<void> write_pair() {
    const uint64_t version = ++pair_->begun;
    const Bytes value = bytes_of(version);
    std::vector<ObjectWrite> writes;
    writes.push_back(half_of(0, value));
    writes.push_back(half_of(1, value));
    const Result<Epoch> written = co_await place_->write(std::move(writes));
    if (written.is_ok()) pair_->acknowledged = version;
    handle(written.status(), "write of a pair");
  }

  Task<Result<uint64_t>> read_half(std::shared_ptr<Container> view, uint64_t number, uint64_t half) {
    Bytes memory(sizeof(uint64_t));
    std::vector<AkeyFetch> fetch(1);
    fetch[0].akey = to_bytes("half");
    fetch[0].out.push_back(memory);
    Bytes dkey = to_bytes("pair");
    CO_TRY_ASSIGN(const std::vector<FetchedAkey> fetched,
                  co_await view->fetch(pair_object(number, half), std::move(dkey), std::move(fetch)));
    co_return fetched[0].record_size == 0 ? 0 : load_le<uint64_t>(memory.data());
  }

  Task<void> read_pair(const Pair& pair) {
    const uint64_t oldest = pair.acknowledged;
    auto begun = co_await place_->begin_transaction();
    handle(begun.status(), "begin");
    if (!begun.is_ok()) co_return;
    const std::shared_ptr<Container> view = (*begun)->view();
    const Result<uint64_t> first = co_await read_half(view, pair.number, 0);
    const Result<uint64_t> second = co_await read_half(view, pair.number, 1);
    handle(first.status(), "read of a pair");
    handle(second.status(), "read of a pair");
    if (!first.is_ok() || !second.is_ok()) co_return;
    const std::string found = std::to_string(*first) + " and " + std::to_string(*second);
    if (*first != *second) known_.blame("the halves of a pair are of versions " + found);
    if (std::min(*first, *second) < oldest && &pair == pair_) {
      known_.blame("its writer finds versions " + found + " of a pair, and " + std::to_string(oldest) +
                   " was acknowledged");
    }
    if (is_calm_ && *first < oldest) known_.blame("a pair went back to version " + std::to_string(*first));
  }

  // --- Rounds ---

  // That some of it may be lost is an answer as good as any, but for a flushed one.
  bool went_through(const Status& status, const std::string& what) {
    if (status.code() != Code::kIo || is_calm_) handle(status, what);
    return status.is_ok();
  }

  // Stops at what fails: the next round begins with the first key again.
  Task<void> write_round() {
    const uint64_t round = ++rounds_->begun;
    const Bytes value = bytes_of(round);
    const std::shared_ptr<Container> place = loose_place_;
    bool is_whole = true;
    for (uint64_t i = 0; i < 2 * kRoundKeys && is_whole; ++i) {
      client::KeyValue keys(place, round_object(rounds_->number, i % 2));
      const Status put = co_await keys.put("key " + std::to_string(i / 2), value);
      is_whole = went_through(put, "put of a round");
    }
    const Status flushed = co_await place->flush();
    const bool is_flushed = went_through(flushed, "flush of a round");
    if (is_flushed && is_whole) rounds_->flushed = round;
    if (!(is_flushed && is_whole) && loose_place_ != nullptr) co_await read_round(*rounds_);
  }

  // By its writer, or with nobody at work.
  Task<void> read_round(const Rounds& rounds) {
    for (uint64_t half = 0; half < 2; ++half) {
      client::KeyValue keys(loose_place_, round_object(rounds.number, half));
      uint64_t newest = rounds.begun;  // At one target no key is of a later round than one that was written before it.
      for (uint64_t i = 0; i < kRoundKeys; ++i) {
        const Result<Bytes> found = co_await keys.get("key " + std::to_string(i));
        if (found.code() != Code::kNotFound) handle(found.status(), "read of a round");
        if (!found.is_ok() && found.code() != Code::kNotFound) co_return;
        const uint64_t round = number_in(found).value_or(0);
        if (round < rounds.flushed || round > newest) {
          known_.blame("key " + std::to_string(i) + " is of round " + std::to_string(round) + " where " +
                       std::to_string(rounds.flushed) + " was flushed and the key before is of " +
                       std::to_string(newest));
        }
        newest = round;
        if (loose_place_ == nullptr) co_return;
      }
    }
  }

  // --- Spread objects ---

  Task<void> use_spread() {
    const ObjectId object = spread_object(spread_);
    client::KeyValue keys(place_, object);
    for (uint64_t i = 0; i < kSpreadKeys; ++i) {
      const Bytes value = bytes_of(i);
      const Status put = co_await keys.put("key " + std::to_string(i), value);
      handle(put, "put into a spread object");
      if (!put.is_ok()) co_return;
    }
    const Result<size_t> before = co_await count_dkeys(object);
    if (before.is_ok() && *before != kSpreadKeys) {
      known_.blame("a spread object lists " + std::to_string(*before) + " keys");
    }
    co_await query_ends(object, "key 0", "key " + std::to_string(kSpreadKeys - 1));
    std::vector<ObjectWrite> punch(1);
    punch[0].kind = ObjectWrite::Kind::kPunchObject;
    punch[0].object = object;
    if (place_ == nullptr) co_return;
    const Result<Epoch> punched = co_await place_->write(std::move(punch));
    handle(punched.status(), "punch of a spread object");
    if (!punched.is_ok()) co_return;
    const Result<size_t> after = co_await count_dkeys(object);
    if (after.is_ok() && *after != 0) {
      known_.blame("a punched object lists " + std::to_string(*after) + " keys");
    }
    co_await query_ends(object, "", "");
  }

  // The smallest and the largest key; none if they are empty.
  Task<void> query_ends(ObjectId object, std::string smallest, std::string largest) {
    for (const uint32_t flag : {kGetMin, kGetMax}) {
      if (place_ == nullptr) co_return;
      const Result<QueriedKey> found = co_await place_->query_key(object, flag | kGetDkey, Bytes(), Bytes());
      const std::string& expected = flag == kGetMin ? smallest : largest;
      if (found.code() != Code::kNotFound) handle(found.status(), "query of a key");
      if (!found.is_ok() && found.code() != Code::kNotFound) co_return;
      const std::string key = found.is_ok() ? std::string(as_text(found->dkey)) : std::string();
      if (key != expected) known_.blame("a query finds the key '" + key + "', and not '" + expected + "'");
    }
  }

  Task<Result<size_t>> count_dkeys(ObjectId object) {
    size_t count = 0;
    Anchor at;
    while (!at.is_end) {
      if (place_ == nullptr) co_return Status(Code::kStaleHandle, "closed");
      client::ListLimits limits;
      limits.count_max = 1 + static_cast<uint32_t>(random_.below(4));
      Result<client::KeyPage> page = co_await place_->list_dkeys(object, std::move(at), limits);
      handle(page.status(), "list_dkeys");
      if (!page.is_ok()) co_return page.status();
      count += page->keys.size();
      at = std::move(page->next);
    }
    co_return count;
  }

  SimSystem& system_;
  SimSystem::Client& client_;
  Executor& executor_;
  Random random_;
  KnownTargets& known_;
  bool greeted_ = false;
  bool is_calm_ = false;
  bool is_done_ = false;
  std::shared_ptr<client::Connection> connection_;
  std::shared_ptr<Pool> pool_;
  std::shared_ptr<Container> place_;
  std::shared_ptr<Container> loose_place_;  // Durable at the next flush.
  Pair* pair_ = nullptr;
  Rounds* rounds_ = nullptr;
  uint64_t spread_ = 0;
  uint64_t container_count_ = 0;
  Epoch newest_;  // Of its own commits.
};

Task<Result<ByteCount>> find_capacity(std::shared_ptr<client::Connection> connection) {
  CO_TRY(co_await connection->hello());
  CO_TRY_ASSIGN(const std::vector<client::PoolInfo> pools, co_await connection->list_pools());
  co_return pools.front().capacity;
}

Task<Result<std::shared_ptr<Container>>> open_place(std::shared_ptr<client::Connection> connection) {
  CO_TRY(co_await connection->hello());
  CO_TRY_ASSIGN(const std::shared_ptr<Pool> pool,
                co_await connection->connect_pool(SimSystem::kPoolLabel, Access::kReadWrite));
  co_return co_await pool->open_container(kPlaceLabel, Access::kReadWrite);
}

Task<Result<Epoch>> take_snapshot(std::shared_ptr<client::Connection> connection) {
  CO_TRY_ASSIGN(const std::shared_ptr<Container> place, co_await open_place(connection));
  co_return co_await place->create_snapshot("");
}

// How often it is listed then.
Task<Result<ptrdiff_t>> drop_snapshot(std::shared_ptr<client::Connection> connection, Epoch epoch) {
  CO_TRY_ASSIGN(const std::shared_ptr<Container> place, co_await open_place(connection));
  CO_TRY(co_await place->destroy_snapshot(epoch));
  CO_TRY_ASSIGN(const auto left, co_await place->snapshots());
  co_return std::ranges::count(left, epoch, &client::SnapshotInfo::epoch);
}

class TargetsRun {
 public:
  explicit TargetsRun(uint64_t seed)
      : scheduler_(seed), random_(scheduler_.random().fork()), system_(scheduler_, draw_options(random_)) {}

  ScenarioOutcome run() {
    must(system_.format(), "format");
    system_.start_processes();
    SimSystem::Client& first = system_.client(0);
    {
      const std::shared_ptr<client::Connection> connection = system_.connect(first);
      must(scheduler_.run(first.process.executor(), TargetsSession::fill(connection)), "fill");
      first.process.kill();
      first.process.start();
    }

    SimNemesisOptions strikes;
    strikes.calm_max = std::chrono::milliseconds(50 + random_.below(1'500));
    strikes.outage_max = std::chrono::milliseconds(20 + random_.below(1'500));
    strikes.link_fault_max = random_.one_in(3) ? 0.02 : 0.2;
    SimNemesis nemesis(scheduler_, system_.network(), strikes);
    for (size_t i = 0; i < system_.process_count(); ++i) {
      nemesis.add(SimSystem::node_of_process(i), system_.process(i), [this, i] { system_.start_process(i); });
    }
    const size_t worker_count = system_.client_count() - 1;
    sessions_.resize(worker_count);
    for (size_t i = 0; i < worker_count; ++i) {
      nemesis.add(system_.client(i).node, system_.client(i).process, [this, i] { start_client(i); });
      start_client(i);
    }
    nemesis.start();
    const Instant end = scheduler_.now() + std::chrono::milliseconds(500 + random_.below(8'000));
    scheduler_.run_until([&] { return scheduler_.now() >= end || is_broken(); }, std::chrono::minutes(1));
    look();
    nemesis.stop();
    known_.is_stopping = true;
    const auto all_done = [this] {
      return is_broken() ||
             std::ranges::all_of(sessions_, [](const TargetsSession* session) { return session->is_done(); });
    };
    if (!scheduler_.run_until(all_done, std::chrono::minutes(5))) scheduler_.fail("a client is stuck after the faults");
    look();
    system_.network().set_link(SimLink());
    const auto all_decided = [this] { return is_broken() || system_.open_commit_count() == 0; };
    if (!scheduler_.run_until(all_decided, std::chrono::minutes(5))) {
      scheduler_.fail(std::to_string(system_.open_commit_count()) + " commits stay open after the faults");
    }
    check_everything();
    must(system_.stop_engine(), "stop");
    system_.start_processes();
    check_everything();
    check_without_one();
    return outcome_of(scheduler_);
  }

 private:
  static SimSystemOptions draw_options(Random& random) {
    SimSystemOptions options;
    options.client_count = 3 + random.below(3);
    const bool are_many = random.one_in(3);
    options.target_count = static_cast<uint32_t>(are_many ? 5 + random.below(5) : 2 + random.below(3));
    options.has_process_each = true;
    options.collectives.arity = 2 + static_cast<uint32_t>(random.below(2));
    options.collectives.flat_max = random.one_in(4) ? 16 : 1;
    options.log_size = (256 + 256 * random.below(8)) * kKiB;
    options.checkpoint_log_bytes = random.one_in(2) ? 0 : 64 * kKiB;
    return options;
  }

  void must(const Status& status, const std::string& what) {
    if (!status.is_ok()) scheduler_.fail(what + ": " + status.to_string());
  }
  bool is_broken() const { return !known_.fault.empty() || !system_.boot_status().is_ok(); }
  void look() {
    must(system_.boot_status(), "a target doesn't start");
    if (!known_.fault.empty()) scheduler_.fail(known_.fault);
  }

  TargetsSession* new_session(size_t index) {
    SimSystem::Client& client = system_.client(index);
    return &client.process.own(std::make_unique<TargetsSession>(system_, client, random_.fork(), known_));
  }
  void start_client(size_t index) {
    sessions_[index] = new_session(index);
    system_.client(index).process.executor().spawn(sessions_[index]->work());
  }

  void check_everything() {
    const size_t last = system_.client_count() - 1;
    TargetsSession* session = new_session(last);
    SimProcess& process = system_.client(last).process;
    process.executor().spawn(session->check_all());
    const auto done = [&] { return is_broken() || session->is_done(); };
    if (!scheduler_.run_until(done, std::chrono::minutes(3))) scheduler_.fail("who reads everything is stuck");
    look();
    process.kill();
    process.start();
  }

  // What one client finds with nobody else at work.
  template <typename Body>
  auto ask_alone(const std::string& what, Body body) {
    SimSystem::Client& last = system_.client(system_.client_count() - 1);
    auto found = [&] {
      const std::shared_ptr<client::Connection> connection = system_.connect(last);
      auto answer = scheduler_.run(last.process.executor(), body(connection));
      last.process.kill();
      return answer;
    }();
    last.process.start();
    must(found.status(), what);
    return *found;
  }
  ByteCount capacity() { return ask_alone("list_pools", find_capacity); }

  // Each target tells of its share of the pool, also those that are behind the one that is gone in a tree. A snapshot
  // goes for all who ask, whether or not a target can be told.
  void check_without_one() {
    const ByteCount whole = capacity();
    const Epoch snapshot = ask_alone("create_snapshot", take_snapshot);
    const size_t count = system_.process_count();
    const size_t gone = 1 + random_.below(count - 1);
    switch (random_.below(3)) {
      case 0: system_.process(gone).kill(); break;
      case 1: system_.process(gone).crash(); break;
      default: system_.network().isolate({SimSystem::node_of_process(gone)});
    }
    const ByteCount left = capacity();
    if (left != whole / count * (count - 1)) {
      scheduler_.fail("without target " + std::to_string(gone) + " of " + std::to_string(count) + " there are " +
                      std::to_string(left) + " bytes of " + std::to_string(whole));
    }
    const ptrdiff_t listed = ask_alone("destroy_snapshot without a target",
                                       [&](auto connection) { return drop_snapshot(std::move(connection), snapshot); });
    if (listed != 0) scheduler_.fail("a snapshot that was destroyed is listed");
  }

  KnownTargets known_;  // Outlives the processes.
  SimScheduler scheduler_;
  Random random_;
  SimSystem system_;
  std::vector<TargetsSession*> sessions_;
};

}  // namespace

ScenarioOutcome run_targets(uint64_t seed) {
  TargetsRun run(seed);
  return run.run();
}

}  // namespace aeon
