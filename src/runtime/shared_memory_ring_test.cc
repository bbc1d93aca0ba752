#include "shared_memory_ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/random.h"
#include "shared_memory.h"
#include "spin_policy.h"

namespace aeon {
namespace {

using namespace std::chrono_literals;

struct TestRing {
  explicit TestRing(size_t size) : memory(size) {}
  std::unique_ptr<SharedRingControl> control = std::make_unique<SharedRingControl>();
  Bytes memory;
  SharedRingProducer producer{*control, memory};
  SharedRingConsumer consumer{*control, memory};
};

TEST(SharedRing, GivesWhatWasPutInOrder) {
  TestRing ring(256);
  Random random(1);
  std::deque<std::byte> model;
  for (int step = 0; step < 20'000; ++step) {
    if (random.below(2) == 0) {
      Bytes bytes(random.below(300));
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
      const std::optional<size_t> room = ring.producer.room(bytes.size());
      ASSERT_TRUE(room);
      ASSERT_LE(*room, 256 - model.size());
      ASSERT_GE(*room, std::min(bytes.size(), 256 - model.size()));
      bytes.resize(std::min(bytes.size(), *room));
      ring.producer.append(bytes);
      ring.producer.publish();
      model.insert(model.end(), bytes.begin(), bytes.end());
    } else {
      Bytes into(1 + random.below(300));
      ASSERT_EQ(ring.consumer.has_news(), !model.empty());
      const std::optional<size_t> taken = ring.consumer.take(into);
      ASSERT_TRUE(taken);
      ASSERT_EQ(*taken, std::min(into.size(), model.size()));
      ASSERT_TRUE(std::equal(into.begin(), into.begin() + static_cast<ptrdiff_t>(*taken), model.begin()));
      model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(*taken));
    }
  }
}

TEST(SharedRing, FindsPositionsThatCantBe) {
  for (const uint64_t written : {uint64_t{257}, uint64_t{1} << 40, ~uint64_t{0}}) {
    TestRing ring(256);
    Bytes into(1000);
    ring.control->written.store(written);
    EXPECT_FALSE(ring.consumer.take(into)) << written;
  }
  for (const uint64_t taken : {uint64_t{1}, uint64_t{1} << 40, ~uint64_t{0}}) {
    TestRing ring(256);
    ring.producer.append(Bytes(256));
    ring.producer.publish();
    ring.control->taken.store(taken == 1 ? 257 : taken);
    EXPECT_FALSE(ring.producer.room(1)) << taken;
  }
}

TEST(SharedRing, WakesOnlyWhoSaidThatItSleeps) {
  TestRing ring(256);
  Bytes into(256);
  ring.producer.append(Bytes(200));
  EXPECT_FALSE(ring.producer.publish());
  ring.consumer.say_sleeping();
  EXPECT_TRUE(ring.producer.publish());
  EXPECT_FALSE(ring.producer.publish()) << "it has been told once";
  ring.producer.say_sleeping();
  ASSERT_EQ(*ring.consumer.take(MutableBytes(into).first(71)), 71u);
  EXPECT_FALSE(ring.consumer.must_wake_producer()) << "a little room isn't worth it";
  ASSERT_EQ(*ring.consumer.take(MutableBytes(into).first(1)), 1u);
  EXPECT_TRUE(ring.consumer.must_wake_producer());
}

// Stands for the socket: what is rung while nobody listens isn't lost.
class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    is_rung_ = true;
    changed_.notify_one();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    const bool in_time = changed_.wait_for(lock, 20s, [this] { return is_rung_; });
    is_rung_ = false;
    return in_time;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_rung_ = false;
};

std::byte byte_at(size_t position) { return static_cast<std::byte>(position * 31 >> 3 ^ position >> 11); }

// The producer says nothing more before it is answered, just when the consumer is about to sleep: a wake-up that gets
// lost is a test that stands still.
TEST(SharedRing, LosesNoWakeUp) {
  constexpr int kRounds = 40'000;
  TestRing there(256), back(256);
  Bell bell;
  std::atomic<bool> has_failed{false};
  std::thread consuming([&] {
    Random random(3);
    Bytes into(1);
    for (int i = 0; i < kRounds && !has_failed.load(); ++i) {
      for (uint64_t looks = random.below(60); looks != 0 && !there.consumer.has_news(); --looks) {}
      while (*there.consumer.take(into) == 0) {
        there.consumer.say_sleeping();
        if (!there.consumer.has_news() && !bell.wait()) {
          has_failed.store(true);
          return;
        }
        there.consumer.say_awake();
      }
      back.producer.append(into);
      back.producer.publish();
      back.producer.room(256);
    }
  });
  Bytes into(1);
  for (int i = 0; i < kRounds && !has_failed.load(); ++i) {
    there.producer.room(256);
    there.producer.append(Bytes(1));
    if (there.producer.publish()) bell.ring();
    while (*back.consumer.take(into) == 0 && !has_failed.load()) {
      for (int looks = 0; looks < 200 && !back.consumer.has_news(); ++looks) {}
      if (!back.consumer.has_news()) std::this_thread::yield();
    }
  }
  consuming.join();
  EXPECT_FALSE(has_failed.load());
}

