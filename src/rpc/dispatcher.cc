#include "rpc/dispatcher.h"

#include <algorithm>

#include "base/mutation.h"

namespace aeon::rpc {
namespace {

constexpr uint64_t kTimeLeftMaxNs = uint64_t{365} * 24 * 3600 * 1'000'000'000;

}  // namespace

void Dispatcher::seal(ServerCall& call, uint32_t flags) {
  if (call.reply_.size() - wire::kHeaderSize > wire::kPayloadSizeMax) {
    call.reply_.clear();
    wire::begin_message(call.reply_);
    const Result<wire::EmptyReply> too_big(Status(Code::kTooBig, "the answer exceeds 64 MiB; ask for less at a time"));
    wire::encode_reply(too_big, call.header_.version, call.reply_);
  }
  wire::Header header;
  header.version = call.header_.version;
  header.opcode = call.header_.opcode;
  header.flags = wire::kFlagReply | flags;
  header.client_id = call.header_.client_id;
  header.server_life = life_;
  header.request_id = call.header_.request_id;
  header.trace_id = call.header_.trace_id;
  if (clock_ != nullptr) header.clock = clock_->last().value;
  wire::seal_message(header, call.reply_);
}

void Dispatcher::refuse(ServerCall& call, const Status& status, uint32_t flags) {
  ++counters_.refused;
  call.code_ = status.code();
  call.reply_.clear();
  wire::begin_message(call.reply_);
  const Result<wire::EmptyReply> refusal(status);
  wire::encode_reply(refusal, call.header_.version, call.reply_);
  seal(call, flags);
}

Status Dispatcher::accept(ServerCall& call) {
  TRY_ASSIGN(const wire::Message message, wire::open_message(call.message_));
  call.header_ = message.header;
  call.payload_ = message.payload;
  TRY(wire::check_version(call.header_.version, "client"));
  constexpr uint32_t kFlags = wire::kFlagBulkFollows | wire::kFlagMayRepeat | wire::kFlagSentBefore;
  if ((call.header_.flags & ~kFlags) != 0) {
    return Status(Code::kInvalidArgument, "this isn't a request (flags " + std::to_string(call.header_.flags) + ")");
  }
  if (call.header_.opcode >= handlers_.size() || handlers_[call.header_.opcode] == nullptr) {
    return Status(Code::kProtocolMismatch, "this engine doesn't serve requests of kind " +
                                               std::to_string(call.header_.opcode) + " (" +
                                               std::string(wire::opcode_name(call.header_.opcode)) + ")");
  }
  return ok();
}

bool Dispatcher::was_sent_before(const ServerCall& call) const {
  if (MUTATION("whether_it_was_done_isnt_asked", false, true)) return false;
  return done_ != nullptr && (call.header_.flags & wire::kFlagSentBefore) != 0;
}

OperationStats& Dispatcher::stats_of(uint16_t opcode) {
  std::unique_ptr<OperationStats>& stats = stats_[opcode];
  if (stats == nullptr) stats = std::make_unique<OperationStats>();
  return *stats;
}

void Dispatcher::note_ended(const ServerCall& call, OperationStats& stats, Duration waited, Duration handled) {
  const ByteCount received = call.message_.size() + call.sent_size();
  const ByteCount sent = call.reply_.size() + call.filled_size_;
  stats.bytes_received += received;
  stats.bytes_sent += sent;
  ++stats.answered_by_code[static_cast<size_t>(call.code_)];
  if (!log_.is_of_interest(call.code_, waited + handled)) return;
  const EndedRequest ended{.header = call.header_,
                           .code = call.code_,
                           .object = call.object_,
                           .part_count = call.part_count_,
                           .bytes_received = received,
                           .bytes_sent = sent,
                           .waited = waited,
                           .handled = handled};
  log_.note(ended, executor_.now());
}

void Dispatcher::refuse_busy(ServerCall& call, OperationStats& stats) {
  refuse(call, Status(Code::kBusy, "the engine has too many requests waiting; try again later"));
  note_ended(call, stats, Duration::zero(), Duration::zero());
}

// False if the call was answered instead.
Task<bool> Dispatcher::wait_for_turn(ServerCall& call, OperationStats& stats, FairTurns::Turn& turn, Duration& waited) {
  const uint64_t client = call.header_.client_id;
  if (turns_.waiting() >= options_.waiting_max && !turns_.put_out_for(client)) {
    refuse_busy(call, stats);
    co_return false;
  }
  const Instant came = executor_.now();
  const uint64_t time_left_ns = std::min(call.header_.deadline_ns, kTimeLeftMaxNs);  // The peer may say anything.
  const Instant deadline = came + Duration(static_cast<int64_t>(time_left_ns));
  const bool has_turn = co_await turns_.wait(client);
  if (!has_turn) {
    refuse_busy(call, stats);
    co_return false;
  }
  turn.take(turns_);
  waited = executor_.now() - came;
  stats.waited.record(waited);
  if (call.header_.deadline_ns == 0 || executor_.now() <= deadline) co_return true;
  refuse(call, Status(Code::kTimedOut, "the deadline passed before the engine could begin; it wasn't done"));
  note_ended(call, stats, waited, Duration::zero());
  co_return false;
}

Task<void> Dispatcher::handle(ServerCall& call, bool is_within) {
  const Gate::Pass pass = gate_.enter();
  if (Status status = accept(call); !status.is_ok()) {
    // The answer to what can't be read is in our own version.
    if (!wire::check_version(call.header_.version, "").is_ok()) call.header_.version = wire::kProtocolVersion;
    refuse(call, status);
    co_return;
  }
  if (!pass) {
    refuse(call, Status(Code::kUnavailable, "the engine is stopping"));
    co_return;
  }
  // Before anything else is said of it: that it was refused would mean that it wasn't done.
  if (was_sent_before(call)) {
    const bool is_answered = co_await handlers_[call.header_.opcode]->answer_again(*this, call);
    if (is_answered) co_return;
  }
  OperationStats& stats = stats_of(call.header_.opcode);
  Duration waited{};
  const bool is_between_targets = call.header_.opcode >= wire::kTargetOpcodesFrom;
  FairTurns::Turn turn;
  if (!is_within && !turn.try_take(is_between_targets ? between_targets_ : turns_)) {
    if (is_between_targets) {
      refuse_busy(call, stats);
      co_return;
    }
    const bool goes_on = co_await wait_for_turn(call, stats, turn, waited);
    if (!goes_on) co_return;
  }
  if (clock_ != nullptr) clock_->observe(Epoch{call.header_.clock});
  ++counters_.requests;
  ++stats.in_progress;
  // Within a turn of the executor one request begins where the one before has ended, so one reading of the clock
  // does for both.
  const Instant begun = std::max(executor_.now(), measured_until_);
  co_await handlers_[call.header_.opcode]->run(*this, call);
  measured_until_ = executor_.exact_now();
  --stats.in_progress;
  const Duration handled = measured_until_ - begun;
  stats.service.record(handled);
  note_ended(call, stats, waited, handled);
}

}  // namespace aeon::rpc
