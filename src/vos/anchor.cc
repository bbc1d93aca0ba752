#include "anchor.h"

namespace aeon::vos {

namespace {
constexpr std::byte kAnchorVersion{1};

Status bad_anchor() {
  return Status(Code::kInvalidArgument, "an anchor isn't one that this listing gave; start the listing anew");
}
}  // namespace

Anchor anchor_at(Listing listing, ByteView position) {
  Anchor anchor;
  anchor.position.reserve(2 + position.size());
  anchor.position.push_back(kAnchorVersion);
  anchor.position.push_back(static_cast<std::byte>(listing));
  anchor.position.insert(anchor.position.end(), position.begin(), position.end());
  return anchor;
}

Anchor anchor_at_end() {
  Anchor anchor;
  anchor.is_end = true;
  return anchor;
}

Bytes object_position(ObjectId object) {
  Bytes position(16);
  store_be64(position.data(), object.hi);
  store_be64(position.data() + 8, object.lo);
  return position;
}

Anchor anchor_behind(ObjectId object) { return anchor_at(Listing::kObjects, object_position(object)); }

Bytes recx_position(uint64_t next_index) {
  Bytes position(8);
  store_be64(position.data(), next_index);
  return position;
}

Result<Bytes> read_anchor(Listing listing, const Anchor& anchor) {
  if (anchor.position.empty()) return Bytes();
  if (anchor.position.size() < 3 || anchor.position[0] != kAnchorVersion ||
      anchor.position[1] != static_cast<std::byte>(listing)) {
    return bad_anchor();
  }
  return Bytes(anchor.position.begin() + 2, anchor.position.end());
}

Result<ObjectId> read_object_position(ByteView position) {
  if (position.size() != 16) return bad_anchor();
  return ObjectId{.hi = load_be64(position.data()), .lo = load_be64(position.data() + 8)};
}

Result<uint64_t> read_recx_position(ByteView position) {
  if (position.size() != 8) return bad_anchor();
  return load_be64(position.data());
}

}  // namespace aeon::vos
