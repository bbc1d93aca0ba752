#include "rpc/network_channel.h"

#include <algorithm>

#include "base/crc32c.h"
#include "message_reader.h"
#include "network_bulk.h"

namespace aeon::rpc {
namespace {

constexpr size_t kRequestsAtOnce = 16;
// Servers remember for twice as long (vos::kRequestsKeptFor) what they know again.
constexpr Duration kKnownAgainFor = std::chrono::minutes(5);

}  // namespace

// A request in progress, waiting for its answer or its deadline.
class NetworkChannel::Pending final : private Timer {
 public:
  Pending(NetworkChannel& channel, Exchange& exchange)
      : channel_(channel), exchange_(exchange), request_id_(exchange.header.request_id) {
    channel_.pending_[request_id_] = this;
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() override {
    if (is_armed()) channel_.executor().disarm(*this);
    channel_.pending_.erase(request_id_);
    std::erase(channel_.outgoing_, this);
    channel_.window_moved_.notify_all();
  }

  // co_await wait(until): returns at the answer or at `until`.
  struct Awaiter {
    bool await_ready() const { return pending.is_answered_ || until <= pending.channel_.executor().now(); }
    void await_suspend(std::coroutine_handle<> handle) {
      pending.waiter_ = handle;
      pending.channel_.executor().arm(pending, until);
    }
    void await_resume() {}
    Pending& pending;
    Instant until;
  };
  Awaiter wait(Instant until) { return Awaiter(*this, until); }

  // The answer is in the exchange; of a server of that life, which may be another than the request was for.
  void answer(uint64_t server_life, bool is_of_other_life) {
    if (is_answered_) return;
    is_answered_ = true;
    answered_life_ = server_life;
    is_of_other_life_ = is_of_other_life;
    if (!waiter_) return;
    if (is_armed()) channel_.executor().disarm(*this);
    channel_.executor().post(std::exchange(waiter_, {}));
  }
  // It will not be sent.
  void refuse() {
    is_refused_ = true;
    if (!waiter_) return;
    if (is_armed()) channel_.executor().disarm(*this);
    channel_.executor().post(std::exchange(waiter_, {}));
  }
  bool is_refused() const { return is_refused_; }
  bool is_answered() const { return is_answered_; }
  bool is_of_other_life() const { return is_of_other_life_; }
  uint64_t answered_life() const { return answered_life_; }
  // Waits for another answer.
  void ask_again() { is_answered_ = false; }

  Exchange& exchange() { return exchange_; }
  // While a connection reads or writes the caller's memory.
  void hold() { ++holders_; }
  void let_go() {
    if (--holders_ == 0) channel_.released_.notify_all();
  }
  bool is_held() const { return holders_ != 0; }

  Instant begun{};
  Instant deadline{};
  uint32_t sends = 0;
  bool was_sent_before = false;  // To an earlier life of the server, which may have done it.

 private:
  void on_fire() override {
    if (waiter_) channel_.executor().post(std::exchange(waiter_, {}));
  }

  NetworkChannel& channel_;
  Exchange& exchange_;
  const uint64_t request_id_;
  std::coroutine_handle<> waiter_;
  bool is_answered_ = false;
  bool is_refused_ = false;
  bool is_of_other_life_ = false;
  uint64_t answered_life_ = 0;
  int holders_ = 0;
};

// One connection, as long as it lasts.
struct NetworkChannel::Link {
  Link(Executor& executor, std::unique_ptr<Stream> connected)
      : stream(std::move(connected)), heard(executor.now()), ending(executor) {}

  void end() {
    is_over = true;
    stream->shut();
    ending.cancel();
  }

