#include "base/mutation.h"

#ifdef AEON_MUTATIONS
#include <cstdlib>
#include <string>

namespace aeon {

bool is_mutated(std::string_view name) {
  static const std::string wanted = [] {
    const char* const text = std::getenv("AEON_MUTATION");
    return std::string(text == nullptr ? "" : text);
  }();
  return name == wanted;
}

}  // namespace aeon
#endif
