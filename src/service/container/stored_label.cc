#include "container/stored_label.h"

#include "container/properties.h"
#include "container_record.h"

namespace aeon::container {

std::optional<StoredLabel> stored_label(std::string_view name, ByteView record) {
  if (!name.starts_with(kContainerPrefix)) return std::nullopt;
  const std::optional<Uuid> id = Uuid::parse(name.substr(kContainerPrefix.size()));
  ContainerRecord decoded;
  if (!id.has_value() || !pool::decode_record(record, "a container", decoded).is_ok()) return std::nullopt;
  const auto found = decoded.properties.find(kPropLabel);
  if (found == decoded.properties.end()) return std::nullopt;
  const auto* label = std::get_if<std::string>(&found->second);
  if (label == nullptr) return std::nullopt;
  return StoredLabel{.container = *id, .label = *label};
}

}  // namespace aeon::container
