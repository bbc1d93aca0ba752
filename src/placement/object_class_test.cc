#include "placement/object_class.h"

#include <gtest/gtest.h>

namespace aeon::placement {
namespace {

TEST(ObjectClass, HasTheNumbersOfThePublicHeader) {
  EXPECT_EQ(class_by_name("S1"), 16777217u);
  EXPECT_EQ(class_by_name("SX"), 16842751u);
  EXPECT_EQ(class_by_name("RP_2G1"), 134217729u);
  EXPECT_EQ(class_by_name("EC_4P2GX"), make_class(35, kGroupsAll));
}

TEST(ObjectClass, NamesAndIdsAreEachOthersInverse) {
  for (const std::string& name : class_names()) {
    const std::optional<ClassId> id = class_by_name(name);
    ASSERT_TRUE(id.has_value()) << name;
    EXPECT_EQ(class_name(*id), name);
  }
  EXPECT_EQ(class_names().size(), 6u * 9 + 8 + 11 * 9);
}

TEST(ObjectClass, NamesThatArentClassesAreNone) {
  for (const std::string_view name : {"", "S", "S0", "S01", "s1", "SY", "S1 ", "S65535", "S99999999999", "RP_2",
                                      "RP_7G1", "EC_4P2", "EC_3P1G1", "X"}) {
    EXPECT_FALSE(class_by_name(name).has_value()) << name;
  }
  EXPECT_EQ(class_name(0), "");
  EXPECT_EQ(class_name(make_class(2, 1)), "");
  EXPECT_EQ(class_name(make_class(1, 0)), "");
  EXPECT_EQ(class_name(0x01ffffff), "");
}

TEST(ObjectClass, TravelsInTheObjectsId) {
  const ObjectId user{.hi = 0xffffffff'12345678, .lo = 9};
  const ObjectId object = make_object_id(user, 11, *class_by_name("EC_8P3G16"));
  EXPECT_EQ(class_name(class_of(object)), "EC_8P3G16");
  EXPECT_EQ(object.type(), 11);
  EXPECT_EQ(object.hi & 0xffffffff, 0x12345678u);
  EXPECT_EQ(object.lo, 9u);
}

TEST(ObjectClass, WithRedundancyIsRefusedSayingWhatToDo) {
  const Status refused = check_usable(make_object_id({}, 0, *class_by_name("RP_3G1")), 1);
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_NE(refused.message().find("RP_3G1"), std::string_view::npos);
  EXPECT_NE(refused.message().find("3 targets"), std::string_view::npos);
  EXPECT_NE(refused.message().find("SX"), std::string_view::npos);
  EXPECT_EQ(check_usable(make_object_id({}, 0, make_class(200, 1)), 1).code(), Code::kInvalidArgument);
  EXPECT_TRUE(check_usable(make_object_id({}, 0, kSX), 1).is_ok());
}

}  // namespace
}  // namespace aeon::placement
