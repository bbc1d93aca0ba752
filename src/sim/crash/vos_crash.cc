// Crash points of the versioned store: one to three writers, each in a container of its own, with updates and punches
// of all levels, snapshots, discards and flushes; some with transactions in one and two phases, some with explicit
// epochs, commits and aborts; aggregation and checkpoints beside them; containers and clones that come and go.
//
// Each writer's calls are its model: what is there must be what its first n calls made, for an n that the store says
// itself and that includes all that was promised. Over all containers, no call survives without one that had returned
// before it began.
#include <algorithm>
#include <vector>

#include "crash_subject.h"
#include "vos/inspector.h"
#include "vos_check.h"

namespace aeon {

namespace {

using vos::Durability;

constexpr size_t kSnapshotsMax = 3;
constexpr size_t kUndecidedMax = 2;

class VosSubject final : public CrashSubject {
 public:
  explicit VosSubject(uint64_t seed) : random_(seed) {
    is_garbage_ = random_.one_in(2);
    block_count_ = random_.one_in(4) ? 400 : 2048;  // The small one gets full.
    options_.page_size_max = random_.one_in(2) ? 2048 : 16 * kKiB;
    options_.checkpoint_log_bytes = random_.one_in(2) ? 48 * kKiB : 0;
    options_.memory_budget = random_.one_in(2) ? 64 * kMiB : random_.between(128, 1024) * kKiB;
    options_.write_behind = std::chrono::microseconds(random_.between(50, 5000));
    sync_in_8_ = random_.below(9);
    const uint64_t writer_count = 1 + random_.below(3);
    for (uint64_t writer = 0; writer < writer_count; ++writer) {
      OwnedContainer mine;
      mine.container = random_.uuid();
      mine.writer = writer;
      const uint64_t kind = random_.below(4);
      if (kind == 0) mine.epochs = vos::EpochMode::kExplicit;
      mine.has_transactions = kind == 1 || kind == 2;
      history_.owned.push_back(std::move(mine));
    }
  }

  uint64_t block_count() const override { return block_count_; }
  bool unwritten_is_garbage() const override { return is_garbage_; }
  uint64_t space_blocks() const override { return block_count_; }

  Task<Status> format(World* world, Disk* disk) override {
    media::FormatOptions format;
    format.store = Uuid::from_random(19, 20);
    format.log_size = 256 * kKiB;
    CO_TRY(co_await media::KeyBlockStore::format(*world, *disk, format));
    CO_TRY_ASSIGN(std::unique_ptr<vos::Store> store, co_await open(world, disk));
    for (const OwnedContainer& mine : history_.owned) {
      vos::ContainerOptions options;
      options.epochs = mine.epochs;
      CO_TRY(co_await store->create_container(mine.container, options));
    }
    co_return co_await store->close();
  }

  Task<void> live(World* world, SimExecutor* process, Disk* disk, CrashRecording* recording, Random random) override {
    // Opening decides what is undecided, and may be cut off too.
    for (OwnedContainer& mine : history_.owned) {
      for (TimedCall* call : undecided(mine)) {
        call->phases->is_commit = random.one_in(2);
        call->phases->decide_begun = recording->first();
      }
    }
    before_ = history_;
    memo_before_.clear();
    memo_.clear();
    opened_ = kNever;
    recording_ = recording;
    world_ = world;
    Result<std::unique_ptr<vos::Store>> opened = co_await open(world, disk);
    if (!opened.is_ok()) {
      blame("open: " + opened.status().to_string());
      co_return;
    }
    store_ = &process->own(std::move(opened).value());
    Survivors found;
    const Moment moment = recording->first();
    std::string wrong;
    co_await check_store(store_, &before_, moment, &memo_before_, &found, &wrong);
    if (!wrong.empty()) {
      blame("after opening: " + wrong);
      co_return;
    }
    opened_ = now();
    recording_->note_promise();
    history_.recovered(found, opened_);
    for (uint64_t writer = 0; writer < history_.owned.size(); ++writer) {
      world->executor.spawn(write_calls(writer, random.fork()));
    }
    world->executor.spawn(aggregate(random.fork()));
    world->executor.spawn(take_checkpoints(random.fork()));
    world->executor.spawn(come_and_go(random.fork()));
  }
  const std::string& fault() const override { return fault_; }
  void crashed_at(Moment moment) override {
    if (moment < opened_) history_ = before_;
    history_.crashed_at(moment);
  }

