#include "event.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "library.h"

namespace aeon::capi {
namespace {

constexpr uint64_t kEventMark = 0xae0e5e7a11fe7e27;

thread_local bool in_completion_callback = false;

// What we keep in daos_event_t's private part.
struct EventPrivate {
  uint64_t mark;  // kEventMark ^ address of the event.
  EventState* state;
};
static_assert(sizeof(EventPrivate) <= sizeof(daos_event_t::ev_private));

EventPrivate load_private(const daos_event_t* event) {
  EventPrivate part;
  std::memcpy(&part, &event->ev_private, sizeof part);
  return part;
}

void store_private(daos_event_t* event, EventState* state) {
  const EventPrivate part{state == nullptr ? 0 : kEventMark ^ reinterpret_cast<uintptr_t>(event), state};
  std::memset(&event->ev_private, 0, sizeof event->ev_private);
  std::memcpy(&event->ev_private, &part, sizeof part);
}

EventState* state_of(const daos_event_t* event) {
  if (event == nullptr) return nullptr;
  const EventPrivate part = load_private(event);
  return part.mark == (kEventMark ^ reinterpret_cast<uintptr_t>(event)) ? part.state : nullptr;
}

int run_callbacks(std::vector<EventState::Callback> callbacks, daos_event_t* event, int result) {
  const bool was_in_callback = std::exchange(in_completion_callback, true);
  for (auto callback = callbacks.rbegin(); callback != callbacks.rend(); ++callback) {
    result = callback->call(callback->argument, event, result);
  }
  in_completion_callback = was_in_callback;
  return result;
}

bool all_children_completed(const EventState& state) {
  return std::all_of(state.children.begin(), state.children.end(),
                     [](const EventState* child) { return child->status == DAOS_EVS_COMPLETED; });
}

bool can_finish(const EventState& state) {
  return state.status == DAOS_EVS_RUNNING && !state.is_operating && !state.is_finishing &&
         all_children_completed(state);
}

// Callbacks run without the lock, since they may use events themselves.
void finish_callbacks(EventState& state, std::unique_lock<std::mutex>& lock) {
  state.is_finishing = true;
  if (!state.callbacks.empty()) {
    auto callbacks = std::exchange(state.callbacks, {});
    lock.unlock();
    const int result = run_callbacks(std::move(callbacks), state.event, state.result);
    lock.lock();
    state.result = result;
  }
  state.event->ev_error = state.result;
  state.is_finishing = false;
  state.status = DAOS_EVS_COMPLETED;
}

// A parent, or an event without relatives, whose last part has ended. Notifies under the lock: once it is free, a
// poller may end event and queue.
void finish_event(EventState& state, std::unique_lock<std::mutex>& lock) {
  finish_callbacks(state, lock);
  EventQueue& queue = *state.queue;
  queue.completed.splice(queue.completed.end(), queue.running, state.place);
  queue.changed.notify_all();
}

void finish_child(EventState& child, std::unique_lock<std::mutex>& lock) {
  finish_callbacks(child, lock);
  EventState& parent = *child.parent;
  if (parent.result == 0) parent.result = child.result;
  if (can_finish(parent)) finish_event(parent, lock);
}

// The user has seen it complete: ready for the next operation, and its children with it.
void make_ready(EventState& state) {
  EventQueue& queue = *state.queue;
  queue.idle.splice(queue.idle.end(), queue.completed, state.place);
  state.status = DAOS_EVS_READY;
  state.was_seen_complete = true;
  state.result = 0;
  for (EventState* child : state.children) {
    child->status = DAOS_EVS_READY;
    child->result = 0;
  }
}

void start_event(EventState& state) {
  EventQueue& queue = *state.queue;
  state.status = DAOS_EVS_RUNNING;
  if (state.parent == nullptr) queue.running.splice(queue.running.end(), queue.idle, state.place);
}

// Waits with `lock` until `is_over`, for `timeout` microseconds or without end. Before it sleeps, this thread does
// what there is to do.
template <typename Condition>
void wait_until(EventQueue& queue, std::unique_lock<std::mutex>& lock, int64_t timeout, Condition is_over) {
  if (is_over()) return;
  bool any = true;
  while (any) {
    lock.unlock();
    any = Library::instance().poll();
    lock.lock();
    if (is_over() || timeout == DAOS_EQ_NOWAIT) return;
  }
  if (timeout == DAOS_EQ_WAIT) {
    queue.changed.wait(lock, is_over);
  } else {
    constexpr int64_t kLongest = int64_t{3600} * 1'000'000;  // Beyond, adding it to the time now may overflow.
    for (int64_t left = timeout; left > 0 && !is_over(); left -= kLongest) {
      queue.changed.wait_for(lock, std::chrono::microseconds(std::min(left, kLongest)), is_over);
    }
  }
}

bool is_timeout(int64_t timeout) { return timeout >= 0 || timeout == DAOS_EQ_WAIT; }

}  // namespace

const std::shared_ptr<EventQueue>& EventQueue::none() {
  static const auto* const queue = new std::shared_ptr<EventQueue>(std::make_shared<EventQueue>());
  return *queue;
}

bool is_in_completion_callback() { return in_completion_callback; }

int begin_event(daos_event_t* event, EventState** state) {
  EventState* const found = state_of(event);
  if (found == nullptr) return -DER_INVAL;
  if (!Library::instance().enter()) return -DER_UNINIT;
  int rc = 0;
  {
    const std::lock_guard lock(found->queue->mutex);
    if (found->queue->is_destroyed) rc = -DER_NONEXIST;
    if (found->status != DAOS_EVS_READY) rc = -DER_NO_PERM;
    if (found->parent != nullptr && found->parent->status == DAOS_EVS_COMPLETED) rc = -DER_NO_PERM;
    if (rc == 0) {
      start_event(*found);
      found->is_operating = true;
      event->ev_error = 0;
    }
  }
  if (rc != 0) {
    Library::instance().leave();
    return rc;
  }
  *state = found;
  return 0;
}

void complete_event(EventState* state, int result) {
  {
    const std::shared_ptr<EventQueue> queue = state->queue;
    std::unique_lock lock(queue->mutex);
    state->is_operating = false;
    if (result != 0 || state->children.empty()) state->result = result;
    if (state->parent != nullptr) {
      finish_child(*state, lock);
    } else if (can_finish(*state)) {
      finish_event(*state, lock);
    }
  }
  Library::instance().leave();
}

}  // namespace aeon::capi

