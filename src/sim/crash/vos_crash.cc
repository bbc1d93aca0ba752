// Crash points of the versioned store: one to three writers, each in a container of its own, with updates and punches
// of all levels, snapshots, discards and flushes; aggregation and checkpoints beside them; containers that come and go.
//
// Each writer's calls are its model: what is there must be what its first n calls made, for an n that the store says
// itself and that includes all that was promised. Over all containers, no call survives without one that had returned
// before it began.
#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "../scenarios/store_calls.h"
#include "crash_subject.h"
#include "vos/store.h"

namespace aeon {

namespace {

using vos::Durability;

constexpr size_t kSnapshotsMax = 3;

// A call with the moments at which what is known of it changed.
struct TimedCall {
  uint64_t number = 0;
  Epoch epoch;  // Zero: it never returned.
  std::vector<Change> changes;
  Bytes count;
  Moment begun = kNever;
  Moment returned = kNever;
  Moment promised = kNever;
  // A discard of it began, and ended.
  Moment discard_begun = kNever;
  Moment discarded = kNever;
};

struct TimedSnapshot {
  Epoch epoch;  // Zero: it isn't known.
  Moment begun = kNever;
  Moment made = kNever;
  Moment destroy_begun = kNever;
  Moment destroyed = kNever;

  bool must_be_there(Moment moment) const { return made <= moment && destroy_begun > moment; }
  bool may_be_there(Moment moment) const { return begun <= moment && destroyed > moment; }
};

struct TimedDiscard {
  Epoch begin, end;
  Moment begun = kNever;
  Moment ended = kNever;
};

// A container that comes and goes: with one value of its own, and perhaps all that another had at some epoch.
struct Guest {
  Uuid container;
  std::optional<size_t> base;  // Which of the owned ones it is a clone of,
  Epoch base_epoch;  // and since when.
  Moment create_begun = kNever;
  Moment created = kNever;
  Moment written = kNever;  // Durably.
  Moment destroy_begun = kNever;
  Moment destroyed = kNever;
};

void forget_after(Moment moment, Moment& noted) {
  if (noted != kNever && noted > moment) noted = kNever;
}

struct OwnedContainer {
  Uuid container;
  uint64_t writer = 0;
  std::deque<TimedCall> calls;
  std::vector<TimedSnapshot> snapshots;
  std::vector<TimedDiscard> discards;
  uint64_t last_number = 0;
  uint64_t kept_through = 0;  // Calls up to this may be under a snapshot or aggregated: not to be discarded.
  uint64_t aggregating = 0;
};

struct History {
  std::vector<OwnedContainer> owned;
  std::vector<Guest> guests;

  void crashed_at(Moment moment) {
    for (OwnedContainer& mine : owned) {
      while (!mine.calls.empty() && mine.calls.back().begun > moment) mine.calls.pop_back();
      for (TimedCall& call : mine.calls) {
        // Its epoch stays: if the call is there, it is at that one.
        forget_after(moment, call.returned);
        forget_after(moment, call.promised);
        forget_after(moment, call.discard_begun);
        forget_after(moment, call.discarded);
      }
      std::erase_if(mine.snapshots, [=](const TimedSnapshot& snapshot) { return snapshot.begun > moment; });
      for (TimedSnapshot& snapshot : mine.snapshots) {
        forget_after(moment, snapshot.made);
        forget_after(moment, snapshot.destroy_begun);
        forget_after(moment, snapshot.destroyed);
      }
      std::erase_if(mine.discards, [=](const TimedDiscard& discard) { return discard.begun > moment; });
      for (TimedDiscard& discard : mine.discards) forget_after(moment, discard.ended);
      mine.aggregating = 0;
    }
    std::erase_if(guests, [=](const Guest& guest) { return guest.create_begun > moment; });
    for (Guest& guest : guests) {
      forget_after(moment, guest.created);
      forget_after(moment, guest.written);
      forget_after(moment, guest.destroy_begun);
      forget_after(moment, guest.destroyed);
    }
  }
};

// What each container was found to hold.
struct Survivors {
  std::vector<uint64_t> numbers;  // By container: the last call there,
  std::vector<Epoch> epochs;  // and its epoch.
  std::vector<std::vector<Epoch>> snapshots;
  std::vector<bool> guests;  // Whether each is there.
};

// States that the model has worked out, since thousands of points ask for the same.
class StateMemo {
 public:
  const DkeyState& state(const OwnedContainer& mine, uint64_t dkey, uint64_t number, Epoch epoch, Moment moment) {
    uint64_t discards = 0;
    for (const TimedDiscard& discard : mine.discards) discards += discard.begun <= moment ? 1 : 0;
    const auto [place, is_new] = states_.try_emplace({mine.writer, dkey, number, epoch, discards});
    if (!is_new) return place->second;
    for (const TimedCall& call : mine.calls) {
      if (call.number > number || call.discard_begun <= moment) continue;
      if (epoch != kEpochMax && (call.epoch == kEpochZero || call.epoch > epoch)) continue;
      for (const Change& change : call.changes) apply_change(change, dkey, place->second);
    }
    return place->second;
  }
  void clear() { states_.clear(); }

