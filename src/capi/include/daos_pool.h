// Pools: connecting, asking about space, listing containers.
#ifndef AEON_DAOS_POOL_H
#define AEON_DAOS_POOL_H

#include <inttypes.h>
#include <uuid/uuid.h>

#include <daos_event.h>
#include <daos_prop.h>
#include <daos_types.h>

// The name in the library of the present signature; the plain name exists there as well.
#define daos_pool_connect daos_pool_connect2

#ifdef __cplusplus
extern "C" {
#endif

// Kinds of storage. A system without separate fast media counts all its space as NVME.
enum daos_media_type_t {
  DAOS_MEDIA_SCM = 0,
  DAOS_MEDIA_NVME,
  DAOS_MEDIA_MAX,
};

// Bytes, by kind of storage.
struct daos_space {
  uint64_t s_total[DAOS_MEDIA_MAX];
  uint64_t s_free[DAOS_MEDIA_MAX];
};

// Bytes over all targets, and what single targets have free.
struct daos_pool_space {
  struct daos_space ps_space;
  uint64_t ps_free_min[DAOS_MEDIA_MAX];
  uint64_t ps_free_max[DAOS_MEDIA_MAX];
  uint64_t ps_free_mean[DAOS_MEDIA_MAX];
  uint32_t ps_ntargets;  // targets counted
  uint32_t ps_padding;
};

enum daos_rebuild_state_t {
  DRS_IN_PROGRESS = 0,
  DRS_NOT_STARTED = 1,
  DRS_COMPLETED = 2,
};

enum daos_rebuild_status_flag {
  DAOS_RSF_DEGRADED = (1 << 0),
};

// The latest rebuild.
struct daos_rebuild_status {
  uint32_t rs_version;  // of the pool map it is for; 0 if there was none
  uint32_t rs_seconds;  // how long it has taken
  int32_t rs_errno;     // 0, or why it failed: -DER_...
  __extension__ union {
    int32_t rs_state;  // daos_rebuild_state_t
    int32_t rs_done;
  };
  uint16_t rs_max_supported_layout_ver;
  uint8_t rs_flags;
  uint8_t rs_reserved_;
  int32_t rs_fail_rank;
  uint64_t rs_toberb_obj_nr;  // objects to rebuild
  uint64_t rs_obj_nr;         // objects rebuilt
  uint64_t rs_rec_nr;         // records rebuilt
  uint64_t rs_size;           // bytes rebuilt
};

// In pi_bits: what a query is to find out besides the rest.
enum daos_pool_info_bit {
  DPI_SPACE = 1ULL << 0,                   // pi_space
  DPI_REBUILD_STATUS = 1ULL << 1,          // pi_rebuild_st
  DPI_ENGINES_ENABLED = 1ULL << 2,         // `ranks`: engines all of whose targets are up
  DPI_ENGINES_DISABLED = 1ULL << 3,        // `ranks`: engines with targets that are down
  DPI_ENGINES_DEAD = 1ULL << 4,            // `ranks`: engines that do not answer
  DPI_REBUILD_MAX_LAYOUT_VER = 1ULL << 5,  // rs_max_supported_layout_ver
  DPI_SELF_HEAL_POLICY = 1ULL << 6,
  DPI_ALL = -1,
};

typedef struct {
  uuid_t pi_uuid;
  uint32_t pi_ntargets;
  uint32_t pi_nnodes;     // engines
  uint32_t pi_ndisabled;  // targets that are down
  uint32_t pi_map_ver;
  uint32_t pi_leader;  // engine that leads the pool service
  uint64_t pi_bits;    // in: DPI_ bits wanted; out: those that were answered
  struct daos_pool_space pi_space;
  struct daos_rebuild_status pi_rebuild_st;
} daos_pool_info_t;

// One container of a pool. A container without a label has an empty one.
struct daos_pool_cont_info {
  uuid_t pci_uuid;
  char pci_label[DAOS_PROP_LABEL_MAX_LEN + 1];
};

// Connects to the pool of that label or UUID in system `sys`, such as "local:/data/store"; NULL is the
// default, which AEON_SYSTEM sets. Unless it is for reading, a local system is made in a directory that
// is empty or missing. `flags` is one of DAOS_PC_. `info` may be NULL; it is filled in as by daos_pool_query().
// -DER_NONEXIST (no such pool or system), -DER_NO_PERM, -DER_BUSY (connected exclusively elsewhere, or
// the other way round), -DER_INVAL, -DER_DF_INCOMPT and -DER_DF_INVAL (stored in a format that this
// version cannot read, or damaged).
int daos_pool_connect(const char* pool, const char* sys, unsigned int flags, daos_handle_t* poh, daos_pool_info_t* info,
                      daos_event_t* ev);

// Ends a connection. -DER_NO_HDL, -DER_BUSY (a container is still open through it).
int daos_pool_disconnect(daos_handle_t poh, daos_event_t* ev);

// Tells about a pool. Each of the three may be NULL: `ranks` receives the engines that the DPI_ENGINES_
// bit in info->pi_bits asks for (without `info`, those with targets that are down), in a list to free
// with d_rank_list_free(). `pool_prop` receives the properties whose types its entries have, or all if
// it has no entries; free them with daos_prop_free(). -DER_NO_HDL, -DER_INVAL, -DER_NOMEM.
int daos_pool_query(daos_handle_t poh, d_rank_list_t** ranks, daos_pool_info_t* info, daos_prop_t* pool_prop,
                    daos_event_t* ev);

// Lists the containers of a pool into `cbuf`, which has room for *ncont, and sets *ncont to how many
// there are. With cbuf == NULL it only counts. -DER_TRUNC (too little room), -DER_NO_HDL.
int daos_pool_list_cont(daos_handle_t poh, daos_size_t* ncont, struct daos_pool_cont_info* cbuf, daos_event_t* ev);

#ifdef __cplusplus
}
#endif

#endif
