// What `aeon top` shows of one interval: for people as a page, for programs as JSON.
#pragma once

#include <string>

#include "cli/output.h"
#include "metrics/load.h"

namespace aeon::cli {

// Lines of at most 100 columns.
std::string top_page(const wire::StatusReply& status, const metrics::Load& load);
Json top_json(const wire::StatusReply& status, const metrics::Load& load);

}  // namespace aeon::cli
