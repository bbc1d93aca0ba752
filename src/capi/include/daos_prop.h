// Properties of pools and containers: lists of (id, value).
//
//   daos_prop_t* prop = daos_prop_alloc(1);
//   prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
//   prop->dpp_entries[0].dpe_val = DAOS_PROP_CO_LAYOUT_POSIX;
//   ... daos_cont_create_with_label(poh, "results", prop, &uuid, NULL);
//   daos_prop_free(prop);
//
// A list owns its entries and their strings and blocks, which come from malloc().
#ifndef AEON_DAOS_PROP_H
#define AEON_DAOS_PROP_H

#include <ctype.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Pool properties -----------------------------------------------------------------------------

// Numbers (dpe_val), unless a string (dpe_str) or a block (dpe_val_ptr) is said.
enum daos_pool_props {
  DAOS_PROP_PO_MIN = 0,
  DAOS_PROP_PO_LABEL,              // string
  DAOS_PROP_PO_ACL,                // block: struct daos_acl
  DAOS_PROP_PO_SPACE_RB,           // percent of space kept for rebuild
  DAOS_PROP_PO_SELF_HEAL,          // bits DAOS_SELF_HEAL_
  DAOS_PROP_PO_RECLAIM,            // DAOS_RECLAIM_
  DAOS_PROP_PO_OWNER,              // string, user@
  DAOS_PROP_PO_OWNER_GROUP,        // string, group@
  DAOS_PROP_PO_SVC_LIST,           // block: d_rank_list_t
  DAOS_PROP_PO_EC_CELL_SZ,         // bytes
  DAOS_PROP_PO_DATA_THRESH,        // bytes
  DAOS_PROP_PO_REDUN_FAC,          // failures that new containers stand by default
  DAOS_PROP_PO_EC_PDA,             // targets of one object in a domain, erasure coded
  DAOS_PROP_PO_RP_PDA,             // the same, replicated
  DAOS_PROP_PO_GLOBAL_VERSION,     // of the stored layout
  DAOS_PROP_PO_UPGRADE_STATUS,     // DAOS_UPGRADE_STATUS_
  DAOS_PROP_PO_SCRUB_MODE,         // DAOS_SCRUB_MODE_
  DAOS_PROP_PO_SCRUB_FREQ,         // seconds
  DAOS_PROP_PO_SCRUB_THRESH,       // errors
  DAOS_PROP_PO_SVC_REDUN_FAC,      // failures that the pool service stands
  DAOS_PROP_PO_OBJ_VERSION,        // of the object layout
  DAOS_PROP_PO_PERF_DOMAIN,        // DAOS_PROP_PERF_DOMAIN_
  DAOS_PROP_PO_CHECKPOINT_MODE,    // DAOS_CHECKPOINT_
  DAOS_PROP_PO_CHECKPOINT_FREQ,    // seconds
  DAOS_PROP_PO_CHECKPOINT_THRESH,  // percent of the log
  DAOS_PROP_PO_REINT_MODE,         // DAOS_REINT_MODE_
  DAOS_PROP_PO_SVC_OPS_ENABLED,    // 0 or 1
  DAOS_PROP_PO_SVC_OPS_ENTRY_AGE,  // seconds
  DAOS_PROP_PO_MAX,
};

#define DAOS_PROP_PO_NUM (DAOS_PROP_PO_MAX - DAOS_PROP_PO_MIN - 1)

#define DAOS_PROP_PO_EC_CELL_SZ_MIN (1UL << 10)
#define DAOS_PROP_PO_EC_CELL_SZ_MAX (1UL << 30)
#define DAOS_PROP_PO_DATA_THRESH_DEFAULT (1UL << 12)
#define DAOS_PROP_PO_REDUN_FAC_MAX 4
#define DAOS_PROP_PO_SVC_REDUN_FAC_MAX 4
#define DAOS_PROP_PDA_MAX ((uint32_t)-1)

