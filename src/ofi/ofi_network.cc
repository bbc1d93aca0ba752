#include "ofi/ofi_network.h"

#include <vector>

#include "ofi_listener.h"
#include "ofi_stream.h"

namespace aeon::ofi {
class OfiNetwork::Fabrics {
 public:
  Fabrics(Reactor& reactor, const Options& options) : reactor_(reactor), options_(options), background_(reactor) {}

  Gate& background() { return background_; }

  Result<std::shared_ptr<Fabric>> find(const Provider& provider, const fi_info& info) {
    for (const std::shared_ptr<Fabric>& fabric : all_) {
      if (fabric->serves(provider, info)) return fabric;
    }
    TRY_ASSIGN(std::shared_ptr<Fabric> fabric,
               Fabric::open(reactor_, background_, provider, info, options_.silence_max));
    all_.push_back(fabric);
    return fabric;
  }

  // When what is still on its way has gone, or hasn't for too long.
  Task<void> close() {
    co_await background_.close();
    all_.clear();
  }

 private:
  Reactor& reactor_;
  const Options& options_;
  Gate background_;
  std::vector<std::shared_ptr<Fabric>> all_;
};

Status check_libfabric(const std::string&) { return ok(); }

OfiNetwork::OfiNetwork(Reactor& reactor, Network& below, Options options)
    : reactor_(reactor), below_(below), options_(options) {}

OfiNetwork::~OfiNetwork() {
  if (fabrics_ != nullptr) reactor_.run(fabrics_->close());
}

Task<Result<std::unique_ptr<Stream>>> OfiNetwork::connect(std::string address, Duration timeout) {
  if (!is_ofi_address(address)) {
    Result<std::unique_ptr<Stream>> connected = co_await below_.connect(std::move(address), timeout);
    co_return connected;
  }
  const Instant deadline = reactor_.now() + timeout;
  CO_TRY_ASSIGN(const Address to, parse_address(address));
  if (!to.provider->has_hosts) {
    const Status is_taken = co_await NameHolder::check_is_taken(&below_, to.host, timeout);
    if (!is_taken.is_ok())
      co_return Status(Code::kUnavailable, "can't connect to " + address + ": nobody listens there");
  }
  CO_TRY_ASSIGN(const Info info, find_info(to, false));
  if (fabrics_ == nullptr) fabrics_ = std::make_unique<Fabrics>(reactor_, options_);
  CO_TRY_ASSIGN(const std::shared_ptr<Fabric> fabric, fabrics_->find(*to.provider, *info));
  const ByteView name(static_cast<const std::byte*>(info->dest_addr), info->dest_addrlen);
  CO_TRY_ASSIGN(const std::shared_ptr<Peer> listener, fabric->find_peer(name));
  CO_TRY_ASSIGN(std::unique_ptr<OfiStream> stream, OfiStream::open(fabric, *info, to.text()));
  CO_TRY(co_await stream->say_hello(listener, name, deadline));
  std::unique_ptr<Stream> connected = std::move(stream);
  co_return connected;
}

Result<std::unique_ptr<Listener>> OfiNetwork::listen(const std::string& address) {
  if (!is_ofi_address(address)) return below_.listen(address);
  TRY_ASSIGN(const Address at, parse_address(address));
  if (fabrics_ == nullptr) fabrics_ = std::make_unique<Fabrics>(reactor_, options_);
  std::unique_ptr<NameHolder> name;
  if (!at.provider->has_hosts) {
    TRY_ASSIGN(name, NameHolder::take(fabrics_->background(), below_, at.host));
  }
  TRY_ASSIGN(Info info, find_info(at, true));
  TRY_ASSIGN(const std::shared_ptr<Fabric> fabric, fabrics_->find(*at.provider, *info));
  TRY_ASSIGN(std::unique_ptr<OfiListener> listener, OfiListener::open(fabric, std::move(info), at, std::move(name)));
  return std::unique_ptr<Listener>(std::move(listener));
}

}  // namespace aeon::ofi
