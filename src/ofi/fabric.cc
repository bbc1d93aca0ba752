#include "fabric.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "endpoint.h"
#include "runtime/system.h"

namespace aeon::ofi {
namespace {

// The interface as this is written for; later libraries keep to it.
constexpr uint32_t kVersion = FI_VERSION(1, 14);
constexpr size_t kQueueSize = 4096;
constexpr size_t kOperationsMax = 64;  // Of an endpoint, each way.
constexpr int kBatch = 32;
constexpr int kBatchesMax = 16;  // In a row, before others have their turn.
constexpr int kRegisterAttempts = 4;

constexpr Duration kNapMin = std::chrono::microseconds(50);
// For who has a descriptor: something is there that the provider doesn't hand out yet, or that it doesn't take yet.
constexpr Duration kRetryMax = std::chrono::milliseconds(1);
// For who has none: what a first message after a silence may have to wait.
constexpr Duration kNapMax = std::chrono::milliseconds(10);

constexpr Duration kLingerMax = std::chrono::milliseconds(500);
constexpr size_t kLingeringMax = 256;

// sockaddr_in and sockaddr_in6: how they begin and how long they are.
constexpr uint16_t kFamilyV4 = 2, kFamilyV6 = 10;
constexpr size_t kSizeV4 = 16, kSizeV6 = 28;

Info make_hints(const Provider& provider) {
  Info hints(fi_allocinfo());
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
  return Status(code, what + ": " + fi_strerror(static_cast<int>(-error)));
}

Result<Info> find_info(const Address& address, bool listens) {
  const Info hints = make_hints(*address.provider);
  fi_info* found = nullptr;
  const bool has_hosts = address.provider->has_hosts;
  const int error =
      fi_getinfo(kVersion, has_hosts ? address.host.c_str() : nullptr, has_hosts ? address.port.c_str() : nullptr,
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

Fabric::Fabric(Reactor& reactor, const Provider& provider) : reactor_(reactor), provider_(provider) {}

Result<std::shared_ptr<Fabric>> Fabric::open(Reactor& reactor, const Provider& provider, const fi_info& info) {
  std::shared_ptr<Fabric> fabric(new Fabric(reactor, provider));
  TRY(fabric->open_parts(info));
  return fabric;
}

Status Fabric::open_parts(const fi_info& info) {
  const auto failed = [this](const char* what, int error) {
    return fabric_error(Code::kIo, "libfabric's provider '" + std::string(provider_.libfabric) + "' has no " + what,
                        error);
  };
  info_.reset(fi_dupinfo(&info));
  if (info_ == nullptr) return failed("memory", -FI_ENOMEM);
  fid_fabric* fabric = nullptr;
  int error = fi_fabric(info_->fabric_attr, &fabric, nullptr);
  if (error != 0) return failed("fabric", error);
  fabric_.reset(fabric);
  fid_domain* domain = nullptr;
  error = fi_domain(fabric, info_.get(), &domain, nullptr);
  if (error != 0) return failed("domain", error);
  domain_.reset(domain);

  fi_cq_attr queue_attributes{};
  queue_attributes.size = kQueueSize;
  queue_attributes.format = FI_CQ_FORMAT_MSG;
  queue_attributes.wait_obj = FI_WAIT_FD;
  fid_cq* queue = nullptr;
  error = fi_cq_open(domain, &queue_attributes, &queue, nullptr);
  bool has_descriptor = error == 0;
  if (error != 0) {
    queue_attributes.wait_obj = FI_WAIT_NONE;
    error = fi_cq_open(domain, &queue_attributes, &queue, nullptr);
    if (error != 0) return failed("completion queue", error);
  }
  queue_.reset(queue);
  int descriptor = -1;
  if (has_descriptor) has_descriptor = fi_control(&queue->fid, FI_GETWAIT, &descriptor) == 0;
  Readiness::Listener& listener = *this;
  if (has_descriptor) readiness_ = std::make_unique<Readiness>(reactor_, descriptor, listener);

  fi_av_attr peers_attributes{};
  peers_attributes.type = info_->domain_attr->av_type;
  fid_av* peers = nullptr;
  error = fi_av_open(domain, &peers_attributes, &peers, nullptr);
  if (error != 0) return failed("address table", error);
  peers_.reset(peers);
  return ok();
}

Fabric::~Fabric() {
  DCHECK(endpoints_.empty());
  rest();
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

// ---- Looking --------------------------------------------------------------------------------------------------------

void Fabric::add(Endpoint& endpoint) {
  endpoints_.push_back(&endpoint);
  touch();
}

void Fabric::remove(Endpoint& endpoint, std::vector<Operation> operations) {
  std::erase(endpoints_, &endpoint);
  abandoned_.push_back(std::move(operations));
  if (endpoints_.empty()) rest();
}

void Fabric::rest() {
  reactor_.unwatch(*this);
  if (is_armed()) reactor_.disarm(*this);
}

void Fabric::touch() {
  nap_ = kNapMin;
  if (is_watched()) return;
  if (is_armed()) reactor_.disarm(*this);
  reactor_.watch(*this);
}

bool Fabric::look() { return progress(); }

void Fabric::park() { sleep_until_news(); }

void Fabric::unpark() {
  if (is_armed()) reactor_.disarm(*this);
}

// What came since the last look is handed over now; whoever waits for it is ready then, and the reactor doesn't sleep.
void Fabric::sleep_until_news() {
  if (progress()) nap_ = kNapMin;
  if (endpoints_.empty()) return;
  bool must_retry = readiness_ == nullptr;
  if (readiness_ != nullptr) {
    fid* const waited = &queue_->fid;
    fid* list[] = {waited};
    if (fi_trywait(fabric_.get(), list, 1) == 0) {
      readiness_->arm();
      for (const Endpoint* endpoint : endpoints_) must_retry |= endpoint->must_retry();
    } else {
      must_retry = true;
    }
  }
  must_retry |= has_lingering();
  if (!must_retry) return;
  nap_ = std::clamp(nap_, kNapMin, readiness_ != nullptr ? kRetryMax : kNapMax);
  reactor_.arm(*this, reactor_.exact_now() + nap_);
  nap_ *= 2;
}

void Fabric::on_fire() {
  if (progress()) {
    touch();
  } else if (!is_watched()) {
    sleep_until_news();
  }
}

void Fabric::on_ready() {
  if (endpoints_.empty()) return;
  if (progress()) {
    touch();
  } else if (!is_watched()) {
    if (is_armed()) reactor_.disarm(*this);
    sleep_until_news();
  }
}

bool Fabric::progress() {
  bool any = false;
  for (int i = 0; i < kBatchesMax && read_queue(); ++i) any = true;
  for (size_t i = 0; i < endpoints_.size(); ++i) any |= endpoints_[i]->retry();
  if (!lingering_.empty()) end_lingering();
  return any;
}

bool Fabric::read_queue() {
  fi_cq_msg_entry entries[kBatch];
  const ssize_t count = fi_cq_read(queue_.get(), entries, kBatch);
  if (count == -FI_EAVAIL) {
    read_error();
    return true;
  }
  for (ssize_t i = 0; i < count; ++i) {
    auto* const operation = static_cast<Operation*>(entries[i].op_context);
    if (operation != nullptr && operation->owner != nullptr) {
      operation->owner->on_complete(*operation, entries[i].len, ok());
    }
  }
  if (count <= 0) abandoned_.clear();
  return count > 0;
}

void Fabric::read_error() {
  fi_cq_err_entry entry{};
  if (fi_cq_readerr(queue_.get(), &entry, 0) != 1) return;
  const Status status = fabric_error(Code::kUnavailable, "libfabric", -static_cast<int64_t>(entry.err));
  auto* const operation = static_cast<Operation*>(entry.op_context);
  if (operation != nullptr) {
    if (operation->owner != nullptr) operation->owner->on_complete(*operation, 0, status);
    return;
  }
  // Some providers don't say whose it is, of reads that they can't do. Nobody's must be waited for in vain.
  for (size_t i = 0; i < endpoints_.size(); ++i) endpoints_[i]->on_anyones_error(status);
}

// ---- Endpoints on their way out -------------------------------------------------------------------------------------

void Fabric::linger(std::unique_ptr<Endpoint> endpoint) {
  if (lingering_.size() >= kLingeringMax) return;
  lingering_.push_back({.endpoint = std::move(endpoint), .deadline = reactor_.now() + kLingerMax});
  touch();
}

void Fabric::end_all_lingering() {
  const std::vector<Lingering> ended = std::move(lingering_);
  lingering_.clear();
}

void Fabric::end_lingering() {
  const Instant now = reactor_.now();
  std::vector<Lingering> ended;
  for (size_t i = 0; i < lingering_.size();) {
    if (lingering_[i].endpoint->has_sent_all() || lingering_[i].deadline <= now) {
      ended.push_back(std::move(lingering_[i]));
      lingering_[i] = std::move(lingering_.back());
      lingering_.pop_back();
    } else {
      ++i;
    }
  }
}

}  // namespace aeon::ofi
