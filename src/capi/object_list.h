// Listing keys into the buffers of C programs, for objects and key-value objects.
#pragma once

#include <daos_obj.h>

#include <memory>
#include <string>

#include "open_handles.h"

namespace aeon::capi {

// Where a listing's keys go. Checked by check_key_list().
struct KeyListTarget {
  uint32_t* nr = nullptr;
  daos_key_desc_t* kds = nullptr;
  d_sg_list_t* sgl = nullptr;
  daos_anchor_t* anchor = nullptr;
};

// -DER_INVAL; otherwise where to go on.
int check_key_list(const KeyListTarget& target, Anchor* from);

// Lists dkeys, or the akeys of *dkey if there is one.
Task<int> list_keys(std::shared_ptr<OpenObject> object, std::unique_ptr<Bytes> dkey, Epoch epoch, Anchor from,
                    KeyListTarget target);

}  // namespace aeon::capi
