// Making and opening containers, for libdaos's own calls and those of libdfs.
#pragma once

#include <daos_cont.h>

#include "open_handles.h"

namespace aeon::capi {

// -DER_INVAL unless it is one way to open and known bits.
int read_container_flags(unsigned int flags, client::Access* access);

// Opens it and gives *coh a handle. *info, unless null, is filled in.
Task<int> open_container(std::shared_ptr<PoolHandle> pool, std::string name, client::Access access, daos_handle_t* coh,
                         daos_cont_info_t* info);
int close_container(daos_handle_t coh);

// Takes the label out of the properties into the spec. -DER_… as read_container_properties().
int read_container_spec(const char* label, const daos_prop_t* prop, client::ContainerSpec* spec);

// The snapshot with that epoch, or if that is 0 with that name.
Task<Result<Epoch>> find_snapshot(std::shared_ptr<client::Container> container, Epoch epoch, std::string name);

void copy_uuid(const Uuid& from, uuid_t to);

}  // namespace aeon::capi
