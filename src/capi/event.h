// Events and their queues, behind daos_event.h.
//
// An event's state is on the heap; the C structure holds a pointer to it and a mark of its own address, so that one
// that was never readied, or was copied, is an error instead of a crash. Everything about an event is guarded by the
// mutex of its queue; events without a queue share one that is never polled, children have their parent's.
#pragma once

#include <daos_event.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "handle_table.h"

namespace aeon::capi {

class EventQueue;

struct EventState {
  struct Callback {
    daos_event_comp_cb_t call;
    void* argument;
  };

  EventState(daos_event_t* its_event, std::shared_ptr<EventQueue> its_queue)
      : event(its_event), queue(std::move(its_queue)) {}

  daos_event_t* const event;
  const std::shared_ptr<EventQueue> queue;
  EventState* parent = nullptr;
  std::vector<EventState*> children;  // In order of daos_event_init().
  daos_ev_status_t status = DAOS_EVS_READY;
  bool is_operating = false;      // Passed to a call that hasn't ended.
  bool is_finishing = false;      // Complete but for its callbacks.
  bool was_seen_complete = false; // Completed, and polled or tested, since daos_event_init().
  int result = 0;
  std::vector<Callback> callbacks;
  std::list<EventState*>::iterator place;  // In one of the queue's lists, but for children.
};

class EventQueue {
 public:
  static constexpr HandleKind kKind = HandleKind::kQueue;

  // Of the events without a queue.
  static const std::shared_ptr<EventQueue>& none();

  bool is_none() const { return this == none().get(); }

  std::mutex mutex;
  std::condition_variable changed;
  std::list<EventState*> idle;
  std::list<EventState*> running;
  std::list<EventState*> completed;
  bool is_destroyed = false;
};

// Puts `event` in flight: afterwards complete_event() must be called once. -DER_INVAL (not readied), -DER_NO_PERM (in
// flight or not yet taken from its queue, or its parent has completed), -DER_NONEXIST (its queue was destroyed).
int begin_event(daos_event_t* event, EventState** state);

// The operation has ended with `result`. From any thread; the event may be gone when this returns.
void complete_event(EventState* state, int result);

// While a completion callback runs on this thread: it is inside the executor, so it may not block on it.
bool is_in_completion_callback();

}  // namespace aeon::capi
