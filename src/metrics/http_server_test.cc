#include "metrics/http_server.h"

#include <gtest/gtest.h>

#include "runtime/reactor.h"
#include "runtime/sockets.h"
#include "runtime/system.h"
#include "sim/for_each_seed.h"
#include "sim/sim_process.h"

namespace aeon::metrics {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kServerNode = 1, kClientNode = 2;
const std::string kAddress = SimNetwork::address(kServerNode, 80);
constexpr std::string_view kGet = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

Task<HttpPage> small_page() {
  HttpPage page;
  page.body = "hello\n";
  co_return page;
}
Task<HttpPage> large_page() {
  HttpPage page;
  page.body = std::string(8 * kMiB, 'x');
  co_return page;
}
Task<HttpPage> slow_page(Executor* executor, int* running_max, int* running) {
  *running_max = std::max(*running_max, ++*running);
  co_await sleep_for(*executor, 1s);
  --*running;
  co_return HttpPage();
}

// Sends `request` in pieces of at most `piece_max`, and returns all that comes until the server ends the connection or
// as much as the answer says there is.
Task<Result<std::string>> exchange(Network* network, std::string address, std::string request, size_t piece_max) {
  CO_TRY_ASSIGN(const std::unique_ptr<Stream> stream, co_await network->connect(std::move(address), 5s));
  for (size_t sent = 0; sent < request.size(); sent += piece_max) {
    const ByteView piece = as_bytes(std::string_view(request).substr(sent, piece_max));
    const Status written = co_await stream->write(std::span(&piece, 1));
    if (!written.is_ok()) break;  // It has answered already.
  }
  std::string answer;
  std::string buffer(4096, '\0');
  while (true) {
    const Result<size_t> read = co_await stream->read(std::as_writable_bytes(std::span(buffer)));
    if (!read.is_ok() || *read == 0) break;
    answer.append(buffer, 0, *read);
  }
  co_return answer;
}

Task<Result<std::string>> get(Network* network, std::string address) {
  return exchange(network, std::move(address), std::string(kGet), 4096);
}

// Connects and sends nothing, or a part.
Task<Status> hang(Network* network, std::string begun, std::vector<std::unique_ptr<Stream>>* streams) {
  CO_TRY_ASSIGN(std::unique_ptr<Stream> stream, co_await network->connect(kAddress, 5s));
  const ByteView piece = as_bytes(begun);
  CO_TRY(co_await stream->write(std::span(&piece, 1)));
  streams->push_back(std::move(stream));
  co_return ok();
}

class HttpServerTest : public ::testing::Test {
 protected:
  void listen(HttpServer::Options options = {}) {
    auto listening = HttpServer::listen(server_process_.world(), kAddress, options);
    ASSERT_TRUE(listening.is_ok());
    server_ = &server_process_.own(std::move(*listening));
    server_->serve("/metrics", small_page);
    server_->serve("/large", large_page);
  }
  std::string ask(std::string request, size_t piece_max = 4096) {
    const auto answer =
        client_process_.run(exchange(&client_process_.world().network, kAddress, std::move(request), piece_max));
    return answer.is_ok() ? *answer : answer.status().to_string();
  }

