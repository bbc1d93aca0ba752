#include "rpc/network_channel.h"

#include <algorithm>

#include "base/crc32c.h"
#include "network_bulk.h"

namespace aeon::rpc {

// A request in progress, waiting for its answer or for the time to send again.
class NetworkChannel::Pending final : private Timer {
 public:
  Pending(NetworkChannel& channel, uint64_t request_id) : channel_(channel), request_id_(request_id) {
    channel_.pending_[request_id] = this;
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() override {
    if (is_armed()) channel_.executor().disarm(*this);
    channel_.pending_.erase(request_id_);
    channel_.window_moved_.notify_all();
  }

  // co_await wait(until): returns at the answer or at `until`.
  struct Awaiter {
    bool await_ready() const { return pending.answer_.has_value() || until <= pending.channel_.executor().now(); }
    void await_suspend(std::coroutine_handle<> handle) {
      pending.waiter_ = handle;
      pending.channel_.executor().arm(pending, until);
    }
    void await_resume() {}
    Pending& pending;
    Instant until;
  };
  Awaiter wait(Instant until) { return Awaiter(*this, until); }

  void answer(Bytes message) {
    if (answer_.has_value()) return;  // It came twice.
    answer_ = std::move(message);
    wake();
  }
  // What came, if it did; the next wait() is for another.
  std::optional<Bytes> take() { return std::exchange(answer_, std::nullopt); }

 private:
  void on_fire() override { wake(); }
  void wake() {
    if (!waiter_) return;
    if (is_armed()) channel_.executor().disarm(*this);
    channel_.executor().post(std::exchange(waiter_, {}));
  }

  NetworkChannel& channel_;
  const uint64_t request_id_;
  std::coroutine_handle<> waiter_;
  std::optional<Bytes> answer_;
};

Result<std::unique_ptr<NetworkChannel>> NetworkChannel::connect(World& world, Address self, Address server,
                                                                Options options) {
  std::unique_ptr<NetworkChannel> channel(new NetworkChannel(world, self, server, options));
  NetworkChannel* const receiver = channel.get();
  TRY(world.network.listen(self, [receiver](Address, Bytes message) { receiver->receive(std::move(message)); }));
  return channel;
}

NetworkChannel::NetworkChannel(World& world, Address self, Address server, Options options)
    : world_(world),
      self_(self),
      server_(server),
      options_(options),
      client_id_(world.random.next() | 1),
      window_moved_(world.executor) {}

NetworkChannel::~NetworkChannel() {
  DCHECK(pending_.empty() || world_.executor.is_crashing());
  world_.network.unlisten(self_);
}

void NetworkChannel::receive(Bytes message) {
  const Result<wire::Message> opened = wire::open_message(message);
  if (!opened.is_ok() || (opened->header.flags & wire::kFlagReply) == 0 || opened->header.client_id != client_id_) {
    ++counters_.damaged;
    return;
  }
  const auto found = pending_.find(opened->header.request_id);
  if (found != pending_.end()) found->second->answer(std::move(message));
}

void NetworkChannel::send(Exchange& exchange) {
  exchange.header.client_id = client_id_;
  // A copy of what was sent to one life must not be done by the next, which has forgotten the first: so it keeps its
  // stamp, also when other requests have heard of a new life meanwhile. Without a stamp it was refused.
  if (exchange.may_repeat || exchange.header.server_life == 0) exchange.header.server_life = server_life_;
  exchange.header.acknowledged_below = pending_.begin()->first;
  exchange.header.flags = exchange.header.bulk_size != 0 ? uint32_t{wire::kFlagBulkInside} : 0;
  wire::seal_message(exchange.header, exchange.request);
  Bytes message;
  message.reserve(exchange.request.size() + exchange.header.bulk_size);
  const ByteView request = exchange.request.view();
  message.assign(request.begin(), request.end());
  for (const ByteView& piece : exchange.bulk.send) message.insert(message.end(), piece.begin(), piece.end());
  ++counters_.sent;
  world_.network.send(self_, server_, std::move(message));
}

// Moves the answer, and the data with it, to the caller.
Status NetworkChannel::take_answer(Exchange& exchange, const Bytes& message) {
  TRY_ASSIGN(const wire::Message opened, wire::open_message(message));
  // Later on only refusals tell of a new life: an answer may be late, and from an old one.
  if (server_life_ == 0) server_life_ = opened.header.server_life;
  TRY(copy_filled(opened.bulk, exchange.bulk.receive));
  exchange.reply.clear();
  exchange.reply.append(ByteView(message).first(wire::kHeaderSize + opened.payload.size()));
  return ok();
}

Task<Status> NetworkChannel::exchange(Exchange& exchange) {
  // By numbers, not by count: what the server must remember reaches from the oldest unanswered request to the newest.
  while (!pending_.empty() && next_request_id_ - pending_.begin()->first >= options_.window) {
    co_await window_moved_.wait();
  }
  co_return co_await exchange_numbered(exchange);
}

Task<Status> NetworkChannel::exchange_numbered(Exchange& exchange) {
  exchange.header.bulk_size = total_size(exchange.bulk.send);
  exchange.header.reply_bulk_room = total_size(exchange.bulk.receive);
  const ByteCount size_max = world_.network.message_size_max();
  if (exchange.request.size() + exchange.header.bulk_size > size_max ||
      exchange.header.reply_bulk_room + kFilledOverhead > size_max) {
    co_return Status(Code::kTooBig, "more data than the network's messages hold (" + std::to_string(size_max) +
                                        " bytes); use smaller calls");
  }
  uint32_t crc = 0;
  for (const ByteView& piece : exchange.bulk.send) crc = crc32c(piece, crc);
  exchange.header.bulk_crc = crc;

  const Instant deadline = executor().now() + Duration(static_cast<int64_t>(exchange.header.deadline_ns));
  exchange.header.request_id = next_request_id_++;
  auto pending = std::make_unique<Pending>(*this, exchange.header.request_id);
  Duration pause = options_.resend_first;
  send(exchange);
  while (true) {
    co_await pending->wait(std::min(deadline, executor().now() + pause));
    if (const std::optional<Bytes> message = pending->take(); message.has_value()) {
      CO_TRY_ASSIGN(const wire::Message opened, wire::open_message(*message));
      if ((opened.header.flags & wire::kFlagOtherLife) == 0) co_return take_answer(exchange, *message);
      // From the server that the request is for by now: an answer to an earlier copy, still underway.
      if (opened.header.server_life == exchange.header.server_life) continue;
      server_life_ = opened.header.server_life;
      if (exchange.header.server_life != 0 && !exchange.may_repeat) {
        co_return Status(Code::kTimedOut, "the engine restarted meanwhile: whether the request was done isn't known");
      }
      send(exchange);  // Anew, to the engine as it is now.
      continue;
    }
    if (executor().now() >= deadline) {
      co_return Status(Code::kTimedOut, "no answer from the engine: whether the request was done isn't known");
    }
    ++counters_.resent;
    send(exchange);
    pause = std::min(pause * 2, options_.resend_max);
  }
}

}  // namespace aeon::rpc
