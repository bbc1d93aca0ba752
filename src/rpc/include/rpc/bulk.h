// Memory that a request's data is in or goes to: pieces that follow one another.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"

namespace aeon::rpc {

template <typename Piece>
ByteCount total_size(std::span<const Piece> pieces) {
  ByteCount size = 0;
  for (const Piece& piece : pieces) size += piece.size();
  return size;
}

// Hands out the pieces' bytes from the front, without copying. Taking more than is left gives what is left.
template <typename Piece>
class PieceReader {
 public:
  explicit PieceReader(std::span<const Piece> pieces) : pieces_(pieces) {}

  std::vector<Piece> take(ByteCount size) {
    std::vector<Piece> taken;
    while (size != 0 && index_ < pieces_.size()) {
      const Piece left = pieces_[index_].subspan(offset_);
      const size_t count = left.size() < size ? left.size() : static_cast<size_t>(size);
      if (count != 0) taken.push_back(left.first(count));
      size -= count;
      offset_ += count;
      if (offset_ == pieces_[index_].size()) {
        ++index_;
        offset_ = 0;
      }
    }
    return taken;
  }

  void skip(ByteCount size) {
    while (size != 0 && index_ < pieces_.size()) {
      const size_t left = pieces_[index_].size() - offset_;
      if (size < left) {
        offset_ += size;
        return;
      }
      size -= left;
      ++index_;
      offset_ = 0;
    }
  }

 private:
  std::span<const Piece> pieces_;
  size_t index_ = 0;
  size_t offset_ = 0;
};

// Copies `from` to `offset` within the pieces; what doesn't fit is left out.
inline void copy_into(std::span<const MutableBytes> pieces, ByteCount offset, ByteView from) {
  for (const MutableBytes& piece : pieces) {
    if (from.empty()) return;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    const size_t count = std::min<size_t>(piece.size() - offset, from.size());
    std::memcpy(piece.data() + offset, from.data(), count);
    from = from.subspan(count);
    offset = 0;
  }
}

}  // namespace aeon::rpc
