#include "vos_check.h"

#include <algorithm>
#include <array>

namespace aeon {

namespace {

// An epoch above all that are in use with explicit epochs: what is there, committed or not.
constexpr Epoch kAllExplicit{1ull << 40};
// Of the last ones, as they take time.
constexpr uint64_t kCallsAskedFor = 3;

// Which readers' view of which calls is compared.
struct View {
  Uuid container;
  Epoch epoch;  // What readers ask for,
  const OwnedContainer* calls;
  const HeldCalls* held;
  Epoch until;  // and up to which epoch they see its calls.
  std::string name;  // "", " at snapshot 4711".
};

Task<void> check_dkey(vos::Store* store, const View* view, uint64_t dkey, const DkeyState* expected,
                      std::string* wrong) {
  const Found found =
      co_await fetch_dkey(store, view->container, kDataObject, dkey_name(dkey), kSingleAkey, view->epoch);
  if (!found.status.is_ok())
    *wrong = found.status.to_string();
  else if (found.state.single != expected->single || !found.state.same_array(*expected))
    *wrong = "dkey " + std::to_string(dkey) + view->name + " doesn't hold what the first " +
             std::to_string(view->held->number) + " calls made";
  if (!wrong->empty()) co_return;

  std::vector<Bytes> akeys;
  if (std::ranges::find(expected->is_present, true) != expected->is_present.end()) akeys.push_back(kArrayAkey);
  if (!expected->single.empty()) akeys.push_back(kSingleAkey);
  const Result<vos::KeyPage> listed =
      co_await store->list_akeys(view->container, kDataObject, dkey_name(dkey), view->epoch, Anchor(), {});
  if (!listed.is_ok())
    *wrong = listed.status().to_string();
  else if (listed->keys != akeys)
    *wrong = "other akeys are listed than are there" + view->name;
  if (!wrong->empty()) co_return;

  const Result<vos::RecxPage> recxs =
      co_await store->list_recxs(view->container, kDataObject, dkey_name(dkey), kArrayAkey, view->epoch, Anchor(), {});
  if (!recxs.is_ok()) {
    *wrong = recxs.status().to_string();
    co_return;
  }
  std::vector<bool> is_present(kRecordCount);
  for (const ListedRecx& listed_recx : recxs->recxs) {
    for (uint64_t i = listed_recx.recx.index; i < listed_recx.recx.end() && i < kRecordCount; ++i) {
      if (is_present[i]) *wrong = "a record is listed twice" + view->name;
      is_present[i] = true;
    }
  }
  if (is_present != expected->is_present) *wrong = "other records are listed than are there" + view->name;
}

Task<void> check_view(vos::Store* store, const View* view, Moment moment, StateMemo* memo, std::string* wrong) {
  std::vector<Bytes> dkeys;
  for (uint64_t dkey = 0; dkey < kDkeyCount; ++dkey) {
    const DkeyState* const expected = &memo->state(*view->calls, dkey, *view->held, view->until, moment);
    if (!expected->is_empty()) dkeys.push_back(dkey_name(dkey));
    co_await check_dkey(store, view, dkey, expected, wrong);
    if (!wrong->empty()) co_return;
  }
  const Result<vos::KeyPage> listed =
      co_await store->list_dkeys(view->container, kDataObject, view->epoch, Anchor(), {});
  if (!listed.is_ok())
    *wrong = listed.status().to_string();
  else if (listed->keys != dkeys)
    *wrong = "other dkeys are listed than are there" + view->name;
  const Result<vos::ObjectPage> objects = co_await store->list_objects(view->container, view->epoch, Anchor(), {});
  if (!objects.is_ok()) {
    *wrong = objects.status().to_string();
  } else {
    const bool is_listed = std::ranges::find(objects->objects, kDataObject) != objects->objects.end();
    if (view->calls->is_explicit() && view->container == view->calls->container &&
        objects->changed.size() != objects->objects.size())
      *wrong = "objects are listed without their last change" + view->name;
    if (is_listed == dkeys.empty()) *wrong = "the object is listed and empty, or there and not listed" + view->name;
  }
  if (!view->calls->is_explicit() || view->container != view->calls->container || !wrong->empty()) co_return;

  // Of an object of which nothing is left, the epoch may be aggregated.
  Epoch newest;
  for (const TimedCall& call : view->calls->calls) {
    if (view->held->holds(call) && call.discard_begun > moment && call.epoch <= view->until)
      newest = std::max(newest, call.epoch);
  }
  const Result<Epoch> changed = co_await store->query_max_epoch(view->container, kDataObject, view->epoch);
  if (!changed.is_ok())
    *wrong = changed.status().to_string();
  else if (*changed != newest && !(*changed == kEpochZero && dkeys.empty()))
    *wrong = "the object was last changed at epoch " + std::to_string(newest.value) + ", not " +
             std::to_string(changed->value) + view->name;
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

bool is_known_snapshot(const OwnedContainer& mine, Epoch epoch) {
  return std::ranges::find(mine.snapshots, epoch, &TimedSnapshot::epoch) != mine.snapshots.end();
}

void check_snapshots(const OwnedContainer& mine, const std::vector<Epoch>& there, Moment moment, std::string* wrong) {
  size_t unknown = 0;  // Snapshots whose making was cut off.
  for (const TimedSnapshot& snapshot : mine.snapshots) {
    const bool is_there = std::ranges::find(there, snapshot.epoch) != there.end();
    if (snapshot.epoch == kEpochZero && snapshot.may_be_there(moment)) ++unknown;
    if (snapshot.must_be_there(moment) && !is_there) *wrong = "a snapshot is gone";
    if (!snapshot.may_be_there(moment) && is_there) *wrong = "a snapshot is there that was destroyed, or not made yet";
  }
  for (const Epoch epoch : there) {
    if (is_known_snapshot(mine, epoch)) continue;
    if (unknown == 0) *wrong = "a snapshot is there that nobody made";
    if (unknown != 0) --unknown;
  }
}

void check_committed(const OwnedContainer& mine, const vos::ContainerInfo& info, Moment moment, std::string* wrong) {
  bool is_known = info.highest_committed == kEpochZero;
  for (const TimedCommit& commit : mine.commits) {
    if (commit.committed <= moment && commit.epoch > info.highest_committed) {
      *wrong = "epoch " + std::to_string(commit.epoch.value) + " was committed, and " +
               std::to_string(info.highest_committed.value) + " is the highest that is";
    }
    is_known = is_known || (commit.epoch == info.highest_committed && commit.begun <= moment);
  }
  if (!is_known) *wrong = "an epoch is committed that nobody committed";
}

Task<void> check_container(vos::Store* store, const OwnedContainer* mine, Moment moment, HeldCalls* held,
                           std::string* wrong) {
  const Result<vos::ContainerInfo> info = co_await store->query_container(mine->container);
  if (!info.is_ok()) {
    *wrong = "query_container: " + info.status().to_string();
    co_return;
  }
  held->snapshots = info->snapshots;
  check_snapshots(*mine, info->snapshots, moment, wrong);
  if (!mine->is_explicit()) co_return;
  held->committed = info->highest_committed;
  check_committed(*mine, *info, moment, wrong);
}

// Which plain calls of a container survived, and whether that may be.
Task<void> check_number(vos::Store* store, const OwnedContainer* mine, Moment moment, HeldCalls* held,
                        std::string* wrong) {
  co_await find_number(store, mine, held, wrong);
  if (!wrong->empty()) co_return;
  bool is_known = held->number == 0;
  for (const TimedCall& call : mine->calls) {
    if (call.phases) continue;
    const bool is_discarded = call.discard_begun <= moment;
    if (call.number > held->number && call.promised <= moment && !is_discarded) {
      *wrong = "call " + std::to_string(call.number) + " was promised, and " + std::to_string(held->number) +
               " is the last one there";
    }
    if (call.number != held->number) continue;
    is_known = call.begun <= moment && !is_discarded;
    if (call.epoch != kEpochZero && call.epoch != held->epoch) *wrong = "a call is at another epoch than it said";
  }
  if (!is_known) *wrong = "the last call there is " + std::to_string(held->number) + ", which wasn't made by then";
}

// Calls of one phase are known again, if they are there, and only then.
Task<void> check_known_again(vos::Store* store, const OwnedContainer* mine, const HeldCalls* held, Moment moment,
                             std::string* wrong) {
  for (size_t i = 0; i < mine->calls.size() && wrong->empty(); ++i) {
    const TimedCall* const call = &mine->calls[i];
    if (call->begun > moment) break;
    if (call->phases || call->discard_begun <= moment || call->number + kCallsAskedFor < held->number) continue;
    const bool is_there = call->number <= held->number;
    const Result<std::optional<DoneRequest>> found = co_await store->find_request(call->id(*mine));
    const std::string name = "call " + std::to_string(call->number);
    if (!found.is_ok())
      *wrong = "find_request: " + found.status().to_string();
    else if (found->has_value() != is_there)
      *wrong = name + (is_there ? " is there and isn't known again" : " isn't there and is known again");
    else if (is_there && call->epoch != kEpochZero && (*found)->epoch != call->epoch)
      *wrong = name + " is known again at another epoch";
  }
}

// --- Transactions ---

// Undecided transactions guard what they would change.
Task<void> check_guard(vos::Store* store, const OwnedContainer* mine, const TimedCall* call, std::string* wrong) {
  const Found found = co_await fetch_dkey(store, mine->container, kDataObject, dkey_name(call->changes[0].dkey),
                                          kSingleAkey, kEpochMax);
  // An akey that the transaction leaves alone may be read: both are.
  if (found.status.code() != Code::kInProgress) *wrong = "what an undecided transaction changes could be read";
}

Task<void> decide(vos::Store* store, const OwnedContainer* mine, const TimedCall* call, bool is_commit, HeldCalls* held,
                  std::string* wrong) {
  const vos::TransactionId id = call->phases->id;
  Status status;
  if (is_commit)
    status = co_await store->commit_prepared(mine->container, id, call->remember());
  else
    status = co_await store->abort_prepared(mine->container, id);
  if (!status.is_ok()) *wrong = (is_commit ? "commit_prepared: " : "abort_prepared: ") + status.to_string();
  if (is_commit) held->committed_calls.insert(call->number);
}

// A commit that is to be remembered until it is released is, however it went on.
Task<void> check_kept(vos::Store* store, const OwnedContainer* mine, const TimedCall* call, Moment moment,
                      std::string* wrong) {
  const Result<std::vector<vos::TransactionId>> kept = co_await store->list_kept_decisions(mine->container);
  if (!kept.is_ok()) {
    *wrong = "list_kept_decisions: " + kept.status().to_string();
    co_return;
  }
  const bool is_kept = std::ranges::find(*kept, call->phases->id) != kept->end();
  const bool may_be = call->remember() == vos::Remember::kUntilReleased;
  const bool may_be_released = call->phases->release_begun <= moment;
  if (is_kept && !may_be) *wrong = "a decision is kept that nobody wants to be";
  if (!is_kept && may_be && !may_be_released) *wrong = "a decision isn't kept that wasn't released";
}

// What became of a transaction that isn't undecided: the store says so itself.
Task<void> check_decided(vos::Store* store, const OwnedContainer* mine, const TimedCall* call, Moment moment,
                         HeldCalls* held, std::string* wrong) {
  const TwoPhases phases = *call->phases;
  const bool may_be_decided = phases.decide_begun <= moment;
  const Status again = co_await store->commit_prepared(mine->container, phases.id);
  switch (again.code()) {
    case Code::kOk:
      if (!may_be_decided || !phases.is_commit) *wrong = "a transaction is committed that nobody committed";
      if (wrong->empty()) co_await check_kept(store, mine, call, moment, wrong);
      held->committed_calls.insert(call->number);
      break;
    case Code::kConflict:
      if (!may_be_decided || phases.is_commit) *wrong = "a transaction is aborted that nobody aborted";
      break;
    case Code::kNotFound:
      if (phases.prepared <= moment) *wrong = "a prepared transaction is gone";
      break;
    default: *wrong = "commit_prepared again: " + again.to_string(); break;
  }
}

// A transaction in one phase is remembered by its name, if it is there at all.
Task<void> check_remembered(vos::Store* store, const OwnedContainer* mine, const TimedCall* call, bool is_there,
                            std::string* wrong) {
  if (call->epoch == kEpochZero) co_return;
  const vos::TransactionId id{.uuid = call->transaction, .epoch = call->epoch};
  const Status again = co_await store->commit_prepared(mine->container, id);
  const Code expected = is_there ? Code::kOk : Code::kNotFound;
  if (again.code() != expected) *wrong = "a committed transaction, asked for again: " + again.to_string();
}

Task<void> check_transactions(vos::Store* store, const OwnedContainer* mine, Moment moment, HeldCalls* held,
                              std::string* wrong) {
  const Result<std::vector<vos::UndecidedTransaction>> undecided = co_await store->list_undecided(mine->container);
  if (!undecided.is_ok()) {
    *wrong = "list_undecided: " + undecided.status().to_string();
    co_return;
  }
  size_t known = 0;
  for (size_t i = 0; i < mine->calls.size() && wrong->empty(); ++i) {
    const TimedCall* const call = &mine->calls[i];
    if (call->begun > moment) break;
    if (!call->transaction.is_nil() && call->discard_begun > moment) {
      co_await check_remembered(store, mine, call, call->number <= held->number, wrong);
    }
    if (!call->phases) continue;
    const TwoPhases* const phases = &*call->phases;
    const auto listed = std::ranges::find(*undecided, phases->id, &vos::UndecidedTransaction::id);
    if (listed == undecided->end()) {
      co_await check_decided(store, mine, call, moment, held, wrong);
      continue;
    }
    ++known;
    if (listed->participants != call->count) *wrong = "a prepared transaction has other participants";
    if (phases->decided <= moment) *wrong = "a transaction is undecided that was decided";
    if (!wrong->empty()) co_return;
    co_await check_guard(store, mine, call, wrong);
    if (!wrong->empty()) co_return;
    // Who decided already says the same again; else nobody knows what it will be.
    const bool is_commit = phases->decide_begun <= moment ? phases->is_commit : (call->number + moment) % 2 == 0;
    co_await decide(store, mine, call, is_commit, held, wrong);
  }
  if (wrong->empty() && known != undecided->size()) *wrong = "a transaction is undecided that nobody prepared";
}

// --- All of the store ---

Task<void> check_guests(vos::Store* store, const History* history, Moment moment, StateMemo* memo, Survivors* found,
                        std::string* wrong) {
  const Result<std::vector<Uuid>> containers = co_await store->list_containers();
  if (!containers.is_ok()) {
    *wrong = containers.status().to_string();
    co_return;
  }
  size_t known = history->owned.size();
  for (size_t i = 0; i < history->guests.size(); ++i) {
    const Guest& guest = history->guests[i];
    const bool is_there = std::ranges::find(*containers, guest.container) != containers->end();
    found->guests.push_back(is_there);
    if (is_there) ++known;
    if (guest.created <= moment && guest.destroy_begun > moment && !is_there) *wrong = "a container is gone";
    if ((guest.create_begun > moment || guest.destroyed <= moment) && is_there)
      *wrong = "a destroyed container is there";
    if (is_there && guest.base) {
      HeldCalls held = found->held[*guest.base];
      held.number = kNever;  // Some that its base had may have been discarded there since.
      View view;
      view.container = guest.container;
      view.epoch = kEpochMax;
      view.calls = &history->owned[*guest.base];
      view.held = &held;
      view.until = guest.base_epoch;
      view.name = " of a clone";
      co_await check_view(store, &view, moment, memo, wrong);
    }
    if (!is_there || guest.written > moment) continue;
    const Found value = co_await fetch_dkey(store, guest.container, kCountObject, kNumberKey, kNumberKey, kEpochMax);
    if (!value.status.is_ok() || value.state.single.empty()) *wrong = "a container lost its value";
  }
  if (containers->size() != known) *wrong = "there are more containers than were made";
}

Task<void> check_views(vos::Store* store, const OwnedContainer* mine, const HeldCalls* held, Moment moment,
                       StateMemo* memo, std::string* wrong) {
  View view;
  view.container = mine->container;
  view.calls = mine;
  view.held = held;
  view.epoch = kEpochMax;
  view.until = mine->is_explicit() ? held->committed : kEpochMax;
  co_await check_view(store, &view, moment, memo, wrong);
  for (size_t i = 0; i < held->snapshots.size() && wrong->empty(); ++i) {
    view.epoch = view.until = held->snapshots[i];
    view.name = " at snapshot " + std::to_string(view.epoch.value);
    co_await check_view(store, &view, moment, memo, wrong);
  }
  if (!mine->is_explicit() || !wrong->empty()) co_return;
  const std::array<Epoch, 2> uncommitted{Epoch{held->committed.value + 1 + moment % kEpochWindow}, kAllExplicit};
  for (const Epoch epoch : uncommitted) {
    view.epoch = view.until = epoch;
    view.name = " uncommitted, at epoch " + std::to_string(epoch.value);
    if (wrong->empty()) co_await check_view(store, &view, moment, memo, wrong);
  }
}

// What survived, and what was lost though it had returned: no call survives without one that returned before it began.
struct PrefixCheck {
  Moment newest_begin = 0;
  Moment oldest_return = kNever;

  void survived(Moment begun) { newest_begin = std::max(newest_begin, begun); }
  void lost(Moment returned) { oldest_return = std::min(oldest_return, returned); }
  void note(const OwnedContainer& mine, const HeldCalls& held, Moment moment) {
    for (const TimedCall& call : mine.calls) {
      if (call.discard_begun <= moment || call.begun > moment) continue;
      const bool is_there = held.holds(call);
      if (is_there) survived(call.begun);
      if (!is_there && !call.phases && call.returned <= moment) lost(call.returned);
    }
    for (const TimedCommit& commit : mine.commits) {
      if (commit.epoch <= held.committed && commit.begun <= moment) survived(commit.begun);
    }
  }
};

}  // namespace

Task<void> find_number(vos::Store* store, const OwnedContainer* mine, HeldCalls* held, std::string* wrong) {
  const uint64_t place_count = mine->is_explicit() ? kNumberPlaceCount : 1;
  const Epoch epoch = mine->is_explicit() ? kAllExplicit : kEpochMax;
  for (uint64_t place = 0; place < place_count; ++place) {
    const Bytes key = mine->number_key(Epoch{place});
    const Found count = co_await fetch_dkey(store, mine->container, kCountObject, kNumberKey, key, epoch);
    if (!count.status.is_ok()) {
      *wrong = count.status.to_string();
      co_return;
    }
    if (count.state.single.empty()) continue;
    const uint64_t number = load_le<uint64_t>(count.state.single.data());
    if (number <= held->number) continue;
    held->number = number;
    held->epoch = count.epoch;
  }
}

Task<void> check_store(vos::Store* store, const History* history, Moment moment, StateMemo* memo, Survivors* found,
                       std::string* wrong) {
  PrefixCheck prefix;
  found->held.resize(history->owned.size());
  for (size_t i = 0; i < history->owned.size(); ++i) {
    const OwnedContainer* const mine = &history->owned[i];
    HeldCalls* const held = &found->held[i];
    co_await finish_discards(store, mine, moment, wrong);
    if (wrong->empty()) co_await check_container(store, mine, moment, held, wrong);
    if (wrong->empty()) co_await check_number(store, mine, moment, held, wrong);
    if (wrong->empty()) co_await check_known_again(store, mine, held, moment, wrong);
    if (wrong->empty()) co_await check_transactions(store, mine, moment, held, wrong);
    if (!wrong->empty()) co_return;
    prefix.note(*mine, *held, moment);
    co_await check_views(store, mine, held, moment, memo, wrong);
    if (!wrong->empty()) co_return;
  }
  if (prefix.oldest_return < prefix.newest_begin)
    *wrong = "a call survived, but not one that had returned before it began";
  co_await check_guests(store, history, moment, memo, found, wrong);
  if (!wrong->empty()) co_return;
  const Result<std::vector<media::KeyBlockStore::Damage>> damage = co_await store->media().verify();
  if (!damage.is_ok())
    *wrong = "verify: " + damage.status().to_string();
  else if (!damage->empty())
    *wrong = "verify: " + damage->front().place + ": " + damage->front().status.to_string();
}

}  // namespace aeon
