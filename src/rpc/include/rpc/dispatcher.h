// The server's end: finds the handler of each request, and bounds how many run.
//
//   dispatcher.serve<wire::PoolQueryRequest>(pools, &PoolService::query);
//
// A handler takes (Request, ServerCall&) and returns Result<Reply> or, if it may suspend, Task<Result<Reply>>.
// Whatever arrives is answered: damaged or unknown requests, versions that don't meet, too many at once.
// Back-pressure: `in_flight_max` requests run, `waiting_max` wait, more are told kBusy. Those that wait get their turns
// round-robin over clients; when no more may wait, the client with the most makes room for one with fewer
// (fair_turns.h). Requests between targets (wire::kTargetOpcodesFrom and above) never wait, and have a bound of their
// own: two targets that waited for a turn at each other, each with all of its turns taken, would wait for ever. Of each
// kind of request it counts how many there were, how they went, how long they took (operation_stats.h); those that took
// long, or failed for what this engine should mend, it logs (request_log.h). Threading: one executor.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

#include "rpc/bulk.h"
#include "rpc/epoch_clock.h"
#include "rpc/fair_turns.h"
#include "rpc/operation_stats.h"
#include "rpc/request_log.h"
#include "runtime/gate.h"
#include "wire/messages.h"

namespace aeon::rpc {

// A request at the server, and where its answer goes.
class ServerCall {
 public:
  ServerCall(ByteView message, std::span<const ByteView> sent, std::span<const MutableBytes> room, wire::Buffer& reply)
      : message_(message), sent_(sent), room_(room), reply_(reply) {}
  virtual ~ServerCall() = default;
  ServerCall(const ServerCall&) = delete;
  ServerCall& operator=(const ServerCall&) = delete;

  const wire::Header& header() const { return header_; }
  // What its sender calls it, also when it is sent to another life of the server.
  RequestId id() const { return {.client = header_.client_id, .number = header_.request_id}; }
  // The data that came with the request, in place.
  std::span<const ByteView> sent() const { return sent_; }
  ByteCount sent_size() const { return total_size(sent_); }
  // Where the answer's data goes, in place.
  std::span<const MutableBytes> room() const { return room_; }
  ByteCount room_size() const { return total_size(room_); }
  // [offset, offset + size) of the room was filled; only that reaches the caller.
  void filled(ByteCount offset, ByteCount size) {
    filled_size_ += size;
    on_filled(offset, size);
  }

 private:
  friend class Dispatcher;
  virtual void on_filled(ByteCount offset, ByteCount size) {
    static_cast<void>(offset);
    static_cast<void>(size);
  }

  ByteView message_;
  std::span<const ByteView> sent_;
  std::span<const MutableBytes> room_;
  wire::Buffer& reply_;
  wire::Header header_;
  ByteView payload_;
  // For the log and the counts.
  ByteCount filled_size_ = 0;
  std::optional<ObjectId> object_;
  uint32_t part_count_ = 0;
  Code code_ = Code::kOk;  // Of the answer.
};

// Knows what earlier lives of the server did.
class DoneRequests {
 public:
  virtual ~DoneRequests() = default;
  // Nothing if it wasn't done.
  virtual Task<Result<std::optional<DoneRequest>>> find(RequestId id) = 0;
};

class Dispatcher {
 public:
  struct Options {
    uint32_t in_flight_max = 256;
    uint32_t waiting_max = 4096;
    uint32_t between_targets_max = 1024;
    RequestLogOptions log = {};
  };
  struct Counters {
    uint64_t requests = 0;
    uint64_t failed = 0;  // Answered with another code than ok.
    uint64_t refused = 0;  // Damaged, unknown, of another version, or too many.
  };

  // `life` names this run of the server in its answers; see wire::Header.
  Dispatcher(Executor& executor, uint64_t life, Options options)
      : executor_(executor),
        life_(life),
        options_(options),
        gate_(executor),
        turns_(executor, options.in_flight_max),
        between_targets_(executor, options.between_targets_max),
        log_(options.log) {}

  // `service` must outlive the dispatcher's use.
  template <typename Request, typename Service, typename Method>
  void serve(Service& service, Method method);

  // Hears of the clocks of requests, and goes along with answers. Outlives the dispatcher's use.
  void use(EpochClock& clock) { clock_ = &clock; }
  // Is asked about requests that were sent before, and have answer_again(). Outlives the dispatcher's use.
  void use(DoneRequests& done) { done_ = &done; }

  // Answers the call, always; suspends while it waits and where the handler does.
  Task<void> handle(ServerCall& call) { return handle(call, false); }
  // The same for one that came within another (collectives.h), which has its turn already.
  Task<void> handle_within(ServerCall& call) { return handle(call, true); }
  // The same answer for a request that isn't even looked at.
  void refuse(ServerCall& call, const Status& status, uint32_t flags = 0);

  // From now on requests are answered kUnavailable; returns when the last one in progress has been answered.
  Task<void> stop() { return gate_.close(); }

