// Objects: dkey -> akey -> a single value, or an array of records.
//
// A dkey chooses the shard; an akey names a value under it. A single value is replaced whole. An array
// has records of one size, read and written by extent.
//
// In the calls below `th` is DAOS_TX_NONE, a transaction from daos_tx_open() or, where the call reads, one
// from daos_tx_open_snap(). Every call may return -DER_NO_HDL (the handle is not open), -DER_INVAL (a bad
// argument) and -DER_NOMEM; calls that read also -DER_CSUM and -DER_IO (damaged storage); calls that
// write also -DER_NO_PERM (opened for reading), -DER_EP_RO (a snapshot), -DER_NOSPACE and -DER_KEY2BIG.
#ifndef AEON_DAOS_OBJ_H
#define AEON_DAOS_OBJ_H

#include <daos_event.h>
#include <daos_obj_class.h>
#include <daos_prop.h>
#include <daos_types.h>

// The name in the library of the present signature; the plain name exists there as well.
#define daos_obj_generate_oid daos_obj_generate_oid2

#ifdef __cplusplus
extern "C" {
#endif

// ---- Object ids ----------------------------------------------------------------------------------

// The reserved half of an id's `hi`, from the top: 8 bits type, 8 bits redundancy, 16 bits groups.
#define OID_FMT_INTR_BITS 32
#define OID_FMT_TYPE_BITS 8
#define OID_FMT_CLASS_BITS 8
#define OID_FMT_META_BITS 16

#define OID_FMT_TYPE_SHIFT (64 - OID_FMT_TYPE_BITS)
#define OID_FMT_CLASS_SHIFT (OID_FMT_TYPE_SHIFT - OID_FMT_CLASS_BITS)
#define OID_FMT_META_SHIFT (OID_FMT_CLASS_SHIFT - OID_FMT_META_BITS)

#define OID_FMT_TYPE_MAX ((1ULL << OID_FMT_TYPE_BITS) - 1)
#define OID_FMT_CLASS_MAX ((1ULL << OID_FMT_CLASS_BITS) - 1)
#define OID_FMT_META_MAX ((1ULL << OID_FMT_META_BITS) - 1)

#define OID_FMT_TYPE_MASK (OID_FMT_TYPE_MAX << OID_FMT_TYPE_SHIFT)
#define OID_FMT_CLASS_MASK (OID_FMT_CLASS_MAX << OID_FMT_CLASS_SHIFT)
#define OID_FMT_META_MASK (OID_FMT_META_MAX << OID_FMT_META_SHIFT)

#if defined(__cplusplus) && __cplusplus >= 201103L
#define DAOS_OBJ_NIL (daos_obj_id_t{0, 0})
#else
#define DAOS_OBJ_NIL ((daos_obj_id_t){0, 0})
#endif

// What the keys of an object are, and thus in which order they are kept. HASHED: any bytes, in no
// useful order. UINT64: integers of 8 bytes, by value. LEXICAL: bytes, in the order of memcmp().
enum daos_otype_t {
  DAOS_OT_MULTI_HASHED = 0,  // both hashed
  DAOS_OT_OIT = 1,           // table of object ids, made by the system
  DAOS_OT_DKEY_UINT64 = 2,   // dkeys integers, akeys hashed
  DAOS_OT_AKEY_UINT64 = 3,   // dkeys hashed, akeys integers
  DAOS_OT_MULTI_UINT64 = 4,  // both integers
  DAOS_OT_DKEY_LEXICAL = 5,
  DAOS_OT_AKEY_LEXICAL = 6,
  DAOS_OT_MULTI_LEXICAL = 7,
  DAOS_OT_KV_HASHED = 8,  // for daos_kv.h: one akey to a dkey
  DAOS_OT_KV_UINT64 = 9,
  DAOS_OT_KV_LEXICAL = 10,
  DAOS_OT_ARRAY = 11,       // for daos_array.h: remembers its cell and chunk size
  DAOS_OT_ARRAY_ATTR = 12,  // the caller keeps them
  DAOS_OT_ARRAY_BYTE = 13,  // cells are bytes, the caller keeps the chunk size
  DAOS_OT_OIT_V2 = 14,
  DAOS_OT_MAX = 14,
};

static inline bool daos_otype_t_is_valid(enum daos_otype_t type) { return (unsigned int)type <= DAOS_OT_MAX; }

static inline bool daos_is_dkey_lexical_type(enum daos_otype_t type) {
  return type == DAOS_OT_DKEY_LEXICAL || type == DAOS_OT_MULTI_LEXICAL || type == DAOS_OT_KV_LEXICAL;
}

static inline bool daos_is_akey_lexical_type(enum daos_otype_t type) {
  return type == DAOS_OT_AKEY_LEXICAL || type == DAOS_OT_MULTI_LEXICAL;
}

static inline bool daos_is_array_type(enum daos_otype_t type) {
  return type == DAOS_OT_ARRAY || type == DAOS_OT_ARRAY_ATTR || type == DAOS_OT_ARRAY_BYTE;
}

static inline bool daos_is_kv_type(enum daos_otype_t type) {
  return type == DAOS_OT_KV_HASHED || type == DAOS_OT_KV_UINT64 || type == DAOS_OT_KV_LEXICAL;
}

static inline bool daos_is_dkey_uint64_type(enum daos_otype_t type) {
  return type == DAOS_OT_DKEY_UINT64 || type == DAOS_OT_MULTI_UINT64 || type == DAOS_OT_KV_UINT64 ||
         daos_is_array_type(type);
}

static inline bool daos_is_akey_uint64_type(enum daos_otype_t type) {
  return type == DAOS_OT_AKEY_UINT64 || type == DAOS_OT_MULTI_UINT64;
}

// The type in an id.
static inline enum daos_otype_t daos_obj_id2type(daos_obj_id_t oid) {
  return (enum daos_otype_t)((oid.hi & OID_FMT_TYPE_MASK) >> OID_FMT_TYPE_SHIFT);
}

static inline bool daos_is_dkey_lexical(daos_obj_id_t oid) { return daos_is_dkey_lexical_type(daos_obj_id2type(oid)); }

static inline bool daos_is_akey_lexical(daos_obj_id_t oid) { return daos_is_akey_lexical_type(daos_obj_id2type(oid)); }

static inline bool daos_is_dkey_uint64(daos_obj_id_t oid) { return daos_is_dkey_uint64_type(daos_obj_id2type(oid)); }

static inline bool daos_is_akey_uint64(daos_obj_id_t oid) { return daos_is_akey_uint64_type(daos_obj_id2type(oid)); }

static inline bool daos_is_array(daos_obj_id_t oid) { return daos_is_array_type(daos_obj_id2type(oid)); }

static inline bool daos_is_kv(daos_obj_id_t oid) { return daos_is_kv_type(daos_obj_id2type(oid)); }

// The redundancy in an id, OR_RP_1 and so on.
static inline enum daos_obj_redun daos_obj_id2ord(daos_obj_id_t oid) {
  return (enum daos_obj_redun)((oid.hi & OID_FMT_CLASS_MASK) >> OID_FMT_CLASS_SHIFT);
}

// The number of groups in an id.
static inline uint32_t daos_obj_id2grp_nr(daos_obj_id_t oid) {
  return (uint32_t)((oid.hi & OID_FMT_META_MASK) >> OID_FMT_META_SHIFT);
}

// The class in an id, such as OC_S1.
static inline daos_oclass_id_t daos_obj_id2class(daos_obj_id_t oid) {
  return (daos_oclass_id_t)daos_obj_id2ord(oid) << OC_REDUN_SHIFT | daos_obj_id2grp_nr(oid);
}

static inline bool daos_obj_id_is_nil(daos_obj_id_t oid) { return oid.lo == 0 && oid.hi == 0; }

// Whether `pa_domain` is a redundancy level that objects can be placed by.
static inline bool daos_pa_domain_is_valid(uint32_t pa_domain) {
  return pa_domain == DAOS_PROP_CO_REDUN_RANK || pa_domain == DAOS_PROP_CO_REDUN_NODE;
}

// The reserved half cleared and the rest changed, so that programs which count ids up spread them.
static inline void daos_obj_oid_cycle(daos_obj_id_t* oid) { oid->hi = (oid->hi + 999999937) & UINT_MAX; }

// Hints: at most one about redundancy (RDD) and one about sharding (SHD).
#define DAOS_OCH_RDD_BITS 4
#define DAOS_OCH_SHD_BITS 6
#define DAOS_OCH_RDD_SHIFT 0
#define DAOS_OCH_SHD_SHIFT DAOS_OCH_RDD_BITS
#define DAOS_OCH_RDD_MAX_VAL ((1ULL << DAOS_OCH_RDD_BITS) - 1)
#define DAOS_OCH_SHD_MAX_VAL ((1ULL << DAOS_OCH_SHD_BITS) - 1)
#define DAOS_OCH_RDD_MASK (DAOS_OCH_RDD_MAX_VAL << DAOS_OCH_RDD_SHIFT)
#define DAOS_OCH_SHD_MASK (DAOS_OCH_SHD_MAX_VAL << DAOS_OCH_SHD_SHIFT)

enum {
  DAOS_OCH_RDD_DEF = (1 << 0),  // what the container asks for
  DAOS_OCH_RDD_NO = (1 << 1),   // none
  DAOS_OCH_RDD_RP = (1 << 2),   // replicas
  DAOS_OCH_RDD_EC = (1 << 3),   // erasure code

  DAOS_OCH_SHD_DEF = (1 << 4),   // all targets for arrays and key-value objects, else one group
  DAOS_OCH_SHD_TINY = (1 << 5),  // one group
  DAOS_OCH_SHD_REG = (1 << 6),   // a quarter of the targets, but at least 128
  DAOS_OCH_SHD_HI = (1 << 7),    // half, but at least 256
  DAOS_OCH_SHD_EXT = (1 << 8),   // 70 percent, but at least 1024
  DAOS_OCH_SHD_MAX = (1 << 9),   // all
};

// Fills in the reserved half of oid->hi with the type and a class, leaving the rest as it is. `cid` is
// the class, in which X, or more groups than the pool has targets, becomes all that fit; or OC_UNKNOWN
// for one chosen by the container's redundancy factor and `hints`. `args` is reserved.
// -DER_INVAL: an unknown type, class or hint, or redundancy that the pool has too few fault domains
// for. -DER_NO_HDL.
int daos_obj_generate_oid(daos_handle_t coh, daos_obj_id_t* oid, enum daos_otype_t type, daos_oclass_id_t cid,
                          daos_oclass_hints_t hints, uint32_t args);

// ---- Opening -------------------------------------------------------------------------------------

enum {
  DAOS_OO_RO = (1 << 1),       // only reads
  DAOS_OO_RW = (1 << 2),       // reads and writes
  DAOS_OO_EXCL = (1 << 3),     // reads and writes, by this handle alone
  DAOS_OO_IO_RAND = (1 << 4),  // accesses will be at random
  DAOS_OO_IO_SEQ = (1 << 5),   // accesses will be in order
};

// Opens the object `oid` in a `mode` of DAOS_OO_ bits. An object exists as soon as something is
// written to it, so opening one always succeeds. -DER_NO_PERM (writing through a container opened for
// reading), -DER_INVAL (an id without a class).
int daos_obj_open(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t* oh, daos_event_t* ev);

int daos_obj_close(daos_handle_t oh, daos_event_t* ev);

// ---- Records -------------------------------------------------------------------------------------

// rx_nr records of an array from index rx_idx on.
typedef struct {
  uint64_t rx_idx;
  uint64_t rx_nr;
} daos_recx_t;

typedef enum {
  DAOS_IOD_NONE = 0,
  DAOS_IOD_SINGLE = 1,
  DAOS_IOD_ARRAY = 2,
} daos_iod_type_t;

// As a size: any; find out.
enum {
  DAOS_REC_ANY = 0,
};

// One akey and what to read or write of it.
typedef struct {
  daos_key_t iod_name;
  daos_iod_type_t iod_type;
  // Bytes in a record, or in the single value. In a fetch DAOS_REC_ANY asks for it, and it is set to
  // what is stored, or 0 if there is nothing. In an update 0 punches.
  daos_size_t iod_size;
  uint64_t iod_flags;      // conditions on this akey, with DAOS_COND_PER_AKEY
  uint32_t iod_nr;         // entries in iod_recxs; 1 for a single value
  daos_recx_t* iod_recxs;  // for arrays; NULL for a single value
} daos_iod_t;

// Which extents a fetch found.
#define DAOS_IOMF_DETAIL (0x1U)  // in iom_flags: fill in iom_recxs

typedef struct {
  daos_iod_type_t iom_type;
  uint32_t iom_nr;      // room in iom_recxs; raised to what is needed if that is more
  uint32_t iom_nr_out;  // entries filled in
  uint32_t iom_flags;
  daos_size_t iom_size;     // bytes in a record
  daos_recx_t iom_recx_lo;  // the lowest extent found
  daos_recx_t iom_recx_hi;  // the highest
  daos_recx_t* iom_recxs;   // extents that hold data, in order
} daos_iom_t;

// One listed key. Keys are packed in the buffers without gaps.
typedef struct {
  daos_size_t kd_key_len;
  uint32_t kd_val_type;  // DAOS_IOD_ kind of the value, where it is known
} daos_key_desc_t;

// Conditions, for `flags` of the calls below and iod_flags. A call whose condition does not hold
// changes nothing, and returns -DER_EXIST (insert) or -DER_NONEXIST (the others).
#define IO_FLAGS_COND_BITS 8

enum {
  DAOS_COND_PUNCH = (1 << 0),        // what is punched exists
  DAOS_COND_DKEY_INSERT = (1 << 1),  // the dkey does not exist
  DAOS_COND_DKEY_UPDATE = (1 << 2),  // it does
  DAOS_COND_DKEY_FETCH = (1 << 3),   // it does
  DAOS_COND_AKEY_INSERT = (1 << 4),  // none of the akeys exists
  DAOS_COND_AKEY_UPDATE = (1 << 5),  // all do
  DAOS_COND_AKEY_FETCH = (1 << 6),   // all do
  DAOS_COND_PER_AKEY = (1 << 7),     // akey conditions are in iod_flags
  DAOS_COND_MASK = ((1 << IO_FLAGS_COND_BITS) - 1),
};

// Reads `nr` akeys under `dkey`: iods[i] into the buffers sgls[i], extents one after the other. Records
// that were never written leave their part of a buffer as it was; where there is nothing at all,
// sg_nr_out and iod_size are 0. With sgls == NULL, or a sgl without buffers, only sizes are returned.
// `ioms` is NULL, or one map of what was found for each akey.
// -DER_REC2BIG (buffers too small; iod_size says the size), -DER_REC_SIZE (another record size is
// stored), -DER_NONEXIST (a condition), -DER_EP_OLD (a snapshot that is gone).
int daos_obj_fetch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t* dkey, unsigned int nr,
                   daos_iod_t* iods, d_sg_list_t* sgls, daos_iom_t* ioms, daos_event_t* ev);

