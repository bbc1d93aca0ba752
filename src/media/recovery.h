// Making and opening stores: which superblock counts, what the log adds to its checkpoint, and whether all that was
// durable is still there.
#pragma once

#include "store_core.h"

namespace aeon::media {

Task<Status> format_store(World& world, Disk& disk, FormatOptions options);
Task<Result<StoreCore::Ref>> open_store(World& world, Disk& disk, OpenOptions options);

}  // namespace aeon::media
