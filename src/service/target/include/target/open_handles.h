// Container handles as a target that serves objects knows them.
#pragma once

#include "base/ids.h"
#include "runtime/task.h"
#include "vos/store.h"

namespace aeon::target {

// What an open handle allows.
struct OpenContainer {
  Uuid id;
  vos::Durability durability = vos::Durability::kSync;
  bool has_explicit_epochs = false;
};

class OpenHandles {
 public:
  virtual ~OpenHandles() = default;
  // As far as it is known here. kStaleHandle: it isn't, and look_up() may know more; kPermission if the handle may only
  // read and `for_writing`.
  virtual Result<OpenContainer> find(uint64_t handle, bool for_writing) const = 0;
  // Asks who gives the handles, if that is another. kStaleHandle says to open again.
  virtual Task<Result<OpenContainer>> look_up(uint64_t handle, bool for_writing) = 0;
};

}  // namespace aeon::target
