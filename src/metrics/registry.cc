#include "metrics/registry.h"

namespace aeon::metrics {

Task<std::string> Registry::text() {
  Collection found;
  for (size_t i = 0; i < sources_.size(); ++i) co_await sources_[i]->collect(found);
  co_return found.text();
}

}  // namespace aeon::metrics
