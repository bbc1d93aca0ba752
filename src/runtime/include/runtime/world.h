// Everything the core code knows of the outside. The same code runs on a Reactor with files and sockets, and in
// sim/ from one seed with faults.
#pragma once

#include <string_view>

#include "runtime/disk.h"
#include "runtime/executor.h"
#include "runtime/network.h"
#include "runtime/random.h"

namespace aeon {

// Wall time, for epochs and times that users see. May jump; durations use Executor::now().
class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds since 1970-01-01 UTC.
  virtual uint64_t wall_ns() const = 0;
};

// Helps rare branches along under simulation: `if (world.faults.sometimes("evict_early"))`. Always false outside it.
class Faults {
 public:
  virtual ~Faults() = default;
  virtual bool sometimes(std::string_view name) {
    static_cast<void>(name);
    return false;
  }
  // Whether there is to be none left of a resource that is being allocated. Simulation says yes when it is told to.
  virtual bool exhausted(std::string_view resource) {
    static_cast<void>(resource);
    return false;
  }
};

struct World {
  Executor& executor;
  Clock& clock;
  Network& network;
  Random& random;
  Faults& faults;
};

}  // namespace aeon
