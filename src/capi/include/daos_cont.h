// Containers: their life, properties, attributes and snapshots.
//
// Every call may return -DER_NO_HDL (the handle is not open), -DER_INVAL (a bad argument) and
// -DER_NOMEM; those that change something also -DER_NO_PERM (opened for reading) and -DER_NOSPACE.
#ifndef AEON_DAOS_CONT_H
#define AEON_DAOS_CONT_H

#include <daos_event.h>
#include <daos_prop.h>
#include <daos_security.h>
#include <daos_types.h>

// The names in the library of the present signatures; the plain names exist there as well.
#define daos_cont_open daos_cont_open2
#define daos_cont_destroy daos_cont_destroy2
#define daos_cont_create daos_cont_create2

#ifdef __cplusplus
extern "C" {
#endif

// How to open a container: one of the first three, and any of the others.
#define DAOS_COO_RO (1U << 0)          // only reads
#define DAOS_COO_RW (1U << 1)          // reads and writes
#define DAOS_COO_EX (1U << 2)          // reads and writes, and nobody else has it open
#define DAOS_COO_FORCE (1U << 3)       // even if it is marked unclean
#define DAOS_COO_RO_MDSTATS (1U << 4)  // without leaving a trace in ci_md_otime

// Longest set of hints in dfs_attr_t, with its NUL.
#define DAOS_CONT_HINT_MAX_LEN 128

// Longest name of a snapshot, with its NUL.
#define DAOS_SNAPSHOT_MAX_LEN 128

// ---- Life ----------------------------------------------------------------------------------------

// Creates a container with the properties in `cont_prop`, or NULL for none. Its UUID is returned
// through `uuid` unless that is NULL. -DER_EXIST (the label is taken), -DER_NOTSUPPORTED (a property
// value that this system cannot honour).
int daos_cont_create(daos_handle_t poh, uuid_t* uuid, daos_prop_t* cont_prop, daos_event_t* ev);

// The same with a label, which counts more than one in `cont_prop`.
int daos_cont_create_with_label(daos_handle_t poh, const char* label, daos_prop_t* cont_prop, uuid_t* uuid,
                                daos_event_t* ev);

// Opens the container of that label or UUID. `info` may be NULL. -DER_NONEXIST, -DER_NO_PERM, -DER_RF
// (unclean, and no DAOS_COO_FORCE), -DER_BUSY (open exclusively elsewhere, or the other way round).
int daos_cont_open(daos_handle_t poh, const char* cont, unsigned int flags, daos_handle_t* coh, daos_cont_info_t* info,
                   daos_event_t* ev);

// Closes a container. Objects that are open through the handle must not be used any more.
int daos_cont_close(daos_handle_t coh, daos_event_t* ev);

// Destroys the container of that label or UUID and all that is in it. -DER_NONEXIST; -DER_BUSY if it is
// open and `force` is 0, otherwise the open handles end.
int daos_cont_destroy(daos_handle_t poh, const char* cont, int force, daos_event_t* ev);

// Tells about a container. `info` and `cont_prop` may be NULL; properties are returned as
// daos_pool_query() does.
int daos_cont_query(daos_handle_t coh, daos_cont_info_t* info, daos_prop_t* cont_prop, daos_event_t* ev);

// Changes properties: the label, owner and group, ACL, most snapshots and status. The others stay as
// they were at creation: -DER_INVAL. -DER_EXIST (the label is taken).
int daos_cont_set_prop(daos_handle_t coh, daos_prop_t* prop, daos_event_t* ev);

// Sets *oid to the first of `num_oids` numbers that nobody else gets from this container, for use in
// object ids. Numbers may be skipped between calls.
int daos_cont_alloc_oids(daos_handle_t coh, daos_size_t num_oids, uint64_t* oid, daos_event_t* ev);

// ---- Attributes: values of any bytes by name, for the user ---------------------------------------

// Lists the names, each with its NUL, into the *size bytes at `buffer` as far as they fit, and sets
// *size to what all need. With buffer == NULL, or *size 0, that is all it does.
int daos_cont_list_attr(daos_handle_t coh, char* buffer, size_t* size, daos_event_t* ev);

// Reads `n` attributes: names[i] into the sizes[i] bytes at buffers[i], cut off if it is longer.
// sizes[i] becomes the whole length. With buffers == NULL or buffers[i] == NULL only lengths are
// returned. -DER_NONEXIST (one of them does not exist).
int daos_cont_get_attr(daos_handle_t coh, int n, char const* const names[], void* const buffers[], size_t sizes[],
                       daos_event_t* ev);

// Sets `n` attributes, all or none. Names have at most DAOS_ATTR_NAME_MAX bytes; values are not empty.
int daos_cont_set_attr(daos_handle_t coh, int n, char const* const names[], void const* const values[],
                       size_t const sizes[], daos_event_t* ev);

// Removes `n` attributes. A name that does not exist is no error.
int daos_cont_del_attr(daos_handle_t coh, int n, char const* const names[], daos_event_t* ev);

// ---- Snapshots -----------------------------------------------------------------------------------

// Keeps the container as it is now, and returns through *epoch what to open it by: see
// daos_tx_open_snap(). `name` may be NULL. -DER_EXIST (the name is taken), -DER_OVERFLOW (as many as
// DAOS_PROP_CO_SNAPSHOT_MAX allows).
int daos_cont_create_snap(daos_handle_t coh, daos_epoch_t* epoch, char* name, daos_event_t* ev);

// Lists snapshots, oldest first: up to *nr epochs into epochs[], and names into the buffers of
// DAOS_SNAPSHOT_MAX_LEN bytes that names[] points to; either array may be NULL. Sets *nr to the number
// listed, or with both arrays NULL to the number there are. Repeat with the same anchor, zeroed at
// first, until daos_anchor_is_eof().
int daos_cont_list_snap(daos_handle_t coh, int* nr, daos_epoch_t* epochs, char** names, daos_anchor_t* anchor,
                        daos_event_t* ev);

// Destroys snapshots: the one at epr_lo == epr_hi; all up to epr_hi if epr_lo is 0; all from epr_lo on
// if epr_hi is DAOS_EPOCH_MAX. -DER_NONEXIST (none at the single epoch named).
int daos_cont_destroy_snap(daos_handle_t coh, daos_epoch_range_t epr, daos_event_t* ev);

#ifdef __cplusplus
}
#endif

#endif
