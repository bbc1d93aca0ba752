// One pass over a container that drops history nobody can see any more, and writes anew what takes more than it should.
//
// What must stay is what a reader sees at each of the *kept epochs*: the pass's own boundary (which stands for every
// later read too, since what is newer isn't touched), and snapshots and reads in progress before it. A value stays if
// one of these sees any part of it; a punch stays if it still hides something that stays.
//
// The extents of an array that were written between two kept epochs are a *layer*: no reader tells their epochs apart.
// In each layer runs of small extents are merged (extent_merge.h), and extents of which much is hidden are trimmed:
// their visible parts become extents of their own, with the same version, in the same blocks where those are hidden as
// a whole. docs/design/space.md says why readers see no change.
//
// A clone's punches also hide what its bases have: of each thing the newest punch at a kept epoch stays, as long as a
// base has records there.
//
// While it runs, nothing at or before the boundary is written (TargetStore refuses), so what was decided about one
// record still holds when a later one is looked at.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "container_state.h"
#include "lookup.h"
#include "maintenance_pace.h"
#include "record_dropper.h"
#include "runtime/gate.h"
#include "runtime/world.h"
#include "space_news.h"
#include "vos/store.h"

namespace aeon::vos {

class Aggregation {
 public:
  struct Setup {
    std::vector<Epoch> kept;  // In order and unique; the last one is the boundary.
    bool is_survey = false;  // Changes nothing, and counts what it would drop.
    Epoch merge_through;  // Merges extents up to this epoch only: later ones may be overwritten again soon.
    // The same for extents that fill their blocks. Merging these saves only index and later reads, so they should be
    // ones that hardly anybody will overwrite.
    Epoch copy_through;
    bool is_short_of_space = false;  // Trims for less.
    SpaceNews* news = nullptr;
  };
  // All of these outlive it. `gate` ends it by closing.
  Aggregation(media::KeyBlockStore& media, Semaphore& turn, const Gate& gate, MaintenancePace& pace,
              ContainerState& container, Setup setup)
      : media_(media),
        turn_(turn),
        gate_(gate),
        pace_(pace),
        container_(container),
        setup_(std::move(setup)),
        kept_(setup_.kept),
        lookup_(media),
        bases_(media, container),
        dropper_(media) {}

  Task<Status> run();  // kCanceled if the gate closes or the container is destroyed.
  AggregateProgress progress() const;
  void note_progress();  // Where others look for it. For the last time behind run().
  // Of a survey.
  const SpaceUse& seen_space() const { return seen_space_; }
  const SpaceUse& dropped_space() const { return dropped_space_; }

 private:
  // An object, dkey or akey that the pass is in.
  struct Scope {
    Bytes prefix;
    std::vector<Version> punches;  // Newest first; for each kept epoch at most one.
    Epoch punched_before = kEpochMax;  // Of the punch looked at last.
    Version oldest_kept = kNothingKept;
    Epoch newer_stamp = kEpochMax;  // Of an object: the one looked at last.
  };
  static constexpr Version kNothingKept{kEpochMax, ~uint64_t{0}};
  enum Level : size_t { kObject, kDkey, kAkey, kLevelCount };

  // A record and where the pass is.
  struct Entry {
    Bytes key;
    RecordKey record;
    ValueShape shape;
    SpaceUse space;  // In a survey.
  };
  // What was kept of one akey's extents in one layer.
  struct LayerSeen {
    uint64_t small_extents = 0;
    bool is_partly_hidden = false;
  };
  // Of a layer: what makes up some of an array, with its values.
  struct Window {
    uint64_t begin = 0, end = 0;
    ExtentSet set;
    std::vector<VisiblePart> parts;  // Of the layer only.
  };
  struct Layer {
    Epoch after;  // Extents of later epochs,
    Epoch at;  // up to this one, belong to it.
    Version floor;
  };

