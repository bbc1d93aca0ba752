#include "flow.h"

#include <gtest/gtest.h>

namespace aeon::ofi {
namespace {

Arrived arrived(uint32_t buffer) { return {.buffer = buffer, .payload = {}, .offer = {}}; }

TEST(OfiFlow, MessagesAreInOrderInWhateverOrderTheyCame) {
  Incoming incoming;
  EXPECT_TRUE(incoming.put(1, arrived(11)).is_ok());
  EXPECT_EQ(incoming.front(), nullptr);
  EXPECT_TRUE(incoming.put(0, arrived(10)).is_ok());
  ASSERT_NE(incoming.front(), nullptr);
  EXPECT_EQ(incoming.front()->buffer, 10u);
  incoming.pop();
  ASSERT_NE(incoming.front(), nullptr);
  EXPECT_EQ(incoming.front()->buffer, 11u);
  incoming.pop();
  EXPECT_EQ(incoming.front(), nullptr);
  EXPECT_EQ(incoming.consumed(), 2u);
}

TEST(OfiFlow, MoreThanTheWindowOrTheSameTwiceIsRefused) {
  Incoming incoming;
  for (uint64_t i = 0; i < kWindow; ++i) EXPECT_TRUE(incoming.put(i, arrived(0)).is_ok());
  EXPECT_EQ(incoming.put(kWindow, arrived(0)).code(), Code::kCorrupt);
  EXPECT_EQ(incoming.put(3, arrived(0)).code(), Code::kCorrupt);
  incoming.pop();
  EXPECT_EQ(incoming.put(0, arrived(0)).code(), Code::kCorrupt);
  EXPECT_TRUE(incoming.put(kWindow, arrived(0)).is_ok());
  EXPECT_EQ(incoming.put(~uint64_t{0}, arrived(0)).code(), Code::kCorrupt);
}

TEST(OfiFlow, TheEndIsWhereThePeerSaysAndNowhereElse) {
  Incoming incoming;
  EXPECT_TRUE(incoming.put(0, arrived(0)).is_ok());
  EXPECT_TRUE(incoming.end_at(2).is_ok());
  EXPECT_FALSE(incoming.has_ended());
  EXPECT_EQ(incoming.put(2, arrived(0)).code(), Code::kCorrupt);
  EXPECT_TRUE(incoming.put(1, arrived(0)).is_ok());
  incoming.pop();
  incoming.pop();
  EXPECT_TRUE(incoming.has_ended());
  EXPECT_TRUE(incoming.end_at(2).is_ok());
  EXPECT_EQ(incoming.end_at(3).code(), Code::kCorrupt);

  Incoming other;
  EXPECT_TRUE(other.put(1, arrived(0)).is_ok());
  EXPECT_EQ(other.end_at(1).code(), Code::kCorrupt);
  EXPECT_EQ(other.end_at(kWindow + 1).code(), Code::kCorrupt);
}

TEST(OfiFlow, CreditComesBackWithWhatIsRead) {
  Outgoing outgoing;
  for (uint64_t i = 0; i < kWindow; ++i) {
    ASSERT_TRUE(outgoing.has_credit());
    EXPECT_EQ(outgoing.take(), i);
  }
  EXPECT_FALSE(outgoing.has_credit());
  EXPECT_TRUE(outgoing.set_consumed(1).is_ok());
  EXPECT_TRUE(outgoing.has_credit());
  EXPECT_TRUE(outgoing.set_consumed(0).is_ok()) << "an older message";
  EXPECT_EQ(outgoing.consumed(), 1u);
  EXPECT_EQ(outgoing.set_consumed(kWindow + 1).code(), Code::kCorrupt);
}

}  // namespace
}  // namespace aeon::ofi
