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

// Memory that this process may count on: the machine's, or less where its control group sets a limit.
ByteCount machine_memory();

// What a process is, for messages about who holds what.
uint64_t process_id();
std::string host_name();

}  // namespace aeon
