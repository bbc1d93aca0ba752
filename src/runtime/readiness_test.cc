#include "runtime/readiness.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "runtime/sync.h"

namespace aeon {
namespace {

constexpr Duration kSoon = std::chrono::seconds(20);

// With the ring or without.
class ReadinessTest : public testing::TestWithParam<bool>, protected Readiness::Listener {
 protected:
  void on_ready() override {
    ++times_;
    changed_.notify_all();
  }
  void make_readable() const {
    const uint64_t one = 1;
    ASSERT_EQ(::write(descriptor_, &one, sizeof one), ssize_t{sizeof one});
  }
  void take() const {
    uint64_t count = 0;
    ASSERT_EQ(::read(descriptor_, &count, sizeof count), ssize_t{sizeof count});
  }
  void TearDown() override { ::close(descriptor_); }

  Task<void> hear(int times) {
    const Instant deadline = reactor_.now() + kSoon;
    while (times_ < times && reactor_.now() < deadline) co_await sleep_for(reactor_, std::chrono::milliseconds(1));
  }
  Task<void> make() {
    Readiness::Listener& listener = *this;
    readiness_ = std::make_unique<Readiness>(reactor_, descriptor_, listener);
    readiness_->arm();
    readiness_->arm();
    co_return;
  }
  Task<void> arm_again() {
    readiness_->arm();
    co_return;
  }
  Task<void> destroy() {
    readiness_.reset();
    co_return;
  }
  Task<void> destroy_readable(Reactor* reactor) {
    Readiness::Listener& listener = *this;
    auto readiness = std::make_unique<Readiness>(*reactor, descriptor_, listener);
    readiness->arm();
    co_await sleep_for(*reactor, std::chrono::microseconds(100));
    make_readable();
    readiness.reset();
    co_await yield(*reactor);
  }
  Task<void> wait_briefly() { co_await sleep_for(reactor_, std::chrono::milliseconds(5)); }

  const int descriptor_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  Reactor reactor_{Reactor::Options{.use_io_uring = GetParam()}};
  Signal changed_{reactor_};
  std::atomic<int> times_ = 0;
  std::unique_ptr<Readiness> readiness_;
};

TEST_P(ReadinessTest, SaysOnceThatThereIsSomethingToRead) {
  reactor_.run(make());
  reactor_.run(wait_briefly());
  EXPECT_EQ(times_, 0);
  make_readable();
  reactor_.run(hear(1));
  EXPECT_EQ(times_, 1);
  reactor_.run(wait_briefly());
  EXPECT_EQ(times_, 1) << "it wasn't asked again";
  take();
  reactor_.run(arm_again());
  make_readable();
  reactor_.run(hear(2));
  EXPECT_EQ(times_, 2);
  reactor_.run(destroy());
}

// The reactor's destructor waits for what the kernel still has.
TEST_P(ReadinessTest, MayGoWhileItWaits) {
  reactor_.run(make());
  reactor_.run(destroy());
  make_readable();
  reactor_.run(wait_briefly());
  EXPECT_EQ(times_, 0);
}

// What is told to it then finds nobody, and the kernel may still have the request to stop it.
TEST_P(ReadinessTest, MayGoAsItCouldBeTold) {
  for (int round = 0; round < 100; ++round) {
    Reactor reactor{Reactor::Options{.use_io_uring = GetParam()}};
    reactor.run(destroy_readable(&reactor));
    take();
  }
  EXPECT_EQ(times_, 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ReadinessTest, testing::Bool(), [](const testing::TestParamInfo<bool>& with_ring) {
  return with_ring.param ? "WithRing" : "WithoutRing";
});

}  // namespace
}  // namespace aeon
