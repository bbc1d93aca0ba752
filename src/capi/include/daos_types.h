// The types that every part of the DAOS interface uses: handles, epochs, keys, anchors, events.
#ifndef AEON_DAOS_TYPES_H
#define AEON_DAOS_TYPES_H

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include <cart/types.h>
#include <daos_errno.h>

#ifdef __cplusplus
extern "C" {
#endif

// Longest name of a system, without its NUL.
#define DAOS_SYS_NAME_MAX 15
#define DAOS_SYS_INFO_STRING_MAX 63

// Longest name of a pool or container attribute, without its NUL.
#define DAOS_ATTR_NAME_MAX 511

// A number of bytes, or of records where a call counts in records.
typedef uint64_t daos_size_t;
// A position, in the same unit.
typedef uint64_t daos_off_t;

// ---- Handles -------------------------------------------------------------------------------------

// Something open: a pool, container, object, array, event queue or transaction. Good within the
// process that opened it, until it is closed there. Handles are plain values and may be copied.
typedef struct {
  uint64_t cookie;
} daos_handle_t;

// The handle of nothing.
#if defined(__cplusplus) && __cplusplus >= 201103L
#define DAOS_HDL_INVAL (daos_handle_t{0})
#else
#define DAOS_HDL_INVAL ((daos_handle_t){0})
#endif

// Where a call takes a transaction: work on the newest state, each call on its own.
#define DAOS_TX_NONE DAOS_HDL_INVAL

static inline bool daos_handle_is_inval(daos_handle_t hdl) { return hdl.cookie == 0; }

static inline bool daos_handle_is_valid(daos_handle_t hdl) { return hdl.cookie != 0; }

// What a handle is of.
enum {
  DAOS_HTYPE_EQ = 1,
  DAOS_HTYPE_POOL = 3,
  DAOS_HTYPE_CO = 5,
  DAOS_HTYPE_OBJ = 7,
  DAOS_HTYPE_ARRAY = 9,
  DAOS_HTYPE_TX = 11,
  DAOS_HTYPE_KV = 13,
};

// How to connect to a pool; exactly one of them.
#define DAOS_PC_RO (1U << 0)  // only reads
#define DAOS_PC_RW (1U << 1)  // reads and writes
#define DAOS_PC_EX (1U << 2)  // reads and writes, and nobody else may be connected
#define DAOS_PC_NBITS 3
#define DAOS_PC_MASK ((1U << DAOS_PC_NBITS) - 1)

// ---- Epochs --------------------------------------------------------------------------------------

// The version of a write. Later writes have greater epochs.
typedef uint64_t daos_epoch_t;

// Both ends belong to the range.
typedef struct {
  daos_epoch_t epr_lo;
  daos_epoch_t epr_hi;
} daos_epoch_range_t;

#define DAOS_EPOCH_MAX (~0ULL)

// ---- Keys and objects ----------------------------------------------------------------------------

// A dkey or akey: iov_len bytes of any value.
typedef d_iov_t daos_key_t;

static inline bool daos_key_is_null(daos_key_t key) { return key.iov_buf == NULL || key.iov_buf_len == 0; }

// The name of an object in its container. The caller chooses `lo` and the low half of `hi`; the
// high half of `hi` is set by daos_obj_generate_oid().
typedef struct {
  uint64_t lo;
  uint64_t hi;
} daos_obj_id_t;

// ---- Listing -------------------------------------------------------------------------------------

#define DAOS_HKEY_MAX 32
#define DAOS_ANCHOR_BUF_MAX 104

typedef enum {
  DAOS_ANCHOR_TYPE_ZERO = 0,  // at the beginning
  DAOS_ANCHOR_TYPE_HKEY = 1,  // at the hash of a key
  DAOS_ANCHOR_TYPE_KEY = 2,   // at a key
  DAOS_ANCHOR_TYPE_EOF = 3,   // at the end: nothing is left to list
} daos_anchor_type_t;

// How far a listing has come. All zero bytes, or DAOS_ANCHOR_INIT, start from the beginning. Pass it
// back unchanged to go on, until daos_anchor_is_eof(). It may be copied, to go on from there twice.
typedef struct {
  uint16_t da_type;
  uint16_t da_shard;
  uint32_t da_flags;
  uint64_t da_sub_anchors;
  uint8_t da_buf[DAOS_ANCHOR_BUF_MAX];
} daos_anchor_t;

#define DAOS_ANCHOR_INIT {DAOS_ANCHOR_TYPE_ZERO, 0, 0, 0, {0}}

// ---- Containers ----------------------------------------------------------------------------------

// What daos_cont_open() and daos_cont_query() tell of a container.
typedef struct {
  uuid_t ci_uuid;
  daos_epoch_t ci_lsnapshot;  // epoch of the newest snapshot, 0 if there is none
  uint32_t ci_nhandles;       // how often it is open, this handle included
  uint32_t ci_nsnapshots;
  uint64_t ci_md_otime;  // epoch at which it was last opened
  uint64_t ci_md_mtime;  // epoch at which its properties, attributes or snapshots last changed
} daos_cont_info_t;

// ---- Events --------------------------------------------------------------------------------------

// One operation in flight; see daos_event.h. Neither move nor copy it between daos_event_init() and
// daos_event_fini().
typedef struct daos_event {
  int ev_error;  // the operation's result, valid once the event has completed
  struct {
    uint64_t space[20];
  } ev_private;
  uint64_t ev_debug;
} daos_event_t;

// In place of a time limit in microseconds.
#define DAOS_EQ_WAIT -1   // until there is something
#define DAOS_EQ_NOWAIT 0  // only look

// Which events daos_eq_query() looks for.
typedef enum {
  DAOS_EQR_COMPLETED = 1,
  DAOS_EQR_WAITING = 2,
  DAOS_EQR_ALL = DAOS_EQR_COMPLETED | DAOS_EQR_WAITING,
} daos_eq_query_t;

typedef enum {
  DAOS_EVS_READY,
  DAOS_EVS_RUNNING,
  DAOS_EVS_COMPLETED,
  DAOS_EVS_ABORTED,
} daos_ev_status_t;

// ---- UUIDs as text -------------------------------------------------------------------------------

// 36 characters and a NUL.
#define DAOS_UUID_STR_SIZE 37

#define UUID_SST_UPPER 1   // hex digits must be upper case
#define UUID_SST_LOWER -1  // hex digits must be lower case
#define UUID_SST_NONE 0    // either will do

// Whether `uuid` is a UUID in the 8-4-4-4-12 form and nothing else, in the case that `sensitive` asks for.
static inline bool daos_is_valid_uuid_string(const char* uuid, int sensitive) {
  int i;

  for (i = 0; i < DAOS_UUID_STR_SIZE - 1; i++) {
    int c = (unsigned char)uuid[i];
    bool at_dash = i == 8 || i == 13 || i == 18 || i == 23;

    if (at_dash ? c != '-' : !isxdigit(c)) return false;  // A NUL is neither, so this stops there.
    if (sensitive >= UUID_SST_UPPER && islower(c)) return false;
    if (sensitive <= UUID_SST_LOWER && isupper(c)) return false;
  }
  return uuid[i] == '\0';
}

#ifdef __cplusplus
}
#endif

#endif
