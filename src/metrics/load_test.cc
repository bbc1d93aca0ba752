#include "metrics/load.h"

#include <gtest/gtest.h>

#include "sim/for_each_seed.h"

namespace aeon::metrics {
namespace {

using namespace std::chrono_literals;

constexpr auto kFetch = static_cast<uint16_t>(wire::Opcode::kObjectFetch);

uint64_t ns(Duration duration) { return static_cast<uint64_t>(duration.count()); }

// An engine that has answered `count` fetches of `took` each.
wire::StatusReply reply_after(Duration uptime, uint64_t count, Duration took) {
  wire::StatusReply reply;
  reply.server_life = 7;
  reply.uptime_ns = ns(uptime);
  wire::PoolInfo pool;
  pool.id = Uuid::from_random(1, 2);
  pool.label = "p";
  reply.pools.push_back(pool);
  wire::TargetStatus target;
  target.pool = pool.id;
  wire::OperationStatus fetch;
  fetch.opcode = kFetch;
  fetch.answered = count;
  fetch.bytes_sent = count * 100;
  Histogram service;
  for (uint64_t i = 0; i < count; ++i) service.record(took);
  fetch.service = to_wire(service);
  target.operations.push_back(fetch);
  reply.targets.push_back(target);
  wire::ClientStatus client;
  client.id = 3;
  client.requests = count;
  reply.clients.push_back(client);
  reply.client_count = 1;
  return reply;
}

TEST(Load, IsWhatHappenedBetweenTwoReplies) {
  const wire::StatusReply before = reply_after(10s, 1000, 5ms);
  wire::StatusReply now = reply_after(12s, 1000, 5ms);
  Histogram service = from_wire(now.targets[0].operations[0].service);
  for (int i = 0; i < 500; ++i) service.record(20us);
  now.targets[0].operations[0].service = to_wire(service);
  now.targets[0].operations[0].answered = 1500;
  now.clients[0].requests = 1500;
  const Load load = load_between(&before, now);
  EXPECT_FALSE(load.is_since_start);
  EXPECT_EQ(load.interval, 2s);
  ASSERT_EQ(load.targets.size(), 1u);
  ASSERT_EQ(load.targets[0].operations.size(), 1u);
  const OperationLoad& fetch = load.targets[0].operations[0];
  EXPECT_EQ(fetch.name, "object_fetch");
  EXPECT_EQ(fetch.traffic.requests_per_second, 250);
  EXPECT_NEAR(static_cast<double>(fetch.traffic.p99.count()), 20'000, 1'300) << "not the 5 ms from before";
  EXPECT_LT(fetch.traffic.max, 23us);
  EXPECT_EQ(load.targets[0].all.answered, 500u);
  ASSERT_EQ(load.pools.size(), 1u);
  EXPECT_EQ(load.pools[0].all.requests_per_second, 250);
  ASSERT_EQ(load.clients.size(), 1u);
  EXPECT_EQ(load.clients[0].requests_per_second, 250);
}

TEST(Load, WithoutAReplyBeforeItIsSinceTheStart) {
  const Load load = load_between(nullptr, reply_after(10s, 1000, 5ms));
  EXPECT_TRUE(load.is_since_start);
  EXPECT_EQ(load.targets[0].operations[0].traffic.requests_per_second, 100);
  EXPECT_EQ(load.targets[0].operations[0].traffic.sent_per_second, 10'000);
}

TEST(Load, AfterARestartItIsSinceTheStart) {
  const wire::StatusReply before = reply_after(100s, 5000, 5ms);
  wire::StatusReply now = reply_after(10s, 1000, 5ms);
  now.server_life = 8;
  const Load load = load_between(&before, now);
  EXPECT_TRUE(load.is_since_start);
  EXPECT_EQ(load.targets[0].operations[0].traffic.answered, 1000u);
}

TEST(Load, OperationsThatDidntHappenAreLeftOut) {
  const wire::StatusReply reply = reply_after(10s, 1000, 5ms);
  wire::StatusReply later = reply;
  later.uptime_ns += ns(1s);
  EXPECT_TRUE(load_between(&reply, later).targets[0].operations.empty());
  later.targets[0].operations[0].in_progress = 2;
  ASSERT_EQ(load_between(&reply, later).targets[0].operations.size(), 1u);
  EXPECT_EQ(load_between(&reply, later).targets[0].all.in_progress, 2u);
}

TEST(Load, AClientThatWasCutOffBeforeHasNoRates) {
  wire::StatusReply before = reply_after(10s, 1000, 5ms);
  wire::StatusReply now = reply_after(11s, 1000, 5ms);
  now.clients[0].id = 4;
  EXPECT_EQ(load_between(&before, now).clients[0].requests_per_second, 1000) << "a new one";
  before.client_count = 2;
  EXPECT_EQ(load_between(&before, now).clients[0].requests_per_second, 0);
}

TEST(Load, TheSameMomentTwiceHasNoRates) {
  const wire::StatusReply reply = reply_after(10s, 1000, 5ms);
  EXPECT_EQ(load_between(&reply, reply).targets[0].all.requests_per_second, 0);
}

// A reply is a peer's: whatever is in it, this ends, and rates are numbers.
TEST(Load, AnyRepliesCanBeCompared) {
  for_each_seed([](Random& random) {
    const auto any = [&random](uint64_t life) {
      wire::StatusReply reply = reply_after(Duration(static_cast<int64_t>(random.next() >> 1)), 1, 1ms);
      reply.server_life = life;
      reply.uptime_ns = random.next();
      wire::OperationStatus& operation = reply.targets[0].operations[0];
      operation.answered = random.next();
      operation.bytes_sent = random.next();
      for (int i = 0; i < 20; ++i) {
        operation.service.buckets.push_back(
            {.index = static_cast<uint16_t>(random.next()), .count = random.next() >> random.below(64)});
      }
      operation.service.sum_ns = random.next();
      operation.service.max_ns = random.next();
      reply.clients[0].silent_ns = random.next();
      return reply;
    };
    const wire::StatusReply before = any(random.below(2)), now = any(random.below(2));
    const Load load = load_between(&before, now);
    ASSERT_TRUE(load.targets[0].all.requests_per_second >= 0);
    ASSERT_GE(load.targets[0].all.max, Duration::zero());
    ASSERT_GE(load.clients[0].silent, Duration::zero());
  });
}

}  // namespace
}  // namespace aeon::metrics
