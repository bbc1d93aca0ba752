#include "vos/damage.h"

#include "key_codec.h"

namespace aeon::vos {

std::string_view name_of(DamagedPlace::What what) {
  switch (what) {
    case DamagedPlace::What::kStore: return "store";
    case DamagedPlace::What::kPage: return "page";
    case DamagedPlace::What::kRecord: return "record";
    case DamagedPlace::What::kValue: return "value";
  }
  return "store";
}

std::string DamagedPlace::to_string() const {
  std::string text;
  if (what == What::kPage) {
    text = "keys from " + first_hidden + " to " + end_hidden + ": ";
  } else if (what != What::kStore) {
    text = container.is_nil() ? "container number " + std::to_string(container_number)
                              : "container " + container.to_string();
    if (has_object) text += " object " + object.to_string();
    if (!dkey.empty()) text += " dkey " + printable_key(dkey);
    if (!akey.empty()) text += " akey " + printable_key(akey);
    if (what == What::kValue && kind == ValueKind::kArray) {
      text += " records [" + std::to_string(recx.index) + ", " + std::to_string(recx.end()) + ")";
    }
    if (epoch.value != 0) text += " epoch " + std::to_string(epoch.value);
    text += ": ";
  }
  return text + place + ": " + std::string(status.message());
}

}  // namespace aeon::vos