// Both sides sleep whenever they can.
TEST(SharedRing, MovesBytesBetweenTwoWhoSleep) {
  constexpr size_t kSize = 3'000'000;
  TestRing ring(256);
  Bell for_consumer, for_producer;
  bool producer_was_woken = true, consumer_was_woken = true;
  std::thread producing([&] {
    Random random(2);
    for (size_t at = 0; at < kSize && producer_was_woken;) {
      const size_t room = *ring.producer.room(1);
      if (room == 0) {
        ring.producer.say_sleeping();
        if (*ring.producer.room(64) < 64) producer_was_woken = for_producer.wait();
        ring.producer.say_awake();
        continue;
      }
      Bytes bytes(std::min<size_t>({kSize - at, room, 1 + random.below(100)}));
      for (std::byte& byte : bytes) byte = byte_at(at++);
      ring.producer.append(bytes);
      if (ring.producer.publish()) for_consumer.ring();
    }
  });
  size_t at = 0, wrong = 0;
  Bytes into(90);
  while (at < kSize && consumer_was_woken) {
    const size_t taken = *ring.consumer.take(into);
    for (size_t i = 0; i < taken; ++i) wrong += into[i] != byte_at(at++);
    if (taken != 0) {
      if (ring.consumer.must_wake_producer()) for_producer.ring();
      continue;
    }
    ring.consumer.say_sleeping();
    if (!ring.consumer.has_news()) consumer_was_woken = for_consumer.wait();
    ring.consumer.say_awake();
  }
  producing.join();
  EXPECT_TRUE(producer_was_woken);
  EXPECT_TRUE(consumer_was_woken);
  EXPECT_EQ(at, kSize);
  EXPECT_EQ(wrong, 0u);
}

TEST(SharedMemory, RefusesWhatWouldntBeSafeToTouch) {
  constexpr ByteCount kRing = 64 * kKiB;
  const auto whole = static_cast<off_t>(SharedMemory::total_size(kRing));
  const auto make = [](off_t size, int seals) {
    const int descriptor = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT_EQ(ftruncate(descriptor, size), 0);
    EXPECT_EQ(fcntl(descriptor, F_ADD_SEALS, seals), 0);
    return descriptor;
  };
  EXPECT_TRUE(SharedMemory::adopt(make(whole, F_SEAL_SHRINK), kRing).is_ok());
  EXPECT_EQ(SharedMemory::adopt(make(whole, F_SEAL_GROW), kRing).code(), Code::kInvalidArgument);
  EXPECT_EQ(SharedMemory::adopt(make(whole - 1, F_SEAL_SHRINK), kRing).code(), Code::kInvalidArgument);
  EXPECT_FALSE(SharedMemory::adopt(make(whole, F_SEAL_SHRINK | F_SEAL_WRITE), kRing).is_ok());
  for (const ByteCount size : {ByteCount{0}, ByteCount{1}, 2 * kKiB, 65 * kKiB, 2 * kMiB, ~ByteCount{0}}) {
    EXPECT_EQ(SharedMemory::adopt(make(whole, F_SEAL_SHRINK), size).code(), Code::kInvalidArgument) << size;
  }
  const std::string path = testing::TempDir() + "shared_memory_" + std::to_string(getpid());
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  EXPECT_EQ(ftruncate(file, whole), 0);
  EXPECT_EQ(SharedMemory::adopt(file, kRing).code(), Code::kInvalidArgument);
  unlink(path.c_str());
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  EXPECT_EQ(SharedMemory::adopt(pipe_ends[0], kRing).code(), Code::kInvalidArgument);
  EXPECT_EQ(fcntl(pipe_ends[0], F_GETFD), -1) << "it was closed";
  close(pipe_ends[1]);
  const int huge = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
  if (huge >= 0) {
    EXPECT_EQ(fcntl(huge, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    EXPECT_EQ(SharedMemory::adopt(huge, kRing).code(), Code::kInvalidArgument);
  }
}

TEST(SharedMemory, TheOtherSideCantCutItOff) {
  const Result<std::unique_ptr<SharedMemory>> memory = SharedMemory::create(4 * kKiB);
  ASSERT_TRUE(memory.is_ok()) << memory.status().to_string();
  EXPECT_NE(ftruncate((*memory)->descriptor(), 0), 0);
  (*memory)->ring(1).back() = std::byte{1};
}

TEST(SpinPolicy, StopsWhereItDoesntPayAndTriesNowAndThen) {
  SpinPolicy policy;
  const Instant now{};
  int tried = 0;
  for (int i = 0; i < 1000; ++i) {
    if (!policy.is_worthwhile(now)) continue;
    ++tried;
    policy.wasted();
  }
  EXPECT_GE(tried, 30);
  EXPECT_LE(tried, 100);
  for (int i = 0; i < 16 && !policy.is_worthwhile(now); ++i) {}
  policy.paid();
  EXPECT_TRUE(policy.is_worthwhile(now));
}

TEST(SpinPolicy, LeavesTheCoreToOthersForAWhile) {
  SpinPolicy policy;
  Instant now{};
  policy.others_ran(now, 3ms);
  EXPECT_FALSE(policy.is_worthwhile(now + 50ms));
  EXPECT_TRUE(policy.is_worthwhile(now + 100ms));
}

}  // namespace
}  // namespace aeon
