// What only the store of a target speaks of; the data model itself is in base/data_model.h.
#pragma once

#include <optional>
#include <vector>

#include "base/data_model.h"
#include "base/space_use.h"

namespace aeon::vos {

// Values up to this live in the index, larger in blocks: of these a value fills more than half.
inline constexpr ByteCount kInlineSizeMax = 2 * kKiB;

// Who gives the epochs of a container's writes.
enum class EpochMode : uint8_t {
  kClock = 0,     // The store's hybrid clock. A write is there for readers when it is applied.
  kExplicit = 1,  // The application, with each write. What is above the highest committed epoch is only there for reads
                  // at a given epoch, until it is committed or discarded.
};

// What a clone starts from: everything that a read of `container` at `epoch` sees.
struct CloneBase {
  Uuid container;
  Epoch epoch = kEpochMax;  // kEpochMax: the newest that readers may use now.
};

struct ContainerOptions {
  EpochMode epochs = EpochMode::kClock;
  std::optional<CloneBase> base;
};

struct ContainerInfo {
  Uuid id;
  EpochMode epochs = EpochMode::kClock;
  // What a read at kEpochMax sees: the newest epoch committed, with explicit epochs; else the newest written.
  Epoch highest_committed;
  Epoch highest_written;  // No write is above; the newest one unless that was discarded.
  Epoch aggregated_through;
  std::vector<Epoch> snapshots;  // In order.
  SpaceUse space;  // All epochs; of a clone, what it has itself.
  AggregateProgress aggregation;  // The one that runs, or the last since the store was opened.
  std::optional<CloneBase> base;  // Of a clone. The container may be destroyed by now.
  std::vector<Epoch> clones;  // The epochs that clones of this container start from, in order.
};

// A write that may be asked for again after the store was opened anew: who asks, and the number that it gave it. A
// client numbers its writes upwards, and asks again for none that is kWritesKept below its newest, or older than
// kWritesKeptFor.
struct WriteId {
  uint64_t client = 0;  // 0: it won't be asked for again.
  uint64_t number = 0;
};
inline constexpr uint64_t kWritesKept = 128;
inline constexpr Duration kWritesKeptFor = std::chrono::minutes(10);

// Where a listing of objects goes on behind one, whether or not that is there.
Anchor anchor_behind(ObjectId object);

}  // namespace aeon::vos
