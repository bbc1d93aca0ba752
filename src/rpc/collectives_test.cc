#include "rpc/collectives.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "rpc/at_once.h"
#include "rpc/inproc_channel.h"
#include "sim/for_each_seed.h"
#include "sim/sim_process.h"

namespace aeon::rpc {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTimeout = 20s;

// How a target is to those that ask it.
enum class Health { kFine, kRefuses, kSilent, kSilentAfterwards, kLies };

// One target: answers what shows who it is.
struct Node {
  Node(Executor& executor, uint32_t number, CollectiveOptions options)
      : index(number), dispatcher(executor, 100 + number, {}), collectives(executor, dispatcher, options) {
    dispatcher.serve<wire::TargetClockRequest>(*this, [](Node& self, wire::TargetClockRequest, ServerCall&) {
      ++self.asked;
      return Result<wire::EpochReply>(wire::EpochReply{.epoch = Epoch{self.index + 1}});
    });
    dispatcher.serve<wire::TargetContainersRequest>(*this, [](Node& self, wire::TargetContainersRequest, ServerCall&) {
      ++self.asked;
      wire::TargetContainersReply reply;
      reply.containers.push_back(Uuid::from_random(self.index, 1));
      reply.containers.resize(self.answer_size);
      return Result<wire::TargetContainersReply>(std::move(reply));
    });
    dispatcher.serve<wire::TargetForgetHandlesRequest>(
        *this, [](Node& self, wire::TargetForgetHandlesRequest request, ServerCall&) -> Result<wire::EmptyReply> {
          ++self.asked;
          if (request.handles.front() == self.index) return Status(Code::kNotFound, "it isn't known here");
          return wire::EmptyReply{};
        });
    dispatcher.serve<wire::FlushRequest>(*this, [](Node& self, wire::FlushRequest, ServerCall& call) {
      ++self.asked;
      wire::FlushReply reply;
      reply.server_life = call.header().server_life;
      return Result<wire::FlushReply>(reply);
    });
    dispatcher.serve<wire::TargetDiscardRequest>(*this, [](Node&, wire::TargetDiscardRequest, ServerCall&) {
      return Result<wire::EmptyReply>(wire::EmptyReply{});
    });
  }

  const uint32_t index;
  Dispatcher dispatcher;
  Collectives collectives;
  Health health = Health::kFine;
  int asked = 0;  // Inner requests.
  int sent = 0;   // To others.
  size_t answer_size = 1;
};

// To a target as it is.
class NodeChannel final : public Channel {
 public:
  NodeChannel(Executor& executor, int& sent, Node& to)
      : executor_(executor), sent_(sent), to_(to), sound_(executor, to.dispatcher) {}
  Executor& executor() override { return executor_; }
  uint64_t server_life() const override { return 1; }
  Task<Status> exchange(Exchange& exchange) override {
    ++sent_;
    const Instant deadline = executor_.now() + Duration(static_cast<int64_t>(exchange.header.deadline_ns));
    co_await sleep_for(executor_, 100us);
    if (to_.health == Health::kRefuses) co_return Status(Code::kUnavailable, "it refuses");
    if (to_.health != Health::kSilent) CO_TRY(co_await sound_.exchange(exchange));
    if (to_.health == Health::kSilent || to_.health == Health::kSilentAfterwards) {
      co_await sleep_until(executor_, deadline);
      co_return Status(Code::kTimedOut, "it is silent");
    }
    if (to_.health == Health::kLies) lie(exchange);
    co_return executor_.now() <= deadline ? ok() : Status(Code::kTimedOut, "it came too late");
  }

 private:
  // As if it had been asked for target 0 only.
  static void lie(Exchange& exchange) {
    wire::CollectiveReply reply;
    reply.answers.emplace_back();
    reply.answers[0].targets.push_back({.first = 0, .count = 1});
    exchange.reply.clear();
    wire::begin_message(exchange.reply);
    wire::encode_reply<wire::CollectiveReply>(reply, exchange.header.version, exchange.reply);
    wire::Header header = exchange.header;
    header.flags = wire::kFlagReply;
    wire::seal_message(header, exchange.reply);
  }

