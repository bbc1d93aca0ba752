#include "access_times.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace aeon::vos {

namespace {
uint64_t hash_of(ByteView prefix) { return std::hash<std::string_view>{}(as_text(prefix)); }

// The levels of a place from the object down.
template <typename Visit>
void for_each_level(const KeyPlace& place, Visit visit) {
  if (place.object.empty()) return;
  visit(place.object, place.dkey.empty());
  if (place.dkey.empty()) return;
  visit(place.dkey, place.akey.empty());
  if (!place.akey.empty()) visit(place.akey, true);
}
}  // namespace

void AccessTimes::Times::merge(const Times& other) {
  read = std::max(read, other.read);
  read_below = std::max(read_below, other.read_below);
  written = std::max(written, other.written);
  written_below = std::max(written_below, other.written_below);
}

void AccessTimes::start(Epoch written_through) {
  last_used_ = std::max(last_used_, written_through);
  if (is_tracking_) return;
  is_tracking_ = true;
  writes_forgotten_ = std::max(writes_forgotten_, written_through);
}

void AccessTimes::stop() {
  forget(young_);
  forget(old_);
  reads_forgotten_ = std::max(reads_forgotten_, container_.read);
  writes_forgotten_ = std::max(writes_forgotten_, container_.written_below);
  container_ = {};
  young_ = {};
  old_ = {};
  is_tracking_ = false;
}

void AccessTimes::forget(const Generation& generation) {
  for (const auto& [hash, times] : generation) {
    reads_forgotten_ = std::max({reads_forgotten_, times.read, times.read_below});
    writes_forgotten_ = std::max({writes_forgotten_, times.written, times.written_below});
  }
}

AccessTimes::Times& AccessTimes::at(ByteView prefix) {
  const uint64_t hash = hash_of(prefix);
  const auto found = young_.find(hash);
  if (found != young_.end()) return found->second;
  if (young_.size() >= kGenerationMax) {
    forget(old_);
    old_ = std::exchange(young_, {});
  }
  Times& times = young_[hash];
  const auto older = old_.find(hash);
  if (older != old_.end()) times = older->second;
  return times;
}

AccessTimes::Times AccessTimes::find(ByteView prefix) const {
  Times times;
  const uint64_t hash = hash_of(prefix);
  if (const auto young = young_.find(hash); young != young_.end()) return young->second;  // Holds the old one's too.
  if (const auto old = old_.find(hash); old != old_.end()) times.merge(old->second);
  return times;
}

void AccessTimes::note_read(const KeyPlace& place, Epoch epoch) {
  last_used_ = std::max(last_used_, epoch);
  if (place.object.empty()) container_.read = std::max(container_.read, epoch);
  for_each_level(place, [&](ByteView prefix, bool is_self) {
    Times& times = at(prefix);
    Epoch& read = is_self ? times.read : times.read_below;
    read = std::max(read, epoch);
  });
}

void AccessTimes::note_write(const KeyPlace& place, Epoch epoch) {
  container_.written_below = std::max(container_.written_below, epoch);
  for_each_level(place, [&](ByteView prefix, bool is_self) {
    Times& times = at(prefix);
    Epoch& written = is_self ? times.written : times.written_below;
    written = std::max(written, epoch);
  });
}

Epoch AccessTimes::read_through(const KeyPlace& place) const {
  Epoch newest = std::max(reads_forgotten_, container_.read);
  for_each_level(place, [&](ByteView prefix, bool is_self) {
    const Times times = find(prefix);
    newest = std::max(newest, times.read);
    if (is_self) newest = std::max(newest, times.read_below);
  });
  return newest;
}

AccessTimes::Changed AccessTimes::changed_after(const KeyPlace& place, Epoch epoch) const {
  bool is_changed = place.object.empty() && container_.written_below > epoch;
  for_each_level(place, [&](ByteView prefix, bool is_self) {
    const Times times = find(prefix);
    is_changed = is_changed || times.written > epoch || (is_self && times.written_below > epoch);
  });
  if (is_changed) return Changed::kYes;
  return is_tracking_ && writes_forgotten_ <= epoch ? Changed::kNo : Changed::kUnknown;
}

}  // namespace aeon::vos
