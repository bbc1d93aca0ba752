#include "anchor.h"

#include <daos_api.h>
#include <gtest/gtest.h>

#include "long_positions.h"

namespace aeon::capi {
namespace {

Anchor at(size_t size, char fill) {
  Anchor anchor;
  anchor.position.assign(size, static_cast<std::byte>(fill));
  return anchor;
}

TEST(Anchor, ComesBackAsItWentIn) {
  for (const size_t size : {1u, 8u, 101u, 102u, 103u, 104u, 2048u, 2100u}) {
    daos_anchor_t stored = DAOS_ANCHOR_INIT;
    store_anchor(&stored, at(size, 'x'));
    EXPECT_FALSE(daos_anchor_is_eof(&stored));
    int error = 0;
    const auto loaded = load_anchor(stored, &error);
    ASSERT_TRUE(loaded.has_value()) << size;
    EXPECT_EQ(loaded->position, at(size, 'x').position);
    EXPECT_FALSE(loaded->is_end);
  }
}

TEST(Anchor, ACopyGoesOnFromTheSamePlace) {
  daos_anchor_t first = DAOS_ANCHOR_INIT;
  store_anchor(&first, at(500, 'a'));
  const daos_anchor_t copy = first;
  store_anchor(&first, at(500, 'b'));
  int error = 0;
  EXPECT_EQ(load_anchor(copy, &error)->position, at(500, 'a').position);
  EXPECT_EQ(load_anchor(first, &error)->position, at(500, 'b').position);
}

TEST(Anchor, BeginningAndEndNeedNoPosition) {
  daos_anchor_t stored = DAOS_ANCHOR_INIT;
  int error = 0;
  EXPECT_TRUE(load_anchor(stored, &error)->position.empty());
  Anchor end;
  end.is_end = true;
  store_anchor(&stored, end);
  EXPECT_TRUE(daos_anchor_is_eof(&stored));
  EXPECT_TRUE(load_anchor(stored, &error)->is_end);
}

TEST(Anchor, GarbageIsRefused) {
  int error = 0;
  for (int type = 1; type < 300; ++type) {
    if (type == DAOS_ANCHOR_TYPE_EOF) continue;
    daos_anchor_t garbage;
    std::memset(&garbage, 0xee, sizeof garbage);
    garbage.da_type = static_cast<uint16_t>(type);
    EXPECT_FALSE(load_anchor(garbage, &error).has_value()) << type;
    EXPECT_EQ(error, -DER_INVAL);
  }
  daos_anchor_t too_long = DAOS_ANCHOR_INIT;
  store_anchor(&too_long, at(50, 'x'));
  too_long.da_buf[1] = 103;
  EXPECT_FALSE(load_anchor(too_long, &error).has_value());
}

TEST(Anchor, ForgottenLongPositionsAreAnErrorNotAnotherPlace) {
  daos_anchor_t old = DAOS_ANCHOR_INIT;
  store_anchor(&old, at(200, 'o'));
  for (size_t i = 0; i < LongPositions::kCountMax; ++i) LongPositions::instance().remember(at(200, 'n').position);
  int error = 0;
  EXPECT_FALSE(load_anchor(old, &error).has_value());
  EXPECT_EQ(error, -DER_NOMEM);
  LongPositions::instance().clear();
}

}  // namespace
}  // namespace aeon::capi
