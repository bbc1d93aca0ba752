// What the targets of a system ask each other. Any of them may be asked twice; see docs/design/targets.md.
#pragma once

#include <algorithm>

#include "wire/message_parts.h"

namespace aeon::wire {

// ---- Handles --------------------------------------------------------------------------------------------------------

// What a container handle allows; asked of the target that gives them.
struct TargetHandleReply {
  Uuid container;
  bool is_writable = false;
  bool is_flushed_later = false;
  bool has_explicit_epochs = false;
  static void io(auto& archive, auto& self) {
    archive(self.container, self.is_writable, self.is_flushed_later, self.has_explicit_epochs);
  }
};
struct TargetHandleRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetHandle;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  using Reply = TargetHandleReply;
  uint64_t handle = 0;
  static void io(auto& archive, auto& self) { archive(self.handle); }
};
struct TargetForgetHandlesRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetForgetHandles;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EmptyReply;
  std::vector<uint64_t> handles;
  static void io(auto& archive, auto& self) { archive(self.handles); }
};

// ---- The store ------------------------------------------------------------------------------------------------------

// A new epoch of the target's clock.
struct TargetClockRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetClock;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EpochReply;
  static void io(auto&, auto&) {}
  static void combine(const TargetClockRequest&, EpochReply& all, const EpochReply& one) {
    all.epoch = std::max(all.epoch, one.epoch);
  }
};

struct TargetSpaceReply {
  ByteCount capacity = 0;
  ByteCount free = 0;
  PoolSpace space;  // Only if it was asked for.
  static void io(auto& archive, auto& self) { archive(self.capacity, self.free, self.space); }
};
struct TargetSpaceRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetSpace;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = TargetSpaceReply;
  bool with_space = false;  // Looks at all containers.
  static void io(auto& archive, auto& self) { archive(self.with_space); }
  static void combine(const TargetSpaceRequest&, TargetSpaceReply& all, const TargetSpaceReply& one) {
    all.capacity += one.capacity;
    all.free += one.free;
    all.space += one.space;
  }
};

// ---- Containers -----------------------------------------------------------------------------------------------------

struct TargetContainersReply {
  std::vector<Uuid> containers;
  static void io(auto& archive, auto& self) { archive(self.containers); }
};
struct TargetContainersRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetContainers;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = TargetContainersReply;
  static void io(auto&, auto&) {}
};

struct TargetCreateContainerRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetCreateContainer;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;  // It is there already, then.
  static constexpr bool kInCollectives = true;
  using Reply = EmptyReply;
  Uuid container;
  bool has_explicit_epochs = false;
  std::optional<Uuid> base;  // Of a clone.
  Epoch base_epoch;
  static void io(auto& archive, auto& self) {
    archive(self.container, self.has_explicit_epochs, self.base, self.base_epoch);
  }
};
struct TargetDestroyContainerRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetDestroyContainer;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EmptyReply;
  Uuid container;
  static void io(auto& archive, auto& self) { archive(self.container); }
};

struct TargetQueryContainerReply {
  bool has_explicit_epochs = false;
  Epoch highest_committed;
  Epoch highest_written;
  Epoch aggregated_through;
  std::vector<Epoch> snapshots;
  SpaceUse space;
  AggregateProgress aggregation;
  std::optional<Uuid> base;
  Epoch base_epoch;
  std::vector<Epoch> clones;
  std::optional<SpaceSurvey> survey;
  static void io(auto& archive, auto& self) {
    archive(self.has_explicit_epochs, self.highest_committed, self.highest_written, self.aggregated_through,
            self.snapshots, self.space, self.aggregation, self.base, self.base_epoch, self.clones, self.survey);
  }
};
struct TargetQueryContainerRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetQueryContainer;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = TargetQueryContainerReply;
  Uuid container;
  bool with_survey = false;
  static void io(auto& archive, auto& self) { archive(self.container, self.with_survey); }
};

// With explicit epochs. These two aren't for collectives: what comes late, from a target that was given up, would be
// done behind what the client does next, which goes to the targets by itself.
struct TargetCommitRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetCommit;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  Uuid container;
  Epoch epoch;
  static void io(auto& archive, auto& self) { archive(self.container, self.epoch); }
};
struct TargetDiscardRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetDiscard;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  using Reply = EmptyReply;
  Uuid container;
  Epoch begin;
  Epoch end;
  static void io(auto& archive, auto& self) { archive(self.container, self.begin, self.end); }
};
struct TargetAggregateRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetAggregate;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EmptyReply;
  Uuid container;
  Epoch through;  // kEpochMax: all there is now.
  static void io(auto& archive, auto& self) { archive(self.container, self.through); }
};

struct TargetCreateSnapshotRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetCreateSnapshot;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EmptyReply;
  Uuid container;
  Epoch epoch;
  static void io(auto& archive, auto& self) { archive(self.container, self.epoch); }
};
struct TargetDestroySnapshotRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetDestroySnapshot;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EmptyReply;
  Uuid container;
  Epoch epoch;
  static void io(auto& archive, auto& self) { archive(self.container, self.epoch); }
};

// ---- Commits over several targets -----------------------------------------------------------------------------------

// The part of one target: it must be able to commit afterwards. Bulk: as for writes. Without writes it is done with
// this, else it waits to be told, and asks the coordinator if it isn't.
struct TargetPrepareRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetPrepare;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EmptyReply;
  Uuid container;
  Uuid transaction;
  Epoch epoch;
  uint32_t coordinator = 0;
  Epoch read_epoch;
  std::vector<TransactionRead> reads;
  std::vector<ObjectWrite> writes;
  static void io(auto& archive, auto& self) {
    archive(self.container, self.transaction, self.epoch, self.coordinator, self.read_epoch, self.reads, self.writes);
  }
};
struct TargetDecideRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetDecide;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  static constexpr bool kInCollectives = true;
  using Reply = EmptyReply;
  Uuid container;
  Uuid transaction;
  Epoch epoch;
  bool is_commit = false;
  static void io(auto& archive, auto& self) { archive(self.container, self.transaction, self.epoch, self.is_commit); }
};
// Asked of the coordinator. kInProgress while it doesn't know itself; what it doesn't know of is aborted from then on.
struct TargetOutcomeReply {
  bool is_commit = false;
  static void io(auto& archive, auto& self) { archive(self.is_commit); }
};
struct TargetOutcomeRequest {
  static constexpr Opcode kOpcode = Opcode::kTargetOutcome;
  static constexpr uint16_t kSince = 3;
  static constexpr bool kMayRepeat = true;
  using Reply = TargetOutcomeReply;
  Uuid container;
  Uuid transaction;
  Epoch epoch;
  static void io(auto& archive, auto& self) { archive(self.container, self.transaction, self.epoch); }
};

}  // namespace aeon::wire
