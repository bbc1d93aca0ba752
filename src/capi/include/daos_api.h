// Anchors, transactions, and reading at a snapshot.
#ifndef AEON_DAOS_API_H
#define AEON_DAOS_API_H

#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  DAOS_TF_RDONLY = (1 << 0),     // It only reads: calls that write refuse it with -DER_NO_PERM.
  DAOS_TF_ZERO_COPY = (1 << 1),  // Buffers stay until the commit. Accepted; they are copied all the same.
};

// Opens a transaction on `coh`. Calls with *th read one epoch, without what the transaction itself has
// written; what they write appears all at once when it commits. Conditions of calls that write are looked
// at when it commits, and that returns what they come to (-DER_EXIST, -DER_NONEXIST).
// -DER_TX_RESTART from any call with *th: somebody else changed what it read or wrote. Call
// daos_tx_restart(), and do all of it again.
// -DER_NO_HDL, -DER_INVAL, -DER_NO_PERM (`coh` is opened for reading, and `flags` without DAOS_TF_RDONLY).
int daos_tx_open(daos_handle_t coh, daos_handle_t* th, uint64_t flags, daos_event_t* ev);

// Commits, and so ends the transaction; the handle stays, for daos_tx_restart() or daos_tx_close().
// -DER_NO_HDL, -DER_TX_RESTART, -DER_INVAL (it has ended), -DER_EP_RO (a snapshot's), and what its calls
// that wrote may return. After -DER_TIMEDOUT and -DER_UNREACH committing again tells whether it was done.
int daos_tx_commit(daos_handle_t th, daos_event_t* ev);

// Ends the transaction; nothing of what it wrote is ever there. -DER_NO_HDL, -DER_EP_RO.
int daos_tx_abort(daos_handle_t th, daos_event_t* ev);

// Begins it again at a new epoch, with nothing read or written. -DER_NO_HDL, -DER_EP_RO.
int daos_tx_restart(daos_handle_t th, daos_event_t* ev);

// Opens a transaction that reads `coh` as it was at the snapshot `epoch`. Pass *th to calls that read;
// calls that write refuse it with -DER_EP_RO. It ends with daos_tx_close().
// -DER_NO_HDL, -DER_INVAL, -DER_NONEXIST (no snapshot has this epoch).
int daos_tx_open_snap(daos_handle_t coh, daos_epoch_t epoch, daos_handle_t* th, daos_event_t* ev);

// Closes a transaction handle. What wasn't committed is dropped. -DER_NO_HDL.
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
