// Where a listing stands, between our Anchor and the daos_anchor_t that programs keep for us.
#pragma once

#include <daos_types.h>

#include <optional>

#include "base/data_model.h"

namespace aeon::capi {

// Nothing if the anchor isn't one of ours, or refers to a position that was forgotten (long_positions.h): *error is
// then -DER_INVAL or -DER_NOMEM. An anchor at the end has is_end.
std::optional<Anchor> load_anchor(const daos_anchor_t& anchor, int* error);
void store_anchor(daos_anchor_t* anchor, const Anchor& position);

}  // namespace aeon::capi
