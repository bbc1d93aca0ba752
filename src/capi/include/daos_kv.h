// Key-value objects: each key, a string, has one value of any length.
//
// The object id comes from daos_obj_generate_oid() with one of the DAOS_OT_KV_ types. `th` is
// DAOS_TX_NONE, a transaction from daos_tx_open() or, in calls that read, one from daos_tx_open_snap().
// Every call may return -DER_NO_HDL (the handle is not open) and -DER_INVAL (a bad argument).
#ifndef AEON_DAOS_KV_H
#define AEON_DAOS_KV_H

#include <daos_obj.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Conditions for `flags` below; 0 is none.
#define DAOS_COND_KEY_INSERT DAOS_COND_DKEY_INSERT  // put: only if the key is new, else -DER_EXIST
#define DAOS_COND_KEY_UPDATE DAOS_COND_DKEY_UPDATE  // put: only if it exists, else -DER_NONEXIST
#define DAOS_COND_KEY_GET DAOS_COND_DKEY_FETCH      // get: -DER_NONEXIST instead of size 0
#define DAOS_COND_KEY_REMOVE DAOS_COND_PUNCH        // remove: only if it exists, else -DER_NONEXIST

// Opens the object `oid` of container `coh`; `mode` is DAOS_OO_RO or DAOS_OO_RW. An object exists as
// soon as something is put into it, so opening one always succeeds. -DER_NO_PERM (writing through a
// container opened for reading).
int daos_kv_open(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t* oh, daos_event_t* ev);

// Closes the handle.
int daos_kv_close(daos_handle_t oh, daos_event_t* ev);

// Removes all keys. The handle stays open.
int daos_kv_destroy(daos_handle_t oh, daos_handle_t th, daos_event_t* ev);

// Sets the value of `key` to the `size` bytes at `buf`, replacing what was there.
// -DER_NO_PERM (opened for reading), -DER_EP_RO (a snapshot), -DER_NOSPACE, -DER_KEY2BIG.
int daos_kv_put(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char* key, daos_size_t size, const void* buf,
                daos_event_t* ev);

// Copies the value of `key` to `buf`, which has *size bytes of room, and sets *size to the value's
// length: 0 if there is no such key. With buf == NULL only the length is returned; *size is then
// DAOS_REC_ANY. -DER_REC2BIG if it does not fit; *size is the room it needs.
int daos_kv_get(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char* key, daos_size_t* size, void* buf,
                daos_event_t* ev);

// Removes `key`. One that does not exist is no error unless DAOS_COND_KEY_REMOVE asks for that.
int daos_kv_remove(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char* key, daos_event_t* ev);

// Lists keys, as daos_obj_list_dkey() does: up to *nr of them, packed one after the other into `sgl`
// without NULs, their lengths in kds[].kd_key_len. Sets *nr to the number listed. Repeat with the same
// anchor until daos_anchor_is_eof(). -DER_KEY2BIG if even the first key does not fit; kds[0] has its
// length.
int daos_kv_list(daos_handle_t oh, daos_handle_t th, uint32_t* nr, daos_key_desc_t* kds, d_sg_list_t* sgl,
                 daos_anchor_t* anchor, daos_event_t* ev);

#ifdef __cplusplus
}
#endif

#endif
