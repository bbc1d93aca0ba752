#include "vos_history.h"

#include <algorithm>

namespace aeon {

namespace {

void forget_after(Moment moment, Moment& noted) {
  if (noted != kNever && noted > moment) noted = kNever;
}

void forget_after(Moment moment, TimedCall& call) {
  // Its epoch stays: if the call is there, it is at that one.
  forget_after(moment, call.returned);
  forget_after(moment, call.promised);
  forget_after(moment, call.discard_begun);
  forget_after(moment, call.discarded);
  if (!call.phases) return;
  forget_after(moment, call.phases->prepared);
  forget_after(moment, call.phases->decide_begun);
  forget_after(moment, call.phases->decided);
  forget_after(moment, call.phases->release_begun);
}

void crash(OwnedContainer& mine, Moment moment) {
  while (!mine.calls.empty() && mine.calls.back().begun > moment) mine.calls.pop_back();
  for (TimedCall& call : mine.calls) forget_after(moment, call);
  std::erase_if(mine.commits, [=](const TimedCommit& commit) { return commit.begun > moment; });
  for (TimedCommit& commit : mine.commits) forget_after(moment, commit.committed);
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

void recover(OwnedContainer& mine, const HeldCalls& held, Moment now) {
  std::erase_if(mine.calls, [&](const TimedCall& call) { return call.discard_begun != kNever || !held.holds(call); });
  for (TimedCall& call : mine.calls) {
    call.returned = std::min(call.returned, now);
    call.promised = std::min(call.promised, now);
    if (call.number == held.number) call.epoch = held.epoch;
    if (!call.phases) continue;
    call.phases->is_commit = true;
    call.phases->prepared = std::min(call.phases->prepared, now);
    call.phases->decide_begun = std::min(call.phases->decide_begun, now);
    call.phases->decided = std::min(call.phases->decided, now);
  }
  mine.discards.clear();
  mine.commits.clear();
  if (held.committed != kEpochZero) mine.commits.push_back({.epoch = held.committed, .begun = now, .committed = now});
  mine.snapshots.clear();
  for (const Epoch epoch : held.snapshots) mine.snapshots.push_back({.epoch = epoch, .begun = now, .made = now});
  mine.kept_through = mine.last_number;
  mine.aggregating = 0;
}

}  // namespace

Epoch OwnedContainer::committed() const {
  Epoch highest;
  for (const TimedCommit& commit : commits) {
    if (commit.committed != kNever) highest = std::max(highest, commit.epoch);
  }
  return highest;
}

RequestId TimedCall::id(const OwnedContainer& of) const { return {.client = of.writer + 1, .number = number}; }

Bytes OwnedContainer::number_key(Epoch epoch) const {
  return is_explicit() ? to_bytes("count " + std::to_string(epoch.value % kNumberPlaceCount)) : kNumberKey;
}

void History::crashed_at(Moment moment) {
  for (OwnedContainer& mine : owned) crash(mine, moment);
  std::erase_if(guests, [=](const Guest& guest) { return guest.create_begun > moment; });
  for (Guest& guest : guests) {
    forget_after(moment, guest.created);
    forget_after(moment, guest.written);
    forget_after(moment, guest.destroy_begun);
    forget_after(moment, guest.destroyed);
  }
}

void History::recovered(const Survivors& found, Moment now) {
  for (size_t i = 0; i < owned.size(); ++i) recover(owned[i], found.held[i], now);
  std::vector<Guest> left;
  for (size_t i = 0; i < guests.size(); ++i) {
    if (!found.guests[i]) continue;
    Guest& guest = left.emplace_back(guests[i]);
    guest.created = std::min(guest.created, now);
    guest.destroy_begun = guest.destroyed = kNever;
  }
  guests = std::move(left);
}

const DkeyState& StateMemo::state(const OwnedContainer& mine, uint64_t dkey, const HeldCalls& held, Epoch until,
                                  Moment moment) {
  uint64_t discards = 0;
  for (const TimedDiscard& discard : mine.discards) discards += discard.begun <= moment ? 1 : 0;
  const auto [place, is_new] =
      states_.try_emplace({mine.writer, dkey, held.number, held.committed_calls, until, discards});
  if (!is_new) return place->second;
  std::vector<const TimedCall*> seen;
  for (const TimedCall& call : mine.calls) {
    if (!held.holds(call) || call.discard_begun <= moment) continue;
    if (until != kEpochMax && (call.epoch == kEpochZero || call.epoch > until)) continue;
    seen.push_back(&call);
  }
  // The clock gives epochs in the order of calls.
  if (mine.is_explicit()) {
    std::multimap<Epoch, const TimedCall*> by_epoch;  // Equal epochs keep their order.
    for (const TimedCall* call : seen) by_epoch.emplace(call->epoch, call);
    seen.clear();
    for (const auto& [epoch, call] : by_epoch) seen.push_back(call);
  }
  for (const TimedCall* call : seen) {
    for (const Change& change : call->changes) apply_change(change, dkey, place->second);
  }
  return place->second;
}

}  // namespace aeon
