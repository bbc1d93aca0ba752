// CRC32C (Castagnoli, as in RFC 3720), the checksum of everything stored and sent.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace aeon {

// The CRC32C of `data`; pass an earlier result as `seed` to continue it: crc32c(b, crc32c(a)) == crc32c(a+b).
uint32_t crc32c(ByteView data, uint32_t seed = 0);

}  // namespace aeon
