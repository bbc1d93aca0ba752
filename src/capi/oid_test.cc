#include "oid.h"

#include <daos_array.h>
#include <daos_errno.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace aeon::capi {
namespace {

std::string class_name(daos_oclass_id_t id) {
  char name[MAX_OBJ_CLASS_NAME_LEN];
  return daos_oclass_id2name(id, name) == 0 ? name : std::string("no class: ") + name;
}

// The class that an id made with these arguments has, or the error.
std::string chosen(daos_otype_t type, daos_oclass_id_t cid, daos_oclass_hints_t hints, PlacementLimits limits) {
  daos_obj_id_t oid = {7, 9};
  const int rc = encode_oid(&oid, type, cid, hints, limits);
  return rc == 0 ? class_name(daos_obj_id2class(oid)) : d_errstr(rc);
}

constexpr PlacementLimits kFourTargets = {.domain_count = 1, .target_count = 4};

TEST(ObjectClassNames, AreThoseOfTheConstants) {
  EXPECT_EQ(class_name(OC_S1), "S1");
  EXPECT_EQ(class_name(OC_SX), "SX");
  EXPECT_EQ(class_name(OC_RP_3G12), "RP_3G12");
  EXPECT_EQ(class_name(OC_RP_128G1), "RP_128G1");
  EXPECT_EQ(class_name(OC_EC_8P2G1), "EC_8P2G1");
  EXPECT_EQ(class_name(OC_EC_16P3GX), "EC_16P3GX");
  EXPECT_EQ(class_name(OC_RP_XSF), "RP_XSF");
}

TEST(ObjectClassNames, OfUnusualWidthsCountTheGroups) {
  EXPECT_EQ(class_name(OBJ_CLASS_DEF(OR_RS_4P2, 65534)), "EC_4P2G65534");
}

TEST(ObjectClassNames, OfWhatIsNoClassAreUnknown) {
  for (const daos_oclass_id_t id : {0u, 1u, 51u, uint32_t{OR_RP_1} << 24, 2u << 24 | 1, 43u << 24 | 1,
                                    (uint32_t{OR_RP_1} << 24) + 0x10000, uint32_t{OC_RESERVED}, ~0u}) {
    EXPECT_EQ(class_name(id), "no class: UNKNOWN") << id;
  }
}

TEST(ObjectClassNames, LeadBackToTheClass) {
  for (uint32_t redundancy = 0; redundancy < 64; ++redundancy) {
    for (const uint32_t group_count : {1u, 2u, 3u, 10u, 32u, 1000u, 65534u, 65535u}) {
      const daos_oclass_id_t id = redundancy << OC_REDUN_SHIFT | group_count;
      char name[MAX_OBJ_CLASS_NAME_LEN];
      if (daos_oclass_id2name(id, name) != 0) continue;
      EXPECT_EQ(daos_oclass_name2id(name), static_cast<int>(id)) << name;
    }
  }
}

TEST(ObjectClassNames, ThatAreMisspeltAreUnknown) {
  for (const char* name : {"",         "S",       "S0",           "S01",
                           "S65535",   "S65536",  "S99999999999", "S-1",
                           "S1 ",      "s1",      "SXX",          "RP_2",
                           "RP_2G",    "RP_7G1",  "EC_2P1",       "EC_2P1G+1",
                           "EC_2P3G1", "UNKNOWN", "TINY",         "S1111111111111111111111111111111111111111111"}) {
    EXPECT_EQ(daos_oclass_name2id(name), OC_UNKNOWN) << name;
  }
  EXPECT_EQ(daos_oclass_name2id(nullptr), OC_UNKNOWN);
}

TEST(ObjectClassNames, AreListedAllOrNotAtAll) {
  char names[4096];
  const ssize_t length = daos_oclass_names_list(sizeof(names), names);
  ASSERT_GT(length, 0);
  const std::string text = names;
  EXPECT_EQ(text.size(), static_cast<size_t>(length));
  EXPECT_TRUE(text.starts_with("S1, S2, S4, S6, S8, S12, S16, S32, SX, RP_2G1, "));
  EXPECT_TRUE(text.ends_with(", EC_16P3GX, RP_XSF, "));
  EXPECT_EQ(std::count(text.begin(), text.end(), ','), daos_oclass_nr(0));

  EXPECT_EQ(daos_oclass_names_list(static_cast<size_t>(length) + 1, names), length);
  EXPECT_EQ(daos_oclass_names_list(static_cast<size_t>(length), names), -DER_OVERFLOW);
  EXPECT_EQ(daos_oclass_names_list(1, names), -DER_OVERFLOW);
  EXPECT_EQ(daos_oclass_names_list(0, names), -DER_INVAL);
  EXPECT_EQ(daos_oclass_names_list(sizeof(names), nullptr), -DER_INVAL);
}

TEST(ObjectIds, KeepTheCallersBitsAndSetTheReservedOnes) {
  daos_obj_id_t oid = {0x1122334455667788, 0xffffffff99aabbcc};
  ASSERT_EQ(encode_oid(&oid, DAOS_OT_KV_LEXICAL, OC_S2, 0, kFourTargets), 0);
  EXPECT_EQ(oid.lo, 0x1122334455667788u);
  EXPECT_EQ(oid.hi, 0x0a01000299aabbccu);
  EXPECT_EQ(daos_obj_id2type(oid), DAOS_OT_KV_LEXICAL);
  EXPECT_EQ(daos_obj_id2ord(oid), OR_RP_1);
  EXPECT_EQ(daos_obj_id2grp_nr(oid), 2u);
  EXPECT_EQ(daos_obj_id2class(oid), uint32_t{OC_S2});
}

TEST(ObjectIds, HaveAsManyGroupsAsFitTheTargets) {
  EXPECT_EQ(chosen(DAOS_OT_MULTI_HASHED, OC_SX, 0, kFourTargets), "S4");
  EXPECT_EQ(chosen(DAOS_OT_MULTI_HASHED, OC_S32, 0, kFourTargets), "S4");
  EXPECT_EQ(chosen(DAOS_OT_MULTI_HASHED, OC_S2, 0, kFourTargets), "S2");
  EXPECT_EQ(chosen(DAOS_OT_MULTI_HASHED, OC_RP_2GX, 0, {.domain_count = 4, .target_count = 9}), "RP_2G4");
  EXPECT_EQ(chosen(DAOS_OT_MULTI_HASHED, OC_SX, 0, {.domain_count = 1, .target_count = 100000}), "S65534");
}

TEST(ObjectIds, ByDefaultSpreadArraysAndKeyValueObjectsOnly) {
  EXPECT_EQ(chosen(DAOS_OT_MULTI_HASHED, OC_UNKNOWN, 0, kFourTargets), "S1");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY_BYTE, OC_UNKNOWN, 0, kFourTargets), "S4");
  EXPECT_EQ(chosen(DAOS_OT_KV_HASHED, OC_UNKNOWN, DAOS_OCH_SHD_DEF, kFourTargets), "S4");
}

