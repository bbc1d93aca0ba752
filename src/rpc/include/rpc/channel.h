// The client's end of a connection to a server: requests out, answers back.
//
//   wire::PoolQueryRequest request;
//   request.handle = handle;
//   const Result<wire::PoolQueryReply> reply = co_await call(channel, std::move(request));
//
// Promises: the server does each request at most once, whatever the transport loses or repeats. An answer is the
// server's and whole. kTimedOut and kUnavailable say that there was none; the message says whether it may have been
// done. Codes of the server's own answer pass through.
// Threading: one executor. Calls in progress are bounded by the channel; more wait their turn.
#pragma once

#include <memory>
#include <span>
#include <utility>

#include "rpc/bulk.h"
#include "rpc/epoch_clock.h"
#include "rpc/trace.h"
#include "runtime/executor.h"
#include "runtime/task.h"
#include "wire/messages.h"

namespace aeon::rpc {

inline constexpr Duration kDefaultTimeout = std::chrono::seconds(60);

// The caller's memory; stays until the call has ended. In one process the server reads and writes it in place.
struct Bulk {
  std::span<const ByteView> send;
  std::span<const MutableBytes> receive;
};

// One request and its answer; lives in the caller's frame.
struct Exchange {
  wire::Header header;        // Opcode and deadline by the caller, perhaps a trace id; the rest by the channel.
  wire::Buffer request;       // Room for the header, then the payload.
  Bulk bulk;
  bool may_repeat = false;
  bool is_known_again = false;  // A server that restarted knows whether it was done: the client asks with the same id.
  wire::Buffer reply;  // After success: a whole message, checked.
};

class Channel {
 public:
  virtual ~Channel() = default;
  virtual Executor& executor() = 0;
  // The protocol version that requests are encoded in, and to be set to what a hello agreed on.
  uint16_t version() const { return version_; }
  void set_version(uint16_t version) { version_ = version; }

  virtual Task<Status> exchange(Exchange& exchange) = 0;
  // Another number after each restart of the server, as last heard of; 0 before anything was.
  virtual uint64_t server_life() const = 0;

  // Goes along with requests from now on, and hears of answers. Where there is one server there needn't be any.
  void use(std::shared_ptr<EpochClock> clock) { clock_ = std::move(clock); }
  EpochClock* clock() const { return clock_.get(); }
  // Of an exchange that was answered.
  void note_answer(const Exchange& exchange) {
    if (clock_ != nullptr) clock_->observe(Epoch{wire::clock_of(exchange.reply.view())});
  }

 private:
  uint16_t version_ = wire::kProtocolVersion;
  std::shared_ptr<EpochClock> clock_;
};

template <typename Reply>
Result<Reply> open_reply(const Exchange& exchange) {
  // The channel has checked the frame already; only the fields can be wrong.
  const ByteView payload = exchange.reply.view().subspan(wire::kHeaderSize);
  return wire::decode_reply<Reply>(payload, exchange.header.version);
}

// Puts a request into an empty exchange. kTooBig.
template <typename Request>
Status prepare(Exchange& exchange, const Channel& channel, const Request& request, Bulk bulk = Bulk(),
               Duration timeout = kDefaultTimeout) {
  exchange.header.opcode = static_cast<uint16_t>(Request::kOpcode);
  exchange.header.version = channel.version();
  exchange.header.deadline_ns = static_cast<uint64_t>(timeout.count());
  if (channel.clock() != nullptr) exchange.header.clock = channel.clock()->last().value;
  exchange.bulk = bulk;
  exchange.may_repeat = Request::kMayRepeat;
  if constexpr (requires { Request::answer_again(DoneRequest()); }) {
    exchange.is_known_again = channel.version() >= wire::kSentBeforeSince;
  }
  wire::begin_message(exchange.request);
  wire::encode(request, channel.version(), exchange.request);
  if (exchange.request.size() - wire::kHeaderSize > wire::kPayloadSizeMax) {
    return Status(Code::kTooBig, "a request of more than 64 MiB besides its data; split it");
  }
  return ok();
}

// `channel` and the bulk's memory must stay until the task has ended. `trace_id`: see trace.h.
template <typename Request>
Task<Result<typename Request::Reply>> call(Channel& channel, Request request, Bulk bulk = Bulk(),
                                           Duration timeout = kDefaultTimeout, uint64_t trace_id = 0) {
  Exchange exchange;
  CO_TRY(prepare(exchange, channel, request, bulk, timeout));
  exchange.header.trace_id = trace_id;
  CO_TRY(co_await channel.exchange(exchange));
  channel.note_answer(exchange);
  co_return open_reply<typename Request::Reply>(exchange);
}

}  // namespace aeon::rpc
