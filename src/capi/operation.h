// How every call runs: on the caller's thread when it has no event, handed to the system when it has one.
#pragma once

#include <daos_event.h>

#include <utility>

#include "client/client.h"
#include "event.h"
#include "library.h"

namespace aeon::capi {

// Runs `work` to its end and returns its result (event == nullptr), or starts it: its result then goes to the event,
// and 0 is returned. If anything else is returned with an event, `work` was not started. Results are what the call
// returns in C: -DER_… for daos_*, errno for dfs_*, where `refusal` turns a -DER_… of the event itself into it.
int run_operation(client::System& system, daos_event_t* event, Task<int> work, int (*refusal)(int) = nullptr);

// The same for calls that only look at memory.
template <typename Function>
int run_now(daos_event_t* event, Function&& work) {
  if (event == nullptr) return work();
  EventState* state = nullptr;
  const int rc = begin_event(event, &state);
  if (rc != 0) return rc;
  complete_event(state, work());
  return 0;
}

}  // namespace aeon::capi
