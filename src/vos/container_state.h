// What the store keeps in memory of a container, and how it is stored.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "container_transactions.h"
#include "media/key_block_store.h"
#include "runtime/sync.h"
#include "vos/types.h"

namespace aeon::vos {

struct EpochRange {
  Epoch begin;
  Epoch end;  // Included.
};

// One container of a chain of clones and bases, as readers of the clone see it.
struct Layer {
  uint32_t number = 0;
  Epoch through;            // Nothing newer than this is seen; kEpochMax for the container itself.
  bool has_stamps = false;  // Its objects have records of the epochs that changed them.
};

// The stored form of a container's numbers. The first two are all that a container without options has.
struct ContainerInfoRecord {
  Epoch bound;
  Epoch aggregated_through;

  Uuid id;
  EpochMode epochs = EpochMode::kClock;
  bool is_hidden = false;     // Destroyed, and kept for its clones.
  bool trim_is_due = false;   // Of a hidden one: it may have what no clone sees.
  Epoch committed;
  uint32_t base_number = 0;   // 0: not a clone.
  Epoch base_epoch;
  // What was read at or before the bound stays as it was: no write at a given epoch up to the bound that is found when
  // opening is taken.
  bool guards_reads = false;

  bool has_options() const { return epochs != EpochMode::kClock || is_hidden || base_number != 0 || guards_reads; }
};

struct ContainerState {
  ContainerState(Executor& executor, Uuid id_in, uint32_t number_in)
      : id(id_in), number(number_in), maintenance(executor, 1) {
    layers.push_back({.number = number, .through = kEpochMax});
  }

  const Uuid id;
  const uint32_t number;
  bool is_destroyed = false;  // For users. It may go on as the hidden base of clones.
  bool is_hidden = false;  // Destroyed, and kept for its clones.
  bool trim_is_due = false;  // Hidden, and it may have what no clone sees. Stored, so that a restart goes on with it.
  bool is_trimming = false;
  bool trim_again = false;  // A clone ended meanwhile.

  EpochMode epochs = EpochMode::kClock;
  // Explicit epochs only. `committing` is applied and `committed` durable; the latter is what readers use.
  Epoch committing;
  Epoch committed;
  media::LogPosition commit_position;
  std::optional<EpochRange> discarding;  // The discard in progress.

  // A clone reads its base at `base_epoch` for what it doesn't have itself; all its own epochs are above.
  std::shared_ptr<ContainerState> base;
  Epoch base_epoch;
  std::vector<Layer> layers;  // Itself, its base, the base's base, …; `through` never grows. Set once.
  std::multiset<Epoch>
      clones;  // The epochs its clones start from. Aggregation keeps them, and nothing is written there.

  // Newest epoch applied. After a crash it may be later than that, by at most kEpochStep, never earlier.
  Epoch highest;
  // What the stored info says of `highest`: at or above it, so that no epoch is given twice after a crash. Writes
  // beyond the durable one wait for the batch that raises it.
  Epoch bound;
  Epoch bound_durable;
  media::LogPosition bound_position;
  bool guards_reads = false;  // As in ContainerInfoRecord; stored at `guard_position`.
  media::LogPosition guard_position;

  Epoch aggregated_through;  // Stored before the aggregation begins: no write at or before it is taken any more.
  std::set<Epoch> snapshots;
  std::multiset<Epoch> reads;  // Epochs of reads in progress, which aggregation keeps whole.
  Semaphore maintenance;  // Aggregation and discard, one at a time.
  AggregateProgress aggregation;
  ByteCount written_since_aggregation = 0;
  // Boundaries of aggregations since the store was opened, a few dozen, and what had been written at each.
  std::vector<std::pair<Epoch, ByteCount>> boundaries;
  ByteCount look_at_written = 0;  // The policy isn't asked again before that much was written.
  bool is_aggregation_due = false;  // The policy is being asked.

  // Null until the first transaction, which is all that other calls look at then.
  std::unique_ptr<ContainerTransactions> transactions;
  // The newest epoch that may have been read or written before the store was opened or the container created.
  Epoch opened_at;

  // What a read at kEpochMax sees, so that what is written meanwhile isn't seen in part.
  Epoch newest_readable() const { return epochs == EpochMode::kExplicit ? committed : highest; }
  // Writes are taken above this only.
  Epoch closed_through() const;
  // Whether a write at `epoch` is still taken; kEpochZero: at the clock's next.
  Status check_write_epoch(Epoch epoch) const;
  // kBusy while something at or before `epoch` is being discarded.
  Status check_not_discarding(Epoch epoch) const;
  // kInvalidArgument: with explicit epochs there are none.
  Status check_has_transactions() const;
  // An aggregation through `epoch` begins.
  void note_boundary(Epoch epoch);
  // The newest boundary since which `written` bytes were written.
  Epoch boundary_before(ByteCount written) const;
  // Begins to share the base. Once, before anything is read.
  void set_base(std::shared_ptr<ContainerState> base_in, Epoch epoch);
  void set_epochs(EpochMode mode);

  ContainerInfoRecord info() const;
};

Bytes encode_container_info(const ContainerInfoRecord& info);
Result<ContainerInfoRecord> decode_container_info(ByteView encoded);

// Format 2 has containers with explicit epochs, clones, and prepared transactions; format 3 what was promised to other
// stores beyond that: decisions that are kept until released, and guarded reads. A store stays at format 1, or 2, which
// older programs can read, until it gets the first of what the next one has.
inline constexpr uint32_t kVosFormatPlain = 1;
inline constexpr uint32_t kVosFormatOptions = 2;
inline constexpr uint32_t kVosFormatPromises = 3;
inline constexpr uint32_t kVosFormatVersion = kVosFormatPromises;

// The store's own.
struct StoreInfoRecord {
  void needs(uint32_t the_format) { format = std::max(format, the_format); }

  uint32_t format = kVosFormatPlain;
  uint32_t next_container = 1;
  Epoch epoch_bound;  // Epochs of containers that are gone.
  uint64_t minor_bound = 0;  // Minors given to late writes are below.
};
Bytes encode_store_info(const StoreInfoRecord& info);
// kVersionUnsupported for a format that this program doesn't read; names both.
Result<StoreInfoRecord> decode_store_info(ByteView encoded);

// Registers a read's epoch for as long as it lives: with the container that was written then, which for a clone may be
// one of its bases. (Where bases are read at the epoch of a clone, they keep that.)
class ReadEpoch {
 public:
  ReadEpoch(std::shared_ptr<ContainerState> container, Epoch epoch)
      : container_(written_at(std::move(container), epoch)), place_(container_->reads.insert(epoch)) {}
  ReadEpoch(const ReadEpoch&) = delete;
  ReadEpoch& operator=(const ReadEpoch&) = delete;
  ~ReadEpoch() { container_->reads.erase(place_); }
  Epoch epoch() const { return *place_; }

 private:
  static std::shared_ptr<ContainerState> written_at(std::shared_ptr<ContainerState> container, Epoch epoch) {
    while (container->base != nullptr && epoch < container->base_epoch) container = container->base;
    return container;
  }

  std::shared_ptr<ContainerState> container_;
  std::multiset<Epoch>::iterator place_;
};

}  // namespace aeon::vos
