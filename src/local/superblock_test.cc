#include "superblock.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace aeon::local {
namespace {

Superblock sample_superblock() {
  Superblock superblock;
  superblock.system_name = "local";
  superblock.system = Uuid::from_random(1, 2);
  superblock.pool = Uuid::from_random(3, 4);
  superblock.pool_label = "default";
  superblock.targets.push_back({.index = 0, .file = "target-0", .store = Uuid::from_random(5, 6), .capacity = 7});
  return superblock;
}

TEST(Superblock, ComesBackAsItWas) {
  const auto read = decode_superblock(encode_superblock(sample_superblock()), "x");
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(read->pool_label, "default");
  EXPECT_EQ(read->system, Uuid::from_random(1, 2));
  ASSERT_EQ(read->targets.size(), 1u);
  EXPECT_EQ(read->targets[0].file, "target-0");
  EXPECT_EQ(read->targets[0].capacity, 7u);
}

TEST(Superblock, DevicesComeBackAndOnlyTheyNeedTheNewFormat) {
  Superblock superblock = sample_superblock();
  EXPECT_EQ(load_le<uint32_t>(encode_superblock(superblock).data() + 8), 1u);
  superblock.targets[0].devices = {"/dev/first", "/dev/second"};
  const Bytes encoded = encode_superblock(superblock);
  EXPECT_EQ(load_le<uint32_t>(encoded.data() + 8), 2u);
  const auto read = decode_superblock(encoded, "x");
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(read->targets[0].devices, superblock.targets[0].devices);
}

TEST(Superblock, AnyDamagedBitAndAnyCutIsNoticed) {
  const Bytes good = encode_superblock(sample_superblock());
  for (size_t at = 0; at < good.size(); ++at) {
    Bytes bad = good;
    bad[at] ^= std::byte{0x10};
    EXPECT_FALSE(decode_superblock(bad, "x").is_ok()) << at;
    EXPECT_FALSE(decode_superblock(ByteView(good).first(at), "x").is_ok()) << at;
  }
}

TEST(Superblock, ANewerFormatIsToldApartFromDamage) {
  Bytes newer = encode_superblock(sample_superblock());
  store_le(newer.data() + 8, uint32_t{7});
  EXPECT_EQ(decode_superblock(newer, "x").code(), Code::kCorrupt);
  store_le(newer.data() + newer.size() - 4, crc32c(ByteView(newer).first(newer.size() - 4)));
  const auto read = decode_superblock(newer, "x");
  EXPECT_EQ(read.code(), Code::kVersionUnsupported);
  EXPECT_NE(read.status().message().find("version 7"), std::string_view::npos);
  EXPECT_NE(read.status().message().find("knows 2"), std::string_view::npos);
}

TEST(Superblock, AForeignFileIsntCalledDamaged) {
  EXPECT_EQ(decode_superblock(as_bytes("[Unit]\nDescription=x\n"), "x").code(), Code::kInvalidArgument);
  EXPECT_EQ(decode_superblock({}, "x").code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace aeon::local
