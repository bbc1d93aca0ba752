#include <atomic>
#include <chrono>
#include <ctime>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "event.h"
#include "library.h"
#include "scratch_system.h"

namespace aeon::capi {
namespace {

// Queues and events by themselves: the test ends the operations.
class Events : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(daos_init(), 0);
    ASSERT_EQ(daos_eq_create(&eqh_), 0);
  }
  void TearDown() override {
    EXPECT_EQ(daos_eq_destroy(eqh_, 0), 0);
    EXPECT_EQ(daos_fini(), 0);
  }

  static EventState* begin(daos_event_t& event) {
    EventState* state = nullptr;
    EXPECT_EQ(begin_event(&event, &state), 0);
    return state;
  }
  int poll(int64_t timeout = DAOS_EQ_NOWAIT, int wait_running = 0) {
    return daos_eq_poll(eqh_, wait_running, timeout, 8, polled_);
  }
  int count(daos_eq_query_t query) { return daos_eq_query(eqh_, query, 0, nullptr); }

  daos_handle_t eqh_{};
  daos_event_t* polled_[8] = {};
};

TEST_F(Events, GoFromRunningToCompletedToReady) {
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, eqh_, nullptr), 0);
  EventState* state = begin(event);
  EXPECT_EQ(poll(), 0);
  EXPECT_EQ(count(DAOS_EQR_WAITING), 1);
  EXPECT_EQ(daos_event_fini(&event), -DER_BUSY);
  EXPECT_EQ(daos_event_abort(&event), 0);
  EXPECT_EQ(begin_event(&event, &state), -DER_NO_PERM);

  complete_event(state, -DER_IO);
  EXPECT_EQ(count(DAOS_EQR_WAITING), 0);
  EXPECT_EQ(count(DAOS_EQR_COMPLETED), 1);
  EXPECT_EQ(daos_event_fini(&event), -DER_BUSY);  // Not yet polled.
  ASSERT_EQ(poll(), 1);
  EXPECT_EQ(polled_[0], &event);
  EXPECT_EQ(event.ev_error, -DER_IO);
  EXPECT_EQ(count(DAOS_EQR_ALL), 0);
  EXPECT_EQ(daos_event_abort(&event), -DER_NO_PERM);

  complete_event(begin(event), 0);  // And again.
  ASSERT_EQ(poll(), 1);
  EXPECT_EQ(event.ev_error, 0);
  EXPECT_EQ(daos_event_fini(&event), 0);
  EXPECT_EQ(daos_event_fini(&event), -DER_INVAL);
}

TEST_F(Events, FoundCompletedByTestAreNotPolled) {
  daos_event_t event;
  bool flag = true;
  ASSERT_EQ(daos_event_init(&event, eqh_, nullptr), 0);
  ASSERT_EQ(daos_event_test(&event, DAOS_EQ_NOWAIT, &flag), 0);
  EXPECT_FALSE(flag);  // Never started.
  EventState* state = begin(event);
  ASSERT_EQ(daos_event_test(&event, 1000, &flag), 0);
  EXPECT_FALSE(flag);
  complete_event(state, 5);
  ASSERT_EQ(daos_event_test(&event, DAOS_EQ_WAIT, &flag), 0);
  EXPECT_TRUE(flag);
  EXPECT_EQ(event.ev_error, 5);
  EXPECT_EQ(poll(), 0);
  EXPECT_EQ(daos_event_fini(&event), 0);
}

TEST_F(Events, WithoutAQueueAreTested) {
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, DAOS_HDL_INVAL, nullptr), 0);
  complete_event(begin(event), -DER_INVAL);
  EXPECT_EQ(poll(), 0);
  bool flag = false;
  ASSERT_EQ(daos_event_test(&event, DAOS_EQ_NOWAIT, &flag), 0);
  EXPECT_TRUE(flag);
  EXPECT_EQ(daos_event_fini(&event), 0);
}

