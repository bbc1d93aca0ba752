// Arrays: one-dimensional, of cells of a fixed size, spread over dkeys in chunks.
//
// The id comes from daos_array_generate_oid(). Indices, lengths and sizes are in cells, except where
// bytes are said. `th` is DAOS_TX_NONE, a transaction from daos_tx_open() or, in calls
// that read, one from daos_tx_open_snap().
// Every call may return -DER_NO_HDL (the handle is not open) and -DER_INVAL (a bad argument).
#ifndef AEON_DAOS_ARRAY_H
#define AEON_DAOS_ARRAY_H

#include <daos_obj.h>
#include <daos_obj_class.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

// A call may name at most this many ranges that are shorter than DAOS_ARRAY_RG_LEN_THD bytes.
#define DAOS_ARRAY_LIST_IO_LIMIT 16384
#define DAOS_ARRAY_RG_LEN_THD 16

// rg_len cells from index rg_idx on.
typedef struct {
  daos_off_t rg_idx;
  daos_size_t rg_len;
} daos_range_t;

// The ranges a call works on. They may come in any order; a write's may not overlap.
typedef struct {
  daos_size_t arr_nr;  // ranges in arr_rgs
  daos_range_t* arr_rgs;
  daos_size_t arr_nr_short_read;  // set by reads: cells asked for that lie beyond the array's end
  daos_size_t arr_nr_read;        // set by reads: cells from before the end, holes included
} daos_array_iod_t;

// Fills in the reserved bits of an array's id, as daos_obj_generate_oid() does. With `add_attr` the
// array remembers its cell and chunk size and is opened by daos_array_open(); otherwise the caller
// keeps them and opens it by daos_array_open_with_attr().
static inline int daos_array_generate_oid(daos_handle_t coh, daos_obj_id_t* oid, bool add_attr, daos_oclass_id_t cid,
                                          daos_oclass_hints_t hints, uint32_t args) {
  return daos_obj_generate_oid(coh, oid, add_attr ? DAOS_OT_ARRAY : DAOS_OT_ARRAY_ATTR, cid, hints, args);
}

// Creates an array of cells of `cell_size` bytes, `chunk_size` of them to a dkey, and opens it for
// reading and writing. The id's type is DAOS_OT_ARRAY.
// -DER_EXIST (there is such an array), -DER_NO_PERM, -DER_NOSPACE.
int daos_array_create(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, daos_size_t cell_size,
                      daos_size_t chunk_size, daos_handle_t* oh, daos_event_t* ev);

// Opens an existing array whose id has the type DAOS_OT_ARRAY, and returns its cell size in bytes and
// its chunk size in cells. `mode` is DAOS_OO_RO or DAOS_OO_RW. -DER_NONEXIST, -DER_NO_PERM.
int daos_array_open(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, unsigned int mode, daos_size_t* cell_size,
                    daos_size_t* chunk_size, daos_handle_t* oh, daos_event_t* ev);

// Opens an array that does not remember its sizes (DAOS_OT_ARRAY_ATTR, or DAOS_OT_ARRAY_BYTE with cells
// of one byte). Opening the same array later with other sizes makes its data unreadable.
int daos_array_open_with_attr(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, unsigned int mode,
                              daos_size_t cell_size, daos_size_t chunk_size, daos_handle_t* oh, daos_event_t* ev);

// Closes the handle.
int daos_array_close(daos_handle_t oh, daos_event_t* ev);

// Reads the ranges of `iod`, in their order, into the buffers of `sgl`, whose iov_len (or where that is
// 0, iov_buf_len) together are exactly their size in bytes (-DER_INVAL otherwise). Cells that were never
// written read as zeroes.
int daos_array_read(daos_handle_t oh, daos_handle_t th, daos_array_iod_t* iod, d_sg_list_t* sgl, daos_event_t* ev);

// Writes the buffers of `sgl` into the ranges of `iod`, shaped as for reading. The array grows as
// needed. One call is atomic within a dkey, that is, a chunk. -DER_NO_PERM, -DER_EP_RO, -DER_NOSPACE.
int daos_array_write(daos_handle_t oh, daos_handle_t th, daos_array_iod_t* iod, d_sg_list_t* sgl, daos_event_t* ev);

// The index after the last cell.
int daos_array_get_size(daos_handle_t oh, daos_handle_t th, daos_size_t* size, daos_event_t* ev);

// Cuts the array after `size` cells, or extends it by a hole to that size. Reserves no space.
int daos_array_set_size(daos_handle_t oh, daos_handle_t th, daos_size_t size, daos_event_t* ev);

// Removes all cells, and the sizes that daos_array_create() stored. The handle must still be closed,
// but is good for nothing else.
int daos_array_destroy(daos_handle_t oh, daos_handle_t th, daos_event_t* ev);

// Makes holes of the ranges of `iod`.
int daos_array_punch(daos_handle_t oh, daos_handle_t th, daos_array_iod_t* iod, daos_event_t* ev);

// The chunk size in cells and the cell size in bytes of an open array. Does not block.
int daos_array_get_attr(daos_handle_t oh, daos_size_t* chunk_size, daos_size_t* cell_size);

#ifdef __cplusplus
}
#endif

#endif
