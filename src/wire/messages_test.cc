#include "wire/messages.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "sample_archive.h"

namespace aeon::wire {
namespace {

std::string hex(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[static_cast<unsigned>(byte) >> 4];
    text += kDigits[static_cast<unsigned>(byte) & 15];
  }
  return text;
}

template <typename Message>
Bytes encoded(const Message& message) {
  Buffer buffer;
  encode(message, kProtocolVersion, buffer);
  return buffer.to_bytes();
}

// A whole request, and a whole answer of each kind, as they travel.
std::string golden_lines(uint16_t version) {
  std::ostringstream lines;
  for_each_request([&]<typename Request>() {
    if (since<Request>() > version) return;
    const auto opcode = static_cast<uint16_t>(Request::kOpcode);
    Header header{.version = version, .opcode = opcode, .client_id = 7, .request_id = opcode, .trace_id = 9};
    Buffer request;
    begin_message(request);
    encode(sample<Request>(opcode), version, request);
    seal_message(header, request);
    lines << opcode_name(opcode) << " request " << hex(request.view()) << "\n";
    header.flags = kFlagReply;
    Buffer reply;
    begin_message(reply);
    encode_reply<typename Request::Reply>(sample<typename Request::Reply>(opcode), version, reply);
    seal_message(header, reply);
    lines << opcode_name(opcode) << " reply " << hex(reply.view()) << "\n";
  });
  return lines.str();
}

TEST(Messages, EncodeAsTheGoldenBytesOfEachVersion) {
  for (uint16_t version = kProtocolVersionOldest; version <= kProtocolVersion; ++version) {
    const std::string path = std::string(AEON_TESTDATA_DIR) + "/messages_v" + std::to_string(version) + ".txt";
    const std::string now = golden_lines(version);
    const bool is_new = version == kProtocolVersion;
    if (is_new && std::getenv("AEON_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << now;
    std::ifstream file(path);
    std::ostringstream golden;
    golden << file.rdbuf();
    EXPECT_EQ(now, golden.str()) << "encodings are for ever: append fields with since() instead of changing them";
  }
}

template <typename Message>
void expect_round_trip(uint64_t seed) {
  const Bytes once = encoded(sample<Message>(seed));
  Message read;
  ASSERT_TRUE(decode(once, kProtocolVersion, read).is_ok());
  EXPECT_EQ(encoded(read), once);
}

TEST(Messages, DecodeToWhatWasEncoded) {
  for_each_request([&]<typename Request>() {
    for (uint64_t seed = 1; seed < 20; ++seed) {
      expect_round_trip<Request>(seed);
      expect_round_trip<typename Request::Reply>(seed);
    }
  });
}

TEST(Messages, CutShortAtAnyByteAreRefused) {
  for_each_request([&]<typename Request>() {
    const Bytes whole = encoded(sample<Request>(3));
    for (size_t size = 0; size < whole.size(); ++size) {
      Request read;
      EXPECT_EQ(decode(ByteView(whole).first(size), kProtocolVersion, read).code(), Code::kInvalidArgument);
    }
  });
}

TEST(Messages, HaveDifferentOpcodesAndNames) {
  std::set<uint16_t> opcodes;
  std::set<std::string_view> names;
  size_t count = 0;
  for_each_request([&]<typename Request>() {
    const auto opcode = static_cast<uint16_t>(Request::kOpcode);
    EXPECT_LE(opcode, kOpcodeMax);
    opcodes.insert(opcode);
    names.insert(opcode_name(opcode));
    ++count;
  });
  EXPECT_EQ(opcodes.size(), count);
  EXPECT_EQ(names.size(), count);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(Messages, AnAnswerCarriesItsCodeAndMessage) {
  Buffer buffer;
  encode_reply<PoolQueryReply>(Status(Code::kNotFound, "no pool 'x'"), kProtocolVersion, buffer);
  const Result<PoolQueryReply> reply = decode_reply<PoolQueryReply>(buffer.view(), kProtocolVersion);
  EXPECT_EQ(reply.code(), Code::kNotFound);
  EXPECT_EQ(reply.status().message(), "no pool 'x'");
}

TEST(Messages, ADamagedAnswerIsCorruptAndNotAnAnswer) {
  EXPECT_EQ(decode_reply<PoolQueryReply>({}, kProtocolVersion).code(), Code::kCorrupt);
  const Bytes unknown_code(5, std::byte{0xee});
  EXPECT_EQ(decode_reply<PoolQueryReply>(unknown_code, kProtocolVersion).code(), Code::kCorrupt);
}

Buffer sealed(Header header, std::string_view payload) {
  Buffer buffer;
  begin_message(buffer);
  buffer.append(as_bytes(payload));
  seal_message(header, buffer);
  return buffer;
}

TEST(Header, OpensToWhatWasSealed) {
  const Buffer buffer = sealed({.opcode = 3,
                                .reply_bulk_room = 1,
                                .client_id = 4,
                                .server_life = 5,
                                .request_id = 6,
                                .acknowledged_below = 7,
                                .deadline_ns = 8,
                                .trace_id = 9,
                                .bulk_size = 10},
                               "payload");
  const Result<Message> message = open_message(buffer.view());
  ASSERT_TRUE(message.is_ok());
  EXPECT_EQ(message->header.opcode, 3);
  EXPECT_EQ(message->header.reply_bulk_room, 1u);
  EXPECT_EQ(message->header.client_id, 4u);
  EXPECT_EQ(message->header.server_life, 5u);
  EXPECT_EQ(message->header.request_id, 6u);
  EXPECT_EQ(message->header.acknowledged_below, 7u);
  EXPECT_EQ(message->header.deadline_ns, 8u);
  EXPECT_EQ(message->header.trace_id, 9u);
  EXPECT_EQ(message->header.bulk_size, 10u);
  EXPECT_EQ(as_text(message->payload), "payload");
}

TEST(Header, AnyDamagedByteIsNoticed) {
  const Bytes good = sealed({.opcode = 3}, "payload").to_bytes();
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int bit : {0, 7}) {
      Bytes bad = good;
      bad[at] ^= static_cast<std::byte>(1 << bit);
      EXPECT_EQ(open_message(bad).code(), Code::kCorrupt) << at;
    }
  }
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(open_message(ByteView(good).first(size)).code(), Code::kCorrupt) << size;
  }
}

TEST(Header, VersionsThatDontMeetAreNamed) {
  EXPECT_TRUE(check_version(kProtocolVersion, "client").is_ok());
  const Status status = check_version(kProtocolVersion + 1, "client");
  EXPECT_EQ(status.code(), Code::kProtocolMismatch);
  EXPECT_NE(status.message().find(std::to_string(kProtocolVersion + 1)), std::string_view::npos);
  EXPECT_NE(status.message().find(" " + std::to_string(kProtocolVersion)), std::string_view::npos);
}

}  // namespace
}  // namespace aeon::wire
