#include "props.h"

#include <daos_errno.h>
#include <daos_security.h>
#include <gtest/gtest.h>
#include <gurt/common.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace aeon::capi {
namespace {

struct FreeProp {
  void operator()(daos_prop_t* prop) const { daos_prop_free(prop); }
};
using Prop = std::unique_ptr<daos_prop_t, FreeProp>;

Prop props_of(std::initializer_list<uint32_t> types) {
  Prop prop(daos_prop_alloc(static_cast<uint32_t>(types.size())));
  daos_prop_entry* entry = prop->dpp_entries;
  for (const uint32_t type : types) (entry++)->dpe_type = type;
  return prop;
}

int parse(std::string_view text, Prop* out) {
  daos_prop_t* prop = nullptr;
  const int rc = daos_prop_from_str(text.data(), text.size(), &prop);
  out->reset(prop);
  return rc;
}

std::vector<std::byte> acl_with_entries(uint32_t size_bytes, std::byte fill) {
  std::vector<std::byte> bytes(sizeof(daos_acl) + size_bytes, fill);
  const daos_acl header = {.dal_ver = DAOS_ACL_VERSION, .dal_reserv = 0, .dal_len = size_bytes};
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

TEST(Props, StartZeroed) {
  const Prop prop(daos_prop_alloc(3));
  ASSERT_NE(prop, nullptr);
  ASSERT_EQ(prop->dpp_nr, 3u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(prop->dpp_entries[i].dpe_type, 0u);
    EXPECT_EQ(prop->dpp_entries[i].dpe_val, 0u);
  }
}

TEST(Props, HaveALimitedNumberOfEntries) {
  const Prop none(daos_prop_alloc(0));
  ASSERT_NE(none, nullptr);
  EXPECT_EQ(none->dpp_entries, nullptr);
  EXPECT_NE(Prop(daos_prop_alloc(DAOS_PROP_ENTRIES_MAX_NR)), nullptr);
  EXPECT_EQ(Prop(daos_prop_alloc(DAOS_PROP_ENTRIES_MAX_NR + 1)), nullptr);
}

TEST(Props, AreFoundByType) {
  const Prop prop = props_of({DAOS_PROP_CO_CSUM, DAOS_PROP_CO_LABEL});
  EXPECT_EQ(daos_prop_entry_get(prop.get(), DAOS_PROP_CO_LABEL), &prop->dpp_entries[1]);
  EXPECT_EQ(daos_prop_entry_get(prop.get(), DAOS_PROP_CO_OWNER), nullptr);
  EXPECT_EQ(daos_prop_entry_get(nullptr, DAOS_PROP_CO_LABEL), nullptr);
}

TEST(Props, OwnACopyOfAString) {
  const Prop prop = props_of({DAOS_PROP_CO_LABEL});
  char text[] = "results-old";
  ASSERT_EQ(daos_prop_set_str(prop.get(), DAOS_PROP_CO_LABEL, text, 7), 0);
  text[0] = 'X';
  EXPECT_STREQ(prop->dpp_entries[0].dpe_str, "results");
  ASSERT_EQ(daos_prop_set_str(prop.get(), DAOS_PROP_CO_LABEL, prop->dpp_entries[0].dpe_str, 3), 0);
  EXPECT_STREQ(prop->dpp_entries[0].dpe_str, "res");
  ASSERT_EQ(daos_prop_set_str(prop.get(), DAOS_PROP_CO_LABEL, nullptr, 0), 0);
  EXPECT_EQ(prop->dpp_entries[0].dpe_str, nullptr);
}

TEST(Props, RefuseValuesOfAnotherKind) {
  const Prop prop = props_of({DAOS_PROP_CO_CSUM, DAOS_PROP_PO_SVC_LIST, DAOS_PROP_CO_LABEL});
  EXPECT_EQ(daos_prop_set_str(prop.get(), DAOS_PROP_CO_CSUM, "crc32", 5), -DER_INVAL);
  EXPECT_EQ(daos_prop_set_ptr(prop.get(), DAOS_PROP_CO_LABEL, "text", 4), -DER_INVAL);
  EXPECT_EQ(daos_prop_set_ptr(prop.get(), DAOS_PROP_PO_SVC_LIST, "0123456789abcdef", 16), -DER_INVAL);
  EXPECT_EQ(daos_prop_set_str(prop.get(), DAOS_PROP_CO_OWNER, "me@", 3), -DER_NONEXIST);
  EXPECT_EQ(daos_prop_entry_set_str(nullptr, "text", 4), -DER_INVAL);
  EXPECT_EQ(daos_prop_entry_set_ptr(nullptr, "text", 4), -DER_INVAL);
}

TEST(Props, OwnACopyOfABlock) {
  const Prop prop = props_of({DAOS_PROP_CO_ROOTS});
  daos_prop_co_roots roots = {{{1, 2}, {3, 4}, {5, 6}, {7, 8}}};
  ASSERT_EQ(daos_prop_set_ptr(prop.get(), DAOS_PROP_CO_ROOTS, &roots, sizeof(roots)), 0);
  EXPECT_NE(prop->dpp_entries[0].dpe_val_ptr, &roots);
  EXPECT_EQ(std::memcmp(prop->dpp_entries[0].dpe_val_ptr, &roots, sizeof(roots)), 0);

  const Prop copy = props_of({DAOS_PROP_CO_ROOTS});
  ASSERT_EQ(daos_prop_entry_dup_co_roots(&copy->dpp_entries[0], &prop->dpp_entries[0]), 0);
  roots.cr_oids[0].lo = 100;
  ASSERT_EQ(daos_prop_set_ptr(prop.get(), DAOS_PROP_CO_ROOTS, &roots, sizeof(roots)), 0);
  ASSERT_EQ(daos_prop_entry_dup_co_roots(&copy->dpp_entries[0], &prop->dpp_entries[0]), 0);
  EXPECT_EQ(static_cast<daos_prop_co_roots*>(copy->dpp_entries[0].dpe_val_ptr)->cr_oids[0].lo, 100u);
}

TEST(Props, MergeWithTheNewerValueWinning) {
  const Prop older = props_of({DAOS_PROP_CO_LABEL, DAOS_PROP_CO_CSUM});
  ASSERT_EQ(daos_prop_set_str(older.get(), DAOS_PROP_CO_LABEL, "old", 3), 0);
  older->dpp_entries[1].dpe_val = DAOS_PROP_CO_CSUM_CRC32;
  const Prop newer = props_of({DAOS_PROP_CO_OWNER, DAOS_PROP_CO_LABEL});
  ASSERT_EQ(daos_prop_set_str(newer.get(), DAOS_PROP_CO_LABEL, "new", 3), 0);
  ASSERT_EQ(daos_prop_set_str(newer.get(), DAOS_PROP_CO_OWNER, "me@", 3), 0);

  const Prop merged(daos_prop_merge(older.get(), newer.get()));
  ASSERT_NE(merged, nullptr);
  ASSERT_EQ(merged->dpp_nr, 3u);
  EXPECT_STREQ(daos_prop_entry_get(merged.get(), DAOS_PROP_CO_LABEL)->dpe_str, "new");
  EXPECT_STREQ(daos_prop_entry_get(merged.get(), DAOS_PROP_CO_OWNER)->dpe_str, "me@");
  EXPECT_EQ(daos_prop_entry_get(merged.get(), DAOS_PROP_CO_CSUM)->dpe_val, uint64_t{DAOS_PROP_CO_CSUM_CRC32});
  EXPECT_STREQ(older->dpp_entries[0].dpe_str, "old");
}

TEST(Props, MergeAPropertyThatIsNamedTwiceIntoOne) {
  const Prop none(daos_prop_alloc(0));
  const Prop twice = props_of({DAOS_PROP_CO_CSUM, DAOS_PROP_CO_CSUM});
  twice->dpp_entries[0].dpe_val = 1;
  twice->dpp_entries[1].dpe_val = 2;
  const Prop merged(daos_prop_merge(none.get(), twice.get()));
  ASSERT_NE(merged, nullptr);
  EXPECT_EQ(merged->dpp_nr, 1u);
  EXPECT_EQ(merged->dpp_entries[0].dpe_val, 2u);
}

TEST(Props, DoNotMergeWithNothing) {
  const Prop prop = props_of({DAOS_PROP_CO_CSUM});
  daos_prop_t* out = nullptr;
  EXPECT_EQ(daos_prop_merge2(prop.get(), nullptr, &out), -DER_INVAL);
  EXPECT_EQ(daos_prop_merge2(nullptr, prop.get(), &out), -DER_INVAL);
  EXPECT_EQ(daos_prop_merge2(prop.get(), prop.get(), nullptr), -DER_INVAL);
  EXPECT_EQ(daos_prop_merge(nullptr, nullptr), nullptr);
}

TEST(Props, CopyEveryKindDeeply) {
  const Prop from = props_of({DAOS_PROP_PO_SVC_LIST, DAOS_PROP_PO_ACL, DAOS_PROP_PO_LABEL});
  auto* ranks = static_cast<d_rank_list_t*>(std::calloc(1, sizeof(d_rank_list_t)));
  ranks->rl_ranks = static_cast<d_rank_t*>(std::calloc(2, sizeof(d_rank_t)));
  ranks->rl_ranks[1] = 9;
  ranks->rl_nr = 2;
  from->dpp_entries[0].dpe_val_ptr = ranks;
  const auto acl = acl_with_entries(64, std::byte{5});
  ASSERT_EQ(daos_prop_set_ptr(from.get(), DAOS_PROP_PO_ACL, acl.data(), acl.size()), 0);

  const Prop to = props_of({0, 0, DAOS_PROP_CO_OWNER});
  ASSERT_EQ(daos_prop_set_str(to.get(), DAOS_PROP_CO_OWNER, "is freed", 8), 0);
  for (uint32_t i = 0; i < 3; ++i) ASSERT_EQ(copy_prop_entry(from->dpp_entries[i], to->dpp_entries[i]), 0);

  const auto* copied = static_cast<d_rank_list_t*>(to->dpp_entries[0].dpe_val_ptr);
  EXPECT_NE(copied->rl_ranks, ranks->rl_ranks);
  EXPECT_EQ(copied->rl_ranks[1], 9u);
  EXPECT_EQ(daos_prop_entry_cmp_acl(&from->dpp_entries[1], &to->dpp_entries[1]), 0);
  EXPECT_EQ(to->dpp_entries[2].dpe_str, nullptr);
}

TEST(Props, DoNotCopyAnAclThatSaysItIsTooLong) {
  const Prop from = props_of({DAOS_PROP_CO_ACL});
  auto acl = acl_with_entries(8, std::byte{0});
  const uint32_t length = DAOS_ACL_MAX_ACE_LEN + 1;
  std::memcpy(acl.data() + offsetof(daos_acl, dal_len), &length, sizeof(length));
  ASSERT_EQ(daos_prop_set_ptr(from.get(), DAOS_PROP_CO_ACL, acl.data(), acl.size()), 0);
  daos_prop_entry to = {};
  EXPECT_EQ(copy_prop_entry(from->dpp_entries[0], to), -DER_INVAL);
  EXPECT_EQ(to.dpe_val_ptr, nullptr);
}

TEST(Props, CompareAclsByContent) {
  const Prop prop = props_of({DAOS_PROP_CO_ACL, DAOS_PROP_PO_ACL, DAOS_PROP_CO_LABEL});
  daos_prop_entry* first = &prop->dpp_entries[0];
  daos_prop_entry* second = &prop->dpp_entries[1];
  EXPECT_EQ(daos_prop_entry_cmp_acl(first, second), 0);
  const auto one = acl_with_entries(32, std::byte{1});
  const auto other = acl_with_entries(32, std::byte{2});
  const auto longer = acl_with_entries(40, std::byte{1});
  ASSERT_EQ(daos_prop_entry_set_ptr(first, one.data(), one.size()), 0);
  EXPECT_EQ(daos_prop_entry_cmp_acl(first, second), -DER_MISMATCH);
  ASSERT_EQ(daos_prop_entry_set_ptr(second, other.data(), other.size()), 0);
  EXPECT_EQ(daos_prop_entry_cmp_acl(first, second), -DER_MISMATCH);
  ASSERT_EQ(daos_prop_entry_set_ptr(second, longer.data(), longer.size()), 0);
  EXPECT_EQ(daos_prop_entry_cmp_acl(first, second), -DER_MISMATCH);
  ASSERT_EQ(daos_prop_entry_set_ptr(second, one.data(), one.size()), 0);
  EXPECT_EQ(daos_prop_entry_cmp_acl(first, second), 0);
  EXPECT_EQ(daos_prop_entry_cmp_acl(first, &prop->dpp_entries[2]), -DER_INVAL);
}

TEST(PropText, BecomesEntries) {
  Prop prop;
  ASSERT_EQ(parse("label:my.results;cksum:crc64;cksum_size:0x8000;srv_cksum:on;rd_fac:2;ec_cell_sz:65536", &prop), 0);
  ASSERT_EQ(prop->dpp_nr, 6u);
  const auto value = [&prop](uint32_t type) { return daos_prop_entry_get(prop.get(), type)->dpe_val; };
  EXPECT_STREQ(daos_prop_entry_get(prop.get(), DAOS_PROP_CO_LABEL)->dpe_str, "my.results");
  EXPECT_EQ(value(DAOS_PROP_CO_CSUM), uint64_t{DAOS_PROP_CO_CSUM_CRC64});
  EXPECT_EQ(value(DAOS_PROP_CO_CSUM_CHUNK_SIZE), 32768u);
  EXPECT_EQ(value(DAOS_PROP_CO_CSUM_SERVER_VERIFY), uint64_t{DAOS_PROP_CO_CSUM_SV_ON});
  EXPECT_EQ(value(DAOS_PROP_CO_REDUN_FAC), 2u);
  EXPECT_EQ(value(DAOS_PROP_CO_EC_CELL_SZ), 65536u);
}

TEST(PropText, MayHaveColonsInALabelAndEmptyEntries) {
  Prop prop;
  ASSERT_EQ(parse(";label:a:b;;", &prop), 0);
  ASSERT_EQ(prop->dpp_nr, 1u);
  EXPECT_STREQ(prop->dpp_entries[0].dpe_str, "a:b");
}

TEST(PropText, IsReadNoFurtherThanItsLength) {
  daos_prop_t* out = nullptr;
  ASSERT_EQ(daos_prop_from_str("rd_fac:1garbage", 8, &out), 0);
  const Prop prop(out);
  EXPECT_EQ(prop->dpp_entries[0].dpe_val, 1u);
}

TEST(PropText, ThatIsWrongIsRefused) {
  const std::string long_label = "label:" + std::string(128, 'x');
  for (const char* text : {"",
                           ";",
                           "cksum",
                           "cksum:",
                           ":",
                           "cksum:crc31",
                           "cksum:crc",
                           "cksum_size:",
                           "cksum_size:12k",
                           "cksum_size:-1",
                           "cksum_size:4294967296",
                           "cksum_size:0x",
                           "rd_fac:5",
                           "srv_cksum:yes",
                           "owner:me@",
                           "layout_type:POSIX",
                           "nonsense:1",
                           "label:",
                           "label:with space",
                           "label:12345678-1234-1234-1234-123456789abc",
                           "cksum:crc32;cksum:off",
                           "label:one;label:two",
                           "label:fine;cksum:bad",
                           long_label.c_str()}) {
    Prop prop;
    EXPECT_EQ(parse(text, &prop), -DER_INVAL) << text;
    EXPECT_EQ(prop, nullptr) << text;
  }
  daos_prop_t* out = nullptr;
  EXPECT_EQ(daos_prop_from_str(nullptr, 1, &out), -DER_INVAL);
  EXPECT_EQ(daos_prop_from_str("cksum:off", 9, nullptr), -DER_INVAL);
}

TEST(Labels, AreShortAndOfHarmlessLetters) {
  EXPECT_TRUE(daos_label_is_valid("a"));
  EXPECT_TRUE(daos_label_is_valid("Run_1.2:final-x"));
  EXPECT_TRUE(daos_label_is_valid(std::string(127, 'x').c_str()));
  EXPECT_FALSE(daos_label_is_valid(std::string(128, 'x').c_str()));
  EXPECT_FALSE(daos_label_is_valid(""));
  EXPECT_FALSE(daos_label_is_valid(nullptr));
  EXPECT_FALSE(daos_label_is_valid("a/b"));
  EXPECT_FALSE(daos_label_is_valid("\xc3\xa4"));
  EXPECT_FALSE(daos_label_is_valid("12345678-1234-1234-1234-123456789abc"));
  EXPECT_TRUE(daos_label_is_valid("12345678-1234-1234-1234-123456789abcd"));
}

TEST(UuidText, IsRecognisedInTheRightCase) {
  const char* lower = "12345678-1234-1234-1234-123456789abc";
  const char* upper = "12345678-1234-1234-1234-123456789ABC";
  EXPECT_TRUE(daos_is_valid_uuid_string(lower, UUID_SST_NONE));
  EXPECT_TRUE(daos_is_valid_uuid_string(lower, UUID_SST_LOWER));
  EXPECT_FALSE(daos_is_valid_uuid_string(lower, UUID_SST_UPPER));
  EXPECT_TRUE(daos_is_valid_uuid_string(upper, UUID_SST_UPPER));
  EXPECT_FALSE(daos_is_valid_uuid_string(upper, UUID_SST_LOWER));
  EXPECT_FALSE(daos_is_valid_uuid_string("12345678-1234-1234-1234-123456789ab", UUID_SST_NONE));
  EXPECT_FALSE(daos_is_valid_uuid_string("12345678-1234-1234-1234-123456789abcd", UUID_SST_NONE));
  EXPECT_FALSE(daos_is_valid_uuid_string("12345678+1234-1234-1234-123456789abc", UUID_SST_NONE));
  EXPECT_FALSE(daos_is_valid_uuid_string("", UUID_SST_NONE));
}

TEST(ContainerStatus, SurvivesPacking) {
  daos_co_status status = {
      .dcs_status = DAOS_PROP_CO_UNCLEAN, .dcs_flags = DAOS_PROP_CO_CLEAR, .dcs_pm_ver = 0xfffffffe};
  const uint64_t packed = daos_prop_co_status_2_val(&status);
  EXPECT_EQ(packed, 0x00010001fffffffeu);
  daos_co_status unpacked = {};
  daos_prop_val_2_co_status(packed, &unpacked);
  EXPECT_EQ(std::memcmp(&status, &unpacked, sizeof(status)), 0);
}

TEST(RankLists, AreFreedWhole) {
  auto* list = static_cast<d_rank_list_t*>(std::calloc(1, sizeof(d_rank_list_t)));
  list->rl_ranks = static_cast<d_rank_t*>(std::calloc(4, sizeof(d_rank_t)));
  list->rl_nr = 4;
  d_rank_list_free(list);  // A leak fails under ASan.
  d_rank_list_free(nullptr);
}

}  // namespace
}  // namespace aeon::capi
