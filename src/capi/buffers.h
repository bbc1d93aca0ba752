// Keys and scatter-gather lists of C programs as the client takes them.
#pragma once

#include <daos_types.h>

#include <vector>

#include "base/data_model.h"

namespace aeon::capi {

// -DER_INVAL (no key, or not an integer where keys are integers), -DER_KEY2BIG.
int read_key(const daos_key_t* key, KeyOrder order, Bytes* out);

// What a list's buffers hold: iov_len bytes each. -DER_INVAL.
int read_data(const d_sg_list_t* sgl, std::vector<ByteView>* pieces, uint64_t* size);

// The room that a list's buffers have: iov_buf_len bytes each. -DER_INVAL.
int read_room(const d_sg_list_t* sgl, std::vector<MutableBytes>* pieces, uint64_t* size);

// The room that a read is to fill: iov_len bytes of each buffer, or where that is 0 all of it.
int read_wanted_room(const d_sg_list_t* sgl, std::vector<MutableBytes>* pieces, uint64_t* size);

// Cuts the pieces after `size` bytes.
void cut_room(std::vector<MutableBytes>* pieces, uint64_t size);

// Notes in the list that its first `size` bytes were filled.
void mark_filled(d_sg_list_t* sgl, uint64_t size);

}  // namespace aeon::capi
