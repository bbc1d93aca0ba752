#include "network_bulk.h"

namespace aeon::rpc {
namespace {

constexpr size_t kCountSize = sizeof(uint32_t);
constexpr size_t kFilledSize = 2 * sizeof(uint64_t);

Status misfit() { return Status(Code::kCorrupt, "an answer's data doesn't fit where it should go"); }

}  // namespace

Task<Status> take_filled(MessageReader& reader, std::span<const MutableBytes> room) {
  Bytes table(kCountSize);
  if (reader.bulk_left() < kCountSize) co_return misfit();
  CO_TRY(co_await reader.take_bulk(table));
  const uint64_t count = load_le<uint32_t>(table.data());
  if (count * kFilledSize > reader.bulk_left()) co_return misfit();
  table.resize(kCountSize + count * kFilledSize);
  CO_TRY(co_await reader.take_bulk(MutableBytes(table).subspan(kCountSize)));
  std::vector<Filled> filled;
  wire::Decoder decoder(table, wire::kProtocolVersion);
  decoder(filled);
  if (!decoder.is_ok()) co_return misfit();
  const ByteCount room_size = total_size(room);
  for (const Filled& part : filled) {
    if (part.size > reader.bulk_left() || part.offset > room_size || part.size > room_size - part.offset) {
      co_return misfit();
    }
    PieceReader<MutableBytes> places(room);
    places.skip(part.offset);
    const std::vector<MutableBytes> into = places.take(part.size);
    for (const MutableBytes& piece : into) CO_TRY(co_await reader.take_bulk(piece));
  }
  if (reader.bulk_left() != 0) co_return misfit();
  co_return reader.check_bulk();
}

}  // namespace aeon::rpc
