#include "checksums.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace aeon::client {
namespace {

TEST(Checksums, AreOneForEachChunkOfEachExtentWhateverThePieces) {
  Bytes data(100'000);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7);
  std::vector<ObjectWrite> writes(1);
  AkeyUpdate& update = writes[0].akeys.emplace_back();
  update.kind = ValueKind::kArray;
  update.record_size = 1;
  update.recxs = {{.index = 0, .count = 40'000}, {.index = 90'000, .count = 60'000}};
  update.data = {ByteView(data).first(3), ByteView(data).subspan(3, 0), ByteView(data).subspan(3)};
  ASSERT_TRUE(add_checksums(writes).is_ok());
  const ByteView all = data;
  std::vector<uint32_t> expected;
  for (const ByteView extent : {all.first(40'000), all.subspan(40'000)}) {
    for (size_t at = 0; at < extent.size(); at += 4096) {
      expected.push_back(crc32c(extent.subspan(at, std::min<size_t>(4096, extent.size() - at))));
    }
  }
  EXPECT_EQ(update.checksums, expected);
}

TEST(Checksums, OfRecordsThatAreNeverCutAreCoarser) {
  const Bytes data(2 * kMiB, std::byte{5});
  std::vector<ObjectWrite> writes(1);
  AkeyUpdate& update = writes[0].akeys.emplace_back();
  update.kind = ValueKind::kArray;
  update.record_size = 2 * kMiB;
  update.recxs = {{.index = 7, .count = 1}};
  update.data = {data};
  ASSERT_TRUE(add_checksums(writes).is_ok());
  EXPECT_EQ(update.checksums, std::vector<uint32_t>(64, crc32c(ByteView(data).first(32'768))));
}

TEST(Checksums, DataOfAnotherLengthThanTheExtentsIsInvalid) {
  const Bytes data(10);
  std::vector<ObjectWrite> writes(1);
  AkeyUpdate& update = writes[0].akeys.emplace_back();
  update.kind = ValueKind::kArray;
  update.record_size = 4;
  update.recxs = {{.index = 0, .count = 3}};
  update.data = {data};
  EXPECT_EQ(add_checksums(writes).code(), Code::kInvalidArgument);
  update.recxs = {{.index = 0, .count = ~uint64_t{0}}};
  EXPECT_EQ(add_checksums(writes).code(), Code::kInvalidArgument);
}

TEST(Checksums, AChangedByteIsCorruptAndHolesDontMatter) {
  Bytes memory(50, std::byte{'m'});
  AkeyFetch fetch;
  fetch.kind = ValueKind::kArray;
  fetch.recxs = {{.index = 100, .count = 50}};
  fetch.out = {MutableBytes(memory).first(13), MutableBytes(memory).subspan(13)};
  FetchedAkey fetched;
  fetched.record_size = 1;
  const ByteView all = memory;
  fetched.segments = {{.recx = {.index = 105, .count = 5}, .epoch = {}, .checksums = {crc32c(all.subspan(5, 5))}},
                      {.recx = {.index = 112, .count = 20}, .epoch = {}, .checksums = {crc32c(all.subspan(12, 20))}}};
  EXPECT_TRUE(verify_checksums(fetch, fetched).is_ok());
  memory[11] = std::byte{'x'};
  EXPECT_TRUE(verify_checksums(fetch, fetched).is_ok());
  memory[12] = std::byte{'x'};
  EXPECT_EQ(verify_checksums(fetch, fetched).code(), Code::kCorrupt);
}

TEST(Checksums, SegmentsOutsideOfWhatWasAskedForAreCorrupt) {
  Bytes memory(50);
  AkeyFetch fetch;
  fetch.kind = ValueKind::kArray;
  fetch.recxs = {{.index = 100, .count = 50}};
  fetch.out = {memory};
  FetchedAkey fetched;
  fetched.record_size = 1;
  fetched.segments = {{.recx = {.index = 90, .count = 5}, .epoch = {}, .checksums = {0}}};
  EXPECT_EQ(verify_checksums(fetch, fetched).code(), Code::kCorrupt);
  fetched.segments = {{.recx = {.index = 140, .count = 20}, .epoch = {}, .checksums = {0}}};
  EXPECT_EQ(verify_checksums(fetch, fetched).code(), Code::kCorrupt);
  fetched.segments = {{.recx = {.index = 100, .count = 10}, .epoch = {}, .checksums = {}}};
  EXPECT_EQ(verify_checksums(fetch, fetched).code(), Code::kCorrupt);
}

}  // namespace
}  // namespace aeon::client
