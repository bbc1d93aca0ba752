#pragma once

#include <daos_prop.h>

namespace aeon::capi {

// Makes `to`, whose old value is freed, a deep copy of `from`. On error `to` has no value.
// -DER_INVAL (an ACL or list that is longer than it may be), -DER_NOMEM.
int copy_prop_entry(const daos_prop_entry& from, daos_prop_entry& to);

}  // namespace aeon::capi
