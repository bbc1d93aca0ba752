// What only the store of a target speaks of; the data model itself is in base/data_model.h.
#pragma once

#include <vector>

#include "base/data_model.h"
#include "base/space_use.h"

namespace aeon::vos {

inline constexpr ByteCount kInlineSizeMax = 4 * kKiB;     // Values up to this live in the index, larger in blocks.

struct ContainerInfo {
  Uuid id;
  Epoch highest_committed;      // Newest epoch written or committed.
  Epoch aggregated_through;
  std::vector<Epoch> snapshots; // In order.
  SpaceUse space;
  AggregateProgress aggregation;  // The one that runs, or the last since the store was opened.
};

}  // namespace aeon::vos
