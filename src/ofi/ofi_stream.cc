#include "ofi_stream.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/system.h"

namespace aeon::ofi {
namespace {

constexpr size_t kSlotsForWords = 4;  // Not for data: what keeps a stream alive never waits for it.
constexpr uint64_t kTellAfter = kWindow / 2;
constexpr size_t kOffersMax = 8;
constexpr uint64_t kReadMax = 4 * kMiB;  // At once.

// Silence until a sign of life is asked for; longer and longer while nothing else is going on.
constexpr Duration kAskAfter = std::chrono::seconds(1), kAskAfterMax = std::chrono::seconds(8);
// A provider that doesn't take anything for so long has no way to the peer. `ofi_rxm` takes seconds to connect where
// dozens do so on a busy machine.
constexpr Duration kStalledMax = std::chrono::seconds(5);

// The host of a sockaddr, by family.
struct HostPlace {
  size_t at;
  size_t size;
};
HostPlace host_place(ByteView name) {
  return name.size() == 28 ? HostPlace{.at = 8, .size = 16} : HostPlace{.at = 4, .size = 4};
}

// Who listens at every address of its host doesn't know by which it was reached; who reached it does.
Bytes seen_from_here(ByteView name, ByteView listener) {
  Bytes seen = to_bytes(name);
  const bool is_socket = name.size() == listener.size() && (name.size() == 16 || name.size() == 28);
  if (!is_socket || load_le<uint16_t>(name.data()) != load_le<uint16_t>(listener.data())) return seen;
  const HostPlace host = host_place(name);
  const auto begin = seen.begin() + static_cast<std::ptrdiff_t>(host.at);
  const bool is_any = std::all_of(begin, begin + static_cast<std::ptrdiff_t>(host.size),
                                  [](std::byte byte) { return byte == std::byte{0}; });
  if (is_any) std::memcpy(seen.data() + host.at, listener.data() + host.at, host.size);
  return seen;
}

}  // namespace

OfiStream::OfiStream(Reactor& reactor, std::string peer)
    : reactor_(reactor),
      peer_(std::move(peer)),
      token_(system_random().next()),
      readable_(reactor),
      writable_(reactor) {}

Result<std::unique_ptr<OfiStream>> OfiStream::open(std::shared_ptr<Fabric> fabric, const fi_info& info,
                                                   std::string peer) {
  std::unique_ptr<OfiStream> stream(new OfiStream(fabric->reactor(), std::move(peer)));
  Endpoint::Handler& handler = *stream;
  TRY_ASSIGN(stream->endpoint_, Endpoint::open(std::move(fabric), info, false, Endpoint::Options(), handler));
  return stream;
}

OfiStream::~OfiStream() {
  shut();
  if (is_armed()) reactor_.disarm(*this);
  if (endpoint_ == nullptr || endpoint_->is_closed() || endpoint_->has_sent_all()) return;
  endpoint_->forget_handler();
  const std::shared_ptr<Fabric> fabric = endpoint_->shared_fabric();
  fabric->linger(std::move(endpoint_));
}

// ---- Finding each other ---------------------------------------------------------------------------------------------

Task<Status> OfiStream::say_hello(std::shared_ptr<Peer> listener, ByteView listener_name, Instant deadline) {
  listener_name_ = to_bytes(listener_name);
  const uint32_t slot = endpoint_->take_slot();
  const MutableBytes place = endpoint_->slot(slot);
  const Bytes& name = endpoint_->name();
  std::copy(name.begin(), name.end(), place.begin() + kHeaderSize);
  Message hello;
  hello.kind = Kind::kHello;
  hello.sequence = token_;
  hello.payload = name;
  encode_header(hello, place.first<kHeaderSize>());
  endpoint_->send(slot, kHeaderSize + name.size(), std::move(listener));
  interval_ = deadline - reactor_.now();
  reactor_.arm(*this, deadline);
  while (to_ == nullptr && condition().is_ok() && reactor_.now() < deadline) co_await readable_.wait();
  CO_TRY(condition());
  if (to_ == nullptr) {
    co_return Status(Code::kUnavailable,
                     "no answer from " + peer_ + " in time; does an engine listen there, and is it reachable?");
  }
  co_return ok();
}

void OfiStream::take_answer(const Message& message) {
  if (message.token != token_) return;
  if (message.kind == Kind::kRefusal) {
    std::string why;
    for (const char character : as_text(message.payload.first(std::min<size_t>(message.payload.size(), 200)))) {
      why += character >= ' ' && character <= '~' ? character : '?';
    }
    break_off(Status(Code::kUnavailable, peer_ + " refuses: " + why));
    return;
  }
  const Bytes name = seen_from_here(message.payload, listener_name_);
  Result<std::shared_ptr<Peer>> peer = endpoint_->fabric().find_peer(name);
  if (!peer.is_ok()) {
    break_off(peer.status().within(peer_));
    return;
  }
  set_peer(std::move(*peer), message.sequence);
  say(kPing);  // So that the provider has a way, made by who can reach the other, before the other writes.
  readable_.notify_all();
}

void OfiStream::be_accepted(std::shared_ptr<Peer> peer, uint64_t token) { set_peer(std::move(peer), token); }

void OfiStream::set_peer(std::shared_ptr<Peer> peer, uint64_t token) {
  to_ = std::move(peer);
  peer_token_ = token;
  last_heard_ = reactor_.now();
  look_after(kAskAfter);
}

// ---- What comes -----------------------------------------------------------------------------------------------------

void OfiStream::on_message(uint32_t buffer, ByteView bytes) {
  bool keeps_buffer = false;
  const Result<Message> message = decode(bytes);
  // What isn't for this stream, or is nonsense from whoever found its endpoint, changes nothing.
  if (message.is_ok()) {
    if (to_ == nullptr) {
      if (message->kind == Kind::kWelcome || message->kind == Kind::kRefusal) take_answer(*message);
    } else if (message->token == token_ && (message->kind == Kind::kData || message->kind == Kind::kControl)) {
      last_heard_ = reactor_.now();
      asked_at_.reset();
      const Status taken = take(buffer, *message, keeps_buffer);
      if (!taken.is_ok())
        break_off(Status(Code::kUnavailable, "the connection to " + peer_ + " broke: " + std::string(taken.message())));
    }
  }
  if (!keeps_buffer) endpoint_->give_back(buffer);
}

Status OfiStream::take(uint32_t buffer, const Message& message, bool& keeps_buffer) {
  if (is_shut_ || !broken_.is_ok()) return ok();
  const uint64_t consumed_before = outgoing_.consumed();
  TRY(outgoing_.set_consumed(message.consumed));
  if (outgoing_.consumed() != consumed_before) {
    take_back_offers();
    writable_.notify_all();
  }
  if (message.kind == Kind::kData) {
    if (message.offer.size != 0 && !endpoint_->fabric().provider().withdraws_memory) {
      return Status(Code::kCorrupt, "the peer offers what can't be read safely");
    }
    TRY(incoming_.put(message.sequence, {.buffer = buffer, .payload = message.payload, .offer = message.offer}));
    keeps_buffer = true;
    readable_.notify_all();
    return ok();
  }
  if ((message.flags & kPing) != 0) say(kPong);
  if ((message.flags & kEnd) != 0) {
    TRY(incoming_.end_at(message.sequence));
    is_peer_ended_ = true;
    readable_.notify_all();
    writable_.notify_all();
  }
  return ok();
}

// ---- Reading --------------------------------------------------------------------------------------------------------

Task<Result<size_t>> OfiStream::read(MutableBytes into) {
  while (!is_shut_) {
    const size_t copied = copy_out(into);
    if (copied != 0) co_return copied;
    if (Arrived* const arrived = incoming_.front()) {
      Result<size_t> taken = co_await read_offer(into, arrived);
      co_return taken;
    }
    if (incoming_.has_ended()) co_return size_t{0};
    if (!broken_.is_ok()) co_return broken_;
    co_await readable_.wait();
  }
  co_return condition();
}

// Bytes that are here, up to an offer: what lies before it is mostly how a reader learns where to read it to.
size_t OfiStream::copy_out(MutableBytes into) {
  size_t copied = 0;
  while (copied < into.size()) {
    Arrived* const arrived = incoming_.front();
    if (arrived == nullptr || arrived->payload.empty()) break;
    const size_t count = std::min(arrived->payload.size(), into.size() - copied);
    std::memcpy(into.data() + copied, arrived->payload.data(), count);
    copied += count;
    arrived->payload = arrived->payload.subspan(count);
    if (!arrived->payload.empty()) break;
    if (arrived->offer.size != 0) break;
    finish_front();
  }
  return copied;
}

Task<Result<size_t>> OfiStream::read_offer(MutableBytes into, Arrived* arrived) {
  const Offer& offer = arrived->offer;
  if (!broken_.is_ok()) co_return broken_;
  const uint64_t count = std::min<uint64_t>({into.size(), offer.size - offer_done_, kReadMax});
  read_result_.reset();
  CO_TRY(endpoint_->read(into.first(count), to_, offer.address + offer_done_, offer.key));
  // The memory is the provider's until it says otherwise, or has lost the endpoint.
  while (!read_result_.has_value()) co_await readable_.wait();
  if (is_shut_) co_return condition();
  if (!read_result_->is_ok()) {
    if (broken_.is_ok()) {
      break_off(
          Status(Code::kUnavailable, "the connection to " + peer_ + " broke: " + std::string(read_result_->message())));
    }
    co_return broken_;
  }
  offer_done_ += count;
  if (offer_done_ == offer.size) finish_front();
  co_return count;
}

void OfiStream::finish_front() {
  Arrived* const arrived = incoming_.front();
  const bool was_offer = arrived->offer.size != 0;
  endpoint_->give_back(arrived->buffer);
  incoming_.pop();
  offer_done_ = 0;
  // Who offered waits for it.
  if (was_offer || incoming_.consumed() - told_consumed_ >= kTellAfter) {
    is_word_due_ = true;
    say_what_is_due();
  }
}

void OfiStream::on_read(const Status& status) {
  read_result_ = status;
  readable_.notify_all();
}

// ---- Writing --------------------------------------------------------------------------------------------------------

Task<Status> OfiStream::write(std::span<const ByteView> pieces) {
  CO_TRY(condition());
  if (interval_ > kAskAfter) look_after(kAskAfter);
  const size_t payload_max = endpoint_->message_max() - kHeaderSize;
  const bool makes_offers = endpoint_->fabric().provider().withdraws_memory;
  std::optional<uint32_t> slot;
  size_t used = 0;
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      if (!slot.has_value()) {
        const Status waited = co_await wait_for_slot();
        if (!waited.is_ok()) co_return waited;
        slot = endpoint_->take_slot();
        used = 0;
      }
      Offer offered;
      if (makes_offers && piece.size() >= kOfferMin) {
        const Result<Offer> made = offer(piece);
        if (made.is_ok()) offered = *made;
      }
      if (offered.size != 0) {
        piece = {};
      } else {
        const size_t count = std::min(piece.size(), payload_max - used);
        std::memcpy(endpoint_->slot(*slot).data() + kHeaderSize + used, piece.data(), count);
        used += count;
        piece = piece.subspan(count);
      }
      if (offered.size == 0 && used < payload_max) continue;
      send_data(*slot, used, offered);
      slot.reset();
      if (offered_.size() < kOffersMax) continue;
      const Status waited = co_await wait_for_offers(kOffersMax - 1);
      if (!waited.is_ok()) co_return waited;
    }
  }
  if (slot.has_value()) send_data(*slot, used, Offer());
  co_return co_await wait_for_offers(0);
}

