// The data that came with writes.
#pragma once

#include <span>
#include <vector>

#include "base/data_model.h"
#include "base/status.h"

namespace aeon::target {

// Gives each update its part of the data, in place. kInvalidArgument unless it is exactly theirs.
Status attach_data(std::vector<ObjectWrite>& writes, std::span<const ByteView> sent);
// The reverse: all of it in order.
std::vector<ByteView> data_of(const std::vector<ObjectWrite>& writes);

}  // namespace aeon::target