// Whether `rf` is a redundancy factor.
static inline bool daos_rf_is_valid(unsigned long long rf) { return rf <= DAOS_PROP_PO_REDUN_FAC_MAX; }

#define DAOS_SELF_HEAL_AUTO_EXCLUDE (1U << 0)
#define DAOS_SELF_HEAL_AUTO_REBUILD (1U << 1)
#define DAOS_SELF_HEAL_DELAY_REBUILD (1U << 2)

enum {
  DAOS_RECLAIM_DISABLED = 0,
  DAOS_RECLAIM_LAZY,
  DAOS_RECLAIM_SNAPSHOT,
  DAOS_RECLAIM_BATCH,
  DAOS_RECLAIM_TIME,
};

enum {
  DAOS_UPGRADE_STATUS_NOT_STARTED = 0,
  DAOS_UPGRADE_STATUS_IN_PROGRESS = 1,
  DAOS_UPGRADE_STATUS_COMPLETED = 2,
  DAOS_UPGRADE_STATUS_FAILED = 3,
};

enum {
  DAOS_SCRUB_MODE_OFF = 0,
  DAOS_SCRUB_MODE_LAZY = 1,
  DAOS_SCRUB_MODE_TIMED = 2,
  DAOS_SCRUB_MODE_INVALID = 3,
};

enum {
  DAOS_PROP_PERF_DOMAIN_ROOT = 255,
  DAOS_PROP_PERF_DOMAIN_GROUP = 200,
};

enum {
  DAOS_CHECKPOINT_DISABLED = 0,
  DAOS_CHECKPOINT_TIMED,
  DAOS_CHECKPOINT_LAZY,
};

enum {
  DAOS_REINT_MODE_DATA_SYNC = 0,
  DAOS_REINT_MODE_NO_DATA_SYNC = 1,
  DAOS_REINT_MODE_INCREMENTAL = 2,
};

// ---- Container properties ------------------------------------------------------------------------

enum daos_cont_props {
  DAOS_PROP_CO_MIN = 0x1000,
  DAOS_PROP_CO_LABEL,               // string
  DAOS_PROP_CO_LAYOUT_TYPE,         // DAOS_PROP_CO_LAYOUT_
  DAOS_PROP_CO_LAYOUT_VER,          // of that layout
  DAOS_PROP_CO_CSUM,                // DAOS_PROP_CO_CSUM_
  DAOS_PROP_CO_CSUM_CHUNK_SIZE,     // bytes of an array that share a checksum
  DAOS_PROP_CO_CSUM_SERVER_VERIFY,  // DAOS_PROP_CO_CSUM_SV_
  DAOS_PROP_CO_REDUN_FAC,           // failures to stand, DAOS_PROP_CO_REDUN_RF
  DAOS_PROP_CO_REDUN_LVL,           // of what: DAOS_PROP_CO_REDUN_RANK or _NODE
  DAOS_PROP_CO_SNAPSHOT_MAX,        // most snapshots it may have, 0 for no limit
  DAOS_PROP_CO_ACL,                 // block: struct daos_acl
  DAOS_PROP_CO_COMPRESS,            // DAOS_PROP_CO_COMPRESS_
  DAOS_PROP_CO_ENCRYPT,             // DAOS_PROP_CO_ENCRYPT_
  DAOS_PROP_CO_OWNER,               // string, user@
  DAOS_PROP_CO_OWNER_GROUP,         // string, group@
  DAOS_PROP_CO_DEDUP,               // DAOS_PROP_CO_DEDUP_
  DAOS_PROP_CO_DEDUP_THRESHOLD,     // bytes
  DAOS_PROP_CO_ROOTS,               // block: struct daos_prop_co_roots
  DAOS_PROP_CO_STATUS,              // packed struct daos_co_status
  DAOS_PROP_CO_ALLOCED_OID,         // highest id given out by daos_cont_alloc_oids()
  DAOS_PROP_CO_EC_CELL_SZ,          // bytes
  DAOS_PROP_CO_EC_PDA,              // as for pools
  DAOS_PROP_CO_RP_PDA,              // as for pools
  DAOS_PROP_CO_GLOBAL_VERSION,      // of the stored layout
  DAOS_PROP_CO_SCRUBBER_DISABLED,   // 0 or 1
  DAOS_PROP_CO_OBJ_VERSION,         // of the object layout
  DAOS_PROP_CO_PERF_DOMAIN,         // DAOS_PROP_PERF_DOMAIN_
  DAOS_PROP_CO_MAX,
};