 private:
  std::map<std::tuple<uint64_t, uint64_t, uint64_t, Epoch, uint64_t>, DkeyState> states_;
};

// --- Looking at an opened store ---

// What `container` holds for readers at `epoch` must be what the first calls of `mine` made, up to `number` and
// `until`.
Task<void> check_dkeys(vos::Store* store, Uuid container, Epoch epoch, const OwnedContainer* mine, uint64_t number,
                       Epoch until, Moment moment, StateMemo* memo, std::string* wrong) {
  const std::string where = until == kEpochMax   ? std::string()
                            : epoch == kEpochMax ? std::string(" of a clone")
                                                 : " at snapshot " + std::to_string(epoch.value);
  std::vector<Bytes> dkeys;
  for (uint64_t dkey = 0; dkey < kDkeyCount; ++dkey) {
    const DkeyState& expected = memo->state(*mine, dkey, number, until, moment);
    if (!expected.is_empty()) dkeys.push_back(dkey_name(dkey));
    const Found found = co_await fetch_dkey(store, container, kDataObject, dkey_name(dkey), kSingleAkey, epoch);
    if (!found.status.is_ok())
      *wrong = found.status.to_string();
    else if (found.state.single != expected.single || !found.state.same_array(expected))
      *wrong = "dkey " + std::to_string(dkey) + where + " doesn't hold what the first " + std::to_string(number) +
               " calls made";
    if (!wrong->empty()) co_return;

    std::vector<Bytes> akeys;
    if (std::ranges::find(expected.is_present, true) != expected.is_present.end()) akeys.push_back(kArrayAkey);
    if (!expected.single.empty()) akeys.push_back(kSingleAkey);
    const Result<vos::KeyPage> listed =
        co_await store->list_akeys(container, kDataObject, dkey_name(dkey), epoch, Anchor(), {});
    if (!listed.is_ok())
      *wrong = listed.status().to_string();
    else if (listed->keys != akeys)
      *wrong = "other akeys are listed than are there" + where;
    if (!wrong->empty()) co_return;

    const Result<vos::RecxPage> recxs =
        co_await store->list_recxs(container, kDataObject, dkey_name(dkey), kArrayAkey, epoch, Anchor(), {});
    if (!recxs.is_ok()) {
      *wrong = recxs.status().to_string();
      co_return;
    }
    std::vector<bool> is_present(kRecordCount);
    for (const ListedRecx& listed_recx : recxs->recxs) {
      for (uint64_t i = listed_recx.recx.index; i < listed_recx.recx.end() && i < kRecordCount; ++i) {
        if (is_present[i]) *wrong = "a record is listed twice" + where;
        is_present[i] = true;
      }
    }
    if (is_present != expected.is_present) *wrong = "other records are listed than are there" + where;
    if (!wrong->empty()) co_return;
  }
  const Result<vos::KeyPage> listed = co_await store->list_dkeys(container, kDataObject, epoch, Anchor(), {});
  if (!listed.is_ok())
    *wrong = listed.status().to_string();
  else if (listed->keys != dkeys)
    *wrong = "other dkeys are listed than are there" + where;
  const Result<vos::ObjectPage> objects = co_await store->list_objects(container, epoch, Anchor(), {});
  if (!objects.is_ok()) {
    *wrong = objects.status().to_string();
  } else {
    const bool is_listed = std::ranges::find(objects->objects, kDataObject) != objects->objects.end();
    if (is_listed == dkeys.empty()) *wrong = "the object is listed and empty, or there and not listed" + where;
  }
}

// A discard that was cut off is made again, as whoever aborts a range of epochs would.
Task<void> finish_discards(vos::Store* store, const OwnedContainer* mine, Moment moment, std::string* wrong) {
  for (size_t i = 0; i < mine->discards.size(); ++i) {
    const TimedDiscard discard = mine->discards[i];
    if (discard.begun > moment || discard.ended <= moment) continue;
    const Status status = co_await store->discard(mine->container, discard.begin, discard.end);
    if (!status.is_ok()) *wrong = "discard again: " + status.to_string();
  }
}

Task<void> check_snapshots(vos::Store* store, const OwnedContainer* mine, Moment moment, std::vector<Epoch>* there,
                           std::string* wrong) {
  const Result<vos::ContainerInfo> info = co_await store->query_container(mine->container);
  if (!info.is_ok()) {
    *wrong = "query_container: " + info.status().to_string();
    co_return;
  }
  *there = info->snapshots;
  size_t unknown = 0;  // Snapshots whose making was cut off.
  for (const TimedSnapshot& snapshot : mine->snapshots) {
    const bool is_there = std::ranges::find(info->snapshots, snapshot.epoch) != info->snapshots.end();
    if (snapshot.epoch == kEpochZero && snapshot.may_be_there(moment)) ++unknown;
    if (snapshot.must_be_there(moment) && !is_there) *wrong = "a snapshot is gone";
    if (!snapshot.may_be_there(moment) && is_there) *wrong = "a snapshot is there that was destroyed, or not made yet";
  }
  for (const Epoch epoch : info->snapshots) {
    if (std::ranges::find(mine->snapshots, epoch, &TimedSnapshot::epoch) != mine->snapshots.end()) continue;
    if (unknown == 0) *wrong = "a snapshot is there that nobody made";
    if (unknown != 0) --unknown;
  }
}

// Which calls of a container survived, and whether that may be.
Task<void> check_number(vos::Store* store, const OwnedContainer* mine, Moment moment, uint64_t* number, Epoch* epoch,
                        std::string* wrong) {
  const Found count = co_await fetch_dkey(store, mine->container, kCountObject, kNumberKey, kNumberKey, kEpochMax);
  if (!count.status.is_ok()) {
    *wrong = count.status.to_string();
    co_return;
  }
  *number = count.state.single.empty() ? 0 : load_le<uint64_t>(count.state.single.data());
  *epoch = count.epoch;
  bool is_known = *number == 0;
  for (const TimedCall& call : mine->calls) {
    const bool is_discarded = call.discard_begun <= moment;
    if (call.number > *number && call.promised <= moment && !is_discarded) {
      *wrong = "call " + std::to_string(call.number) + " was promised, and " + std::to_string(*number) +
               " is the last one there";
    }
    if (call.number != *number) continue;
    is_known = call.begun <= moment && !is_discarded;
    if (call.epoch != kEpochZero && call.epoch != count.epoch) *wrong = "a call is at another epoch than it said";
  }
  if (!is_known) *wrong = "the last call there is " + std::to_string(*number) + ", which wasn't made by then";
}

Task<void> check_guests(vos::Store* store, const History* history, Moment moment, StateMemo* memo,
                        std::vector<bool>* there, std::string* wrong) {
  const Result<std::vector<Uuid>> containers = co_await store->list_containers();
  if (!containers.is_ok()) {
    *wrong = containers.status().to_string();
    co_return;
  }
  size_t known = history->owned.size();
  for (size_t i = 0; i < history->guests.size(); ++i) {
    const Guest& guest = history->guests[i];
    const bool is_there = std::ranges::find(*containers, guest.container) != containers->end();
    there->push_back(is_there);
    if (is_there) ++known;
    if (guest.created <= moment && guest.destroy_begun > moment && !is_there) *wrong = "a container is gone";
    if ((guest.create_begun > moment || guest.destroyed <= moment) && is_there)
      *wrong = "a destroyed container is there";
    if (is_there && guest.base) {
      co_await check_dkeys(store, guest.container, kEpochMax, &history->owned[*guest.base], kNever, guest.base_epoch,
                           moment, memo, wrong);
    }
    if (!is_there || guest.written > moment) continue;
    const Found found = co_await fetch_dkey(store, guest.container, kCountObject, kNumberKey, kNumberKey, kEpochMax);
    if (!found.status.is_ok() || found.state.single.empty()) *wrong = "a container lost its value";
  }
  if (containers->size() != known) *wrong = "there are more containers than were made";
}

// Everything that must hold after opening what a crash at `moment` left.
Task<void> check_store(vos::Store* store, const History* history, Moment moment, StateMemo* memo, Survivors* found,
                       std::string* wrong) {
  Moment newest_begin = 0;  // Of the calls that survived.
  Moment oldest_return = kNever;  // Of those that didn't.
  for (size_t i = 0; i < history->owned.size(); ++i) {
    const OwnedContainer* const mine = &history->owned[i];
    found->snapshots.emplace_back();
    found->numbers.push_back(0);
    found->epochs.emplace_back();
    co_await finish_discards(store, mine, moment, wrong);
    if (wrong->empty()) co_await check_snapshots(store, mine, moment, &found->snapshots.back(), wrong);
    if (wrong->empty()) {
      co_await check_number(store, mine, moment, &found->numbers.back(), &found->epochs.back(), wrong);
    }
    if (!wrong->empty()) co_return;
    const uint64_t number = found->numbers.back();
    for (const TimedCall& call : mine->calls) {
      if (call.discard_begun <= moment) continue;
      if (call.number <= number) newest_begin = std::max(newest_begin, call.begun);
      if (call.number > number && call.returned <= moment) oldest_return = std::min(oldest_return, call.returned);
    }
    co_await check_dkeys(store, mine->container, kEpochMax, mine, number, kEpochMax, moment, memo, wrong);
    for (size_t s = 0; s < found->snapshots.back().size() && wrong->empty(); ++s) {
      const Epoch snapshot = found->snapshots.back()[s];
      co_await check_dkeys(store, mine->container, snapshot, mine, number, snapshot, moment, memo, wrong);
    }
    if (!wrong->empty()) co_return;
  }
  if (oldest_return < newest_begin) *wrong = "a call survived, but not one that had returned before it began";
  co_await check_guests(store, history, moment, memo, &found->guests, wrong);
  if (!wrong->empty()) co_return;
  const Result<std::vector<media::KeyBlockStore::Damage>> damage = co_await store->media().verify();
  if (!damage.is_ok())
    *wrong = "verify: " + damage.status().to_string();
  else if (!damage->empty())
    *wrong = "verify: " + damage->front().place + ": " + damage->front().status.to_string();
}

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
    for (const OwnedContainer& mine : history_.owned) CO_TRY(co_await store->create_container(mine.container));
    co_return co_await store->close();
  }

