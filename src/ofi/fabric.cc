#include "fabric.h"

#include <cstdlib>
#include <cstring>

#include "endpoint.h"
#include "runtime/system.h"

namespace aeon::ofi {
namespace {

// The interface as this is written for; later libraries keep to it.
constexpr uint32_t kVersion = FI_VERSION(1, 14);
constexpr size_t kOperationsMax = 64;  // Of an endpoint, each way.
constexpr int kRegisterAttempts = 4;

constexpr Duration kLingerMax = std::chrono::milliseconds(500);
constexpr Duration kLingerLook = std::chrono::milliseconds(1);

// sockaddr_in and sockaddr_in6: how they begin and how long they are.
constexpr uint16_t kFamilyV4 = 2, kFamilyV6 = 10;
constexpr size_t kSizeV4 = 16, kSizeV6 = 28;

// The layer above TCP keeps a thousand buffers for each endpoint, touches all of them, and by itself makes each as
// large as a message. Over TCP messages go by none of them, so they may be small. Both sides must agree; who has
// decided otherwise in the environment keeps that. The library reads it once.
void make_layer_lighter() {
  static const bool is_done [[maybe_unused]] =
      ::setenv("FI_OFI_RXM_BUFFER_SIZE", "512", 0) == 0 && ::setenv("FI_OFI_RXM_EAGER_LIMIT", "16384", 0) == 0;
}

Info make_hints(const Provider& provider) {
  Info hints(fabric_library().dupinfo(nullptr));
  CHECK(hints != nullptr);
  hints->caps = FI_MSG | FI_RMA | FI_SEND | FI_RECV | FI_READ | FI_REMOTE_READ;
  hints->mode = FI_CONTEXT | FI_CONTEXT2;
  hints->ep_attr->type = FI_EP_RDM;
  hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
  hints->domain_attr->threading = FI_THREAD_DOMAIN;
  hints->domain_attr->control_progress = FI_PROGRESS_MANUAL;  // No threads of the provider's.
  hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
  hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
  hints->tx_attr->size = kOperationsMax;
  hints->rx_attr->size = kOperationsMax;
  hints->fabric_attr->prov_name = ::strndup(provider.libfabric.data(), provider.libfabric.size());
  return hints;
}

void replace(void*& address, size_t& size, const std::string& name) {
  std::free(address);
  address = ::strdup(name.c_str());
  size = name.size() + 1;
}

}  // namespace

std::string region_of(const std::string& name) { return "aeon-" + std::to_string(user_id()) + "-" + name; }

Status fabric_error(Code code, const std::string& what, int64_t error) {
  return Status(code, what + ": " + fabric_library().strerror(static_cast<int>(-error)));
}

Result<Info> find_info(const Address& address, bool listens) {
  if (address.provider->libfabric == "tcp;ofi_rxm") make_layer_lighter();
  TRY_ASSIGN(const FabricLibrary* const library, load_fabric_library());
  const Info hints = make_hints(*address.provider);
  fi_info* found = nullptr;
  const bool has_hosts = address.provider->has_hosts;
  const int error =
      library->getinfo(kVersion, has_hosts ? address.host.c_str() : nullptr, has_hosts ? address.port.c_str() : nullptr,
                       listens && has_hosts ? FI_SOURCE : 0, hints.get(), &found);
  if (error != 0) {
    return fabric_error(Code::kUnavailable,
                        "libfabric has no provider '" + std::string(address.provider->libfabric) + "' for " +
                            address.text() + " here ('fi_info' lists what it has)",
                        error);
  }
  Info info(found);
  if (!has_hosts) {
    if (listens) {
      replace(info->src_addr, info->src_addrlen, region_of(address.host));
    } else {
      replace(info->dest_addr, info->dest_addrlen, region_of(address.host));
    }
  }
  return info;
}

Peer::~Peer() {
  fi_addr_t address = address_;
  fi_av_remove(fabric_->peers_.get(), &address, 1, 0);
  fabric_->known_.erase(name_);
}

// ---- Opening --------------------------------------------------------------------------------------------------------

Result<std::shared_ptr<Fabric>> Fabric::open(Reactor& reactor, Gate& background, const Provider& provider,
                                             const fi_info& info, Duration silence_max) {
  std::shared_ptr<Fabric> fabric(new Fabric(reactor, background, provider, silence_max));
  TRY(fabric->open_parts(info));
  return fabric;
}

Status Fabric::open_parts(const fi_info& info) {
  const auto failed = [this](const char* what, int error) {
    return fabric_error(Code::kIo, "libfabric's provider '" + std::string(provider_.libfabric) + "' has no " + what,
                        error);
  };
  info_.reset(fabric_library().dupinfo(&info));
  if (info_ == nullptr) return failed("memory", -FI_ENOMEM);
  fid_fabric* fabric = nullptr;
  int error = fabric_library().fabric(info_->fabric_attr, &fabric, nullptr);
  if (error != 0) return failed("fabric", error);
  fabric_.reset(fabric);
  fid_domain* domain = nullptr;
  error = fi_domain(fabric, info_.get(), &domain, nullptr);
  if (error != 0) return failed("domain", error);
  domain_.reset(domain);

  fi_av_attr peers_attributes{};
  peers_attributes.type = info_->domain_attr->av_type;
  fid_av* peers = nullptr;
  error = fi_av_open(domain, &peers_attributes, &peers, nullptr);
  if (error != 0) return failed("address table", error);
  peers_.reset(peers);
  return ok();
}

bool Fabric::serves(const Provider& provider, const fi_info& info) const {
  return &provider == &provider_ && std::strcmp(info_->fabric_attr->name, info.fabric_attr->name) == 0 &&
         std::strcmp(info_->domain_attr->name, info.domain_attr->name) == 0;
}

// ---- Peers and memory -----------------------------------------------------------------------------------------------

// Providers believe what they are given, so a name must be one before they see it.
Status Fabric::check_name(ByteView name) const {
  bool is_good = false;
  const uint16_t family = name.size() >= 2 ? load_le<uint16_t>(name.data()) : 0;
  const bool is_v4 = family == kFamilyV4 && name.size() == kSizeV4;
  const bool is_v6 = family == kFamilyV6 && name.size() == kSizeV6;
  switch (info_->addr_format) {
    case FI_SOCKADDR: is_good = is_v4 || is_v6; break;
    case FI_SOCKADDR_IN: is_good = is_v4; break;
    case FI_SOCKADDR_IN6: is_good = is_v6; break;
    case FI_ADDR_STR: {
      const std::string_view text = as_text(name);
      const size_t end = text.find('\0');
      const size_t slash = text.rfind('/');
      const bool is_region = slash == std::string_view::npos || text.substr(0, slash + 1) == "fi_shm://";
      is_good = end == text.size() - 1 && end > 0 && is_region && text[slash == text.npos ? 0 : slash + 1] != '.';
      break;
    }
    default: is_good = name.size() == info_->src_addrlen; break;
  }
  if (is_good) return ok();
  return Status(Code::kInvalidArgument, "what should be the name of an endpoint is none");
}

Result<std::shared_ptr<Peer>> Fabric::find_peer(ByteView name) {
  TRY(check_name(name));
  Bytes key = to_bytes(name);
  const auto known = known_.find(key);
  if (known != known_.end()) {
    if (std::shared_ptr<Peer> peer = known->second.lock()) return peer;
  }
  fi_addr_t address = FI_ADDR_UNSPEC;
  const int inserted = fi_av_insert(peers_.get(), name.data(), 1, &address, 0, nullptr);
  if (inserted != 1) {
    return Status(Code::kUnavailable, "libfabric's provider '" + std::string(provider_.libfabric) +
                                          "' takes no more peers, or not this one");
  }
  auto peer = std::make_shared<Peer>(shared_from_this(), key, address);
  known_[std::move(key)] = peer;
  return peer;
}

Result<Registered> Fabric::register_local(MutableBytes memory, uint64_t access) {
  if ((info_->domain_attr->mr_mode & FI_MR_LOCAL) == 0) return Registered();
  fid_mr* region = nullptr;
  const int error = fi_mr_reg(domain_.get(), memory.data(), memory.size(), access, 0, 0, 0, &region, nullptr);
  if (error != 0) return fabric_error(Code::kUnavailable, "memory can't be registered", error);
  return Registered(Fid<fid_mr>(region), 0);
}

// The key is all that keeps other peers from reading this, so it can't be guessed, where it is ours to choose.
Result<Registered> Fabric::register_remote(ByteView memory) {
  const fi_domain_attr& attributes = *info_->domain_attr;
  const uint64_t mask = attributes.mr_key_size >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * attributes.mr_key_size)) - 1;
  int error = 0;
  for (int i = 0; i < kRegisterAttempts; ++i) {
    const uint64_t key = (attributes.mr_mode & FI_MR_PROV_KEY) != 0 ? 0 : system_random().next() & mask;
    fid_mr* region = nullptr;
    error = fi_mr_reg(domain_.get(), memory.data(), memory.size(), FI_REMOTE_READ, 0, key, 0, &region, nullptr);
    if (error == 0) {
      const bool is_virtual = (attributes.mr_mode & FI_MR_VIRT_ADDR) != 0;
      return Registered(Fid<fid_mr>(region), is_virtual ? reinterpret_cast<uint64_t>(memory.data()) : 0);
    }
    if (error != -FI_ENOKEY) break;
  }
  return fabric_error(Code::kUnavailable, "memory can't be registered", error);
}

// ---- Endpoints on their way out -------------------------------------------------------------------------------------

void Fabric::linger(std::unique_ptr<Endpoint> endpoint) {
  const auto wait = [](Reactor* reactor, std::unique_ptr<Endpoint> lingering) -> Task<void> {
    const Instant deadline = reactor->now() + kLingerMax;
    while (!lingering->has_sent_all() && reactor->now() < deadline) co_await sleep_for(*reactor, kLingerLook);
  };
  background_.spawn(wait(&reactor_, std::move(endpoint)));
}

}  // namespace aeon::ofi
