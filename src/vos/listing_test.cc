#include <string>

#include "store_under_test.h"
#include "vos/store.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kObject{.hi = 1, .lo = 2};
using Kind = ObjectWrite::Kind;
constexpr Epoch kThen{100};
constexpr Epoch kLater{200};

// All pages of at most `per_page`.
std::vector<Bytes> list_dkeys(TestStore& target, Epoch epoch, uint32_t per_page = 1000) {
  std::vector<Bytes> keys;
  ListLimits limits;
  limits.count_max = per_page;
  Anchor anchor;
  while (!anchor.is_end) {
    auto page = target.run(target.store().list_dkeys(target.container(), kObject, epoch, anchor, limits));
    EXPECT_TRUE(page.is_ok()) << page.status().to_string();
    if (!page.is_ok()) break;
    EXPECT_LE(page->keys.size(), per_page);
    keys.insert(keys.end(), page->keys.begin(), page->keys.end());
    anchor = std::move(page->next);
  }
  return keys;
}

void put(TestStore& target, std::string_view dkey, std::string_view akey, Epoch epoch) {
  ASSERT_TRUE(target.put(kObject, text(dkey), text(akey), text("value"), epoch).is_ok());
}

TEST(Listing, ShowsADkeyWhoseFirstRecordIsOfALaterEpoch) {
  TestStore target;
  put(target, "both", "a", kThen);
  put(target, "both", "a", kLater);
  put(target, "later", "a", kLater);
  EXPECT_EQ(list_dkeys(target, kThen), std::vector<Bytes>{text("both")});
  EXPECT_EQ(list_dkeys(target, kEpochMax), (std::vector<Bytes>{text("both"), text("later")}));
}

TEST(Listing, LeavesOutWhatIsPunchedAtAnyLevel) {
  TestStore target;
  for (const std::string_view dkey : {"akey", "dkey", "kept", "value"}) put(target, dkey, "a", kThen);
  ASSERT_TRUE(target.punch(Kind::kPunchAkeys, kObject, text("akey"), text("a"), kLater).is_ok());
  ASSERT_TRUE(target.punch(Kind::kPunchDkey, kObject, text("dkey"), {}, kLater).is_ok());
  ASSERT_TRUE(target.put(kObject, text("value"), text("a"), Bytes(), kLater).is_ok());
  EXPECT_EQ(list_dkeys(target, kLater), std::vector<Bytes>{text("kept")});
  EXPECT_EQ(list_dkeys(target, kThen).size(), 4u);
  ASSERT_TRUE(target.punch(Kind::kPunchObject, kObject, {}, {}, Epoch{300}).is_ok());
  EXPECT_EQ(list_dkeys(target, Epoch{300}), std::vector<Bytes>());
  put(target, "new", "a", Epoch{400});
  EXPECT_EQ(list_dkeys(target, Epoch{400}), std::vector<Bytes>{text("new")});
}

TEST(Listing, ShowsADkeyForAnAkeyBehindAPunchedOne) {
  TestStore target;
  put(target, "d", "a", kThen);
  put(target, "d", "b", kThen);
  ASSERT_TRUE(target.punch(Kind::kPunchAkeys, kObject, text("d"), text("a"), kLater).is_ok());
  EXPECT_EQ(list_dkeys(target, kLater), std::vector<Bytes>{text("d")});
}

TEST(Listing, ShowsADkeyOfManyRecordsOnce) {
  TestStore target;
  for (int akey = 0; akey < 20; ++akey) put(target, "akeys", std::to_string(akey), kThen);
  for (uint64_t epoch = 1; epoch <= 20; ++epoch) put(target, "versions", "a", Epoch{epoch});
  put(target, "versions and more", "a", kThen);
  EXPECT_EQ(list_dkeys(target, kEpochMax),
            (std::vector<Bytes>{text("akeys"), text("versions"), text("versions and more")}));
}

TEST(Listing, LeavesOutAnArrayOfWhichAllIsPunched) {
  TestStore target;
  const Bytes data = text("12345678");
  for (const std::string_view dkey : {"gone", "left"})
    ASSERT_TRUE(target.put_extent(kObject, text(dkey), text("a"), {0, 8}, 1, data, kThen).is_ok());
  ASSERT_TRUE(target.put_extent(kObject, text("gone"), text("a"), {0, 100}, 0, {}, kLater).is_ok());
  ASSERT_TRUE(target.put_extent(kObject, text("left"), text("a"), {0, 7}, 0, {}, kLater).is_ok());
  EXPECT_EQ(list_dkeys(target, kLater), std::vector<Bytes>{text("left")});
}

TEST(Listing, GoesOnFromPageToPageWithoutLeavingAnyOut) {
  constexpr int kCount = 300;
  TestStore target;
  std::vector<Bytes> expected;
  for (int number = 0; number < kCount; ++number) {
    const std::string dkey = std::to_string(1000 + number);
    for (int akey = 0; akey <= number % 12; ++akey) put(target, dkey, std::to_string(akey), kThen);
    expected.push_back(text(dkey));
  }
  for (const uint32_t per_page : {1u, 7u, 64u, 1000u}) EXPECT_EQ(list_dkeys(target, kEpochMax, per_page), expected);
}

}  // namespace
}  // namespace aeon::vos
