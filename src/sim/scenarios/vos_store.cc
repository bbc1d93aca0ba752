// The versioned store of one target: several writers, each in a container of its own, with updates, punches,
// snapshots, aggregation and discards, some durable at once and some at the next flush; power loss, kill, a crash at
// an exact write, errors and a full disk in between.
//
// After each opening every container must hold exactly what a prefix of its calls made, with all that was promised;
// over all containers a call that began after another had returned doesn't survive without it. At last, in some runs,
// the disk decays under a running store: what a reader gets then is right, or an error, and never anything else.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "call_list.h"
#include "runtime/gate.h"
#include "scenario.h"
#include "sim/sim_process.h"
#include "store_calls.h"
#include "store_life.h"
#include "vos/store.h"

namespace aeon {

namespace {

using vos::Durability;

// One writer's container and what is known of it; outlives the lives of the process.
struct Owned {
  explicit Owned(uint64_t writer, Uuid id) : container(id), calls(writer) {}

  Uuid container;
  CallList calls;
  std::vector<Epoch> snapshots;
  bool snapshots_unsure = false;                       // One more or one less may be there.
  std::optional<std::pair<Epoch, Epoch>> discarding;   // Begun and not known to have ended.
  uint64_t kept_through = 0;    // The number of the last call that may be under a snapshot or aggregated.
  uint64_t aggregating = 0;
  uint64_t rewritten = 0;       // Counts what changes the past: readers in progress give up.
};

class StoreWorkload {
 public:
  StoreWorkload(World& world, Random random, SimDisk& disk, vos::Store& store, std::vector<Owned>& owned,
                bool disk_fails, bool rots, uint64_t* order, std::string* fault)
      : world_(world),
        random_(random),
        disk_(disk),
        failed_flush_count_(disk.failed_flush_count()),
        store_(store),
        owned_(owned),
        disk_fails_(disk_fails),
        rots_(rots),
        order_(*order),
        fault_(fault) {}

  // Until the process ends, or the store fails for good.
  Task<void> write_calls(uint64_t writer) {
    Owned& mine = owned_[writer];
    bool goes_on = true;
    while (goes_on) {
      co_await sleep_for(world_.executor, pause());
      const uint64_t kind = random_.below(40);
      if (kind < 34)
        goes_on = co_await make_call(mine);
      else if (kind < 36)
        goes_on = co_await change_snapshots(mine);
      else if (kind < 37)
        goes_on = co_await discard(mine);
      else
        goes_on = co_await flush();
    }
  }
  Task<void> aggregate() {
    for (;;) {
      co_await sleep_for(world_.executor, 10 * pause());
      Owned& mine = owned_[random_.below(owned_.size())];
      ++mine.aggregating;
      const Result<AggregateProgress> done = co_await store_.aggregate(mine.container, kEpochMax);
      --mine.aggregating;
      mine.kept_through = mine.calls.newest_number();
      note("aggregate", done.status());
    }
  }
  Task<void> take_checkpoints() {
    for (;;) {
      co_await sleep_for(world_.executor, 30 * pause());
      const Status status = co_await store_.media().checkpoint();
      note("checkpoint", status);
    }
  }
  Task<void> read() {
    for (;;) {
      co_await sleep_for(world_.executor, pause());
      Owned& theirs = owned_[random_.below(owned_.size())];
      const bool at_snapshot = !theirs.snapshots.empty() && random_.one_in(3);
      const Epoch epoch = at_snapshot ? theirs.snapshots[random_.below(theirs.snapshots.size())] : kEpochMax;
      co_await check_read(theirs, random_.below(kDkeyCount), epoch);
    }
  }

 private:
  Duration pause() { return std::chrono::microseconds(random_.below(400)); }

  bool is_expected(const Status& status) const {
    if (status.is_ok() || status.code() == Code::kNoSpace) return true;
    const Code code = status.code();
    // A failed flush drops cached writes. The store is read-only from then on, but what it wrote before may be gone.
    const bool lost_writes = disk_.failed_flush_count() != failed_flush_count_;
    if ((rots_ || lost_writes) && code == Code::kCorrupt) return true;
    return (disk_fails_ || rots_) && (code == Code::kIo || code == Code::kReadOnly);
  }
  void note(std::string_view what, const Status& status) {
    if (!is_expected(status)) blame(std::string(what) + ": " + status.to_string());
  }
  void blame(std::string why) {
    if (fault_->empty()) *fault_ = std::move(why);
  }

