// Making and opening stores: which superblock counts, what the log adds to its checkpoint, and whether all that was
// durable is still there.
#pragma once

#include "store_core.h"

namespace aeon::media {

// The newest good superblock, and whether the other copy is what it should be beside it.
struct Superblocks {
  Superblock newest;
  int copy = 0;
  bool is_other_good = false;
};
// kInvalidArgument: no store. kVersionUnsupported, kCorrupt or kIo; all say what to do.
Task<Result<Superblocks>> read_superblocks(Disk& disk);

Task<Status> format_store(World& world, Disk& disk, FormatOptions options);
Task<Result<StoreCore::Ref>> open_store(World& world, Disk& disk, OpenOptions options);

}  // namespace aeon::media