  Task<std::string> check(World* world, SimExecutor* process, Disk* disk, Moment moment, Random random,
                          Depth depth) override {
    const bool is_before = moment < opened_;
    const History* const history = is_before ? &before_ : &history_;
    StateMemo* const memo = is_before ? &memo_before_ : &memo_;
    std::string wrong;
    if (depth != Depth::kLook) co_await inspect(disk, &wrong);
    if (!wrong.empty()) co_return wrong;
    Result<std::unique_ptr<vos::Store>> opened = co_await open(world, disk);
    if (!opened.is_ok()) co_return "open: " + opened.status().to_string();
    vos::Store* store = &process->own(std::move(opened).value());
    Survivors found;
    co_await check_store(store, history, moment, memo, &found, &wrong);
    if (!wrong.empty() || depth == Depth::kLook) co_return wrong;

    if (depth == Depth::kEmpty) {
      co_await empty(world, store, history, &wrong);
      co_return wrong;
    }
    const size_t which = random.below(history->owned.size());
    const uint64_t number = 1'000'000 + random.below(1000);
    co_await go_on(store, &history->owned[which], &found.held[which], moment, number, &random, &wrong);
    if (!wrong.empty()) co_return wrong;
    const Status closed = co_await store->close();
    if (!closed.is_ok()) co_return "close: " + closed.to_string();
    Result<std::unique_ptr<vos::Store>> again = co_await open(world, disk);
    if (!again.is_ok()) co_return "second open: " + again.status().to_string();
    store = &process->own(std::move(again).value());
    HeldCalls held;
    co_await find_number(store, &history->owned[which], &held, &wrong);
    if (wrong.empty() && went_on_ && held.number != number)
      wrong = "what was written after the crash is gone after closing and opening";
    co_return wrong;
  }

 private:
  Task<Result<std::unique_ptr<vos::Store>>> open(World* world, Disk* disk) {
    CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media,
                  co_await media::KeyBlockStore::open(*world, *disk, options_));
    co_return co_await vos::Store::open(*world, std::move(media));
  }
  // Who doesn't open the store finds it whole too. One superblock may be half written.
  static Task<void> inspect(Disk* disk, std::string* wrong) {
    Result<std::unique_ptr<vos::Inspector>> inspector = co_await vos::Inspector::open(*disk);
    if (!inspector.is_ok()) {
      *wrong = "inspect: " + inspector.status().to_string();
      co_return;
    }
    vos::Inspector::VerifyListener listener;
    listener.on_damage = [wrong](const vos::DamagedPlace& place) {
      if (!place.place.starts_with("superblock")) *wrong = "inspect: " + place.to_string();
    };
    const Result<vos::VerifyCounts> counts = co_await (*inspector)->verify(std::move(listener));
    if (!counts.is_ok())
      *wrong = "inspect: " + counts.status().to_string();
    else if (counts->unowned_blocks != 0)
      *wrong = "inspect: " + std::to_string(counts->unowned_blocks) + " blocks belong to nothing";
  }
  void blame(std::string why) {
    if (fault_.empty()) fault_ = std::move(why);
  }
  // Whether to go on.
  bool note(std::string_view what, const Status& status) {
    if (status.is_ok() || status.code() == Code::kNoSpace) return true;
    blame(std::string(what) + ": " + status.to_string());
    return false;
  }
  // Where there are transactions, others may be in the way.
  bool note(std::string_view what, const Status& status, const OwnedContainer& mine) {
    const bool is_refusal = status.code() == Code::kInProgress || status.code() == Code::kConflict;
    return (is_refusal && mine.has_transactions) || note(what, status);
  }
  Moment now() const { return recording_->now(); }
  void note_promise(Moment& moment) {
    moment = std::min(moment, now());
    recording_->note_promise();
  }