  Epoch through() const { return kept_.back(); }
  bool is_clone() const { return container_.base != nullptr; }
  // Destroyed, and not kept for its clones.
  bool is_over() const { return container_.is_destroyed && !container_.is_hidden; }
  Version floor_at(Epoch epoch) const;
  // The first kept epoch at or behind `epoch`; the end if there is none.
  size_t kept_from(Epoch epoch) const;
  // Whether a kept epoch has nothing newer of the same kind: `end` is the epoch of the next newer one.
  bool is_any_kept_in(Epoch begin, Epoch end) const {
    const size_t first = kept_from(begin);
    return first != kept_.size() && kept_[first] < end;
  }
  // Whether a kept epoch from `version` to before `until` doesn't see it punched.
  bool is_seen_between(Version version, Epoch until) const;

  // aggregation.cc
  void drop(const Bytes& key, const SpaceUse& space);
  Task<Status> end_slice();
  Task<Status> end_slice_if_full();
  Task<Status> enter(const Entry& entry);
  Task<Status> leave(size_t level);  // This level and those below.
  Task<Status> leave_akey();
  Task<Status> drop_extent_punches(Version oldest_kept, bool has_base);
  Task<Status> drop_mark();
  Task<Status> look_at(const Entry& entry);
  void look_at_punch(const Entry& entry);
  void look_at_single(const Entry& entry);
  Task<Status> look_at_extent(const Entry& entry);
  Task<Status> look_at_stamp(const Entry& entry);
  Task<Result<bool>> is_extent_seen(const RecordKey& record, const ValueShape& shape, Epoch replaced);
  void keep(Version version);

  // aggregation_rewrite.cc
  Task<Status> rewrite_akey();
  Task<Status> rewrite_layer(const Layer* layer);
  Task<Status> load_window(const Layer* layer, Window* window);
  Task<Status> merge_window(const Window* window);
  Task<Status> trim_window(const Window* window);
  Task<Status> trim(const Window* window, size_t candidate, std::vector<VisiblePart> parts);
  struct Rewrite;
  Status remove(Rewrite* rewrite, const Window& window, size_t index, bool with_blocks);
  Task<Status> read_part(Rewrite* rewrite, const Window* window, size_t index, uint64_t start, uint64_t end,
                         MutableBytes out);
  Task<Status> add_copy(Rewrite* rewrite, ExtentCandidate extent, uint64_t record_size, MutableBytes data);
  void add_record(Rewrite* rewrite, const ExtentCandidate& extent, const ValueRecord& record);
  Task<Status> apply(Rewrite* rewrite);
  Bytes extent_key(const ExtentCandidate& extent) const;
  void note_damage(const ExtentCandidate& extent, const Status& status);

  media::KeyBlockStore& media_;
  Semaphore& turn_;  // The writer turn.
  const Gate& gate_;
  MaintenancePace& pace_;
  ContainerState& container_;
  const Setup setup_;
  const std::vector<Epoch>& kept_;
  Lookup lookup_;  // Of the container's own records.
  Lookup bases_;  // Of what a clone hides in its bases.
  RecordDropper dropper_;
  Scope scopes_[kLevelCount];
  size_t depth_ = 0;  // Scopes entered.
  uint64_t seen_ = 0;
  // Since the last slice: entries looked at, and lookups, which cost more.
  static constexpr uint64_t kLookupWork = 4;
  uint64_t work_ = 0;
  SpaceUse seen_space_;
  SpaceUse dropped_space_;
  AggregateProgress rewritten_;
  uint64_t made_before_ = 0;  // The last slice.

  // Of the akey.
  bool several_shapes_ = false;
  bool has_single_ = false;
  Version single_;  // The version looked at last, and what became of it.
  bool single_is_kept_ = false;
  std::vector<std::pair<Bytes, SpaceUse>> single_punches_;  // That nothing kept is hidden by yet; one a kept epoch.
  struct {
    bool is_set = false;
    uint8_t level = 0;
    uint64_t start = 0, count = 0;
    Epoch epoch;
  } extent_before_;
  bool has_extent_punches_ = false;
  Version oldest_extent_kept_ = kNothingKept;
  std::map<size_t, LayerSeen> layers_;  // By the index of the kept epoch that ends it.
};

}  // namespace aeon::vos