// Writes `nr` akeys under `dkey`: iods[i] from the buffers sgls[i], which together have exactly its
// size (-DER_IO_INVAL otherwise, and -DER_REC2BIG if they are shorter than one record). All of it
// becomes visible at once, or none. -DER_EXIST, -DER_NONEXIST (conditions).
int daos_obj_update(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t* dkey, unsigned int nr,
                    daos_iod_t* iods, d_sg_list_t* sgls, daos_event_t* ev);

// ---- Punching: removal as of now, which snapshots do not see ---------------------------------------

// The whole object.
int daos_obj_punch(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_event_t* ev);

// `nr` dkeys and what is under them.
int daos_obj_punch_dkeys(daos_handle_t oh, daos_handle_t th, uint64_t flags, unsigned int nr, daos_key_t* dkeys,
                         daos_event_t* ev);

// `nr` akeys of one dkey.
int daos_obj_punch_akeys(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t* dkey, unsigned int nr,
                         daos_key_t* akeys, daos_event_t* ev);

// ---- Listing -------------------------------------------------------------------------------------

// Lists dkeys: up to *nr, packed into the buffers of `sgl`, lengths in kds[]. Sets *nr to the number
// listed, which may be less than there was room for, even 0, before the end. Start with a zeroed
// anchor, and repeat with the same one until daos_anchor_is_eof(). -DER_KEY2BIG if not even one key
// fits; kds[0].kd_key_len is its length, and the same call with larger buffers goes on.
int daos_obj_list_dkey(daos_handle_t oh, daos_handle_t th, uint32_t* nr, daos_key_desc_t* kds, d_sg_list_t* sgl,
                       daos_anchor_t* anchor, daos_event_t* ev);

