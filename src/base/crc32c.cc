#include "base/crc32c.h"

#include <isa-l/crc.h>

namespace aeon {

uint32_t crc32c(ByteView data, uint32_t seed) {
  // ISA-L leaves both inversions to the caller, and takes a length of int.
  uint32_t state = ~seed;
  while (!data.empty()) {
    const size_t piece = data.size() < (size_t{1} << 30) ? data.size() : (size_t{1} << 30);
    state = crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<std::byte*>(data.data())), static_cast<int>(piece),
                        state);
    data = data.subspan(piece);
  }
  return ~state;
}

}  // namespace aeon
