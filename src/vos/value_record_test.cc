#include "value_record.h"

#include <gtest/gtest.h>

#include "runtime/random.h"
#include "sim/for_each_seed.h"

namespace aeon::vos {
namespace {

ValueRecord random_record(Random& random, Bytes& memory) {
  ValueRecord record;
  record.kind = static_cast<ValueRecord::Kind>(1 + random.below(4));
  switch (record.kind) {
    case ValueRecord::Kind::kSingle:
      record.record_size = 1 + random.below(random.one_in(2) ? 100 : 3 * kPieceSizeMax);
      record.count = std::min<uint64_t>(record.record_size, 1 + random.below(kPieceSizeMax));
      break;
    case ValueRecord::Kind::kExtent:
      record.record_size = 1 + random.below(5000);
      record.count = 1 + random.below(100);
      break;
    case ValueRecord::Kind::kExtentPunch: record.count = 1 + random.next() / 2; break;
    case ValueRecord::Kind::kSinglePunch: break;
  }
  if (record.is_punch()) return record;
  record.chunk = checksum_chunk(record.record_size);
  for (uint64_t i = chunk_count(record.bytes(), record.chunk); i-- > 0;)
    record.checksums.push_back(static_cast<uint32_t>(random.next()));
  if (record.bytes() <= kInlineSizeMax) {
    memory.resize(record.bytes());
    for (std::byte& byte : memory) byte = static_cast<std::byte>(random.below(256));
    record.inline_bytes = memory;
    return record;
  }
  uint64_t blocks = (record.bytes() + media::kBlockSize - 1) / media::kBlockSize;
  while (blocks != 0) {
    const uint64_t here = 1 + random.below(blocks);
    record.blocks.push_back({.first = random.next() >> 20, .count = here});
    blocks -= here;
  }
  return record;
}

TEST(ValueRecordProperty, ComesBackWholeAndIsNothingWhenCut) {
  for_each_seed(
      [](Random& random) {
        Bytes memory;
        const ValueRecord record = random_record(random, memory);
        const Bytes encoded = encode_value(record);
        const Result<ValueRecord> decoded = decode_value(encoded);
        ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
        ASSERT_EQ(decoded->kind, record.kind);
        ASSERT_EQ(decoded->record_size, record.record_size);
        ASSERT_EQ(decoded->count, record.count);
        ASSERT_EQ(decoded->chunk, record.chunk);
        ASSERT_EQ(decoded->checksums, record.checksums);
        ASSERT_EQ(decoded->blocks, record.blocks);
        ASSERT_TRUE(equal_bytes(decoded->inline_bytes, record.inline_bytes));
        const Result<ValueShape> shape = decode_value_shape(encoded);
        ASSERT_TRUE(shape.is_ok());
        ASSERT_TRUE(shape->kind == record.kind && shape->record_size == record.record_size &&
                    shape->count == record.count);

        const std::optional<InlineValue> at_once = decode_inline_value(encoded);
        ASSERT_EQ(at_once.has_value(), !record.is_punch() && record.blocks.empty());
        if (at_once.has_value()) {
          ASSERT_EQ(at_once->checksum, record.checksums.front());
          ASSERT_TRUE(equal_bytes(at_once->bytes, record.inline_bytes));
          ASSERT_TRUE(equal_bytes(encode_inline_value(*at_once), encoded));
        }

        const std::optional<BlockValue> in_blocks = decode_block_value(encoded);
        ASSERT_EQ(in_blocks.has_value(), record.blocks.size() == 1);
        if (in_blocks.has_value()) {
          ASSERT_EQ(in_blocks->bytes, record.bytes());
          ASSERT_EQ(in_blocks->chunk, record.chunk);
          ASSERT_EQ(in_blocks->blocks, record.blocks.front());
          for (size_t i = 0; i < record.checksums.size(); ++i) ASSERT_EQ(in_blocks->checksum(i), record.checksums[i]);
        }

        for (size_t size = 0; size < encoded.size(); ++size) {
          ASSERT_FALSE(decode_block_value(ByteView(encoded).first(size)).has_value());
          ASSERT_EQ(decode_value(ByteView(encoded).first(size)).code(), Code::kCorrupt);
        }
        Bytes longer = encoded;
        longer.push_back(std::byte{0});
        ASSERT_EQ(decode_value(longer).code(), Code::kCorrupt);
      },
      200);
}

TEST(ValueRecord, OfALaterFormatIsRefused) {
  ValueRecord record;
  record.kind = ValueRecord::Kind::kSinglePunch;
  Bytes encoded = encode_value(record);
  encoded[0] = std::byte{3};
  EXPECT_EQ(decode_value(encoded).code(), Code::kCorrupt);
}

}  // namespace
}  // namespace aeon::vos
