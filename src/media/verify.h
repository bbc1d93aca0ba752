// Reads all of a store and reports what is damaged.
#pragma once

#include "store_core.h"

namespace aeon::media {

Task<Result<std::vector<KeyBlockStore::Damage>>> verify_store(StoreCore::Ref core);

}  // namespace aeon::media
