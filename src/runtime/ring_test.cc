#include "ring.h"

#include <gtest/gtest.h>

namespace aeon {
namespace {

// Reactors are destroyed right behind a kick, or the cancelling of a poll that had ended by itself.
TEST(Ring, MayGoWhileARequestOfNobodyIsUnderWay) {
  const std::unique_ptr<Ring> ring = Ring::create(8);
  if (ring == nullptr) GTEST_SKIP() << "the kernel refuses io_uring";
  ring->kick();
  io_uring_sqe* const sqe = ring->get_sqe();
  io_uring_prep_nop(sqe);
  ring->prepared(sqe, nullptr);
  EXPECT_EQ(ring->in_flight(), 2u);
  ring->wait_for_orphans();
  EXPECT_EQ(ring->in_flight(), 0u);
}

}  // namespace
}  // namespace aeon