TEST(ObjectIds, AreAsWideAsTheHintSays) {
  constexpr PlacementLimits kManyTargets = {.domain_count = 1, .target_count = 2000};
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_SHD_TINY, kManyTargets), "S1");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_SHD_REG, kManyTargets), "S500");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_SHD_HI, kManyTargets), "S1000");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_SHD_EXT, kManyTargets), "S1400");
  EXPECT_EQ(chosen(DAOS_OT_MULTI_HASHED, OC_UNKNOWN, DAOS_OCH_SHD_MAX, kManyTargets), "S2000");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_SHD_REG, kFourTargets), "S4");
}

TEST(ObjectIds, AreRefusedRedundancyWithoutFaultDomains) {
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_RP_2G1, 0, kFourTargets), "DER_INVAL");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_EC_2P1GX, 0, kFourTargets), "DER_INVAL");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_RDD_EC, kFourTargets), "DER_INVAL");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_UNKNOWN, 0, {.domain_count = 1, .target_count = 4, .redundancy_factor = 1}),
            "DER_INVAL");
  EXPECT_EQ(chosen(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_RDD_RP, kFourTargets), "S4");
}

TEST(ObjectIds, StandAsManyFailuresAsTheContainerAsksFor) {
  const auto by_factor = [](daos_otype_t type, uint32_t domains, uint32_t factor, daos_oclass_hints_t hint = 0) {
    const auto hints = static_cast<daos_oclass_hints_t>(hint | DAOS_OCH_SHD_TINY);
    return chosen(type, OC_UNKNOWN, hints, {domains, domains * 8, factor});
  };
  EXPECT_EQ(by_factor(DAOS_OT_MULTI_HASHED, 6, 1), "RP_2G1");
  EXPECT_EQ(by_factor(DAOS_OT_MULTI_HASHED, 6, 1, DAOS_OCH_RDD_EC), "EC_4P1G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 2, 1), "RP_2G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 3, 1), "EC_2P1G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 5, 1), "EC_2P1G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 10, 1), "EC_8P1G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 18, 1), "EC_16P1G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 18, 1, DAOS_OCH_RDD_RP), "RP_2G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 12, 2), "EC_8P2G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 9, 3), "RP_4G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 10, 3), "EC_4P3G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 30, 4), "RP_5G1");
  EXPECT_EQ(by_factor(DAOS_OT_ARRAY, 30, 5), "DER_INVAL");
}

