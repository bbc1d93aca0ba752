// Checksums of data in the caller's memory: plain functions, so that they run outside of any executor.
#pragma once

#include <vector>

#include "base/data_model.h"
#include "base/status.h"

namespace aeon::client {

// Computes the checksums of every update that has none. kInvalidArgument names the akey whose data isn't as long as
// its extents say.
Status add_checksums(std::vector<ObjectWrite>& writes);

// Compares what is in `fetch.out` with the checksums that came. kCorrupt names the akey.
Status verify_checksums(const AkeyFetch& fetch, const FetchedAkey& fetched);

}  // namespace aeon::client
