// The plainest store of one writer's container: the list of its calls, replayed for whoever asks what is there.
//
// Every call also puts its number at a place of its own (kCountObject), so that after a crash the store says itself
// how far it got. Contents follow from the writer, the place and the call's number: what is found where it never was
// written can be told.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/data_model.h"
#include "runtime/random.h"

namespace aeon {

inline constexpr ObjectId kDataObject{.hi = 7, .lo = 1};
inline constexpr ObjectId kCountObject{.hi = 7, .lo = 2};
inline constexpr uint64_t kDkeyCount = 4;
inline constexpr uint64_t kRecordCount = 4096;  // Of each array.
inline constexpr uint64_t kRecordSize = 4;
inline constexpr size_t kSingleSizeMax = 24'000;  // More than the log carries for a call that isn't durable at once.

// One change of the data object.
struct Change {
  enum class Kind : uint8_t { kSingle, kExtent, kPunchExtent, kPunchSingle, kPunchArray, kPunchDkey, kPunchObject };
  Kind kind = Kind::kSingle;
  uint64_t dkey = 0;
  Recx recx;
  Bytes data;
};

struct Call {
  uint64_t number = 0;
  Epoch epoch;  // Zero: not known (yet).
  std::vector<Change> changes;
  Bytes count;              // What it puts at kCountObject.
  uint64_t began = 0;       // In the order of all that happened.
  uint64_t returned = 0;    // 0: it hasn't.
  bool is_promised = false; // Durable, as the store said.
};

// What a reader sees below one dkey.
struct DkeyState {
  Bytes single;                // Empty: there is none.
  Bytes array = Bytes(kRecordCount * kRecordSize);
  std::vector<bool> is_present = std::vector<bool>(kRecordCount);

  bool is_empty() const {
    return single.empty() && std::ranges::none_of(is_present, [](bool present) { return present; });
  }
  bool same_array(const DkeyState& other) const { return is_present == other.is_present && array == other.array; }
};

// The contents follow from the writer, the place and the call's number.
inline Change random_change(Random& random, uint64_t writer, uint64_t number) {
  Change change;
  change.dkey = random.below(kDkeyCount);
  const uint64_t kind = random.below(16);
  const bool is_large = random.one_in(4);
  change.recx.index = random.below(kRecordCount);
  const uint64_t count_max = std::min(is_large ? uint64_t{3000} : uint64_t{20}, kRecordCount - change.recx.index);
  change.recx.count = 1 + random.below(count_max);
  if (kind < 6) {
    const size_t large_max = random.one_in(3) ? kSingleSizeMax : size_t{9000};
    change.data.resize(1 + random.below(is_large ? large_max : size_t{60}));
  } else if (kind < 11) {
    change.kind = Change::Kind::kExtent;
    change.data.resize(change.recx.count * kRecordSize);
  } else {
    constexpr Change::Kind kPunches[] = {Change::Kind::kPunchExtent, Change::Kind::kPunchSingle,
                                         Change::Kind::kPunchArray, Change::Kind::kPunchDkey,
                                         Change::Kind::kPunchObject};
    change.kind = kPunches[kind - 11];
  }
  Random content((writer * kDkeyCount + change.dkey) << 32 | number);
  for (std::byte& byte : change.data) byte = static_cast<std::byte>(content.next() >> 17);
  return change;
}

inline void apply_change(const Change& change, uint64_t dkey, DkeyState& state) {
  if (change.dkey != dkey && change.kind != Change::Kind::kPunchObject) return;
  const auto set_records = [&](const Recx& recx, bool present) {
    const auto first = state.array.begin() + static_cast<ptrdiff_t>(recx.index * kRecordSize);
    if (present)
      std::ranges::copy(change.data, first);
    else
      std::fill_n(first, recx.count * kRecordSize, std::byte{0});
    for (uint64_t i = recx.index; i < recx.end(); ++i) state.is_present[i] = present;
  };
  switch (change.kind) {
    case Change::Kind::kSingle: state.single = change.data; return;
    case Change::Kind::kPunchSingle: state.single.clear(); return;
    case Change::Kind::kExtent: set_records(change.recx, true); return;
    case Change::Kind::kPunchExtent: set_records(change.recx, false); return;
    case Change::Kind::kPunchArray: set_records({0, kRecordCount}, false); return;
    case Change::Kind::kPunchDkey:
    case Change::Kind::kPunchObject: state = DkeyState(); return;
  }
}

class CallList {
 public:
  explicit CallList(uint64_t writer) : writer_(writer) {}

  // Adds a call that is about to be made. It stays at its place until it is abandoned or discarded.
  Call& begin(Random& random, uint64_t now) {
    Call& call = calls_.emplace_back();
    call.number = ++last_number_;
    call.began = now;
    call.count.resize(sizeof call.number);
    store_le(call.count.data(), call.number);
    const uint64_t change_count = 1 + random.below(3);
    for (uint64_t i = 0; i < change_count; ++i) call.changes.push_back(random_change(random, writer_, call.number));
    for (const Change& change : call.changes) {
      if (!change.data.empty()) ever_.push_back(change);
    }
    return call;
  }
  void abandon_last() { calls_.pop_back(); }
  void promise_through(uint64_t number) {
    for (Call& call : calls_) {
      if (call.number <= number && call.returned != 0) call.is_promised = true;
    }
  }
  // As a crash left it: calls behind `number` are gone for good, the others there for good.
  void recovered(uint64_t number) {
    while (!calls_.empty() && calls_.back().number > number) calls_.pop_back();
    for (Call& call : calls_) call.is_promised = true;
  }
  void discard(Epoch begin, Epoch end) {
    std::erase_if(calls_, [=](const Call& call) { return begin <= call.epoch && call.epoch <= end; });
  }

  std::deque<Call>& calls() { return calls_; }
  const std::deque<Call>& calls() const { return calls_; }
  uint64_t newest_number() const { return calls_.empty() ? 0 : calls_.back().number; }
  uint64_t newest_returned() const {
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
      if (call->returned != 0) return call->number;
    }
    return 0;
  }

  // Below `dkey` after all calls up to `number` whose epoch is at most `epoch`.
  DkeyState state(uint64_t dkey, uint64_t number, Epoch epoch) const {
    DkeyState state;
    for (const Call& call : calls_) {
      if (call.number > number || call.epoch > epoch) continue;
      for (const Change& change : call.changes) apply_change(change, dkey, state);
    }
    return state;
  }

  // Whether everything in `found` was written at that place by some call, whatever became of it.
  bool ever_held(uint64_t dkey, const DkeyState& found) const {
    bool single_known = found.single.empty();
    std::vector<bool> known(kRecordCount);
    for (const Change& change : ever_) {
      if (change.dkey != dkey) continue;
      if (change.kind == Change::Kind::kSingle) single_known = single_known || change.data == found.single;
      if (change.kind != Change::Kind::kExtent) continue;
      for (uint64_t i = 0; i < change.recx.count; ++i) {
        const auto written = ByteView(change.data).subspan(i * kRecordSize, kRecordSize);
        const auto here = ByteView(found.array).subspan((change.recx.index + i) * kRecordSize, kRecordSize);
        if (equal_bytes(written, here)) known[change.recx.index + i] = true;
      }
    }
    for (uint64_t i = 0; i < kRecordCount; ++i) {
      if (found.is_present[i] && !known[i]) return false;
    }
    return single_known;
  }

 private:
  const uint64_t writer_;
  std::deque<Call> calls_;   // References to calls stay good while others come and go at the end.
  std::vector<Change> ever_;
  uint64_t last_number_ = 0;
};

}  // namespace aeon
