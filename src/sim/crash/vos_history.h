// What the workload on the versioned store did, with the moments at which what is known of it changed: the model that
// crash points are compared with.
//
// Each writer has a container of its own, so that its calls are in order. Plain calls put their number beside what they
// change, and so the store says itself which of them survived. Transactions in two phases are asked for by name.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "../scenarios/store_calls.h"
#include "sim/crash_recording.h"
#include "vos/store.h"

namespace aeon {

// Of explicit epochs: how far above the highest committed one writes go, and how many places there are for the numbers
// of calls. With more places than that, a number is only replaced by a later call's.
inline constexpr uint64_t kEpochWindow = 4;
inline constexpr uint64_t kNumberPlaceCount = 8;

// A call that was prepared first, and is committed or aborted later.
struct TwoPhases {
  vos::TransactionId id;
  Moment prepared = kNever;
  bool is_commit = false;  // How it is decided.
  Moment decide_begun = kNever;
  Moment decided = kNever;
  Moment release_begun = kNever;  // Of a decision that is kept.
};

struct OwnedContainer;

struct TimedCall {
  uint64_t number = 0;
  Epoch epoch;  // Zero: it never returned.
  std::vector<Change> changes;
  Bytes count;
  Uuid transaction;  // Committed as one, in one phase. Nil: a plain write.
  std::optional<TwoPhases> phases;
  Moment begun = kNever;
  Moment returned = kNever;
  Moment promised = kNever;
  // A discard of it began, and ended.
  Moment discard_begun = kNever;
  Moment discarded = kNever;

  // Of two phases: a commit is remembered until it is released, for every other call; and half of these are released.
  vos::Remember remember() const { return number % 2 == 0 ? vos::Remember::kUntilReleased : vos::Remember::kAWhile; }
  bool is_released() const { return number % 4 == 0; }
  // Of a call of one phase.
  RequestId id(const OwnedContainer& of) const;
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

// Of explicit epochs.
struct TimedCommit {
  Epoch epoch;
  Moment begun = kNever;
  Moment committed = kNever;
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

struct OwnedContainer {
  Uuid container;
  uint64_t writer = 0;
  vos::EpochMode epochs = vos::EpochMode::kClock;
  bool has_transactions = false;
  std::deque<TimedCall> calls;
  std::vector<TimedCommit> commits;
  std::vector<TimedSnapshot> snapshots;
  std::vector<TimedDiscard> discards;
  uint64_t last_number = 0;
  uint64_t kept_through = 0;  // Calls up to this may be under a snapshot or aggregated: not to be discarded.
  uint64_t aggregating = 0;

  bool is_explicit() const { return epochs == vos::EpochMode::kExplicit; }
  Epoch committed() const;  // By what returned.
  // Where a call at `epoch` puts its number.
  Bytes number_key(Epoch epoch) const;
};

// What one container was found to hold.
struct HeldCalls {
  uint64_t number = 0;  // The last plain call there,
  Epoch epoch;  // and its epoch.
  Epoch committed;  // Explicit epochs: the highest.
  std::set<uint64_t> committed_calls;  // Of those in two phases.
  std::vector<Epoch> snapshots;

  // Unless it was discarded.
  bool holds(const TimedCall& call) const {
    return call.phases ? committed_calls.contains(call.number) : call.number <= number;
  }
};

struct Survivors {
  std::vector<HeldCalls> held;  // By owned container.
  std::vector<bool> guests;  // Whether each is there.
};

struct History {
  std::vector<OwnedContainer> owned;
  std::vector<Guest> guests;

  // What came later never was.
  void crashed_at(Moment moment);
  // What was found is what there is from now on.
  void recovered(const Survivors& found, Moment now);
};

// States that the model has worked out, since thousands of points ask for the same.
class StateMemo {
 public:
  // Below `dkey`, by the calls that are held and whose epoch is at most `until`.
  const DkeyState& state(const OwnedContainer& mine, uint64_t dkey, const HeldCalls& held, Epoch until, Moment moment);
  void clear() { states_.clear(); }

 private:
  using Key = std::tuple<uint64_t, uint64_t, uint64_t, std::set<uint64_t>, Epoch, uint64_t>;
  std::map<Key, DkeyState> states_;
};

}  // namespace aeon