// Until a message may be sent. A slot that was taken is sent before anything is waited for, so none is lost.
Task<Status> OfiStream::wait_for_slot() {
  while (condition().is_ok() && (!outgoing_.has_credit() || endpoint_->free_slots() <= kSlotsForWords)) {
    co_await writable_.wait();
  }
  co_return condition();
}

void OfiStream::send_data(uint32_t slot, size_t payload, const Offer& offer) {
  Message message;
  message.kind = Kind::kData;
  message.flags = offer.size != 0 ? kOffer : 0;
  message.token = peer_token_;
  message.sequence = outgoing_.take();
  message.consumed = told_consumed_ = incoming_.consumed();
  message.offer = offer;
  const MutableBytes place = endpoint_->slot(slot);
  message.payload = place.subspan(kHeaderSize, payload);
  encode_header(message, place.first<kHeaderSize>());
  is_word_due_ = false;
  endpoint_->send(slot, kHeaderSize + payload, to_);
}

// Registers it under the number that its message will have.
Result<Offer> OfiStream::offer(ByteView piece) {
  TRY_ASSIGN(Registered memory, endpoint_->fabric().register_remote(piece));
  const Offer offer{.address = memory.address(), .key = memory.key(), .size = piece.size()};
  offered_.push_back({.sequence = outgoing_.sent(), .memory = std::move(memory)});
  return offer;
}

