#include "wire/header.h"

#include "base/crc32c.h"
#include "wire/archive.h"

namespace aeon::wire {
namespace {

constexpr size_t kCrcOffset = 92;
static_assert(kCrcOffset + sizeof(uint32_t) == kHeaderSize);

Status damaged(std::string what) { return Status(Code::kCorrupt, "message is damaged: " + std::move(what)); }

uint32_t checksum(ByteView header, ByteView payload) { return crc32c(payload, crc32c(header.first(kCrcOffset))); }

}  // namespace

void seal_message(Header& header, Buffer& buffer) {
  CHECK(buffer.size() >= kHeaderSize);
  CHECK(buffer.size() - kHeaderSize <= kPayloadSizeMax);
  header.payload_size = static_cast<uint32_t>(buffer.size() - kHeaderSize);
  std::byte* to = buffer.data();
  store_le(to, kMagic);
  store_le(to + 4, header.version);
  store_le(to + 6, header.opcode);
  store_le(to + 8, header.flags);
  store_le(to + 12, header.payload_size);
  store_le(to + 16, header.reply_bulk_room);
  store_le(to + 24, header.version >= 3 ? header.clock : uint64_t{0});
  store_le(to + 32, header.client_id);
  store_le(to + 40, header.server_life);
  store_le(to + 48, header.request_id);
  store_le(to + 56, header.acknowledged_below);
  store_le(to + 64, header.deadline_ns);
  store_le(to + 72, header.trace_id);
  store_le(to + 80, header.bulk_size);
  store_le(to + 88, header.bulk_crc);
  const ByteView whole = buffer.view();
  store_le(to + kCrcOffset, checksum(whole.first(kHeaderSize), whole.subspan(kHeaderSize)));
}

Result<FrameSizes> frame_sizes(ByteView header) {
  if (header.size() < kHeaderSize) return damaged("shorter than its header");
  if (load_le<uint32_t>(header.data()) != kMagic) return damaged("it doesn't begin like one");
  FrameSizes sizes;
  sizes.payload = load_le<uint32_t>(header.data() + 12);
  if ((load_le<uint32_t>(header.data() + 8) & kFlagBulkFollows) != 0)
    sizes.bulk = load_le<uint64_t>(header.data() + 80);
  sizes.reply_bulk_room = load_le<uint64_t>(header.data() + 16);
  sizes.opcode = load_le<uint16_t>(header.data() + 6);
  if (sizes.payload > kPayloadSizeMax || sizes.bulk > kBulkSizeMax) return damaged("it says that it is too long");
  return sizes;
}

Result<Message> open_message(ByteView bytes) {
  TRY_ASSIGN(const FrameSizes sizes, frame_sizes(bytes));
  const std::byte* from = bytes.data();
  Message message;
  Header& header = message.header;
  header.version = load_le<uint16_t>(from + 4);
  header.opcode = load_le<uint16_t>(from + 6);
  header.flags = load_le<uint32_t>(from + 8);
  header.payload_size = sizes.payload;
  header.reply_bulk_room = load_le<uint64_t>(from + 16);
  if (header.version >= 3) header.clock = load_le<uint64_t>(from + 24);
  header.client_id = load_le<uint64_t>(from + 32);
  header.server_life = load_le<uint64_t>(from + 40);
  header.request_id = load_le<uint64_t>(from + 48);
  header.acknowledged_below = load_le<uint64_t>(from + 56);
  header.deadline_ns = load_le<uint64_t>(from + 64);
  header.trace_id = load_le<uint64_t>(from + 72);
  header.bulk_size = load_le<uint64_t>(from + 80);
  header.bulk_crc = load_le<uint32_t>(from + 88);
  const ByteView after = bytes.subspan(kHeaderSize);
  if (header.payload_size > after.size()) return damaged("its payload is cut off");
  if (header.payload_size < after.size()) return damaged("bytes follow it");
  message.payload = after;
  if (load_le<uint32_t>(from + kCrcOffset) != checksum(bytes.first(kHeaderSize), message.payload)) {
    return damaged("its checksum differs");
  }
  return message;
}

uint64_t clock_of(ByteView message) {
  DCHECK(message.size() >= kHeaderSize);
  return load_le<uint16_t>(message.data() + 4) >= 3 ? load_le<uint64_t>(message.data() + 24) : 0;
}

Status check_version(uint16_t version, std::string_view peer) {
  if (version >= kProtocolVersionOldest && version <= kProtocolVersion) return ok();
  return Status(Code::kProtocolMismatch,
                "the " + std::string(peer) + " speaks protocol version " + std::to_string(version) +
                    " and this program speaks " + std::to_string(kProtocolVersionOldest) + " to " +
                    std::to_string(kProtocolVersion) + "; install the same release on both sides");
}

Status Decoder::failed(Code code) const {
  return Status(code,
                std::string("malformed: ") + fault_ + " (" + std::to_string(left_at_fault_) + " bytes before the end)");
}

}  // namespace aeon::wire
