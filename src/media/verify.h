// Reads all of a store and reports what is damaged.
#pragma once

#include "store_core.h"

namespace aeon::media {

Task<Result<std::vector<KeyBlockStore::Damage>>> verify_store(StoreCore::Ref core);
Task<Result<KeyBlockStore::PageCheck>> check_pages(StoreCore::Ref core, Bytes from, ByteCount bytes_max);

}  // namespace aeon::media
