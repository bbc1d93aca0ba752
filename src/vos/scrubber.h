// Checks everything that a store keeps, at a set rate (docs/design/inspection.md).
//
// Ownership: TargetStore owns it, and runs run() inside its gate. Threading: the store's executor.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "media/key_block_store.h"
#include "runtime/cancellation.h"
#include "runtime/world.h"
#include "vos/scrub.h"

namespace aeon::vos {

class Scrubber {
 public:
  // `calls` counts what users ask of the store; `name_of` gives the uuid of a container's number, or nil. All outlive
  // the scrubber.
  Scrubber(World& world, media::KeyBlockStore& media, ScrubOptions options, const uint64_t& calls,
           Cancellation& closing, std::function<Uuid(uint32_t)> name_of);

  // Goes on from where the last life of the store was, until closing.
  Task<void> run();

  const ScrubProgress& progress() const { return progress_; }
  std::vector<DamagedPlace> damage() const;

 private:
  struct Found {
    DamagedPlace place;
    uint64_t cycle = 0;
  };
  // What finds a place again: the key of a record, or the first key that a page hides.
  struct PlaceKey {
    DamagedPlace::What what = DamagedPlace::What::kValue;
    Bytes key;
    friend bool operator<(const PlaceKey& a, const PlaceKey& b) {
      return a.what != b.what ? a.what < b.what : compare_bytes(a.key, b.key) < 0;
    }
  };
  struct Range {
    Bytes begin;
    Bytes end;  // Empty: to the last.
  };

  Task<Status> step();
  Task<Status> check_values(Range range);
  // Those of some records; `range` then begins behind them. True at the end of the range.
  Task<Result<bool>> check_some_values(Range* range, ByteCount* bytes);
  Task<Status> check_record(Bytes key, Bytes value, ByteCount* bytes);
  Task<Result<bool>> is_still_there(ByteView key, ByteView value);
  // Waits as long as the rate asks for, and longer while others are at work. False when closing.
  Task<bool> pace(ByteCount bytes);
  void note_page(const media::KeyBlockStore::Damage& damage);
  void note(PlaceKey key, DamagedPlace place);
  void end_cycle();

  Task<Status> load();
  Task<Status> check_again(PlaceKey place);
  Task<void> save();

  World& world_;
  media::KeyBlockStore& media_;
  const ScrubOptions options_;
  const uint64_t& calls_;
  Cancellation& closing_;
  std::function<Uuid(uint32_t)> name_of_;

  ScrubProgress progress_;
  Bytes position_;  // Everything before it was checked in this cycle.
  std::map<PlaceKey, Found> found_;
  size_t saved_places_ = 0;  // Records of damaged places there are now.
  uint64_t calls_seen_ = 0;
  Instant cycle_began_{};
  Instant saved_at_{};
  ByteCount unsaved_bytes_ = 0;
};

}  // namespace aeon::vos