  Executor& executor_;
  int& sent_;
  Node& to_;
  InprocChannel sound_;
};

// All targets of a system, and one more that asks them from outside.
class Cluster {
 public:
  explicit Cluster(uint32_t count, CollectiveOptions options = {.arity = 2, .flat_max = 0}, uint64_t seed = 1)
      : scheduler_(seed), network_(scheduler_), process_(scheduler_, network_, "all") {
    for (uint32_t i = 0; i < count; ++i) {
      nodes_.push_back(&process_.own(std::make_unique<Node>(process_.executor(), i, options)));
    }
    for (Node* const from : nodes_) {
      std::vector<std::shared_ptr<Channel>> channels(count);
      for (Node* const to : nodes_) {
        if (to != from) channels[to->index] = std::make_shared<NodeChannel>(process_.executor(), from->sent, *to);
      }
      from->collectives.join(from->index, std::move(channels), [this] { return Epoch{++last_number_}; });
    }
  }

  Node& node(uint32_t index) { return *nodes_.at(index); }
  uint32_t count() const { return static_cast<uint32_t>(nodes_.size()); }
  SimScheduler& scheduler() { return scheduler_; }
  Executor& executor() { return process_.executor(); }
  template <typename T>
  T run(Task<T> task) {
    return process_.run(std::move(task));
  }
  uint64_t last_number() const { return last_number_; }
  std::vector<uint32_t> others(uint32_t root) const {
    std::vector<uint32_t> others;
    for (uint32_t i = 0; i < count(); ++i) {
      if (i != root) others.push_back(i);
    }
    return others;
  }

  // Of target 0, as the root.
  template <typename Request>
  std::vector<AnswerOf<typename Request::Reply>> ask(Request request, bool is_combined = false) {
    const wire::CollectiveReply reply = process_.run(
        node(0).collectives.ask(inner_of(request, wire::kProtocolVersion, is_combined), others(0), kTimeout));
    auto opened = open_answers<typename Request::Reply>(reply, wire::kProtocolVersion, count());
    CHECK(opened.is_ok());
    return std::move(*opened);
  }
  template <typename Request>
  Result<typename Request::Reply> send(uint32_t to, Request request, Duration timeout = kTimeout) {
    InprocChannel channel(process_.executor(), node(to).dispatcher);
    return process_.run(call(channel, std::move(request), Bulk(), timeout));
  }

