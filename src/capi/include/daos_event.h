// Event queues and events: how to have many operations in flight.
//
// Every call whose last argument is `daos_event_t *ev` works in two ways.
//   - ev == NULL: it blocks, and returns the result.
//   - otherwise it returns 0 once the operation is under way, and the result is in ev->ev_error when
//     the event has completed. If it returns anything else, nothing is under way and the event may be
//     used again. Buffers and out-arguments must stay in place until completion.
//
// An event goes: daos_event_init() -> passed to one call -> completed -> seen by daos_eq_poll() or
// daos_event_test() -> passed to another call, or daos_event_fini().
#ifndef AEON_DAOS_EVENT_H
#define AEON_DAOS_EVENT_H

#include <daos_errno.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Creates an event queue. Several threads may use one queue; one per thread is faster.
// -DER_INVAL (eqh is NULL), -DER_UNINIT (before daos_init()), -DER_NOMEM.
int daos_eq_create(daos_handle_t* eqh);

#define DAOS_EQ_DESTROY_FORCE 1

// Destroys a queue. `flags` is 0 or DAOS_EQ_DESTROY_FORCE, with which running operations are waited
// for and their events dropped from the queue. -DER_BUSY if without it events are still in flight or
// not yet polled, -DER_NONEXIST if there is no such queue.
int daos_eq_destroy(daos_handle_t eqh, int flags);

// Takes up to `nevents` completed events out of the queue, pointers to them into `events`, and returns
// how many. Waits for the first one for `timeout` microseconds, DAOS_EQ_WAIT or DAOS_EQ_NOWAIT. With
// `wait_running` != 0 it does not wait when no operation is running; otherwise it waits for ones that
// another thread may start. Children are never reported, only their parent.
// -DER_INVAL, -DER_NONEXIST (no such queue).
int daos_eq_poll(daos_handle_t eqh, int wait_running, int64_t timeout, unsigned int nevents, daos_event_t** events);

// Returns how many events of the kinds in `query` the queue has, and stores up to `nevents` pointers
// to them unless `events` is NULL. They stay in the queue. -DER_INVAL, -DER_NONEXIST.
int daos_eq_query(daos_handle_t eqh, daos_eq_query_t query, unsigned int nevents, daos_event_t** events);

// Readies an event for use. `eqh` is the queue it is reported to, or DAOS_HDL_INVAL for one that is
// only watched with daos_event_test(). With a `parent`, eqh is ignored, and the event counts towards
// the parent's completion instead of being reported itself; parents have no parents.
// -DER_INVAL, -DER_NONEXIST (no such queue), -DER_NO_PERM (the parent has a parent, or is in flight).
int daos_event_init(daos_event_t* ev, daos_handle_t eqh, daos_event_t* parent);

// Ends the use of an event, and of its children. -DER_BUSY while it is in flight, or completed but
// not yet taken from its queue.
int daos_event_fini(daos_event_t* ev);

// The child of `parent` after `child`, or the first one if `child` is NULL; NULL after the last.
daos_event_t* daos_event_next(daos_event_t* parent, daos_event_t* child);

// Sets *flag to whether the event has completed, waiting for that up to `timeout` as daos_eq_poll()
// does. An event that is found completed is taken out of its queue, so that poll will not report it.
// Returns 0 whatever the operation's result was; that is in ev->ev_error.
// -DER_INVAL, -DER_NO_PERM (a child).
int daos_event_test(struct daos_event* ev, int64_t timeout, bool* flag);

// Called once with (arg, the event, its result), on the thread that finishes the operation, before the
// event is reported. What it returns becomes ev_error. It may start operations, but not block: calls
// without an event return -DER_NO_PERM there.
typedef int (*daos_event_comp_cb_t)(void*, daos_event_t*, int);

// Registers a callback for the next completion of `ev`. Allowed before the event is in flight;
// callbacks run in reverse order of registration. -DER_INVAL, -DER_NO_PERM (in flight), -DER_NOMEM.
int daos_event_register_comp_cb(struct daos_event* ev, daos_event_comp_cb_t cb, void* arg);

// Says that `ev` has all the children it will get: it completes when all of them have, with the first
// error among theirs, or 0. A parent that was itself passed to a call needs no barrier.
// -DER_INVAL (no children), -DER_NO_PERM (in flight already).
int daos_event_parent_barrier(struct daos_event* ev);

// Asks that the operation be given up. It may complete all the same, and still has to be waited for.
// -DER_INVAL, -DER_NO_PERM (not in flight).
int daos_event_abort(daos_event_t* ev);

#ifdef __cplusplus
}
#endif

#endif
