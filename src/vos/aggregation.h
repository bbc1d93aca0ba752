// One pass over a container that drops history nobody can see any more.
//
// What must stay is what a reader sees at each of the *kept epochs*: the pass's own boundary (which stands for every
// later read too, since what is newer isn't touched), and snapshots and reads in progress before it. A value stays if
// one of these sees any part of it; a punch stays if it still hides something that stays. An extent of which some
// records are still seen stays whole.
//
// A clone's punches also hide what its bases have: of each thing the newest punch at a kept epoch stays, as long as a
// base has records there.
//
// While it runs, nothing at or before the boundary is written (TargetStore refuses), so what was decided about one
// record still holds when a later one is looked at.
#pragma once

#include <vector>

#include "container_state.h"
#include "lookup.h"
#include "record_dropper.h"
#include "runtime/gate.h"
#include "runtime/world.h"
#include "vos/store.h"

namespace aeon::vos {

class Aggregation {
 public:
  // `kept` in order and unique; its last one is the boundary.
  Aggregation(World& world, media::KeyBlockStore& media, Semaphore& turn, const ContainerState& container,
              std::vector<Epoch> kept)
      : world_(world),
        media_(media),
        turn_(turn),
        container_(container),
        kept_(std::move(kept)),
        lookup_(media),
        bases_(media, container),
        dropper_(media) {}

  Task<Status> run(const Gate& gate);  // kCanceled if the gate closes or the container is destroyed.
  AggregateProgress progress() const {
    return {.entries_seen = seen_, .entries_dropped = dropper_.dropped(), .bytes_freed = dropper_.bytes_freed()};
  }

 private:
  // An object, dkey or akey that the pass is in.
  struct Scope {
    Bytes prefix;
    std::vector<Version> punches;  // Newest first.
    Version oldest_kept = kNothingKept;
    Epoch newer_stamp = kEpochMax;  // Of an object: the one looked at last.
  };
  static constexpr Version kNothingKept{kEpochMax, ~uint64_t{0}};
  enum Level : size_t { kObject, kDkey, kAkey, kLevelCount };

  struct ExtentPunch {
    Bytes key;
    uint64_t start = 0;
    uint64_t end = 0;
    Version version;
    bool is_seen = false;  // In a clone: a kept epoch sees it, so that it may hide something of the base.
  };
  struct SinglePunch {
    Bytes key;
    bool is_seen = false;
  };

  Epoch through() const { return kept_.back(); }
  Version floor_at(Epoch epoch) const;
  // Whether a kept epoch from `version` to before `until` doesn't see it punched.
  bool is_seen_between(Version version, Epoch until) const;
  // Whether a kept epoch has nothing newer of the same kind: `replaced` is the epoch of the next newer one.
  bool is_newest_at_kept(Epoch epoch, Epoch replaced) const;
  bool is_clone() const { return container_.base != nullptr; }

  Task<Status> flush_if_full();  // Lets others run too.
  Task<Status> enter(const Bytes& key, const RecordKey& record);
  Task<Status> leave(size_t level);  // This level and those below.
  Task<Status> leave_akey();
  Task<Status> drop_mark();
  Task<Status> look_at(const Bytes& key, const RecordKey& record, const ValueShape& shape);
  void look_at_single(const Bytes& key, const RecordKey& record, const ValueShape& shape);
  Task<Status> look_at_stamp(const Bytes& key, const RecordKey& record);
  Task<Status> look_at_extent(const Bytes& key, const RecordKey& record, const ValueShape& shape);
  Task<Result<bool>> is_extent_seen(const RecordKey& record, const ValueShape& shape);
  void keep(Version version);

  World& world_;
  media::KeyBlockStore& media_;
  Semaphore& turn_;  // The writer turn.
  const ContainerState& container_;
  const std::vector<Epoch> kept_;
  Lookup lookup_;  // Of the container's own records.
  Lookup bases_;   // Of what a clone hides in its bases.
  RecordDropper dropper_;
  Scope scopes_[kLevelCount];
  size_t depth_ = 0;  // Scopes entered.
  uint64_t seen_ = 0;

  // Of the akey.
  bool several_shapes_ = false;
  bool has_single_ = false;
  Version single_;                        // The version looked at last, and what became of it.
  bool single_is_kept_ = false;
  std::vector<SinglePunch> single_punches_;     // That nothing kept is hidden by yet.
  struct {
    bool is_set = false;
    uint8_t level = 0;
    uint64_t start = 0, count = 0;
    Epoch epoch;
  } extent_before_;
  std::vector<ExtentPunch> extent_punches_;
  Version oldest_extent_kept_ = kNothingKept;
  uint64_t lookups_ = 0;
};

}  // namespace aeon::vos
