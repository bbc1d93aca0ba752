// Any bytes are an allocator image or an error; one that decodes can be loaded, or says that it overlaps.
#include "allocator.h"

#include "allocator_blob.h"
#include "base/check.h"
#include "block_ledger.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aeon;
  using namespace aeon::media;
  const ByteView bytes{reinterpret_cast<const std::byte*>(data), size};
  ignore(decode_segment({}, bytes.first(round_down(size, kBlockSize))).status(), "only that it ends matters");
  const Result<AllocatorImage> image = decode_allocator(bytes, 100, 1'000'000);
  if (!image.is_ok()) return 0;
  BlockLedger ledger(100, 1'000'000);
  if (!ledger.load(*image, 0).is_ok()) return 0;
  for (const BlockRange& range : ledger.reserve(10)) CHECK(ledger.cancel(range));
  return 0;
}
