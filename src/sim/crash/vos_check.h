// Compares an opened store with what the model (vos_history.h) says of it.
#pragma once

#include <string>

#include "vos_history.h"

namespace aeon {

// Everything that must hold after opening what a crash at `moment` left. What the crash left half done is finished as
// whoever asked for it would: discards are made again, undecided transactions decided.
Task<void> check_store(vos::Store* store, const History* history, Moment moment, StateMemo* memo, Survivors* found,
                       std::string* wrong);

// The last plain call there, and its epoch.
Task<void> find_number(vos::Store* store, const OwnedContainer* mine, HeldCalls* held, std::string* wrong);

}  // namespace aeon