  Task<void> live(World* world, SimExecutor* process, Disk* disk, CrashRecording* recording, Random random) override {
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
    recovered(found);
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
    Result<std::unique_ptr<vos::Store>> opened = co_await open(world, disk);
    if (!opened.is_ok()) co_return "open: " + opened.status().to_string();
    vos::Store* store = &process->own(std::move(opened).value());
    Survivors found;
    std::string wrong;
    co_await check_store(store, history, moment, memo, &found, &wrong);
    if (!wrong.empty() || depth == Depth::kLook) co_return wrong;

    if (depth == Depth::kEmpty) {
      co_await empty(world, store, &wrong);
      co_return wrong;
    }
    const size_t which = random.below(history->owned.size());
    const uint64_t number = 1'000'000 + random.below(1000);
    co_await go_on(store, &history->owned[which], moment, number, &random, &wrong);
    if (!wrong.empty()) co_return wrong;
    const Status closed = co_await store->close();
    if (!closed.is_ok()) co_return "close: " + closed.to_string();
    Result<std::unique_ptr<vos::Store>> again = co_await open(world, disk);
    if (!again.is_ok()) co_return "second open: " + again.status().to_string();
    store = &process->own(std::move(again).value());
    const Found count =
        co_await fetch_dkey(store, history->owned[which].container, kCountObject, kNumberKey, kNumberKey, kEpochMax);
    const bool is_there = count.status.is_ok() && count.state.single.size() == sizeof number &&
                          load_le<uint64_t>(count.state.single.data()) == number;
    if (!is_there && went_on_) co_return "what was written after the crash is gone after closing and opening";
    co_return std::string();
  }

