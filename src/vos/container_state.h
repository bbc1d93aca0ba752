// What the store keeps in memory of a container, and how it is stored.
#pragma once

#include <memory>
#include <set>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "media/key_block_store.h"
#include "runtime/sync.h"
#include "vos/types.h"

namespace aeon::vos {

struct ContainerState {
  ContainerState(Executor& executor, Uuid id_in, uint32_t number_in)
      : id(id_in), number(number_in), maintenance(executor, 1) {}

  const Uuid id;
  const uint32_t number;
  bool is_destroyed = false;

  // Newest epoch applied. After a crash it may be later than that, by at most kEpochStep, never earlier.
  Epoch highest;
  // What the stored info says of `highest`: at or above it, so that no epoch is given twice after a crash. Writes
  // beyond the durable one wait for the batch that raises it.
  Epoch bound;
  Epoch bound_durable;
  media::LogPosition bound_position;

  Epoch aggregated_through;  // Stored before the aggregation begins: no write at or before it is taken any more.
  std::set<Epoch> snapshots;
  std::multiset<Epoch> reads;  // Epochs of reads in progress, which aggregation keeps whole.
  Semaphore maintenance;       // Aggregation and discard, one at a time.
  AggregateProgress aggregation;
  ByteCount written_since_aggregation = 0;
  ByteCount look_at_written = 0;    // The policy isn't asked again before that much was written.
  bool is_aggregation_due = false;  // The policy is being asked.
};

// The stored form of ContainerState's numbers.
struct ContainerInfoRecord {
  Epoch bound;
  Epoch aggregated_through;
};
Bytes encode_container_info(const ContainerInfoRecord& info);
Result<ContainerInfoRecord> decode_container_info(ByteView encoded);

// The store's own.
struct StoreInfoRecord {
  uint32_t next_container = 1;
  Epoch epoch_bound;            // Epochs of containers that are gone.
  uint64_t minor_bound = 0;     // Minors given to late writes are below.
};
inline constexpr uint32_t kVosFormatVersion = 1;
Bytes encode_store_info(const StoreInfoRecord& info);
// kVersionUnsupported for one of a newer program.
Result<StoreInfoRecord> decode_store_info(ByteView encoded);

// Registers a read's epoch for as long as it lives.
class ReadEpoch {
 public:
  ReadEpoch(std::shared_ptr<ContainerState> container, Epoch epoch)
      : container_(std::move(container)), place_(container_->reads.insert(epoch)) {}
  ReadEpoch(const ReadEpoch&) = delete;
  ReadEpoch& operator=(const ReadEpoch&) = delete;
  ~ReadEpoch() { container_->reads.erase(place_); }
  Epoch epoch() const { return *place_; }

 private:
  std::shared_ptr<ContainerState> container_;
  std::multiset<Epoch>::iterator place_;
};

}  // namespace aeon::vos
