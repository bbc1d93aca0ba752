// The images that a crash may leave at each moment of a recording.
//
// With up to three pending writes, every subset of them; and each of them torn, at a few places, with all others kept
// or all lost. With more: all, none, all but one, only one, and a sample of subsets with torn ones among them. An image
// comes once for each state of what was promised, since what must be in it hasn't changed otherwise.
// What is made follows from the recording and the seed alone.
#pragma once

#include <functional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "runtime/random.h"
#include "sim/crash_recording.h"

namespace aeon {

enum class CrashImageKind : uint8_t { kAllLost, kAllKept, kSubset, kTorn, kSample };
inline constexpr size_t kCrashImageKindCount = 5;
std::string_view name_of(CrashImageKind kind);

struct CrashPoint {
  Moment moment;
  uint64_t number;  // Within the recording, from 0.
  CrashImageKind kind;
  size_t pending_count;
  const BlockTable& image;  // Until the visit ends.
};

class CrashImages {
 public:
  CrashImages(const CrashRecording& recording, uint64_t seed)
      : recording_(recording), random_(seed), media_(recording.media()), pending_(recording.cached()) {}

  // Calls `visit` with each, in order.
  void for_each(const std::function<void(const CrashPoint&)>& visit);

  // What is there after the last event: for going on from a process that was only killed.
  const BlockTable& media() const { return media_; }
  const std::vector<PendingWrite>& pending() const { return pending_; }
  uint64_t count() const { return next_number_; }

 private:
  // What becomes of one pending write.
  struct Fate {
    enum class Kind : uint8_t { kLost, kKept, kHead, kTail, kScattered };
    Kind kind = Kind::kLost;
    uint64_t detail = 0;  // Sectors of the head or tail; the seed of what is scattered.
  };

  void visit_moment();
  void visit_all_subsets();
  void visit_sample();
  void visit_torn(size_t which, const std::vector<Fate>& others);
  Fate random_tear(const PendingWrite& write);
  void visit_image(CrashImageKind kind, const std::vector<Fate>& fates);
  void put(BlockTable& image, uint64_t& hash, const PendingWrite& write, Fate fate);
  void apply(const CrashRecording::Event& event);

  const CrashRecording& recording_;
  Random random_;
  BlockTable media_;
  std::vector<PendingWrite> pending_;
  uint64_t media_hash_ = 0;
  Moment moment_ = 0;
  uint64_t promises_ = 0;
  uint64_t next_number_ = 0;
  BlockArena scratch_;
  std::unordered_set<uint64_t> seen_;
  const std::function<void(const CrashPoint&)>* visit_ = nullptr;
};

}  // namespace aeon
