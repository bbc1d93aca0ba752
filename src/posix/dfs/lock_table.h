// Locks by name among the operations of one mount, so that what one looked at before it writes is still so. Between
// mounts, conditions on the writes do what they can (docs/design/dfs.md).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "runtime/sync.h"

namespace aeon::dfs {

class LockTable {
 public:
  // In the order in which an operation that needs several at different times takes them.
  enum class Kind : uint8_t {
    kTree,       // Exclusive while a directory moves to another parent, so that none gets into itself.
    kDirectory,  // Shared by what adds or removes entries; exclusive to remove the directory itself.
    kEntry,      // Exclusive by what changes an entry.
    kObject,     // Exclusive by what changes an inode with several names, or cuts a file; shared by writes to it.
  };
  struct Key {
    Kind kind = Kind::kTree;
    ObjectId object;
    std::string name;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Request {
    Key key;
    bool is_exclusive = false;
  };

 private:
  struct Lock {
    explicit Lock(Executor& executor) : changed(executor) {}
    uint32_t shared = 0;
    bool is_exclusive = false;
    uint32_t exclusive_waiting = 0;
    uint32_t users = 0;  // Holding or waiting.
    Signal changed;
  };

 public:
  // Locks that are let go of when it is destroyed.
  class Held {
   public:
    Held() = default;
    Held(Held&& other) noexcept : table_(std::exchange(other.table_, nullptr)), locks_(std::move(other.locks_)) {}
    Held& operator=(Held&& other) noexcept {
      release();
      table_ = std::exchange(other.table_, nullptr);
      locks_ = std::move(other.locks_);
      return *this;
    }
    ~Held() { release(); }
    void release();

   private:
    friend class LockTable;
    LockTable* table_ = nullptr;
    struct One {
      std::map<Key, Lock>::iterator lock;
      bool is_exclusive = false;
    };
    std::vector<One> locks_;
  };

  explicit LockTable(Executor& executor) : executor_(executor) {}

  // All of them, in one order for everybody.
  Task<Held> acquire(std::vector<Request> requests);

 private:
  Executor& executor_;
  std::map<Key, Lock> locks_;
};

}  // namespace aeon::dfs