  uint64_t life() const { return life_; }
  const Counters& counters() const { return counters_; }
  size_t in_progress() const { return gate_.inside(); }
  uint32_t waiting() const { return turns_.waiting(); }
  uint64_t slow_count() const { return log_.slow_count(); }
  // visit(opcode, stats) for each kind of request there was, in the order of opcodes.
  template <typename Visit>
  void for_each_operation(Visit&& visit) const {
    for (size_t opcode = 0; opcode < stats_.size(); ++opcode) {
      if (stats_[opcode] != nullptr) visit(static_cast<uint16_t>(opcode), *stats_[opcode]);
    }
  }

 private:
  struct HandlerBase {
    virtual ~HandlerBase() = default;
    virtual Task<void> run(Dispatcher& dispatcher, ServerCall& call) = 0;
    // Answers what an earlier life did; false if it did nothing.
    virtual Task<bool> answer_again(Dispatcher& dispatcher, ServerCall& call) = 0;
  };
  template <typename Request, typename Service, typename Method>
  struct Handler;

  Task<void> handle(ServerCall& call, bool is_within);
  template <typename Reply>
  void answer(ServerCall& call, const Result<Reply>& reply);
  void seal(ServerCall& call, uint32_t flags);
  Status accept(ServerCall& call);
  OperationStats& stats_of(uint16_t opcode);
  Task<bool> wait_for_turn(ServerCall& call, OperationStats& stats, FairTurns::Turn& turn, Duration& waited);
  void refuse_busy(ServerCall& call, OperationStats& stats);
  void note_ended(const ServerCall& call, OperationStats& stats, Duration waited, Duration handled);
  bool was_sent_before(const ServerCall& call) const;
  template <typename Request>
  static void describe(const Request& request, ServerCall& call);

  Executor& executor_;
  const uint64_t life_;
  const Options options_;
  Gate gate_;
  FairTurns turns_;
  FairTurns between_targets_;  // Nobody waits for these.
  Counters counters_;
  RequestLog log_;
  EpochClock* clock_ = nullptr;
  DoneRequests* done_ = nullptr;
  Instant measured_until_{};  // The end of the last request that was measured.
  std::array<std::unique_ptr<HandlerBase>, wire::kOpcodeMax + 1> handlers_;
  std::array<std::unique_ptr<OperationStats>, wire::kOpcodeMax + 1> stats_;  // Made at a kind's first request.
};

template <typename Reply>
void Dispatcher::answer(ServerCall& call, const Result<Reply>& reply) {
  if (!reply.is_ok()) ++counters_.failed;
  call.code_ = reply.code();
  wire::begin_message(call.reply_);
  wire::encode_reply(reply, call.header_.version, call.reply_);
  seal(call, 0);
}

template <typename Request>
void Dispatcher::describe(const Request& request, ServerCall& call) {
  if constexpr (requires { request.object; }) call.object_ = request.object;
  if constexpr (requires { request.akeys.size(); }) call.part_count_ = static_cast<uint32_t>(request.akeys.size());
  if constexpr (requires { request.writes.front().object; }) {
    call.part_count_ = static_cast<uint32_t>(request.writes.size());
    if (!request.writes.empty()) call.object_ = request.writes.front().object;
  }
}

template <typename Request, typename Service, typename Method>
struct Dispatcher::Handler final : Dispatcher::HandlerBase {
  using Reply = typename Request::Reply;
  Handler(Service& owner, Method handler) : service(owner), method(handler) {}

  Task<void> run(Dispatcher& dispatcher, ServerCall& call) override {
    Request request;
    Status decoded = wire::decode(call.payload_, call.header_.version, request);
    if (!decoded.is_ok()) {
      dispatcher.refuse(call, decoded.within(wire::opcode_name(call.header_.opcode)));
      co_return;
    }
    describe(request, call);
    if constexpr (std::is_same_v<std::invoke_result_t<Method, Service&, Request, ServerCall&>, Result<Reply>>) {
      dispatcher.answer(call, std::invoke(method, service, std::move(request), call));
    } else {
      const Result<Reply> reply = co_await std::invoke(method, service, std::move(request), call);
      dispatcher.answer(call, reply);
    }
  }

  Task<bool> answer_again(Dispatcher& dispatcher, ServerCall& call) override {
    if constexpr (requires { Request::answer_again(DoneRequest()); }) {
      const Result<std::optional<DoneRequest>> done = co_await dispatcher.done_->find(call.id());
      if (!done.is_ok()) {
        const Status unknown = done.status().within("whether it was done isn't known");
        dispatcher.answer(call, Result<Reply>(unknown));
        co_return true;
      }
      if (done->has_value()) {
        dispatcher.answer(call, Result<Reply>(Request::answer_again(**done)));
        co_return true;
      }
    } else {
      static_cast<void>(dispatcher);
      static_cast<void>(call);
    }
    co_return false;
  }

  Service& service;
  Method method;
};

template <typename Request, typename Service, typename Method>
void Dispatcher::serve(Service& service, Method method) {
  auto& place = handlers_[static_cast<size_t>(Request::kOpcode)];
  CHECK(place == nullptr);
  place = std::make_unique<Handler<Request, Service, Method>>(service, method);
}

}  // namespace aeon::rpc
