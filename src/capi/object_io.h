// What reading and writing of objects share.
#pragma once

#include <daos_obj.h>

#include <memory>
#include <vector>

#include "open_handles.h"

namespace aeon::capi {

// More akeys in one call than this are a mistake.
inline constexpr unsigned int kAkeysInACall = 1u << 16;

// The extents of an array's descriptor, and how many records are in them. -DER_INVAL.
int read_extents(const daos_iod_t& iod, std::vector<Recx>* recxs, uint64_t* record_count);

// All of `writes`, or none.
Task<int> write_object(std::shared_ptr<ObjectHandle> object, std::vector<ObjectWrite> writes);

}  // namespace aeon::capi
