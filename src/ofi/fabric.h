// A provider's domain as one reactor uses it: the queue of what has completed, known peers, and what looks at the
// queue.
//
// Looking: while the reactor runs it looks in every turn (SpinSource), since libfabric moves nothing by itself. Before
// the reactor sleeps, the provider's descriptor is waited for; a provider without one is looked at by a timer, more and
// more seldom as long as nothing comes.
// Ownership: endpoints, peers and registered memory keep it. Threading: only on the reactor, its destruction too.
#pragma once

#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_rma.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "address.h"
#include "base/bytes.h"
#include "base/status.h"
#include "runtime/reactor.h"
#include "runtime/readiness.h"
#include "runtime/spin_source.h"

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
  void operator()(fi_info* info) const { fi_freeinfo(info); }
};
using Info = std::unique_ptr<fi_info, InfoFreer>;

// What libfabric says of a number that a call returned.
Status fabric_error(Code code, const std::string& what, int64_t error);

// What a name on this host is called there: of one user, since providers trip over what they may not open.
std::string region_of(const std::string& name);

// How a provider reaches an address, or listens at it. kUnavailable: the provider isn't there.
Result<Info> find_info(const Address& address, bool listens);

// What libfabric gives back about an operation: it points to the first member.
struct Operation {
  enum class Kind : uint8_t { kReceive, kSend, kRead };
  fi_context2 context;
  Endpoint* owner;  // Null once it is gone.
  Kind kind;
  uint32_t index;
};

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

class Fabric final : public std::enable_shared_from_this<Fabric>,
                     private SpinSource,
                     private Timer,
                     private Readiness::Listener {
 public:
  static Result<std::shared_ptr<Fabric>> open(Reactor& reactor, const Provider& provider, const fi_info& info);
  ~Fabric() override;

  bool serves(const Provider& provider, const fi_info& info) const;
  Reactor& reactor() { return reactor_; }
  const Provider& provider() const { return provider_; }
  fid_domain* domain() { return domain_.get(); }
  fid_cq* queue() { return queue_.get(); }
  fid_av* peers() { return peers_.get(); }

  // kInvalidArgument: it can't be such a name.
  Result<std::shared_ptr<Peer>> find_peer(ByteView name);
  // For the provider itself, if it wants that of memory it is given; otherwise nothing.
  Result<Registered> register_local(MutableBytes memory, uint64_t access);
  // For a peer to read.
  Result<Registered> register_remote(ByteView memory);

  // Something was asked of the provider, or is awaited: look from now on.
  void touch();
  // Takes what has completed off the queue. False if there was nothing.
  bool progress();

  // They are looked after while there are any.
  void add(Endpoint& endpoint);
  void remove(Endpoint& endpoint, std::vector<Operation> operations);
  // Closed when all that it sends is on its way, or at a deadline.
  void linger(std::unique_ptr<Endpoint> endpoint);
  bool has_lingering() const { return !lingering_.empty(); }
  void end_all_lingering();

 private:
  friend class Peer;
  struct Lingering {
    std::unique_ptr<Endpoint> endpoint;
    Instant deadline;
  };

  Fabric(Reactor& reactor, const Provider& provider);
  Status open_parts(const fi_info& info);
  Status check_name(ByteView name) const;

  bool look() override;
  void park() override;
  void unpark() override;
  void on_fire() override;
  void on_ready() override;
  bool read_queue();
  void read_error();
  void end_lingering();
  void sleep_until_news();
  void rest();

  Reactor& reactor_;
  const Provider& provider_;
  Info info_;
  Fid<fid_fabric> fabric_;
  Fid<fid_domain> domain_;
  Fid<fid_cq> queue_;
  Fid<fid_av> peers_;
  std::unique_ptr<Readiness> readiness_;  // Of the queue, if the provider has a descriptor for it.
  Duration nap_{};  // Before the next look.
  std::map<Bytes, std::weak_ptr<Peer>> known_;
  std::vector<Endpoint*> endpoints_;
  std::vector<Lingering> lingering_;
  std::vector<std::vector<Operation>> abandoned_;  // The queue may still name them.
};

}  // namespace aeon::ofi