 private:
  SimScheduler scheduler_;
  SimNetwork network_;
  SimProcess process_;
  std::vector<Node*> nodes_;
  uint64_t last_number_ = 0;
};

// By target; those that several share are there for each.
template <typename Reply>
std::map<uint32_t, Result<Reply>> by_target(const std::vector<AnswerOf<Reply>>& answers) {
  std::map<uint32_t, Result<Reply>> replies;
  for (const AnswerOf<Reply>& answer : answers) {
    for (const uint32_t target : answer.targets) EXPECT_TRUE(replies.emplace(target, answer.reply).second) << target;
  }
  return replies;
}

TEST(AtOnce, TasksEndInAnyOrderAndAnswerInTheirs) {
  SimScheduler scheduler(3);
  SimNetwork network(scheduler);
  SimProcess process(scheduler, network, "one");
  const auto late = [](Executor* executor, int number) -> Task<int> {
    co_await sleep_for(*executor, std::chrono::milliseconds(100 - number));
    co_return number;
  };
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back(late(&process.executor(), i));
  const std::vector<int> ended = process.run(at_once(process.executor(), std::move(tasks)));
  std::vector<int> expected(50);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(ended, expected);
  EXPECT_TRUE(process.run(at_once(process.executor(), std::vector<Task<int>>())).empty());
}

TEST(TargetSets, HaveOneFormAndAreOfTheSystem) {
  const std::vector<uint32_t> some = {0, 1, 2, 5, 7, 8};
  const std::vector<wire::TargetRange> ranges = ranges_of(some);
  EXPECT_EQ(ranges.size(), 3u);
  const Result<std::vector<uint32_t>> back = targets_in(ranges, 9);
  ASSERT_TRUE(back.is_ok());
  EXPECT_EQ(*back, some);
  const auto code = [](std::vector<wire::TargetRange> set, size_t count) { return targets_in(set, count).code(); };
  EXPECT_EQ(code(ranges, 8), Code::kInvalidArgument) << "one that the system hasn't";
  EXPECT_EQ(code({{.first = 4, .count = 0}}, 9), Code::kInvalidArgument);
  EXPECT_EQ(code({{.first = 4, .count = 1}, {.first = 5, .count = 1}}, 9), Code::kInvalidArgument) << "they touch";
  EXPECT_EQ(code({{.first = 4, .count = 1}, {.first = 2, .count = 1}}, 9), Code::kInvalidArgument);
  EXPECT_EQ(code({{.first = 4, .count = 1}, {.first = 4, .count = 1}}, 9), Code::kInvalidArgument);
  EXPECT_EQ(code({{.first = ~0u, .count = ~0u}}, 9), Code::kInvalidArgument);
  EXPECT_EQ(code({{.first = 0, .count = ~0u}}, 9), Code::kInvalidArgument);
  EXPECT_EQ(code({}, 9), Code::kOk);
}

TEST(Collectives, AskEachTargetOnceAndNobodySendsMoreThanTheArity) {
  for (uint32_t count = 1; count <= 64; ++count) {
    for (const uint32_t arity : {2u, 3u, 8u}) {
      SCOPED_TRACE(std::to_string(count) + " targets by " + std::to_string(arity));
      Cluster cluster(count, {.arity = arity, .flat_max = 0});
      const auto replies = by_target(cluster.ask(wire::TargetContainersRequest()));
      ASSERT_EQ(replies.size(), count - 1);
      int sent = 0;
      for (uint32_t i = 0; i < count; ++i) {
        EXPECT_EQ(cluster.node(i).asked, i == 0 ? 0 : 1);
        EXPECT_LE(cluster.node(i).sent, static_cast<int>(arity));
        sent += cluster.node(i).sent;
        if (i == 0) continue;
        ASSERT_TRUE(replies.at(i).is_ok());
        EXPECT_EQ(replies.at(i)->containers.front(), Uuid::from_random(i, 1));
      }
      EXPECT_EQ(sent, static_cast<int>(count) - 1) << "as many messages as one by one";
    }
  }
}

TEST(Collectives, AreAsDeepAsTheLogarithm) {
  Cluster cluster(64, {.arity = 8, .flat_max = 0});
  const Instant begun = cluster.scheduler().now();
  cluster.ask(wire::TargetClockRequest());
  EXPECT_LT(cluster.scheduler().now() - begun, 300us) << "two messages of 100 us one after the other";
}

TEST(Collectives, EqualAnswersAreOneAndOthersAreTheirTargets) {
  Cluster cluster(30, {.arity = 3, .flat_max = 0});
  wire::TargetForgetHandlesRequest request;
  request.handles.push_back(17);
  const auto answers = cluster.ask(request);
  ASSERT_EQ(answers.size(), 2u);
  const auto replies = by_target(answers);
  for (uint32_t i = 1; i < 30; ++i) EXPECT_EQ(replies.at(i).code(), i == 17 ? Code::kNotFound : Code::kOk) << i;
  EXPECT_EQ(replies.at(17).status().message(), "it isn't known here");
}

TEST(Collectives, CombinedAnswersAreOne) {
  Cluster cluster(40, {.arity = 3, .flat_max = 0});
  const auto answers = cluster.ask(wire::TargetClockRequest(), true);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].targets, cluster.others(0));
  ASSERT_TRUE(answers[0].reply.is_ok());
  EXPECT_EQ(answers[0].reply->epoch, Epoch{40});
}

