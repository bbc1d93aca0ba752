// Finding pools.
#ifndef AEON_DAOS_MGMT_H
#define AEON_DAOS_MGMT_H

#include <daos_cont.h>
#include <daos_types.h>
#include <uuid/uuid.h>

#ifdef __cplusplus
extern "C" {
#endif

// One pool of a system.
typedef struct {
  uuid_t mgpi_uuid;
  d_string_t mgpi_label;    // NULL if it has none; the caller free()s it
  d_rank_list_t* mgpi_svc;  // engines that hold its service; the caller frees it, d_rank_list_free()
  d_rank_t mgpi_ldr;        // the one of them that leads
} daos_mgmt_pool_info_t;

// Lists the pools of system `group` (NULL: the default one) into `pools`, an array of *npools zeroed
// entries, and sets *npools to the number of pools there are. With pools == NULL it only counts.
// -DER_TRUNC if the array is too small; *npools is then the size it needs. -DER_INVAL,
// -DER_NONEXIST (no such system), -DER_NOMEM.
int daos_mgmt_list_pools(const char* group, daos_size_t* npools, daos_mgmt_pool_info_t* pools, daos_event_t* ev);

#ifdef __cplusplus
}
#endif

#endif
