#include <gtest/gtest.h>

#include "daos_address.h"
#include "object_id_text.h"
#include "property_text.h"

namespace aeon::cli {
namespace {

TEST(DaosAddress, HasPoolContainerAndPath) {
  const auto address = parse_daos_address("daos://default/home/a/b");
  ASSERT_TRUE(address.is_ok());
  EXPECT_EQ(address.value().pool, "default");
  EXPECT_EQ(address.value().container, "home");
  EXPECT_EQ(address.value().path, "/a/b");
}

TEST(DaosAddress, WithoutPathIsTheRoot) {
  EXPECT_EQ(parse_daos_address("daos://p/c").value().path, "/");
  EXPECT_EQ(parse_daos_address("daos://p/c/").value().path, "/");
}

TEST(DaosAddress, NeedsPoolAndContainer) {
  for (const char* wrong : {"daos:", "daos://", "daos://p", "daos://p/", "daos:///c", "daos:/p/c", "/p/c", ""}) {
    EXPECT_EQ(parse_daos_address(wrong).code(), Code::kInvalidArgument) << wrong;
  }
}

TEST(ParseObject, TakesWhatListingsPrint) {
  const ObjectId object{(uint64_t{13} << 56) | (uint64_t{1} << 48) | (uint64_t{1} << 32) | 7, 42};
  EXPECT_EQ(parse_object(object.to_string()).value(), object);
  EXPECT_EQ(object_type_name(object), "ARRAY_BYTE");
  EXPECT_EQ(object_class_name(object), "S1");
}

TEST(ParseObject, MakesAKeyValueObjectOfANumber) {
  const auto object = parse_object("5");
  ASSERT_TRUE(object.is_ok());
  EXPECT_EQ(object.value().lo, 5u);
  EXPECT_EQ(object_type_name(object.value()), "KV_HASHED");
}

TEST(ParseObject, RefusesOtherWords) {
  for (const char* wrong : {"", "x", "1.", ".1", "1.2.3", "-1.2", "1.99999999999999999999"}) {
    EXPECT_EQ(parse_object(wrong).code(), Code::kInvalidArgument) << wrong;
  }
}

TEST(ParseProperties, TakesNamesWithColonOrEquals) {
  const auto properties = parse_properties("cksum:crc32,srv_cksum=on,cksum_size:32K,label:x");
  ASSERT_TRUE(properties.is_ok());
  EXPECT_EQ(std::get<uint64_t>(properties.value().at(client::kPropChecksum)), 2u);
  EXPECT_EQ(std::get<uint64_t>(properties.value().at(client::kPropChecksumServerVerify)), 1u);
  EXPECT_EQ(std::get<uint64_t>(properties.value().at(client::kPropChecksumSize)), 32 * kKiB);
  EXPECT_EQ(std::get<std::string>(properties.value().at(client::kPropLabel)), "x");
}

TEST(ParseProperties, NamesWhatThereIsWhenOneIsWrong) {
  const auto unknown = parse_properties("colour:red");
  EXPECT_EQ(unknown.code(), Code::kInvalidArgument);
  EXPECT_NE(unknown.status().message().find("durability"), std::string_view::npos);
  const auto value = parse_properties("durability:never");
  EXPECT_EQ(value.code(), Code::kInvalidArgument);
  EXPECT_NE(value.status().message().find("sync, flush"), std::string_view::npos);
  EXPECT_EQ(parse_properties("label").code(), Code::kInvalidArgument);
  EXPECT_EQ(parse_properties("").code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace aeon::cli
