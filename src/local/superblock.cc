#include "superblock.h"

#include "base/crc32c.h"
#include "wire/archive.h"

namespace aeon::local {
namespace {

constexpr std::string_view kSystemMagic = "AEONSYS1";
constexpr size_t kFieldsOffset = 16;
constexpr size_t kCrcSize = 4;

}  // namespace

Bytes encode_superblock(const Superblock& superblock) {
  uint32_t version = 1;
  for (const TargetEntry& target : superblock.targets) {
    if (!target.devices.empty()) version = 2;
  }
  wire::Buffer fields;
  wire::Encoder encoder(fields, static_cast<uint16_t>(version));
  encoder(superblock);
  Bytes bytes(kFieldsOffset);
  std::memcpy(bytes.data(), kSystemMagic.data(), kSystemMagic.size());
  store_le(bytes.data() + 8, version);
  store_le(bytes.data() + 12, static_cast<uint32_t>(fields.size()));
  const ByteView encoded = fields.view();
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  const uint32_t crc = crc32c(bytes);
  bytes.resize(bytes.size() + kCrcSize);
  store_le(bytes.data() + bytes.size() - kCrcSize, crc);
  return bytes;
}

Result<Superblock> decode_superblock(ByteView bytes, const std::string& path) {
  if (bytes.size() < kSystemMagic.size() || as_text(bytes.first(kSystemMagic.size())) != kSystemMagic) {
    return Status(Code::kInvalidArgument, path + " doesn't belong to a system; name the directory of one");
  }
  const Status damaged(Code::kCorrupt,
                       path + " is damaged; put back a copy of this file, the data beside it is unharmed");
  if (bytes.size() < kFieldsOffset + kCrcSize) return damaged;
  const auto version = load_le<uint32_t>(bytes.data() + 8);
  const auto fields_size = load_le<uint32_t>(bytes.data() + 12);
  if (version > kFormatVersion) {
    // Told apart from damage only if the version is what was written: later formats keep this frame.
    const bool is_whole =
        bytes.size() - kFieldsOffset - kCrcSize == fields_size &&
        crc32c(bytes.first(bytes.size() - kCrcSize)) == load_le<uint32_t>(bytes.data() + bytes.size() - kCrcSize);
    if (!is_whole) return damaged;
    return Status(Code::kVersionUnsupported, path + " has format version " + std::to_string(version) +
                                                 " and this program knows " + std::to_string(kFormatVersion) +
                                                 "; use a newer release");
  }
  if (version == 0 || bytes.size() - kFieldsOffset - kCrcSize != fields_size ||
      crc32c(bytes.first(bytes.size() - kCrcSize)) != load_le<uint32_t>(bytes.data() + bytes.size() - kCrcSize)) {
    return damaged;
  }
  Superblock superblock;
  wire::Decoder decoder(bytes.subspan(kFieldsOffset, fields_size), static_cast<uint16_t>(version));
  decoder(superblock);
  if (!decoder.finish(Code::kCorrupt).is_ok() || superblock.targets.empty()) return damaged;
  return superblock;
}

}  // namespace aeon::local