// Which are dead or mad, and how, by chance: all others answer, each within the time there is.
TEST(CollectivesProperty, TargetsThatAreGoneCostTheirOwnAnswersOnly) {
  for_each_seed([](Random& random) {
    const auto count = static_cast<uint32_t>(2 + random.below(63));
    const uint32_t arity = random.one_in(3) ? 8 : static_cast<uint32_t>(2 + random.below(2));
    Cluster cluster(count, {.arity = arity, .flat_max = 0}, random.next());
    const uint64_t gone_of_hundred = random.below(100);
    const bool is_combined = random.one_in(2);
    for (uint32_t i = 1; i < count; ++i) {
      if (random.below(100) < gone_of_hundred) cluster.node(i).health = static_cast<Health>(1 + random.below(3));
    }
    const Instant begun = cluster.scheduler().now();
    const auto answers = cluster.ask(wire::TargetClockRequest(), is_combined);
    EXPECT_LE(cluster.scheduler().now() - begun, 2 * kTimeout + 1s);
    const auto replies = by_target(answers);
    ASSERT_EQ(replies.size(), count - 1);
    uint32_t newest = 0;
    for (uint32_t i = 1; i < count; ++i) {
      const bool is_fine = cluster.node(i).health == Health::kFine;
      if (is_fine) newest = i + 1;
      EXPECT_EQ(replies.at(i).is_ok(), is_fine) << i << ": " << replies.at(i).status().to_string();
      if (!is_fine) continue;
      EXPECT_GE(cluster.node(i).asked, 1);
      if (!is_combined) {
        EXPECT_EQ(replies.at(i)->epoch, Epoch{i + 1});
      }
    }
    for (const auto& answer : answers) {
      if (is_combined && answer.reply.is_ok()) {
        EXPECT_EQ(answer.reply->epoch, Epoch{newest});
      }
    }
  });
}

TEST(Collectives, AnAnswerThatIsntOfThoseThatWereAskedIsNone) {
  Cluster cluster(20);
  for (uint32_t i = 1; i < 20; i += 3) cluster.node(i).health = Health::kLies;
  const auto replies = by_target(cluster.ask(wire::TargetContainersRequest()));
  ASSERT_EQ(replies.size(), 19u);
  for (uint32_t i = 1; i < 20; ++i) {
    EXPECT_EQ(replies.at(i).code(), i % 3 == 1 ? Code::kCorrupt : Code::kOk) << i;
  }
}

TEST(Collectives, AnswersThatAreTooBigTogetherAreAskedForApart) {
  Cluster cluster(12);
  for (uint32_t i = 0; i < 12; ++i) cluster.node(i).answer_size = kMiB / sizeof(Uuid);
  const auto replies = by_target(cluster.ask(wire::TargetContainersRequest()));
  size_t whole = 0, apart = 0;
  for (const auto& [target, reply] : replies) {
    if (reply.is_ok()) ++whole;
    if (is_for_asking_apart(reply.code())) ++apart;
  }
  EXPECT_EQ(whole + apart, 11u);
  EXPECT_GE(whole, 6u);
  EXPECT_LT(whole, 9u);
}

// ---- Clients --------------------------------------------------------------------------------------------------------

template <typename Request>
wire::CollectiveRequest clients(const Request& request, std::vector<uint32_t> targets) {
  wire::CollectiveRequest collective;
  collective.targets = ranges_of(targets);
  collective.inner = inner_of(request, wire::kProtocolVersion);
  return collective;
}

TEST(Collectives, OfAClientAreSeenToByOneOfTheTargets) {
  Cluster cluster(20, {.arity = 3, .flat_max = 0});
  cluster.node(13).health = Health::kSilent;
  const std::vector<uint32_t> some = {2, 3, 4, 7, 9, 12, 13, 14, 15, 19};
  const auto reply = cluster.send(7, clients(wire::FlushRequest(), some));
  ASSERT_TRUE(reply.is_ok()) << reply.status().to_string();
  const auto opened = open_answers<wire::FlushReply>(*reply, wire::kProtocolVersion, 20);
  ASSERT_TRUE(opened.is_ok());
  const auto replies = by_target(*opened);
  ASSERT_EQ(replies.size(), some.size());
  for (const uint32_t target : some) {
    if (target == 13) continue;
    ASSERT_TRUE(replies.at(target).is_ok()) << target;
    EXPECT_EQ(replies.at(target)->server_life, 100 + target) << "as if it had come by itself";
  }
  EXPECT_FALSE(replies.at(13).is_ok());
  EXPECT_EQ(cluster.node(5).asked, 0) << "it isn't one of them";
}

