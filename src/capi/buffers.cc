#include "buffers.h"

#include <daos_errno.h>

#include <algorithm>

namespace aeon::capi {
namespace {

bool is_well_formed(const d_sg_list_t* sgl) { return sgl != nullptr && (sgl->sg_nr == 0 || sgl->sg_iovs != nullptr); }

// Lengths that no address space has would only overflow sums.
constexpr uint64_t kSizeMax = uint64_t{1} << 48;

template <typename Piece, typename SizeOf>
int read_pieces(const d_sg_list_t* sgl, std::vector<Piece>* pieces, uint64_t* size, SizeOf size_of) {
  if (!is_well_formed(sgl)) return -DER_INVAL;
  *size = 0;
  pieces->reserve(sgl->sg_nr);
  for (uint32_t i = 0; i < sgl->sg_nr; ++i) {
    const d_iov_t& iov = sgl->sg_iovs[i];
    const uint64_t piece_size = size_of(iov);
    if (piece_size == 0) continue;
    if (iov.iov_buf == nullptr || piece_size > kSizeMax || *size > kSizeMax) return -DER_INVAL;
    pieces->emplace_back(static_cast<std::byte*>(iov.iov_buf), piece_size);
    *size += piece_size;
  }
  return 0;
}

}  // namespace

int read_key(const daos_key_t* key, KeyOrder order, Bytes* out) {
  if (key == nullptr || key->iov_buf == nullptr || key->iov_len == 0) return -DER_INVAL;
  if (key->iov_len > kUserKeySizeMax) return -DER_KEY2BIG;
  if (order == KeyOrder::kUint64 && key->iov_len != sizeof(uint64_t)) return -DER_INVAL;
  const auto* bytes = static_cast<const std::byte*>(key->iov_buf);
  out->assign(bytes, bytes + key->iov_len);
  return 0;
}

int read_data(const d_sg_list_t* sgl, std::vector<ByteView>* pieces, uint64_t* size) {
  for (uint32_t i = 0; is_well_formed(sgl) && i < sgl->sg_nr; ++i) {
    if (sgl->sg_iovs[i].iov_len > sgl->sg_iovs[i].iov_buf_len) return -DER_INVAL;
  }
  return read_pieces(sgl, pieces, size, [](const d_iov_t& iov) { return iov.iov_len; });
}

int read_room(const d_sg_list_t* sgl, std::vector<MutableBytes>* pieces, uint64_t* size) {
  return read_pieces(sgl, pieces, size, [](const d_iov_t& iov) { return iov.iov_buf_len; });
}

int read_wanted_room(const d_sg_list_t* sgl, std::vector<MutableBytes>* pieces, uint64_t* size) {
  for (uint32_t i = 0; is_well_formed(sgl) && i < sgl->sg_nr; ++i) {
    if (sgl->sg_iovs[i].iov_len > sgl->sg_iovs[i].iov_buf_len) return -DER_INVAL;
  }
  return read_pieces(sgl, pieces, size,
                     [](const d_iov_t& iov) { return iov.iov_len != 0 ? iov.iov_len : iov.iov_buf_len; });
}

void cut_room(std::vector<MutableBytes>* pieces, uint64_t size) {
  size_t kept = 0;
  while (kept < pieces->size() && size > 0) {
    MutableBytes& piece = (*pieces)[kept++];
    piece = piece.first(std::min<uint64_t>(piece.size(), size));
    size -= piece.size();
  }
  pieces->resize(kept);
}

void mark_filled(d_sg_list_t* sgl, uint64_t size) {
  sgl->sg_nr_out = 0;
  for (uint32_t i = 0; i < sgl->sg_nr; ++i) {
    d_iov_t& iov = sgl->sg_iovs[i];
    iov.iov_len = std::min<uint64_t>(iov.iov_buf_len, size);
    size -= iov.iov_len;
    if (iov.iov_len > 0) sgl->sg_nr_out = i + 1;
  }
}

}  // namespace aeon::capi
