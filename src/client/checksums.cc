#include "checksums.h"

#include <algorithm>

#include "base/crc32c.h"
#include "rpc/bulk.h"
#include "wire/fetch_layout.h"

namespace aeon::client {
namespace {

// Walks pieces of memory from the front.
template <typename Piece>
class Walk {
 public:
  explicit Walk(std::span<const Piece> pieces) : pieces_(pieces) {}

  void skip(ByteCount size) {
    step(size, [](ByteView) {});
  }
  // The checksum of the next `size` bytes; nothing if there aren't that many.
  bool checksum(ByteCount size, uint32_t& crc) {
    crc = 0;
    return step(size, [&crc](ByteView part) { crc = crc32c(part, crc); });
  }

 private:
  template <typename Visit>
  bool step(ByteCount size, Visit visit) {
    while (size != 0) {
      if (index_ == pieces_.size()) return false;
      const Piece& piece = pieces_[index_];
      const size_t count = std::min<ByteCount>(size, piece.size() - offset_);
      visit(ByteView(piece.data() + offset_, count));
      size -= count;
      offset_ += count;
      if (offset_ == piece.size()) {
        ++index_;
        offset_ = 0;
      }
    }
    return true;
  }

  std::span<const Piece> pieces_;
  size_t index_ = 0;
  size_t offset_ = 0;
};

std::string printable(const Bytes& key) {
  constexpr size_t kShown = 32;
  std::string text = "'";
  for (size_t i = 0; i < key.size() && i < kShown; ++i) {
    const char c = static_cast<char>(key[i]);
    text += c >= ' ' && c <= '~' ? c : '?';
  }
  return text + (key.size() > kShown ? "…'" : "'");
}

Status wrong_size(const AkeyUpdate& update) {
  return Status(Code::kInvalidArgument,
                "the data of akey " + printable(update.akey) + " isn't as long as its record size and extents say");
}

template <typename Piece>
bool append_checksums(Walk<Piece>& walk, ByteCount size, ByteCount chunk, std::vector<uint32_t>& checksums) {
  for (ByteCount done = 0; done < size;) {
    const ByteCount count = std::min<ByteCount>(chunk, size - done);
    uint32_t crc = 0;
    if (!walk.checksum(count, crc)) return false;
    checksums.push_back(crc);
    done += count;
  }
  return true;
}

Status add_checksums_of(AkeyUpdate& update) {
  const ByteCount given = rpc::total_size(std::span<const ByteView>(update.data));
  ByteCount size = 0;
  if (update.kind == ValueKind::kSingle) {
    size = update.record_size;
  } else {
    for (const Recx& recx : update.recxs) {
      ByteCount bytes = 0;
      if (__builtin_mul_overflow(recx.count, update.record_size, &bytes) ||
          __builtin_add_overflow(size, bytes, &size)) {
        return wrong_size(update);
      }
    }
  }
  if (size != given) return wrong_size(update);
  if (!update.checksums.empty() || size == 0) return ok();
  const ByteCount chunk = checksum_chunk(update.record_size);
  Walk<ByteView> walk(update.data);
  bool is_whole = true;
  if (update.kind == ValueKind::kSingle) {
    is_whole = append_checksums(walk, size, chunk, update.checksums);
  } else {
    for (const Recx& recx : update.recxs) {
      is_whole = is_whole && append_checksums(walk, recx.count * update.record_size, chunk, update.checksums);
    }
  }
  return is_whole ? ok() : wrong_size(update);
}

}  // namespace

Status add_checksums(std::vector<ObjectWrite>& writes) {
  for (ObjectWrite& write : writes) {
    for (AkeyUpdate& update : write.akeys) TRY(add_checksums_of(update));
  }
  return ok();
}

Status verify_checksums(const AkeyFetch& fetch, const FetchedAkey& fetched) {
  bool is_damaged = false;
  // Segments come in the order of memory, so one walk sees them all.
  Walk<MutableBytes> walk(fetch.out);
  uint64_t position = 0;
  const ByteCount chunk = checksum_chunk(fetched.record_size);
  std::vector<uint32_t> checksums;
  TRY(wire::for_each_segment(fetch.kind, fetch.recxs, fetched,
                             [&](const FetchedSegment& segment, uint64_t offset, uint64_t size) {
                               if (is_damaged) return;
                               checksums.clear();
                               walk.skip(offset - position);
                               position = offset + size;
                               const bool is_whole = append_checksums(walk, size, chunk, checksums);
                               if (!is_whole || checksums != segment.checksums) is_damaged = true;
                             }));
  if (!is_damaged) return ok();
  return Status(Code::kCorrupt, "what was read of akey " + printable(fetch.akey) +
                                    " isn't what was written (checksum); it was damaged on its way or in memory");
}

}  // namespace aeon::client