TEST(Collectives, ThatAHostileClientSendsAreRefused) {
  Cluster cluster(8);
  const auto code = [&](const wire::CollectiveRequest& request) { return cluster.send(3, request).code(); };
  const wire::CollectiveRequest good = clients(wire::FlushRequest(), {2, 3});
  EXPECT_EQ(code(good), Code::kOk);

  EXPECT_EQ(code(clients(wire::FlushRequest(), {1, 2})), Code::kInvalidArgument) << "the one asked isn't among them";
  EXPECT_EQ(code(clients(wire::FlushRequest(), {3, 8})), Code::kInvalidArgument) << "a foreign one is";
  EXPECT_EQ(code(clients(wire::TargetClockRequest(), {2, 3})), Code::kInvalidArgument) << "targets ask that";
  wire::CollectiveRequest huge = good;
  huge.targets = {{.first = 0, .count = ~0u}};
  EXPECT_EQ(code(huge), Code::kInvalidArgument);
  huge.targets.assign(100'000, {.first = 3, .count = 1});
  EXPECT_EQ(code(huge), Code::kInvalidArgument);

  for (const wire::Opcode opcode : {wire::Opcode::kCollective, wire::Opcode::kTargetCollective, wire::Opcode::kHello,
                                    wire::Opcode::kObjectWrite, wire::Opcode{999}}) {
    wire::CollectiveRequest nested = good;
    nested.inner.opcode = static_cast<uint16_t>(opcode);
    EXPECT_EQ(code(nested), Code::kInvalidArgument) << static_cast<int>(opcode);
  }
  wire::CollectiveRequest big = good;
  big.inner.fields.resize(kInnerBytesMax + 1);
  EXPECT_EQ(code(big), Code::kTooBig);
  wire::CollectiveRequest foreign = good;
  foreign.inner.version = 99;
  EXPECT_EQ(code(foreign), Code::kProtocolMismatch);
}

TEST(Collectives, WithDamagedRequestsInThemAreAnsweredSoByEachTarget) {
  Cluster cluster(8);
  wire::CollectiveRequest damaged = clients(wire::FlushRequest(), {2, 3, 4});
  damaged.inner.fields.resize(3);
  const auto reply = cluster.send(3, damaged);
  ASSERT_TRUE(reply.is_ok());
  ASSERT_EQ(reply->answers.size(), 1u);
  EXPECT_EQ(reply->answers[0].code, Code::kInvalidArgument);
}

// ---- Other targets --------------------------------------------------------------------------------------------------

wire::TargetCollectiveRequest relayed(uint64_t number, uint64_t ended_below) {
  wire::TargetCollectiveRequest request;
  request.targets = {{.first = 3, .count = 3}};
  request.inner = inner_of(wire::TargetClockRequest(), wire::kProtocolVersion);
  request.arity = 2;
  request.root = 0;
  request.number = Epoch{number};
  request.ended_below = Epoch{ended_below};
  return request;
}

TEST(Collectives, ThatTheirRootHasGoneOnFromAreRefused) {
  Cluster cluster(8);
  for (int i = 0; i < 10; ++i) cluster.ask(wire::TargetClockRequest());  // So that there are numbers.
  const uint64_t before = cluster.last_number();
  const uint64_t number = before + 1;
  cluster.ask(wire::TargetClockRequest());
  const int asked = cluster.node(3).asked;
  EXPECT_EQ(cluster.send(3, relayed(before, before)).code(), Code::kCanceled) << "another came since";
  EXPECT_EQ(cluster.send(3, relayed(number, number)).code(), Code::kOk) << "it may still be waited for";
  cluster.ask(wire::TargetClockRequest());
  EXPECT_EQ(cluster.send(3, relayed(number, number)).code(), Code::kCanceled) << "it isn't any more";
  EXPECT_EQ(cluster.node(3).asked, asked + 2);
  const uint64_t later = cluster.last_number() + 50;
  cluster.node(3).collectives.refuse_through(Epoch{later});
  EXPECT_EQ(cluster.send(3, relayed(later, later)).code(), Code::kCanceled) << "it may be from before a restart";
}

TEST(Collectives, WithNumbersFromTheFutureDontKeepTheirRootFromBeingHeard) {
  Cluster cluster(8);
  EXPECT_EQ(cluster.send(3, relayed(uint64_t{1} << 60, uint64_t{1} << 60)).code(), Code::kOk);
  const auto replies = by_target(cluster.ask(wire::TargetClockRequest()));
  for (uint32_t i = 1; i < 8; ++i) EXPECT_TRUE(replies.at(i).is_ok()) << i;
}

TEST(Collectives, ThatAHostileTargetSendsAreRefused) {
  Cluster cluster(8);
  const auto code = [&](const wire::TargetCollectiveRequest& request) { return cluster.send(3, request).code(); };
  const wire::TargetCollectiveRequest good = relayed(10, 10);
  EXPECT_EQ(code(good), Code::kOk);
  for (const uint32_t arity : {0u, 1u, kArityMax + 1, ~0u}) {
    wire::TargetCollectiveRequest bad = good;
    bad.arity = arity;
    EXPECT_EQ(code(bad), Code::kInvalidArgument) << arity;
  }
  for (const uint32_t root : {3u, 8u, ~0u}) {
    wire::TargetCollectiveRequest bad = good;
    bad.root = root;
    EXPECT_EQ(code(bad), Code::kInvalidArgument) << root;
  }
  wire::TargetCollectiveRequest impossible = good;
  impossible.ended_below = Epoch{11};
  EXPECT_EQ(code(impossible), Code::kInvalidArgument);
  wire::TargetCollectiveRequest elsewhere = good;
  elsewhere.targets = {{.first = 4, .count = 2}};
  EXPECT_EQ(code(elsewhere), Code::kInvalidArgument) << "so none goes round in a circle";
  wire::TargetCollectiveRequest late = good;
  late.inner.opcode = static_cast<uint16_t>(wire::Opcode::kTargetDiscard);
  EXPECT_EQ(code(late), Code::kInvalidArgument) << "it does harm when it comes late";
}

TEST(Collectives, MayHaveNoDeadlineAndThenEndAllTheSame) {
  Cluster cluster(8);
  for (uint32_t i = 4; i < 8; ++i) cluster.node(i).health = Health::kSilent;
  const auto reply = cluster.send(3, clients(wire::FlushRequest(), {3, 4, 5, 6, 7}), Duration(0));
  ASSERT_TRUE(reply.is_ok());
  const auto opened = open_answers<wire::FlushReply>(*reply, wire::kProtocolVersion, 8);
  ASSERT_TRUE(opened.is_ok());
  EXPECT_EQ(by_target(*opened).size(), 5u);
}

TEST(Collectives, OfTooManyAtATimeAreToldToComeLater) {
  Cluster cluster(8);
  cluster.node(4).health = Health::kSilent;
  InprocChannel channel(cluster.executor(), cluster.node(3).dispatcher);
  std::vector<Task<Result<wire::CollectiveReply>>> asking;
  for (int i = 0; i < 200; ++i) {
    asking.push_back(call(channel, clients(wire::FlushRequest(), {3, 4}), Bulk(), kTimeout));
  }
  const auto replies = cluster.run(at_once(cluster.executor(), std::move(asking)));
  const auto is = [](Code code) { return [code](const auto& reply) { return reply.code() == code; }; };
  EXPECT_EQ(std::ranges::count_if(replies, is(Code::kBusy)), 72);
  EXPECT_EQ(std::ranges::count_if(replies, is(Code::kOk)), 128);
}

}  // namespace
}  // namespace aeon::rpc
