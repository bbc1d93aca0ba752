#include "placement/router.h"

#include <gtest/gtest.h>

#include <set>

#include "base/bytes.h"

namespace aeon::placement {
namespace {

TEST(Router, WithOneTargetEverythingIsThere) {
  const Router router(1);
  const ObjectId object = make_object_id({.hi = 0, .lo = 5}, 0, kSX);
  EXPECT_EQ(*router.target_of(object, as_bytes("key")), 0u);
  EXPECT_EQ(*router.targets_of(object), std::vector<uint32_t>{0});
}

TEST(Router, DkeysAreOnTargetsOfTheirObject) {
  const Router router(5);
  for (const ClassId id : {kS1, make_class(1, 2), make_class(1, 4), make_class(1, 40), kSX}) {
    const ObjectId object = make_object_id({.hi = 1, .lo = 77}, 0, id);
    const auto targets = router.targets_of(object);
    ASSERT_TRUE(targets.is_ok());
    const std::set<uint32_t> all(targets->begin(), targets->end());
    EXPECT_EQ(all.size(), targets->size()) << "each once";
    std::set<uint32_t> used;
    for (int i = 0; i < 500; ++i) {
      const auto target = router.target_of(object, as_bytes("dkey " + std::to_string(i)));
      ASSERT_TRUE(target.is_ok());
      used.insert(*target);
    }
    EXPECT_EQ(used, all) << class_name(id);
  }
}

TEST(Router, ClassesThatNeedMoreTargetsAreRefused) {
  const Router router(2);
  const ObjectId object = make_object_id({.hi = 0, .lo = 9}, 0, *class_by_name("RP_3G1"));
  EXPECT_EQ(router.target_of(object, as_bytes("a")).code(), Code::kInvalidArgument);
  EXPECT_EQ(router.targets_of(object).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace aeon::placement