  Task<bool> make_call(Owned& mine) {
    Call& call = mine.calls.begin(random_, ++order_);
    const Durability durability = random_.one_in(3) ? Durability::kSync : Durability::kFlush;
    std::vector<ObjectWrite> writes = to_writes(call.changes, call.count);
    const Result<Epoch> written = co_await store_.write(mine.container, std::move(writes), kEpochZero, durability);
    note("write", written.status());
    if (!written.is_ok()) {
      if (written.code() != Code::kNoSpace) co_return false;  // It may have happened.
      mine.calls.abandon_last();
      co_return true;
    }
    call.epoch = *written;
    call.returned = ++order_;
    if (durability == Durability::kSync) call.is_promised = true;
    co_return true;
  }

  Task<bool> flush() {
    std::vector<uint64_t> returned;
    for (const Owned& owned : owned_) returned.push_back(owned.calls.newest_returned());
    const Status status = co_await store_.flush();
    note("flush", status);
    for (size_t i = 0; i < owned_.size() && status.is_ok(); ++i) owned_[i].calls.promise_through(returned[i]);
    co_return status.is_ok();
  }

  Task<bool> change_snapshots(Owned& mine) {
    mine.snapshots_unsure = true;
    if (mine.snapshots.size() > 2) {
      const Epoch chosen = mine.snapshots[random_.below(mine.snapshots.size())];
      std::erase(mine.snapshots, chosen);  // Already now: who reads there meanwhile may find it gone.
      const Status status = co_await store_.destroy_snapshot(mine.container, chosen);
      note("destroy_snapshot", status);
      mine.snapshots_unsure = !status.is_ok();
      co_return status.is_ok();
    }
    const Result<Epoch> made = co_await store_.create_snapshot(mine.container, kEpochZero);
    note("create_snapshot", made.status());
    if (made.is_ok()) {
      mine.snapshots.push_back(*made);
      mine.kept_through = mine.calls.newest_number();
    }
    mine.snapshots_unsure = !made.is_ok();
    co_return made.is_ok();
  }

  Task<bool> discard(Owned& mine) {
    std::vector<const Call*> loose;
    for (const Call& call : mine.calls.calls()) {
      if (call.number > mine.kept_through) loose.push_back(&call);
    }
    if (loose.empty() || mine.aggregating != 0) co_return true;
    const size_t first = random_.below(loose.size());
    const size_t last = std::min(loose.size() - 1, first + random_.below(4));
    const Epoch begin = loose[first]->epoch, end = loose[last]->epoch;
    mine.discarding = std::pair(begin, end);
    ++mine.rewritten;
    const Status status = co_await store_.discard(mine.container, begin, end);
    note("discard", status);
    if (!status.is_ok()) co_return false;
    ++mine.rewritten;
    mine.calls.discard(begin, end);
    mine.discarding.reset();
    co_return true;
  }

  // What was there at some moment of the read; at a snapshot, what was there when it was made.
  Task<void> check_read(Owned& theirs, uint64_t dkey, Epoch epoch) {
    const uint64_t first = theirs.calls.newest_returned();
    const uint64_t rewritten = theirs.rewritten;
    const bool was_discarding = theirs.discarding.has_value();
    const Found found =
        co_await fetch_dkey(&store_, theirs.container, kDataObject, dkey_name(dkey), kSingleAkey, epoch);
    note("fetch", found.status);
    if (!found.status.is_ok() || was_discarding || rewritten != theirs.rewritten) co_return;
    if (epoch != kEpochMax && std::ranges::find(theirs.snapshots, epoch) == theirs.snapshots.end()) co_return;
    bool single_is_right = false, array_is_right = false;
    for (uint64_t number = first;; ++number) {
      const DkeyState expected = theirs.calls.state(dkey, number, epoch);
      single_is_right = single_is_right || expected.single == found.state.single;
      array_is_right = array_is_right || expected.same_array(found.state);
      if (number >= theirs.calls.newest_number()) break;
    }
    if (!single_is_right || !array_is_right) {
      blame("a read of dkey " + std::to_string(dkey) + (epoch == kEpochMax ? "" : " at a snapshot") + " gave another " +
            (single_is_right ? "array" : "single value") + " than was written");
    }
  }

  World& world_;
  Random random_;
  SimDisk& disk_;
  const uint64_t failed_flush_count_;  // Before this life.
  vos::Store& store_;
  std::vector<Owned>& owned_;
  const bool disk_fails_;  // kIo and kReadOnly are answers like others then,
  const bool rots_;  // and kCorrupt too.
  uint64_t& order_;
  std::string* const fault_;  // The first broken promise; outlives a crash.
};

class VosStoreRun {
 public:
  explicit VosStoreRun(uint64_t seed)
      : scheduler_(seed),
        network_(scheduler_),
        process_(scheduler_, network_, "store"),
        disk_(process_.add_disk({.name = "store disk", .capacity = 64 * kMiB})),
        random_(scheduler_.random().fork()) {
    disk_.options().faults.slow = random_.one_in(2) ? 0.01 : 0;
    if (random_.one_in(4)) disk_.options().space = log_size_ + (512 + random_.below(1024)) * kKiB;
    disk_fails_ = random_.one_in(3);
    const uint64_t writer_count = 1 + random_.below(3);
    for (uint64_t writer = 0; writer < writer_count; ++writer) owned_.emplace_back(writer, random_.uuid());
  }

