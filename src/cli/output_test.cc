#include "cli/output.h"

#include <gtest/gtest.h>

namespace aeon::cli {
namespace {

TEST(Printable, LeavesTextAsItIs) { EXPECT_EQ(printable("Größe 日本 🙂"), "Größe 日本 🙂"); }

TEST(Printable, EscapesWhatATerminalWouldActOn) {
  EXPECT_EQ(printable("a\x1b[31m\n\tb\x7f"), "a\\x1b[31m\\x0a\\x09b\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // A control character beyond ASCII.
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Printable, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");              // Overlong.
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");     // Surrogate.
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(printable("ab\xe2\x82"), "ab\\xe2\\x82");          // Cut off.
}

TEST(Printable, KeepsEscapesApartFromTheSameCharacters) {
  EXPECT_NE(printable("\\x00"), printable(std::string_view("\0", 1)));
}

TEST(PutBytes, AddsTheBytesThemselvesWhenTheTextIsNotThem) {
  Json object;
  put_bytes(object, "key", "plain");
  EXPECT_EQ(object.dump(), R"({"key":"plain"})");
  Json escaped;
  put_bytes(escaped, "key", "\x01\xff");
  EXPECT_EQ(escaped["key_hex"], "01ff");
  EXPECT_EQ(escaped["key"], "\\x01\\xff");
}

TEST(SizeText, HasOneDecimalAndTheNearestUnit) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1024), "1.0 KiB");
  EXPECT_EQ(size_text(1536 * kKiB), "1.5 MiB");
  EXPECT_EQ(size_text(kMiB - 1), "1.0 MiB");
  EXPECT_EQ(size_text(~ByteCount{0}), "16.0 EiB");
}

TEST(CountText, SeparatesThousandsAndKnowsOne) {
  EXPECT_EQ(count_text(1, "file", "files"), "1 file");
  EXPECT_EQ(count_text(0, "file", "files"), "0 files");
  EXPECT_EQ(count_text(999, "file", "files"), "999 files");
  EXPECT_EQ(count_text(1234567, "file", "files"), "1,234,567 files");
}

TEST(DurationText, GetsCoarserAsItGetsLonger) {
  EXPECT_EQ(duration_text(std::chrono::milliseconds(850)), "850 ms");
  EXPECT_EQ(duration_text(std::chrono::milliseconds(2340)), "2.3 s");
  EXPECT_EQ(duration_text(std::chrono::seconds(59)), "59 s");
  EXPECT_EQ(duration_text(std::chrono::seconds(200)), "3 min 20 s");
  EXPECT_EQ(duration_text(std::chrono::minutes(125)), "2 h 5 min");
}

TEST(ParseNumber, TakesDecimalAndHexadecimal) {
  EXPECT_EQ(*parse_number("18446744073709551615", "n"), ~uint64_t{0});
  EXPECT_EQ(*parse_number("0xffffffffffffffff", "n"), ~uint64_t{0});
  for (const char* wrong : {"", "0x", "-1", "1.5", "12a", " 1", "18446744073709551616"}) {
    EXPECT_EQ(parse_number(wrong, "n").code(), Code::kInvalidArgument) << wrong;
  }
}

TEST(ParseSize, TakesUnitsOf1024) {
  EXPECT_EQ(*parse_size("4096", "n"), 4096u);
  EXPECT_EQ(*parse_size("64K", "n"), 64 * kKiB);
  EXPECT_EQ(*parse_size("64k", "n"), 64 * kKiB);
  EXPECT_EQ(*parse_size("1.5 GiB", "n"), 3 * kGiB / 2);
  EXPECT_EQ(*parse_size("2MB", "n"), 2 * kMiB);
  for (const char* wrong : {"", "K", "-1", "1X", "1KK", "nan", "99999999999G", "1e3"}) {
    EXPECT_EQ(parse_size(wrong, "n").code(), Code::kInvalidArgument) << wrong;
  }
}

}  // namespace
}  // namespace aeon::cli
