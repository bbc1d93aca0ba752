// What every message begins with. Little-endian, 96 bytes:
//
//    0 magic "AEN1"             32 client id               64 deadline, ns from sending; 0: none
//    4 protocol version         40 server life             72 trace id
//    6 opcode                   48 request id              80 size of the bulk data sent along
//    8 flags                    56 acknowledged below      88 CRC32C of the bulk data, if it follows
//   12 payload size                                        92 CRC32C of the header up to here and the payload
//   16 room for bulk data in the answer
//   24 the sender's clock (version 3)
//
// The payload follows: a request's fields; or an answer's code and message and, if the code is ok, its fields. On a
// stream bulk data follows the payload.
#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "base/units.h"
#include "wire/buffer.h"

namespace aeon::wire {

inline constexpr uint32_t kMagic = 0x314e4541;  // "AEN1"
inline constexpr size_t kHeaderSize = 96;
// A server serves clients of its own version and of one version less.
inline constexpr uint16_t kProtocolVersion = 3;
inline constexpr uint16_t kProtocolVersionOldest = 2;
inline constexpr uint32_t kPayloadSizeMax = 64 * kMiB;
inline constexpr uint64_t kBulkSizeMax = kGiB;

enum Flags : uint32_t {
  kFlagReply = 1u << 0,
  kFlagBulkFollows = 1u << 1,  // The bulk data comes right behind the message.
  kFlagOtherLife = 1u << 2,    // In an answer: the server isn't the one the request was meant for (it restarted).
  kFlagMayRepeat = 1u << 3,    // In a request: doing it twice does no harm, so its answer needn't be remembered.
  kFlagPing = 1u << 4,         // Only asks whether the peer is there; the answer has kFlagReply too.
  kFlagSentBefore = 1u << 5,  // In a request: an earlier life of the server may have done it, so look first.
};

inline constexpr uint16_t kSentBeforeSince = 3;

struct Header {
  uint16_t version = kProtocolVersion;
  uint16_t opcode = 0;
  uint32_t flags = 0;
  uint32_t payload_size = 0;
  uint64_t reply_bulk_room = 0;
  uint64_t clock = 0;  // No epoch that the sender knows of is later; 0: it has none. Before version 3: zero.
  uint64_t client_id = 0;
  uint64_t server_life = 0;  // Drawn anew each time a server starts.
  uint64_t request_id = 0;  // Counts up for each client.
  uint64_t acknowledged_below = 0;  // The client has the answers of all requests below.
  uint64_t deadline_ns = 0;
  uint64_t trace_id = 0;
  uint64_t bulk_size = 0;
  uint32_t bulk_crc = 0;
};

struct Message {
  Header header;
  ByteView payload;
};

// What a header says before its checksum can be looked at: how much follows, and what memory it asks for.
struct FrameSizes {
  uint32_t payload = 0;
  uint64_t bulk = 0;
  uint64_t reply_bulk_room = 0;
  uint16_t opcode = 0;
};

// Reserves the header's place in an empty buffer.
inline void begin_message(Buffer& buffer) { buffer.extend(kHeaderSize); }
// Writes the header, with payload size and checksum, over that place; what follows it in `buffer` is the payload.
void seal_message(Header& header, Buffer& buffer);
// How much follows the header on a stream. kCorrupt if that is no header, or too much; whether it is whole says
// open_message().
Result<FrameSizes> frame_sizes(ByteView header);
// Checks all of header and payload that isn't the payload's own matter: magic, size, checksum. kCorrupt if they are
// damaged. The version is for the caller to judge: only the header's layout never changes.
Result<Message> open_message(ByteView bytes);

// The clock in the header of a message that was opened already.
uint64_t clock_of(ByteView message);

// kProtocolMismatch naming both sides' versions unless `version` is one that this program speaks.
Status check_version(uint16_t version, std::string_view peer);

}  // namespace aeon::wire
