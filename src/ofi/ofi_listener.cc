#include "ofi_listener.h"

#include <algorithm>

#include "base/log.h"
#include "ofi_stream.h"

namespace aeon::ofi {
namespace {

constexpr size_t kAskersKept = 32;
constexpr size_t kHellosMax = 256;  // That nobody has accepted.
// Whose endpoint can't be reached for so long gets no answer any more.
constexpr Duration kAnswerMax = std::chrono::seconds(5);
constexpr Duration kLogPause = std::chrono::seconds(1);  // Refused peers may come by the thousand.
constexpr Endpoint::Options kEndpoint = {.receive_count = 64, .send_count = 64};

std::string holder_address(const std::string& name) { return "unix:/dev/shm/" + region_of(name) + ".lock"; }

uint32_t port_of(ByteView name) {
  return static_cast<uint32_t>(name[2]) << 8 | static_cast<uint32_t>(name[3]);  // As networks order bytes.
}

// For logs.
std::string name_text(const Provider& provider, ByteView name) {
  std::string text = std::string(provider.scheme) + ":";
  if (!provider.has_hosts) return text + std::string(as_text(name.first(name.size() - 1)));
  if (name.size() == 16) {
    for (size_t i = 4; i < 8; ++i) text += std::to_string(static_cast<unsigned>(name[i])) + (i < 7 ? "." : ":");
    return text + std::to_string(port_of(name));
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const std::byte byte : name) {
    text += kDigits[static_cast<size_t>(byte) >> 4];
    text += kDigits[static_cast<size_t>(byte) & 15];
  }
  return text;
}

}  // namespace

// ---- Names ----------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<NameHolder>> NameHolder::take(Gate& gate, Network& below, const std::string& name) {
  Result<std::unique_ptr<Listener>> listener = below.listen(holder_address(name));
  if (listener.code() == Code::kExists) {
    return Status(Code::kExists, "somebody listens at ofi+shm:" + name + " already; choose another name");
  }
  if (!listener.is_ok()) return listener.status();
  std::unique_ptr<NameHolder> holder(new NameHolder(std::shared_ptr<Listener>(std::move(*listener))));
  gate.spawn(answer(holder->listener_));
  return holder;
}

NameHolder::~NameHolder() { listener_->shut(); }

// Whoever gets through knows all there is to know. But it may still be about to say something, which would fail.
Task<void> NameHolder::answer(std::shared_ptr<Listener> listener) {
  std::deque<std::unique_ptr<Stream>> latest;
  while (true) {
    Result<std::unique_ptr<Stream>> stream = co_await listener->accept();
    if (!stream.is_ok()) break;
    latest.push_back(std::move(*stream));
    if (latest.size() > kAskersKept) latest.pop_front();
  }
}

Task<Status> NameHolder::check_is_taken(Network* below, std::string name, Duration timeout) {
  co_return (co_await below->connect(holder_address(name), timeout)).status();
}

// ---- Listening ------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<OfiListener>> OfiListener::open(std::shared_ptr<Fabric> fabric, Info info, Address address,
                                                       std::unique_ptr<NameHolder> name) {
  std::unique_ptr<OfiListener> listener(new OfiListener(fabric->reactor(), std::move(info), std::move(name)));
  Endpoint::Handler& handler = *listener;
  Result<std::unique_ptr<Endpoint>> endpoint =
      Endpoint::open(std::move(fabric), *listener->info_, true, kEndpoint, handler);
  if (endpoint.code() == Code::kExists) {
    return Status(Code::kExists, "somebody listens at " + address.text() + " already; choose another");
  }
  if (!endpoint.is_ok()) return endpoint.status().within("can't listen at " + address.text());
  listener->endpoint_ = std::move(*endpoint);
  const Bytes& own = listener->endpoint_->name();
  const bool is_socket = own.size() == 16 || own.size() == 28;
  if (address.provider->has_hosts && is_socket) address.port = std::to_string(port_of(own));
  listener->text_ = address.text();
  return listener;
}

OfiListener::~OfiListener() { shut(); }

void OfiListener::shut() {
  if (std::exchange(is_shut_, true)) return;
  hellos_.clear();
  if (endpoint_ != nullptr) endpoint_->close();
  changed_.notify_all();
}