  Duration pause(Random& random) { return std::chrono::microseconds(random.below(400)); }

  Task<void> write_calls(uint64_t writer, Random random) {
    OwnedContainer& mine = history_.owned[writer];
    bool goes_on = true;
    while (goes_on) {
      if (random.one_in(3)) co_await sleep_for(world_->executor, pause(random));
      const uint64_t kind = random.below(40);
      if (kind < 6 && mine.is_explicit())
        goes_on = co_await commit(&mine, &random);
      else if (kind < 4 && mine.has_transactions)
        goes_on = co_await prepare(&mine, &random);
      else if (kind < 10 && mine.has_transactions)
        goes_on = co_await decide(&mine, &random);
      else if (kind < 32)
        goes_on = co_await make_call(&mine, &random);
      else if (kind < 36)
        goes_on = co_await change_snapshots(&mine, &random);
      else if (kind < 37)
        goes_on = co_await discard(&mine, &random);
      else
        goes_on = co_await flush();
    }
  }

  TimedCall& begin_call(OwnedContainer& mine, Random& random) {
    TimedCall& call = mine.calls.emplace_back();
    call.number = ++mine.last_number;
    call.begun = now();
    call.count.resize(sizeof call.number);
    store_le(call.count.data(), call.number);
    const uint64_t change_count = 1 + random.below(3);
    for (uint64_t i = 0; i < change_count; ++i) {
      call.changes.push_back(random_change(random, mine.writer, call.number));
    }
    if (mine.is_explicit()) call.epoch = Epoch{mine.committed().value + 1 + random.below(kEpochWindow)};
    return call;
  }

  Task<bool> make_call(OwnedContainer* mine, Random* random) {
    TimedCall& call = begin_call(*mine, *random);
    const Durability durability = random->below(8) < sync_in_8_ ? Durability::kSync : Durability::kFlush;
    std::vector<ObjectWrite> writes = to_writes(call.changes, call.count);
    writes.back().akeys[0].akey = mine->number_key(call.epoch);
    Result<Epoch> written = kEpochZero;
    if (mine->has_transactions && random->one_in(2)) {
      call.transaction = random->uuid();
      vos::Transaction transaction;
      transaction.id.uuid = call.transaction;
      transaction.writes = std::move(writes);
      const Status read = co_await begin(mine, &call, &transaction);
      if (!read.is_ok())
        written = read;
      else
        written =
            co_await store_->commit_transaction(mine->container, std::move(transaction), durability, call.id(*mine));
    } else {
      written = co_await store_->write(mine->container, std::move(writes), call.epoch, durability, call.id(*mine));
    }
    if (!note("write", written.status(), *mine)) co_return false;
    if (!written.is_ok()) {
      mine->calls.pop_back();
      co_return true;
    }
    call.epoch = *written;
    call.returned = now();
    if (durability == Durability::kSync) note_promise(call.promised);
    co_return true;
  }

  // Reads something that the transaction changes.
  Task<Status> begin(const OwnedContainer* mine, const TimedCall* call, vos::Transaction* transaction) {
    CO_TRY_ASSIGN(transaction->read_epoch, co_await store_->begin_transaction(mine->container));
    TransactionRead read;
    read.object = kDataObject;
    read.dkey = dkey_name(call->changes[0].dkey);
    read.akey = kSingleAkey;
    std::vector<AkeyFetch> akeys(1);
    akeys[0].akey = read.akey;
    const auto fetched = co_await store_->fetch(mine->container, read.object, read.dkey, std::move(akeys), 0,
                                                transaction->read_epoch, vos::ReadIntent::kTransaction);
    transaction->reads.push_back(std::move(read));
    co_return fetched.status();
  }

