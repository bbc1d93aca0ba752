#include "message.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace aeon::ofi {
namespace {

Bytes encoded(const Message& message) {
  Bytes bytes(kHeaderSize + message.payload.size());
  std::copy(message.payload.begin(), message.payload.end(), bytes.begin() + kHeaderSize);
  encode_header(message, std::span(bytes).first<kHeaderSize>());
  return bytes;
}

Message data_message() {
  Message message;
  message.kind = Kind::kData;
  message.flags = kOffer;
  message.token = 0x1122334455667788;
  message.sequence = 5;
  message.consumed = 3;
  message.offer = {.address = 0x10000, .key = 77, .size = 1 << 20};
  message.payload = as_bytes("header");
  return message;
}

void seal(Bytes& bytes) { store_le(bytes.data() + 60, crc32c(ByteView(bytes).first(60))); }

TEST(OfiMessage, ComesBackAsItWas) {
  const Bytes bytes = encoded(data_message());
  const Result<Message> message = decode(bytes);
  ASSERT_TRUE(message.is_ok()) << message.status().to_string();
  EXPECT_EQ(message->kind, Kind::kData);
  EXPECT_EQ(message->flags, kOffer);
  EXPECT_EQ(message->token, 0x1122334455667788u);
  EXPECT_EQ(message->sequence, 5u);
  EXPECT_EQ(message->consumed, 3u);
  EXPECT_EQ(message->offer.address, 0x10000u);
  EXPECT_EQ(message->offer.key, 77u);
  EXPECT_EQ(message->offer.size, 1u << 20);
  EXPECT_EQ(as_text(message->payload), "header");
}

// What peers of other builds send and expect; a change is another version.
TEST(OfiMessage, IsTheSameBytesAsEver) {
  const Bytes bytes = encoded(data_message());
  std::string hex;
  for (const std::byte byte : ByteView(bytes).first(60)) {
    static constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<int>(byte) >> 4];
    hex += kDigits[static_cast<int>(byte) & 15];
  }
  EXPECT_EQ(hex,
            "41654f4601040100887766554433221105000000000000000300000000000000"
            "00000100000000004d0000000000000000001000000000000600"
            "0000");
}

TEST(OfiMessage, EveryChangedBitOfTheHeaderIsNoticed) {
  const Bytes good = encoded(data_message());
  for (size_t bit = 0; bit < kHeaderSize * 8; ++bit) {
    Bytes bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_EQ(decode(bytes).code(), Code::kCorrupt) << bit;
  }
}

TEST(OfiMessage, OtherVersionsAreToldFromNonsense) {
  Bytes bytes = encoded(data_message());
  bytes[4] = std::byte{9};
  seal(bytes);
  const Status status = decode(bytes).status();
  EXPECT_EQ(status.code(), Code::kProtocolMismatch);
  EXPECT_NE(status.message().find('9'), std::string_view::npos);
  EXPECT_NE(status.message().find('1'), std::string_view::npos);
}

TEST(OfiMessage, WhatCannotBeMeantIsRefused) {
  const auto refused = [](void (*change)(Message&)) {
    Message message = data_message();
    change(message);
    EXPECT_EQ(decode(encoded(message)).code(), Code::kCorrupt);
  };
  refused([](Message& message) { message.flags = 0; });  // An offer that isn't announced.
  refused([](Message& message) { message.offer.size = 0; });
  refused([](Message& message) { message.offer.size = ~uint64_t{0}; });
  refused([](Message& message) { message.flags |= kPing; });
  refused([](Message& message) { message.kind = static_cast<Kind>(6); });
  refused([](Message& message) { message.kind = static_cast<Kind>(0); });
  refused([](Message& message) { message.kind = Kind::kControl; });
  refused([](Message& message) {
    message.flags = 0;
    message.offer = {};
    message.payload = {};
  });
  refused([](Message& message) {
    message = {};
    message.kind = Kind::kHello;  // Without a name.
  });
  Bytes bytes = encoded(data_message());
  bytes.pop_back();
  EXPECT_EQ(decode(bytes).code(), Code::kCorrupt);
  EXPECT_EQ(decode(ByteView(bytes).first(kHeaderSize - 1)).code(), Code::kCorrupt);
  EXPECT_EQ(decode({}).code(), Code::kCorrupt);
  EXPECT_EQ(decode(Bytes(kMessageMax + 1)).code(), Code::kCorrupt);
}

}  // namespace
}  // namespace aeon::ofi
