// libfabric, loaded when an address first asks for it. Linked in, it would bring two dozen libraries into every
// program, some of which take over the handling of signals as they are loaded.
#pragma once

#include <rdma/fabric.h>

#include "base/status.h"

namespace aeon::ofi {

struct FabricLibrary {
  decltype(&::fi_getinfo) getinfo = nullptr;
  decltype(&::fi_freeinfo) freeinfo = nullptr;
  decltype(&::fi_dupinfo) dupinfo = nullptr;
  decltype(&::fi_fabric) fabric = nullptr;
  decltype(&::fi_strerror) strerror = nullptr;
};

// From any thread; blocks the first time. kUnavailable, naming the package: it isn't installed, or is none we know.
Result<const FabricLibrary*> load_fabric_library();
// For those who have something of it already.
const FabricLibrary& fabric_library();

}  // namespace aeon::ofi