  Task<bool> prepare(OwnedContainer* mine, Random* random) {
    if (undecided(*mine).size() >= kUndecidedMax) co_return true;
    TimedCall& call = begin_call(*mine, *random);
    vos::Transaction transaction;
    transaction.writes = to_writes(call.changes, call.count);
    transaction.writes.pop_back();  // The number: plain calls, which can't wait, put theirs there too.
    Status status;
    if (random->one_in(2)) status = co_await begin(mine, &call, &transaction);
    call.phases.emplace();
    call.phases->id = {.uuid = random->uuid(), .epoch = store_->next_epoch()};
    call.epoch = call.phases->id.epoch;
    transaction.id = call.phases->id;
    const Bytes participants = call.count;
    if (status.is_ok()) status = co_await store_->prepare(mine->container, std::move(transaction), participants);
    if (!note("prepare", status, *mine)) co_return false;
    if (!status.is_ok()) {
      mine->calls.pop_back();
      co_return true;
    }
    call.returned = now();
    note_promise(call.phases->prepared);
    co_return true;
  }

  static std::vector<TimedCall*> undecided(OwnedContainer& mine) {
    std::vector<TimedCall*> found;
    for (TimedCall& call : mine.calls) {
      if (call.phases && call.phases->decide_begun == kNever) found.push_back(&call);
    }
    return found;
  }

  // Never fails for want of room: that was kept when it was prepared.
  Task<bool> decide(OwnedContainer* mine, Random* random) {
    const std::vector<TimedCall*> waiting = undecided(*mine);
    if (waiting.empty()) co_return true;
    TimedCall& call = *waiting[random->below(waiting.size())];
    TwoPhases& phases = *call.phases;
    phases.is_commit = !random->one_in(3);
    phases.decide_begun = now();
    Status status;
    if (phases.is_commit)
      status = co_await store_->commit_prepared(mine->container, phases.id, call.remember());
    else
      status = co_await store_->abort_prepared(mine->container, phases.id);
    if (status.is_ok()) note_promise(phases.decided);
    if (status.is_ok() && phases.is_commit && call.is_released()) {
      phases.release_begun = now();
      status = co_await store_->release_decision(mine->container, phases.id.uuid);
    }
    if (!status.is_ok()) blame("deciding a transaction: " + status.to_string());
    co_return status.is_ok();
  }

  Task<bool> commit(OwnedContainer* mine, Random* random) {
    const Epoch epoch{mine->committed().value + 1 + random->below(kEpochWindow)};
    const size_t index = mine->commits.size();
    mine->commits.push_back({.epoch = epoch, .begun = now()});
    std::vector<TimedCall*> before;
    for (TimedCall& call : mine->calls) before.push_back(&call);  // All returned: this is who calls.
    const Status status = co_await store_->commit(mine->container, epoch);
    if (status.is_ok()) {
      note_promise(mine->commits[index].committed);
      for (TimedCall* call : before) note_promise(call->promised);
    } else if (status.code() == Code::kNoSpace) {
      mine->commits.pop_back();
    }
    co_return note("commit", status);
  }

  Task<bool> flush() {
    std::vector<uint64_t> returned;
    for (const OwnedContainer& mine : history_.owned) {
      uint64_t newest = 0;
      for (const TimedCall& call : mine.calls) newest = call.returned != kNever ? call.number : newest;
      returned.push_back(newest);
    }
    const Status status = co_await store_->flush();
    for (size_t i = 0; i < returned.size() && status.is_ok(); ++i) {
      for (TimedCall& call : history_.owned[i].calls) {
        if (call.number <= returned[i] && call.returned != kNever) note_promise(call.promised);
      }
    }
    co_return note("flush", status);
  }

