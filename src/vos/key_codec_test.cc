#include "key_codec.h"

#include <gtest/gtest.h>

#include "media/key_block_store.h"
#include "runtime/random.h"
#include "sim/for_each_seed.h"

namespace aeon::vos {
namespace {

constexpr ObjectId kByteKeys{.hi = 1, .lo = 2};
constexpr ObjectId kIntegerKeys{.hi = uint64_t{4} << 56, .lo = 2};

// Mostly zeros, in runs of all lengths.
Bytes random_key(Random& random) {
  Bytes key;
  do {
    const size_t run = random.one_in(8) ? random.below(300) : random.below(4);
    key.insert(key.end(), run, std::byte{0});
    if (random.one_in(2)) key.push_back(static_cast<std::byte>(random.one_in(2) ? 0xff : 1 + random.below(3)));
  } while (key.empty() || random.one_in(2));
  if (key.size() > kUserKeySizeMax) key.resize(kUserKeySizeMax);
  return key;
}

TEST(KeyCodecProperty, PrefixesSortAsTheirKeys) {
  for_each_seed(
      [](Random& random) {
        const Bytes parent = object_prefix(9, kByteKeys);
        const Bytes a = random_key(random);
        Bytes b = random_key(random);
        if (random.one_in(2)) {  // One is the start of the other.
          b = a;
          b.resize(std::min<size_t>(kUserKeySizeMax, a.size() + random.below(140)));
        }
        const Bytes prefix_a = key_prefix(parent, KeyOrder::kBytes, a);
        const Bytes prefix_b = key_prefix(parent, KeyOrder::kBytes, b);
        ASSERT_TRUE(compare_bytes(prefix_a, prefix_b) == compare_bytes(a, b));
        if (a != b) {
          ASSERT_FALSE(starts_with(prefix_b, prefix_a));
          ASSERT_EQ(compare_bytes(prefix_end(prefix_a), prefix_b) <= 0, compare_bytes(a, b) < 0);
        }
        const Result<Bytes> decoded = decode_user_key(prefix_a, parent.size(), KeyOrder::kBytes);
        ASSERT_TRUE(decoded.is_ok());
        ASSERT_EQ(*decoded, a);
      },
      3000);
}

TEST(KeyCodec, IntegerKeysSortAsIntegers) {
  const Bytes parent = object_prefix(9, kIntegerKeys);
  Bytes before;
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{1}, uint64_t{255}, uint64_t{256}, uint64_t{1} << 40, ~uint64_t{0}}) {
    Bytes user(8);
    store_le(user.data(), value);
    const Bytes prefix = key_prefix(parent, KeyOrder::kUint64, user);
    EXPECT_TRUE(compare_bytes(before, prefix) < 0);
    const Result<Bytes> decoded = decode_user_key(prefix, parent.size(), KeyOrder::kUint64);
    ASSERT_TRUE(decoded.is_ok());
    EXPECT_EQ(*decoded, user);
    before = prefix;
  }
}

TEST(KeyCodecProperty, NewerVersionsSortFirst) {
  for_each_seed(
      [](Random& random) {
        const auto draw = [&random] {
          Version version;
          version.epoch = Epoch{random.one_in(2) ? random.below(3) + 1 : random.next()};
          version.minor = random.next() >> random.below(64);
          return version;
        };
        const Version a = draw();
        const Version b = random.one_in(3) ? Version{a.epoch, draw().minor} : draw();
        Bytes key_a(3);
        Bytes key_b(3);
        append_version(key_a, a);
        append_version(key_b, b);
        ASSERT_TRUE(compare_bytes(key_a, key_b) == (b <=> a));
        Bytes bound(3);
        append_epoch(bound, b.epoch);
        ASSERT_EQ(compare_bytes(bound, key_a) <= 0, a.epoch <= b.epoch);
        const Result<Version> decoded = decode_punch_key(key_a, 2);
        ASSERT_TRUE(decoded.is_ok());
        ASSERT_EQ(*decoded, a);
      },
      3000);
}

