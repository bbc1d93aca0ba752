// The pool map: a versioned tree of fault domains, nodes, ranks and targets, and what state each target is in.
//
// A plain value. Changes are functions that give the next version; a map from elsewhere is checked before use. Domains
// and targets are named by their position and never removed, so that a number stays good for ever. States, the rules
// of changes and the encoding: docs/design/placement.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace aeon::placement {

using MapVersion = uint32_t;  // Counts from 1; 0 is never.
using TargetId = uint32_t;    // Position in PoolMap::targets.

inline constexpr TargetId kNoTarget = ~TargetId{0};
inline constexpr uint32_t kTargetsMax = 65'536;
inline constexpr uint32_t kDomainsMax = 65'536;
inline constexpr uint32_t kDomainDepthMax = 16;  // Levels below the root.
inline constexpr size_t kDomainNameMax = 255;

// The numbers are stored: never renumber.
enum class TargetState : uint8_t {
  kNew = 1,      // Added, and not used yet.
  kUp = 2,       // Being filled, because it joins or is back.
  kUpIn = 3,     // In use.
  kDown = 4,     // Failed; what it held is being rebuilt elsewhere.
  kDownOut = 5,  // Out; what it held is elsewhere.
  kDrain = 6,    // In use, and being emptied.
};
// "upin", as DAOS's tools spell it.
std::string_view state_name(TargetState state);

struct Domain {
  enum class Kind : uint8_t { kRoot = 1, kFaultDomain = 2, kNode = 3, kRank = 4 };
  uint32_t parent = 0;  // Position in PoolMap::domains, before this one. The root, at 0, is its own.
  Kind kind = Kind::kRoot;
  uint32_t rank = 0;    // Of kRank.
  std::string name;     // Of kFaultDomain and kNode; unique among siblings.
  friend bool operator==(const Domain&, const Domain&) = default;
};

struct Target {
  uint32_t domain = 0;  // Its rank's position in PoolMap::domains.
  uint32_t index = 0;   // On that rank.
  TargetState state = TargetState::kNew;
  bool returned_early = false;  // kUp, and what it held hadn't been rebuilt elsewhere.
  MapVersion joined_in = 0;     // Layouts count it from then on; 0 for kNew.
  MapVersion out_since = 0;     // Failed or emptied then, and not taken back; 0 if in use.
  MapVersion changed_in = 0;
  friend bool operator==(const Target&, const Target&) = default;
};

struct PoolMap {
  MapVersion version = 0;
  std::vector<Domain> domains;
  std::vector<Target> targets;

  uint32_t rank_of(TargetId target) const { return domains[targets[target].domain].rank; }
  // kNoTarget if there is none.
  TargetId find_target(uint32_t rank, uint32_t index) const;
  // Of a rank, or of everything below a domain, in order.
  std::vector<TargetId> targets_of_rank(uint32_t rank) const;
  std::vector<TargetId> targets_below(uint32_t domain) const;
  // Something is pending: data is on its way to where this version wants it.
  bool is_changing() const;

  friend bool operator==(const PoolMap&, const PoolMap&) = default;
};

// kInvalidArgument unless the map makes sense by itself.
Status validate(const PoolMap& map);
// kInvalidArgument unless `next` may replace `now`: not older, the same if its version is the same, nothing removed or
// moved. Both are valid.
Status check_follows(const PoolMap& now, const PoolMap& next);

// A rank and where it stands; what isn't in the map yet of its fault domains and node is added with it.
struct RankPlace {
  std::vector<std::string> fault_domains;  // From the root down: {"room-1", "rack-4"}.
  std::string node;
  uint32_t rank = 0;
  uint32_t target_count = 1;
};

// Version 1 of a pool's map, with all targets in use.
Result<PoolMap> make_pool_map(std::span<const RankPlace> ranks);
// One node with one rank; target_count is 1 to kTargetsMax.
PoolMap make_plain_map(uint32_t target_count);

// Changes. Each gives the next version, or the same map if there is nothing to change, and refuses what can't be done
// with any of the targets (kInvalidArgument, kBusy), then changing none.

// The targets of new ranks, as kNew. kExists if a rank is there already.
Result<PoolMap> with_ranks(PoolMap map, std::span<const RankPlace> ranks);
// kNew targets begin to be filled.
Result<PoolMap> with_joining(PoolMap map, std::span<const TargetId> targets);
// Failed, or to be treated so.
Result<PoolMap> with_excluded(PoolMap map, std::span<const TargetId> targets);
// To be emptied first. kBusy for one that is being filled.
Result<PoolMap> with_drained(PoolMap map, std::span<const TargetId> targets);
// Excluded or drained targets come back, with what they held or without.
Result<PoolMap> with_reintegrated(PoolMap map, std::span<const TargetId> targets);
// All data is where `version` of the map wants it. kConflict if the map has changed since that version.
Result<PoolMap> with_changes_finished(PoolMap map, MapVersion version);

// One encoding for each map. decode_pool_map takes anything: kCorrupt for what isn't an encoding, kVersionUnsupported
// for that of a newer format, kInvalidArgument for a map that makes no sense.
Bytes encode_pool_map(const PoolMap& map);
Result<PoolMap> decode_pool_map(ByteView bytes);

}  // namespace aeon::placement
