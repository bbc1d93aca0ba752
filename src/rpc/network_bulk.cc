#include "network_bulk.h"

#include <algorithm>

namespace aeon::rpc {
namespace {

constexpr size_t kCountSize = sizeof(uint32_t);
constexpr size_t kFilledSize = 2 * sizeof(uint64_t);
constexpr size_t kTableStep = 64 * kKiB;

Status misfit() { return Status(Code::kCorrupt, "an answer's data doesn't fit where it should go"); }

}  // namespace

Task<Status> take_filled(MessageReader& reader, std::span<const MutableBytes> room) {
  Bytes table(kCountSize);
  if (reader.bulk_left() < kCountSize) co_return misfit();
  CO_TRY(co_await reader.take_bulk(table));
  const uint64_t count = load_le<uint32_t>(table.data());
  const ByteCount room_size = total_size(room);
  // Each names at least a byte of the room.
  if (count > room_size || count * kFilledSize > reader.bulk_left()) co_return misfit();
  const size_t table_size = kCountSize + count * kFilledSize;
  while (table.size() < table_size) {  // Memory for what has arrived, not for what it says will come.
    const size_t begin = table.size();
    table.resize(std::min(table_size, begin + kTableStep));
    CO_TRY(co_await reader.take_bulk(MutableBytes(table).subspan(begin)));
  }
  std::vector<Filled> filled;
  wire::Decoder decoder(table, wire::kProtocolVersion);
  decoder(filled);
  if (!decoder.is_ok()) co_return misfit();
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
