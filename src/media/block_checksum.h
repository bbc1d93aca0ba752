// The checksum that blocks of every kind carry in themselves.
#pragma once

#include "base/bytes.h"
#include "base/crc32c.h"

namespace aeon::media {

// The CRC32C of `blocks`, with the four bytes at `offset`, where it is kept, counted as zeros.
inline uint32_t block_checksum(ByteView blocks, size_t offset) {
  constexpr std::byte kZeros[4] = {};
  return crc32c(blocks.subspan(offset + 4), crc32c(kZeros, crc32c(blocks.first(offset))));
}

}  // namespace aeon::media
