// Ctrl-C: the first asks the work to stop at a point from which it can go on later, the second ends the program.
#pragma once

#include "base/status.h"

namespace aeon::cli {

void watch_for_interrupt();
bool interrupted();
// kCanceled once interrupted. `what_now` says how to go on.
Status check_interrupt(const char* what_now);

}  // namespace aeon::cli