TEST_F(Events, AParentCompletesWithItsChildren) {
  daos_event_t parent;
  daos_event_t children[3];
  ASSERT_EQ(daos_event_init(&parent, eqh_, nullptr), 0);
  EXPECT_EQ(daos_event_parent_barrier(&parent), -DER_INVAL);  // No children.
  std::vector<EventState*> states;
  for (daos_event_t& child : children) {
    ASSERT_EQ(daos_event_init(&child, DAOS_HDL_INVAL, &parent), 0);
    states.push_back(begin(child));
  }
  EXPECT_EQ(daos_event_next(&parent, nullptr), &children[0]);
  EXPECT_EQ(daos_event_next(&parent, &children[1]), &children[2]);
  EXPECT_EQ(daos_event_next(&parent, &children[2]), nullptr);
  daos_event_t grandchild;
  EXPECT_EQ(daos_event_init(&grandchild, DAOS_HDL_INVAL, &children[0]), -DER_NO_PERM);

  complete_event(states[1], -DER_NOSPACE);
  ASSERT_EQ(daos_event_parent_barrier(&parent), 0);
  EXPECT_EQ(daos_event_parent_barrier(&parent), -DER_NO_PERM);
  EXPECT_EQ(daos_event_init(&grandchild, DAOS_HDL_INVAL, &parent), -DER_NO_PERM);  // In flight.
  complete_event(states[0], 0);
  EXPECT_EQ(poll(), 0);
  EXPECT_EQ(daos_event_fini(&children[0]), -DER_BUSY);
  bool flag;
  EXPECT_EQ(daos_event_test(&children[0], DAOS_EQ_NOWAIT, &flag), -DER_NO_PERM);
  complete_event(states[2], -DER_IO);
  ASSERT_EQ(poll(), 1);
  EXPECT_EQ(polled_[0], &parent);
  EXPECT_EQ(parent.ev_error, -DER_NOSPACE);  // The first.
  EXPECT_EQ(children[2].ev_error, -DER_IO);

  // All of them can be used again.
  for (size_t i = 0; i < 3; ++i) states[i] = begin(children[i]);
  EventState* own = begin(parent);  // With an operation of its own it needs no barrier.
  complete_event(own, 0);
  EXPECT_EQ(poll(), 0);
  for (EventState* state : states) complete_event(state, 0);
  ASSERT_EQ(poll(), 1);
  EXPECT_EQ(parent.ev_error, 0);
  EXPECT_EQ(daos_event_fini(&children[1]), 0);
  EXPECT_EQ(daos_event_fini(&parent), 0);
  EXPECT_EQ(daos_event_fini(&children[0]), -DER_INVAL);  // Gone with its parent.
}

TEST_F(Events, ABarrierAfterTheLastChildCompletesAtOnce) {
  daos_event_t parent;
  daos_event_t child;
  ASSERT_EQ(daos_event_init(&parent, eqh_, nullptr), 0);
  ASSERT_EQ(daos_event_init(&child, DAOS_HDL_INVAL, &parent), 0);
  complete_event(begin(child), 0);
  EXPECT_EQ(poll(), 0);
  ASSERT_EQ(daos_event_parent_barrier(&parent), 0);
  EXPECT_EQ(poll(), 1);
  EXPECT_EQ(daos_event_fini(&parent), 0);
}

TEST_F(Events, CallbacksRunOnceInReverseOrderAndDecideTheResult) {
  struct Log {
    std::string calls;
    int result = 0;
  } log;
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, eqh_, nullptr), 0);
  const auto first = [](void* argument, daos_event_t*, int result) {
    static_cast<Log*>(argument)->calls += "1";
    return result + 1;
  };
  const auto second = [](void* argument, daos_event_t*, int result) {
    static_cast<Log*>(argument)->calls += "2";
    static_cast<Log*>(argument)->result = result;
    return 40;
  };
  ASSERT_EQ(daos_event_register_comp_cb(&event, first, &log), 0);
  ASSERT_EQ(daos_event_register_comp_cb(&event, second, &log), 0);
  EXPECT_EQ(daos_event_register_comp_cb(&event, nullptr, &log), -DER_INVAL);
  EventState* state = begin(event);
  EXPECT_EQ(daos_event_register_comp_cb(&event, first, &log), -DER_NO_PERM);
  complete_event(state, -DER_IO);
  EXPECT_EQ(log.calls, "21");
  EXPECT_EQ(log.result, -DER_IO);
  ASSERT_EQ(poll(), 1);
  EXPECT_EQ(event.ev_error, 41);
  complete_event(begin(event), 0);
  EXPECT_EQ(log.calls, "21");
  ASSERT_EQ(poll(), 1);
  EXPECT_EQ(daos_event_fini(&event), 0);
}

