// The state of libdaos in this process: whether it is started, the systems it has open, all handles.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "client/client.h"
#include "handle_table.h"
#include "runtime/fork.h"

namespace aeon::capi {

// A system stays open from its first use to the last daos_fini(): a directory has one holder, so all pools, threads
// and mounts of the process share it. From any thread.
//
// The child of a fork() has one of its own, which isn't started and knows no handles.
class Library {
 public:
  static Library& instance();

  int start();  // daos_init(), daos_fini()
  int stop();
  int start_after_fork();  // daos_reinit()

  // Around every call and every operation under way: stop() refuses while there are some. False before start().
  bool enter();
  void leave();

  // The system of that name as users write it; null, empty and DAOS's default name stand for what AEON_SYSTEM says.
  // -DER_INVAL, -DER_NONEXIST… through `error`.
  std::shared_ptr<client::System> open_system(const char* name, bool create_if_missing, int* error);

  // Helps along what was submitted to any of the systems, on this thread. False if there was nothing to do.
  bool poll();

  HandleTable& handles() { return handles_; }

 private:
  Library() = default;

  void note_started() const;

  // Whether the library is started (the top bit), and how many calls and operations are inside.
  std::atomic<uint64_t> inside_{0};
  const uint64_t generation_ = fork_generation();
  std::mutex mutex_;  // Guards what follows, but isn't held while a system opens.
  uint32_t start_count_ = 0;
  std::map<std::string, std::shared_ptr<client::System>> systems_;
  std::mutex opening_mutex_;  // One opens at a time, so that two don't contend for the same directory.
  HandleTable handles_;
};

// Keeps the library from ending while a call or operation is under way.
class Inside {
 public:
  Inside() : library_(Library::instance()), inside_(library_.enter()) {}
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    if (inside_) library_.leave();
  }
  explicit operator bool() const { return inside_; }
  // Not if there was a fork() since.
  bool is_of_this_process() const { return &library_ == &Library::instance(); }

 private:
  Library& library_;
  bool inside_;
};

inline HandleTable& handles() { return Library::instance().handles(); }

}  // namespace aeon::capi