 private:
  Task<Result<std::unique_ptr<vos::Store>>> open(World* world, Disk* disk) {
    CO_TRY_ASSIGN(std::unique_ptr<media::KeyBlockStore> media,
                  co_await media::KeyBlockStore::open(*world, *disk, options_));
    co_return co_await vos::Store::open(*world, std::move(media));
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
  Moment now() const { return recording_->now(); }
  void note_promise(Moment& moment) {
    moment = std::min(moment, now());
    recording_->note_promise();
  }

  // What was found is what there is from now on.
  void recovered(const Survivors& found) {
    opened_ = now();
    recording_->note_promise();
    for (size_t i = 0; i < history_.owned.size(); ++i) {
      OwnedContainer& mine = history_.owned[i];
      std::erase_if(mine.calls, [](const TimedCall& call) { return call.discard_begun != kNever; });
      while (!mine.calls.empty() && mine.calls.back().number > found.numbers[i]) mine.calls.pop_back();
      for (TimedCall& call : mine.calls) {
        call.returned = std::min(call.returned, opened_);
        call.promised = std::min(call.promised, opened_);
        if (call.number == found.numbers[i]) call.epoch = found.epochs[i];
      }
      mine.discards.clear();
      mine.snapshots.clear();
      for (const Epoch epoch : found.snapshots[i]) {
        mine.snapshots.push_back({.epoch = epoch, .begun = opened_, .made = opened_});
      }
      mine.kept_through = found.numbers[i];
      mine.aggregating = 0;
    }
    std::vector<Guest> guests;
    for (size_t i = 0; i < history_.guests.size(); ++i) {
      if (!found.guests[i]) continue;
      Guest& guest = guests.emplace_back(history_.guests[i]);
      guest.created = std::min(guest.created, opened_);
      guest.destroy_begun = guest.destroyed = kNever;
    }
    history_.guests = std::move(guests);
  }

  Duration pause(Random& random) { return std::chrono::microseconds(random.below(400)); }

  Task<void> write_calls(uint64_t writer, Random random) {
    OwnedContainer& mine = history_.owned[writer];
    bool goes_on = true;
    while (goes_on) {
      if (random.one_in(3)) co_await sleep_for(world_->executor, pause(random));
      const uint64_t kind = random.below(40);
      if (kind < 32)
        goes_on = co_await make_call(&mine, &random);
      else if (kind < 36)
        goes_on = co_await change_snapshots(&mine, &random);
      else if (kind < 37)
        goes_on = co_await discard(&mine, &random);
      else
        goes_on = co_await flush();
    }
  }

  Task<bool> make_call(OwnedContainer* mine, Random* random) {
    TimedCall& call = mine->calls.emplace_back();
    call.number = ++mine->last_number;
    call.begun = now();
    call.count.resize(sizeof call.number);
    store_le(call.count.data(), call.number);
    const uint64_t change_count = 1 + random->below(3);
    for (uint64_t i = 0; i < change_count; ++i) {
      call.changes.push_back(random_change(*random, mine->writer, call.number));
    }
    const Durability durability = random->below(8) < sync_in_8_ ? Durability::kSync : Durability::kFlush;
    std::vector<ObjectWrite> writes = to_writes(call.changes, call.count);
    const Result<Epoch> written = co_await store_->write(mine->container, std::move(writes), kEpochZero, durability);
    const bool is_expected = note("write", written.status());
    if (!is_expected) co_return false;
    if (!written.is_ok()) {
      mine->calls.pop_back();
      co_return true;
    }
    call.epoch = *written;
    call.returned = now();
    if (durability == Durability::kSync) note_promise(call.promised);
    co_return true;
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
    const size_t index = mine->snapshots.size();
    mine->snapshots.push_back({.epoch = kEpochZero, .begun = now()});
    const Result<Epoch> made = co_await store_->create_snapshot(mine->container, kEpochZero);
    if (made.is_ok()) {
      mine->snapshots[index].epoch = *made;
      note_promise(mine->snapshots[index].made);
      mine->kept_through = mine->last_number;
    } else if (made.code() == Code::kNoSpace) {
      mine->snapshots.pop_back();
    }
    co_return note("create_snapshot", made.status());
  }

  Task<bool> discard(OwnedContainer* mine, Random* random) {
    std::vector<TimedCall*> loose;
    for (TimedCall& call : mine->calls) {
      if (call.number > mine->kept_through && call.discard_begun == kNever && call.returned != kNever) {
        loose.push_back(&call);
      }
    }
    if (loose.empty() || mine->aggregating != 0) co_return true;
    const size_t first = random->below(loose.size());
    const size_t last = std::min(loose.size() - 1, first + random->below(4));
    const TimedDiscard discard{.begin = loose[first]->epoch, .end = loose[last]->epoch, .begun = now()};
    const size_t index = mine->discards.size();
    mine->discards.push_back(discard);
    for (size_t i = first; i <= last; ++i) loose[i]->discard_begun = now();
    const Status status = co_await store_->discard(mine->container, discard.begin, discard.end);
    if (status.is_ok()) {
      note_promise(mine->discards[index].ended);
      for (size_t i = first; i <= last; ++i) loose[i]->discarded = now();
    }
    const bool goes_on = note("discard", status);
    co_return goes_on&& status.is_ok();
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
      const bool is_refused = is_clone && (status.code() == Code::kInvalidArgument || status.code() == Code::kBusy);
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
    for (const TimedCall& call : mine.calls) {
      if (call.returned != kNever && call.discard_begun == kNever)
        made->base_epoch = std::max(made->base_epoch, call.epoch);
    }
    if (made->base_epoch == kEpochZero) return;
    made->base = chosen;
    mine.kept_through = mine.last_number;
  }

  // A few calls on what the crash left; the last one says `number`.
  Task<void> go_on(vos::Store* store, const OwnedContainer* mine, Moment moment, uint64_t number, Random* random,
                   std::string* wrong) {
    went_on_ = false;
    Bytes count(sizeof number);
    store_le(count.data(), number);
    for (uint64_t step = random->between(1, 4); step > 0; --step) {
      std::vector<Change> changes;
      changes.push_back(random_change(*random, mine->writer, number + step));
      std::vector<ObjectWrite> writes = to_writes(changes, count);
      const Result<Epoch> written =
          co_await store->write(mine->container, std::move(writes), kEpochZero, Durability::kFlush);
      if (!written.is_ok() && written.code() != Code::kNoSpace) *wrong = "write: " + written.status().to_string();
      went_on_ = went_on_ || written.is_ok();
      for (const TimedCall& call : mine->calls) {
        if (written.is_ok() && call.returned <= moment && call.epoch >= *written)
          *wrong = "an epoch was given twice, or an earlier one later";
      }
      if (!wrong->empty()) co_return;
    }
    const Result<AggregateProgress> aggregated = co_await store->aggregate(mine->container, kEpochMax);
    if (!aggregated.is_ok() && aggregated.code() != Code::kNoSpace) {
      *wrong = "aggregate: " + aggregated.status().to_string();
    }
  }

  // Everything away: then all space must be there again.
  static Task<void> empty(World* world, vos::Store* store, std::string* wrong) {
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