void OfiStream::take_back_offers() {
  while (!offered_.empty() && offered_.front().sequence < outgoing_.consumed()) offered_.pop_front();
}

Task<Status> OfiStream::wait_for_offers(size_t left) {
  while (!lost_offers_ && offered_.size() > left && condition().is_ok()) co_await writable_.wait();
  if (!lost_offers_ && offered_.size() <= left) co_return ok();
  const Status status = condition();
  break_off(status);  // Nobody may read the caller's memory any more, whatever the peer said.
  co_return status;
}

void OfiStream::on_sent() {
  say_what_is_due();
  writable_.notify_all();
}

// ---- Words ----------------------------------------------------------------------------------------------------------

void OfiStream::say(uint16_t flags) {
  due_ |= flags;
  say_what_is_due();
}

void OfiStream::say_what_is_due() {
  if ((due_ == 0 && !is_word_due_) || to_ == nullptr || endpoint_->is_closed() || endpoint_->free_slots() == 0) return;
  Message message;
  message.kind = Kind::kControl;
  message.flags = std::exchange(due_, 0);
  message.token = peer_token_;
  message.sequence = outgoing_.sent();
  message.consumed = told_consumed_ = incoming_.consumed();
  is_word_due_ = false;
  const uint32_t slot = endpoint_->take_slot();
  encode_header(message, endpoint_->slot(slot).first<kHeaderSize>());
  endpoint_->send(slot, kHeaderSize, to_);
}

