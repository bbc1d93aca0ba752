#include "operation.h"

namespace aeon::capi {
namespace {

Task<void> run_for_event(Task<int> work, EventState* state) {
  const int result = co_await work;
  complete_event(state, result);
}

}  // namespace

int run_operation(client::System& system, daos_event_t* event, Task<int> work, int (*refusal)(int)) {
  int rc = 0;
  EventState* state = nullptr;
  if (event == nullptr) {
    // Blocking inside the executor would wait for itself.
    if (!is_in_completion_callback()) return system.run(std::move(work));
    rc = -DER_NO_PERM;
  } else {
    rc = begin_event(event, &state);
  }
  if (rc != 0) return refusal == nullptr ? rc : refusal(rc);
  system.submit(run_for_event(std::move(work), state));
  return 0;
}

}  // namespace aeon::capi
