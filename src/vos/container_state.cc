#include "container_state.h"

namespace aeon::vos {

namespace {
constexpr size_t kContainerInfoSize = 16;
constexpr size_t kStoreInfoSize = 24;
}  // namespace

Bytes encode_container_info(const ContainerInfoRecord& info) {
  Bytes out(kContainerInfoSize);
  store_le(out.data(), info.bound.value);
  store_le(out.data() + 8, info.aggregated_through.value);
  return out;
}

Result<ContainerInfoRecord> decode_container_info(ByteView encoded) {
  if (encoded.size() != kContainerInfoSize) return Status(Code::kCorrupt, "a container's info has the wrong size");
  return ContainerInfoRecord{.bound = Epoch{load_le<uint64_t>(encoded.data())},
                             .aggregated_through = Epoch{load_le<uint64_t>(encoded.data() + 8)}};
}

Bytes encode_store_info(const StoreInfoRecord& info) {
  Bytes out(kStoreInfoSize);
  store_le(out.data(), kVosFormatVersion);
  store_le(out.data() + 4, info.next_container);
  store_le(out.data() + 8, info.epoch_bound.value);
  store_le(out.data() + 16, info.minor_bound);
  return out;
}

Result<StoreInfoRecord> decode_store_info(ByteView encoded) {
  if (encoded.size() < 4) return Status(Code::kCorrupt, "the store's info record is cut short");
  const auto version = load_le<uint32_t>(encoded.data());
  if (version < kVosFormatVersionOldest || version > kVosFormatVersion) {
    return Status(Code::kVersionUnsupported, "the objects are stored in format " + std::to_string(version) +
                                                 ", and this program knows format " +
                                                 std::to_string(kVosFormatVersion) + "; use the program that wrote it");
  }
  if (encoded.size() != kStoreInfoSize) return Status(Code::kCorrupt, "the store's info record has the wrong size");
  return StoreInfoRecord{.next_container = load_le<uint32_t>(encoded.data() + 4),
                         .epoch_bound = Epoch{load_le<uint64_t>(encoded.data() + 8)},
                         .minor_bound = load_le<uint64_t>(encoded.data() + 16)};
}

}  // namespace aeon::vos