TEST_F(Events, OnesThatWereNeverReadiedAreErrors) {
  daos_event_t garbage;
  std::memset(&garbage, 0x5a, sizeof garbage);
  EventState* state = nullptr;
  bool flag;
  EXPECT_EQ(begin_event(&garbage, &state), -DER_INVAL);
  EXPECT_EQ(daos_event_fini(&garbage), -DER_INVAL);
  EXPECT_EQ(daos_event_fini(nullptr), -DER_INVAL);
  EXPECT_EQ(daos_event_test(&garbage, DAOS_EQ_NOWAIT, &flag), -DER_INVAL);
  EXPECT_EQ(daos_event_parent_barrier(&garbage), -DER_INVAL);
  EXPECT_EQ(daos_event_abort(&garbage), -DER_INVAL);
  EXPECT_EQ(daos_event_next(&garbage, nullptr), nullptr);
  daos_event_t event;
  EXPECT_EQ(daos_event_init(nullptr, eqh_, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_event_init(&event, {0x1234}, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_event_init(&event, eqh_, &garbage), -DER_INVAL);
  ASSERT_EQ(daos_event_init(&event, eqh_, nullptr), 0);
  daos_event_t copy = event;
  EXPECT_EQ(begin_event(&copy, &state), -DER_INVAL);
  EXPECT_EQ(daos_event_test(&event, -7, &flag), -DER_INVAL);
  EXPECT_EQ(daos_event_test(&event, 0, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_event_fini(&event), 0);
}

TEST_F(Events, QueuesRefuseBadArguments) {
  daos_event_t* out[1];
  EXPECT_EQ(daos_eq_create(nullptr), -DER_INVAL);
  EXPECT_EQ(daos_eq_poll(eqh_, 0, DAOS_EQ_NOWAIT, 0, out), -DER_INVAL);
  EXPECT_EQ(daos_eq_poll(eqh_, 0, DAOS_EQ_NOWAIT, 1, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_eq_poll(eqh_, 0, -2, 1, out), -DER_INVAL);
  EXPECT_EQ(daos_eq_poll({99}, 0, DAOS_EQ_NOWAIT, 1, out), -DER_NONEXIST);
  EXPECT_EQ(daos_eq_query({99}, DAOS_EQR_ALL, 0, nullptr), -DER_NONEXIST);
  EXPECT_EQ(daos_eq_query(eqh_, static_cast<daos_eq_query_t>(0), 0, nullptr), -DER_INVAL);
  EXPECT_EQ(daos_eq_destroy({99}, 0), -DER_NONEXIST);
  EXPECT_EQ(daos_eq_destroy(eqh_, 8), -DER_INVAL);
}

TEST_F(Events, AQueueIsDestroyedByForceOnceItsOperationsHaveEnded) {
  daos_handle_t eqh;
  ASSERT_EQ(daos_eq_create(&eqh), 0);
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, eqh, nullptr), 0);
  EventState* state = begin(event);
  EXPECT_EQ(daos_eq_destroy(eqh, 0), -DER_BUSY);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    complete_event(state, 0);
  });
  EXPECT_EQ(daos_eq_destroy(eqh, DAOS_EQ_DESTROY_FORCE), 0);
  other.join();
  EXPECT_EQ(begin_event(&event, &state), -DER_NONEXIST);
  EXPECT_EQ(daos_event_fini(&event), 0);
  EXPECT_EQ(daos_eq_destroy(eqh, 0), -DER_NONEXIST);
}

TEST_F(Events, TheLibraryDoesNotEndUnderAnOperation) {
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, eqh_, nullptr), 0);
  EventState* state = begin(event);
  EXPECT_EQ(daos_fini(), -DER_BUSY);
  complete_event(state, 0);
  EXPECT_EQ(poll(), 1);
  EXPECT_EQ(daos_event_fini(&event), 0);
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

