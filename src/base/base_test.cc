#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/ids.h"
#include "base/status.h"

namespace aeon {
namespace {

TEST(Status, SaysItsCodeAndMessage) {
  const Status status(Code::kNotFound, "no container 'a'");
  EXPECT_FALSE(status.is_ok());
  EXPECT_EQ(status.to_string(), "not_found: no container 'a'");
  EXPECT_EQ(status.within("pool 'p'").message(), "pool 'p': no container 'a'");
  EXPECT_TRUE(ok().within("anything").is_ok());
}

Result<int> half(int value) {
  if (value % 2 != 0) return Status(Code::kInvalidArgument, "odd");
  return value / 2;
}
Status quarter(int value, int* out) {
  TRY_ASSIGN(const int once, half(value));
  TRY_ASSIGN(*out, half(once));
  return ok();
}

TEST(Result, TryReturnsTheFirstFault) {
  int value = 0;
  EXPECT_TRUE(quarter(12, &value).is_ok());
  EXPECT_EQ(value, 3);
  EXPECT_EQ(quarter(6, &value).code(), Code::kInvalidArgument);
}

TEST(Crc32c, MatchesThePublishedVectorsAndContinues) {
  // RFC 3720, B.4: 32 bytes of zeros, and of ones.
  const Bytes zeros(32, std::byte{0});
  const Bytes ones(32, std::byte{0xff});
  EXPECT_EQ(crc32c(zeros), 0x8a9136aau);
  EXPECT_EQ(crc32c(ones), 0x62a8ab43u);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xe3069283u);
}

TEST(Uuid, PrintsAndParses) {
  const Uuid id = Uuid::from_random(0x0123456789abcdef, 0x0123456789abcdef);
  EXPECT_EQ(id.to_string(), "01234567-89ab-4def-8123-456789abcdef");
  EXPECT_EQ(Uuid::parse(id.to_string()), id);
  EXPECT_FALSE(Uuid::parse("01234567-89ab-4def-8123-456789abcde"));
  EXPECT_FALSE(Uuid::parse("01234567x89ab-4def-8123-456789abcdef"));
  EXPECT_FALSE(Uuid::parse("0123456g-89ab-4def-8123-456789abcdef"));
}

TEST(ObjectId, PrintsAndParses) {
  const ObjectId id{.hi = (uint64_t{3} << 56) | 7, .lo = 42};
  EXPECT_EQ(ObjectId::parse(id.to_string()), id);
  EXPECT_EQ(id.type(), 3);
  EXPECT_FALSE(ObjectId::parse("12"));
  EXPECT_FALSE(ObjectId::parse("12.x"));
  EXPECT_FALSE(ObjectId::parse("12.3 "));
}

TEST(CompareBytes, OrdersByContentThenLength) {
  EXPECT_TRUE(compare_bytes(as_bytes("a"), as_bytes("ab")) < 0);
  EXPECT_TRUE(compare_bytes(as_bytes("b"), as_bytes("ab")) > 0);
  EXPECT_TRUE(compare_bytes(ByteView(), ByteView()) == 0);
}

}  // namespace
}  // namespace aeon
