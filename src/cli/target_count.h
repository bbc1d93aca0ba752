// `--targets N`: how many targets a system that is made gets.
#pragma once

#include "cli/invocation.h"

namespace aeon::cli {

Option targets_option();
// kInvalidArgument unless a system may have so many.
Result<uint32_t> parse_target_count(const Invocation& invocation);
// kInvalidArgument if there is a system in the directory that has another number. What else may be wrong there is for
// those to say who open it.
Status check_target_count(const std::string& directory, uint32_t wanted);

}  // namespace aeon::cli