  ScenarioOutcome run() {
    format();
    const uint64_t life_count = 2 + random_.below(7);
    for (uint64_t life = 0; life < life_count; ++life) {
      vos::Store* store = open();
      recover(store);
      work(store, false);
      process_.start();
    }
    vos::Store* store = open();
    recover(store);
    if (random_.one_in(2)) {
      rot(store);
    } else {
      scheduler_.run(process_.executor(), verify(store, &fault_));
      if (!fault_.empty()) scheduler_.fail(fault_);
    }
    return outcome_of(scheduler_);
  }

 private:
  void format() {
    media::FormatOptions options;
    options.store = random_.uuid();
    options.log_size = log_size_;
    const Status status = process_.run(media::KeyBlockStore::format(process_.world(), disk_, options));
    if (!status.is_ok()) scheduler_.fail("format: " + status.to_string());
    vos::Store* store = open();
    for (const Owned& owned : owned_) {
      const Status created = process_.run(store->create_container(owned.container));
      if (!created.is_ok()) scheduler_.fail("create_container: " + created.to_string());
    }
    process_.kill();
    process_.start();
  }

  Result<std::unique_ptr<vos::Store>> try_open() {
    media::OpenOptions options;
    options.memory_budget = 64 * kMiB;  // The same on every machine.
    options.checkpoint_log_bytes = random_.one_in(2) ? 0 : 32 * kKiB;
    Result<std::unique_ptr<media::KeyBlockStore>> opened =
        process_.run(media::KeyBlockStore::open(process_.world(), disk_, options));
    if (!opened.is_ok()) return opened.status();
    return process_.run(vos::Store::open(process_.world(), std::move(opened).value()));
  }
  vos::Store* open() {
    Result<std::unique_ptr<vos::Store>> opened = try_open();
    if (!opened.is_ok()) scheduler_.fail("open: " + opened.status().to_string());
    return &process_.own(std::move(opened).value());
  }

  void work(vos::Store* store, bool rots) {
    StoreWorkload& workload = process_.own(std::make_unique<StoreWorkload>(
        process_.world(), random_.fork(), disk_, *store, owned_, disk_fails_, rots, &order_, &fault_));
    SimExecutor& executor = process_.executor();
    for (uint64_t writer = 0; writer < owned_.size(); ++writer) executor.spawn(workload.write_calls(writer));
    executor.spawn(workload.aggregate());
    executor.spawn(workload.take_checkpoints());
    executor.spawn(workload.read());
    StoreLife{scheduler_, process_, {&disk_}, random_, disk_fails_, rots}.run(fault_);
  }

  // The disk decays while the store works; afterwards it may be beyond opening. What opens holds nothing that never
  // was written.
  void rot(vos::Store* store) {
    work(store, true);
    process_.start();
    Result<std::unique_ptr<vos::Store>> opened = try_open();
    if (!opened.is_ok()) return;
    vos::Store& decayed = process_.own(std::move(opened).value());
    for (const Owned& owned : owned_) {
      for (uint64_t dkey = 0; dkey < kDkeyCount; ++dkey) {
        const Found found =
            process_.run(fetch_dkey(&decayed, owned.container, kDataObject, dkey_name(dkey), kSingleAkey, kEpochMax));
        if (found.status.is_ok() && !owned.calls.ever_held(dkey, found.state)) {
          scheduler_.fail("a decayed disk gave what never was written there");
        }
      }
    }
  }

  // What survived is what the model goes on from.
  void recover(vos::Store* store) {
    fault_.clear();
    scheduler_.run(process_.executor(), check_all(store, &owned_, &fault_));
    if (!fault_.empty()) scheduler_.fail("after opening: " + fault_);
  }

