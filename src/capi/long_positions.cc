#include "long_positions.h"

#include "runtime/fork.h"

namespace aeon::capi {

LongPositions& LongPositions::instance() {
  static PerProcess<LongPositions> positions;
  return positions.get([] { return new LongPositions(); });
}

uint64_t LongPositions::remember(Bytes position) {
  const std::lock_guard lock(mutex_);
  const uint64_t number = ++last_number_;
  newest_first_.emplace_front(number, std::move(position));
  by_number_.emplace(number, newest_first_.begin());
  if (newest_first_.size() > kCountMax) {
    by_number_.erase(newest_first_.back().first);
    newest_first_.pop_back();
  }
  return number;
}

std::optional<Bytes> LongPositions::recall(uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = by_number_.find(number);
  if (found == by_number_.end()) return std::nullopt;
  newest_first_.splice(newest_first_.begin(), newest_first_, found->second);
  return found->second->second;
}

void LongPositions::clear() {
  const std::lock_guard lock(mutex_);
  newest_first_.clear();
  by_number_.clear();
}

}  // namespace aeon::capi
