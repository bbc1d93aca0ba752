#include "address.h"

#include <gtest/gtest.h>

#include "ofi/ofi_network.h"

namespace aeon::ofi {
namespace {

TEST(OfiAddress, ProvidersAreNamedShortOrAsLibfabricDoes) {
  for (const char* const text :
       {"ofi+tcp:127.0.0.1:7", "ofi+tcp;ofi_rxm:127.0.0.1:7", "ofi+tcp;ofi_rxm://127.0.0.1:7"}) {
    const Result<Address> address = parse_address(text);
    ASSERT_TRUE(address.is_ok()) << address.status().to_string();
    EXPECT_EQ(address->provider->libfabric, "tcp;ofi_rxm");
    EXPECT_EQ(address->host, "127.0.0.1");
    EXPECT_EQ(address->port, "7");
    EXPECT_EQ(canonical_address(text), "ofi+tcp:127.0.0.1:7");
  }
  EXPECT_EQ(parse_address("ofi+verbs:h:1")->provider->libfabric, "verbs;ofi_rxm");
  EXPECT_EQ(parse_address("ofi+efa:h:1")->provider->libfabric, "efa");
  EXPECT_EQ(parse_address("ofi+psm2:h:1")->provider->libfabric, "psm2");
  EXPECT_EQ(parse_address("ofi+shm:a-name_1.x")->text(), "ofi+shm:a-name_1.x");
  EXPECT_EQ(parse_address("ofi+tcp:[::1]:9")->text(), "ofi+tcp:[::1]:9");
}

TEST(OfiAddress, WhatIsNoneIsRefused) {
  for (const char* const text :
       {"", "ofi+", "ofi+tcp", "ofi+tcp:", "ofi+tcp:1.2.3.4", "ofi+tcp::1", "ofi+tcp:h:", "ofi+tcp:h:x",
        "ofi+tcp:h:65536", "ofi+tcp:h:-1", "ofi+udp:h:1", "ofi+tcpx:h:1", "ofi+efa;ofi_rxm:h:1",
        "ofi+shm:", "ofi+shm:a/b", "ofi+shm:.a", "ofi+shm:a:1", "ofi+shm;ofi_rxm:a"}) {
    EXPECT_EQ(parse_address(text).code(), Code::kInvalidArgument) << text;
  }
  EXPECT_EQ(parse_address("ofi+shm:" + std::string(65, 'x')).code(), Code::kInvalidArgument);
}

TEST(OfiAddress, TargetsHaveNamesOfTheirOwn) {
  EXPECT_EQ(address_of_target("ofi+shm:store", 0), "ofi+shm:store");
  EXPECT_EQ(address_of_target("ofi+shm:store", 2), "ofi+shm:store-2");
  EXPECT_EQ(address_of_target("ofi+tcp:127.0.0.1:7", 2), "ofi+tcp:127.0.0.1:7");
  EXPECT_EQ(address_of_target("tcp:127.0.0.1:7", 2), "tcp:127.0.0.1:7");
}

TEST(OfiAddress, OnlyWhatStaysOnTheHostIsOpenUnlessSaidSo) {
  for (const char* const inside : {"ofi+tcp:127.0.0.1:1", "ofi+tcp:[::1]:1", "ofi+shm:x", "ofi+efa:127.0.0.1:1",
                                   "tls:10.0.0.1:1", "tcp:127.0.0.1:1"}) {
    EXPECT_TRUE(check_is_private(inside, false, "do").is_ok()) << inside;
  }
  for (const char* const outside : {"ofi+tcp:0.0.0.0:1", "ofi+verbs:10.0.0.1:1", "ofi+tcp:[::]:1", "tcp:10.0.0.1:1"}) {
    const Status refused = check_is_private(outside, false, "set A=1");
    EXPECT_EQ(refused.code(), Code::kPermission) << outside;
    EXPECT_NE(refused.message().find("set A=1"), std::string_view::npos);
    EXPECT_TRUE(check_is_private(outside, true, "set A=1").is_ok()) << outside;
  }
  EXPECT_EQ(check_is_private("ofi+tcp:nothing", false, "").code(), Code::kInvalidArgument);
}

TEST(OfiAddress, ABuildWithoutLibfabricSaysWhatToInstall) {
  const Status status = check_address("ofi+tcp:127.0.0.1:1");
  if (status.is_ok()) GTEST_SKIP() << "this build has libfabric";
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("libfabric-dev"), std::string_view::npos);
}

}  // namespace
}  // namespace aeon::ofi
