// The real World's parts besides executor and disks.
#pragma once

#include "runtime/world.h"

namespace aeon {

class SystemClock final : public Clock {
 public:
  uint64_t wall_ns() const override;
};

// Seeded by the operating system.
Random system_random();

// For systems whose parts all live in one process: nothing can be reached.
class NoNetwork final : public Network {
 public:
  Task<Result<std::unique_ptr<Stream>>> connect(std::string, Duration) override { co_return none(); }
  Result<std::unique_ptr<Listener>> listen(const std::string&) override { return none(); }

 private:
  static Status none() { return Status(Code::kUnavailable, "this process has no network"); }
};

// What a process has without a network: the system's clock and randomness, no faults.
class LocalWorld {
 public:
  explicit LocalWorld(Executor& executor) : world_{executor, clock_, network_, random_, faults_} {}
  LocalWorld(const LocalWorld&) = delete;
  LocalWorld& operator=(const LocalWorld&) = delete;

  World& operator*() { return world_; }
  World* operator->() { return &world_; }

 private:
  SystemClock clock_;
  NoNetwork network_;
  Random random_ = system_random();
  Faults faults_;
  World world_;
};

// Memory that this process may count on: the machine's, or less where its control group sets a limit.
ByteCount machine_memory();

// What a process is, for messages about who holds what.
uint64_t process_id();
uint64_t user_id();
std::string host_name();

}  // namespace aeon
