#include <cmath>
#include <set>

#include "placement/layout.h"
#include "sample_maps_test.h"

namespace aeon::placement {
namespace {

constexpr uint8_t kArrayType = 11;  // Integer dkeys.

Bytes integer_key(uint64_t number) {
  Bytes key(sizeof number);
  store_le(key.data(), number);
  return key;
}

void expect_even(const std::vector<uint64_t>& counts) {
  uint64_t sum = 0;
  for (const uint64_t count : counts) sum += count;
  const double mean = static_cast<double>(sum) / static_cast<double>(counts.size());
  for (const uint64_t count : counts) EXPECT_LE(std::abs(static_cast<double>(count) - mean), 5 * std::sqrt(mean));
}

TEST(DkeyGroup, IsTheOnlyOneWhereThereIsOne) {
  EXPECT_EQ(group_of(object_of("SX", 1), to_bytes("a"), 1), 0u);
  EXPECT_EQ(group_of(object_of("S1", 1, kArrayType), integer_key(9), 1), 0u);
}

TEST(DkeyGroup, SpreadsKeysOfOneObjectEvenly) {
  for (const char* const name : {"S16", "SX"}) {
    std::vector<uint64_t> of_bytes(13);
    std::vector<uint64_t> of_numbers(13);
    for (uint64_t i = 0; i < 20'000; ++i) {
      ++of_bytes.at(group_of(object_of(name, 1), to_bytes("file." + std::to_string(i)), 13));
      ++of_numbers.at(group_of(object_of(name, 1, kArrayType), integer_key(i), 13));
    }
    expect_even(of_bytes);
    expect_even(of_numbers);
  }
}

TEST(DkeyGroup, SpreadsTheSameKeyOfManyObjectsEvenly) {
  for (const char* const name : {"S16", "SX"}) {
    std::vector<uint64_t> of_bytes(13);
    std::vector<uint64_t> of_numbers(13);
    for (uint64_t i = 0; i < 20'000; ++i) {
      ++of_bytes.at(group_of(object_of(name, i), to_bytes("a"), 13));
      ++of_numbers.at(group_of(object_of(name, i, kArrayType), integer_key(0), 13));
    }
    expect_even(of_bytes);
    expect_even(of_numbers);
  }
}

TEST(DkeyGroup, EachRunOfChunksVisitsEveryGroupOnce) {
  for (const uint32_t group_count : {2u, 3u, 8u, 12u}) {
    for (uint64_t number = 0; number < 50; ++number) {
      std::set<uint32_t> groups;
      for (uint64_t chunk = 0; chunk < group_count; ++chunk) {
        groups.insert(
            group_of(object_of("S16", number, kArrayType), integer_key(number * group_count + chunk), group_count));
      }
      EXPECT_EQ(groups.size(), group_count);
    }
  }
}

TEST(DkeyGroup, StridesDontAllMeetOneGroup) {
  std::vector<uint64_t> counts(8);
  for (uint64_t chunk = 0; chunk < 8000; ++chunk) {
    ++counts.at(group_of(object_of("S8", 3, kArrayType), integer_key(chunk * 8), 8));
  }
  expect_even(counts);
}

TEST(DkeyGroup, WithXMovesOnlyToGroupsThatAreAdded) {
  for (const uint8_t type : {uint8_t{0}, kArrayType}) {
    int moved = 0;
    for (uint64_t i = 0; i < 4000; ++i) {
      const ObjectId object = object_of("RP_2GX", i % 10, type);
      const uint32_t before = group_of(object, integer_key(i), 8);
      const uint32_t after = group_of(object, integer_key(i), 10);
      if (before == after) continue;
      ++moved;
      EXPECT_GE(after, 8u);
    }
    EXPECT_NEAR(moved, 4000 * 2 / 10.0, 5 * 30);
  }
}

TEST(DkeyGroup, TakesKeysOfAnySizeAlsoWhereIntegersAreExpected) {
  for (size_t size = 0; size < 600; ++size) {
    EXPECT_LT(group_of(object_of("S4", 1), Bytes(size), 4), 4u);
    EXPECT_LT(group_of(object_of("SX", 1, kArrayType), Bytes(size), 5), 5u);
  }
}

}  // namespace
}  // namespace aeon::placement
