// The data that came with writes.
#pragma once

#include <span>
#include <vector>

#include "base/data_model.h"
#include "base/status.h"

namespace aeon::target {

// Gives each update its part of the data, in place. kInvalidArgument unless it is exactly theirs. The reverse of
// rpc::data_of().
Status attach_data(std::vector<ObjectWrite>& writes, std::span<const ByteView> sent);

}  // namespace aeon::target
