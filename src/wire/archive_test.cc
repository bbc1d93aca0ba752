#include "wire/archive.h"

#include <gtest/gtest.h>

namespace aeon::wire {
namespace {

template <typename T>
Bytes encoded(const T& value, uint16_t version = 1) {
  Buffer buffer;
  Encoder encoder(buffer, version);
  encoder(value);
  return buffer.to_bytes();
}

template <typename T>
Status decoded(ByteView bytes, T& value, uint16_t version = 1) {
  Decoder decoder(bytes, version);
  decoder(value);
  return decoder.finish(Code::kCorrupt);
}

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(Archive, IntegersAreLittleEndianAtTheirSize) {
  EXPECT_EQ(encoded(uint32_t{0x01020304}), bytes_of({4, 3, 2, 1}));
  EXPECT_EQ(encoded(uint16_t{0x0102}), bytes_of({2, 1}));
  EXPECT_EQ(encoded(true), bytes_of({1}));
}

TEST(Archive, TextIsItsSizeAndItsBytes) { EXPECT_EQ(encoded(std::string("ab")), bytes_of({2, 0, 0, 0, 'a', 'b'})); }

TEST(Archive, ATooShortEncodingIsAFaultAtEveryLength) {
  const std::map<std::string, std::optional<Bytes>> value{{"a", to_bytes("xyz")}, {"b", std::nullopt}};
  const Bytes whole = encoded(value);
  for (size_t size = 0; size < whole.size(); ++size) {
    std::map<std::string, std::optional<Bytes>> read;
    EXPECT_EQ(decoded(ByteView(whole).first(size), read).code(), Code::kCorrupt) << size;
  }
  std::map<std::string, std::optional<Bytes>> read;
  EXPECT_TRUE(decoded(whole, read).is_ok());
  EXPECT_EQ(read, value);
}

TEST(Archive, BytesLeftOverAreAFault) {
  uint32_t value = 0;
  EXPECT_EQ(decoded(bytes_of({1, 0, 0, 0, 9}), value).code(), Code::kCorrupt);
}

TEST(Archive, ACountBeyondWhatFollowsIsAFaultWithoutAllocating) {
  std::vector<uint64_t> numbers;
  EXPECT_FALSE(decoded(bytes_of({0xff, 0xff, 0xff, 0xff, 1, 2, 3}), numbers).is_ok());
  EXPECT_LT(numbers.capacity(), 100u);
  std::vector<std::string> texts;
  EXPECT_FALSE(decoded(bytes_of({0xff, 0xff, 0xff, 0x7f}), texts).is_ok());
  EXPECT_LT(texts.capacity(), 100u);
}

TEST(Archive, AnUnknownEnumeratorIsAFault) {
  ValueKind kind{};
  EXPECT_TRUE(decoded(bytes_of({2}), kind).is_ok());
  EXPECT_FALSE(decoded(bytes_of({3}), kind).is_ok());
  EXPECT_FALSE(decoded(bytes_of({0}), kind).is_ok());
}

TEST(Archive, ATruthValueIsZeroOrOne) {
  bool value = false;
  EXPECT_FALSE(decoded(bytes_of({2}), value).is_ok());
}

TEST(Archive, AMapOutOfOrderIsAFault) {
  std::map<uint16_t, bool> map;
  EXPECT_TRUE(decoded(bytes_of({2, 0, 0, 0, 1, 0, 1, 2, 0, 1}), map).is_ok());
  EXPECT_FALSE(decoded(bytes_of({2, 0, 0, 0, 2, 0, 1, 1, 0, 1}), map).is_ok());
  EXPECT_FALSE(decoded(bytes_of({2, 0, 0, 0, 1, 0, 1, 1, 0, 1}), map).is_ok());
}

struct Grown {
  uint32_t first = 0;
  uint32_t appended = 77;
  static void io(auto& archive, auto& self) {
    archive(self.first);
    archive.since(2, self.appended);
  }
};

TEST(Archive, AnOlderEncodingLeavesAppendedFieldsAtTheirDefaults) {
  const Bytes old = encoded(Grown{.first = 5, .appended = 6}, 1);
  EXPECT_EQ(old.size(), 4u);
  Grown read;
  ASSERT_TRUE(decoded(old, read, 1).is_ok());
  EXPECT_EQ(read.first, 5u);
  EXPECT_EQ(read.appended, 77u);
  ASSERT_TRUE(decoded(encoded(Grown{.first = 5, .appended = 6}, 2), read, 2).is_ok());
  EXPECT_EQ(read.appended, 6u);
}

TEST(Buffer, GrowsBeyondWhatIsInlineAndKeepsItsBytesWhenMoved) {
  Buffer buffer;
  Bytes all;
  for (int i = 0; i < 300; ++i) {
    const Bytes piece(7, static_cast<std::byte>(i));
    buffer.append(piece);
    all.insert(all.end(), piece.begin(), piece.end());
    if (i == 3 || i == 200) {
      Buffer moved(std::move(buffer));
      buffer = std::move(moved);
    }
  }
  EXPECT_EQ(buffer.to_bytes(), all);
}

}  // namespace
}  // namespace aeon::wire
