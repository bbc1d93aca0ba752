// Reads everything that a container's newest state and its snapshots show, which verifies its checksums.
#pragma once

#include "cli/invocation.h"

namespace aeon::cli {

Status run_container_check(Invocation& invocation);

}  // namespace aeon::cli