#define DAOS_PROP_CO_NUM (DAOS_PROP_CO_MAX - DAOS_PROP_CO_MIN - 1)

// The kind of data a container holds, and with it the library that understands it.
typedef uint16_t daos_cont_layout_t;

enum {
  DAOS_PROP_CO_LAYOUT_UNKNOWN,
  DAOS_PROP_CO_LAYOUT_UNKOWN = DAOS_PROP_CO_LAYOUT_UNKNOWN,  // as older programs spell it
  DAOS_PROP_CO_LAYOUT_POSIX,
  DAOS_PROP_CO_LAYOUT_HDF5,
  DAOS_PROP_CO_LAYOUT_PYTHON,
  DAOS_PROP_CO_LAYOUT_SPARK,
  DAOS_PROP_CO_LAYOUT_DATABASE,
  DAOS_PROP_CO_LAYOUT_ROOT,
  DAOS_PROP_CO_LAYOUT_SEISMIC,
  DAOS_PROP_CO_LAYOUT_METEO,
  DAOS_PROP_CO_LAYOUT_MAX
};

enum {
  DAOS_PROP_CO_CSUM_OFF,
  DAOS_PROP_CO_CSUM_CRC16,
  DAOS_PROP_CO_CSUM_CRC32,
  DAOS_PROP_CO_CSUM_CRC64,
  DAOS_PROP_CO_CSUM_SHA1,
  DAOS_PROP_CO_CSUM_SHA256,
  DAOS_PROP_CO_CSUM_SHA512,
  DAOS_PROP_CO_CSUM_ADLER32
};

// Whether checksums are also verified where data is stored, before it is.
enum { DAOS_PROP_CO_CSUM_SV_OFF, DAOS_PROP_CO_CSUM_SV_ON };

enum { DAOS_PROP_CO_DEDUP_OFF, DAOS_PROP_CO_DEDUP_MEMCMP, DAOS_PROP_CO_DEDUP_HASH };

enum {
  DAOS_PROP_CO_COMPRESS_OFF,
  DAOS_PROP_CO_COMPRESS_LZ4,
  DAOS_PROP_CO_COMPRESS_DEFLATE,
  DAOS_PROP_CO_COMPRESS_DEFLATE1,
  DAOS_PROP_CO_COMPRESS_DEFLATE2,
  DAOS_PROP_CO_COMPRESS_DEFLATE3,
  DAOS_PROP_CO_COMPRESS_DEFLATE4,
};

enum {
  DAOS_PROP_CO_ENCRYPT_OFF,
  DAOS_PROP_CO_ENCRYPT_AES_XTS128,
  DAOS_PROP_CO_ENCRYPT_AES_XTS256,
  DAOS_PROP_CO_ENCRYPT_AES_CBC128,
  DAOS_PROP_CO_ENCRYPT_AES_CBC192,
  DAOS_PROP_CO_ENCRYPT_AES_CBC256,
  DAOS_PROP_CO_ENCRYPT_AES_GCM128,
  DAOS_PROP_CO_ENCRYPT_AES_GCM256
};

enum {
  DAOS_PROP_CO_REDUN_RF0 = 0,
  DAOS_PROP_CO_REDUN_RF1 = 1,
  DAOS_PROP_CO_REDUN_RF2 = 2,
  DAOS_PROP_CO_REDUN_RF3 = 3,
  DAOS_PROP_CO_REDUN_RF4 = 4,
  DAOS_RF_MAX = 4,
};

