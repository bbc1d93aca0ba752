#include "rpc/request_log.h"

#include "base/log.h"
#include "rpc/trace.h"
#include "wire/messages.h"

namespace aeon::rpc {
namespace {

int64_t milliseconds(Duration duration) { return duration.count() / 1'000'000; }

// Says something about this engine, and not about what was asked for.
bool is_fault(Code code) { return code == Code::kIo || code == Code::kCorrupt; }

void write(log::Level level, std::string_view name, const EndedRequest& request, uint64_t left_out) {
  log::write(level, name,
             {{"operation", wire::opcode_name(request.header.opcode)},
              {"trace", trace_text(request.header.trace_id)},
              {"object", request.object ? request.object->to_string() : "none"},
              {"parts", request.part_count},
              {"received", request.bytes_received},
              {"sent", request.bytes_sent},
              {"waited_ms", milliseconds(request.waited)},
              {"handled_ms", milliseconds(request.handled)},
              {"code", code_name(request.code)},
              {"client", trace_text(request.header.client_id)},
              {"left_out", left_out}});
}

}  // namespace

std::string trace_text(uint64_t trace_id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = text.size(); i-- > 0; trace_id >>= 4) text[i] = kDigits[trace_id & 15];
  return text;
}

bool RequestLog::is_of_interest(Code code, Duration took) const {
  const bool is_slow = took >= options_.slow && options_.slow != Duration::zero();
  return is_slow || is_fault(code) || log::level() <= log::Level::kDebug;
}

bool RequestLog::may_write(Instant now) {
  if (now - period_begin_ >= options_.lines_time) {
    period_begin_ = now;
    lines_ = 0;
  }
  if (lines_ >= options_.lines_max) {
    ++left_out_;
    return false;
  }
  ++lines_;
  return true;
}

void RequestLog::note(const EndedRequest& request, Instant now) {
  const bool is_slow = options_.slow != Duration::zero() && request.waited + request.handled >= options_.slow;
  if (is_slow) ++slow_count_;
  if (is_slow || is_fault(request.code)) {
    if (!may_write(now)) return;
    write(log::Level::kWarn, is_slow ? "slow_request" : "request_failed", request, left_out_);
    left_out_ = 0;
  } else {
    write(log::Level::kDebug, "request", request, 0);
  }
}

}  // namespace aeon::rpc