TEST_F(Events, WaitingTakesTheTimeGivenButNoProcessor) {
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, eqh_, nullptr), 0);
  EventState* state = begin(event);
  const auto start = std::chrono::steady_clock::now();
  const double processor_start = processor_seconds();
  EXPECT_EQ(poll(200'000, 1), 0);
  const auto waited = std::chrono::steady_clock::now() - start;
  EXPECT_GE(waited, std::chrono::milliseconds(200));
  EXPECT_LT(processor_seconds() - processor_start, 0.1);
  complete_event(state, 0);
  EXPECT_EQ(poll(DAOS_EQ_WAIT), 1);
  EXPECT_EQ(poll(DAOS_EQ_WAIT, 1), 0);  // Nothing is running, so it doesn't wait.
  EXPECT_EQ(daos_event_fini(&event), 0);
}

TEST_F(Events, ManyThreadsShareAQueue) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  std::atomic<int> polled{0};
  std::atomic<int> started{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        auto* event = new daos_event_t();
        ASSERT_EQ(daos_event_init(event, eqh_, nullptr), 0);
        EventState* state = nullptr;
        ASSERT_EQ(begin_event(event, &state), 0);
        ++started;
        complete_event(state, 0);
        daos_event_t* taken[2];
        const int got = daos_eq_poll(eqh_, 0, DAOS_EQ_NOWAIT, 2, taken);
        ASSERT_GE(got, 0);
        for (int k = 0; k < got; ++k) {
          ASSERT_EQ(daos_event_fini(taken[k]), 0);
          delete taken[k];
        }
        polled += got;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int got = 0;
  while ((got = poll()) > 0) {
    for (int k = 0; k < got; ++k) {
      EXPECT_EQ(daos_event_fini(polled_[k]), 0);
      delete polled_[k];
    }
    polled += got;
  }
  EXPECT_EQ(polled.load(), started.load());
}

// ---- Operations of a real system in flight -----------------------------------------------------

class AsyncCalls : public ScratchContainer {
 protected:
  void SetUp() override {
    ScratchContainer::SetUp();
    ASSERT_EQ(daos_eq_create(&eqh_), 0);
    ASSERT_EQ(daos_kv_open(coh_, new_oid(DAOS_OT_KV_HASHED), DAOS_OO_RW, &kv_, nullptr), 0);
  }
  void TearDown() override {
    EXPECT_EQ(daos_kv_close(kv_, nullptr), 0);
    EXPECT_EQ(daos_eq_destroy(eqh_, 0), 0);
    ScratchContainer::TearDown();
  }
  // Waits for `count` events and expects all to have gone well.
  void expect_completions(int count) {
    while (count > 0) {
      daos_event_t* events[16];
      const int got = daos_eq_poll(eqh_, 1, DAOS_EQ_WAIT, 16, events);
      ASSERT_GT(got, 0);
      for (int i = 0; i < got; ++i) EXPECT_EQ(events[i]->ev_error, 0);
      count -= got;
    }
  }

  daos_handle_t eqh_{};
  daos_handle_t kv_{};
};

TEST_F(AsyncCalls, ManyInFlightAllComplete) {
  constexpr size_t kCount = 64;
  std::vector<daos_event_t> events(kCount);
  std::vector<std::string> values(kCount);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(daos_event_init(&events[i], eqh_, nullptr), 0);
    values[i] = std::string(100 + i * 300, static_cast<char>('a' + i % 26));
    const std::string key = "key" + std::to_string(i);
    ASSERT_EQ(daos_kv_put(kv_, DAOS_TX_NONE, 0, key.c_str(), values[i].size(), values[i].data(), &events[i]), 0);
  }
  expect_completions(kCount);
  std::vector<std::string> read(kCount, std::string(20000, '.'));
  std::vector<daos_size_t> sizes(kCount, 20000);
  for (size_t i = 0; i < kCount; ++i) {
    const std::string key = "key" + std::to_string(i);
    ASSERT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, 0, key.c_str(), &sizes[i], read[i].data(), &events[i]), 0);
  }
  expect_completions(kCount);
  for (size_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(read[i].substr(0, sizes[i]), values[i]);
    EXPECT_EQ(daos_event_fini(&events[i]), 0);
  }
}

TEST_F(AsyncCalls, EveryStepFromPoolToObjectCanBeOne) {
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, eqh_, nullptr), 0);
  daos_handle_t poh{};
  ASSERT_EQ(daos_pool_connect("default", nullptr, DAOS_PC_RW, &poh, nullptr, &event), 0);
  expect_completions(1);
  ASSERT_EQ(daos_cont_create_with_label(poh, "async", nullptr, nullptr, &event), 0);
  expect_completions(1);
  daos_handle_t coh{};
  ASSERT_EQ(daos_cont_open(poh, "async", DAOS_COO_RW, &coh, nullptr, &event), 0);
  expect_completions(1);
  daos_handle_t oh{};
  ASSERT_EQ(daos_obj_open(coh, new_oid(DAOS_OT_MULTI_HASHED), DAOS_OO_RW, &oh, &event), 0);
  expect_completions(1);
  ASSERT_EQ(daos_obj_close(oh, &event), 0);
  expect_completions(1);
  ASSERT_EQ(daos_cont_close(coh, &event), 0);
  expect_completions(1);
  ASSERT_EQ(daos_cont_destroy(poh, "async", 0, &event), 0);
  expect_completions(1);
  ASSERT_EQ(daos_pool_disconnect(poh, &event), 0);
  expect_completions(1);
  EXPECT_EQ(daos_event_fini(&event), 0);
}

