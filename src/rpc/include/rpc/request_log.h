// What a server writes to its log about single requests: those that took long, and those that damage or a device made
// fail. Each line has the request's trace id, which is the client's, and where the time went.
//
//   … warn slow_request operation="object_write" trace="9f…" object="0.1" received=4096 sent=112 waited_ms=0
//     handled_ms=1204 code="ok" client="5c…" left_out=0
//
// At level debug there is a line for every request. The others are bounded: what is too much is counted, and the next
// line says how many were left out.
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"
#include "wire/header.h"

namespace aeon::rpc {

struct RequestLogOptions {
  Duration slow = std::chrono::seconds(1);  // From when it came; zero: none is.
  uint32_t lines_max = 10;                  // In `lines_time`.
  Duration lines_time = std::chrono::seconds(10);
};

// A request that was answered.
struct EndedRequest {
  const wire::Header& header;
  Code code = Code::kOk;
  std::optional<ObjectId> object;
  uint32_t part_count = 0;  // Changes of a write, akeys of a fetch.
  ByteCount bytes_received = 0;
  ByteCount bytes_sent = 0;
  Duration waited{};
  Duration handled{};
};

class RequestLog {
 public:
  explicit RequestLog(RequestLogOptions options) : options_(options) {}

  // Whether note() would have anything to write.
  bool is_of_interest(Code code, Duration took) const;
  void note(const EndedRequest& request, Instant now);

  uint64_t slow_count() const { return slow_count_; }

 private:
  bool may_write(Instant now);

  const RequestLogOptions options_;
  Instant period_begin_{};
  uint32_t lines_ = 0;  // In this period.
  uint64_t left_out_ = 0;
  uint64_t slow_count_ = 0;
};

}  // namespace aeon::rpc
