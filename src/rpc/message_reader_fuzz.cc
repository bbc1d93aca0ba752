// Any bytes as what arrives over a connection. The first byte says how they are handled: how many arrive at once, what
// the reader takes of the data, and whether checksums are put right first, so that what lies behind them is reached
// too.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "base/crc32c.h"
#include "message_reader.h"
#include "network_bulk.h"

using namespace aeon;
using namespace aeon::rpc;

namespace {

constexpr size_t kCrcOffset = 92;

// Gives what it has, a few bytes at a time, and then ends.
class Bytewise final : public Stream {
 public:
  Bytewise(ByteView bytes, size_t at_once) : bytes_(bytes), at_once_(at_once) {}
  Task<Result<size_t>> read(MutableBytes into) override {
    CHECK(!into.empty());
    const size_t count = std::min({into.size(), at_once_, bytes_.size()});
    std::copy_n(bytes_.begin(), count, into.begin());
    bytes_ = bytes_.subspan(count);
    co_return count;
  }
  Task<Status> write(std::span<const ByteView>) override { co_return ok(); }
  void shut() override {}
  const std::string& peer() const override { return peer_; }

 private:
  ByteView bytes_;
  size_t at_once_;
  std::string peer_ = "fuzz";
};

// Where the next message should begin, by what headers say.
void put_checksums_right(MutableBytes bytes) {
  while (bytes.size() >= wire::kHeaderSize) {
    const Result<wire::FrameSizes> sizes = wire::frame_sizes(bytes.first(wire::kHeaderSize));
    if (!sizes.is_ok() || sizes->payload > bytes.size() - wire::kHeaderSize) return;
    const MutableBytes payload = bytes.subspan(wire::kHeaderSize, sizes->payload);
    store_le(bytes.data() + kCrcOffset, crc32c(payload, crc32c(bytes.first(kCrcOffset))));
    const uint64_t whole = wire::kHeaderSize + sizes->payload + sizes->bulk;
    if (whole > bytes.size()) return;
    bytes = bytes.subspan(whole);
  }
}

Task<void> read_all(Stream* stream, unsigned taking) {
  MessageReader reader(*stream);
  std::array<std::byte, 512> place{};
  while (true) {
    const Result<wire::Message> message = co_await reader.next();
    if (!message.is_ok()) {
      CHECK(message.code() == Code::kCorrupt || message.code() == Code::kUnavailable);
      co_return;
    }
    CHECK(reader.whole().size() == wire::kHeaderSize + message->payload.size());
    CHECK(reader.bulk_left() <= wire::kBulkSizeMax);
    if (taking % 4 == 0) continue;  // next() skips it.
    if (taking % 4 == 1) {          // As a client does.
      const std::array<MutableBytes, 2> room = {MutableBytes(place).first(100), MutableBytes(place).subspan(200)};
      const Status taken = co_await take_filled(reader, room);
      if (!taken.is_ok()) co_return;
      continue;
    }
    while (reader.bulk_left() != 0) {  // As a server does; in pieces, or half of it.
      const size_t count = std::min<size_t>(reader.bulk_left(), taking);
      const Status taken = co_await reader.take_bulk(MutableBytes(place).first(count));
      if (!taken.is_ok()) co_return;
      if (taking % 4 == 3) break;
    }
    if (reader.bulk_left() == 0) ignore(reader.check_bulk(), "damaged data is no fault of the reader's");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView input = std::as_bytes(std::span(data, size));
  const auto how = static_cast<unsigned>(input[0]);
  Bytes bytes = to_bytes(input.subspan(1));
  if ((how & 1) != 0) put_checksums_right(bytes);
  Bytewise stream(bytes, 1 + (how >> 3) * 37);
  Task<void> reading = read_all(&stream, 2 + ((how >> 1) & 3) * 61);
  reading.start();
  CHECK(reading.done());
  return 0;
}
