// Any bytes are an index page or an error; one that decodes can be searched, changed, split and encoded. The checksum
// is put right first, so that inputs get behind it.
#include "page.h"

#include <algorithm>

#include "base/check.h"
#include "block_checksum.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  using namespace aeon::media;
  Bytes image(std::clamp<size_t>(round_up(size, kBlockSize), kBlockSize, 4 * kBlockSize));
  if (size != 0) std::memcpy(image.data(), data, std::min(size, image.size()));
  PageIdentity identity;
  identity.store_hash = load_le<uint64_t>(image.data() + 8);
  identity.address = {load_le<uint64_t>(image.data() + 16), static_cast<uint32_t>(image.size() / kBlockSize)};
  store_le(image.data() + 34, static_cast<uint16_t>(identity.address.count));
  store_le(image.data() + 4, block_checksum(image, 4));
  Result<Page> decoded = Page::decode(image, identity);
  if (!decoded.is_ok()) return 0;

  Page page = std::move(decoded).value();
  const size_t count = page.count();
  for (size_t i = 0; i < count; ++i) {
    const Page::Position position = page.find(page.key(i));
    CHECK(position.exact && position.index == i);
  }
  if (count >= 2) {
    const Page right = page.split(page.split_index(1));
    page.append(right, nullptr);
  }
  CHECK(page.count() == count);
  Bytes again(page.disk_block_count() * kBlockSize);
  identity.address.count = static_cast<uint32_t>(page.disk_block_count());
  page.encode(identity, {}, again);
  CHECK(Page::decode(again, identity).is_ok());
  page.erase(0);
  // A key without the shared prefix makes all the others longer; the tree asks in the same way before it inserts.
  if (page.size_with({}, as_bytes("value")) <= kPageBytesMax) page.insert(0, {}, as_bytes("value"));
  return 0;
}
