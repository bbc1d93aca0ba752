#include "container/properties.h"

#include <gtest/gtest.h>

namespace aeon::container {
namespace {

std::string message(const wire::Properties& properties) { return std::string(check_new(properties).message()); }

TEST(Properties, TheDefaultsAreValidAndSayChecksumsAreOn) {
  const wire::Properties defaults = default_properties();
  EXPECT_TRUE(check_new(defaults).is_ok()) << message(defaults);
  EXPECT_EQ(number_of(defaults, 0x1004), 2u);
  EXPECT_EQ(number_of(defaults, kPropDurability), 0u);
}

TEST(Properties, WhatCantBeIsRefusedByName) {
  EXPECT_NE(message({{0x1234, uint64_t{1}}}).find("0x1234"), std::string::npos);
  EXPECT_NE(message({{0x1007, uint64_t{2}}}).find("rd_fac"), std::string::npos);
  EXPECT_NE(message({{0x1004, uint64_t{1}}}).find("crc32"), std::string::npos);
  EXPECT_NE(message({{kPropLayoutType, std::string("posix")}}).find("not a text"), std::string::npos);
  EXPECT_NE(message({{kPropLabel, uint64_t{5}}}).find("not a number"), std::string::npos);
  EXPECT_NE(message({{kPropLabel, std::string("a/b")}}).find("'/'"), std::string::npos);
  EXPECT_NE(message({{0x100d, std::string(300, 'x')}}).find("owner"), std::string::npos);
  EXPECT_NE(message({{0x100a, std::string("acl")}}).find("access control"), std::string::npos);
  EXPECT_NE(message({{kPropDurability, uint64_t{2}}}).find("sync"), std::string::npos);
}

TEST(Properties, SomeAreFixedOnceTheContainerExists) {
  EXPECT_EQ(check_changed({{kPropLayoutType, uint64_t{1}}}).code(), Code::kInvalidArgument);
  EXPECT_TRUE(check_changed({{kPropLabel, std::string("new")}, {kPropDurability, uint64_t{1}}}).is_ok());
}

}  // namespace
}  // namespace aeon::container