enum {
  DAOS_PROP_CO_REDUN_MIN = 1,
  DAOS_PROP_CO_REDUN_RANK = 1,
  DAOS_PROP_CO_REDUN_NODE = 2,
  DAOS_PROP_CO_REDUN_FAULT = 3,
  DAOS_PROP_CO_REDUN_MAX = 254,
};

#define DAOS_PROP_CO_REDUN_DEFAULT DAOS_PROP_CO_REDUN_NODE

// Objects from which everything else in the container can be found.
struct daos_prop_co_roots {
  daos_obj_id_t cr_oids[4];
};

// Whether data may have been lost.
enum { DAOS_PROP_CO_HEALTHY, DAOS_PROP_CO_UNCLEAN };

// Set in dcs_flags to declare a container healthy again.
#define DAOS_PROP_CO_CLEAR (0x1)

struct daos_co_status {
  uint16_t dcs_status;
  uint16_t dcs_flags;
  uint32_t dcs_pm_ver;  // version of the pool map that this is true of
};

// A status as the number that DAOS_PROP_CO_STATUS has: flags, status, map version from high to low.
#define DAOS_PROP_CO_STATUS_VAL(status, flag, pm_ver) \
  ((uint64_t)(flag) << 48 | ((uint64_t)(status) & 0xFFFF) << 32 | (uint64_t)(pm_ver))

static inline uint64_t daos_prop_co_status_2_val(struct daos_co_status* co_status) {
  return DAOS_PROP_CO_STATUS_VAL(co_status->dcs_status, co_status->dcs_flags, co_status->dcs_pm_ver);
}

static inline void daos_prop_val_2_co_status(uint64_t val, struct daos_co_status* co_status) {
  co_status->dcs_flags = (uint16_t)(val >> 48);
  co_status->dcs_status = (uint16_t)(val >> 32);
  co_status->dcs_pm_ver = (uint32_t)val;
}

// ---- Labels --------------------------------------------------------------------------------------

// Longest label, without and with its NUL.
#define DAOS_PROP_LABEL_MAX_LEN (127)
#define DAOS_PROP_MAX_LABEL_BUF_LEN (DAOS_PROP_LABEL_MAX_LEN + 1)

// What the label property of a pool or container without a label holds.
#define DAOS_PROP_PO_LABEL_DEFAULT "pool_label_not_set"
#define DAOS_PROP_CO_LABEL_DEFAULT "container_label_not_set"
#define DAOS_PROP_NO_PO_LABEL DAOS_PROP_PO_LABEL_DEFAULT
#define DAOS_PROP_NO_CO_LABEL DAOS_PROP_CO_LABEL_DEFAULT

// Whether `label` may be one: 1 to 127 letters, digits, '.', '_', ':' and '-', and not a UUID.
static inline bool daos_label_is_valid(const char* label) {
  int len;

  if (label == NULL) return false;
  for (len = 0; label[len] != '\0'; len++) {
    int c = (unsigned char)label[len];
    bool allowed = isalnum(c) || c == '.' || c == '_' || c == ':' || c == '-';

    if (!allowed || len == DAOS_PROP_LABEL_MAX_LEN) return false;
  }
  return len > 0 && !daos_is_valid_uuid_string(label, UUID_SST_NONE);
}

// ---- Lists ---------------------------------------------------------------------------------------

// In dpe_flags of an answer: this property has no value.
enum {
  DAOS_PROP_ENTRY_NOT_SET = (1 << 0),
};

struct daos_prop_entry {
  uint32_t dpe_type;  // DAOS_PROP_PO_ or DAOS_PROP_CO_
  uint16_t dpe_flags;
  uint16_t dpe_reserv;
  __extension__ union {
    uint64_t dpe_val;
    d_string_t dpe_str;
    void* dpe_val_ptr;
  };
};

