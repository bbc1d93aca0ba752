#include "client/array.h"

#include <algorithm>
#include <map>

#include "rpc/bulk.h"
#include "wire/archive.h"
#include "wire/fetch_layout.h"

namespace aeon::client {
namespace {

constexpr std::string_view kDataAkey = "0";
constexpr std::string_view kShapeAkey = "array";
constexpr size_t kChunksPerWrite = 64;  // Of one request; longer writes are several, in order.

Bytes integer_key(uint64_t number) {
  Bytes key(sizeof number);
  store_le(key.data(), number);
  return key;
}
Bytes chunk_key(uint64_t chunk) { return integer_key(chunk + 1); }

struct Shape {
  uint16_t version = 1;
  uint64_t cell_size = 0;
  uint64_t chunk_cells = 0;
  static void io(auto& archive, auto& self) { archive(self.version, self.cell_size, self.chunk_cells); }
};

// An array as the tasks below need it: they outlive the Array that began them.
struct Target {
  std::shared_ptr<Container> container;
  ObjectId object;
  uint64_t cell_size = 0;
  uint64_t chunk_cells = 0;
  Epoch epoch;
};

Status check_shape(const Target& array) {
  if (array.cell_size == 0 || array.chunk_cells == 0) {
    return Status(Code::kInvalidArgument, "an array's cells and chunks can't be empty");
  }
  uint64_t chunk_size = 0;
  if (__builtin_mul_overflow(array.cell_size, array.chunk_cells, &chunk_size) || chunk_size > kValueBytesMax) {
    return Status(Code::kInvalidArgument, "an array's chunks have at most 1 GiB");
  }
  return ok();
}

// Of the ranges' cells.
Result<ByteCount> size_of(const Target& array, const std::vector<CellRange>& ranges) {
  TRY(check_shape(array));
  ByteCount size = 0;
  for (const CellRange& range : ranges) {
    uint64_t end = 0;
    ByteCount bytes = 0;
    if (__builtin_add_overflow(range.index, range.count, &end) ||
        __builtin_mul_overflow(range.count, array.cell_size, &bytes) || __builtin_add_overflow(size, bytes, &size)) {
      return Status(Code::kInvalidArgument, "a range of the array reaches beyond what can be counted");
    }
  }
  return size;
}

// What of the ranges lies in one chunk, neighbours in the ranges' order.
template <typename Piece>
struct ChunkPart {
  uint64_t chunk = 0;
  std::vector<Recx> recxs;     // Within the chunk.
  std::vector<Piece> pieces;   // Their memory.
};

template <typename Piece>
std::vector<ChunkPart<Piece>> split(const Target& array, const std::vector<CellRange>& ranges,
                                    const std::vector<Piece>& memory) {
  std::vector<ChunkPart<Piece>> parts;
  rpc::PieceReader<Piece> reader(memory);
  for (const CellRange& range : ranges) {
    for (uint64_t done = 0; done < range.count;) {
      const uint64_t cell = range.index + done;
      const uint64_t chunk = cell / array.chunk_cells;
      const uint64_t within = cell % array.chunk_cells;
      const uint64_t count = std::min(range.count - done, array.chunk_cells - within);
      if (parts.empty() || parts.back().chunk != chunk) parts.push_back({.chunk = chunk, .recxs = {}, .pieces = {}});
      parts.back().recxs.push_back({.index = within, .count = count});
      for (Piece& piece : reader.take(count * array.cell_size)) parts.back().pieces.push_back(piece);
      done += count;
    }
  }
  return parts;
}

// Writes of at most kChunksPerWrite chunks each. `record_size` 0 punches.
std::vector<std::vector<ObjectWrite>> writes_of(const Target& array, std::vector<ChunkPart<ByteView>> parts,
                                                uint64_t record_size) {
  std::vector<std::vector<ObjectWrite>> batches;
  std::map<uint32_t, size_t> filling;  // The batch of each place: chunks at several need no commit of all at once.
  for (ChunkPart<ByteView>& part : parts) {
    Bytes dkey = chunk_key(part.chunk);
    const auto [place, is_new] = filling.try_emplace(array.container->place_of(array.object, dkey), batches.size());
    if (is_new || batches[place->second].size() == kChunksPerWrite) {
      place->second = batches.size();
      batches.emplace_back();
    }
    ObjectWrite& write = batches[place->second].emplace_back();
    write.object = array.object;
    write.dkey = std::move(dkey);
    AkeyUpdate& update = write.akeys.emplace_back();
    update.akey = to_bytes(kDataAkey);
    update.kind = ValueKind::kArray;
    update.record_size = record_size;
    update.recxs = std::move(part.recxs);
    update.data = std::move(part.pieces);
  }
  return batches;
}

Task<Status> run_all(std::vector<Task<Result<Epoch>>> writing) {
  for (Task<Result<Epoch>>& task : writing) CO_TRY(co_await task);
  co_return ok();
}
Task<Status> failed_early(Status status) { co_return status; }

ObjectWrite punch_chunk(const Target& array, Bytes dkey) {
  ObjectWrite write;
  write.kind = ObjectWrite::Kind::kPunchDkey;
  write.object = array.object;
  write.dkey = std::move(dkey);
  return write;
}

void zero(const std::vector<MutableBytes>& pieces, ByteCount begin, ByteCount end) {
  ByteCount at = 0;
  for (const MutableBytes& piece : pieces) {
    const ByteCount from = std::max(begin, at);
    const ByteCount to = std::min<ByteCount>(end, at + piece.size());
    if (from < to) std::memset(piece.data() + (from - at), 0, to - from);
    at += piece.size();
  }
}

Task<Result<uint64_t>> find_size(Target array) {
  CO_TRY(check_shape(array));
  const uint32_t flags = kGetMax | kGetDkey | kGetRecx;
  const Result<QueriedKey> last =
      co_await array.container->query_key(array.object, flags, Bytes(), to_bytes(kDataAkey), array.epoch);
  if (last.code() == Code::kNotFound) co_return uint64_t{0};
  if (!last.is_ok()) co_return last.status();
  if (last->dkey.size() != sizeof(uint64_t)) {
    co_return Status(Code::kInvalidArgument, "object " + array.object.to_string() + " isn't an array");
  }
  const auto number = load_le<uint64_t>(last->dkey.data());
  if (number == 0) co_return uint64_t{0};  // Only its shape is stored.
  co_return (number - 1) * array.chunk_cells + last->recx.end();
}

// Reads one chunk's part: fills holes with zeros, and returns how many bytes were there.
Task<Result<ByteCount>> read_part(Target array, ChunkPart<MutableBytes> part) {
  std::vector<AkeyFetch> fetch(1);
  fetch[0].akey = to_bytes(kDataAkey);
  fetch[0].kind = ValueKind::kArray;
  fetch[0].recxs = part.recxs;
  fetch[0].out = part.pieces;
  CO_TRY_ASSIGN(const std::vector<FetchedAkey> fetched,
                co_await array.container->fetch(array.object, chunk_key(part.chunk), std::move(fetch), 0, array.epoch));
  if (fetched[0].record_size != 0 && fetched[0].record_size != array.cell_size) {
    co_return Status(Code::kInvalidArgument, "object " + array.object.to_string() + " has cells of " +
                                                 std::to_string(fetched[0].record_size) + " bytes, not of " +
                                                 std::to_string(array.cell_size));
  }
  ByteCount filled_to = 0;
  ByteCount present = 0;
  const auto fill_before = [&](const FetchedSegment&, uint64_t offset, uint64_t size) {
    zero(part.pieces, filled_to, offset);
    filled_to = offset + size;
    present += size;
  };
  CO_TRY(wire::for_each_segment(ValueKind::kArray, part.recxs, fetched[0], fill_before));
  zero(part.pieces, filled_to, rpc::total_size(std::span<const MutableBytes>(part.pieces)));
  co_return present;
}

Task<Result<Array::ReadResult>> read_all(Target array, std::vector<CellRange> ranges, std::vector<MutableBytes> out) {
  CO_TRY_ASSIGN(const ByteCount size, size_of(array, ranges));
  if (size != rpc::total_size(std::span<const MutableBytes>(out))) {
    co_return Status(Code::kInvalidArgument, "the memory to read into isn't as long as the ranges of the array");
  }
  Array::ReadResult result;
  std::vector<ChunkPart<MutableBytes>> parts = split(array, ranges, out);
  for (ChunkPart<MutableBytes>& part : parts) {
    CO_TRY_ASSIGN(const ByteCount present, co_await read_part(array, std::move(part)));
    result.bytes_present += present;
  }
  result.bytes = size;
  if (result.bytes_present == size) co_return result;
  // There are holes, or the array ends before the ranges do.
  CO_TRY_ASSIGN(const uint64_t cells, co_await find_size(array));
  result.bytes = 0;
  for (const CellRange& range : ranges) {
    const uint64_t end = std::min(range.index + range.count, cells);
    if (end > range.index) result.bytes += (end - range.index) * array.cell_size;
  }
  co_return result;
}

// Punches the chunks in [first, end) that are there.
Task<Status> punch_chunks(Target array, uint64_t first, uint64_t end) {
  Anchor at;
  while (!at.is_end) {
    CO_TRY_ASSIGN(KeyPage page, co_await array.container->list_dkeys(array.object, std::move(at), ListLimits()));
    std::map<uint32_t, std::vector<ObjectWrite>> writes;  // By their places.
    for (Bytes& key : page.keys) {
      if (key.size() != sizeof(uint64_t)) continue;
      const auto number = load_le<uint64_t>(key.data());  // Of chunk number - 1.
      if (number <= first || number > end) continue;
      const uint32_t place = array.container->place_of(array.object, key);
      writes[place].push_back(punch_chunk(array, std::move(key)));
    }
    for (auto& [place, punches] : writes) CO_TRY(co_await array.container->write(std::move(punches)));
    at = std::move(page.next);
  }
  co_return ok();
}

Task<Status> punch_extents(Target array, CellRange cells) {
  const std::vector<CellRange> ranges{cells};
  for (std::vector<ObjectWrite>& batch : writes_of(array, split(array, ranges, std::vector<ByteView>()), 0)) {
    CO_TRY(co_await array.container->write(std::move(batch)));
  }
  co_return ok();
}

// However long the ranges are: the work is in proportion to what is stored.
Task<Status> punch_all(Target array, std::vector<CellRange> ranges) {
  CO_TRY(size_of(array, ranges));
  CO_TRY_ASSIGN(const uint64_t size, co_await find_size(array));
  for (const CellRange& range : ranges) {
    const uint64_t end = std::min(range.index + range.count, size);
    if (end <= range.index) continue;
    const uint64_t first_whole = (range.index + array.chunk_cells - 1) / array.chunk_cells;
    const uint64_t end_whole = end / array.chunk_cells;
    CellRange head;
    head.index = range.index;
    head.count = end - range.index;
    if (first_whole < end_whole) {
      head.count = first_whole * array.chunk_cells - range.index;
      CellRange tail;
      tail.index = end_whole * array.chunk_cells;
      tail.count = end - tail.index;
      CO_TRY(co_await punch_chunks(array, first_whole, end_whole));
      CO_TRY(co_await punch_extents(array, tail));
    }
    CO_TRY(co_await punch_extents(array, head));
  }
  co_return ok();
}

Task<Status> resize(Target array, uint64_t cells) {
  CO_TRY_ASSIGN(const uint64_t before, co_await find_size(array));
  if (before == cells) co_return ok();
  if (cells < before) {
    const uint64_t kept_chunks = cells / array.chunk_cells + (cells % array.chunk_cells != 0 ? 1 : 0);
    CO_TRY(co_await punch_chunks(array, kept_chunks, ~uint64_t{0}));
    if (const uint64_t within = cells % array.chunk_cells; within != 0) {
      std::vector<ChunkPart<ByteView>> tail(1);
      tail[0].chunk = cells / array.chunk_cells;
      tail[0].recxs.push_back({.index = within, .count = array.chunk_cells - within});
      std::vector<std::vector<ObjectWrite>> batches = writes_of(array, std::move(tail), 0);
      CO_TRY(co_await array.container->write(std::move(batches[0])));
    }
  }
  if (cells == 0) co_return ok();
  CO_TRY_ASSIGN(const uint64_t now, co_await find_size(array));
  if (now == cells) co_return ok();
  // The last cell is a hole, which a size can't end in.
  const Bytes zeros(array.cell_size);
  const std::vector<CellRange> last{{.index = cells - 1, .count = 1}};
  const std::vector<ByteView> memory{zeros};
  std::vector<std::vector<ObjectWrite>> batches = writes_of(array, split(array, last, memory), array.cell_size);
  CO_TRY(co_await array.container->write(std::move(batches[0])));
  co_return ok();
}

Task<Status> write_object(std::shared_ptr<Container> container, std::vector<ObjectWrite> writes) {
  const Result<Epoch> epoch = co_await container->write(std::move(writes));
  co_return epoch.status();
}

}  // namespace

Task<Result<Array>> Array::create(std::shared_ptr<Container> container, ObjectId object, uint64_t cell_size,
                                  uint64_t chunk_cells) {
  Target array;
  array.cell_size = cell_size;
  array.chunk_cells = chunk_cells;
  CO_TRY(check_shape(array));
  Shape shape;
  shape.cell_size = cell_size;
  shape.chunk_cells = chunk_cells;
  wire::Buffer encoded;
  wire::Encoder encoder(encoded, 1);
  encoder(shape);
  std::vector<ObjectWrite> writes(1);
  writes[0].object = object;
  writes[0].dkey = integer_key(0);
  writes[0].conditions = kDkeyInsert;
  AkeyUpdate& update = writes[0].akeys.emplace_back();
  update.akey = to_bytes(kShapeAkey);
  update.record_size = encoded.size();
  update.data.push_back(encoded.view());
  CO_TRY(co_await container->write(std::move(writes)));
  co_return Array(std::move(container), object, cell_size, chunk_cells);
}

Task<Result<Array>> Array::open(std::shared_ptr<Container> container, ObjectId object, Epoch epoch) {
  Bytes stored(64);
  std::vector<AkeyFetch> fetch(1);
  fetch[0].akey = to_bytes(kShapeAkey);
  fetch[0].out.emplace_back(stored);
  CO_TRY_ASSIGN(const std::vector<FetchedAkey> fetched,
                co_await container->fetch(object, integer_key(0), std::move(fetch), 0, epoch));
  if (fetched[0].record_size == 0) {
    co_return Status(Code::kNotFound, "no array at object " + object.to_string() + "; create it first");
  }
  Shape shape;
  wire::Decoder decoder(ByteView(stored).first(std::min<size_t>(stored.size(), fetched[0].record_size)), 1);
  decoder(shape);
  Status status = decoder.finish(Code::kCorrupt);
  if (!status.is_ok()) co_return status.within("the array at object " + object.to_string());
  if (shape.version != 1) {
    co_return Status(Code::kVersionUnsupported, "the array at object " + object.to_string() + " has version " +
                                                    std::to_string(shape.version) + ", and this program knows 1");
  }
  Target array;
  array.cell_size = shape.cell_size;
  array.chunk_cells = shape.chunk_cells;
  CO_TRY(check_shape(array));
  co_return Array(std::move(container), object, shape.cell_size, shape.chunk_cells, epoch);
}

Task<Status> Array::write(std::vector<CellRange> ranges, std::vector<ByteView> data) {
  const Target array{container_, object_, cell_size_, chunk_cells_, epoch_};
  const Result<ByteCount> size = size_of(array, ranges);
  if (!size.is_ok()) return failed_early(size.status());
  if (*size != rpc::total_size(std::span<const ByteView>(data))) {
    return failed_early(Status(Code::kInvalidArgument, "the data isn't as long as the ranges of the array"));
  }
  // The container's write() computes checksums here, before the task. Each batch is written as a whole, or isn't.
  std::vector<Task<Result<Epoch>>> writing;
  for (std::vector<ObjectWrite>& batch : writes_of(array, split(array, ranges, data), cell_size_)) {
    writing.push_back(container_->write(std::move(batch)));
  }
  return run_all(std::move(writing));
}

Task<Result<Array::ReadResult>> Array::read(std::vector<CellRange> ranges, std::vector<MutableBytes> out) {
  return read_all(Target{container_, object_, cell_size_, chunk_cells_, epoch_}, std::move(ranges), std::move(out));
}

Task<Status> Array::punch(std::vector<CellRange> ranges) {
  return punch_all(Target{container_, object_, cell_size_, chunk_cells_, epoch_}, std::move(ranges));
}

Task<Result<uint64_t>> Array::size() {
  return find_size(Target{container_, object_, cell_size_, chunk_cells_, epoch_});
}

Task<Status> Array::set_size(uint64_t cells) {
  return resize(Target{container_, object_, cell_size_, chunk_cells_, epoch_}, cells);
}

Task<Result<Epoch>> Array::max_epoch() { return container_->query_max_epoch(object_, epoch_); }

Task<Status> Array::destroy() {
  std::vector<ObjectWrite> writes(1);
  writes[0].kind = ObjectWrite::Kind::kPunchObject;
  writes[0].object = object_;
  return write_object(container_, std::move(writes));
}

}  // namespace aeon::client