TEST(KeyCodecProperty, RecordKeysComeBackWhole) {
  for_each_seed(
      [](Random& random) {
        const ObjectId object = random.one_in(2) ? kByteKeys : kIntegerKeys;
        const bool integers = dkey_order(object) == KeyOrder::kUint64;
        const Bytes dkey = integers ? Bytes(8, std::byte{3}) : random_key(random);
        const Bytes akey = integers ? Bytes(8, std::byte{4}) : random_key(random);
        Bytes key = object_prefix(12, object);
        const auto kind = static_cast<RecordKey::Kind>(random.below(5));
        size_t dkey_end = 0;
        size_t akey_end = 0;
        if (kind >= RecordKey::Kind::kDkeyPunch) {
          key = key_prefix(key, dkey_order(object), dkey);
          dkey_end = key.size();
        }
        if (kind >= RecordKey::Kind::kAkeyPunch) {
          key = key_prefix(key, akey_order(object), akey);
          akey_end = key.size();
        }
        const Version version{Epoch{random.next()}, random.below(1000)};
        const uint64_t start = random.next();
        if (kind == RecordKey::Kind::kExtent) {
          append_extent_start(key, 17, start);
        } else {
          key.push_back(kind == RecordKey::Kind::kSingle ? kSingleTag : kPunchTag);
        }
        append_version(key, version);
        if (kind == RecordKey::Kind::kSingle) append_part(key, 513);

        const Result<RecordKey> decoded = decode_record_key(key);
        ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
        ASSERT_EQ(decoded->kind, kind);
        ASSERT_EQ(decoded->container, 12u);
        ASSERT_EQ(decoded->object, object);
        ASSERT_EQ(decoded->dkey_end, dkey_end);
        ASSERT_EQ(decoded->akey_end, akey_end);
        ASSERT_EQ(decoded->version, version);
        if (kind == RecordKey::Kind::kExtent) {
          ASSERT_TRUE(decoded->level == 17 && decoded->start == start);
        }
        if (kind == RecordKey::Kind::kSingle) {
          ASSERT_EQ(decoded->part, 513);
        }

        for (size_t size = 0; size < key.size(); ++size) {
          const Result<RecordKey> cut = decode_record_key(ByteView(key).first(size));
          const bool is_mark = kind == RecordKey::Kind::kAkeyPunch && size == akey_end + 1;
          ASSERT_EQ(cut.code(), is_mark ? Code::kOk : Code::kCorrupt) << size;
        }
      },
      300);
}

TEST(KeyCodec, TheLongestKeysOfUsersFit) {
  Bytes worst(kUserKeySizeMax);
  for (size_t i = 0; i < worst.size(); i += 2) worst[i] = std::byte{1};
  Bytes key = key_prefix(key_prefix(object_prefix(1, kByteKeys), KeyOrder::kBytes, worst), KeyOrder::kBytes, worst);
  append_extent_start(key, 64, 1);
  append_version(key, {Epoch{1}, ~uint64_t{0}});
  EXPECT_LE(key.size(), media::kKeySizeMax);
}

TEST(KeyCodec, KeysThatAUserMayNotGiveAreRefused) {
  EXPECT_EQ(check_user_key("a dkey", KeyOrder::kBytes, {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(check_user_key("a dkey", KeyOrder::kBytes, Bytes(kUserKeySizeMax + 1)).code(), Code::kTooBig);
  EXPECT_EQ(check_user_key("a dkey", KeyOrder::kUint64, Bytes(7)).code(), Code::kInvalidArgument);
  EXPECT_TRUE(check_user_key("a dkey", KeyOrder::kBytes, Bytes(kUserKeySizeMax)).is_ok());
}

TEST(KeyCodecProperty, ExtentsThatReachAnIndexStartAtOrBehindTheBound) {
  for_each_seed(
      [](Random& random) {
        const uint64_t count = 1 + (random.next() >> random.between(1, 63));
        const uint64_t start = random.next() >> random.between(1, 63);
        const uint8_t level = extent_level(count);
        ASSERT_TRUE(level == 0 ? count == 1 : (count > uint64_t{1} << (level - 1)));
        ASSERT_TRUE(level == 64 || count <= uint64_t{1} << level);
        ASSERT_LE(first_start_reaching(level, start + count - 1), start);
        if (level < 63 && start > (uint64_t{1} << level)) {
          ASSERT_LT(start - (uint64_t{1} << level), first_start_reaching(level, start));
        }
      },
      2000);
}

}  // namespace
}  // namespace aeon::vos
