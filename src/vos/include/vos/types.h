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

// What was done for a client that may ask again, after the store was opened anew, is known if it isn't so many numbers
// below the client's newest, and the client wasn't silent for so long.
inline constexpr uint64_t kRequestsKept = 128;
inline constexpr Duration kRequestsKeptFor = std::chrono::minutes(10);

// Where a listing of objects goes on behind one, whether or not that is there.
Anchor anchor_behind(ObjectId object);

}  // namespace aeon::vos