#define DAOS_PROP_ENTRIES_MAX_NR (128)

typedef struct {
  uint32_t dpp_nr;
  uint32_t dpp_reserv;
  struct daos_prop_entry* dpp_entries;
} daos_prop_t;

// A list of `entries_nr` zeroed entries. With 0 it has none; given to a query, it is filled with all
// there are. NULL if more than DAOS_PROP_ENTRIES_MAX_NR, or out of memory.
daos_prop_t* daos_prop_alloc(uint32_t entries_nr);

// Frees the entries, leaving an empty list. For lists that are not from daos_prop_alloc().
void daos_prop_fini(daos_prop_t* prop);

// Frees the list and its entries. NULL is fine.
void daos_prop_free(daos_prop_t* prop);

// Reads container properties written as "name:value;name:value", of which `str` has `len` bytes, and
// allocates *prop for them. Names: label, cksum, cksum_size, srv_cksum, dedup, dedup_threshold,
// compression, encryption, rd_fac, ec_cell_sz, ec_pda, rp_pda, perf_domain. -DER_INVAL (unknown name,
// one that cannot be set, or a bad value), -DER_NOMEM.
int daos_prop_from_str(const char* str, daos_size_t len, daos_prop_t** prop);

// Makes a new list of the entries of both; where both have a property, new_prop's value counts.
// -DER_INVAL (a list is NULL, or an entry invalid), -DER_NOMEM.
int daos_prop_merge2(daos_prop_t* old_prop, daos_prop_t* new_prop, daos_prop_t** out_prop);

// The same, returning the new list, or NULL for any error.
daos_prop_t* daos_prop_merge(daos_prop_t* old_prop, daos_prop_t* new_prop);

// The first entry of that type in the list, which keeps owning it, or NULL.
struct daos_prop_entry* daos_prop_entry_get(daos_prop_t* prop, uint32_t type);

// Whether the entry's value is a string, or a block.
bool daos_prop_has_str(struct daos_prop_entry* entry);
bool daos_prop_has_ptr(struct daos_prop_entry* entry);

// Sets a string property to a copy of at most `len` bytes of `str`, freeing the old value. With
// str == NULL or len == 0 it has no value afterwards. -DER_NONEXIST (the list has no such entry),
// -DER_INVAL (not a string property), -DER_NOMEM.
int daos_prop_set_str(daos_prop_t* prop, uint32_t type, const char* str, daos_size_t len);
int daos_prop_entry_set_str(struct daos_prop_entry* entry, const char* str, daos_size_t len);

// The same for a block of `size` bytes. DAOS_PROP_PO_SVC_LIST, whose block points to another, is
// refused with -DER_INVAL.
int daos_prop_set_ptr(daos_prop_t* prop, uint32_t type, const void* ptr, daos_size_t size);
int daos_prop_entry_set_ptr(struct daos_prop_entry* entry, const void* ptr, daos_size_t size);

// Sets the block of entry_dst to a copy of the first `len` bytes of entry_src's; what it pointed to
// before is not freed. -DER_INVAL, -DER_NOMEM.
int daos_prop_entry_dup_ptr(struct daos_prop_entry* entry_dst, struct daos_prop_entry* entry_src, size_t len);

// The same for DAOS_PROP_CO_ROOTS, reusing the block that dst has.
int daos_prop_entry_dup_co_roots(struct daos_prop_entry* dst, struct daos_prop_entry* src);

// 0 if two ACL entries hold the same ACL, or none; else -DER_MISMATCH. -DER_INVAL for other entries.
int daos_prop_entry_cmp_acl(struct daos_prop_entry* entry1, struct daos_prop_entry* entry2);

// Whether an entry of an answer has a value.
static inline bool daos_prop_is_set(struct daos_prop_entry* entry) {
  return (entry->dpe_flags & DAOS_PROP_ENTRY_NOT_SET) == 0;
}

#ifdef __cplusplus
}
#endif

#endif