  SimScheduler scheduler_{1};
  SimNetwork network_{scheduler_};
  SimProcess server_process_{scheduler_, network_, "server", kServerNode};
  SimProcess client_process_{scheduler_, network_, "client", kClientNode};
  HttpServer* server_ = nullptr;
};

TEST_F(HttpServerTest, AnswersWithThePage) {
  listen();
  EXPECT_EQ(ask(std::string(kGet)),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\nhello\n");
}

TEST_F(HttpServerTest, AnswersHeadWithoutThePage) {
  listen();
  const std::string answer = ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 6\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(HttpServerTest, AnswersARequestThatComesByteByByte) {
  listen();
  EXPECT_TRUE(ask(std::string(kGet), 1).ends_with("hello\n"));
}

TEST_F(HttpServerTest, RefusesWhatItDoesntServe) {
  listen();
  EXPECT_TRUE(ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_NE(ask("PUT /metrics HTTP/1.1\r\nHost: a\r\n\r\n").find("405 Method Not Allowed"), std::string::npos);
  EXPECT_TRUE(ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask("GET /metrics HTTP/1.1\r\nHost: a\r\nx: " + std::string(20'000, 'x') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(ask(std::string(kGet)).ends_with("hello\n")) << "and goes on";
}

TEST_F(HttpServerTest, AnswersAllOfALargePage) {
  listen();
  const std::string answer = ask("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_GT(answer.size(), 8 * kMiB);
}

TEST_F(HttpServerTest, SlowClientsKeepNobodyOut) {
  listen({.connections_max = 4, .time_max = 1h});
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 20; ++i) {
    const std::string begun = i % 2 == 0 ? "G" : "GET / HTTP/1.1\r\nHost: a\r\nx: ";
    ASSERT_TRUE(client_process_.run(hang(&client_process_.world().network, begun, &streams)).is_ok());
    scheduler_.run_for(10ms);
    ASSERT_LE(server_->connection_count(), 4u);
  }
  EXPECT_TRUE(ask(std::string(kGet)).ends_with("hello\n"));
  EXPECT_EQ(server_->counters().evicted, 17u);
  streams.clear();
}

TEST_F(HttpServerTest, AConnectionLastsNoLongerThanItMay) {
  listen({.time_max = 5s});
  std::vector<std::unique_ptr<Stream>> streams;
  ASSERT_TRUE(client_process_.run(hang(&client_process_.world().network, "GET ", &streams)).is_ok());
  scheduler_.run_for(4s);
  EXPECT_EQ(server_->connection_count(), 1u);
  scheduler_.run_for(2s);
  EXPECT_EQ(server_->connection_count(), 0u);
  EXPECT_EQ(server_->counters().timed_out, 1u);
  streams.clear();
}

TEST_F(HttpServerTest, AClientThatDoesntReadIsEndedInTime) {
  listen({.time_max = 5s});
  std::vector<std::unique_ptr<Stream>> streams;
  const std::string request = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_TRUE(client_process_.run(hang(&client_process_.world().network, request, &streams)).is_ok());
  scheduler_.run_for(4s);
  EXPECT_EQ(server_->connection_count(), 1u);
  scheduler_.run_for(2s);
  EXPECT_EQ(server_->connection_count(), 0u);
  EXPECT_EQ(server_->counters().answered, 0u);
  streams.clear();
}

TEST_F(HttpServerTest, AClientThatStaysAfterItsAnswerIsEndedSoon) {
  listen({.time_max = 1h});
  std::vector<std::unique_ptr<Stream>> streams;
  ASSERT_TRUE(client_process_.run(hang(&client_process_.world().network, std::string(kGet), &streams)).is_ok());
  scheduler_.run_for(2s);
  EXPECT_EQ(server_->counters().answered, 1u);
  EXPECT_EQ(server_->connection_count(), 0u);
  streams.clear();
}

Task<void> ask_and_count(Network* network, std::string request, int* answered) {
  const auto answer = co_await exchange(network, kAddress, std::move(request), 4096);
  if (answer.is_ok() && answer->starts_with("HTTP/1.1 200 ")) ++*answered;
}

TEST_F(HttpServerTest, PagesAreMadeOneAtATime) {
  listen();
  int running = 0, running_max = 0, answered = 0;
  Executor* const executor = &server_process_.executor();
  server_->serve("/slow", [&] { return slow_page(executor, &running_max, &running); });
  for (int i = 0; i < 5; ++i) {
    client_process_.executor().spawn(
        ask_and_count(&client_process_.world().network, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", &answered));
  }
  scheduler_.run_for(9s);
  EXPECT_EQ(answered, 5);
  EXPECT_EQ(running_max, 1);
}

TEST_F(HttpServerTest, StoppingEndsAllConnections) {
  listen({.time_max = 1h});
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client_process_.run(hang(&client_process_.world().network, "GET ", &streams)).is_ok());
  }
  scheduler_.run_for(10ms);
  ASSERT_EQ(server_->connection_count(), 3u);
  const Instant begin = scheduler_.now();
  server_process_.run(server_->stop());
  EXPECT_LE(scheduler_.now() - begin, 1s);
  EXPECT_EQ(server_->connection_count(), 0u);
  streams.clear();
}

// Whatever the network does, an answer that says that it is whole is.
SIMULATION(HttpServer, AnswersAreWholeOrNotThere) {
  SimScheduler scheduler(seed);
  SimNetwork network(scheduler);
  SimLink link;
  link.stall = 0.05;
  link.reset = 0.05;
  network.set_link(link);
  SimProcess server_process(scheduler, network, "server", kServerNode);
  SimProcess client_process(scheduler, network, "client", kClientNode);
  auto listening = HttpServer::listen(server_process.world(), kAddress, {});
  ASSERT_TRUE(listening.is_ok());
  HttpServer& server = server_process.own(std::move(*listening));
  server.serve("/metrics", small_page);
  int whole = 0;
  for (int i = 0; i < 20; ++i) {
    const size_t piece_max = scheduler.random().between(20, 60);
    const auto answer =
        client_process.run(exchange(&client_process.world().network, kAddress, std::string(kGet), piece_max));
    if (!answer.is_ok()) continue;
    const size_t body = answer->find("\r\n\r\n");
    if (body == std::string::npos || answer->size() < body + 4 + 6) continue;
    EXPECT_EQ(answer->substr(body + 4), "hello\n");
    ++whole;
  }
  EXPECT_GT(whole, 0);
  server_process.run(server.stop());
}

TEST(HttpServerOnSockets, AnswersAClientOfTheSystem) {
  Reactor reactor;
  Sockets sockets(reactor);
  SystemClock clock;
  Random random(1);
  Faults faults;
  World world{reactor, clock, sockets, random, faults};
  auto server = HttpServer::listen(world, "tcp:127.0.0.1:0", {});
  ASSERT_TRUE(server.is_ok()) << server.status().to_string();
  (*server)->serve("/metrics", small_page);
  (*server)->serve("/large", large_page);
  // Larger than what is read: closing at once would reset the connection, and take the answer with it.
  const std::string too_much = "GET /metrics HTTP/1.1\r\nHost: a\r\nx: " + std::string(40'000, 'x') + "\r\n\r\n";
  const auto refused = reactor.run(exchange(&sockets, (*server)->address(), too_much, too_much.size()));
  ASSERT_TRUE(refused.is_ok()) << refused.status().to_string();
  EXPECT_TRUE(refused->starts_with("HTTP/1.1 431 ")) << *refused;
  const auto answer = reactor.run(get(&sockets, (*server)->address()));
  ASSERT_TRUE(answer.is_ok());
  EXPECT_TRUE(answer->ends_with("hello\n")) << *answer;
  const std::string large = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto all = reactor.run(exchange(&sockets, (*server)->address(), large, large.size()));
  ASSERT_TRUE(all.is_ok());
  EXPECT_GT(all->size(), 8 * kMiB);
  reactor.run((*server)->stop());
}

}  // namespace
}  // namespace aeon::metrics
