// A store under a workload, with what is known of it: what crash points are checked against.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/world.h"
#include "sim/crash_recording.h"

namespace aeon {

class CrashSubject {
 public:
  virtual ~CrashSubject() = default;

  virtual uint64_t block_count() const = 0;
  virtual bool unwritten_is_garbage() const = 0;
  virtual uint64_t space_blocks() const = 0;  // What the disk has room for; at least block_count(): all.
  virtual Task<Status> format(World* world, Disk* disk) = 0;

  // One life of the process: opens the store, and works until it ends. Notes what it did with the moments of
  // `recording`. What goes wrong is in fault() afterwards.
  virtual Task<void> live(World* world, SimExecutor* process, Disk* disk, CrashRecording* recording, Random random) = 0;
  virtual const std::string& fault() const = 0;
  // The next life goes on from an image of that moment: what came later never was.
  virtual void crashed_at(Moment moment) = 0;

  // Opens what a crash at `moment` of the last life left, and compares. Answers what is wrong; empty: nothing.
  // `depth`: a few points are also worked on, closed and opened again, or emptied to see that all space comes back.
  enum class Depth : uint8_t { kLook, kGoOn, kEmpty };
  virtual Task<std::string> check(World* world, SimExecutor* process, Disk* disk, Moment moment, Random random,
                                  Depth depth) = 0;
};

std::unique_ptr<CrashSubject> make_media_subject(uint64_t seed);
std::unique_ptr<CrashSubject> make_vos_subject(uint64_t seed);

struct CrashWorkload {
  std::string_view name;
  std::string_view what;
  std::unique_ptr<CrashSubject> (*make)(uint64_t seed);
};
const std::vector<CrashWorkload>& crash_workloads();

}  // namespace aeon
