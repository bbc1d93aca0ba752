#include "http_request.h"

#include <gtest/gtest.h>

namespace aeon::metrics {
namespace {

int status_of(std::string_view head) { return parse_http_request(head).status; }

TEST(HttpRequest, AsksForAPath) {
  const HttpRequest request = parse_http_request("GET /metrics HTTP/1.1\r\nHost: a:1\r\nAccept: */*");
  EXPECT_EQ(request.status, 200);
  EXPECT_EQ(request.path, "/metrics");
  EXPECT_FALSE(request.is_head);
}

TEST(HttpRequest, TheQueryIsNoPartOfThePath) {
  EXPECT_EQ(parse_http_request("GET /metrics?a=b/c?d HTTP/1.1\r\nHost: a").path, "/metrics");
}

TEST(HttpRequest, MayNameTheHostInTheTarget) {
  EXPECT_EQ(parse_http_request("GET HTTP://a:1/metrics?x HTTP/1.1\r\nHost: a").path, "/metrics");
  EXPECT_EQ(parse_http_request("GET http://a HTTP/1.1\r\nHost: a").path, "/");
  EXPECT_EQ(parse_http_request("GET http://a?x HTTP/1.1\r\nHost: a").path, "/");
}

TEST(HttpRequest, HeadWantsNoBody) { EXPECT_TRUE(parse_http_request("HEAD / HTTP/1.1\r\nhost: a").is_head); }

TEST(HttpRequest, TheOldVersionNeedsNoHost) {
  EXPECT_EQ(status_of("GET / HTTP/1.0"), 200);
  EXPECT_EQ(status_of("GET / HTTP/1.1"), 400);
}

TEST(HttpRequest, OtherMethodsAndBodiesAreRefused) {
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a"), 405);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5"), 413);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0"), 200);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\ntransfer-ENCODING: chunked"), 413);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: a"), 505);
}

TEST(HttpRequest, WhatIsNoRequestIsRefused) {
  for (const std::string_view bad : {"",
                                     " ",
                                     "GET",
                                     "GET /",
                                     "GET  HTTP/1.1",
                                     "GET / HTTP/1.1 ",
                                     "GET / HTTP/11",
                                     "GET / http/1.1",
                                     "G(T / HTTP/1.1\r\nHost: a",
                                     "GET /a b HTTP/1.1\r\nHost: a",
                                     "GET metrics HTTP/1.1\r\nHost: a",
                                     "GET * HTTP/1.1\r\nHost: a",
                                     "GET /\x01 HTTP/1.1\r\nHost: a",
                                     "GET /\xff HTTP/1.1\r\nHost: a",
                                     "GET / HTTP/1.1\r\nHost: a\r\nHost: b",
                                     "GET / HTTP/1.1\r\nHost : a",
                                     "GET / HTTP/1.1\r\nHost: a\r\n folded",
                                     "GET / HTTP/1.1\r\nHost: a\r\nx",
                                     "GET / HTTP/1.1\r\nHost: a\x01",
                                     "GET / HTTP/1.1\nHost: a\n",
                                     "GET / HTTP/1.1\r\n: a\r\nHost: a"}) {
    EXPECT_EQ(status_of(bad), 400) << bad;
  }
}

}  // namespace
}  // namespace aeon::metrics
