#include "fabric_library.h"

#include <dlfcn.h>
#include <signal.h>

#include <array>
#include <cstdlib>
#include <string>

#include "base/check.h"

namespace aeon::ofi {
namespace {

constexpr const char* kName = "libfabric.so.1";

// Keeps what this process does about signals as it is.
class SignalsKept {
 public:
  SignalsKept() {
    for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], nullptr, &before_[i]);
  }
  ~SignalsKept() {
    for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  SignalsKept(const SignalsKept&) = delete;
  SignalsKept& operator=(const SignalsKept&) = delete;

 private:
  static constexpr std::array kSignals = {SIGHUP, SIGINT, SIGTERM, SIGILL, SIGABRT, SIGFPE, SIGBUS, SIGSEGV};
  std::array<struct sigaction, kSignals.size()> before_{};
};

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Result<FabricLibrary> load() {
  const SignalsKept kept;
  void* const library = ::dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Status(Code::kUnavailable, "can't load libfabric (Debian package libfabric1): " + std::string(::dlerror()));
  }
  FabricLibrary found;
  if (find(library, "fi_getinfo", found.getinfo) && find(library, "fi_freeinfo", found.freeinfo) &&
      find(library, "fi_dupinfo", found.dupinfo) && find(library, "fi_fabric", found.fabric) &&
      find(library, "fi_strerror", found.strerror)) {
    return found;
  }
  return Status(Code::kUnavailable, std::string(kName) + " isn't libfabric as we know it; install libfabric1");
}

const Result<FabricLibrary>& loaded() {
  static const auto* const library = new Result<FabricLibrary>(load());  // Never unloaded: it has threads and handlers.
  return *library;
}

}  // namespace

Result<const FabricLibrary*> load_fabric_library() {
  const Result<FabricLibrary>& library = loaded();
  if (!library.is_ok()) return library.status();
  return &*library;
}

const FabricLibrary& fabric_library() {
  CHECK(loaded().is_ok());
  return *loaded();
}

}  // namespace aeon::ofi