  Task<bool> change_snapshots(OwnedContainer* mine, Random* random) {
    std::vector<size_t> standing;
    for (size_t i = 0; i < mine->snapshots.size(); ++i) {
      if (mine->snapshots[i].made != kNever && mine->snapshots[i].destroy_begun == kNever) standing.push_back(i);
    }
    if (standing.size() >= kSnapshotsMax) {
      const size_t chosen = standing[random->below(standing.size())];
      mine->snapshots[chosen].destroy_begun = now();
      const Status status = co_await store_->destroy_snapshot(mine->container, mine->snapshots[chosen].epoch);
      if (status.is_ok()) note_promise(mine->snapshots[chosen].destroyed);
      if (status.code() == Code::kNoSpace) mine->snapshots[chosen].destroy_begun = kNever;
      co_return note("destroy_snapshot", status);
    }
    if (mine->is_explicit()) {  // Another at the same epoch would be the same.
      const Epoch epoch = mine->committed();
      const bool is_known = std::ranges::find(mine->snapshots, epoch, &TimedSnapshot::epoch) != mine->snapshots.end();
      if (epoch == kEpochZero || is_known) co_return true;
    }
    const size_t index = mine->snapshots.size();
    mine->snapshots.push_back({.epoch = kEpochZero, .begun = now()});
    const Result<Epoch> made = co_await store_->create_snapshot(mine->container, kEpochZero);
    if (made.is_ok()) {
      mine->snapshots[index].epoch = *made;
      note_promise(mine->snapshots[index].made);
      mine->kept_through = mine->last_number;
    } else if (made.code() == Code::kNoSpace || made.code() == Code::kInProgress) {
      mine->snapshots.pop_back();
    }
    co_return note("create_snapshot", made.status(), *mine);
  }

  // A range of epochs that nobody keeps; with explicit epochs, as an abort.
  Task<bool> discard(OwnedContainer* mine, Random* random) {
    TimedDiscard discard;
    if (mine->is_explicit()) {
      discard.begin = Epoch{mine->committed().value + 1 + random->below(kEpochWindow)};
      discard.end = random->one_in(2) ? kEpochMax : Epoch{discard.begin.value + random->below(kEpochWindow)};
    } else {
      if (!choose_range(*mine, *random, discard)) co_return true;
    }
    discard.begun = now();
    const size_t index = mine->discards.size();
    mine->discards.push_back(discard);
    std::vector<TimedCall*> gone;
    for (TimedCall& call : mine->calls) {
      if (discard.begin <= call.epoch && call.epoch <= discard.end && call.discard_begun == kNever) {
        call.discard_begun = discard.begun;
        gone.push_back(&call);
      }
    }
    const Status status = co_await store_->discard(mine->container, discard.begin, discard.end);
    if (status.is_ok()) {
      note_promise(mine->discards[index].ended);
      for (TimedCall* call : gone) call->discarded = now();
    }
    const bool goes_on = note("discard", status);
    co_return goes_on&& status.is_ok();
  }

  // Of the clock's epochs. False if there is nothing loose.
  static bool choose_range(const OwnedContainer& mine, Random& random, TimedDiscard& discard) {
    std::vector<const TimedCall*> loose;
    for (const TimedCall& call : mine.calls) {
      if (call.phases && call.phases->decided == kNever) return false;
      if (call.number > mine.kept_through && call.discard_begun == kNever && call.returned != kNever) {
        loose.push_back(&call);
      }
    }
    if (loose.empty() || mine.aggregating != 0) return false;
    const size_t first = random.below(loose.size());
    const size_t last = std::min(loose.size() - 1, first + random.below(4));
    discard.begin = loose[first]->epoch;
    discard.end = loose[last]->epoch;
    return true;
  }

  Task<void> aggregate(Random random) {
    bool goes_on = true;
    while (goes_on) {
      co_await sleep_for(world_->executor, 10 * pause(random));
      OwnedContainer& mine = history_.owned[random.below(history_.owned.size())];
      ++mine.aggregating;
      mine.kept_through = std::max(mine.kept_through, mine.last_number);
      const Result<AggregateProgress> done = co_await store_->aggregate(mine.container, kEpochMax);
      --mine.aggregating;
      mine.kept_through = mine.last_number;
      goes_on = note("aggregate", done.status());
    }
  }

