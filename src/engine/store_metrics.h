// What the store of a target tells as metrics.
#pragma once

#include "metrics/collection.h"
#include "vos/store.h"

namespace aeon::engine {

void collect(vos::Store& store, const metrics::Labels& labels, metrics::Collection& into);

}  // namespace aeon::engine
