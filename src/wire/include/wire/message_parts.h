// What requests and answers are made of: their numbers, and the parts that several have. See messages.h.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/space_use.h"
#include "wire/archive.h"
#include "wire/header.h"

namespace aeon::wire {

enum class Opcode : uint16_t {
  kHello = 1,
  kStatus = 2,

  kPoolList = 16,
  kPoolConnect = 17,
  kPoolDisconnect = 18,
  kPoolQuery = 19,
  kPoolAttributes = 20,
  kPoolChangeAttributes = 21,

  kContainerCreate = 32,
  kContainerOpen = 33,
  kContainerClose = 34,
  kContainerDestroy = 35,
  kContainerList = 36,
  kContainerQuery = 37,
  kContainerProperties = 38,
  kContainerSetProperties = 39,
  kContainerAttributes = 40,
  kContainerChangeAttributes = 41,
  kSnapshotCreate = 42,
  kSnapshotList = 43,
  kSnapshotDestroy = 44,
  kAllocateNumbers = 45,
  kContainerAggregate = 46,
  kContainerClone = 47,
  kContainerCommit = 48,
  kContainerDiscard = 49,
  kContainerEpochs = 50,

  kObjectWrite = 64,
  kObjectFetch = 65,
  kListObjects = 66,
  kListDkeys = 67,
  kListAkeys = 68,
  kListRecxs = 69,
  kQueryKey = 70,
  kQueryMaxEpoch = 71,
  kFlush = 72,
  kTransactionBegin = 80,
  kTransactionCommit = 81,
  kCollective = 82,

  // Between targets.
  kTargetHandle = 96,
  kTargetForgetHandles = 97,
  kTargetClock = 98,
  kTargetSpace = 99,
  kTargetContainers = 100,
  kTargetCreateContainer = 101,
  kTargetDestroyContainer = 102,
  kTargetQueryContainer = 103,
  kTargetCommit = 104,
  kTargetDiscard = 105,
  kTargetAggregate = 106,
  kTargetCreateSnapshot = 107,
  kTargetDestroySnapshot = 108,
  kTargetPrepare = 109,
  kTargetDecide = 110,
  kTargetOutcome = 111,
  kTargetCollective = 112,
  kTargetStatus = 113,
};
inline constexpr uint16_t kOpcodeMax = 113;
inline constexpr uint16_t kTargetOpcodesFrom = 96;
// The request's name as in docs and messages; "unknown" for numbers that aren't requests.
std::string_view opcode_name(uint16_t opcode);

enum class Access : uint8_t { kReadOnly = 1, kReadWrite = 2, kExclusive = 3 };
template <>
struct EnumRange<Access> {
  static constexpr Access kFirst = Access::kReadOnly, kLast = Access::kExclusive;
};

using PropertyValue = std::variant<uint64_t, std::string>;
using Properties = std::map<uint32_t, PropertyValue>;
using Attributes = std::map<std::string, Bytes>;
using AttributeChanges = std::map<std::string, std::optional<Bytes>>;

// ---- Parts ----------------------------------------------------------------------------------------------------------

struct PoolInfo {
  Uuid id;
  std::string label;
  uint32_t target_count = 0;
  ByteCount capacity = 0;
  ByteCount free = 0;
  uint32_t container_count = 0;
  static void io(auto& archive, auto& self) {
    archive(self.id, self.label, self.target_count, self.capacity, self.free, self.container_count);
  }
};

struct ContainerInfo {
  Uuid id;
  std::string label;
  uint64_t layout_type = 0;
  Epoch highest_committed;
  Epoch last_snapshot;
  uint32_t snapshot_count = 0;
  uint32_t handle_count = 0;
  uint64_t opened_unix_ns = 0;
  uint64_t modified_unix_ns = 0;
  SpaceUse space;
  AggregateProgress aggregation;
  static void io(auto& archive, auto& self) {
    archive(self.id, self.label, self.layout_type, self.highest_committed, self.last_snapshot, self.snapshot_count,
            self.handle_count, self.opened_unix_ns, self.modified_unix_ns, self.space, self.aggregation);
  }
};

struct SnapshotInfo {
  Epoch epoch;
  std::string name;
  static void io(auto& archive, auto& self) { archive(self.epoch, self.name); }
};

struct FetchAkey {
  Bytes akey;
  ValueKind kind = ValueKind::kSingle;
  std::vector<Recx> recxs;
  uint64_t out_size = 0;  // Its share of the room for bulk data, in order; 0: only sizes are wanted.
  static void io(auto& archive, auto& self) { archive(self.akey, self.kind, self.recxs, self.out_size); }
};

struct ListLimits {
  uint32_t count_max = 1024;
  ByteCount bytes_max = 64 * kKiB;
  static void io(auto& archive, auto& self) { archive(self.count_max, self.bytes_max); }
};

struct EmptyReply {
  static void io(auto&, auto&) {}
};
struct EpochReply {
  Epoch epoch;
  static void io(auto& archive, auto& self) { archive(self.epoch); }
};

}  // namespace aeon::wire