  static Task<void> check_all(vos::Store* store, std::vector<Owned>* owned, std::string* fault) {
    uint64_t newest_begin = 0;  // Of the calls that survived.
    uint64_t oldest_return = ~uint64_t{0};  // Of those that didn't.
    for (Owned& mine : *owned) {
      co_await finish_discard(store, &mine, fault);
      co_await check_snapshots(store, &mine, fault);
      const Found count = co_await fetch_dkey(store, mine.container, kCountObject, kNumberKey, kNumberKey, kEpochMax);
      if (!count.status.is_ok()) *fault = count.status.to_string();
      if (!fault->empty()) co_return;
      const uint64_t number = count.state.single.empty() ? 0 : load_le<uint64_t>(count.state.single.data());
      bool is_known = number == 0;
      for (Call& call : mine.calls.calls()) {
        if (call.number <= number) newest_begin = std::max(newest_begin, call.began);
        if (call.number > number && call.is_promised) {
          *fault = "call " + std::to_string(call.number) + " was promised, and " + std::to_string(number) +
                   " is the last one there";
        }
        if (call.number > number && call.returned != 0) oldest_return = std::min(oldest_return, call.returned);
        if (call.number != number) continue;
        is_known = true;
        if (call.epoch != kEpochZero && call.epoch != count.epoch) *fault = "a call is at another epoch than it said";
        call.epoch = count.epoch;
        call.returned = std::max<uint64_t>(call.returned, 1);
      }
      if (!is_known) *fault = "the last call there is " + std::to_string(number) + ", which was never made";
      if (!fault->empty()) co_return;
      mine.calls.recovered(number);
      mine.kept_through = number;
      mine.aggregating = 0;
      ++mine.rewritten;
      co_await check_contents(store, &mine, kEpochMax, fault);
      for (size_t i = 0; i < mine.snapshots.size(); ++i) {
        co_await check_contents(store, &mine, mine.snapshots[i], fault);
      }
    }
    if (oldest_return < newest_begin) *fault = "a call survived, but not one that had returned before it began";
  }

  static Task<void> finish_discard(vos::Store* store, Owned* mine, std::string* fault) {
    if (!mine->discarding.has_value()) co_return;
    const Epoch begin = mine->discarding->first, end = mine->discarding->second;
    const Status status = co_await store->discard(mine->container, begin, end);
    if (!status.is_ok()) *fault = "discard again: " + status.to_string();
    mine->calls.discard(begin, end);
    mine->discarding.reset();
  }

  static Task<void> check_snapshots(vos::Store* store, Owned* mine, std::string* fault) {
    const Result<vos::ContainerInfo> info = co_await store->query_container(mine->container);
    if (!info.is_ok()) {
      *fault = "query_container: " + info.status().to_string();
      co_return;
    }
    size_t differences = 0;
    for (const Epoch epoch : info->snapshots) {
      if (std::ranges::find(mine->snapshots, epoch) == mine->snapshots.end()) ++differences;
    }
    for (const Epoch epoch : mine->snapshots) {
      if (std::ranges::find(info->snapshots, epoch) == info->snapshots.end()) ++differences;
    }
    if (differences > (mine->snapshots_unsure ? 1U : 0U)) *fault = "other snapshots are there than were made";
    mine->snapshots = info->snapshots;
    mine->snapshots_unsure = false;
  }

  static Task<void> check_contents(vos::Store* store, Owned* mine, Epoch epoch, std::string* fault) {
    std::vector<Bytes> expected_dkeys;
    for (uint64_t dkey = 0; dkey < kDkeyCount; ++dkey) {
      const DkeyState expected = mine->calls.state(dkey, mine->calls.newest_number(), epoch);
      if (!expected.is_empty()) expected_dkeys.push_back(dkey_name(dkey));
      const Found found = co_await fetch_dkey(store, mine->container, kDataObject, dkey_name(dkey), kSingleAkey, epoch);
      if (!found.status.is_ok())
        *fault = found.status.to_string();
      else if (found.state.single != expected.single || !found.state.same_array(expected))
        *fault = "dkey " + std::to_string(dkey) + (epoch == kEpochMax ? "" : " at a snapshot") +
                 " doesn't hold what the first calls made";
    }
    const Result<vos::KeyPage> listed = co_await store->list_dkeys(mine->container, kDataObject, epoch, Anchor(), {});
    if (!listed.is_ok())
      *fault = listed.status().to_string();
    else if (listed->keys != expected_dkeys)
      *fault = "other dkeys are listed than are there";
  }

  static Task<void> verify(vos::Store* store, std::string* fault) {
    const Result<std::vector<media::KeyBlockStore::Damage>> damage = co_await store->media().verify();
    if (!damage.is_ok())
      *fault = damage.status().to_string();
    else if (!damage->empty())
      *fault = damage->front().place + ": " + damage->front().status.to_string();
  }

  SimScheduler scheduler_;
  SimNetwork network_;
  SimProcess process_;
  SimDisk& disk_;
  Random random_;
  const ByteCount log_size_ = (256 + 256 * random_.below(8)) * kKiB;
  bool disk_fails_ = false;
  uint64_t order_ = 0;
  std::string fault_;
  std::vector<Owned> owned_;
};

}  // namespace

ScenarioOutcome run_vos_store(uint64_t seed) {
  VosStoreRun run(seed);
  return run.run();
}

}  // namespace aeon