void OfiStream::look_after(Duration interval) {
  interval_ = interval;
  reactor_.arm(*this, reactor_.now() + interval);
}

void OfiStream::on_fire() {
  if (is_shut_ || !broken_.is_ok()) return;
  const Instant now = reactor_.now();
  if (to_ == nullptr) {  // The time for an answer is over.
    readable_.notify_all();
    return;
  }
  const std::optional<Instant> stalled = endpoint_->stalled_since();
  if (stalled.has_value() && now - *stalled >= kStalledMax) {
    break_off(Status(Code::kUnavailable, "the connection to " + peer_ + " broke: it can't be reached any more"));
    return;
  }
  if (asked_at_.has_value() && now - *asked_at_ >= endpoint_->fabric().silence_max()) {
    break_off(Status(Code::kUnavailable, "the connection to " + peer_ + " broke: no sign of life"));
    return;
  }
  if (!asked_at_.has_value() && now - last_heard_ >= interval_) {
    asked_at_ = now;
    interval_ = std::min(interval_ * 2, kAskAfterMax);
    say(kPing);
  }
  const Duration silent_for = now - last_heard_;
  reactor_.arm(*this, now + (asked_at_.has_value() ? kAskAfter : std::max(interval_ - silent_for, kAskAfter / 8)));
}

// ---- Ends -----------------------------------------------------------------------------------------------------------

void OfiStream::on_failure(const Status& status) {
  break_off(Status(Code::kUnavailable, "the connection to " + peer_ + " broke: " + std::string(status.message())));
}

Status OfiStream::condition() const {
  if (is_shut_) return Status(Code::kUnavailable, "the connection to " + peer_ + " is closed");
  if (!broken_.is_ok()) return broken_;
  if (is_peer_ended_) return Status(Code::kUnavailable, "the connection to " + peer_ + " was closed by it");
  return ok();
}

void OfiStream::break_off(Status status) {
  if (is_shut_ || !broken_.is_ok()) return;
  broken_ = std::move(status);
  close_endpoint();
  readable_.notify_all();
  writable_.notify_all();
}

void OfiStream::close_endpoint() {
  lost_offers_ |= !offered_.empty();
  offered_.clear();  // First, so that no read of the peer's begins any more.
  if (endpoint_ != nullptr) endpoint_->close();
}

void OfiStream::shut() {
  if (std::exchange(is_shut_, true)) return;
  if (is_armed()) reactor_.disarm(*this);
  if (endpoint_ == nullptr) return;
  if (uses_others_memory()) {
    close_endpoint();  // It must be free when those who wait for it return, which is soon.
  } else {
    say(kEnd);
  }
  readable_.notify_all();
  writable_.notify_all();
}

void OfiStream::shut_after(ByteView last) {
  const bool has_room = endpoint_->free_slots() > kSlotsForWords && outgoing_.has_credit();
  if (condition().is_ok() && !last.empty() && kHeaderSize + last.size() <= endpoint_->message_max() && has_room) {
    const uint32_t slot = endpoint_->take_slot();
    std::copy(last.begin(), last.end(), endpoint_->slot(slot).begin() + kHeaderSize);
    send_data(slot, last.size(), Offer());
  }
  shut();
}

}  // namespace aeon::ofi
