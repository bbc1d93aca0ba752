// A provider's domain as one reactor uses it: known peers, and memory that it or they may use.
//
// Ownership: endpoints, peers and registered memory keep it. Threading: only on the reactor, its destruction too.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_rma.h>

#include <map>
#include <memory>
#include <string>

#include "address.h"
#include "base/bytes.h"
#include "base/status.h"
#include "fabric_library.h"
#include "runtime/gate.h"
#include "runtime/reactor.h"

namespace aeon::ofi {

class Endpoint;
class Fabric;

struct FidCloser {
  template <typename T>
  void operator()(T* object) const {
    fi_close(&object->fid);
  }
};
template <typename T>
using Fid = std::unique_ptr<T, FidCloser>;

struct InfoFreer {
  void operator()(fi_info* info) const { fabric_library().freeinfo(info); }
};
using Info = std::unique_ptr<fi_info, InfoFreer>;

// What libfabric says of a number that a call returned.
Status fabric_error(Code code, const std::string& what, int64_t error);

// What a name on this host is called there: of one user, since providers trip over what they may not open.
std::string region_of(const std::string& name);

// How a provider reaches an address, or listens at it. kUnavailable: the provider isn't there.
Result<Info> find_info(const Address& address, bool listens);

// Somebody to send to.
class Peer {
 public:
  Peer(std::shared_ptr<Fabric> fabric, Bytes name, fi_addr_t address)
      : fabric_(std::move(fabric)), name_(std::move(name)), address_(address) {}
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  fi_addr_t address() const { return address_; }

 private:
  const std::shared_ptr<Fabric> fabric_;
  const Bytes name_;
  const fi_addr_t address_;
};

// Memory that the provider, or a peer, may use while this is there.
class Registered {
 public:
  Registered() = default;
  Registered(Fid<fid_mr> region, uint64_t address) : region_(std::move(region)), address_(address) {}
  void* descriptor() const { return region_ != nullptr ? fi_mr_desc(region_.get()) : nullptr; }
  uint64_t key() const { return fi_mr_key(region_.get()); }
  uint64_t address() const { return address_; }  // As peers name it.

 private:
  Fid<fid_mr> region_;
  uint64_t address_ = 0;
};

class Fabric final : public std::enable_shared_from_this<Fabric> {
 public:
  // What endpoints still have to do once nobody has them runs inside of `background`.
  static Result<std::shared_ptr<Fabric>> open(Reactor& reactor, Gate& background, const Provider& provider,
                                              const fi_info& info, Duration silence_max);

  bool serves(const Provider& provider, const fi_info& info) const;
  Reactor& reactor() { return reactor_; }
  const Provider& provider() const { return provider_; }
  Duration silence_max() const { return silence_max_; }  // Of streams' peers.
  fid_fabric* fabric() { return fabric_.get(); }
  fid_domain* domain() { return domain_.get(); }
  fid_av* peers() { return peers_.get(); }

  // kInvalidArgument: it can't be such a name.
  Result<std::shared_ptr<Peer>> find_peer(ByteView name);
  // For the provider itself, if it wants that of memory it is given; otherwise nothing.
  Result<Registered> register_local(MutableBytes memory, uint64_t access);
  // For a peer to read.
  Result<Registered> register_remote(ByteView memory);

  // Closes it when all that it sends is on its way, or at a deadline.
  void linger(std::unique_ptr<Endpoint> endpoint);

 private:
  friend class Peer;

  Fabric(Reactor& reactor, Gate& background, const Provider& provider, Duration silence_max)
      : reactor_(reactor), background_(background), provider_(provider), silence_max_(silence_max) {}
  Status open_parts(const fi_info& info);
  Status check_name(ByteView name) const;

  Reactor& reactor_;
  Gate& background_;
  const Provider& provider_;
  const Duration silence_max_;
  Info info_;
  Fid<fid_fabric> fabric_;
  Fid<fid_domain> domain_;
  Fid<fid_av> peers_;
  std::map<Bytes, std::weak_ptr<Peer>> known_;
};

}  // namespace aeon::ofi