TEST_F(AsyncCalls, AFaultIsInTheEventAndABadArgumentInTheReturnValue) {
  daos_event_t event;
  ASSERT_EQ(daos_event_init(&event, eqh_, nullptr), 0);
  daos_handle_t coh{};
  EXPECT_EQ(daos_cont_open(poh_, nullptr, DAOS_COO_RW, &coh, nullptr, &event), -DER_INVAL);
  ASSERT_EQ(daos_cont_open(poh_, "missing", DAOS_COO_RW, &coh, nullptr, &event), 0);
  daos_event_t* polled = nullptr;
  ASSERT_EQ(daos_eq_poll(eqh_, 1, DAOS_EQ_WAIT, 1, &polled), 1);
  EXPECT_EQ(event.ev_error, -DER_NONEXIST);
  EXPECT_EQ(daos_event_fini(&event), 0);
}

TEST_F(AsyncCalls, ACallbackMayStartTheNextOperationButNotBlock) {
  struct Next {
    daos_handle_t kv;
    daos_event_t* event;
    int blocking_rc = 0;
    int starting_rc = -1;
  } next;
  daos_event_t first;
  daos_event_t second;
  ASSERT_EQ(daos_event_init(&first, eqh_, nullptr), 0);
  ASSERT_EQ(daos_event_init(&second, eqh_, nullptr), 0);
  next.kv = kv_;
  next.event = &second;
  const auto start_next = [](void* argument, daos_event_t*, int result) {
    auto* self = static_cast<Next*>(argument);
    self->blocking_rc = daos_kv_put(self->kv, DAOS_TX_NONE, 0, "blocking", 1, "x", nullptr);
    self->starting_rc = daos_kv_put(self->kv, DAOS_TX_NONE, 0, "second", 1, "x", self->event);
    return result;
  };
  ASSERT_EQ(daos_event_register_comp_cb(&first, start_next, &next), 0);
  ASSERT_EQ(daos_kv_put(kv_, DAOS_TX_NONE, 0, "first", 1, "x", &first), 0);
  expect_completions(2);
  EXPECT_EQ(next.blocking_rc, -DER_NO_PERM);
  EXPECT_EQ(next.starting_rc, 0);
  daos_size_t size = 0;
  EXPECT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, 0, "second", &size, nullptr, nullptr), 0);
  EXPECT_EQ(size, 1u);
  EXPECT_EQ(daos_event_fini(&first), 0);
  EXPECT_EQ(daos_event_fini(&second), 0);
}

TEST_F(AsyncCalls, ThreadsWithQueuesOfTheirOwnShareASystem) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      daos_handle_t eqh;
      ASSERT_EQ(daos_eq_create(&eqh), 0);
      daos_event_t event;
      ASSERT_EQ(daos_event_init(&event, eqh, nullptr), 0);
      for (int i = 0; i < 50; ++i) {
        const std::string key = std::to_string(t) + "/" + std::to_string(i);
        ASSERT_EQ(daos_kv_put(kv_, DAOS_TX_NONE, 0, key.c_str(), key.size(), key.data(), &event), 0);
        daos_event_t* polled = nullptr;
        ASSERT_EQ(daos_eq_poll(eqh, 1, DAOS_EQ_WAIT, 1, &polled), 1);
        ASSERT_EQ(polled->ev_error, 0);
        std::string read(16, '.');
        daos_size_t size = read.size();
        ASSERT_EQ(daos_kv_get(kv_, DAOS_TX_NONE, 0, key.c_str(), &size, read.data(), nullptr), 0);
        ASSERT_EQ(read.substr(0, size), key);
      }
      EXPECT_EQ(daos_event_fini(&event), 0);
      EXPECT_EQ(daos_eq_destroy(eqh, 0), 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace aeon::capi