  Task<void> take_checkpoints(Random random) {
    bool goes_on = true;
    while (goes_on) {
      co_await sleep_for(world_->executor, 30 * pause(random));
      const Status status = co_await store_->media().checkpoint();
      goes_on = note("checkpoint", status);
    }
  }

  Task<void> come_and_go(Random random) {
    bool goes_on = true;
    while (goes_on) {
      co_await sleep_for(world_->executor, 10 * pause(random));
      std::vector<size_t> standing;
      for (size_t i = 0; i < history_.guests.size(); ++i) {
        if (history_.guests[i].created != kNever && history_.guests[i].destroy_begun == kNever) standing.push_back(i);
      }
      if (!standing.empty() && random.one_in(2)) {
        const size_t chosen = standing[random.below(standing.size())];
        const Uuid container = history_.guests[chosen].container;
        history_.guests[chosen].destroy_begun = now();
        const Status status = co_await store_->destroy_container(container);
        if (status.is_ok()) note_promise(history_.guests[chosen].destroyed);
        if (status.code() == Code::kNoSpace) history_.guests[chosen].destroy_begun = kNever;
        goes_on = note("destroy_container", status);
        continue;
      }
      Guest made;
      made.container = random.uuid();
      if (random.one_in(2)) choose_base(&made, &random);
      made.create_begun = now();
      const size_t index = history_.guests.size();
      const Uuid container = made.container;
      vos::ContainerOptions options;
      if (made.base) options.base = vos::CloneBase{history_.owned[*made.base].container, made.base_epoch};
      const bool is_clone = made.base.has_value();
      history_.guests.push_back(made);
      Status status = co_await store_->create_container(container, options);
      // Its base may have been aggregated beyond that epoch, or may be discarding.
      const bool is_refused = is_clone && (status.code() == Code::kInvalidArgument || status.code() == Code::kBusy ||
                                           status.code() == Code::kInProgress);
      if (is_refused || status.code() == Code::kNoSpace) history_.guests.pop_back();
      goes_on = is_refused || note("create_container", status);
      if (!status.is_ok()) continue;
      note_promise(history_.guests[index].created);
      const Bytes value(8 + random.below(9000));
      std::vector<ObjectWrite> writes = to_writes({}, value);
      const Result<Epoch> written = co_await store_->write(container, std::move(writes), kEpochZero, Durability::kSync);
      goes_on = note("write", written.status());
      if (written.is_ok()) note_promise(history_.guests[index].written);
    }
  }

  // A clone is of what its base has now. From then on no call that it sees is discarded.
  void choose_base(Guest* made, Random* random) {
    const size_t chosen = random->below(history_.owned.size());
    OwnedContainer& mine = history_.owned[chosen];
    // One that has yet to begin there would be refused, once the clone is there.
    if (std::ranges::find(mine.discards, kNever, &TimedDiscard::ended) != mine.discards.end()) return;
    made->base_epoch = mine.committed();
    for (const TimedCall& call : mine.calls) {
      if (!mine.is_explicit() && call.returned != kNever && call.discard_begun == kNever)
        made->base_epoch = std::max(made->base_epoch, call.epoch);
    }
    if (made->base_epoch == kEpochZero) return;
    made->base = chosen;
    mine.kept_through = mine.last_number;
  }

