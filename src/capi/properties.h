// Property lists of C programs to and from the client's properties.
#pragma once

#include <daos_prop.h>

#include "client/client.h"

namespace aeon::capi {

enum class PropertyOwner { kPool, kContainer };

// Whether `prop` asks for properties of that owner, by the types of its entries, or for all by having none.
bool is_query_of(const daos_prop_t* prop, PropertyOwner owner);

// Answers a query; what has no value is marked so. -DER_NOMEM.
int fill_pool_properties(const client::PoolInfo& pool, daos_prop_t* prop);
int fill_container_properties(const client::Properties& properties, daos_prop_t* prop);

// What `prop`, or null, sets of a container. -DER_INVAL (not a container's property, a bad label), -DER_NOTSUPPORTED
// (a value that asks for what there isn't).
int read_container_properties(const daos_prop_t* prop, client::Properties* properties);

}  // namespace aeon::capi