using namespace aeon::capi;

// ---- Queues ---------------------------------------------------------------------------------------------------------

int daos_eq_create(daos_handle_t* eqh) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  if (eqh == nullptr) return -DER_INVAL;
  *eqh = handles().insert(std::make_shared<EventQueue>());
  return daos_handle_is_valid(*eqh) ? 0 : -DER_NOMEM;
}

int daos_eq_destroy(daos_handle_t eqh, int flags) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  if ((flags & ~DAOS_EQ_DESTROY_FORCE) != 0) return -DER_INVAL;
  const auto queue = handles().find<EventQueue>(eqh);
  if (queue == nullptr) return -DER_NONEXIST;
  std::unique_lock lock(queue->mutex);
  if (flags == DAOS_EQ_DESTROY_FORCE) {
    if (is_in_completion_callback()) return -DER_NO_PERM;
    wait_until(*queue, lock, DAOS_EQ_WAIT, [&] { return queue->running.empty(); });
    while (!queue->completed.empty()) make_ready(*queue->completed.front());
  }
  if (!queue->running.empty() || !queue->completed.empty()) return -DER_BUSY;
  if (handles().remove<EventQueue>(eqh) == nullptr) return -DER_NONEXIST;  // Another thread was faster.
  queue->is_destroyed = true;
  queue->changed.notify_all();
  return 0;
}

int daos_eq_poll(daos_handle_t eqh, int wait_running, int64_t timeout, unsigned int nevents, daos_event_t** events) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  if (events == nullptr || nevents == 0 || !is_timeout(timeout)) return -DER_INVAL;
  const auto queue = handles().find<EventQueue>(eqh);
  if (queue == nullptr) return -DER_NONEXIST;
  if (is_in_completion_callback()) timeout = DAOS_EQ_NOWAIT;
  std::unique_lock lock(queue->mutex);
  wait_until(*queue, lock, timeout, [&] {
    return !queue->completed.empty() || queue->is_destroyed || (wait_running != 0 && queue->running.empty());
  });
  if (queue->is_destroyed) return -DER_NONEXIST;
  unsigned int count = 0;
  while (count < nevents && count < INT_MAX && !queue->completed.empty()) {
    EventState& state = *queue->completed.front();
    make_ready(state);
    events[count++] = state.event;
  }
  return static_cast<int>(count);
}

int daos_eq_query(daos_handle_t eqh, daos_eq_query_t query, unsigned int nevents, daos_event_t** events) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  if (query == 0 || (query & ~DAOS_EQR_ALL) != 0) return -DER_INVAL;
  const auto queue = handles().find<EventQueue>(eqh);
  if (queue == nullptr) return -DER_NONEXIST;
  const std::lock_guard lock(queue->mutex);
  unsigned int count = 0;
  const auto add = [&](const std::list<EventState*>& list) {
    for (const EventState* state : list) {
      if (events != nullptr && count < nevents) events[count] = state->event;
      ++count;
    }
  };
  if ((query & DAOS_EQR_COMPLETED) != 0) add(queue->completed);
  if ((query & DAOS_EQR_WAITING) != 0) add(queue->running);
  return static_cast<int>(std::min<unsigned int>(count, INT_MAX));
}

// ---- Events ---------------------------------------------------------------------------------------------------------

