// `daos filesystem copy`: progress, Ctrl-C and summary around transfer::copy_tree().
#pragma once

#include "cli/invocation.h"

namespace aeon::cli {

Status run_filesystem_copy(Invocation& invocation);

}  // namespace aeon::cli
