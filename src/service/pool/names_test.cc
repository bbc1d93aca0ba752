#include "pool/names.h"

#include <gtest/gtest.h>

#include "pool/record.h"

namespace aeon::pool {
namespace {

TEST(Label, TakesPrintableTextUpTo127Characters) {
  EXPECT_TRUE(check_label("results-2026 (a)", "label").is_ok());
  EXPECT_TRUE(check_label(std::string(127, 'x'), "label").is_ok());
}

TEST(Label, SaysWhichRuleIsBroken) {
  const auto message = [](std::string_view label) { return std::string(check_label(label, "label").message()); };
  EXPECT_NE(message("").find("empty"), std::string::npos);
  EXPECT_NE(message(std::string(128, 'x')).find("127"), std::string::npos);
  EXPECT_NE(message("a/b").find("'/'"), std::string::npos);
  EXPECT_NE(message("a\nb").find("printable"), std::string::npos);
  EXPECT_NE(message(std::string_view("a\0b", 3)).find("printable"), std::string::npos);
  EXPECT_NE(message("6BA7B810-9dad-11d1-80b4-00c04fd430c8").find("uuid"), std::string::npos);
}

struct Sample {
  uint64_t number = 0;
  static void io(auto& archive, auto& self) { archive(self.number); }
};

TEST(Record, ComesBackAndNewerOrDamagedOnesAreToldApart) {
  Bytes bytes = encode_record(Sample{.number = 5});
  Sample read;
  ASSERT_TRUE(decode_record(bytes, "x", read).is_ok());
  EXPECT_EQ(read.number, 5u);
  EXPECT_EQ(decode_record(ByteView(bytes).first(4), "x", read).code(), Code::kCorrupt);
  EXPECT_EQ(decode_record(ByteView(), "x", read).code(), Code::kCorrupt);
  bytes[0] = std::byte{9};
  EXPECT_EQ(decode_record(bytes, "x", read).code(), Code::kVersionUnsupported);
}

}  // namespace
}  // namespace aeon::pool
