// Labels of containers as the store keeps them, for those who look at a store that nobody has open.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"

namespace aeon::container {

struct StoredLabel {
  Uuid container;
  std::string label;
};

// From a metadata record of vos::Store: nothing unless it is a container's, whole, and the container has a label.
std::optional<StoredLabel> stored_label(std::string_view name, ByteView record);

}  // namespace aeon::container
