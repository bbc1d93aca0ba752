#include "handle_table.h"

#include <gtest/gtest.h>

namespace aeon::capi {
namespace {

struct Fruit {
  static constexpr HandleKind kKind = HandleKind::kPool;
  int weight;
};
struct Stone {
  static constexpr HandleKind kKind = HandleKind::kObject;
};

TEST(HandleTable, FindsWhatWasInserted) {
  HandleTable table;
  const daos_handle_t first = table.insert(std::make_shared<Fruit>(Fruit{1}));
  const daos_handle_t second = table.insert(std::make_shared<Fruit>(Fruit{2}));
  EXPECT_TRUE(daos_handle_is_valid(first));
  EXPECT_NE(first.cookie, second.cookie);
  EXPECT_EQ(table.find<Fruit>(first)->weight, 1);
  EXPECT_EQ(table.find<Fruit>(second)->weight, 2);
}

TEST(HandleTable, TellsKindsApart) {
  HandleTable table;
  const daos_handle_t handle = table.insert(std::make_shared<Fruit>());
  EXPECT_EQ(table.find<Stone>(handle), nullptr);
  EXPECT_EQ(table.remove<Stone>(handle), nullptr);
  EXPECT_EQ(table.find<Stone>({(handle.cookie & ~0xffull) | DAOS_HTYPE_OBJ}), nullptr);
  EXPECT_NE(table.find<Fruit>(handle), nullptr);
}

TEST(HandleTable, ARemovedHandleNeverComesBack) {
  HandleTable table;
  const daos_handle_t old = table.insert(std::make_shared<Fruit>());
  EXPECT_NE(table.remove<Fruit>(old), nullptr);
  EXPECT_EQ(table.remove<Fruit>(old), nullptr);
  for (int i = 0; i < 1000; ++i) {
    const daos_handle_t handle = table.insert(std::make_shared<Fruit>());
    ASSERT_NE(handle.cookie, old.cookie);
    ASSERT_EQ(table.find<Fruit>(old), nullptr);
    ASSERT_NE(table.remove<Fruit>(handle), nullptr);
  }
}

TEST(HandleTable, FindsNothingByNumbersOutOfTheAir) {
  HandleTable table;
  EXPECT_EQ(table.find<Fruit>(DAOS_HDL_INVAL), nullptr);
  EXPECT_EQ(table.find<Fruit>({~0ull}), nullptr);
  static_cast<void>(table.insert(std::make_shared<Fruit>()));
  for (uint64_t cookie = 0; cookie < 100000; ++cookie) ASSERT_EQ(table.find<Fruit>({cookie}), nullptr);
}

TEST(HandleTable, RemovesAllAtOnce) {
  HandleTable table;
  const daos_handle_t fruit = table.insert(std::make_shared<Fruit>());
  const daos_handle_t stone = table.insert(std::make_shared<Stone>());
  EXPECT_EQ(table.remove_all().size(), 2u);
  EXPECT_EQ(table.find<Fruit>(fruit), nullptr);
  EXPECT_EQ(table.find<Stone>(stone), nullptr);
  EXPECT_TRUE(table.remove_all().empty());
}

}  // namespace
}  // namespace aeon::capi
