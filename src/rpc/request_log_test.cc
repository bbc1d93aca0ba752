#include "rpc/request_log.h"

#include <gtest/gtest.h>

#include <set>

#include "base/log.h"
#include "rpc/trace.h"
#include "wire/messages.h"

namespace aeon::rpc {
namespace {

using namespace std::chrono_literals;

class RequestLogTest : public ::testing::Test {
 protected:
  RequestLogTest() {
    header_.opcode = static_cast<uint16_t>(wire::Opcode::kObjectWrite);
    header_.trace_id = 0xabc;
    header_.client_id = 0x12;
    log::set_level(log::Level::kWarn);
  }
  ~RequestLogTest() override { log::set_level(before_); }

  // What it writes about a request that was answered at `now`.
  std::string note(RequestLog& log, Duration took, Code code = Code::kOk, Instant now = Instant()) {
    EndedRequest request{.header = header_};
    request.code = code;
    request.object = ObjectId{.hi = 1, .lo = 2};
    request.part_count = 3;
    request.bytes_received = 4096;
    request.bytes_sent = 112;
    request.waited = 250ms;
    request.handled = took;
    ::testing::internal::CaptureStderr();
    if (log.is_of_interest(code, request.waited + request.handled)) log.note(request, now);
    return ::testing::internal::GetCapturedStderr();
  }

  const log::Level before_ = log::level();
  wire::Header header_;
};

TEST_F(RequestLogTest, ASlowRequestIsToldWithWhereItsTimeWent) {
  RequestLog log({});
  const std::string line = note(log, 1204ms);
  EXPECT_NE(line.find(" warn slow_request operation=\"object_write\" trace=\"0000000000000abc\" object=\"1.2\" parts=3 "
                      "received=4096 sent=112 waited_ms=250 handled_ms=1204 code=\"ok\" client=\"0000000000000012\" "
                      "left_out=0\n"),
            std::string::npos)
      << line;
  EXPECT_EQ(log.slow_count(), 1u);
}

TEST_F(RequestLogTest, TheLimitCountsFromWhenTheRequestCame) {
  RequestLog log({});
  EXPECT_EQ(note(log, 749ms), "");
  EXPECT_NE(note(log, 750ms), "");
}

TEST_F(RequestLogTest, WithoutALimitNoneIsSlow) {
  RequestLog log({.slow = Duration::zero()});
  EXPECT_EQ(note(log, 1h), "");
  EXPECT_EQ(log.slow_count(), 0u);
}

TEST_F(RequestLogTest, FaultsOfTheEngineAreToldHoweverFast) {
  RequestLog log({});
  EXPECT_NE(note(log, 1ms, Code::kIo).find(" warn request_failed "), std::string::npos);
  EXPECT_NE(note(log, 1ms, Code::kCorrupt).find("code=\"corrupt\""), std::string::npos);
  EXPECT_EQ(note(log, 1ms, Code::kNotFound), "") << "a caller's own affair";
}

TEST_F(RequestLogTest, TooManyAreCountedAndTheNextLineSaysSo) {
  RequestLog log({.lines_max = 2, .lines_time = 10s});
  int written = 0;
  for (int i = 0; i < 7; ++i) {
    if (!note(log, 2s, Code::kOk, Instant(9s)).empty()) ++written;
  }
  EXPECT_EQ(written, 2);
  const std::string later = note(log, 2s, Code::kOk, Instant(20s));
  EXPECT_NE(later.find("left_out=5"), std::string::npos) << later;
  EXPECT_NE(note(log, 2s, Code::kOk, Instant(20s)).find("left_out=0"), std::string::npos);
  EXPECT_EQ(log.slow_count(), 9u);
}

TEST_F(RequestLogTest, AtLevelDebugEveryRequestIsTold) {
  log::set_level(log::Level::kDebug);
  RequestLog log({});
  EXPECT_NE(note(log, 1ms).find(" debug request operation=\"object_write\""), std::string::npos);
}

TEST(Trace, IdsAreDifferentAndNeverNone) {
  std::set<uint64_t> ids;
  for (uint64_t client = 1; client <= 20; ++client) {
    for (uint64_t request = 0; request < 500; ++request) ids.insert(make_trace_id(client, request));
  }
  EXPECT_EQ(ids.size(), 20u * 500u);
  EXPECT_FALSE(ids.contains(0));
}

}  // namespace
}  // namespace aeon::rpc
