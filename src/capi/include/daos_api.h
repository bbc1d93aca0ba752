// Anchors, and reading at a snapshot.
#ifndef AEON_DAOS_API_H
#define AEON_DAOS_API_H

#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Opens a transaction that reads `coh` as it was at the snapshot `epoch`. Pass *th to calls that read;
// calls that write refuse it with -DER_EP_RO. It ends with daos_tx_close().
// -DER_NO_HDL, -DER_INVAL, -DER_NONEXIST (no snapshot has this epoch).
int daos_tx_open_snap(daos_handle_t coh, daos_epoch_t epoch, daos_handle_t* th, daos_event_t* ev);

// Closes a transaction handle. -DER_NO_HDL.
int daos_tx_close(daos_handle_t th, daos_event_t* ev);

// The epoch at which `th` reads. -DER_NO_HDL, -DER_INVAL (epoch is NULL).
int daos_tx_hdl2epoch(daos_handle_t th, daos_epoch_t* epoch);

// Puts `anchor` at the beginning. `opts` is reserved; pass 0. Always 0.
static inline int daos_anchor_init(daos_anchor_t* anchor, unsigned int opts) {
  const daos_anchor_t start = DAOS_ANCHOR_INIT;

  (void)opts;
  *anchor = start;
  return 0;
}

// Ends the use of an anchor. Anchors own nothing, so there is nothing to do.
static inline void daos_anchor_fini(daos_anchor_t* anchor) { (void)anchor; }

// Whether the listing is complete.
static inline bool daos_anchor_is_eof(daos_anchor_t* anchor) { return anchor->da_type == DAOS_ANCHOR_TYPE_EOF; }

#ifdef __cplusplus
}
#endif

#endif
