#include "endpoint.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/system.h"

namespace aeon::ofi {
namespace {

// In a row: then the provider can't receive here any more.
constexpr uint32_t kReceiveFailuresMax = 64;
constexpr size_t kQueueSize = 256;
constexpr int kBatch = 32;
constexpr int kBatchesMax = 16;  // In a row, before others have their turn.

constexpr Duration kNapMin = std::chrono::microseconds(50);
// For who has a descriptor: something is there that the provider doesn't hand out yet, or that it doesn't take yet.
constexpr Duration kRetryMax = std::chrono::milliseconds(1);
// For who has none: what a first message after a silence may have to wait.
constexpr Duration kNapMax = std::chrono::milliseconds(10);

constexpr size_t kPortAt = 2, kPortSize = 2;  // Of a sockaddr of either family.

// A place of its own: the same host at a port that is chosen, or another name.
void leave_place_open(fi_info& info) {
  if (info.addr_format == FI_ADDR_STR) {
    // The provider makes names of this, the user and a number.
    std::free(info.src_addr);
    info.src_addr = ::strdup(("fi_shm://" + std::to_string(process_id())).c_str());
    info.src_addrlen = std::strlen(static_cast<const char*>(info.src_addr)) + 1;
    return;
  }
  const bool is_socket =
      info.addr_format == FI_SOCKADDR || info.addr_format == FI_SOCKADDR_IN || info.addr_format == FI_SOCKADDR_IN6;
  if (is_socket && info.src_addr != nullptr && info.src_addrlen >= kPortAt + kPortSize) {
    std::memset(static_cast<std::byte*>(info.src_addr) + kPortAt, 0, kPortSize);
  }
}

}  // namespace

Result<std::unique_ptr<Endpoint>> Endpoint::open(std::shared_ptr<Fabric> fabric, const fi_info& info, bool at_source,
                                                 Options options, Handler& handler) {
  std::unique_ptr<Endpoint> endpoint(new Endpoint(std::move(fabric), options, handler));
  TRY(endpoint->open_parts(info, at_source));
  return endpoint;
}

Status Endpoint::open_parts(const fi_info& info, bool at_source) {
  const auto failed = [](const char* what, int error) {
    const Code code = error == -FI_EADDRINUSE || error == -FI_EBUSY ? Code::kExists : Code::kUnavailable;
    return fabric_error(code, what, error);
  };
  const Info own(fabric_library().dupinfo(&info));
  if (own == nullptr) return failed("no endpoint of libfabric", -FI_ENOMEM);
  if (!at_source) leave_place_open(*own);
  TRY(open_queue());
  fid_ep* endpoint = nullptr;
  int error = fi_endpoint(fabric_->domain(), own.get(), &endpoint, nullptr);
  if (error != 0) return failed("no endpoint of libfabric", error);
  endpoint_.reset(endpoint);
  error = fi_ep_bind(endpoint, &fabric_->peers()->fid, 0);
  if (error == 0) error = fi_ep_bind(endpoint, &queue_->fid, FI_TRANSMIT | FI_RECV);
  if (error == 0) error = fi_enable(endpoint);
  if (error != 0) return failed("no endpoint of libfabric", error);
  TRY(find_name());
  TRY(make_memory());
  touch();
  for (uint32_t buffer = 0; buffer < options_.receive_count; ++buffer) post_receive(buffer);
  return ok();
}

// One for each: the layer above TCP forgets to tell a queue that one of its endpoints has gone.
Status Endpoint::open_queue() {
  fi_cq_attr attributes{};
  attributes.size = kQueueSize;
  attributes.format = FI_CQ_FORMAT_MSG;
  attributes.wait_obj = FI_WAIT_FD;
  fid_cq* queue = nullptr;
  int error = fi_cq_open(fabric_->domain(), &attributes, &queue, nullptr);
  const bool waits = error == 0;
  if (!waits) {
    attributes.wait_obj = FI_WAIT_NONE;
    error = fi_cq_open(fabric_->domain(), &attributes, &queue, nullptr);
    if (error != 0) return fabric_error(Code::kUnavailable, "no completion queue of libfabric", error);
  }
  queue_.reset(queue);
  int descriptor = -1;
  if (!waits || fi_control(&queue->fid, FI_GETWAIT, &descriptor) != 0) return ok();
  Readiness::Listener& listener = *this;
  readiness_ = std::make_unique<Readiness>(fabric_->reactor(), descriptor, listener);
  return ok();
}

Status Endpoint::find_name() {
  name_.resize(kEndpointNameMax);
  size_t size = name_.size();
  const int error = fi_getname(&endpoint_->fid, name_.data(), &size);
  if (error != 0 || size > name_.size()) {
    return fabric_error(Code::kUnavailable, "an endpoint of libfabric has no name", error);
  }
  name_.resize(size);
  return ok();
}

Status Endpoint::make_memory() {
  const uint32_t count = options_.receive_count + options_.send_count;
  const size_t size = count * message_max();
  memory_.reset(new std::byte[size]);  // Pages are there once they were used.
  TRY_ASSIGN(registered_, fabric_->register_local(MutableBytes(memory_.get(), size), FI_SEND | FI_RECV));
  operations_.resize(count + 1);
  for (uint32_t i = 0; i <= count; ++i) {
    Operation& operation = operations_[i];
    operation.kind = i < options_.receive_count ? Operation::Kind::kReceive
                     : i < count                ? Operation::Kind::kSend
                                                : Operation::Kind::kRead;
    operation.index = i < options_.receive_count ? i : i - options_.receive_count;
  }
  receivers_.resize(options_.send_count);
  for (uint32_t slot = options_.send_count; slot-- > 0;) free_slots_.push_back(slot);
  return ok();
}

Endpoint::~Endpoint() { close(); }

void Endpoint::close() {
  if (std::exchange(is_closed_, true)) return;
  if (reading_.has_value()) end_read(Status(Code::kUnavailable, "the connection is closed"));
  rest();
  endpoint_.reset();
  waiting_.clear();
  unposted_.clear();
  stalled_since_.reset();
  for (std::shared_ptr<Peer>& receiver : receivers_) receiver.reset();
}

// ---- Sending --------------------------------------------------------------------------------------------------------

uint32_t Endpoint::take_slot() {
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  ++sending_;
  return slot;
}

MutableBytes Endpoint::slot(uint32_t index) {
  return {memory_.get() + (options_.receive_count + index) * message_max(), message_max()};
}

void Endpoint::send(uint32_t slot, size_t size, std::shared_ptr<Peer> to) {
  if (is_closed_) return;
  receivers_[slot] = std::move(to);
  touch();
  if (post_send(slot, size) != -FI_EAGAIN) return;
  const Instant now = fabric_->reactor().now();
  if (!stalled_since_.has_value()) stalled_since_ = now;
  waiting_.push_back({.slot = slot, .size = size, .since = now});
}

int64_t Endpoint::post_send(uint32_t index, size_t size) {
  const ssize_t error = fi_send(endpoint_.get(), slot(index).data(), size, registered_.descriptor(),
                                receivers_[index]->address(), &operations_[options_.receive_count + index].context);
  if (error != 0 && error != -FI_EAGAIN) {
    free_slot(index);
    fail(fabric_error(Code::kUnavailable, "can't send", error));
  }
  return error;
}

void Endpoint::free_slot(uint32_t slot) {
  receivers_[slot].reset();
  free_slots_.push_back(slot);
  --sending_;
}

void Endpoint::drop_stalled(Instant since) {
  std::erase_if(waiting_, [&](const Waiting& one) {
    if (one.since > since) return false;
    free_slot(one.slot);
    return true;
  });
  if (waiting_.empty()) stalled_since_.reset();
}

// ---- Receiving ------------------------------------------------------------------------------------------------------

void Endpoint::post_receive(uint32_t buffer) {
  if (is_closed_) return;
  const ssize_t error = fi_recv(endpoint_.get(), memory_.get() + buffer * message_max(), message_max(),
                                registered_.descriptor(), FI_ADDR_UNSPEC, &operations_[buffer].context);
  if (error == -FI_EAGAIN) {
    unposted_.push_back(buffer);
  } else if (error != 0) {
    fail(fabric_error(Code::kUnavailable, "can't receive", error));
  }
}

void Endpoint::give_back(uint32_t buffer) {
  post_receive(buffer);
  if (!is_closed_) touch();
}

// ---- Reading a peer's memory ----------------------------------------------------------------------------------------

Status Endpoint::read(MutableBytes into, const std::shared_ptr<Peer>& from, uint64_t address, uint64_t key) {
  DCHECK(!reading_.has_value() && !is_closed_);
  TRY_ASSIGN(Registered registered, fabric_->register_local(into, FI_READ));
  reading_ = Reading{.into = into,
                     .from = from,
                     .address = address,
                     .key = key,
                     .registered = std::move(registered),
                     .is_posted = false};
  touch();
  post_read();
  return ok();
}

bool Endpoint::post_read() {
  Reading& reading = *reading_;
  reading.is_posted = true;
  const ssize_t error =
      fi_read(endpoint_.get(), reading.into.data(), reading.into.size(), reading.registered.descriptor(),
              reading.from->address(), reading.address, reading.key, &operations_.back().context);
  if (error == 0) return true;
  reading.is_posted = false;
  if (error == -FI_EAGAIN) return false;
  end_read(fabric_error(Code::kUnavailable, "can't read the peer's memory", error));
  return true;
}

void Endpoint::end_read(const Status& status) {
  reading_.reset();
  if (handler_ != nullptr) handler_->on_read(status);
}

// ---- Looking --------------------------------------------------------------------------------------------------------

void Endpoint::touch() {
  nap_ = kNapMin;
  if (is_closed_ || is_watched()) return;
  if (is_armed()) fabric_->reactor().disarm(*this);
  fabric_->reactor().watch(*this);
}

void Endpoint::rest() {
  fabric_->reactor().unwatch(*this);
  if (is_armed()) fabric_->reactor().disarm(*this);
  readiness_.reset();
}

bool Endpoint::look() { return progress(); }

void Endpoint::park() { sleep_until_news(); }

void Endpoint::unpark() {
  if (is_armed()) fabric_->reactor().disarm(*this);
}

// What came since the last look is handed over now; whoever waits for it is ready then, and the reactor doesn't sleep.
void Endpoint::sleep_until_news() {
  if (progress()) nap_ = kNapMin;
  if (is_closed_) return;
  bool must_look = readiness_ == nullptr || must_retry();
  if (readiness_ != nullptr) {
    fid* waited[] = {&queue_->fid};
    if (fi_trywait(fabric_->fabric(), waited, 1) == 0) {
      readiness_->arm();
    } else {
      must_look = true;
    }
  }
  if (!must_look) return;
  nap_ = std::clamp(nap_, kNapMin, readiness_ != nullptr ? kRetryMax : kNapMax);
  fabric_->reactor().arm(*this, fabric_->reactor().exact_now() + nap_);
  nap_ *= 2;
}

void Endpoint::on_fire() {
  if (is_closed_ || is_watched()) return;
  if (progress()) {
    touch();
  } else {
    sleep_until_news();
  }
}

void Endpoint::on_ready() {
  if (is_closed_ || is_watched()) return;
  if (is_armed()) fabric_->reactor().disarm(*this);
  on_fire();
}

bool Endpoint::progress() {
  bool any = false;
  for (int i = 0; i < kBatchesMax && !is_closed_ && read_queue(); ++i) any = true;
  return retry() || any;
}

bool Endpoint::read_queue() {
  fi_cq_msg_entry entries[kBatch];
  const ssize_t count = fi_cq_read(queue_.get(), entries, kBatch);
  if (count == -FI_EAVAIL) {
    read_error();
    return true;
  }
  for (ssize_t i = 0; i < count; ++i) {
    const auto* const operation = static_cast<const Operation*>(entries[i].op_context);
    if (operation != nullptr) on_complete(*operation, entries[i].len, ok());
  }
  return count > 0;
}

void Endpoint::read_error() {
  fi_cq_err_entry entry{};
  if (fi_cq_readerr(queue_.get(), &entry, 0) != 1) return;
  const Status status = fabric_error(Code::kUnavailable, "libfabric", -static_cast<int64_t>(entry.err));
  const auto* const operation = static_cast<const Operation*>(entry.op_context);
  if (operation != nullptr) {
    on_complete(*operation, 0, status);
  } else {
    fail(status);  // Providers don't always say whose it is.
  }
}

bool Endpoint::retry() {
  if (is_closed_) return false;
  bool any = false;
  while (!unposted_.empty() && !is_closed_) {
    const uint32_t buffer = unposted_.back();
    unposted_.pop_back();
    post_receive(buffer);
    if (!unposted_.empty() && unposted_.back() == buffer) break;
  }
  // One that can't be reached mustn't stand in the way of the others.
  const Peer* unreachable = nullptr;
  for (size_t i = 0; i < waiting_.size() && !is_closed_;) {
    const Waiting one = waiting_[i];
    const Peer* const to = receivers_[one.slot].get();
    if (to == unreachable || post_send(one.slot, one.size) == -FI_EAGAIN) {
      unreachable = to;
      ++i;
      continue;
    }
    if (i < waiting_.size()) waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    any = true;
  }
  if (waiting_.empty()) {
    stalled_since_.reset();
  } else if (any) {
    stalled_since_ = fabric_->reactor().now();
  }
  if (!is_closed_ && reading_.has_value() && !reading_->is_posted) any |= post_read();
  return any;
}

void Endpoint::on_complete(const Operation& operation, size_t size, const Status& status) {
  if (is_closed_) return;
  switch (operation.kind) {
    case Operation::Kind::kReceive:
      if (status.is_ok()) {
        receive_failures_ = 0;
        const ByteView bytes(memory_.get() + operation.index * message_max(), std::min(size, message_max()));
        if (handler_ != nullptr) {
          handler_->on_message(operation.index, bytes);
        } else {
          post_receive(operation.index);
        }
        return;
      }
      // A message that was too long, or a provider at its end.
      if (++receive_failures_ < kReceiveFailuresMax) post_receive(operation.index);
      fail(status);
      return;
    case Operation::Kind::kSend:
      free_slot(operation.index);
      if (!status.is_ok()) {
        fail(status);
      } else if (handler_ != nullptr) {
        handler_->on_sent();
      }
      return;
    case Operation::Kind::kRead:
      if (reading_.has_value() && reading_->is_posted) end_read(status);
      return;
  }
}

void Endpoint::fail(const Status& status) {
  if (handler_ != nullptr) handler_->on_failure(status);
}

}  // namespace aeon::ofi