  // A few calls on what the crash left; the last one says `number`.
  Task<void> go_on(vos::Store* store, const OwnedContainer* mine, const HeldCalls* held, Moment moment, uint64_t number,
                   Random* random, std::string* wrong) {
    went_on_ = false;
    Bytes count(sizeof number);
    store_le(count.data(), number);
    Epoch epoch;
    if (mine->is_explicit()) {
      epoch = Epoch{std::max(held->committed, held->epoch).value + kEpochWindow};
      std::vector<ObjectWrite> late = to_writes({}, count);
      const Result<Epoch> refused =
          co_await store->write(mine->container, std::move(late), held->committed, Durability::kFlush);
      if (refused.code() != Code::kInvalidArgument)
        *wrong = "a write at a committed epoch: " + refused.status().to_string();
    }
    for (uint64_t step = random->between(1, 4); step > 0; --step) {
      std::vector<Change> changes;
      changes.push_back(random_change(*random, mine->writer, number + step));
      std::vector<ObjectWrite> writes = to_writes(changes, count);
      writes.back().akeys[0].akey = mine->number_key(epoch);
      const Result<Epoch> written =
          co_await store->write(mine->container, std::move(writes), epoch, Durability::kFlush);
      if (!written.is_ok() && written.code() != Code::kNoSpace) *wrong = "write: " + written.status().to_string();
      went_on_ = went_on_ || written.is_ok();
      for (const TimedCall& call : mine->calls) {
        if (written.is_ok() && !mine->is_explicit() && call.returned <= moment && call.epoch >= *written)
          *wrong = "an epoch was given twice, or an earlier one later";
      }
      if (!wrong->empty()) co_return;
    }
    if (mine->is_explicit()) {
      const Status committed = co_await store->commit(mine->container, epoch);
      if (!committed.is_ok() && committed.code() != Code::kNoSpace) *wrong = "commit: " + committed.to_string();
    }
    const Result<AggregateProgress> aggregated = co_await store->aggregate(mine->container, kEpochMax);
    if (!aggregated.is_ok() && aggregated.code() != Code::kNoSpace) {
      *wrong = "aggregate: " + aggregated.status().to_string();
    }
  }

  // A transaction that is never decided takes its blocks along when its container goes.
  static Task<void> leave_undecided(vos::Store* store, const OwnedContainer* mine, std::string* wrong) {
    Bytes value(kSingleSizeMax);
    vos::Transaction transaction;
    transaction.id = {.uuid = Uuid::from_random(mine->writer, 1), .epoch = store->next_epoch()};
    transaction.writes = to_writes({}, value);
    const Status status = co_await store->prepare(mine->container, std::move(transaction), Bytes());
    if (!status.is_ok() && status.code() != Code::kNoSpace) *wrong = "prepare: " + status.to_string();
  }

  // Everything away: then all space must be there again.
  static Task<void> empty(World* world, vos::Store* store, const History* history, std::string* wrong) {
    for (const OwnedContainer& mine : history->owned) {
      if (mine.has_transactions && wrong->empty()) co_await leave_undecided(store, &mine, wrong);
    }
    const Result<std::vector<Uuid>> containers = co_await store->list_containers();
    for (size_t i = 0; i < containers->size(); ++i) {
      const Status status = co_await store->destroy_container((*containers)[i]);
      if (!status.is_ok()) *wrong = "destroy_container: " + status.to_string();
    }
    for (int tries = 0; tries < 200; ++tries) {
      co_await sleep_for(world->executor, std::chrono::milliseconds(50));
      const Status status = co_await store->media().checkpoint();
      if (!status.is_ok() && status.code() != Code::kNoSpace) *wrong = "checkpoint: " + status.to_string();
      const ByteCount used = store->media().space().blocks_used;
      if (!wrong->empty() || used == 0) break;
    }
    const media::Space space = store->media().space();
    if (wrong->empty() && space.blocks_used != 0) {
      *wrong = "without containers, " + std::to_string(space.blocks_used) + " bytes of blocks are in use";
    }
  }

  Random random_;
  bool is_garbage_ = false;
  uint64_t block_count_ = 0;
  uint64_t sync_in_8_ = 0;
  media::OpenOptions options_;
  World* world_ = nullptr;
  vos::Store* store_ = nullptr;
  CrashRecording* recording_ = nullptr;
  History before_;  // Until the last life had opened the store.
  History history_;
  StateMemo memo_before_, memo_;
  Moment opened_ = kNever;
  bool went_on_ = false;
  std::string fault_;
};

}  // namespace

std::unique_ptr<CrashSubject> make_vos_subject(uint64_t seed) { return std::make_unique<VosSubject>(seed); }

}  // namespace aeon
