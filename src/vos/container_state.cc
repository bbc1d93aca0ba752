#include "container_state.h"

#include <algorithm>

namespace aeon::vos {

namespace {

constexpr size_t kPlainInfoSize = 16;
constexpr size_t kInfoSize = kPlainInfoSize + 1 + 8 + 4 + 8 + 16;
constexpr size_t kStoreInfoSize = 24;

enum InfoFlags : uint8_t { kIsExplicit = 1, kIsHidden = 2, kTrimIsDue = 4, kGuardsReads = 8 };
constexpr uint8_t kKnownInfoFlags = kIsExplicit | kIsHidden | kTrimIsDue | kGuardsReads;

Status epoch_is_closed(Epoch epoch, Epoch through, const std::string& why) {
  return Status(Code::kInvalidArgument, "epoch " + std::to_string(epoch.value) + " " + why +
                                            "; writes start after epoch " + std::to_string(through.value));
}

}  // namespace

Epoch ContainerState::closed_through() const {
  Epoch closed = std::max({aggregated_through, base_epoch, committing});
  if (!clones.empty()) closed = std::max(closed, *clones.rbegin());
  return closed;
}

Status ContainerState::check_has_transactions() const {
  if (epochs == EpochMode::kClock) return ok();
  return Status(Code::kInvalidArgument,
                "containers with explicit epochs have commits of their own, and no transactions");
}

Status ContainerState::check_write_epoch(Epoch epoch) const {
  const bool is_explicit = epochs == EpochMode::kExplicit;
  if (epoch == kEpochZero) {
    if (!is_explicit) return ok();
    return Status(Code::kInvalidArgument, "a write to a container with explicit epochs gives its epoch");
  }
  const bool is_vanishing =
      is_explicit && discarding.has_value() && epoch >= discarding->begin && epoch <= discarding->end;
  if (is_vanishing) return check_not_discarding(epoch);
  const Epoch closed = closed_through();
  if (epoch > closed) return ok();
  if (epoch <= committing) return epoch_is_closed(epoch, closed, "was committed already");
  if (epoch <= aggregated_through) return epoch_is_closed(epoch, closed, "was aggregated already");
  if (epoch <= base_epoch) return epoch_is_closed(epoch, closed, "is of the clone's base");
  return epoch_is_closed(epoch, closed, "is what a clone starts from");
}

Status ContainerState::check_not_discarding(Epoch epoch) const {
  if (!discarding.has_value() || epoch < discarding->begin) return ok();
  return Status(Code::kBusy, "epochs from " + std::to_string(discarding->begin.value) +
                                 " on are being discarded; try again when that has ended");
}

void ContainerState::note_boundary(Epoch epoch) {
  constexpr size_t kBoundariesMax = 64;
  if (boundaries.size() == kBoundariesMax) {  // Half of them tell nearly as much.
    for (size_t i = 0; i < kBoundariesMax / 2; ++i) boundaries[i] = boundaries[2 * i + 1];
    boundaries.resize(kBoundariesMax / 2);
  }
  const ByteCount before = boundaries.empty() ? 0 : boundaries.back().second;
  boundaries.emplace_back(epoch, before + written_since_aggregation);
  written_since_aggregation = 0;
}

Epoch ContainerState::boundary_before(ByteCount written) const {
  if (boundaries.empty()) return kEpochZero;
  const ByteCount now = boundaries.back().second + written_since_aggregation;
  for (auto at = boundaries.rbegin(); at != boundaries.rend(); ++at) {
    if (now - at->second >= written) return at->first;
  }
  return kEpochZero;
}

void ContainerState::set_base(std::shared_ptr<ContainerState> base_in, Epoch epoch) {
  base = std::move(base_in);
  base_epoch = epoch;
  for (const Layer& layer : base->layers) {
    layers.push_back(
        {.number = layer.number, .through = std::min(layer.through, epoch), .has_stamps = layer.has_stamps});
  }
}

void ContainerState::set_epochs(EpochMode mode) {
  epochs = mode;
  layers.front().has_stamps = mode == EpochMode::kExplicit;
}

ContainerInfoRecord ContainerState::info() const {
  ContainerInfoRecord info;
  info.bound = bound;
  info.aggregated_through = aggregated_through;
  info.id = id;
  info.epochs = epochs;
  info.is_hidden = is_hidden;
  info.trim_is_due = trim_is_due;
  info.committed = committing;
  info.base_number = base != nullptr ? base->number : 0;
  info.base_epoch = base_epoch;
  info.guards_reads = guards_reads;
  return info;
}

Bytes encode_container_info(const ContainerInfoRecord& info) {
  Bytes out(info.has_options() ? kInfoSize : kPlainInfoSize);
  store_le(out.data(), info.bound.value);
  store_le(out.data() + 8, info.aggregated_through.value);
  if (!info.has_options()) return out;
  std::byte* at = out.data() + kPlainInfoSize;
  unsigned flags = 0;
  if (info.epochs == EpochMode::kExplicit) flags |= kIsExplicit;
  if (info.is_hidden) flags |= kIsHidden;
  if (info.trim_is_due) flags |= kTrimIsDue;
  if (info.guards_reads) flags |= kGuardsReads;
  *at = static_cast<std::byte>(flags);
  store_le(at + 1, info.committed.value);
  store_le(at + 9, info.base_number);
  store_le(at + 13, info.base_epoch.value);
  std::memcpy(at + 21, info.id.bytes.data(), info.id.bytes.size());
  return out;
}

Result<ContainerInfoRecord> decode_container_info(ByteView encoded) {
  if (encoded.size() != kPlainInfoSize && encoded.size() != kInfoSize) {
    return Status(Code::kCorrupt, "a container's info has the wrong size");
  }
  ContainerInfoRecord info;
  info.bound = Epoch{load_le<uint64_t>(encoded.data())};
  info.aggregated_through = Epoch{load_le<uint64_t>(encoded.data() + 8)};
  if (encoded.size() == kPlainInfoSize) return info;
  const std::byte* at = encoded.data() + kPlainInfoSize;
  const auto flags = std::to_integer<uint8_t>(*at);
  if ((flags & ~kKnownInfoFlags) != 0) return Status(Code::kCorrupt, "a container's info has unknown flags");
  info.epochs = (flags & kIsExplicit) != 0 ? EpochMode::kExplicit : EpochMode::kClock;
  info.is_hidden = (flags & kIsHidden) != 0;
  info.trim_is_due = (flags & kTrimIsDue) != 0;
  info.guards_reads = (flags & kGuardsReads) != 0;
  info.committed = Epoch{load_le<uint64_t>(at + 1)};
  info.base_number = load_le<uint32_t>(at + 9);
  info.base_epoch = Epoch{load_le<uint64_t>(at + 13)};
  std::memcpy(info.id.bytes.data(), at + 21, info.id.bytes.size());
  return info;
}

Bytes encode_store_info(const StoreInfoRecord& info) {
  Bytes out(kStoreInfoSize);
  store_le(out.data(), info.format);
  store_le(out.data() + 4, info.next_container);
  store_le(out.data() + 8, info.epoch_bound.value);
  store_le(out.data() + 16, info.minor_bound);
  return out;
}

Result<StoreInfoRecord> decode_store_info(ByteView encoded) {
  if (encoded.size() < 4) return Status(Code::kCorrupt, "the store's info record is cut short");
  const auto version = load_le<uint32_t>(encoded.data());
  if (version < kVosFormatPlain || version > kVosFormatVersion) {
    return Status(Code::kVersionUnsupported, "the objects are stored in format " + std::to_string(version) +
                                                 ", and this program knows format " +
                                                 std::to_string(kVosFormatVersion) + "; use the program that wrote it");
  }
  if (encoded.size() != kStoreInfoSize) return Status(Code::kCorrupt, "the store's info record has the wrong size");
  return StoreInfoRecord{.format = version,
                         .next_container = load_le<uint32_t>(encoded.data() + 4),
                         .epoch_bound = Epoch{load_le<uint64_t>(encoded.data() + 8)},
                         .minor_bound = load_le<uint64_t>(encoded.data() + 16)};
}

}  // namespace aeon::vos