int daos_event_init(daos_event_t* ev, daos_handle_t eqh, daos_event_t* parent) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  if (ev == nullptr) return -DER_INVAL;
  std::shared_ptr<EventQueue> queue;
  EventState* parent_state = nullptr;
  if (parent != nullptr) {
    parent_state = state_of(parent);
    if (parent_state == nullptr || parent == ev) return -DER_INVAL;
    queue = parent_state->queue;
  } else if (daos_handle_is_valid(eqh)) {
    queue = handles().find<EventQueue>(eqh);
    if (queue == nullptr) return -DER_NONEXIST;
  } else {
    queue = EventQueue::none();
  }

  const std::lock_guard lock(queue->mutex);
  if (queue->is_destroyed) return -DER_NONEXIST;
  if (parent_state != nullptr && (parent_state->parent != nullptr || parent_state->status != DAOS_EVS_READY)) {
    return -DER_NO_PERM;
  }
  auto* state = new EventState(ev, queue);
  state->parent = parent_state;
  if (parent_state != nullptr) {
    parent_state->children.push_back(state);
  } else {
    state->place = queue->idle.insert(queue->idle.end(), state);
  }
  ev->ev_error = 0;
  store_private(ev, state);
  return 0;
}

int daos_event_fini(daos_event_t* ev) {
  EventState* const state = state_of(ev);
  if (state == nullptr) return -DER_INVAL;
  const std::shared_ptr<EventQueue> queue = state->queue;
  const std::lock_guard lock(queue->mutex);
  const auto is_busy = [&](const EventState& event) { return event.status == DAOS_EVS_RUNNING; };
  if (is_busy(*state) || std::any_of(state->children.begin(), state->children.end(),
                                     [&](const EventState* child) { return is_busy(*child); })) {
    return -DER_BUSY;
  }
  if (state->parent != nullptr) {
    if (is_busy(*state->parent)) return -DER_BUSY;
    std::erase(state->parent->children, state);
  } else {
    if (state->status == DAOS_EVS_COMPLETED && !queue->is_none()) return -DER_BUSY;
    (state->status == DAOS_EVS_COMPLETED ? queue->completed : queue->idle).erase(state->place);
  }
  for (EventState* child : state->children) {
    store_private(child->event, nullptr);
    delete child;
  }
  store_private(ev, nullptr);
  delete state;
  return 0;
}

daos_event_t* daos_event_next(daos_event_t* parent, daos_event_t* child) {
  EventState* const state = state_of(parent);
  if (state == nullptr) return nullptr;
  const std::lock_guard lock(state->queue->mutex);
  auto next = state->children.begin();
  if (child != nullptr) {
    next = std::find_if(next, state->children.end(), [&](const EventState* known) { return known->event == child; });
    if (next == state->children.end()) return nullptr;
    ++next;
  }
  return next == state->children.end() ? nullptr : (*next)->event;
}

int daos_event_test(daos_event_t* ev, int64_t timeout, bool* flag) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  EventState* const state = state_of(ev);
  if (state == nullptr || flag == nullptr || !is_timeout(timeout)) return -DER_INVAL;
  if (state->parent != nullptr) return -DER_NO_PERM;
  if (is_in_completion_callback()) timeout = DAOS_EQ_NOWAIT;
  const std::shared_ptr<EventQueue> queue = state->queue;
  std::unique_lock lock(queue->mutex);
  wait_until(*queue, lock, timeout, [&] { return state->status != DAOS_EVS_RUNNING; });
  // Whoever polls meanwhile makes it ready: that it has completed stays true.
  if (state->status == DAOS_EVS_COMPLETED) make_ready(*state);
  *flag = state->status == DAOS_EVS_READY && state->was_seen_complete;
  return 0;
}

int daos_event_register_comp_cb(daos_event_t* ev, daos_event_comp_cb_t cb, void* arg) {
  EventState* const state = state_of(ev);
  if (state == nullptr || cb == nullptr) return -DER_INVAL;
  const std::lock_guard lock(state->queue->mutex);
  if (state->status != DAOS_EVS_READY) return -DER_NO_PERM;
  state->callbacks.push_back({cb, arg});
  return 0;
}

int daos_event_parent_barrier(daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  EventState* const state = state_of(ev);
  if (state == nullptr) return -DER_INVAL;
  const std::shared_ptr<EventQueue> queue = state->queue;
  std::unique_lock lock(queue->mutex);
  if (state->children.empty()) return -DER_INVAL;
  if (state->status != DAOS_EVS_READY) return -DER_NO_PERM;
  if (queue->is_destroyed) return -DER_NONEXIST;
  start_event(*state);
  if (can_finish(*state)) finish_event(*state, lock);
  return 0;
}

int daos_event_abort(daos_event_t* ev) {
  EventState* const state = state_of(ev);
  if (state == nullptr) return -DER_INVAL;
  const std::lock_guard lock(state->queue->mutex);
  // Operations on a local system are short and can't be taken back, so this is only ever asked, never done.
  return state->status == DAOS_EVS_RUNNING ? 0 : -DER_NO_PERM;
}
