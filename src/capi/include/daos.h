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

// In a process that was forked from one that had called daos_init(): starts the library there, as often as it
// was started in the parent. Until then calls return -DER_UNINIT. Nothing that the parent has open is open in
// the child: its handles are -DER_NO_HDL, its mounts EINVAL. Connect and open again. A system that the parent
// has open embedded (local:DIR that nobody serves) is -DER_BUSY as long as it does. 0 also where there was no
// fork; -DER_UNINIT if the parent hadn't started it.
// May be called from a handler of pthread_atfork().
int daos_reinit(void);

#ifdef __cplusplus
}
#endif

#endif
