#include "sim/block_table.h"

#include <array>

#include "runtime/random.h"

namespace aeon {

std::byte* BlockArena::make() {
  if (used_ == chunks_.size() * kBlocksPerChunk) {
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kBlocksPerChunk * kDiskBlockSize));
  }
  std::byte* const block = chunks_[used_ / kBlocksPerChunk].get() + used_ % kBlocksPerChunk * kDiskBlockSize;
  ++used_;
  return block;
}

const std::byte* BlockArena::keep(const std::byte* content) {
  std::byte* const kept = make();
  std::memcpy(kept, content, kDiskBlockSize);
  return kept;
}

void BlockTable::read(uint64_t offset, MutableBytes out) const {
  for (size_t done = 0; done < out.size(); done += kDiskBlockSize) {
    std::memcpy(out.data() + done, blocks_[(offset + done) / kDiskBlockSize], kDiskBlockSize);
  }
}

const std::byte* zero_content() {
  static const std::array<std::byte, kDiskBlockSize> zeros{};
  return zeros.data();
}

const std::byte* garbage_content() {
  static const auto garbage = [] {
    std::array<std::byte, kDiskBlockSize> content;
    Random random(0xdead);
    for (size_t at = 0; at < content.size(); at += 8) store_le(content.data() + at, random.next());
    return content;
  }();
  return garbage.data();
}

}  // namespace aeon
