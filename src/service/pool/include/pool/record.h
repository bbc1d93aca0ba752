// Small durable records of the services, kept by vos::Store's metadata: a version number, then fields as in wire/.
#pragma once

#include "wire/archive.h"

namespace aeon::pool {

inline constexpr uint16_t kRecordVersion = 1;

template <typename Record>
Bytes encode_record(const Record& record) {
  wire::Buffer buffer;
  wire::Encoder encoder(buffer, kRecordVersion);
  encoder(kRecordVersion, record);
  return buffer.to_bytes();
}

// kVersionUnsupported for records of a newer program, kCorrupt for what isn't one; both name `what`.
template <typename Record>
Status decode_record(ByteView bytes, std::string_view what, Record& record) {
  const uint16_t version = bytes.size() < sizeof(uint16_t) ? uint16_t{0} : load_le<uint16_t>(bytes.data());
  if (version == 0) return Status(Code::kCorrupt, "the record of " + std::string(what) + " is damaged");
  if (version > kRecordVersion) {
    return Status(Code::kVersionUnsupported, "the record of " + std::string(what) + " has version " +
                                                 std::to_string(version) + " and this program knows " +
                                                 std::to_string(kRecordVersion) + "; use a newer release");
  }
  wire::Decoder decoder(bytes.subspan(sizeof version), version);
  decoder(record);
  return decoder.finish(Code::kCorrupt).within("the record of " + std::string(what));
}

}  // namespace aeon::pool
