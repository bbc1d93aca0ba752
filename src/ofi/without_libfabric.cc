// In place of everything that needs libfabric, where the build found none.
#include "ofi/ofi_network.h"

namespace aeon::ofi {

class OfiNetwork::Fabrics {};

Status check_libfabric(const std::string& address) {
  return Status(Code::kInvalidArgument, address +
                                            " needs libfabric, which this build is without: install it (Debian "
                                            "package libfabric-dev) and build again");
}

OfiNetwork::OfiNetwork(Reactor& reactor, Network& below, Options options)
    : reactor_(reactor), below_(below), options_(options) {}
OfiNetwork::~OfiNetwork() = default;

Task<Result<std::unique_ptr<Stream>>> OfiNetwork::connect(std::string address, Duration timeout) {
  if (is_ofi_address(address)) co_return check_libfabric(address);
  Result<std::unique_ptr<Stream>> connected = co_await below_.connect(std::move(address), timeout);
  co_return connected;
}

Result<std::unique_ptr<Listener>> OfiNetwork::listen(const std::string& address) {
  if (is_ofi_address(address)) return check_libfabric(address);
  return below_.listen(address);
}

}  // namespace aeon::ofi
