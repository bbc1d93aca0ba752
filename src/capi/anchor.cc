#include "anchor.h"

#include <daos_errno.h>

#include <cstring>

#include "long_positions.h"

namespace aeon::capi {
namespace {

// da_buf: a byte that says how the rest is to be read, a byte with a length, and the position or its number.
enum Form : uint8_t { kInline = 1, kRemembered = 2 };
constexpr size_t kHeaderSize = 2;
constexpr size_t kInlineMax = DAOS_ANCHOR_BUF_MAX - kHeaderSize;

}  // namespace

std::optional<Anchor> load_anchor(const daos_anchor_t& anchor, int* error) {
  Anchor position;
  *error = -DER_INVAL;
  switch (anchor.da_type) {
    case DAOS_ANCHOR_TYPE_ZERO: return position;
    case DAOS_ANCHOR_TYPE_EOF: position.is_end = true; return position;
    case DAOS_ANCHOR_TYPE_KEY: break;
    default: return std::nullopt;
  }
  const uint8_t length = anchor.da_buf[1];
  if (anchor.da_buf[0] == kInline && length <= kInlineMax) {
    const auto* bytes = reinterpret_cast<const std::byte*>(anchor.da_buf + kHeaderSize);
    position.position.assign(bytes, bytes + length);
    return position;
  }
  if (anchor.da_buf[0] != kRemembered || length != sizeof(uint64_t)) return std::nullopt;
  uint64_t number = 0;
  std::memcpy(&number, anchor.da_buf + kHeaderSize, sizeof number);
  auto remembered = LongPositions::instance().recall(number);
  if (!remembered) {
    *error = -DER_NOMEM;
    return std::nullopt;
  }
  position.position = std::move(*remembered);
  return position;
}

void store_anchor(daos_anchor_t* anchor, const Anchor& position) {
  std::memset(anchor, 0, sizeof *anchor);
  if (position.is_end) {
    anchor->da_type = DAOS_ANCHOR_TYPE_EOF;
    return;
  }
  if (position.position.empty()) return;  // Still at the beginning.
  anchor->da_type = DAOS_ANCHOR_TYPE_KEY;
  if (position.position.size() <= kInlineMax) {
    anchor->da_buf[0] = kInline;
    anchor->da_buf[1] = static_cast<uint8_t>(position.position.size());
    std::memcpy(anchor->da_buf + kHeaderSize, position.position.data(), position.position.size());
    return;
  }
  const uint64_t number = LongPositions::instance().remember(position.position);
  anchor->da_buf[0] = kRemembered;
  anchor->da_buf[1] = sizeof number;
  std::memcpy(anchor->da_buf + kHeaderSize, &number, sizeof number);
}

}  // namespace aeon::capi
