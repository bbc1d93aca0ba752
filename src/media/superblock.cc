#include "superblock.h"

#include <string>

#include "base/check.h"
#include "block_checksum.h"

namespace aeon::media {

namespace {

constexpr char kMagic[8] = {'A', 'E', 'O', 'N', 'S', 'T', 'O', 'R'};
constexpr size_t kVersionOffset = 8, kSuperblockCrcOffset = 12, kBodyOffset = 16;

// One list of fields drives both directions.
template <typename Archive, typename Fields>
void each_field(Archive& archive, Fields& s) {
  archive.bytes(s.store.bytes.data(), s.store.bytes.size());
  archive.u64(s.generation);
  archive.u64(s.life);
  archive.flag(s.is_clean);
  archive.u64(s.log_first);
  archive.u64(s.log_count);
  archive.u64(s.data_first);
  archive.u64(s.data_end);
  archive.u64(s.checkpoint);
  archive.u64(s.root.address.first);
  archive.u32(s.root.address.count);
  archive.u64(s.root.page_count);
  archive.u64(s.replay_from.position);
  archive.u64(s.replay_from.sequence);
  archive.u64(s.replay_from.stream);
  archive.u64(s.adopted_blocks);
  archive.u64(s.allocator.first);
  archive.u64(s.allocator.count);
  archive.u64(s.replay_life);
}

struct Writer {
  std::byte* at;
  void bytes(const uint8_t* data, size_t size) {
    std::memcpy(at, data, size);
    at += size;
  }
  void u64(uint64_t value) {
    store_le(at, value);
    at += 8;
  }
  void u32(uint64_t value) { u64(value); }
  void flag(bool value) { u64(value ? 1 : 0); }
};

struct Reader {
  const std::byte* at;
  bool is_good = true;
  void bytes(uint8_t* data, size_t size) {
    std::memcpy(data, at, size);
    at += size;
  }
  void u64(uint64_t& value) {
    value = load_le<uint64_t>(at);
    at += 8;
  }
  void u32(uint32_t& value) {
    uint64_t wide = 0;
    u64(wide);
    value = static_cast<uint32_t>(wide);
    is_good = is_good && wide == value;
  }
  void flag(bool& value) {
    uint64_t wide = 0;
    u64(wide);
    value = wide != 0;
    is_good = is_good && wide <= 1;
  }
};

bool is_inside(BlockRange range, uint64_t first, uint64_t end) {
  return range.first >= first && range.first <= end && range.count <= end - range.first;
}

bool is_plausible(const Superblock& s) {
  constexpr uint64_t kBlocksMax = ~uint64_t{0} / kBlockSize;
  return s.data_end <= kBlocksMax && s.log_first == kLogFirstBlock && s.log_count >= 64 && s.log_count < s.data_end &&
         s.data_first == s.log_first + s.log_count && s.data_first < s.data_end &&
         is_inside(s.root.address.blocks(), s.root.address.is_set() ? s.data_first : 0, s.data_end) &&
         s.root.address.count <= kPageBytesMax / kBlockSize && s.allocator.count != 0 &&
         is_inside(s.allocator, s.data_first, s.data_end) && s.replay_from.position % kBlockSize == 0 &&
         s.replay_from.sequence != 0 && s.adopted_blocks <= s.data_end - s.data_first && s.generation != 0;
}

}  // namespace

uint64_t store_hash(const Uuid& store) {
  const ByteView bytes{reinterpret_cast<const std::byte*>(store.bytes.data()), store.bytes.size()};
  return uint64_t{crc32c(bytes)} << 32 | crc32c(bytes, 0x9e3779b9);
}

void encode_superblock(const Superblock& superblock, int copy, MutableBytes out) {
  CHECK(out.size() == kBlockSize);
  std::memset(out.data(), 0, out.size());
  std::memcpy(out.data(), kMagic, sizeof kMagic);
  store_le(out.data() + kVersionOffset, kFormatVersion);
  Writer writer{out.data() + kBodyOffset};
  writer.u64(static_cast<uint64_t>(copy));
  each_field(writer, superblock);
  store_le(out.data() + kSuperblockCrcOffset, block_checksum(out, kSuperblockCrcOffset));
}

Result<Superblock> decode_superblock(ByteView block, int copy) {
  if (block.size() != kBlockSize || std::memcmp(block.data(), kMagic, sizeof kMagic) != 0) {
    return Status(Code::kNotFound, "no Aeon store");
  }
  const bool is_intact =
      block_checksum(block, kSuperblockCrcOffset) == load_le<uint32_t>(block.data() + kSuperblockCrcOffset);
  const uint32_t version = load_le<uint32_t>(block.data() + kVersionOffset);
  // A later format keeps magic, version and checksum where they are, so a good checksum makes the version credible.
  if (!is_intact) return Status(Code::kCorrupt, "superblock: checksum mismatch");
  if (version != kFormatVersion) {
    return Status(Code::kVersionUnsupported, "the store has format " + std::to_string(version) +
                                                 " and this program knows format " + std::to_string(kFormatVersion) +
                                                 "; use a version of the program that knows it");
  }
  Reader reader{block.data() + kBodyOffset};
  uint64_t stored_copy = 0;
  reader.u64(stored_copy);
  Superblock superblock;
  each_field(reader, superblock);
  if (!reader.is_good || stored_copy != static_cast<uint64_t>(copy) || !is_plausible(superblock)) {
    return Status(Code::kCorrupt, "superblock: impossible content");
  }
  return superblock;
}

}  // namespace aeon::media