void OfiListener::on_message(uint32_t buffer, ByteView bytes) {
  const Result<Message> message = decode(bytes);
  if (message.is_ok() && message->kind == Kind::kHello) {
    if (hellos_.size() < kHellosMax) {  // Who isn't heard asks again.
      hellos_.push_back({.name = to_bytes(message->payload), .token = message->sequence});
      changed_.notify_all();
    }
  } else if (message.code() == Code::kProtocolMismatch) {
    refuse(bytes, message.status());
  } else {
    log_refusal(message.is_ok() ? Status(Code::kCorrupt, "a message that isn't for who listens") : message.status());
  }
  endpoint_->give_back(buffer);
}

void OfiListener::on_failure(const Status& status) { log_refusal(status); }

Task<Result<std::unique_ptr<Stream>>> OfiListener::accept() {
  while (!is_shut_) {
    if (hellos_.empty()) {
      co_await changed_.wait();
      continue;
    }
    Hello hello = std::move(hellos_.front());
    hellos_.pop_front();
    Result<std::unique_ptr<Stream>> stream = welcome(hello);
    if (stream.is_ok()) co_return stream;
    log_refusal(stream.status());
    if (stream.code() != Code::kIo) continue;
    // There may be room for it when who accepts has closed something.
    if (!std::exchange(hello.is_again, true)) hellos_.push_front(std::move(hello));
    co_return stream;
  }
  co_return Status(Code::kUnavailable, "nobody listens at " + text_ + " any more");
}

// kIo: for lack of something that others have. Anything else is the peer's fault.
Result<std::unique_ptr<Stream>> OfiListener::welcome(const Hello& hello) {
  const std::shared_ptr<Fabric> fabric = endpoint_->shared_fabric();
  TRY_ASSIGN(const std::shared_ptr<Peer> peer, fabric->find_peer(hello.name));
  Result<std::unique_ptr<OfiStream>> opened =
      OfiStream::open(fabric, *info_, name_text(fabric->provider(), hello.name));
  if (!opened.is_ok()) {
    return Status(Code::kIo, "can't take connections at " + text_ + ": " + std::string(opened.status().message()));
  }
  std::unique_ptr<OfiStream> stream = std::move(*opened);
  TRY(answer(Kind::kWelcome, peer, hello.token, stream->token(), stream->endpoint_name()));
  stream->be_accepted(peer, hello.token);
  return std::unique_ptr<Stream>(std::move(stream));
}

Status OfiListener::answer(Kind kind, std::shared_ptr<Peer> to, uint64_t token, uint64_t own_token, ByteView payload) {
  endpoint_->drop_stalled(reactor_.now() - kAnswerMax);
  if (endpoint_->free_slots() == 0) {
    return Status(Code::kUnavailable, "too many who ask can't be reached by " + text_);
  }
  const uint32_t slot = endpoint_->take_slot();
  const MutableBytes place = endpoint_->slot(slot);
  payload = payload.first(std::min(payload.size(), endpoint_->message_max() - kHeaderSize));
  std::copy(payload.begin(), payload.end(), place.begin() + kHeaderSize);
  Message message;
  message.kind = kind;
  message.token = token;
  message.sequence = own_token;
  message.payload = payload;
  encode_header(message, place.first<kHeaderSize>());
  endpoint_->send(slot, kHeaderSize + payload.size(), std::move(to));
  return ok();
}

void OfiListener::refuse(ByteView bytes, const Status& why) {
  const Message message = decode_foreign_hello(bytes);
  log_refusal(why);
  if (message.kind != Kind::kHello) return;
  const Result<std::shared_ptr<Peer>> peer = endpoint_->fabric().find_peer(message.payload);
  if (!peer.is_ok()) return;
  ignore(answer(Kind::kRefusal, *peer, message.sequence, 0, as_bytes(why.message())), "it asks again");
}

void OfiListener::log_refusal(const Status& status) {
  if (reactor_.now() < next_log_) {
    ++unlogged_;
    return;
  }
  next_log_ = reactor_.now() + kLogPause;
  const uint64_t unlogged = std::exchange(unlogged_, 0);
  log::warn("ofi_refused", {{"address", text_}, {"status", status}, {"others_before", unlogged}});
}

}  // namespace aeon::ofi
