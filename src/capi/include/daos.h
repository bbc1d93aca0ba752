// The DAOS interface: pools, containers, objects and what is built on them.
//
//   daos_init -> daos_pool_connect -> daos_cont_open -> daos_obj_open, daos_array_open, daos_kv_open
//
// and back by the closing call of each. A call returns 0 or a negative code of daos_errno.h, and may be
// made from any thread. Before daos_init() it returns -DER_UNINIT.
#ifndef AEON_DAOS_H
#define AEON_DAOS_H

#include <daos_api.h>
#include <daos_array.h>
#include <daos_cont.h>
#include <daos_event.h>
#include <daos_kv.h>
#include <daos_mgmt.h>
#include <daos_obj.h>
#include <daos_pool.h>
#include <daos_prop.h>
#include <daos_security.h>
#include <daos_types.h>
#include <daos_version.h>

#ifdef __cplusplus
extern "C" {
#endif

// Starts the library. May be called several times; each call wants one daos_fini().
// -DER_INVAL if AEON_SYSTEM is not understood, -DER_NOMEM.
int daos_init(void);

// The last one of these ends the library and closes what is still open. -DER_UNINIT without a
// daos_init() before it, -DER_BUSY while operations are in flight or a file system is mounted.
int daos_fini(void);

#ifdef __cplusplus
}
#endif

#endif