TEST(ObjectIds, OfFullReplicationHaveAReplicaInEveryDomain) {
  EXPECT_EQ(chosen(DAOS_OT_KV_HASHED, OC_RP_XSF, 0, kFourTargets), "S1");
  EXPECT_EQ(chosen(DAOS_OT_KV_HASHED, OC_RP_XSF, 0, {.domain_count = 5, .target_count = 10}), "RP_5G1");
  EXPECT_EQ(chosen(DAOS_OT_KV_HASHED, OC_RP_XSF, 0, {.domain_count = 7, .target_count = 14}), "DER_INVAL");
}

TEST(ObjectIds, StayUntouchedByBadArguments) {
  daos_obj_id_t oid = {1, 2};
  const auto rejected = [&oid](int type, daos_oclass_id_t cid, int hints) {
    const int rc =
        encode_oid(&oid, static_cast<daos_otype_t>(type), cid, static_cast<daos_oclass_hints_t>(hints), kFourTargets);
    return rc == -DER_INVAL && oid.lo == 1 && oid.hi == 2;
  };
  EXPECT_TRUE(rejected(DAOS_OT_MAX + 1, OC_S1, 0));
  EXPECT_TRUE(rejected(DAOS_OT_ARRAY, OC_TINY, 0));
  EXPECT_TRUE(rejected(DAOS_OT_ARRAY, OBJ_CLASS_DEF(OR_RP_1, 0), 0));
  EXPECT_TRUE(rejected(DAOS_OT_ARRAY, OC_RESERVED, 0));
  EXPECT_TRUE(rejected(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_SHD_TINY | DAOS_OCH_SHD_MAX));
  EXPECT_TRUE(rejected(DAOS_OT_ARRAY, OC_UNKNOWN, DAOS_OCH_RDD_RP | DAOS_OCH_RDD_EC));
  EXPECT_TRUE(rejected(DAOS_OT_ARRAY, OC_UNKNOWN, 1 << 10));
  EXPECT_EQ(encode_oid(nullptr, DAOS_OT_ARRAY, OC_S1, 0, kFourTargets), -DER_INVAL);
}

TEST(ObjectIds, SayWhatKindOfKeysTheObjectHas) {
  const auto of_type = [](daos_otype_t type) { return daos_obj_id_t{0, static_cast<uint64_t>(type) << 56}; };
  EXPECT_TRUE(daos_is_array(of_type(DAOS_OT_ARRAY_ATTR)));
  EXPECT_TRUE(daos_is_dkey_uint64(of_type(DAOS_OT_ARRAY_BYTE)));
  EXPECT_FALSE(daos_is_akey_uint64(of_type(DAOS_OT_ARRAY)));
  EXPECT_TRUE(daos_is_kv(of_type(DAOS_OT_KV_UINT64)));
  EXPECT_TRUE(daos_is_dkey_uint64(of_type(DAOS_OT_KV_UINT64)));
  EXPECT_FALSE(daos_is_kv(of_type(DAOS_OT_DKEY_UINT64)));
  EXPECT_TRUE(daos_is_dkey_lexical(of_type(DAOS_OT_KV_LEXICAL)));
  EXPECT_TRUE(daos_is_akey_lexical(of_type(DAOS_OT_MULTI_LEXICAL)));
  EXPECT_FALSE(daos_is_akey_lexical(of_type(DAOS_OT_DKEY_LEXICAL)));
}

TEST(ObjectIds, CycleWithinTheCallersBits) {
  daos_obj_id_t oid = {5, 0xffffffff};
  daos_obj_oid_cycle(&oid);
  EXPECT_EQ(oid.lo, 5u);
  EXPECT_EQ(oid.hi, 999999936u);
}

}  // namespace
}  // namespace aeon::capi
