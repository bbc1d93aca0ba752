#include "records.h"

#include "base/check.h"

namespace {

using namespace aeon;

// What decodes says the same again when it is encoded: flags may come in several spellings.
template <typename Decode>
void try_decode(ByteView input, Decode decode) {
  const auto record = decode(input);
  if (!record.is_ok()) return;
  const Bytes encoded = dfs::encode(*record);
  const auto again = decode(ByteView(encoded));
  CHECK(again.is_ok() && equal_bytes(dfs::encode(*again), encoded));
}

}  // namespace

// Whatever the bytes are, the decoders answer. The first byte chooses which; all others are the record.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  if (input.empty()) return 0;
  const ByteView record = input.subspan(1);
  switch (static_cast<unsigned>(input[0]) % 7) {
    case 0: try_decode(record, dfs::decode_inode); break;
    case 1: try_decode(record, dfs::decode_times); break;
    case 2: try_decode(record, dfs::decode_parent_link); break;
    case 3: try_decode(record, dfs::decode_superblock); break;
    case 4: {
      const Result<uint64_t> seal = dfs::decode_seal(record);
      if (seal.is_ok()) CHECK(equal_bytes(dfs::encode_seal(*seal), record));
      break;
    }
    case 5: {
      const Result<dfs::LinkCount> count = dfs::decode_link_count(as_text(record));
      if (count.is_ok()) {
        const Result<dfs::LinkCount> again = dfs::decode_link_count(dfs::encode(*count));
        CHECK(again.is_ok() && again->generation == count->generation && again->count == count->count);
      }
      break;
    }
    default: {
      const Result<Bytes> value = dfs::decode_xattr(to_bytes(record));
      if (value.is_ok()) CHECK(equal_bytes(dfs::xattr_record(*value), record));
      break;
    }
  }
  return 0;
}