// The same for the akeys of one dkey.
int daos_obj_list_akey(daos_handle_t oh, daos_handle_t th, daos_key_t* dkey, uint32_t* nr, daos_key_desc_t* kds,
                       d_sg_list_t* sgl, daos_anchor_t* anchor, daos_event_t* ev);

// Lists the extents of an array that hold data: up to *nr into recxs[], and unless it is NULL the
// epochs that wrote them into eprs[]. *size becomes the record size in bytes. `incr_order` is by rising
// index, otherwise falling; keep to one of them with one anchor.
int daos_obj_list_recx(daos_handle_t oh, daos_handle_t th, daos_key_t* dkey, daos_key_t* akey, daos_size_t* size,
                       uint32_t* nr, daos_recx_t* recxs, daos_epoch_range_t* eprs, daos_anchor_t* anchor,
                       bool incr_order, daos_event_t* ev);

// What daos_obj_query_key() looks for: one of MAX and MIN, and what of.
enum {
  DAOS_GET_MAX = (1 << 0),
  DAOS_GET_MIN = (1 << 1),
  DAOS_GET_DKEY = (1 << 2),
  DAOS_GET_AKEY = (1 << 3),
  DAOS_GET_RECX = (1 << 4),
};

// Finds the greatest or smallest dkey, in it the akey, and in that the array extent, as far as `flags`
// ask. Keys that are asked for are integers, with buffers of 8 bytes that receive them; the others are
// given. An array without records gives an extent of rx_nr == 0.
// -DER_NONEXIST (there is no such key), -DER_INVAL (the keys of this object are not integers).
int daos_obj_query_key(daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t* dkey, daos_key_t* akey,
                       daos_recx_t* recx, daos_event_t* ev);

#ifdef __cplusplus
}
#endif

#endif
