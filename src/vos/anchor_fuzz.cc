#include "anchor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  const Anchor anchor{.position = to_bytes(input), .is_end = false};
  for (const auto listing :
       {vos::Listing::kObjects, vos::Listing::kDkeys, vos::Listing::kAkeys, vos::Listing::kRecxs}) {
    const Result<Bytes> position = vos::read_anchor(listing, anchor);
    if (!position.is_ok() || position->empty()) continue;
    CHECK(equal_bytes(vos::anchor_at(listing, *position).position, input));
    const auto object = vos::read_object_position(*position);
    if (object.is_ok()) CHECK(equal_bytes(vos::object_position(*object), *position));
    const auto recx = vos::read_recx_position(*position);
    if (recx.is_ok()) CHECK(equal_bytes(vos::recx_position(*recx), *position));
  }
  return 0;
}
