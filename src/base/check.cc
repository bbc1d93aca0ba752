#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace aeon {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s (this is a bug in Aeon; please report it with this line)\n", file, line,
               condition);
  std::abort();
}

}  // namespace aeon
