#include "lock_table.h"

#include <algorithm>

namespace aeon::dfs {

void LockTable::Held::release() {
  if (table_ == nullptr) return;
  for (One& one : locks_) {
    Lock& lock = one.lock->second;
    if (one.is_exclusive) {
      lock.is_exclusive = false;
    } else {
      --lock.shared;
    }
    if (--lock.users == 0) {
      table_->locks_.erase(one.lock);
    } else {
      lock.changed.notify_all();
    }
  }
  locks_.clear();
  table_ = nullptr;
}

Task<LockTable::Held> LockTable::acquire(std::vector<Request> requests) {
  std::sort(requests.begin(), requests.end(), [](const Request& a, const Request& b) {
    if (a.key != b.key) return a.key < b.key;
    return a.is_exclusive && !b.is_exclusive;  // Of the same key, the exclusive one is kept.
  });
  requests.erase(
      std::unique(requests.begin(), requests.end(), [](const Request& a, const Request& b) { return a.key == b.key; }),
      requests.end());
  Held held;
  held.table_ = this;
  held.locks_.reserve(requests.size());
  for (Request& request : requests) {
    const auto place = locks_.try_emplace(std::move(request.key), executor_).first;
    Lock& lock = place->second;
    ++lock.users;
    if (request.is_exclusive) {
      ++lock.exclusive_waiting;
      while (lock.is_exclusive || lock.shared != 0) co_await lock.changed.wait();
      --lock.exclusive_waiting;
      lock.is_exclusive = true;
    } else {
      while (lock.is_exclusive || lock.exclusive_waiting != 0) co_await lock.changed.wait();
      ++lock.shared;
    }
    Held::One one;
    one.lock = place;
    one.is_exclusive = request.is_exclusive;
    held.locks_.push_back(one);
  }
  co_return held;
}

}  // namespace aeon::dfs
