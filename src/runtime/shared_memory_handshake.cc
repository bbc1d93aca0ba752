#include "shared_memory_handshake.h"

#include <algorithm>

#include "base/crc32c.h"

namespace aeon {
namespace {

constexpr std::array<uint8_t, SharedMemoryHello::kMagicSize> kHelloMagic = {0xae, 'o', 'n', '-', 's', 'h', 'm', 0};
constexpr size_t kHelloCrcAt = 28;

}  // namespace

SharedMemoryHello::Encoded SharedMemoryHello::encode() const {
  Encoded bytes{};
  std::memcpy(bytes.data(), kHelloMagic.data(), kMagicSize);
  store_le(bytes.data() + 8, version);
  store_le(bytes.data() + 10, static_cast<uint16_t>(kind));
  store_le(bytes.data() + 12, ring_size);
  store_le(bytes.data() + kHelloCrcAt, crc32c(ByteView(bytes).first(kHelloCrcAt)));
  return bytes;
}

bool SharedMemoryHello::may_begin_with(ByteView bytes) {
  const size_t size = std::min(bytes.size(), kMagicSize);
  return size == 0 || std::memcmp(bytes.data(), kHelloMagic.data(), size) == 0;
}

Result<SharedMemoryHello> SharedMemoryHello::decode(ByteView bytes) {
  const bool is_whole = bytes.size() == kSize && may_begin_with(bytes) &&
                        load_le<uint32_t>(bytes.data() + kHelloCrcAt) == crc32c(bytes.first(kHelloCrcAt));
  if (!is_whole) return Status(Code::kCorrupt, "what should agree on shared memory is damaged");
  SharedMemoryHello hello;
  hello.version = load_le<uint16_t>(bytes.data() + 8);
  hello.kind = static_cast<Kind>(load_le<uint16_t>(bytes.data() + 10));
  hello.ring_size = load_le<uint32_t>(bytes.data() + 12);
  return hello;
}

}  // namespace aeon