  std::unique_ptr<Stream> stream;
  Instant heard;
  Cancellation ending;
  bool is_over = false;
  bool wants_ping = false;
};

NetworkChannel::NetworkChannel(World& world, std::string server, Options options)
    : world_(world),
      server_(std::move(server)),
      options_(options),
      client_id_(world.random.next() | 1),
      window_moved_(world.executor),
      released_(world.executor),
      work_(world.executor),
      closing_(world.executor),
      gate_(world.executor) {}

NetworkChannel::~NetworkChannel() { DCHECK(pending_.empty() || world_.executor.is_crashing()); }

Task<void> NetworkChannel::close() {
  closing_.cancel();
  work_.notify_all();
  if (link_ != nullptr) link_->end();
  co_await gate_.close();
}

// ---- Calls ----------------------------------------------------------------------------------------------------------

Task<Status> NetworkChannel::exchange(Exchange& exchange) {
  if (closing_.is_canceled()) co_return Status(Code::kUnavailable, "the connection to the engine was closed");
  if (!std::exchange(is_started_, true)) gate_.spawn(keep_connected());
  // By numbers, not by count: what the server must remember reaches from the oldest unanswered request to the newest.
  while (!pending_.empty() && next_request_id_ - pending_.begin()->first >= options_.window) {
    co_await window_moved_.wait();
  }
  co_return co_await exchange_numbered(exchange);
}

Task<Status> NetworkChannel::exchange_numbered(Exchange& exchange) {
  exchange.header.bulk_size = total_size(exchange.bulk.send);
  exchange.header.reply_bulk_room = total_size(exchange.bulk.receive);
  if (exchange.header.bulk_size > wire::kBulkSizeMax || exchange.header.reply_bulk_room > wire::kBulkSizeMax) {
    co_return Status(Code::kTooBig, "more than 1 GiB of data in one request; use smaller ones");
  }
  uint32_t crc = 0;
  for (const ByteView& piece : exchange.bulk.send) crc = crc32c(piece, crc);
  exchange.header.bulk_crc = crc;
  exchange.header.request_id = next_request_id_++;
  if (exchange.header.trace_id == 0) {
    exchange.header.trace_id = make_trace_id(client_id_, exchange.header.request_id);
  }
  Pending pending(*this, exchange);
  pending.begun = executor().now();
  pending.deadline = pending.begun + Duration(static_cast<int64_t>(exchange.header.deadline_ns));
  queue(pending);
  while (true) {
    co_await pending.wait(pending.deadline);
    // The caller's memory must not be touched any more when this returns.
    while (pending.is_held()) {
      if (!pending.is_answered() && link_ != nullptr) link_->end();
      co_await released_.wait();
    }
    if (pending.is_answered()) {
      if (!pending.is_of_other_life()) co_return ok();
      pending.ask_again();
      // From the server that the request is for by now: an answer to an earlier copy, still underway.
      if (pending.answered_life() == exchange.header.server_life) continue;
      server_life_ = pending.answered_life();
      const bool is_known_again = exchange.is_known_again && executor().now() - pending.begun <= kKnownAgainFor;
      // Sent only once, and refused over that connection: no other engine has seen it.
      const bool may_be_done = pending.sends > 1 && exchange.header.server_life != 0 && !exchange.may_repeat;
      if (may_be_done && !is_known_again) {
        co_return Status(Code::kTimedOut, "the engine restarted meanwhile: whether the request was done isn't known");
      }
      // Also if it can't be: what it follows may be lost, and the server says so then.
      if (is_known_again && exchange.header.server_life != 0) pending.was_sent_before = true;
      exchange.header.server_life = 0;
      queue(pending);  // Anew, to the engine as it is now.
      continue;
    }
    if (pending.is_refused() && pending.sends == 0) co_return trouble_.within("can't reach the engine");
    if (executor().now() < pending.deadline) continue;
    if (pending.sends == 0) {
      co_return Status(Code::kUnavailable,
                       "the engine at " + server_ + " can't be reached: " +
                           (trouble_.is_ok() ? "no connection yet" : std::string(trouble_.message())) +
                           "; the request wasn't sent");
    }
    co_return Status(Code::kTimedOut, "no answer from the engine at " + server_ +
                                          ": whether the request was done isn't known (trace " +
                                          trace_text(exchange.header.trace_id) + ")");
  }
}

// Whoever isn't let in needn't wait for that to change.
void NetworkChannel::refuse_unsent() {
  for (const auto& [id, pending] : pending_) {
    if (pending->sends == 0) pending->refuse();
  }
}

void NetworkChannel::queue(Pending& pending) {
  outgoing_.push_back(&pending);
  work_.notify_all();
}

// ---- The connection -------------------------------------------------------------------------------------------------

Task<void> NetworkChannel::keep_connected() {
  Duration pause = options_.retry_first;
  while (!closing_.is_canceled()) {
    if (pending_.empty()) {
      co_await work_.wait();
      continue;
    }
    Result<std::unique_ptr<Stream>> stream = co_await world_.network.connect(server_, options_.connect_timeout);
    if (stream.is_ok() && !closing_.is_canceled()) {
      const Instant begun = executor().now();
      Link link(executor(), std::move(*stream));
      trouble_ = co_await use(link);
      if (executor().now() - begun > options_.retry_max) pause = options_.retry_first;
    } else {
      trouble_ = stream.status();
      if (trouble_.code() == Code::kPermission) refuse_unsent();
    }
    if (!pending_.empty()) {
      co_await closing_.sleep_for(pause);
      pause = std::min(pause * 2, options_.retry_max);
    }
  }
}

// Until the connection breaks; says why it did.
Task<Status> NetworkChannel::use(Link& link) {
  ++counters_.connections;
  link_ = &link;
  outgoing_.clear();
  for (const auto& [id, pending] : pending_) {
    if (!pending->is_answered()) outgoing_.push_back(pending);
  }
  Gate helpers(executor());
  helpers.spawn(write_requests(link));
  helpers.spawn(watch(link));
  MessageReader reader(*link.stream);
  const Status status = co_await read_answers(link, reader);
  link.end();
  work_.notify_all();
  co_await helpers.close();
  link_ = nullptr;
  co_return status;
}

Task<Status> NetworkChannel::read_answers(Link& link, MessageReader& reader) {
  while (true) {
    CO_TRY_ASSIGN(const wire::Message message, co_await reader.next());
    link.heard = executor().now();
    const wire::Header& header = message.header;
    if ((header.flags & wire::kFlagReply) == 0 || header.client_id != client_id_) {
      co_return Status(Code::kCorrupt, server_ + " sent something that is no answer to this client");
    }
    if ((header.flags & wire::kFlagPing) != 0) continue;
    const auto found = pending_.find(header.request_id);
    if (found == pending_.end() || found->second->is_answered()) continue;  // Given up, or answered before.
    Pending& pending = *found->second;
    const bool is_of_other_life = (header.flags & wire::kFlagOtherLife) != 0;
    // Later on only refusals tell of a new life: an answer may be late, and from an old one.
    if (!is_of_other_life && server_life_ == 0) server_life_ = header.server_life;
    Exchange& exchange = pending.exchange();
    exchange.reply.clear();
    exchange.reply.append(reader.whole());
    if (reader.bulk_left() != 0) {
      pending.hold();
      const Status taken = co_await take_filled(reader, exchange.bulk.receive);
      pending.let_go();
      CO_TRY(taken);
      link.heard = executor().now();
    }
    pending.answer(header.server_life, is_of_other_life);
  }
}

void NetworkChannel::seal(Pending& pending) {
  wire::Header& header = pending.exchange().header;
  header.client_id = client_id_;
  // A copy of what was sent to one life must not be done by the next, which has forgotten the first: so it keeps its
  // stamp, also when other requests have heard of a new life meanwhile. Without a stamp it was refused.
  if (pending.exchange().may_repeat || header.server_life == 0) header.server_life = server_life_;
  header.acknowledged_below = pending_.begin()->first;
  header.flags = pending.exchange().may_repeat ? uint32_t{wire::kFlagMayRepeat} : 0;
  if (header.bulk_size != 0) header.flags |= wire::kFlagBulkFollows;
  if (pending.was_sent_before) header.flags |= wire::kFlagSentBefore;
  header.deadline_ns = static_cast<uint64_t>(std::max(Duration(1), pending.deadline - executor().now()).count());
  wire::seal_message(header, pending.exchange().request);
  ++(pending.sends++ == 0 ? counters_.sent : counters_.resent);
}

Task<void> NetworkChannel::write_requests(Link& link) {
  std::vector<Pending*> batch;
  std::vector<ByteView> pieces;
  while (!link.is_over) {
    if (outgoing_.empty() && !link.wants_ping) {
      co_await work_.wait();
      continue;
    }
    batch.clear();
    pieces.clear();
    wire::Buffer ping;
    if (std::exchange(link.wants_ping, false)) {
      wire::begin_message(ping);
      wire::Header header;
      header.flags = wire::kFlagPing;
      header.client_id = client_id_;
      wire::seal_message(header, ping);
      pieces.push_back(ping.view());
    }
    while (!outgoing_.empty() && batch.size() < kRequestsAtOnce) {
      Pending* const pending = outgoing_.front();
      outgoing_.pop_front();
      if (pending->is_answered()) continue;
      seal(*pending);
      pending->hold();
      batch.push_back(pending);
      pieces.push_back(pending->exchange().request.view());
      const std::span<const ByteView> data = pending->exchange().bulk.send;
      pieces.insert(pieces.end(), data.begin(), data.end());
    }
    const Status written = co_await link.stream->write(pieces);
    for (Pending* const pending : batch) pending->let_go();
    if (!written.is_ok()) link.end();  // Who reads says why.
  }
}

// Notices a server that is gone without a word.
Task<void> NetworkChannel::watch(Link& link) {
  while (true) {
    const bool goes_on = co_await link.ending.sleep_for(options_.silence_max / 4);
    if (!goes_on) co_return;
    const Duration silence = executor().now() - link.heard;
    if (pending_.empty()) {
      link.heard = executor().now();  // Nothing is due.
    } else if (silence >= options_.silence_max) {
      link.end();
    } else if (silence >= options_.silence_max / 2) {
      link.wants_ping = true;
      work_.notify_all();
    }
  }
}

}  // namespace aeon::rpc
